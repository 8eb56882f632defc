//! Lists: transactions read a few lists and append to them. A list that was read shows
//! in which order it was appended to, so that a checker can tell all there is to tell of
//! who saw whom: Elle's workload of choice.
//!
//! It heeds `bursts`, `keys` (in use at a time), `requests`, `ops`, `writes_per_key` and
//! `seed` of [`Parameters`].

use async_trait::async_trait;

use crate::transactions::{APPS, Mixed, bursts, perform};
use crate::{Attempted, BadParameters, Burst, Connection, Parameters, Request, Table, Workload};

/// One row a list, its elements as a JSON array.
pub const LISTS: Table = Table {
    name: "lists",
    key: "key",
    columns: &["value"],
};

/// The workload `list-append`.
pub struct ListAppend;

#[async_trait]
impl Workload for ListAppend {
    fn name(&self) -> &'static str {
        "list-append"
    }

    fn about(&self) -> &'static str {
        "transactions that read lists and append to them: which isolation do they get?"
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
        &[&LISTS]
    }

    fn bursts(&self, parameters: &Parameters) -> Result<Vec<Burst>, BadParameters> {
        bursts(parameters, &LISTS, Mixed::new(parameters, "append"))
    }

    async fn perform(&self, app: &str, db: &mut dyn Connection, request: &Request) -> Attempted {
        perform(app, &LISTS, db, request).await
    }
}
