//! The workloads there are. A new one is one line here.

use crate::list_append::ListAppend;
use crate::long_fork::LongFork;
use crate::register::Register;
use crate::rw_register::RwRegister;
use crate::seats::Seats;
use crate::write_skew::WriteSkew;
use crate::{Table, Workload};

static WORKLOADS: &[&dyn Workload] = &[
    &Seats,
    &Register,
    &ListAppend,
    &RwRegister,
    &WriteSkew,
    &LongFork,
];

/// No workload has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no workload {0:?}; there are: {1}")]
pub struct UnknownWorkload(pub String, String);

/// Every workload.
pub fn registry() -> &'static [&'static dyn Workload] {
    WORKLOADS
}

/// The tables of every workload, each once, and the one where the parts of a run meet.
pub fn tables() -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for table in WORKLOADS.iter().flat_map(|workload| workload.tables()) {
        if !tables.iter().any(|known| known.name == table.name) {
            tables.push(**table);
        }
    }
    tables.push(crate::PARTS);
    tables
}

/// The workload of this name.
pub fn find(name: &str) -> Result<&'static dyn Workload, UnknownWorkload> {
    WORKLOADS
        .iter()
        .copied()
        .find(|w| w.name() == name)
        .ok_or_else(|| {
            let names: Vec<_> = WORKLOADS.iter().map(|w| w.name()).collect();
            UnknownWorkload(name.to_owned(), names.join(", "))
        })
}
