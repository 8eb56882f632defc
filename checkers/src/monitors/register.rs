//! What the monitors of registers have in common: writes, and the reads of each.
//!
//! A read can have returned any write of its value that had begun before the read was over, or
//! the register as it was at first, before any write; where values are written once it is
//! one. An unresolved read says nothing and is dropped. An unresolved write that nobody
//! read may never have happened; one that somebody read did happen, before that read
//! returned.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Interval, Violation};

/// One operation on a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The caller's name for it.
    pub id: u64,
    /// When it ran.
    pub interval: Interval,
    /// What it did.
    pub action: Action,
}

/// What an operation on a register did, its answer included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Wrote this value.
    Write(u32),
    /// Wrote the value that was there before any write.
    WriteInitial,
    /// Read this value, which a write wrote.
    Read(u32),
    /// Read the value that was there before any write.
    ReadInitial,
}

/// Why a history of a register cannot be explained. Displayed, a sentence; `operation`
/// numbers are the caller's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A read returned what nobody wrote.
    #[error("operation {read} read a value that nobody wrote")]
    NeverWritten {
        /// The read.
        read: u64,
    },
    /// A read returned what was only written later.
    #[error("operation {read} had read a value before operation {write} began to write it")]
    ReadBeforeWritten {
        /// The read.
        read: u64,
        /// The write.
        write: u64,
    },
    /// A read returned what had certainly been overwritten before it began.
    #[error(
        "operation {read} read {}, although operation {newer} overwrote it before the read began",
        what_was_read(.written)
    )]
    Overwritten {
        /// The read.
        read: u64,
        /// The write that it read; none if it found the initial value.
        written: Option<u64>,
        /// A write that began after that one had ended, and ended before the read began.
        newer: u64,
    },
}

fn what_was_read(written: &Option<u64>) -> String {
    written.map_or_else(
        || "the initial value".to_owned(),
        |id| format!("what operation {id} wrote"),
    )
}

/// A write and what is known of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    /// None for the initial value, whose interval lies before everything.
    pub id: Option<u64>,
    pub interval: Interval,
}

/// A read and the write that it read from, by index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub id: u64,
    pub interval: Interval,
    pub from: usize,
}

/// A history of a register in which each read is of one write. Times are one later than the
/// caller's, so that the initial value has an instant before all others.
#[derive(Debug, Clone)]
pub(super) struct Register {
    /// The initial value first.
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
}

/// The interval of the initial value.
const INITIALLY: Interval = Interval { call: 0, ret: 0 };

/// A read and the writes of its value that had begun before it was over: which of them it
/// returned, nobody knows.
#[derive(Debug, Clone, Copy)]
struct Ambiguous {
    id: u64,
    interval: Interval,
    /// Where those writes are in the order by value and call; never empty.
    first: usize,
    end: usize,
}

/// A history of a register whose values may be written again, the initial one too.
#[derive(Debug, Clone)]
pub(super) struct Possible {
    /// The initial value first.
    pub writes: Vec<Write>,
    reads: Vec<Ambiguous>,
    /// Writes by value, none for the initial one, and call.
    order: Vec<(Option<u32>, u64, usize)>,
}

impl Possible {
    /// Finds out who can have read what from whom. O(n log n).
    ///
    /// # Errors
    /// A read returned what nobody had begun to write.
    pub fn new(operations: &[Operation]) -> Result<Possible, Violation<Reason>> {
        let mut writes = vec![Write {
            id: None,
            interval: INITIALLY,
        }];
        let mut order = vec![(None, INITIALLY.call, 0)];
        for operation in operations {
            let value = match operation.action {
                Action::Write(value) => Some(value),
                Action::WriteInitial => None,
                Action::Read(_) | Action::ReadInitial => continue,
            };
            let interval = later(operation.interval);
            order.push((value, interval.call, writes.len()));
            writes.push(Write {
                id: Some(operation.id),
                interval,
            });
        }
        order.sort_unstable();
        let mut of_value: HashMap<_, (usize, usize), FixedState> = HashMap::default();
        for (at, &(value, ..)) in order.iter().enumerate() {
            of_value.entry(value).or_insert((at, at)).1 = at + 1;
        }
        let mut reads = Vec::new();
        for operation in operations {
            let (id, interval) = (operation.id, later(operation.interval));
            let value = match operation.action {
                Action::Read(value) => Some(value),
                Action::ReadInitial => None,
                Action::Write(_) | Action::WriteInitial => continue,
            };
            if interval.is_unresolved() {
                continue;
            }
            let Some(&(first, all)) = of_value.get(&value) else {
                return Err(Violation::new(Reason::NeverWritten { read: id }, vec![id]));
            };
            let had_begun = |&(_, call, _): &(_, u64, _)| call <= interval.ret;
            let end = first + order[first..all].partition_point(had_begun);
            if end == first {
                let write = writes[order[first].2].id.unwrap_or_default();
                let reason = Reason::ReadBeforeWritten { read: id, write };
                return Err(Violation::new(reason, vec![id, write]));
            }
            reads.push(Ambiguous {
                id,
                interval,
                first,
                end,
            });
        }
        Ok(Possible {
            writes,
            reads,
            order,
        })
    }

    /// By when each write had certainly taken effect: it or a read that can be of no other had
    /// returned.
    pub fn in_effect(&self) -> Vec<u64> {
        let mut effect: Vec<u64> = self.writes.iter().map(|write| write.interval.ret).collect();
        for read in self.reads.iter().filter(|read| read.is_certain()) {
            let write = self.order[read.first].2;
            effect[write] = effect[write].min(read.interval.ret);
        }
        effect
    }

    /// By read, whether there is one write only that it can have returned.
    pub fn certain(&self) -> Vec<bool> {
        self.reads.iter().map(Ambiguous::is_certain).collect()
    }

    /// Each read taken to be of that of its writes which ended last, by when each is taken to
    /// have. What overwrote that one before the read began overwrote the others too. O(n).
    pub fn of_latest(&self, ends: impl Fn(usize) -> u64) -> Register {
        let latest = self.latest(ends);
        let read = |read: &Ambiguous| read.of(latest[read.end - 1]);
        Register {
            writes: self.writes.clone(),
            reads: self.reads.iter().map(read).collect(),
        }
    }

    /// Each read taken to be of a write that it may well have returned: of the latest that
    /// ended, or if that was overwritten of the latest of all. Writes that may never have
    /// happened, and did not then, are left out. O(n log n).
    pub fn of_likely(&self, effect: &[u64]) -> Register {
        let ended = self.latest(|index| match self.writes[index].interval.is_unresolved() {
            true => 0,
            false => effect[index],
        });
        let mut register = self.of_latest(|index| effect[index]);
        let newer = Newer::new(&register, |index| effect[index]);
        for (read, ambiguous) in register.reads.iter_mut().zip(&self.reads) {
            let from = ended[ambiguous.end - 1];
            if newer.between(effect[from], read.interval.call).is_none() {
                read.from = from;
            }
        }
        register.drop_unread_unresolved();
        register
    }

    /// By place in the order, of the writes of that value up to there the one that ended last.
    fn latest(&self, ends: impl Fn(usize) -> u64) -> Vec<usize> {
        let mut latest: Vec<usize> = self.order.iter().map(|&(.., index)| index).collect();
        for at in 1..latest.len() {
            let [before, this] = [latest[at - 1], latest[at]];
            if self.order[at - 1].0 == self.order[at].0 && ends(before) >= ends(this) {
                latest[at] = before;
            }
        }
        latest
    }
}

impl Ambiguous {
    fn is_certain(&self) -> bool {
        self.end - self.first == 1
    }

    fn of(&self, from: usize) -> Read {
        Read {
            id: self.id,
            interval: self.interval,
            from,
        }
    }
}

impl Register {
    fn drop_unread_unresolved(&mut self) {
        let mut read = vec![false; self.writes.len()];
        for one in &self.reads {
            read[one.from] = true;
        }
        let mut kept = Vec::with_capacity(self.writes.len());
        let mut place = vec![0; self.writes.len()];
        for (index, write) in self.writes.iter().enumerate() {
            place[index] = kept.len();
            if read[index] || !write.interval.is_unresolved() {
                kept.push(*write);
            }
        }
        for one in &mut self.reads {
            one.from = place[one.from];
        }
        self.writes = kept;
    }

    /// By when each write had certainly taken effect: it or a read of it had returned.
    pub fn in_effect(&self) -> Vec<u64> {
        let mut effect: Vec<u64> = self.writes.iter().map(|write| write.interval.ret).collect();
        for read in &self.reads {
            effect[read.from] = effect[read.from].min(read.interval.ret);
        }
        effect
    }
}

/// One later, with room for an instant before everything. The end of time does not move.
fn later(interval: Interval) -> Interval {
    let interval = interval.ordered();
    let later = |instant: u64| (instant + 1).min(Interval::NEVER - 1);
    Interval {
        call: later(interval.call.min(Interval::NEVER - 1)),
        ret: match interval.is_unresolved() {
            true => Interval::NEVER,
            false => later(interval.ret),
        },
    }
}

/// Asks for the write that ended first among those that began after a given time.
pub(super) struct Newer {
    /// Ascending.
    calls: Vec<u64>,
    /// For each, of the writes called then or later, the first to end: when, and which.
    first_end: Vec<(u64, usize)>,
}

impl Newer {
    /// `ends`: by when each write counts as over. O(n log n).
    pub fn new(register: &Register, ends: impl Fn(usize) -> u64) -> Newer {
        let writes = &register.writes;
        let mut order: Vec<usize> = (0..writes.len()).collect();
        order.sort_unstable_by_key(|&index| writes[index].interval.call);
        let calls = order
            .iter()
            .map(|&index| writes[index].interval.call)
            .collect();
        let mut first_end: Vec<(u64, usize)> =
            order.iter().map(|&index| (ends(index), index)).collect();
        for place in (1..first_end.len()).rev() {
            first_end[place - 1] = first_end[place - 1].min(first_end[place]);
        }
        Newer { calls, first_end }
    }

    /// Of the writes that began after `end`, the first to be over, if that was before
    /// `start`: when it was over, and which it is. O(log n).
    pub fn between(&self, end: u64, start: u64) -> Option<(u64, usize)> {
        let place = self.calls.partition_point(|&call| call <= end);
        let first = self.first_end.get(place).copied();
        first.filter(|&(over, _)| over < start)
    }
}
