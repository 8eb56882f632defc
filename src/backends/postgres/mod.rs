//! PostgreSQL: a server or several that URLs name, or a cluster of this process's own.
//!
//! | file | what it is |
//! |---|---|
//! | `options.rs` | what a user may ask for |
//! | `database.rs` | the backend, and the `Database` port over it |
//! | `target.rs` | from a URL to a connection: TLS, time-outs, and no secret in any message |
//! | `split.rs` | a client whose reads go to a standby and whose writes go to the primary |

mod options;

#[cfg(feature = "postgres")]
mod database;
#[cfg(feature = "postgres")]
mod split;
#[cfg(feature = "postgres")]
mod target;

#[cfg(feature = "postgres")]
pub(super) use database::Postgres;
pub use options::{Isolation, PostgresOptions, Url};
