//! PostgreSQL: a server or several that URLs name, or a cluster of this process's own.
//!
//! | file | what it is |
//! |---|---|
//! | `database.rs` | the backend, and the `Database` port over it |
//! | `examine.rs` | what a run needs of a server |
//! | `target.rs` | from a URL to a connection, and no secret in any message |
//! | `split.rs` | a client whose reads go to a standby and whose writes go to the primary |

mod database;
mod examine;
mod split;
mod target;

pub(super) use database::Postgres;
