//! Every simple cycle of a small graph, and the name of each. It knows edges and no
//! transactions.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Ww,
    Wr,
    Rw,
    Process,
    Realtime,
}

impl Kind {
    pub fn named(name: &str) -> Option<Kind> {
        let all = [
            ("ww", Ww),
            ("wr", Wr),
            ("rw", Rw),
            ("process", Process),
            ("realtime", Realtime),
        ];
        all.into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| kind)
    }
}

use Kind::{Process, Realtime, Rw, Wr, Ww};

/// Edges between vertices below `size`, of several kinds side by side.
#[derive(Debug)]
pub struct Graph {
    size: usize,
    edges: BTreeSet<(usize, usize, Kind)>,
}

impl Graph {
    pub fn new(size: usize) -> Self {
        Graph {
            size,
            edges: BTreeSet::new(),
        }
    }

    /// There are no edges of a vertex to itself.
    pub fn add(&mut self, from: usize, to: usize, kind: Kind) {
        if from != to {
            self.edges.insert((from, to, kind));
        }
    }

    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, Kind)> {
        self.edges.iter().copied()
    }

    /// Whether there is a path, of one edge at least, over edges of those kinds.
    pub fn reaches(&self, from: usize, to: usize, kinds: &[Kind]) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(at) = next.pop() {
            let after = self.edges.range((at, 0, Ww)..(at + 1, 0, Ww));
            for &(_, after, _) in after.filter(|edge| kinds.contains(&edge.2)) {
                if after == to {
                    return true;
                }
                if seen.insert(after) {
                    next.push(after);
                }
            }
        }
        false
    }

    /// The edges on cycles with that vertex.
    pub fn around(&self, vertex: usize) -> Graph {
        let all = [Ww, Wr, Rw, Process, Realtime];
        let is_around = |at: usize| {
            at == vertex || self.reaches(at, vertex, &all) && self.reaches(vertex, at, &all)
        };
        let edges = self
            .edges()
            .filter(|edge| is_around(edge.0) && is_around(edge.1));
        Graph {
            size: self.size,
            edges: edges.collect(),
        }
    }

    /// The names of all simple cycles, with how many vertices the shortest has.
    pub fn cycles(&self) -> BTreeMap<&'static str, usize> {
        let all = [Ww, Wr, Rw, Process, Realtime];
        // An edge is on a cycle if its end leads back to its beginning.
        let on_cycle = |edge: &(usize, usize, Kind)| self.reaches(edge.1, edge.0, &all);
        let edges: Vec<_> = self.edges().filter(on_cycle).collect();
        let mut names = BTreeMap::new();
        for first in 0..self.size {
            extend(&edges, first, &mut vec![first], &mut Vec::new(), &mut names);
        }
        names
    }
}

/// Walks on from the path's end, over vertices above its first, and names each cycle.
fn extend(
    edges: &[(usize, usize, Kind)],
    at: usize,
    path: &mut Vec<usize>,
    kinds: &mut Vec<Kind>,
    names: &mut BTreeMap<&'static str, usize>,
) {
    for &(_, to, kind) in edges.iter().filter(|edge| edge.0 == at) {
        kinds.push(kind);
        if to == path[0] {
            for name in name(kinds) {
                let shortest = names.entry(name).or_insert(kinds.len());
                *shortest = kinds.len().min(*shortest);
            }
        } else if to > path[0] && !path.contains(&to) {
            path.push(to);
            extend(edges, to, path, kinds, names);
            path.pop();
        }
        kinds.pop();
    }
}

/// What a cycle of those edges, in that order, is called.
fn name(kinds: &[Kind]) -> Vec<&'static str> {
    let after = |at: usize| kinds[(at + 1) % kinds.len()];
    let rw: Vec<usize> = (0..kinds.len()).filter(|&at| kinds[at] == Rw).collect();
    let order = if kinds.contains(&Realtime) {
        2
    } else {
        usize::from(kinds.contains(&Process))
    };
    let names = match rw.len() {
        0 if kinds.contains(&Wr) => ["G1c", "G1c-process", "G1c-realtime"],
        // Time and processes go in no circles.
        0 => ["G0", "G0-process", "G0-realtime"],
        1 => ["G-single", "G-single-process", "G-single-realtime"],
        _ if rw.iter().any(|&at| after(at) == Rw) => {
            ["G2-item", "G2-item-process", "G2-item-realtime"]
        }
        _ => [
            "G-nonadjacent",
            "G-nonadjacent-process",
            "G-nonadjacent-realtime",
        ],
    };
    let is_fork = kinds == [Rw, Wr, Rw, Wr] || kinds == [Wr, Rw, Wr, Rw];
    let mut found = vec![names[order]];
    found.extend(is_fork.then_some("long-fork"));
    found
}
