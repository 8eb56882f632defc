//! What the monitors of registers have in common: writes, and the reads of each.
//!
//! Each value is written at most once, so a read names the write that it read from; it may
//! also have found the register as it was at first, before any write. An unresolved
//! read says nothing and is dropped. An unresolved write that nobody read is dropped, as
//! it may never have happened; one that somebody read did happen, before that read
//! returned.

use hashbrown::HashMap;

use super::{Interval, Stop, Undecided, Violation};

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
    /// Read this value, which a write wrote.
    Read(u32),
    /// Read the register as it was before any write.
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

/// A history of a register, sorted out. Times are one later than the caller's, so that
/// the initial value has an instant before all others.
#[derive(Debug, Clone)]
pub(super) struct Register {
    /// The initial value first.
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
}

/// The interval of the initial value.
const INITIALLY: Interval = Interval { call: 0, ret: 0 };

impl Register {
    /// Finds out who read what from whom. O(n).
    pub fn new(operations: &[Operation]) -> Result<Register, Stop<Reason>> {
        let mut by_value: HashMap<u32, usize, foldhash::fast::FixedState> = HashMap::default();
        let mut writes = vec![Write {
            id: None,
            interval: INITIALLY,
        }];
        for operation in operations {
            if let Action::Write(value) = operation.action {
                if let Some(first) = by_value.insert(value, writes.len()) {
                    let first = writes[first].id.unwrap_or_default();
                    let second = operation.id;
                    return Err(Undecided::RepeatedValue { first, second }.into());
                }
                writes.push(Write {
                    id: Some(operation.id),
                    interval: later(operation.interval),
                });
            }
        }
        let mut reads = Vec::new();
        for &Operation {
            id,
            interval,
            action,
        } in operations
        {
            let from = match action {
                _ if interval.is_unresolved() => continue,
                Action::Write(_) => continue,
                Action::ReadInitial => 0,
                Action::Read(value) => match by_value.get(&value) {
                    Some(&from) => from,
                    None => {
                        let reason = Reason::NeverWritten { read: id };
                        return Err(Violation::new(reason, vec![id]).into());
                    }
                },
            };
            let interval = later(interval);
            if let Write {
                id: Some(write),
                interval: written,
            } = writes[from]
                && interval.precedes(written)
            {
                let reason = Reason::ReadBeforeWritten { read: id, write };
                return Err(Violation::new(reason, vec![id, write]).into());
            }
            reads.push(Read { id, interval, from });
        }
        let mut register = Register { writes, reads };
        register.drop_unread_unresolved();
        Ok(register)
    }

    /// The same where values may be written again: each read is taken to be of the write of its
    /// value that ended last, of those that began before the read was over. What overwrote
    /// that one before the read began overwrote the others too. O(n log n).
    pub fn of_latest(operations: &[Operation]) -> Result<Register, Stop<Reason>> {
        let mut writes = vec![Write {
            id: None,
            interval: INITIALLY,
        }];
        // By value and call.
        let mut order: Vec<(u32, u64, usize)> = Vec::new();
        for operation in operations {
            if let Action::Write(value) = operation.action {
                let interval = later(operation.interval);
                order.push((value, interval.call, writes.len()));
                writes.push(Write {
                    id: Some(operation.id),
                    interval,
                });
            }
        }
        order.sort_unstable();
        // Of the writes of a value up to each, the one that ended last.
        let mut ended_last: Vec<usize> = order.iter().map(|&(.., index)| index).collect();
        for at in 1..order.len() {
            let [before, this] = [ended_last[at - 1], ended_last[at]];
            if order[at - 1].0 == order[at].0
                && writes[before].interval.ret >= writes[this].interval.ret
            {
                ended_last[at] = before;
            }
        }
        let mut reads = Vec::new();
        for operation in operations {
            let (id, interval) = (operation.id, later(operation.interval));
            let from = match operation.action {
                _ if interval.is_unresolved() => continue,
                Action::Write(_) => continue,
                Action::ReadInitial => 0,
                Action::Read(value) => {
                    let first = order.partition_point(|&(other, ..)| other < value);
                    let began = order.partition_point(|&(other, call, _)| {
                        (other, call) <= (value, interval.ret)
                    });
                    match order.get(first) {
                        Some(&(other, _, index)) if other == value => {
                            if began == first {
                                let write = writes[index].id.unwrap_or_default();
                                let reason = Reason::ReadBeforeWritten { read: id, write };
                                return Err(Violation::new(reason, vec![id, write]).into());
                            }
                            ended_last[began - 1]
                        }
                        _ => {
                            let reason = Reason::NeverWritten { read: id };
                            return Err(Violation::new(reason, vec![id]).into());
                        }
                    }
                }
            };
            reads.push(Read { id, interval, from });
        }
        Ok(Register { writes, reads })
    }

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
