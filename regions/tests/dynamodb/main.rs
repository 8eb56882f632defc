//! The embedded global tables through the real SDK, over the real protocol.

#![allow(clippy::unwrap_used)]

mod defects;
mod errors;
mod items;
mod protocol;
mod replication;
mod strong;
mod support;
mod tables;
