//! Why transactions are none on lists whose versions can be told.

use crate::isolation::transactions::{Action, Transactions};
use crate::isolation::writes::WrittenTwice;

/// Why transactions are none on lists whose versions can be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// A transaction wrote or read a single value.
    #[error("event {event}: not an operation on a list: it is not list-append alone")]
    Register { event: u32 },
    /// Which append a read saw cannot be told.
    #[error(
        "{value} is appended to key {key} twice, by events {first} and {second}: its reads do not tell which they saw"
    )]
    AppendedTwice {
        value: String,
        key: String,
        first: u32,
        second: u32,
    },
}

impl Misfit {
    /// The first operation on something else, if there is one.
    pub(super) fn of_kind(transactions: &Transactions) -> Option<Self> {
        (0..transactions.len() as u32).find_map(|at| {
            let event = transactions.all()[at as usize].invoked;
            let mut all = transactions.operations(at);
            all.find_map(|operation| match operation.action {
                Action::Write(_) | Action::ReadValue(_) => Some(Misfit::Register { event }),
                _ => None,
            })
        })
    }

    pub(super) fn appended_twice(transactions: &Transactions, twice: WrittenTwice) -> Self {
        let event = |at: u32| transactions.all()[at as usize].invoked;
        Misfit::AppendedTwice {
            value: transactions.value(twice.value).to_string(),
            key: transactions.key(twice.key).to_string(),
            first: event(twice.by[0]),
            second: event(twice.by[1]),
        }
    }
}
