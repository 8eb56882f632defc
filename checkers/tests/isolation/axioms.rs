//! Levels by what transactions see of each other, after Cerone, Bernardi and Gotsman, "A
//! Framework for Transactional Consistency Models with Atomic Visibility" (2015): is there
//! an order of all transactions (AR), and for each a set of earlier ones that it sees
//! (VIS), such that each reads the last that it sees of a key, and its own writes? It
//! knows no edges, no cycles and no orders of versions besides.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Case, Data, End, Mop};
use crate::replay::{Respect, committed_sets};

/// What a level asks of visibility, besides that reads agree with it.
#[derive(Debug, Clone, Copy)]
pub struct Axioms {
    /// One sees what those see that it sees.
    pub transitive: bool,
    /// Of two that write the same key, the later one sees the earlier one.
    pub no_conflict: bool,
    /// One sees all that comes before what it sees.
    pub prefix: bool,
    /// One sees all that comes before it.
    pub total: bool,
    /// What must be seen whatever else is.
    pub respect: Respect,
}

pub const READ_ATOMIC: Axioms = Axioms {
    transitive: false,
    no_conflict: false,
    prefix: false,
    total: false,
    respect: Respect::Nothing,
};

pub const CAUSAL: Axioms = Axioms {
    transitive: true,
    ..READ_ATOMIC
};

pub const PARALLEL_SNAPSHOT: Axioms = Axioms {
    no_conflict: true,
    ..CAUSAL
};

pub const SNAPSHOT: Axioms = Axioms {
    prefix: true,
    ..PARALLEL_SNAPSHOT
};

pub const SERIAL: Axioms = Axioms {
    total: true,
    ..SNAPSHOT
};

impl Axioms {
    pub fn with(self, respect: Respect) -> Axioms {
        Axioms { respect, ..self }
    }
}

/// Whether some order and visibility satisfy the axioms.
pub fn hold(case: &Case, axioms: Axioms) -> bool {
    committed_sets(case)
        .iter()
        .any(|left| next(case, axioms, left, &mut Vec::new()))
}

/// A transaction in its place, and which of those before it, by their place, it sees.
type Placed = (usize, BTreeSet<usize>);

fn next(case: &Case, axioms: Axioms, left: &BTreeSet<usize>, placed: &mut Vec<Placed>) -> bool {
    if left.is_empty() {
        return are_prefixes(case, placed);
    }
    for &txn in left {
        let must_wait = |&other: &usize| axioms.respect.asks(case, other, txn);
        if left.iter().any(must_wait) {
            continue;
        }
        let mut left = left.clone();
        left.remove(&txn);
        for seen in 0..1u32 << placed.len() {
            let seen = (0..placed.len()).filter(|at| seen >> at & 1 == 1).collect();
            if !allows(case, axioms, placed, txn, &seen) || !explains(case, placed, txn, &seen) {
                continue;
            }
            placed.push((txn, seen));
            let found = next(case, axioms, &left, placed);
            placed.pop();
            if found {
                return true;
            }
        }
    }
    false
}

fn allows(
    case: &Case,
    axioms: Axioms,
    placed: &[Placed],
    txn: usize,
    seen: &BTreeSet<usize>,
) -> bool {
    let write_the_same = |other: usize| {
        let written = |mop: &&Mop| matches!(mop, Mop::Write(..));
        let mine = case.txns[txn].mops.iter().filter(written);
        let theirs = case.txns[other].mops.iter().filter(written);
        mine.into_iter()
            .any(|mop| theirs.clone().any(|other| other.key() == mop.key()))
    };
    placed.iter().enumerate().all(|(at, (other, they_see))| {
        let sees = seen.contains(&at);
        let must = axioms.total
            || axioms.respect.asks(case, *other, txn)
            || axioms.no_conflict && write_the_same(*other)
            || axioms.prefix && seen.iter().any(|&later| later > at);
        (sees || !must) && (!sees || !axioms.transitive || they_see.is_subset(seen))
    })
}

/// Whether its reads saw what those transactions leave, in their order, and what it
/// wrote itself before.
fn explains(case: &Case, placed: &[Placed], txn: usize, seen: &BTreeSet<usize>) -> bool {
    if case.txns[txn].end != End::Ok {
        return true;
    }
    let mut state: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let write = |state: &mut BTreeMap<u32, Vec<u32>>, key: u32, value: u32| {
        let stored = state.entry(key).or_default();
        if case.data == Data::Registers {
            stored.clear();
        }
        stored.push(value);
    };
    for mop in seen.iter().flat_map(|&at| &case.txns[placed[at].0].mops) {
        if let Mop::Write(key, value) = mop {
            write(&mut state, *key, *value);
        }
    }
    case.txns[txn].mops.iter().all(|mop| match mop {
        Mop::Write(key, value) => {
            write(&mut state, *key, *value);
            true
        }
        Mop::Read(key, seen) => state.get(key).map_or(&[][..], Vec::as_slice) == seen,
    })
}

/// Whether each list that was read is a beginning of all that was appended, in order:
/// the versions of a list are beginnings of one list.
fn are_prefixes(case: &Case, placed: &[Placed]) -> bool {
    if case.data == Data::Registers {
        return true;
    }
    let mut whole: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for mop in placed.iter().flat_map(|(txn, _)| &case.txns[*txn].mops) {
        if let Mop::Write(key, value) = mop {
            whole.entry(*key).or_default().push(*value);
        }
    }
    let known = placed.iter().map(|(txn, _)| &case.txns[*txn]);
    let mut reads = known
        .filter(|txn| txn.end == End::Ok)
        .flat_map(|txn| txn.reads());
    reads.all(|(_, key, seen)| {
        seen.is_empty() || whole.get(&key).is_some_and(|all| all.starts_with(seen))
    })
}
