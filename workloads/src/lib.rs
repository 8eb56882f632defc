//! Workloads: what concurrent clients ask of a database, and the application
//! code that serves them, written once against one [`Database`] port.
//!
//! ```text
//! Workload::bursts ──► Burst ──► runner ──► Workload::perform ──► Connection (the port)
//! ```
//!
//! A new workload is one file here and one line in [`registry`].
//!
//! Architecture invariant: no driver, no SQL, no AWS. Nothing here knows which
//! database it runs on; nothing here records or judges.

mod database;
mod limits;
pub mod list_append;
pub mod long_fork;
mod part;
pub mod register;
mod registry;
pub mod rw_register;
pub mod seats;
mod transactions;
mod tries;
mod workload;
pub mod write_skew;

pub use database::{
    Connection, Database, DbError, Expectation, Fault, Page, Row, ServerTime, Table,
};
pub use part::{PARTS, Part, new_run};
pub use registry::{UnknownWorkload, find, registry, tables};
pub use workload::{
    Attempted, BadParameters, Burst, Client, Note, Outcome, Parameters, Request, Workload,
};
