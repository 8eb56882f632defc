//! The database engine: SQL in, rows and SQLSTATEs out, no network and no clock but
//! for `now()` and the transaction's age.
//!
//! A statement goes `sql` (text to tree) -> `bind` (tree to plan) -> `session` (plan
//! to answer, within a `transaction` over the `store`).

pub mod bind;
pub mod cast;
pub mod catalog;
mod defect;
pub mod error;
pub mod expr;
pub mod function;
mod json;
mod like;
pub mod plan;
mod query;
pub mod session;
pub mod settings;
pub mod sql;
pub mod store;
#[cfg(test)]
mod tests;
mod timestamp;
pub mod transaction;
mod uncommitted;
pub mod value;
mod write;
