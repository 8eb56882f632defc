//! Ways in which a database is wrong by its mechanism: one thing that is left out, what is
//! kept all the same, and what it leads to. [`crate::faulty`] runs them.

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing.
    None,
    /// What an aborted transaction wrote is not undone before others read it.
    AbortedRead,
    /// Writers are locked out by writers, but readers by nobody: they see what is there.
    DirtyRead,
    /// A transaction that only reads takes no snapshot.
    ReadSkew,
    /// Whether a key that is written was overtaken is not looked at.
    LostUpdate,
    /// Whether a key that is only read was overtaken is not looked at.
    WriteSkew,
    /// Transactions that only read do it at one of two replicas, each of which applies
    /// commits after those that they depend on, and else in an order of its own.
    LongFork,
    /// Transactions that only read may have a snapshot older than they are, but not older
    /// than what their session knows.
    StaleSnapshot,
    /// They may have one that is older than that.
    BrokenSession,
}

pub const ALL: [Fault; 9] = [
    Fault::None,
    Fault::AbortedRead,
    Fault::DirtyRead,
    Fault::ReadSkew,
    Fault::LostUpdate,
    Fault::WriteSkew,
    Fault::LongFork,
    Fault::StaleSnapshot,
    Fault::BrokenSession,
];

impl Fault {
    /// The strongest levels that are kept all the same.
    pub fn keeps(self) -> &'static [&'static str] {
        match self {
            Fault::None => &["strict-serializable"],
            Fault::AbortedRead | Fault::DirtyRead => &["strong-read-uncommitted"],
            // Nobody sees less than before.
            Fault::ReadSkew => &[
                "strong-read-committed",
                "monotonic-atomic-view",
                "cursor-stability",
            ],
            Fault::LostUpdate => &["strong-read-committed", "causal"],
            Fault::WriteSkew => &["strong-snapshot-isolation"],
            Fault::LongFork => &["strong-read-committed", "parallel-snapshot-isolation"],
            Fault::StaleSnapshot => &["strong-session-serializable", "strong-read-committed"],
            Fault::BrokenSession => &["serializable", "strong-read-committed"],
        }
    }

    /// The names of what it leads to, the first in many of its runs.
    pub fn leads_to(self) -> &'static [&'static str] {
        match self {
            Fault::None => &[],
            Fault::AbortedRead => &["G1a"],
            Fault::DirtyRead => &["G1b", "G1c"],
            Fault::ReadSkew => &["G-single", "fractured-read", "internal"],
            Fault::LostUpdate => &["lost-update"],
            Fault::WriteSkew => &["G2-item"],
            Fault::LongFork => &["long-fork"],
            Fault::StaleSnapshot => &["G-single-realtime"],
            Fault::BrokenSession => &["missing-your-writes", "non-monotonic-reads"],
        }
    }
}
