//! What holds of a small history by the definitions, word for word: all orders of
//! versions, all edges, all cycles. Slow, and clear.

use std::collections::{BTreeMap, BTreeSet};

use crate::cycles::{Graph, Kind};
use crate::facts::{ExternalRead, Facts, Versions};
use crate::levels;
use crate::model::{Case, Data};

pub type Names = BTreeSet<&'static str>;

/// What holds of a history.
#[derive(Debug)]
pub struct Judgement {
    /// Whether each level holds.
    pub levels: BTreeMap<&'static str, bool>,
    /// What exists with some order of versions, and what with all of them.
    pub some: Names,
    pub all: Names,
}

pub fn judge(case: &Case) -> Judgement {
    let facts = Facts::of(case);
    let orders = facts.orders();
    let found: Vec<Names> = orders
        .iter()
        .map(|versions| phenomena(&facts, versions))
        .collect();
    let holds = |level| {
        let forbidden = levels::forbidden(level);
        found.iter().any(|names| names.is_disjoint(&forbidden))
    };
    let some: Names = found.iter().flatten().copied().collect();
    let everywhere = |name: &&str| found.iter().all(|names| names.contains(name));
    Judgement {
        levels: levels::all().map(|level| (level, holds(level))).collect(),
        all: some.iter().copied().filter(everywhere).collect(),
        some,
    }
}

/// What exists with that order of versions, but for cycles, and how transactions depend on
/// each other.
pub fn told(facts: &Facts<'_>, versions: &Versions) -> (Names, Graph) {
    let ordered = Ordered::new(facts, versions);
    (ordered.besides_cycles(), ordered.graph)
}

/// All that exists with that order of versions.
pub fn phenomena(facts: &Facts<'_>, versions: &Versions) -> Names {
    let (mut found, graph) = told(facts, versions);
    found.extend(graph.cycles().into_keys());
    found
}

/// Whether all of these are edges with one order of versions; `by_observation`, where the
/// phenomenon asks of whom a transaction observed anything, behind own writes too.
pub fn are_edges(facts: &Facts<'_>, edges: &[(usize, usize, Kind)], by_observation: bool) -> bool {
    let observed = |&(from, to, kind): &(usize, usize, Kind)| {
        let mut reads = facts.shown.iter().filter(|read| read.txn == to);
        by_observation && kind == Kind::Wr && reads.any(|read| facts.observed(read).contains(&from))
    };
    facts.orders().iter().any(|versions| {
        let known: BTreeSet<_> = Ordered::new(facts, versions).graph.edges().collect();
        edges
            .iter()
            .all(|edge| known.contains(edge) || observed(edge))
    })
}

/// A history with an order of its versions.
struct Ordered<'a> {
    facts: &'a Facts<'a>,
    versions: &'a Versions,
    graph: Graph,
}

impl<'a> Ordered<'a> {
    fn new(facts: &'a Facts<'a>, versions: &'a Versions) -> Self {
        let graph = Graph::new(facts.case.txns.len());
        let mut ordered = Ordered {
            facts,
            versions,
            graph,
        };
        ordered.add_edges();
        ordered
    }

    /// The place of a value among the versions of its key: the initial one is at 0.
    fn place(&self, key: u32, value: u32) -> Option<usize> {
        let at = self.versions[&key].iter().position(|&other| other == value);
        at.map(|at| at + 1)
    }

    /// The place of the version that was read; none if it was never installed.
    fn place_read(&self, read: &ExternalRead<'_>) -> Option<usize> {
        match (self.facts.case.data, read.seen) {
            // What is no beginning of the list is no version.
            (Data::Lists, seen) => self.versions[&read.key]
                .starts_with(seen)
                .then_some(seen.len()),
            (Data::Registers, []) => Some(0),
            (Data::Registers, seen) => self.place(read.key, seen[0]),
        }
    }

    /// Places of all that the transaction wrote: in lists each element is in its place.
    fn written(&self, txn: usize, key: u32) -> Vec<usize> {
        let writes = self.facts.case.txns[txn].writes(key);
        writes.filter_map(|value| self.place(key, value)).collect()
    }

    /// The place of the version that the transaction installed: of lists the first that
    /// has all of its elements.
    fn installed(&self, txn: usize, key: u32) -> Option<usize> {
        self.written(txn, key).into_iter().max()
    }

    /// Whether the read saw less than what the transaction installed.
    fn is_older(&self, read: &ExternalRead<'_>, txn: usize) -> bool {
        txn != read.txn
            && match (self.place_read(read), self.installed(txn, read.key)) {
                (Some(seen), Some(installed)) => seen < installed,
                _ => false,
            }
    }

    fn add_edges(&mut self) {
        let Facts { case, counted, .. } = self.facts;
        for &first in counted {
            for &second in counted {
                for &key in self.versions.keys() {
                    let earlier = |a: &usize| self.written(second, key).iter().any(|b| a < b);
                    if self.written(first, key).iter().any(earlier) {
                        self.graph.add(first, second, Kind::Ww);
                    }
                }
                if case.precedes_in_process(first, second) {
                    self.graph.add(first, second, Kind::Process);
                }
                if case.precedes(first, second) {
                    self.graph.add(first, second, Kind::Realtime);
                }
            }
        }
        for read in &self.facts.external {
            let counted_writer = |&value: &u32| {
                let writer = self.facts.writer(read.key, value);
                writer.filter(|&writer| writer != read.txn)
            };
            // Behind its element there may be the reader's own, and some that do not count,
            // or stand there a second time.
            let firsts = (0..read.seen.len())
                .rev()
                .filter(|&at| !read.seen[..at].contains(&read.seen[at]));
            let writer = firsts.map(|at| &read.seen[at]).find_map(counted_writer);
            if let Some(writer) = writer {
                // A register's version that was never installed has no place.
                if self.place_read(read).is_some() {
                    self.graph.add(writer, read.txn, Kind::Wr);
                }
            }
            for &writer in counted {
                if self.is_older(read, writer) {
                    self.graph.add(read.txn, writer, Kind::Rw);
                }
            }
        }
    }

    fn besides_cycles(&self) -> Names {
        let mut found = self.facts.found.clone();
        self.atomic_visibility(&mut found);
        self.lost_update(&mut found);
        self.causality(&mut found);
        self.sessions(&mut found);
        // Its own elements stand in another order than it appended them.
        if !self.has_program_order() {
            found.insert("incompatible-order");
        }
        found
    }

    fn has_program_order(&self) -> bool {
        self.facts.counted.iter().all(|&txn| {
            let mut keys = self.versions.keys();
            keys.all(|&key| self.written(txn, key).is_sorted())
        })
    }

    fn atomic_visibility(&self, found: &mut Names) {
        let reads = &self.facts.shown;
        for observer in reads {
            for read in reads.iter().filter(|read| read.txn == observer.txn) {
                for writer in self.facts.observed(observer) {
                    if !self.is_older(read, writer) {
                        continue;
                    }
                    found.insert("fractured-read");
                    if observer.at < read.at {
                        found.insert("observed-transaction-vanishes");
                    }
                }
            }
        }
    }

    fn lost_update(&self, found: &mut Names) {
        for read in &self.facts.external {
            let own = self.installed(read.txn, read.key);
            let (Some(seen), Some(own)) = (self.place_read(read), own) else {
                continue;
            };
            let mut others = self.facts.counted.iter().filter(|&&txn| txn != read.txn);
            let between = |&txn: &usize| {
                let mut written = self.written(txn, read.key).into_iter();
                written.any(|place| seen < place && place < own)
            };
            if others.any(between) {
                found.insert("lost-update");
            }
        }
    }

    fn causality(&self, found: &mut Names) {
        let Facts { case, counted, .. } = self.facts;
        let mut graph = Graph::new(case.txns.len());
        for read in &self.facts.shown {
            for writer in self.facts.observed(read) {
                graph.add(writer, read.txn, Kind::Wr);
            }
        }
        for (from, to, kind) in self.graph.edges() {
            if kind == Kind::Process {
                graph.add(from, to, kind);
            }
        }
        for read in &self.facts.shown {
            for &writer in counted.iter().filter(|&&txn| self.is_older(read, txn)) {
                if graph.reaches(writer, read.txn, &[Kind::Wr]) {
                    found.insert("causality-violation");
                }
                if graph.reaches(writer, read.txn, &[Kind::Wr, Kind::Process]) {
                    found.insert("causality-violation-process");
                }
            }
        }
    }

    fn sessions(&self, found: &mut Names) {
        let Facts { case, shown, .. } = self.facts;
        let in_session = |first, second| case.precedes_in_process(first, second);
        for read in shown {
            let mut mine = self.facts.counted.iter();
            if mine.any(|&txn| in_session(txn, read.txn) && self.is_older(read, txn)) {
                found.insert("missing-your-writes");
            }
            let before = shown.iter().filter(|before| before.key == read.key);
            let newer = |before: &ExternalRead<'_>| {
                in_session(before.txn, read.txn)
                    && match (self.place_read(before), self.place_read(read)) {
                        (Some(before), Some(now)) => now < before,
                        _ => false,
                    }
            };
            if before.into_iter().any(newer) {
                found.insert("non-monotonic-reads");
            }
        }
        // Orders of writers that a session asks for; each must not lead back.
        let writes = |txn: usize| {
            self.versions
                .keys()
                .any(|&key| !self.written(txn, key).is_empty())
        };
        let ww = || self.graph.edges().filter(|edge| edge.2 == Kind::Ww);
        let mut monotonic = Graph::new(case.txns.len());
        let mut following = Graph::new(case.txns.len());
        for (from, to, kind) in ww() {
            monotonic.add(from, to, kind);
            following.add(from, to, kind);
        }
        for &(from, to) in &self.pairs() {
            if in_session(from, to) && writes(from) && writes(to) {
                monotonic.add(from, to, Kind::Process);
            }
        }
        for read in shown {
            let mops = &case.txns[read.txn].mops[read.at..];
            let writes_after = mops
                .iter()
                .any(|mop| matches!(mop, crate::model::Mop::Write(..)));
            for &to in &self.facts.counted {
                let later = match to == read.txn {
                    true => writes_after,
                    false => in_session(read.txn, to) && writes(to),
                };
                for from in self.facts.observed(read) {
                    if later {
                        following.add(from, to, Kind::Wr);
                    }
                    // No write is installed after itself.
                    if later && from == to && to != read.txn {
                        found.insert("missing-read-write-dependency");
                    }
                }
            }
        }
        let all = [Kind::Ww, Kind::Wr, Kind::Process];
        if (monotonic.edges()).any(|(from, to, _)| monotonic.reaches(to, from, &all)) {
            found.insert("non-monotonic-writes");
        }
        let mut asked = following.edges().filter(|edge| edge.2 == Kind::Wr);
        if asked.any(|(from, to, _)| following.reaches(to, from, &all)) {
            found.insert("missing-read-write-dependency");
        }
    }

    fn pairs(&self) -> Vec<(usize, usize)> {
        let counted = &self.facts.counted;
        let with = |&first: &usize| counted.iter().map(move |&second| (first, second));
        counted.iter().flat_map(with).collect()
    }
}
