//! Witness records what concurrent clients in two regions saw of a database,
//! reads the evidence that it committed, and says whether it kept its promise.
//!
//! The offline half is in `witness-histories` and `witness-checkers`; this crate
//! is everything that touches the outside: [`backends`], the [`runner`], the
//! [`store`], [`report`]s, the [`suite`] of runs as tests, and the command line.
//!
//! ```text
//! workload ─► runner ─► recorder ─► history ─► checkers ─► verdict ─► report
//!               │ ▲
//!               ▼ │
//!             backend
//! ```

pub mod backends;
pub mod check;
pub mod cli;
pub mod clock_bound;
pub mod doctor;
mod foreign;
pub mod input;
#[cfg(all(unix, feature = "postgres"))]
pub mod local;
pub mod parts;
#[cfg(feature = "aws")]
pub mod provision;
pub mod report;
pub mod round_trip;
pub mod run;
pub mod runner;
pub mod store;
pub mod suite;
