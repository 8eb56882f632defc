//! What the strongest levels mean, without any graph: is there an order to run the
//! transactions in, one after the other or each on a snapshot, such that every read
//! sees what it saw? It holds the oracle's definitions to account.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Case, Data, End, Mop};

/// Which transactions must come before which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respect {
    Nothing,
    Processes,
    RealTime,
}

impl Respect {
    pub fn asks(self, case: &Case, first: usize, second: usize) -> bool {
        match self {
            Respect::Nothing => false,
            Respect::Processes => case.precedes_in_process(first, second),
            Respect::RealTime => case.precedes(first, second),
        }
    }
}

/// What is stored under each key.
type State = BTreeMap<u32, Vec<u32>>;

/// Does what the transaction does, to the state; none if a read saw something else.
/// What one reads of which nobody knows is never wrong.
fn apply(case: &Case, txn: usize, state: &State) -> Option<State> {
    let mut state = state.clone();
    for mop in &case.txns[txn].mops {
        match mop {
            Mop::Write(key, value) => {
                let stored = state.entry(*key).or_default();
                if case.data == Data::Registers {
                    stored.clear();
                }
                stored.push(*value);
            }
            Mop::Read(key, seen) => {
                let stored = state.get(key).map_or(&[][..], Vec::as_slice);
                if case.txns[txn].end == End::Ok && stored != seen {
                    return None;
                }
            }
        }
    }
    Some(state)
}

/// Every set of transactions that may have committed: all that are known to, and some
/// of those of which nobody knows.
pub fn committed_sets(case: &Case) -> Vec<BTreeSet<usize>> {
    let all = || 0..case.txns.len();
    let known = all().filter(|&txn| case.txns[txn].end == End::Ok);
    let mut sets = vec![known.collect::<BTreeSet<usize>>()];
    for txn in all().filter(|&txn| case.txns[txn].is_unknown()) {
        let with = sets.clone().into_iter().map(|mut set| {
            set.insert(txn);
            set
        });
        sets.extend(with.collect::<Vec<_>>());
    }
    sets
}

/// Whether the transactions can have run one after the other.
pub fn is_serializable(case: &Case, respect: Respect) -> bool {
    let serial = |left: BTreeSet<usize>| next_serial(case, respect, &left, &State::new());
    committed_sets(case).into_iter().any(serial)
}

fn next_serial(case: &Case, respect: Respect, left: &BTreeSet<usize>, state: &State) -> bool {
    let may_be_next = |&&txn: &&usize| !left.iter().any(|&other| respect.asks(case, other, txn));
    left.is_empty()
        || left.iter().filter(may_be_next).any(|&txn| {
            let mut left = left.clone();
            left.remove(&txn);
            apply(case, txn, state).is_some_and(|state| next_serial(case, respect, &left, &state))
        })
}

/// A run on snapshots, up to some point.
#[derive(Clone)]
struct Run {
    left: BTreeSet<usize>,
    /// Started, and not committed; and whether what it writes was written since.
    open: BTreeMap<usize, bool>,
    state: State,
}

/// Whether the transactions can have run each on a snapshot that was taken as it
/// started, none committing what another had written since. With an order to respect, one
/// starts after those before it have committed.
pub fn is_snapshot_isolated(case: &Case, respect: Respect) -> bool {
    committed_sets(case).into_iter().any(|left| {
        let run = Run {
            left,
            open: BTreeMap::new(),
            state: State::new(),
        };
        next_point(case, respect, &run, &mut BTreeSet::new())
    })
}

/// Runs that led nowhere: what was left, what was open, and what was stored.
type Failed = BTreeSet<(BTreeSet<usize>, BTreeMap<usize, bool>, State)>;

fn next_point(case: &Case, respect: Respect, run: &Run, failed: &mut Failed) -> bool {
    if run.left.is_empty() && run.open.is_empty() {
        return true;
    }
    if !failed.insert((run.left.clone(), run.open.clone(), run.state.clone())) {
        return false;
    }
    let undone = || run.left.iter().chain(run.open.keys());
    let may_start = |&&txn: &&usize| !undone().any(|&other| respect.asks(case, other, txn));
    let started = run.left.iter().filter(may_start).any(|&txn| {
        // All that it reads is decided here: the snapshot, and its own writes.
        let mut run = run.clone();
        run.left.remove(&txn);
        run.open.insert(txn, false);
        apply(case, txn, &run.state).is_some() && next_point(case, respect, &run, failed)
    });
    started
        || run.open.iter().any(|(&txn, &overtaken)| {
            if overtaken {
                return false;
            }
            let mut run = run.clone();
            run.open.remove(&txn);
            let written = |mop: &Mop| matches!(mop, Mop::Write(..)).then(|| mop.key());
            let keys = |txn: usize| case.txns[txn].mops.iter().filter_map(written);
            for (&other, overtaken) in &mut run.open {
                *overtaken |= keys(other).any(|key| keys(txn).any(|mine| mine == key));
            }
            for mop in &case.txns[txn].mops {
                if let Mop::Write(key, value) = mop {
                    let stored = run.state.entry(*key).or_default();
                    if case.data == Data::Registers {
                        stored.clear();
                    }
                    stored.push(*value);
                }
            }
            next_point(case, respect, &run, failed)
        })
}
