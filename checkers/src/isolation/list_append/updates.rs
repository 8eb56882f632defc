//! Updates that were lost: a transaction read a list and appended to it, and what another
//! had appended in between it did not see.
//!
//! Who read the whole list and appended what no list shows came before all others of which
//! none does, or its update was lost. Whether that can be for all keys at once decides
//! cursor-stability.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::observed::decision;
use super::{Lists, TOGETHER};
use crate::intern::NONE;
use crate::isolation::cycles::shortest_cycles;
use crate::isolation::data::{Data, Decision};
use crate::isolation::explain;
use crate::isolation::findings::Findings;
use crate::isolation::graph::{GraphBuilder, Kind, Kinds, Step};
use crate::isolation::phenomena::{Order, Phenomenon};
use crate::isolation::words::{self, listed};

/// Reads of lists by transactions that appended to them.
#[derive(Debug, Default)]
struct Updates {
    /// A reader, another that appended in between, the key, and how long the list was.
    found: Vec<(u32, u32, u32, u32)>,
    /// Keys, and readers of a whole list who appended to it what no list shows.
    unseen: Vec<(u32, u32)>,
}

impl Lists<'_> {
    /// What a transaction read and then appended to.
    fn find_updates(&self, at: u32, updates: &mut Updates) {
        if !self.appends_something(at) {
            return;
        }
        let mut appended = None;
        for (_, key, length) in self.external(at) {
            let appended = appended.get_or_insert_with(|| self.appended(at));
            let Ok(place) = appended.binary_search_by_key(&key, |&(known, ..)| known) else {
                continue;
            };
            let (_, _, last) = appended[place];
            let writers = &self.chains[key as usize].writers;
            let between = writers.get(length as usize..last as usize).unwrap_or(&[]);
            let other = between.iter().find(|&&other| other != NONE && other != at);
            match other {
                Some(&other) => updates.found.push((at, other, key, length)),
                None if last as usize == writers.len() => updates.unseen.push((key, at)),
                None => {}
            }
        }
    }

    /// A transaction read a version and appended, and another had appended in between. And
    /// of keys of which several appended what no list shows, the one that had read the list.
    pub(super) fn find_lost_updates(&self, findings: &mut Findings) -> Vec<(u32, u32)> {
        let transactions = self.transactions;
        let Updates {
            mut found,
            mut unseen,
        } = (0..transactions.len() as u32)
            .into_par_iter()
            .with_min_len(TOGETHER)
            .filter(|&at| self.counts[at as usize])
            .fold(Updates::default, |mut updates, at| {
                self.find_updates(at, &mut updates);
                updates
            })
            .reduce(Updates::default, |mut some, mut more| {
                some.found.append(&mut more.found);
                some.unseen.append(&mut more.unseen);
                some
            });
        unseen.sort_unstable();
        unseen.dedup();
        let mut first = Vec::new();
        for of_key in unseen.chunk_by(|a, b| a.0 == b.0) {
            match *of_key {
                [(key, reader), (_, other), ..] => {
                    let length = self.chains[key as usize].writers.len() as u32;
                    found.push((other, reader, key, length));
                }
                [(key, reader)] if self.chains[key as usize].unseen.len() > 1 => {
                    first.push((key, reader));
                }
                _ => {}
            }
        }
        for (at, other, key, length) in found {
            findings.add(Phenomenon::LostUpdate, || self.finding(key, &[at, other], || {
                let read = |&(_, of, seen): &(usize, u32, u32)| (of, seen) == (key, length);
                let read = self.external(at).find(read);
                let list = read.map_or(&[][..], |(place, ..)| self.list_at(at, place));
                format!(
                    "{} read {} of key {} and appended to it, and {} had appended in between, or did the same: one of the two did not see the other",
                    words::transaction(transactions, at),
                    listed(transactions, list, NONE),
                    transactions.key(key),
                    words::transaction(transactions, other),
                )
            }));
        }
        first
    }

    /// Whether all who read a list and appended to it can come first of those whose appends
    /// no list shows, in an order without G0 and G1c: the order of nothing else matters. O(n).
    pub(super) fn decide_cursor(&self) -> Decision {
        if self.first.is_empty() {
            return Decision::Holds;
        }
        let mut graph = GraphBuilder::new(self.transactions.len() as u32);
        self.edges(Order::Free, true, &mut graph);
        // By edge, the key.
        let mut added: HashMap<(u32, u32), u32, FixedState> = HashMap::default();
        for &(key, reader) in &self.first {
            let unseen = self.chains[key as usize].unseen.iter();
            for &other in unseen.filter(|&&other| other != reader) {
                graph.edge(reader, other, Kind::Ww);
                added.insert((reader, other), key);
            }
        }
        let mut findings = Findings::default();
        let kinds = Kinds::of(&[Kind::Ww, Kind::Wr]);
        for cycle in shortest_cycles(&graph.build(), kinds, Kind::Ww, &self.stop) {
            findings.add(Phenomenon::LostUpdate, || {
                let mut finding = explain::cycle(self.transactions, self, &cycle);
                finding.explanation = self.lost_in_words(&cycle, &added);
                // What was assumed is no edge: there is no cycle to show.
                finding.steps.clear();
                finding
            });
        }
        decision(findings)
    }

    fn lost_in_words(
        &self,
        cycle: &[Step],
        added: &HashMap<(u32, u32), u32, FixedState>,
    ) -> String {
        let transactions = self.transactions;
        let name = |at: u32| words::transaction(transactions, at);
        let mut explanation = String::new();
        for &step in cycle {
            let (from, to) = (name(step.from), name(step.to));
            let sentence = match (self.reason(step), added.get(&(step.from, step.to))) {
                (Some(reason), _) => format!("{from} came before {to}: {}. ", reason.sentence),
                (None, Some(&key)) => format!(
                    "{from} read {} of key {} and appended to it, and so did {to}, which it did not see: {from} came before {to}, or its update was lost. ",
                    listed(transactions, transactions.longest(key), NONE),
                    transactions.key(key),
                ),
                (None, None) => String::new(),
            };
            explanation.push_str(&sentence);
        }
        explanation.push_str("They cannot all have come before the next");
        explanation
    }
}
