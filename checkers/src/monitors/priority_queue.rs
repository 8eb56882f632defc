//! Linearizability of a priority queue that adds each value at most once.
//!
//! The value is its priority, and no two are alike. Values are taken one by one, the
//! highest priority first; the highest is under no constraint but its own intervals. Each
//! next value may be removed only at an instant at which no value of higher priority is
//! inside. Such instants are those that the spans of these values (see `cover`) leave
//! free, and at all of them together all these values can be absent. So let the value go
//! in as late as it can and be removed at the first free instant not before its removal
//! was called; if its removal had returned by then, nothing explains the history. From the
//! end of its addition to that instant it is certainly inside, for the values after it.
//! A removal that found nothing needs an instant that all values leave free.
//!
//! Free instants are kept in a union-find over the ends of intervals, since they only ever
//! become fewer. (Lee and Mathur have a log-linear monitor for this type too: "Efficient
//! Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025, arXiv 2410.04581.)
//!
//! Which values unresolved removals took is searched for (see `unknown`), within a limit.

use super::collection::{Check, Life, Lives, Operation, Reason};
use super::cover::{Span, chain};
use super::unknown::hand_out;
use super::{Interval, Outcome, Violation};

/// Which values come out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The smallest value.
    Smallest,
    /// The largest value.
    Largest,
}

/// Decides whether the history is linearizable. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation], first: First) -> Outcome<Reason> {
    let mut lives = match Lives::pair(operations) {
        Ok(lives) => lives,
        Err(stop) => return Err(stop).into(),
    };
    lives.lives.sort_unstable_by_key(|life| match first {
        First::Smallest => life.value,
        First::Largest => !life.value,
    });
    // Values are sorted by falling priority.
    hand_out(lives, |_, index| !(index as u64), decide).into()
}

/// Decides a history without unresolved removals, values by falling priority.
fn decide(lives: &Lives) -> Check {
    let mut free = Free::new(lives);
    let mut spans: Vec<Option<Span>> = Vec::with_capacity(lives.lives.len());
    for (index, life) in lives.lives.iter().enumerate() {
        let window = removal_window(life);
        let removed = free.from(window.call);
        if removed > window.ret {
            let operations = witness(lives, &spans, window, index);
            // A window that ends never is never blocked to its end.
            let remove = life.remove.map_or(life.add.id, |remove| remove.id);
            return Err(Violation::new(Reason::NotFirst { remove }, operations).into());
        }
        let span = Span::new(life.add.interval.ret, removed, index);
        if let Some(span) = span {
            free.cover(span);
        }
        spans.push(span);
    }
    for empty in &lives.empties {
        if free.from(empty.interval.call) > empty.interval.ret {
            let mut operations = witness(lives, &spans, empty.interval, usize::MAX);
            operations.push(empty.id);
            let reason = Reason::NeverEmpty { remove: empty.id };
            return Err(Violation::new(reason, operations).into());
        }
    }
    Ok(())
}

/// When its removal can take effect, as far as its own operations tell.
fn removal_window(life: &Life) -> Interval {
    Interval {
        call: life.remove_call().max(life.add.interval.call),
        ret: life.remove_ret(),
    }
}

/// The operations that leave no instant of the window free to the value of that rank: a
/// chain of spans of higher priority, and for each that ends later than its own removal
/// was called, what held that up.
fn witness(lives: &Lives, spans: &[Option<Span>], window: Interval, rank: usize) -> Vec<u64> {
    let mut by_start: Vec<Span> = spans.iter().flatten().copied().collect();
    by_start.sort_unstable_by_key(|span| span.from);
    let mut seen = std::collections::BTreeSet::new();
    seen.extend((rank < lives.lives.len()).then_some(rank));
    let mut open = vec![(window, rank)];
    while let Some((window, rank)) = open.pop() {
        let higher = by_start.iter().copied().filter(|span| span.owner < rank);
        for owner in chain(higher, window) {
            if !seen.insert(owner) {
                continue;
            }
            let window = removal_window(&lives.lives[owner]);
            let removed = spans[owner].map_or(window.call, |span| span.to);
            if removed > window.call {
                let held_up = Interval {
                    call: window.call,
                    ret: removed - 1,
                };
                open.push((held_up, owner));
            }
        }
    }
    let owners = seen.into_iter();
    owners.flat_map(|owner| lives.lives[owner].ids()).collect()
}

/// The instants that are still free, among those at which an interval begins or ends.
struct Free {
    /// Ascending, and the last is never covered.
    instants: Vec<u64>,
    /// For each instant a later or equal one; itself while it is free.
    next: Vec<u32>,
}

impl Free {
    fn new(lives: &Lives) -> Free {
        let mut instants = vec![Interval::NEVER];
        for life in &lives.lives {
            let window = removal_window(life);
            instants.extend([life.add.interval.ret, window.call]);
        }
        instants.extend(lives.empties.iter().map(|empty| empty.interval.call));
        instants.sort_unstable();
        instants.dedup();
        let next = (0..instants.len() as u32).collect();
        Free { instants, next }
    }

    fn index(&self, instant: u64) -> u32 {
        self.instants.partition_point(|&other| other < instant) as u32
    }

    fn find(&mut self, mut index: u32) -> u32 {
        while self.next[index as usize] != index {
            let next = self.next[index as usize];
            self.next[index as usize] = self.next[next as usize];
            index = next;
        }
        index
    }

    /// The first free instant not before this one.
    fn from(&mut self, instant: u64) -> u64 {
        let index = self.index(instant);
        let free = self.find(index);
        self.instants[free as usize]
    }

    fn cover(&mut self, span: Span) {
        let end = self.index(span.to);
        let start = self.index(span.from) + 1;
        let mut index = self.find(start.min(end));
        while index < end {
            self.next[index as usize] = index + 1;
            index = self.find(index);
        }
    }
}
