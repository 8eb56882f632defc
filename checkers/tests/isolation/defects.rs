//! Ways to be wrong, one each: a few transactions that only a database with that defect
//! can have, and what they are called. Put into a run that is right, they are all that
//! is wrong with it.

use crate::model::{Case, Data, End, Mop, Txn};
use crate::simulated::TICKS;

pub struct Defect {
    /// The anomaly that must be found.
    pub name: &'static str,
    /// The weakest levels that it breaks on lists.
    pub breaks: &'static [&'static str],
    txns: fn() -> Vec<Txn>,
}

const X: u32 = 0;
const Y: u32 = 1;
const Z: u32 = 2;

fn w(key: u32, value: u32) -> Mop {
    Mop::Write(key, value)
}

fn r(key: u32, seen: &[u32]) -> Mop {
    Mop::Read(key, seen.to_vec())
}

/// A transaction with all others beside it.
fn t(mops: &[Mop]) -> Txn {
    Txn {
        process: 0,
        mops: mops.to_vec(),
        end: End::Ok,
        invoked: 0,
        returned: 0,
    }
}

fn aborted(mops: &[Mop]) -> Txn {
    Txn {
        end: End::Fail,
        ..t(mops)
    }
}

/// A transaction of a process, as the one in that place of time.
fn then(process: u64, place: usize, mops: &[Mop]) -> Txn {
    Txn {
        process,
        invoked: 10 * place,
        returned: 10 * place + 5,
        ..t(mops)
    }
}

pub const ALL: &[Defect] = &[
    Defect {
        name: "garbage-read",
        breaks: &[
            "read-uncommitted",
            "read-your-writes",
            "monotonic-reads",
            "monotonic-writes",
            "writes-follow-reads",
        ],
        txns: || vec![t(&[r(X, &[1, 99])])],
    },
    Defect {
        name: "G0",
        breaks: &["read-uncommitted", "monotonic-writes"],
        txns: || {
            vec![
                t(&[w(X, 3), w(Y, 4)]),
                t(&[w(X, 5), w(Y, 6)]),
                t(&[r(X, &[1, 3, 5]), r(Y, &[2, 6, 4])]),
            ]
        },
    },
    Defect {
        name: "G1a",
        breaks: &["read-committed"],
        txns: || vec![aborted(&[w(X, 3)]), t(&[r(X, &[1, 3])])],
    },
    Defect {
        name: "G1b",
        breaks: &["read-committed"],
        txns: || {
            vec![
                t(&[w(X, 3), w(X, 4)]),
                t(&[r(X, &[1, 3])]),
                t(&[r(X, &[1, 3, 4])]),
            ]
        },
    },
    // A dirty read, both ways.
    Defect {
        name: "G1c",
        breaks: &["read-committed"],
        txns: || vec![t(&[w(X, 3), r(Y, &[2, 4])]), t(&[w(Y, 4), r(X, &[1, 3])])],
    },
    Defect {
        name: "dirty-update",
        breaks: &["read-committed"],
        txns: || vec![aborted(&[w(X, 3)]), t(&[w(X, 4)]), t(&[r(X, &[1, 3, 4])])],
    },
    Defect {
        name: "future-read",
        breaks: &["read-committed"],
        txns: || vec![t(&[r(X, &[1, 3]), w(X, 3)])],
    },
    Defect {
        name: "observed-transaction-vanishes",
        breaks: &["monotonic-atomic-view", "repeatable-read"],
        txns: || vec![t(&[w(X, 3), w(Y, 4)]), t(&[r(Y, &[2, 4]), r(X, &[1])])],
    },
    Defect {
        name: "fractured-read",
        breaks: &["read-atomic", "repeatable-read"],
        txns: || vec![t(&[w(X, 3), w(Y, 4)]), t(&[r(X, &[1]), r(Y, &[2, 4])])],
    },
    Defect {
        name: "internal",
        breaks: &["read-atomic"],
        txns: || vec![t(&[r(Z, &[]), w(Z, 3), r(Z, &[])])],
    },
    Defect {
        name: "lost-update",
        breaks: &["cursor-stability"],
        txns: || {
            vec![
                t(&[r(X, &[1]), w(X, 3)]),
                t(&[r(X, &[1]), w(X, 4)]),
                t(&[r(X, &[1, 3, 4])]),
            ]
        },
    },
    Defect {
        name: "causality-violation",
        breaks: &["causal-cerone", "repeatable-read"],
        txns: || {
            vec![
                t(&[w(X, 3)]),
                t(&[r(X, &[1, 3]), w(Y, 4)]),
                t(&[r(X, &[1]), r(Y, &[2, 4])]),
            ]
        },
    },
    // Read skew, by versions that nobody read.
    Defect {
        name: "G-single",
        breaks: &["parallel-snapshot-isolation", "repeatable-read"],
        txns: || {
            vec![
                t(&[w(X, 3), w(Z, 5)]),
                t(&[w(Z, 6), w(Y, 4)]),
                t(&[r(X, &[1]), r(Y, &[2, 4])]),
                t(&[r(Z, &[5, 6])]),
            ]
        },
    },
    Defect {
        name: "long-fork",
        breaks: &["snapshot-isolation", "repeatable-read"],
        txns: || {
            vec![
                t(&[w(X, 3)]),
                t(&[w(Y, 4)]),
                t(&[r(X, &[1, 3]), r(Y, &[2])]),
                t(&[r(X, &[1]), r(Y, &[2, 4])]),
            ]
        },
    },
    // Write skew.
    Defect {
        name: "G2-item",
        breaks: &["repeatable-read"],
        txns: || {
            vec![
                t(&[r(X, &[1]), r(Y, &[2]), w(Y, 3)]),
                t(&[r(X, &[1]), r(Y, &[2]), w(X, 4)]),
                t(&[r(X, &[1, 4]), r(Y, &[2, 3])]),
            ]
        },
    },
    Defect {
        name: "missing-your-writes",
        breaks: &[
            "read-your-writes",
            "causal",
            "strong-session-snapshot-isolation",
        ],
        txns: || vec![then(7, 0, &[w(X, 3)]), then(7, 1, &[r(X, &[1])])],
    },
    Defect {
        name: "non-monotonic-reads",
        breaks: &[
            "monotonic-reads",
            "causal",
            "strong-session-snapshot-isolation",
        ],
        txns: || {
            vec![
                t(&[w(X, 3)]),
                then(7, 0, &[r(X, &[1, 3])]),
                then(7, 1, &[r(X, &[1])]),
            ]
        },
    },
    Defect {
        name: "non-monotonic-writes",
        breaks: &["monotonic-writes", "strong-session-read-uncommitted"],
        txns: || {
            vec![
                then(7, 0, &[w(X, 3)]),
                then(7, 1, &[w(X, 4)]),
                t(&[r(X, &[1, 4, 3])]),
            ]
        },
    },
    Defect {
        name: "missing-read-write-dependency",
        breaks: &["writes-follow-reads", "strong-session-read-committed"],
        txns: || {
            vec![
                t(&[w(X, 3), w(Y, 4)]),
                then(7, 0, &[r(X, &[1, 3])]),
                then(7, 1, &[w(Y, 5)]),
                t(&[r(Y, &[2, 5, 4])]),
            ]
        },
    },
    // A stale snapshot.
    Defect {
        name: "G-single-realtime",
        breaks: &["strong-snapshot-isolation"],
        txns: || vec![then(7, 0, &[w(X, 3)]), then(8, 1, &[r(X, &[1])])],
    },
];

/// Ways that only lists tell.
pub const OF_LISTS: &[Defect] = &[
    Defect {
        name: "duplicate-elements",
        breaks: &["read-uncommitted"],
        txns: || vec![t(&[r(X, &[1, 1])])],
    },
    Defect {
        name: "incompatible-order",
        breaks: &["read-committed"],
        txns: || {
            vec![
                t(&[w(X, 3)]),
                t(&[w(X, 4)]),
                t(&[r(X, &[1, 3])]),
                t(&[r(X, &[1, 4])]),
            ]
        },
    },
];

impl Defect {
    /// Its transactions alone, after one that wrote X and Y.
    pub fn case(&self, data: Data) -> Case {
        let mut txns = (self.txns)();
        let count = txns.len();
        for (at, txn) in txns.iter_mut().enumerate() {
            if txn.returned == 0 {
                txn.process = at as u64;
                (txn.invoked, txn.returned) = (100 + at, 200 + at);
            } else {
                // Within those of which the time does not matter.
                (txn.invoked, txn.returned) = (txn.invoked + 120, txn.returned + 120);
            }
        }
        let first = Txn {
            process: count as u64 + 10,
            invoked: 1,
            returned: 2,
            ..t(&[w(X, 1), w(Y, 2)])
        };
        txns.insert(0, first);
        for mop in txns.iter_mut().flat_map(|txn| &mut txn.mops) {
            if let (Mop::Read(_, seen), Data::Registers) = (mop, data) {
                *seen = seen.split_off(seen.len().saturating_sub(1));
            }
        }
        Case { data, txns }
    }

    /// Puts its transactions into a run, after that many of the run's.
    pub fn put_into(&self, run: &mut Case, after: usize) {
        let start = run.txns[after].invoked;
        assert!(start.is_multiple_of(TICKS));
        for mut txn in self.case(run.data).txns {
            txn.process += 1_000_000;
            (txn.invoked, txn.returned) = (txn.invoked + start, txn.returned + start);
            for mop in &mut txn.mops {
                match mop {
                    Mop::Write(key, _) | Mop::Read(key, _) => *key += 1_000_000,
                }
            }
            run.txns.push(txn);
        }
    }
}
