//! What is wrong with a run whose order of versions is known: phenomena by their
//! definitions, and cycles by the algebra of relations, as Cerone and Gotsman (2018) put
//! the levels. Any run of up to 64 transactions; it searches nothing.

use std::collections::BTreeMap;

use crate::cycles::Graph;
use crate::cycles::Kind::{self, Process, Realtime, Rw, Wr, Ww};
use crate::facts::{Facts, Versions};
use crate::levels;
use crate::oracle::{self, Names};

/// What is true of a run.
#[derive(Debug)]
pub struct Truth {
    /// Whether each level holds.
    pub levels: BTreeMap<&'static str, bool>,
    /// All that there is. Of a cycle it may be that only a wider name has it: one that all
    /// levels forbid which forbid that.
    pub some: Names,
    /// What there is for certain: of cycles with several rw only those of two transactions
    /// and those of two readers that saw two writes in opposite orders.
    pub plain: Names,
}

/// By the order that it needs, what a cycle is called.
const G0: [&str; 3] = ["G0", "G0-process", "G0-realtime"];
const G1C: [&str; 3] = ["G1c", "G1c-process", "G1c-realtime"];
const G_SINGLE: [&str; 3] = ["G-single", "G-single-process", "G-single-realtime"];
const G_NONADJACENT: [&str; 3] = [
    "G-nonadjacent",
    "G-nonadjacent-process",
    "G-nonadjacent-realtime",
];
const G2_ITEM: [&str; 3] = ["G2-item", "G2-item-process", "G2-item-realtime"];

pub fn of(facts: &Facts<'_>, versions: &Versions) -> Truth {
    let (told, graph) = oracle::told(facts, versions);
    let relation = |kinds: &[Kind]| Relation::of(&graph, facts.case.txns.len(), kinds);
    let rw = relation(&[Rw]);
    let mut truth = Truth {
        levels: BTreeMap::new(),
        some: told.clone(),
        plain: told,
    };
    let orders: [&[Kind]; 3] = [&[], &[Process], &[Realtime]];
    for (order, kinds) in orders.into_iter().enumerate() {
        let ww = relation(&[&[Ww], kinds].concat());
        let dependency = relation(&[&[Ww, Wr], kinds].concat());
        let paths = dependency.paths();
        let has_single = rw.then(&paths).is_on_itself();
        // No two rw follow each other.
        let nonadjacent = dependency.or(&dependency.then(&rw));
        let found = [
            (G0, ww.is_cyclic()),
            (G1C, dependency.is_cyclic()),
            (G_SINGLE, has_single),
            (G_NONADJACENT, nonadjacent.is_cyclic()),
            (G2_ITEM, dependency.or(&rw).is_cyclic()),
        ];
        for (names, is_there) in found {
            // Without an order of more kinds it is there by another name.
            let is_new = !truth.some.contains(names[0]) && !truth.some.contains(names[1]);
            let is_exact = names == G0 || names == G1C && !ww.is_cyclic() || names == G_SINGLE;
            if is_there && is_new && is_exact {
                truth.plain.insert(names[order]);
            }
            if is_there {
                truth.some.insert(names[order]);
            }
        }
    }
    // Of a cycle through a wr, the way back is one of ww and wr.
    let back = relation(&[Ww, Wr]).paths();
    if relation(&[Wr]).then(&back).is_on_itself() {
        truth.plain.insert("G1c");
    }
    if rw.then(&rw).is_on_itself() {
        truth.plain.insert("G2-item");
    }
    if is_forked(&rw, &relation(&[Wr])) {
        truth.plain.insert("long-fork");
        truth.some.insert("long-fork");
    }
    let holds = |level| levels::forbidden(level).is_disjoint(&truth.some);
    truth.levels = levels::all().map(|level| (level, holds(level))).collect();
    truth
}

/// Whether two readers each missed one write that the other saw.
fn is_forked(rw: &Relation, wr: &Relation) -> bool {
    let pairs = |relation: &Relation| relation.pairs().collect::<Vec<_>>();
    let (missed, saw) = (pairs(rw), pairs(wr));
    missed.iter().any(|&(first, write)| {
        let seconds = saw
            .iter()
            .filter(|&&(by, second)| by == write && second != first);
        seconds.into_iter().any(|&(_, second)| {
            let mut others = missed.iter().filter(|&&(by, _)| by == second);
            others.any(|&(_, other)| other != write && other != first && wr.has(other, first))
        })
    })
}

/// Which transaction is before which: by transaction, a bit for each.
#[derive(Debug, Clone)]
struct Relation(Vec<u64>);

impl Relation {
    fn of(graph: &Graph, size: usize, kinds: &[Kind]) -> Self {
        assert!(size <= 64, "a bit for each transaction");
        let mut rows = vec![0; size];
        for (from, to, kind) in graph.edges() {
            if kinds.contains(&kind) {
                rows[from] |= 1 << to;
            }
        }
        Relation(rows)
    }

    fn has(&self, from: usize, to: usize) -> bool {
        self.0[from] >> to & 1 == 1
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let all = 0..self.0.len();
        all.clone()
            .flat_map(move |from| all.clone().map(move |to| (from, to)))
            .filter(|&(from, to)| self.has(from, to))
    }

    /// Either of the two.
    fn or(&self, other: &Relation) -> Relation {
        let rows = self.0.iter().zip(&other.0);
        Relation(rows.map(|(a, b)| a | b).collect())
    }

    /// The one, and then the other.
    fn then(&self, other: &Relation) -> Relation {
        let all = 0..self.0.len();
        let row = |from: usize| {
            let reached = all.clone().filter(|&to| self.has(from, to));
            reached.fold(0, |row, to| row | other.0[to])
        };
        Relation(all.clone().map(row).collect())
    }

    /// It, any number of times, but at least once (Warshall 1962).
    fn paths(&self) -> Relation {
        let mut paths = self.clone();
        for by in 0..paths.0.len() {
            for from in 0..paths.0.len() {
                if paths.has(from, by) {
                    paths.0[from] |= paths.0[by];
                }
            }
        }
        paths
    }

    fn is_on_itself(&self) -> bool {
        (0..self.0.len()).any(|at| self.has(at, at))
    }

    fn is_cyclic(&self) -> bool {
        self.paths().is_on_itself()
    }
}
