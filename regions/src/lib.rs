//! The embedded two-region stand-ins: loopback servers that speak the real wire
//! protocols of Aurora DSQL and DynamoDB Global Tables, so that the real drivers
//! run against them unchanged.
//!
//! Architecture invariant: this crate knows nothing of histories, checkers or
//! workloads; it is a database and nothing else.

pub mod credentials;
pub mod dsql;
pub mod dynamodb;
