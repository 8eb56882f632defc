//! Registers in transactions: each reads a few registers and writes some. A read tells
//! which write it saw, but not which were before it: what a checker can tell is less
//! than of lists, and what databases are asked for is more like it.
//!
//! It heeds `bursts`, `keys` (in use at a time), `requests`, `ops`, `writes_per_key` and
//! `seed` of [`Parameters`].

use async_trait::async_trait;

use crate::register::REGISTERS;
use crate::transactions::{APPS, Mixed, bursts, perform};
use crate::{Attempted, BadParameters, Burst, Connection, Parameters, Request, Table, Workload};

/// The workload `rw-register`.
pub struct RwRegister;

#[async_trait]
impl Workload for RwRegister {
    fn name(&self) -> &'static str {
        "rw-register"
    }

    fn about(&self) -> &'static str {
        "transactions that read registers and write them: which isolation do they get?"
    }

    fn apps(&self) -> &'static [(&'static str, &'static str)] {
        APPS
    }

    fn heeds(&self) -> &'static [&'static str] {
        &["--keys", "--requests", "--ops", "--writes-per-key"]
    }

    fn defaults(&self) -> Parameters {
        Parameters {
            app: APPS[0].0.into(),
            bursts: vec![20],
            requests: 15,
            ..Parameters::default()
        }
    }

    fn tables(&self) -> &'static [&'static Table] {
        &[&REGISTERS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        bursts(parameters, &REGISTERS, Mixed::new(parameters, "w"))
    }

    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        perform(app, &REGISTERS, db, request).await
    }
}
