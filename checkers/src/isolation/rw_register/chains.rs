//! Rows of versions of a key between which nothing comes, unless an update was lost: who
//! installed each had read the one before it.
//!
//! Adya's definitions do not ask whether it read it before or after it wrote: the
//! dependencies are the same, and so is the circle if another came between (G-cursor).

use super::facts::Facts;
use super::must::{Must, Why};
use crate::intern::NONE;

/// The row that each version is in, by its first and its last.
#[derive(Debug)]
pub(super) struct Chains {
    first: Vec<u32>,
    last: Vec<u32>,
}

impl Chains {
    /// Of an order that agrees with who read from whom. A version that two replaced ends
    /// its row. O(versions).
    pub(super) fn new(facts: &Facts<'_>, order: &[u32]) -> Self {
        let mut first: Vec<u32> = (0..facts.versions()).collect();
        let mut last = first.clone();
        let mut next = vec![NONE; first.len()];
        let writers = order.iter().filter(|&&vertex| vertex < facts.len());
        for &writer in writers.clone() {
            for &version in facts.installs(writer) {
                let replaced = replaced_by(facts, writer, version);
                if let Some(before) =
                    replaced.filter(|&v| sole_successor(facts, v) == Some(version))
                {
                    next[before as usize] = version;
                    first[version as usize] = first[before as usize];
                }
            }
        }
        let initial = (0..facts.key_count()).map(|key| facts.initial(key));
        for version in writers
            .rev()
            .flat_map(|&writer| facts.installs(writer).iter().copied())
            .chain(initial)
        {
            if next[version as usize] != NONE {
                last[version as usize] = last[next[version as usize] as usize];
            }
        }
        Chains { first, last }
    }

    /// What it means for the rows of two versions that one comes before the other.
    pub(super) fn lifted(&self, facts: &Facts<'_>, must: Must) -> Must {
        let Must { before, after, .. } = must;
        let (row, other) = (self.first[before as usize], self.first[after as usize]);
        // Within a row it is known, or contradicts it; before the first it contradicts it.
        if row == other || facts.is_initial(other) {
            return must;
        }
        let end = self.last[before as usize];
        if (end, other) == (before, after) {
            return must;
        }
        Must {
            before: end,
            after: other,
            why: Why::Chained { before, after },
        }
    }

    /// Rows that begin with the initial version come first.
    pub(super) fn begin(&self, facts: &Facts<'_>) -> Vec<Must> {
        let mut musts = Vec::new();
        for key in 0..facts.key_count() {
            let initial = facts.initial(key);
            let end = self.last[initial as usize];
            if end == initial {
                continue;
            }
            let others = facts
                .of_key(key)
                .filter(|&version| self.first[version as usize] == version);
            musts.extend(others.map(|after| Must {
                before: end,
                after,
                why: Why::Chained {
                    before: initial,
                    after,
                },
            }));
        }
        musts
    }

    /// Whether the versions of every key are in an order that is known: they are one row, or all
    /// but the initial one are, which comes first.
    pub(super) fn are_whole(&self, facts: &Facts<'_>) -> bool {
        (0..facts.key_count()).all(|key| {
            let initial = facts.initial(key);
            let firsts = facts
                .of_key(key)
                .filter(|&version| self.first[version as usize] == version);
            let stands_alone = self.last[initial as usize] == initial;
            firsts.count() <= usize::from(stands_alone)
        })
    }
}

/// Whether they may be, as far as single reads tell. O(versions).
pub(super) fn may_be_whole(facts: &Facts<'_>) -> bool {
    // By key, whether one that follows nothing was seen, or one that follows the initial one.
    let mut has_first = vec![false; facts.key_count() as usize];
    facts.counting().all(|writer| {
        let mut installs = facts.installs(writer).iter();
        installs.all(|&version| {
            let before = replaced_by(facts, writer, version);
            let before = before.filter(|&v| sole_successor(facts, v) == Some(version));
            match before {
                Some(before) if !facts.is_initial(before) => true,
                _ => !std::mem::replace(&mut has_first[facts.key(version) as usize], true),
            }
        })
    })
}

/// The version of the same key that the writer read, and no other.
pub(super) fn replaced_by(facts: &Facts<'_>, writer: u32, version: u32) -> Option<u32> {
    let key = facts.key(version);
    let of_key = |&read: &u32| facts.key(read) == key && read != version;
    let mut read = facts.reads(writer).iter().copied().filter(of_key);
    let first = read.next()?;
    read.all(|other| other == first).then_some(first)
}

/// The version that replaced it, if there is exactly one.
fn sole_successor(facts: &Facts<'_>, version: u32) -> Option<u32> {
    let key = facts.key(version);
    let mut successors = facts
        .readers(version)
        .iter()
        .filter_map(|&reader| facts.installed(reader, key))
        .filter(|&own| own != version);
    let first = successors.next()?;
    successors.all(|other| other == first).then_some(first)
}
