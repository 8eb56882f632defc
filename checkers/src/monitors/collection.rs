//! What queues, bags, stacks and priority queues have in common: values go in and come out.
//!
//! Each value is added at most once. An operation that never returned may take effect at
//! any time after its call, or never; what its answer would have been is settled so:
//!
//! - an unresolved addition whose value nobody removed is dropped: without it the others
//!   are at least as easy to explain. One whose value was removed happened;
//! - an unresolved removal may have taken any value, or found nothing, or never happened.
//!   It is only of use to explain where a value went that was added and that nobody else
//!   removed; which of these it took is each monitor's own business.

use hashbrown::HashMap;

use super::cover::Span;
use super::{Interval, Stop, Undecided, Violation};

/// One operation on a collection that adds each value at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The caller's name for it.
    pub id: u64,
    /// When it ran.
    pub interval: Interval,
    /// What it did.
    pub action: Action,
}

/// What an operation on a collection did, its answer included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Added this value: enqueue, push, insert.
    Add(u32),
    /// Removed this value: dequeue, pop, delete-min.
    Remove(u32),
    /// Would have removed, and found nothing inside.
    RemoveEmpty,
    /// Would have removed, never returned, and may have taken anything.
    RemoveUnknown,
}

/// Why a history of a collection cannot be explained. Displayed, a sentence; `operation`
/// numbers are the caller's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A value came out that never went in.
    #[error("operation {remove} removed a value that nobody added")]
    NeverAdded {
        /// The removal.
        remove: u64,
    },
    /// A value came out twice.
    #[error("operations {first} and {second} both removed a value that was added once")]
    RemovedTwice {
        /// The one.
        first: u64,
        /// The other.
        second: u64,
    },
    /// A value came out before it went in.
    #[error("operation {remove} had removed a value before operation {add} began to add it")]
    RemovedBeforeAdded {
        /// The addition.
        add: u64,
        /// The removal.
        remove: u64,
    },
    /// Nothing was found although something was certainly inside all the time.
    #[error(
        "operation {remove} found nothing, although at every instant while it ran something was \
         inside"
    )]
    NeverEmpty {
        /// The removal.
        remove: u64,
    },
    /// First in was not first out.
    #[error(
        "operation {earlier} had added its value before operation {later} began to add another, \
         yet operation {remove} removed the later value while the earlier one was still waiting"
    )]
    Overtaken {
        /// The addition of the value that was left behind.
        earlier: u64,
        /// The addition of the value that overtook it.
        later: u64,
        /// The removal of the value that overtook.
        remove: u64,
    },
    /// Last in was not first out.
    #[error(
        "from the end of operation {first_add} to the start of {} the stack is never empty, yet \
         none of the values then inside can have been at its bottom all that time, below the \
         others",
        removal(.last_remove)
    )]
    NoBottom {
        /// The addition that ends first.
        first_add: u64,
        /// The removal that begins last; none if nobody removed that value.
        last_remove: Option<u64>,
    },
    /// Something of lower priority was taken although something of higher priority was inside.
    #[error(
        "at every instant at which operation {remove} can have removed its value, \
         a value of higher priority was inside"
    )]
    NotFirst {
        /// The removal.
        remove: u64,
    },
}

fn removal(id: &Option<u64>) -> String {
    id.map_or_else(
        || "any removal of the last value".to_owned(),
        |id| format!("operation {id}"),
    )
}

pub(super) type Check = Result<(), Stop<Reason>>;

/// An operation stripped of what is known of it otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub id: u64,
    pub interval: Interval,
}

/// A value's stay: how it came in, and how it went out if it did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub value: u32,
    pub add: End,
    pub remove: Option<End>,
}

impl Life {
    /// When its removal was called; never, if nothing removed it.
    pub fn remove_call(&self) -> u64 {
        self.remove
            .map_or(Interval::NEVER, |remove| remove.interval.call)
    }

    /// When its removal returned; never, if it did not.
    pub fn remove_ret(&self) -> u64 {
        self.remove
            .map_or(Interval::NEVER, |remove| remove.interval.ret)
    }

    /// While it is certainly inside, if it ever is.
    pub fn span(&self, owner: usize) -> Option<Span> {
        Span::new(self.add.interval.ret, self.remove_call(), owner)
    }

    pub fn ids(&self) -> impl Iterator<Item = u64> {
        [Some(self.add.id), self.remove.map(|remove| remove.id)]
            .into_iter()
            .flatten()
    }
}

/// A history of a collection, sorted out.
#[derive(Debug, Clone)]
pub(super) struct Lives {
    /// Every value that certainly went in.
    pub lives: Vec<Life>,
    /// The removals that found nothing.
    pub empties: Vec<End>,
    /// The calls of unresolved removals, ascending.
    pub unknown: Vec<End>,
}

impl Lives {
    /// Pairs additions with removals. O(n log n).
    pub fn pair(operations: &[Operation]) -> Result<Lives, Stop<Reason>> {
        let mut by_value: HashMap<u32, usize, foldhash::fast::FixedState> = HashMap::default();
        let mut pairs = Lives {
            lives: Vec::new(),
            empties: Vec::new(),
            unknown: Vec::new(),
        };
        for operation in operations {
            let &Operation {
                id,
                interval,
                action,
            } = operation;
            let interval = interval.ordered();
            let end = End { id, interval };
            match action {
                Action::Add(value) => {
                    let add = end;
                    let life = Life {
                        value,
                        add,
                        remove: None,
                    };
                    if let Some(&first) = by_value.get(&value) {
                        let first = pairs.lives[first].add.id;
                        return Err(Undecided::RepeatedValue { first, second: id }.into());
                    }
                    by_value.insert(value, pairs.lives.len());
                    pairs.lives.push(life);
                }
                Action::Remove(_) => {}
                Action::RemoveEmpty if interval.is_unresolved() => {}
                Action::RemoveEmpty => pairs.empties.push(end),
                Action::RemoveUnknown if interval.is_unresolved() => pairs.unknown.push(end),
                Action::RemoveUnknown => return Err(Undecided::UnknownAnswer { id }.into()),
            }
        }
        pairs.unknown.sort_unstable_by_key(|end| end.interval.call);
        pairs.match_removals(operations, &by_value)?;
        pairs.lives.retain(|life| {
            // Nobody saw it, and it may never have happened.
            life.remove.is_some() || !life.add.interval.is_unresolved()
        });
        Ok(pairs)
    }

    fn match_removals(
        &mut self,
        operations: &[Operation],
        by_value: &HashMap<u32, usize, foldhash::fast::FixedState>,
    ) -> Check {
        for operation in operations {
            let Action::Remove(value) = operation.action else {
                continue;
            };
            let (id, interval) = (operation.id, operation.interval.ordered());
            let Some(&index) = by_value.get(&value) else {
                return Err(Violation::new(Reason::NeverAdded { remove: id }, vec![id]).into());
            };
            let life = &mut self.lives[index];
            if let Some(first) = life.remove.replace(End { id, interval }) {
                let (first, second) = (first.id, id);
                let reason = Reason::RemovedTwice { first, second };
                return Err(Violation::new(reason, vec![first, second, life.add.id]).into());
            }
            if interval.precedes(life.add.interval) {
                let (add, remove) = (life.add.id, id);
                let reason = Reason::RemovedBeforeAdded { add, remove };
                return Err(Violation::new(reason, vec![add, remove]).into());
            }
        }
        Ok(())
    }

    /// The values that nobody is known to have removed, by the end of their addition.
    pub fn left_inside(&self) -> Vec<usize> {
        let mut left: Vec<usize> = (0..self.lives.len())
            .filter(|&index| self.lives[index].remove.is_none())
            .collect();
        left.sort_unstable_by_key(|&index| self.lives[index].add.interval.ret);
        left
    }

    /// Lets the unresolved removals take the values that are left inside, first in first.
    ///
    /// Returns the values that were left, in that order. For queues and bags no other way
    /// explains more: of two values and two removals, exchanging them never makes an instant
    /// free at which something was certainly inside, nor an order of removals possible.
    pub fn take_in_order(&mut self) -> Vec<usize> {
        let left = self.left_inside();
        for (&index, &taker) in left.iter().zip(&self.unknown) {
            self.lives[index].remove = Some(taker);
        }
        left
    }

    /// The operations of these values, and what explains why no unresolved removal helps:
    /// those values that such removals took earlier, since in another order they would not.
    pub fn witness(&self, owners: &[usize], left: &[usize]) -> Vec<u64> {
        let last_left = match self.unknown.is_empty() {
            true => None,
            false => left.iter().rposition(|index| owners.contains(index)),
        };
        let claimants = last_left.map_or(&[][..], |last| &left[..=last]);
        let all = owners.iter().chain(claimants);
        all.flat_map(|&index| self.lives[index].ids()).collect()
    }
}
