//! Histories as papers tell them, and small random ones against brute force.

mod brute;
mod own_writes;
mod papers;
mod random;

use crate::isolation::transactions::{Transactions, TransactionsBuilder};

/// The transactions of a history in shorthand.
fn read(shorthand: &str) -> Transactions {
    let mut builder = TransactionsBuilder::default();
    for event in witness_histories::history(shorthand).unwrap().events() {
        builder.event(&event).unwrap();
    }
    let mut transactions = builder.finish();
    transactions.processes_are_known = true;
    transactions
}
