//! Monitors: fast decisions for particular objects, where a general search would be slow.
//!
//! A monitor is a pure function from the operations of **one** object to an [`Outcome`].
//! It is sound both ways: [`Outcome::Valid`] and [`Outcome::Violated`] are certain, and
//! whatever it cannot decide is [`Outcome::Undecided`], for the caller to try another way.
//! A violation names a few operations that already break the property when all the others
//! are forgotten, so a person can check it by hand.
//!
//! | property | object | module | time |
//! |---|---|---|---|
//! | linearizable | FIFO queue, each value added once | [`queue`] | n log n |
//! | linearizable | unordered queue, each value added once | [`bag`] | n log n |
//! | linearizable | stack, each value added once | [`stack`] | n log n |
//! | linearizable | priority queue, each value added once | [`priority_queue`] | n log n |
//! | linearizable | set, asked about one value at a time | [`set`] | n log n |
//! | linearizable | set that only grows, read as a whole, each value added once | [`growing_set`] | n log n |
//! | regular | register | [`regular`] | n log n |
//! | how stale, in versions and in time | register; within bounds where values are written again | [`staleness`] | n log n |
//! | sequentially consistent | registers, each value written once | [`sequential`] | polynomial, then a bounded search |
//!
//! Intervals are closed: an operation takes effect at one instant from its call to its
//! return, both included, and several may do so at one instant, in any order. So one
//! precedes another only if it returned at an earlier time than the other was called.
//!
//! Architecture invariant: nothing here knows of histories, digests or verdicts. Times are
//! any unit, values are opaque numbers, and an `id` is the caller's own and comes back
//! untouched.

pub mod bag;
pub mod collection;
mod cover;
pub mod growing_set;
pub mod priority_queue;
pub mod queue;
pub mod register;
pub mod regular;
pub mod sequential;
pub mod set;
pub mod stack;
pub mod staleness;
mod tree;
mod two_atomic;
mod unknown;

use crate::budget::Exhausted;

/// When an operation was called and when it returned, in any unit of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// When it was called.
    pub call: u64,
    /// When it returned; [`Interval::NEVER`] if it never did, or nobody knows how it ended.
    /// No earlier than its call: an earlier one is taken to be at the call.
    pub ret: u64,
}

impl Interval {
    /// The return of an operation that never returned.
    pub const NEVER: u64 = u64::MAX;

    /// Whether nobody knows how it ended.
    pub fn is_unresolved(self) -> bool {
        self.ret == Self::NEVER
    }

    /// The interval, with a return no earlier than its call.
    fn ordered(self) -> Interval {
        Interval {
            ret: self.ret.max(self.call),
            ..self
        }
    }

    /// Whether it was over before the other began.
    pub fn precedes(self, other: Interval) -> bool {
        self.ret < other.call
    }
}

/// What a monitor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<R> {
    /// The property holds.
    Valid,
    /// It does not, and this shows it.
    Violated(Violation<R>),
    /// This monitor cannot tell; another method may.
    Undecided(Undecided),
}

impl<R> From<Result<(), Stop<R>>> for Outcome<R> {
    fn from(result: Result<(), Stop<R>>) -> Self {
        match result {
            Ok(()) => Outcome::Valid,
            Err(Stop::Violated(violation)) => Outcome::Violated(violation),
            Err(Stop::Undecided(why)) => Outcome::Undecided(why),
        }
    }
}

/// A property broken, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation<R> {
    /// Why these operations cannot have happened so: displayed, a sentence.
    pub reason: R,
    /// The operations that show it, by the caller's ids, ascending.
    pub operations: Vec<u64>,
}

impl<R> Violation<R> {
    fn new(reason: R, mut operations: Vec<u64>) -> Self {
        operations.sort_unstable();
        operations.dedup();
        Violation { reason, operations }
    }
}

/// Why a monitor has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Undecided {
    /// It needs values to be told apart.
    #[error("operations {first} and {second} put in the same value")]
    RepeatedValue {
        /// The one.
        first: u64,
        /// The other.
        second: u64,
    },
    /// It needs the value that was there at first to be told from others.
    #[error("operation {write} writes what was there at first")]
    InitialValue {
        /// The operation.
        write: u64,
    },
    /// Too many ways to tell what the removals with unknown answers took.
    #[error("what the removals whose answers nobody knows took decides it")]
    UnknownRemovals,
    /// An answer is missing although the operation returned.
    #[error("operation {id} returned, but what it answered is unknown")]
    UnknownAnswer {
        /// The operation.
        id: u64,
    },
    /// It gave up while it worked out what must come before what.
    #[error("the search gave up {why}: in round {round} of what must come before what")]
    Unsaturated {
        /// What ran out.
        why: Exhausted,
        /// Which round it was, from 1.
        round: u32,
    },
    /// It gave up while it looked for an order.
    #[error("the search gave up {why}: it had put {ordered} of {operations} operations in order")]
    Unordered {
        /// What ran out.
        why: Exhausted,
        /// How many operations the longest right beginning of an order has.
        ordered: usize,
        /// How many operations there are.
        operations: usize,
    },
}

/// Why a check ended before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop<R> {
    /// The property is broken already.
    Violated(Violation<R>),
    /// The method cannot tell.
    Undecided(Undecided),
}

impl<R> From<Violation<R>> for Stop<R> {
    fn from(violation: Violation<R>) -> Self {
        Stop::Violated(violation)
    }
}

impl<R> From<Undecided> for Stop<R> {
    fn from(why: Undecided) -> Self {
        Stop::Undecided(why)
    }
}
