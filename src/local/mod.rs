//! Database servers of this process's own, started from installed programs in a temporary
//! folder, on free loopback ports. They end with this process, however that ends
//! (`keeper.rs`).
//!
//! Nobody else on the machine gets in: the only user's password is random. Where this
//! process is root, the servers run as somebody with fewer rights (`owner.rs`). What is
//! lost when the machine loses power is lost: nothing is synced to disk.

pub mod galera;
pub mod postgres;

mod home;
mod keeper;
mod owner;

use std::io;

/// Why there are no servers.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system refused.
    #[error("{what}: {error}")]
    Io {
        /// What was being done.
        what: String,
        /// What it said.
        error: io::Error,
    },
    /// A program failed.
    #[error("{program}: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// The end of what it said.
        said: String,
    },
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
    let what = what.into();
    |error| StartError::Io { what, error }
}
