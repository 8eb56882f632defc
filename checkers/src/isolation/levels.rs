//! The isolation levels: which implies which, and what each forbids. The one table of
//! it; nothing is decided here.
//!
//! Sources: Adya, "Weak Consistency" (1999): PL-1, PL-2, PL-CS, PL-2.99, PL-3. Berenson
//! et al., "A Critique of ANSI SQL Isolation Levels" (1995): lost update, write skew.
//! Terry et al., "Session Guarantees" (1994), as Viotti and Vukolić put them (2016).
//! Bailis et al., "Highly Available Transactions" (2014) and "RAMP" (2014): monotonic
//! atomic view, read atomic. Cerone, Bernardi and Gotsman, "A Framework for
//! Transactional Consistency Models with Atomic Visibility" (2015), and Cerone and
//! Gotsman, "Analysing Snapshot Isolation" (2018): read-atomic, causal, parallel snapshot
//! isolation, snapshot isolation. Daudjee and Salem (2004, 2006): the `strong-session-`
//! and `strong-` forms. Crooks et al. (2017) show the definitions of Adya and of the
//! others to agree.

use super::phenomena::Order::{Free, Process, Realtime};
use super::phenomena::Phenomenon;
use super::phenomena::Phenomenon::{
    CausalityViolation, Cycle, CyclicVersions, DirtyUpdate, DuplicateElements, FracturedRead,
    FutureRead, G1a, G1b, GarbageRead, IncompatibleOrder, Internal, LostUpdate,
    MissingReadWriteDependency, MissingYourWrites, NonMonotonicReads, NonMonotonicWrites,
    ObservedTransactionVanishes,
};
use super::phenomena::Shape::{G0, G1c, G2Item, GNonadjacent, GSingle, LongFork};

/// An isolation level, the weaker before the stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    ReadYourWrites,
    MonotonicReads,
    MonotonicWrites,
    WritesFollowReads,
    ReadUncommitted,
    ReadCommitted,
    MonotonicAtomicView,
    ReadAtomic,
    CursorStability,
    RepeatableRead,
    CausalCerone,
    Causal,
    ParallelSnapshotIsolation,
    SnapshotIsolation,
    Serializable,
    StrongSessionReadUncommitted,
    StrongSessionReadCommitted,
    StrongSessionSnapshotIsolation,
    StrongSessionSerializable,
    StrongReadUncommitted,
    StrongReadCommitted,
    StrongSnapshotIsolation,
    StrictSerializable,
}

use Level as L;

/// A line of the table.
struct Row {
    level: Level,
    name: &'static str,
    /// Other names for it.
    aliases: &'static [&'static str],
    /// What holds with it, directly.
    implies: &'static [Level],
    /// What it forbids besides.
    forbids: &'static [Phenomenon],
}

const TABLE: &[Row] = &[
    Row {
        level: L::ReadYourWrites,
        name: "read-your-writes",
        aliases: &[],
        implies: &[],
        forbids: &[GarbageRead, MissingYourWrites],
    },
    Row {
        level: L::MonotonicReads,
        name: "monotonic-reads",
        aliases: &[],
        implies: &[],
        forbids: &[GarbageRead, NonMonotonicReads],
    },
    Row {
        level: L::MonotonicWrites,
        name: "monotonic-writes",
        aliases: &[],
        implies: &[],
        forbids: &[GarbageRead, NonMonotonicWrites],
    },
    Row {
        level: L::WritesFollowReads,
        name: "writes-follow-reads",
        aliases: &[],
        implies: &[],
        forbids: &[GarbageRead, MissingReadWriteDependency],
    },
    Row {
        level: L::ReadUncommitted,
        name: "read-uncommitted",
        aliases: &["PL-1"],
        implies: &[],
        forbids: &[
            GarbageRead,
            DuplicateElements,
            CyclicVersions,
            Cycle(G0, Free),
        ],
    },
    Row {
        level: L::ReadCommitted,
        name: "read-committed",
        aliases: &["PL-2"],
        implies: &[L::ReadUncommitted],
        forbids: &[
            G1a,
            G1b,
            Cycle(G1c, Free),
            IncompatibleOrder,
            DirtyUpdate,
            FutureRead,
        ],
    },
    Row {
        level: L::MonotonicAtomicView,
        name: "monotonic-atomic-view",
        aliases: &["MAV"],
        implies: &[L::ReadCommitted],
        forbids: &[ObservedTransactionVanishes],
    },
    Row {
        level: L::ReadAtomic,
        name: "read-atomic",
        aliases: &["RA"],
        implies: &[L::MonotonicAtomicView],
        forbids: &[FracturedRead, Internal],
    },
    Row {
        level: L::CursorStability,
        name: "cursor-stability",
        aliases: &["PL-CS"],
        implies: &[L::ReadCommitted],
        forbids: &[LostUpdate],
    },
    Row {
        level: L::RepeatableRead,
        name: "repeatable-read",
        aliases: &["PL-2.99"],
        implies: &[L::MonotonicAtomicView, L::CursorStability],
        forbids: &[
            FracturedRead,
            CausalityViolation(Free),
            Cycle(GSingle, Free),
            Cycle(LongFork, Free),
            Cycle(GNonadjacent, Free),
            Cycle(G2Item, Free),
        ],
    },
    Row {
        level: L::CausalCerone,
        name: "causal-cerone",
        aliases: &[],
        implies: &[L::ReadAtomic],
        forbids: &[CausalityViolation(Free)],
    },
    Row {
        level: L::Causal,
        name: "causal",
        aliases: &["causal-consistency"],
        implies: &[
            L::CausalCerone,
            L::StrongSessionReadCommitted,
            L::ReadYourWrites,
            L::MonotonicReads,
            L::MonotonicWrites,
            L::WritesFollowReads,
        ],
        forbids: &[CausalityViolation(Process)],
    },
    Row {
        level: L::ParallelSnapshotIsolation,
        name: "parallel-snapshot-isolation",
        aliases: &["PSI"],
        implies: &[L::CausalCerone, L::CursorStability],
        forbids: &[Cycle(GSingle, Free)],
    },
    Row {
        level: L::SnapshotIsolation,
        name: "snapshot-isolation",
        aliases: &["PL-SI", "SI"],
        implies: &[L::ParallelSnapshotIsolation],
        forbids: &[Cycle(LongFork, Free), Cycle(GNonadjacent, Free)],
    },
    Row {
        level: L::Serializable,
        name: "serializable",
        aliases: &["PL-3", "conflict-serializable"],
        implies: &[L::SnapshotIsolation, L::RepeatableRead],
        forbids: &[],
    },
    Row {
        level: L::StrongSessionReadUncommitted,
        name: "strong-session-read-uncommitted",
        aliases: &["strong-session-PL-1"],
        implies: &[L::ReadUncommitted, L::MonotonicWrites],
        forbids: &[Cycle(G0, Process)],
    },
    Row {
        level: L::StrongSessionReadCommitted,
        name: "strong-session-read-committed",
        aliases: &["strong-session-PL-2"],
        implies: &[
            L::ReadCommitted,
            L::StrongSessionReadUncommitted,
            L::WritesFollowReads,
        ],
        forbids: &[Cycle(G1c, Process)],
    },
    Row {
        level: L::StrongSessionSnapshotIsolation,
        name: "strong-session-snapshot-isolation",
        aliases: &["strong-session-SI"],
        implies: &[L::SnapshotIsolation, L::Causal],
        forbids: &[Cycle(GSingle, Process), Cycle(GNonadjacent, Process)],
    },
    Row {
        level: L::StrongSessionSerializable,
        name: "strong-session-serializable",
        aliases: &[],
        implies: &[L::Serializable, L::StrongSessionSnapshotIsolation],
        forbids: &[Cycle(G2Item, Process)],
    },
    Row {
        level: L::StrongReadUncommitted,
        name: "strong-read-uncommitted",
        aliases: &["strong-PL-1"],
        implies: &[L::StrongSessionReadUncommitted],
        forbids: &[Cycle(G0, Realtime)],
    },
    Row {
        level: L::StrongReadCommitted,
        name: "strong-read-committed",
        aliases: &["strong-PL-2"],
        implies: &[L::StrongReadUncommitted, L::StrongSessionReadCommitted],
        forbids: &[Cycle(G1c, Realtime)],
    },
    Row {
        level: L::StrongSnapshotIsolation,
        name: "strong-snapshot-isolation",
        aliases: &["strong-SI"],
        implies: &[L::StrongReadCommitted, L::StrongSessionSnapshotIsolation],
        forbids: &[Cycle(GSingle, Realtime), Cycle(GNonadjacent, Realtime)],
    },
    Row {
        level: L::StrictSerializable,
        name: "strict-serializable",
        aliases: &["strong-serializable", "PL-SS"],
        implies: &[L::StrongSnapshotIsolation, L::StrongSessionSerializable],
        forbids: &[Cycle(G2Item, Realtime)],
    },
];

impl Level {
    /// All of them, the weaker before the stronger.
    pub(crate) fn all() -> impl DoubleEndedIterator<Item = Level> + Clone {
        TABLE.iter().map(|row| row.level)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.row().name
    }

    /// The level of that name, or of that other name.
    pub(crate) fn named(name: &str) -> Option<Level> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let row = TABLE
            .iter()
            .find(|row| is(row.name) || row.aliases.iter().any(|alias| is(alias)));
        row.map(|row| row.level)
    }

    /// What holds with it, directly.
    pub(crate) fn implies(self) -> &'static [Level] {
        self.row().implies
    }

    /// What it forbids besides what the levels forbid that it implies.
    pub(crate) fn forbids_besides(self) -> &'static [Phenomenon] {
        self.row().forbids
    }

    /// Whether the other holds wherever this one does.
    pub(crate) fn is_at_least(self, other: Level) -> bool {
        self == other || self.implies().iter().any(|level| level.is_at_least(other))
    }

    /// Whether it forbids that, itself or by what it implies.
    pub(crate) fn forbids(self, phenomenon: Phenomenon) -> bool {
        self.forbids_besides().contains(&phenomenon)
            || self.implies().iter().any(|level| level.forbids(phenomenon))
    }
}

/// An isolation level, for reports and lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsolationLevel {
    /// Its name.
    pub name: &'static str,
    /// Other names by which it may be asked for.
    pub aliases: &'static [&'static str],
    /// The names of the levels that hold wherever it does, directly.
    pub implies: Vec<&'static str>,
    /// The names of the anomalies that it forbids besides what those forbid.
    pub forbids: Vec<&'static str>,
}

/// Every isolation level that the checker `isolation` decides.
pub fn isolation_levels() -> Vec<IsolationLevel> {
    let level = |row: &Row| IsolationLevel {
        name: row.name,
        aliases: row.aliases,
        implies: row.implies.iter().map(|level| level.name()).collect(),
        forbids: row
            .forbids
            .iter()
            .map(|forbidden| forbidden.name())
            .collect(),
    };
    TABLE.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_levels() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.level as usize, at, "{}", row.name);
            assert_eq!(Level::named(row.name), Some(row.level));
            for alias in row.aliases {
                assert_eq!(Level::named(alias), Some(row.level), "{alias}");
            }
        }
        assert_eq!(Level::named("pl-si"), Some(L::SnapshotIsolation));
        assert_eq!(Level::named("linearizable"), None);
    }

    #[test]
    fn no_level_is_vacuous_and_none_implies_itself() {
        for level in Level::all() {
            assert!(level.forbids(GarbageRead), "{}", level.name());
            let adds = Level::all().filter(|&other| other != level && level.is_at_least(other));
            let stronger = |other: Level| !other.is_at_least(level);
            assert!(
                adds.clone().all(stronger),
                "{} is in a circle",
                level.name()
            );
        }
        for stronger in Level::all() {
            assert!(L::StrictSerializable.is_at_least(stronger));
        }
    }
}
