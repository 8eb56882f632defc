//! Checker `isolation`: which isolation levels a history of transactions keeps, and
//! what breaks the others.

mod data;
mod findings;
mod graph;
mod levels;
mod notation;
mod options;
mod phenomena;
mod transactions;

pub use options::{DataType, IsolationOptions};
pub(crate) use transactions::{Transactions, TransactionsBuilder};
