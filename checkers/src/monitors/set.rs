//! Linearizability of a set whose operations tell what they found.
//!
//! Values are independent of each other, so each is decided alone: it is a bit, and an
//! operation raises it, lowers it, or saw it up or down. Values may be added and removed
//! any number of times.
//!
//! One sweep decides a value, changing the bit only when an operation is about to return
//! that needs it otherwise. Whatever saw the bit as it is takes effect as soon as it can.
//! When the bit must change, of the operations under way that can change it that which
//! returns first does: any linearization can be rearranged so, since changing later and
//! by the more urgent leaves every other operation at least the choice that it had
//! (the greedy of Abdulla and others, "Efficient Linearizability Monitoring", PLDI 2025,
//! arXiv 2509.17795).
//!
//! An operation that never returned changes the bit if that helps and otherwise never
//! happened; a query that never returned says nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Interval, Outcome, Violation};

/// One operation on a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The caller's name for it.
    pub id: u64,
    /// When it ran.
    pub interval: Interval,
    /// The value that it was about.
    pub value: u32,
    /// What it did, or found.
    pub action: Action,
}

/// What an operation on a set did to its value, or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An addition that found the value absent, or one that never returned.
    Added,
    /// A removal that found the value present, or one that never returned.
    Removed,
    /// A query that found the value, or an addition that found it there already.
    Present,
    /// A query that did not find the value, or a removal that found it gone already.
    Absent,
}

/// Why a history of a set cannot be explained. Displayed, a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The value had to be present, and nothing can have put it there.
    #[error(
        "operation {operation} needs its value to be present by the time it returns, \
         and no addition that is left can have put it there"
    )]
    NotPresent {
        /// The operation.
        operation: u64,
    },
    /// The value had to be absent, and nothing can have taken it away.
    #[error(
        "operation {operation} needs its value to be absent by the time it returns, \
         and no removal that is left can have taken it away"
    )]
    NotAbsent {
        /// The operation.
        operation: u64,
    },
}

/// Decides whether the history is linearizable. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    let mut by_value: Vec<&Operation> = operations.iter().collect();
    by_value.sort_unstable_by_key(|operation| (operation.value, operation.interval.call));
    for history in by_value.chunk_by(|one, other| one.value == other.value) {
        if let Err(violation) = check_value(history) {
            return Outcome::Violated(violation);
        }
    }
    Outcome::Valid
}

/// An operation under way: when it returns, and its place in the history.
type Open = Reverse<(u64, usize)>;

/// A bit of which operations are asked one by one, by call.
#[derive(Default)]
struct Bit {
    up: bool,
    /// Under way: what would raise it, and what would lower it, the first to return first.
    raising: BinaryHeap<Open>,
    lowering: BinaryHeap<Open>,
    /// Under way, and yet to see it down, up: the first to return first.
    seeing: [BinaryHeap<Open>; 2],
}

impl Bit {
    /// When the next operation under way must have taken effect.
    fn deadline(&self) -> Option<(u64, usize)> {
        let [down, up] = &self.seeing;
        let heaps = [&self.raising, &self.lowering, down, up];
        heaps
            .iter()
            .filter_map(|heap| heap.peek())
            .map(|open| open.0)
            .min()
    }

    /// Lets the most urgent operation that can change the bit do so, if one is under way.
    fn change(&mut self) -> Option<usize> {
        let changing = match self.up {
            true => &mut self.lowering,
            false => &mut self.raising,
        };
        let Reverse((_, index)) = changing.pop()?;
        self.up = !self.up;
        self.seeing[usize::from(self.up)].clear();
        Some(index)
    }

    fn call(&mut self, operation: &Operation, index: usize) {
        let open = Reverse((operation.interval.ordered().ret, index));
        let unresolved = operation.interval.is_unresolved();
        match operation.action {
            Action::Added => self.raising.push(open),
            Action::Removed => self.lowering.push(open),
            Action::Present | Action::Absent => {
                let up = operation.action == Action::Present;
                if up != self.up && !unresolved {
                    self.seeing[usize::from(up)].push(open);
                }
            }
        }
    }
}

/// Decides the history of one value, by call.
fn check_value(history: &[&Operation]) -> Result<(), Violation<Reason>> {
    let mut bit = Bit::default();
    let mut calls = history.iter().enumerate().peekable();
    // The sights because of which the bit changed.
    let mut forcing = Vec::new();
    loop {
        // At one instant calls come before returns: intervals are closed.
        let deadline = bit.deadline();
        let due = deadline.map_or(Interval::NEVER, |(ret, _)| ret);
        if let Some((index, operation)) = calls.next_if(|(_, next)| next.interval.call <= due) {
            bit.call(operation, index);
            continue;
        }
        let Some((_, index)) = deadline.filter(|&(ret, _)| ret != Interval::NEVER) else {
            return Ok(());
        };
        // For a change the bit has to be the other way first; for a sight it is changed once.
        let action = history[index].action;
        let needs_up = matches!(action, Action::Removed | Action::Present);
        if needs_up != bit.up && bit.change().is_none() {
            return Err(no_change(history, &forcing, index, needs_up));
        }
        match action {
            Action::Present | Action::Absent => forcing.push(index),
            // It is the most urgent of its kind.
            Action::Added | Action::Removed => _ = bit.change(),
        }
    }
}

/// The operation that fits nowhere, all that can have changed the value before it
/// returned, and the sights because of which they did so no later: without the other
/// sights the sweep would have gone the same way.
fn no_change(
    history: &[&Operation],
    forcing: &[usize],
    stuck: usize,
    needs_up: bool,
) -> Violation<Reason> {
    let operation = history[stuck].id;
    let reason = match needs_up {
        true => Reason::NotPresent { operation },
        false => Reason::NotAbsent { operation },
    };
    let before = history.iter().filter(|other| {
        let changes = matches!(other.action, Action::Added | Action::Removed);
        changes && !history[stuck].interval.precedes(other.interval)
    });
    let sights = forcing
        .iter()
        .chain([&stuck])
        .map(|&index| history[index].id);
    let operations = before.map(|other| other.id).chain(sights).collect();
    Violation::new(reason, operations)
}
