//! Linearizability of a set that only grows and is read as a whole, each value added at
//! most once: what Jepsen's set workloads do.
//!
//! In any order of the operations the reads return ever more: sorted by size, each must
//! hold what the one before it does. So a value is first seen by the reads of one size, and
//! the order is determined but for what is alike: the additions of the values that the
//! smallest reads saw, these reads, the additions of what the next larger ones saw beside,
//! those reads, and so on, and at last the additions that nobody saw. The history is
//! linearizable if and only if no operation of a later of these *stages* precedes, in real
//! time, one of an earlier stage.
//!
//! An unresolved read says nothing and is dropped, and so is an unresolved addition whose
//! value nobody saw.

use std::collections::HashSet;

use hashbrown::HashMap;

use super::{Interval, Outcome, Stop, Undecided, Violation};

/// One operation on a set that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The caller's name for it.
    pub id: u64,
    /// When it ran.
    pub interval: Interval,
    /// What it did.
    pub action: Action,
}

/// What an operation on a set that grows did, its answer included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Added this value.
    Add(u32),
    /// Read the whole set, in any order. A value that is there twice counts once.
    Read(Vec<u32>),
}

/// Why a history of a set that grows cannot be explained. Displayed, a sentence;
/// `operation` numbers are the caller's ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A read returned what nobody added.
    #[error("operation {read} read the value {value}, which nobody added")]
    NeverAdded {
        /// The read.
        read: u64,
        /// The value.
        value: u32,
    },
    /// A read returned what was only added later.
    #[error("operation {read} had read a value before operation {add} began to add it")]
    ReadBeforeAdded {
        /// The read.
        read: u64,
        /// The addition.
        add: u64,
    },
    /// A read did not return what had been added before it began.
    #[error("operation {read} did not see what operation {add} had added before the read began")]
    Missed {
        /// The read.
        read: u64,
        /// The addition.
        add: u64,
    },
    /// A read did not return what an earlier read had returned.
    #[error(
        "operation {read} did not see a value that operation {earlier}, over before it began, had seen"
    )]
    WentBack {
        /// The read that saw it.
        earlier: u64,
        /// The read that did not.
        read: u64,
    },
    /// Each of two reads saw what the other did not.
    #[error(
        "operations {one} and {other} each saw a value that the other did not, so neither can \
         be the first"
    )]
    Diverged {
        /// The one.
        one: u64,
        /// The other.
        other: u64,
    },
    /// A read saw a later addition and not an earlier one.
    #[error(
        "operation {read} saw what operation {later} added and not what operation {earlier} had \
         added before that began"
    )]
    OutOfOrder {
        /// The read.
        read: u64,
        /// The addition that it did not see.
        earlier: u64,
        /// The addition that it saw.
        later: u64,
    },
}

/// An addition, and the first stage at which its value was seen.
struct Add {
    id: u64,
    interval: Interval,
    seen: Option<u32>,
}

struct Read<'a> {
    id: u64,
    interval: Interval,
    values: &'a [u32],
}

/// Decides whether the history is linearizable. O(n log n) time for n operations and
/// values read, all together.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    decide(operations).into()
}

fn decide(operations: &[Operation]) -> Result<(), Stop<Reason>> {
    let mut history = Growth::new(operations)?;
    let stages = history.stages()?;
    history.check_order(&stages)
}

struct Growth<'a> {
    adds: Vec<Add>,
    by_value: HashMap<u32, usize, foldhash::fast::FixedState>,
    /// By size, once the stages are known.
    reads: Vec<Read<'a>>,
}

impl<'a> Growth<'a> {
    fn new(operations: &'a [Operation]) -> Result<Growth<'a>, Stop<Reason>> {
        let mut growth = Growth {
            adds: Vec::new(),
            by_value: HashMap::default(),
            reads: Vec::new(),
        };
        for operation in operations {
            let &Operation {
                id,
                interval,
                ref action,
            } = operation;
            let interval = interval.ordered();
            match action {
                &Action::Add(value) => {
                    if let Some(first) = growth.by_value.insert(value, growth.adds.len()) {
                        let (first, second) = (growth.adds[first].id, id);
                        return Err(Undecided::RepeatedValue { first, second }.into());
                    }
                    growth.adds.push(Add {
                        id,
                        interval,
                        seen: None,
                    });
                }
                Action::Read(_) if interval.is_unresolved() => {}
                Action::Read(values) => growth.reads.push(Read {
                    id,
                    interval,
                    values,
                }),
            }
        }
        Ok(growth)
    }

    /// The stage of each read, from 0. Every addition learns the first that saw it.
    fn stages(&mut self) -> Result<Vec<u32>, Stop<Reason>> {
        // When a value was last met, to count each once a read.
        let mut met = vec![u32::MAX; self.adds.len()];
        let mut sizes = Vec::with_capacity(self.reads.len());
        for (round, read) in (0..).zip(&self.reads) {
            let mut size = 0;
            for &value in read.values {
                let Some(&add) = self.by_value.get(&value) else {
                    let reason = Reason::NeverAdded {
                        read: read.id,
                        value,
                    };
                    return Err(Violation::new(reason, vec![read.id]).into());
                };
                size += usize::from(met[add] != round);
                met[add] = round;
            }
            sizes.push(size);
        }
        let mut order: Vec<usize> = (0..self.reads.len()).collect();
        order.sort_by_key(|&read| sizes[read]);
        met.fill(u32::MAX);
        // Of all values seen so far the last read saw each.
        let (mut stages, mut seen, mut last) = (vec![0; order.len()], 0, None);
        for (round, &index) in (0..).zip(&order) {
            let read = &self.reads[index];
            let stage = last.map_or(0, |last: usize| {
                stages[last] + u32::from(sizes[index] > seen)
            });
            let (mut again, mut new) = (0, None);
            for &value in read.values {
                let add = self.by_value[&value];
                if met[add] == round {
                    continue;
                }
                met[add] = round;
                match self.adds[add].seen {
                    Some(_) => again += 1,
                    None => {
                        self.adds[add].seen = Some(stage);
                        new = Some(add);
                    }
                }
            }
            if let (true, Some(last), Some(new)) = (again < seen, last, new) {
                return Err(self.diverged(last, index, new).into());
            }
            stages[index] = stage;
            seen = sizes[index];
            last = Some(index);
        }
        Ok(stages)
    }

    /// The smaller read, and a larger one that lacks a value of it and has this new one.
    fn diverged(&self, one: usize, other: usize, new: usize) -> Violation<Reason> {
        let (one, other) = (&self.reads[one], &self.reads[other]);
        let lacked = self.lacked(one, other);
        let reason = Reason::Diverged {
            one: one.id,
            other: other.id,
        };
        let operations = [one.id, other.id, self.adds[new].id]
            .into_iter()
            .chain(lacked);
        Violation::new(reason, operations.collect())
    }

    /// The addition of a value that the one read saw and the other did not.
    fn lacked(&self, one: &Read<'_>, other: &Read<'_>) -> Option<u64> {
        let others: HashSet<u32> = other.values.iter().copied().collect();
        let lacks = one.values.iter().find(|value| !others.contains(value))?;
        Some(self.adds[self.by_value[lacks]].id)
    }

    /// Whether no operation of a later stage precedes one of an earlier stage.
    fn check_order(&self, stages: &[u32]) -> Result<(), Stop<Reason>> {
        // Additions of a stage come before its reads, those never seen after all.
        let adds = self.adds.iter().enumerate().filter_map(|(index, add)| {
            let unseen = add.seen.is_none() && add.interval.is_unresolved();
            let place = add.seen.map_or(u64::MAX, |stage| 2 * u64::from(stage));
            (!unseen).then_some((place, add.interval, Step::Add(index)))
        });
        let reads = self.reads.iter().enumerate().map(|(index, read)| {
            (
                2 * u64::from(stages[index]) + 1,
                read.interval,
                Step::Read(index),
            )
        });
        let mut steps: Vec<(u64, Interval, Step)> = adds.chain(reads).collect();
        steps.sort_unstable_by_key(|&(place, _, _)| std::cmp::Reverse(place));
        // Of all steps of later stages, the first that returned.
        let mut first: Option<(Interval, Step)> = None;
        for stage in steps.chunk_by(|one, other| one.0 == other.0) {
            if let Some((interval, later)) = first {
                let early = stage
                    .iter()
                    .find(|(_, earlier, _)| interval.precedes(*earlier));
                if let Some(&(_, _, earlier)) = early {
                    return Err(self.out_of_order(later, earlier, stages).into());
                }
            }
            let soonest = stage.iter().map(|&(_, interval, step)| (interval, step));
            let all = soonest.chain(first);
            first = all.min_by_key(|(interval, _)| interval.ret);
        }
        Ok(())
    }

    /// `later` belongs to a later stage, yet it had returned when `earlier` was called.
    fn out_of_order(&self, later: Step, earlier: Step, stages: &[u32]) -> Violation<Reason> {
        match (later, earlier) {
            (Step::Read(read), Step::Add(add)) => {
                let (read, add) = (self.reads[read].id, self.adds[add].id);
                Violation::new(Reason::ReadBeforeAdded { read, add }, vec![read, add])
            }
            (Step::Add(add), Step::Read(read)) => {
                let (read, add) = (self.reads[read].id, self.adds[add].id);
                Violation::new(Reason::Missed { read, add }, vec![read, add])
            }
            (Step::Read(earlier), Step::Read(read)) => {
                let (one, other) = (&self.reads[earlier], &self.reads[read]);
                let lacked = self.lacked(one, other);
                let (earlier, read) = (one.id, other.id);
                let operations = [earlier, read].into_iter().chain(lacked).collect();
                Violation::new(Reason::WentBack { earlier, read }, operations)
            }
            (Step::Add(earlier), Step::Add(later)) => {
                let stage = self.adds[later].seen.unwrap_or(0);
                let read = stages.iter().position(|&other| other == stage);
                let read = read.map_or(0, |read| self.reads[read].id);
                let (earlier, later) = (self.adds[earlier].id, self.adds[later].id);
                let reason = Reason::OutOfOrder {
                    read,
                    earlier,
                    later,
                };
                Violation::new(reason, vec![read, earlier, later])
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Add(usize),
    Read(usize),
}
