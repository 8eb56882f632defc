//! Provisioning against answers in the shapes that AWS sends: each test is a script of
//! exact requests and their answers.
#![allow(clippy::unwrap_used)]

mod cli;
#[path = "../control/mod.rs"]
mod control;
mod dsql;
mod dynamodb;
mod script;
