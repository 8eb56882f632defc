//! The stand-in for Aurora DSQL as a whole server, driven by `tokio-postgres` over
//! verified TLS, as a program under test drives it.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod access;
mod faults;
mod isolation;
mod pipeline;
mod published;
mod statements;
mod support;
