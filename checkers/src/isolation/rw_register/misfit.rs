//! Why transactions are none on registers whose versions can be told.

use crate::isolation::transactions::Transactions;

/// Why transactions are none on registers whose versions can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// A transaction appended something.
    #[error("event {event} appends to a list: a transaction on registers reads and writes")]
    Append { event: u32 },
    /// A transaction read a list.
    #[error("event {event} reads a list: registers hold single values")]
    List { event: u32 },
    /// Which write a read saw cannot be told.
    #[error(
        "{value} was written to key {key} by event {first} and again by event {second}: which of them a read saw cannot be told"
    )]
    WrittenTwice {
        value: String,
        key: String,
        first: u32,
        second: u32,
    },
}

impl Misfit {
    pub(super) fn append(transactions: &Transactions, at: u32) -> Self {
        let event = transactions.all()[at as usize].invoked;
        Misfit::Append { event }
    }

    pub(super) fn list(transactions: &Transactions, at: u32) -> Self {
        let event = transactions.all()[at as usize].invoked;
        Misfit::List { event }
    }

    pub(super) fn written_twice(
        transactions: &Transactions,
        key: u32,
        value: u32,
        by: [u32; 2],
    ) -> Self {
        let event = |at: u32| transactions.all()[at as usize].invoked;
        Misfit::WrittenTwice {
            value: transactions.value(value).to_string(),
            key: transactions.key(key).to_string(),
            first: event(by[0].min(by[1])),
            second: event(by[0].max(by[1])),
        }
    }
}
