//! What was found wrong in a history of transactions, before it is put in words that
//! a verdict holds. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Step;
use super::phenomena::Phenomenon;
use crate::verdict::ANOMALIES_MAX;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The key it happened to, if it happened to one.
    pub(crate) key: Option<u32>,
    /// What happened, in a sentence or two that can be checked against the history.
    pub(crate) explanation: String,
    /// The transactions that show it.
    pub(crate) transactions: Vec<u32>,
    /// The cycle that it is, if it is one: each step, which starts where the last ended,
    /// and why it is one.
    pub(crate) steps: Vec<(Step, String)>,
}

/// All of it: every kind with its number, and the first of each.
#[derive(Debug, Default, Clone)]
pub(crate) struct Findings {
    all: BTreeMap<Phenomenon, (u64, Vec<Finding>)>,
    /// Of which there may be more: the search for them was cut short.
    cut: BTreeSet<Phenomenon>,
}

impl Findings {
    /// Counts one; it is only worded if it will be kept.
    pub(crate) fn add(&mut self, phenomenon: Phenomenon, word: impl FnOnce() -> Finding) {
        let (count, kept) = self.all.entry(phenomenon).or_default();
        *count += 1;
        if kept.len() < ANOMALIES_MAX {
            kept.push(word());
        }
    }

    /// There may be more of it than were counted.
    pub(crate) fn cut(&mut self, phenomenon: Phenomenon) {
        self.cut.insert(phenomenon);
    }

    /// Whether so many is at least how many there are.
    pub(crate) fn is_cut(&self, phenomenon: Phenomenon) -> bool {
        self.cut.contains(&phenomenon)
    }

    /// Adds all of the other's.
    pub(crate) fn merge(&mut self, other: Findings) {
        self.cut.extend(other.cut);
        for (phenomenon, (number, found)) in other.all {
            let (count, kept) = self.all.entry(phenomenon).or_default();
            *count += number;
            kept.extend(found);
            kept.truncate(ANOMALIES_MAX);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every kind that was found: how many, and the first of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Phenomenon, u64, &[Finding])> {
        self.all
            .iter()
            .map(|(&phenomenon, (count, kept))| (phenomenon, *count, &kept[..]))
    }
}
