//! An operation: an invocation and what became of it. It is a view of a
//! [`History`](crate::History) and says nothing about right or wrong.

use crate::event::{Completion, Event, Kind, Process};

/// An invocation and, if it ever came, its completion.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    invocation: Event<'a>,
    completed: Option<Event<'a>>,
}

impl<'a> Operation<'a> {
    /// Pairs the events; the history has validated that they belong together.
    pub(crate) fn new(invocation: Event<'a>, completed: Option<Event<'a>>) -> Self {
        Operation {
            invocation,
            completed,
        }
    }

    /// What was asked for, when and by whom.
    pub fn invocation(&self) -> &Event<'a> {
        &self.invocation
    }

    /// The event that ended it; none if it was still open at the end.
    pub fn completed(&self) -> Option<&Event<'a>> {
        self.completed.as_ref()
    }

    /// How it ended. Open at the end counts as [`Completion::Info`].
    pub fn completion(&self) -> Completion {
        let kind = self
            .completed
            .as_ref()
            .map_or(Kind::Info, |event| event.kind);
        kind.completion().unwrap_or(Completion::Info)
    }

    /// Index of the invocation, by which verdicts name an operation.
    pub fn index(&self) -> u64 {
        self.invocation.index
    }

    /// Who ran it.
    pub fn process(&self) -> Process {
        self.invocation.process
    }

    /// Whether it ended before the other began, by the order of the history. One
    /// of which nobody knows never ends.
    pub fn precedes(&self, other: &Operation<'_>) -> bool {
        match (&self.completed, self.completion()) {
            (Some(end), Completion::Ok | Completion::Fail) => end.index < other.index(),
            _ => false,
        }
    }
}
