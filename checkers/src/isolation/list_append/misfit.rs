//! Why transactions are none on lists whose versions can be told.

use crate::isolation::transactions::{Action, Transactions};
use crate::isolation::writes::Repetition;

/// Why transactions are none on lists whose versions can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// A transaction wrote or read a single value.
    #[error("event {event}: not an operation on a list: it is not list-append alone")]
    Register { event: u32 },
    /// Which append a read saw cannot be told.
    #[error(
        "{} is appended to key {} twice, by events {} and {}: its reads do not tell which they saw",
        .0.value, .0.key, .0.events[0], .0.events[1]
    )]
    AppendedTwice(Repetition),
}

impl Misfit {
    /// The first operation on something else, if there is one.
    pub(super) fn of_kind(transactions: &Transactions) -> Option<Self> {
        transactions.first(|event, action| match action {
            Action::Write(_) | Action::ReadValue(_) => Some(Misfit::Register { event }),
            _ => None,
        })
    }
}
