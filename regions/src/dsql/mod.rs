//! The stand-in for Aurora DSQL: one logical PostgreSQL-compatible database behind
//! two regional endpoints, over the real wire protocol.
//!
//! It gives what the service documents, strong snapshot isolation: a transaction
//! reads one snapshot that holds every commit acknowledged, in either region, before
//! its first statement; writers never block; the first of two conflicting commits
//! wins and the other gets SQLSTATE 40001 at its commit. Write skew is possible, as
//! it is there, unless the rows read are taken `FOR UPDATE`.
//!
//! Where it falls short of the service, a client is told: what is not in the SQL
//! subset is refused by name with SQLSTATE 0A000. What a client could not tell by an
//! error is listed here:
//!
//! - A number with a decimal point is `double precision`, not `numeric`, which exists
//!   only as what `sum(bigint)` returns.
//! - `CREATE INDEX ASYNC` is accepted with a notice and builds nothing; only lookups by
//!   primary key (or its first columns) avoid reading the whole table.
//! - Timeouts may be set and are not enforced; the time zone is always UTC.
//! - The rows of a table come in the order of its primary key if none is asked for.
//! - Of two conflicting transactions one always commits; the service may abort both.

mod cluster;
mod defects;
mod engine;
mod fault;
mod server;
mod tls;
mod token;

pub use cluster::{Cluster, Endpoint, Options, StartError};
pub use defects::{Defects, Limits, UnknownDefect};
pub use fault::{Fault, FaultAction, FaultPoint};
pub use tls::TlsError;
pub use token::{Action, TokenError, mint, verify};
