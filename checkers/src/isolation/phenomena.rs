//! The ways in which isolation is broken, by the names that the field gives them. It
//! defines each; which level forbids it is the business of [`levels`](super::levels).

use std::fmt;

/// Which edges a cycle has, besides orders of sessions and of real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Only ww (Adya 1999).
    G0,
    /// ww and wr, at least one wr (Adya 1999).
    G1c,
    /// Exactly one rw (Adya 1999).
    GSingle,
    /// rw, wr, rw, wr: two readers saw two writes in opposite orders (Sovran et al.
    /// 2011). A case of G-nonadjacent, named on its own.
    LongFork,
    /// Several rw, no two in a row (Cerone and Gotsman 2018; Elle's name).
    GNonadjacent,
    /// Several rw, two of them in a row (Adya 1999): write skew, where there are two.
    G2Item,
}

/// Which order between transactions a cycle needs besides its [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Order {
    /// None.
    Free,
    /// That of each process.
    Process,
    /// That of real time.
    Realtime,
}

/// A way to break isolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phenomenon {
    /// A value that nobody wrote was read.
    GarbageRead,
    /// A list holds an element twice.
    DuplicateElements,
    /// Assumptions about a key put its versions in a circle.
    CyclicVersions,
    /// Two lists were read, and neither is the beginning of the other.
    IncompatibleOrder,
    /// What a transaction wrote that did not commit was read (Adya 1999).
    G1a,
    /// A version was read that its writer overwrote itself (Adya 1999).
    G1b,
    /// A transaction that committed built on what one wrote that did not.
    DirtyUpdate,
    /// A transaction read what it wrote itself only later.
    FutureRead,
    /// A read disagrees with what its own transaction read or wrote before.
    Internal,
    /// A transaction that was observed is not seen later on (Bailis et al. 2014).
    ObservedTransactionVanishes,
    /// A part of another transaction was seen, and a part not (Bailis et al. 2014).
    FracturedRead,
    /// Of what a key was written between a transaction's read of it and its own
    /// write, nothing is left (Berenson et al. 1995).
    LostUpdate,
    /// A transaction saw an effect, and not its cause; with processes, where it takes
    /// the order of a process to make the cause one.
    CausalityViolation(Order),
    /// A process did not see what it wrote (Terry et al. 1994).
    MissingYourWrites,
    /// A process saw a version, and then an older one (Terry et al. 1994).
    NonMonotonicReads,
    /// What a process wrote first was installed last (Terry et al. 1994).
    NonMonotonicWrites,
    /// What a process wrote was installed before what it had read (Terry et al. 1994).
    MissingReadWriteDependency,
    /// A cycle of dependencies.
    Cycle(Shape, Order),
}

impl Phenomenon {
    /// The field's name for it.
    pub(crate) fn name(self) -> &'static str {
        use Order::{Free, Process, Realtime};
        use Phenomenon as P;
        use Shape::{G0, G1c, G2Item, GNonadjacent, GSingle, LongFork};
        match self {
            P::GarbageRead => "garbage-read",
            P::DuplicateElements => "duplicate-elements",
            P::CyclicVersions => "cyclic-versions",
            P::IncompatibleOrder => "incompatible-order",
            P::G1a => "G1a",
            P::G1b => "G1b",
            P::DirtyUpdate => "dirty-update",
            P::FutureRead => "future-read",
            P::Internal => "internal",
            P::ObservedTransactionVanishes => "observed-transaction-vanishes",
            P::FracturedRead => "fractured-read",
            P::LostUpdate => "lost-update",
            P::CausalityViolation(Free) => "causality-violation",
            P::CausalityViolation(_) => "causality-violation-process",
            P::MissingYourWrites => "missing-your-writes",
            P::NonMonotonicReads => "non-monotonic-reads",
            P::NonMonotonicWrites => "non-monotonic-writes",
            P::MissingReadWriteDependency => "missing-read-write-dependency",
            P::Cycle(G0, Free) => "G0",
            P::Cycle(G0, Process) => "G0-process",
            P::Cycle(G0, Realtime) => "G0-realtime",
            P::Cycle(G1c, Free) => "G1c",
            P::Cycle(G1c, Process) => "G1c-process",
            P::Cycle(G1c, Realtime) => "G1c-realtime",
            P::Cycle(GSingle, Free) => "G-single",
            P::Cycle(GSingle, Process) => "G-single-process",
            P::Cycle(GSingle, Realtime) => "G-single-realtime",
            P::Cycle(LongFork, Free) => "long-fork",
            P::Cycle(GNonadjacent, Free) => "G-nonadjacent",
            P::Cycle(GNonadjacent | LongFork, Process) => "G-nonadjacent-process",
            P::Cycle(GNonadjacent | LongFork, Realtime) => "G-nonadjacent-realtime",
            P::Cycle(G2Item, Free) => "G2-item",
            P::Cycle(G2Item, Process) => "G2-item-process",
            P::Cycle(G2Item, Realtime) => "G2-item-realtime",
        }
    }
}

impl fmt::Display for Phenomenon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
