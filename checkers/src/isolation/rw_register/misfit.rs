//! Why transactions are none on registers whose versions can be told.

use crate::isolation::transactions::{Action, Transactions};
use crate::isolation::writes::Repetition;

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
        "{} was written to key {} by event {} and again by event {}: which of them a read saw cannot be told",
        .0.value, .0.key, .0.events[0], .0.events[1]
    )]
    WrittenTwice(Repetition),
}

impl Misfit {
    /// The first of them, if there is one.
    pub(super) fn of_kind(transactions: &Transactions) -> Option<Self> {
        transactions.first(|event, action| match action {
            Action::Append(_) => Some(Misfit::Append { event }),
            Action::ReadPrefix(_) | Action::ReadOdd(_) => Some(Misfit::List { event }),
            _ => None,
        })
    }
}
