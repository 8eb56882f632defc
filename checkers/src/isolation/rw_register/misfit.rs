//! Why transactions are none on registers whose versions can be told.

use crate::isolation::transactions::{Action, Transactions};
use crate::isolation::writes::WrittenTwice;

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
    /// The first of them, if there is one.
    pub(super) fn of_kind(transactions: &Transactions) -> Option<Self> {
        (0..transactions.len() as u32).find_map(|at| {
            let event = transactions.all()[at as usize].invoked;
            let mut all = transactions.operations(at);
            all.find_map(|operation| match operation.action {
                Action::Append(_) => Some(Misfit::Append { event }),
                Action::ReadPrefix(_) | Action::ReadOdd(_) => Some(Misfit::List { event }),
                _ => None,
            })
        })
    }

    pub(super) fn written_twice(transactions: &Transactions, twice: WrittenTwice) -> Self {
        let event = |at: u32| transactions.all()[at as usize].invoked;
        Misfit::WrittenTwice {
            value: transactions.value(twice.value).to_string(),
            key: transactions.key(twice.key).to_string(),
            first: event(twice.by[0]),
            second: event(twice.by[1]),
        }
    }
}
