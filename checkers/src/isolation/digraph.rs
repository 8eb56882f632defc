//! Strongly connected components and topological orders, over a view of a
//! [`Graph`]. Nothing here is recursive: a chain of a million vertices is common.
//!
//! petgraph's `tarjan_scc` is recursive and overflows a thread's stack on such a chain;
//! it serves as the oracle of the tests instead.

use super::graph::{Graph, Kind, Kinds};

/// A directed graph whose edges are counted off.
pub(crate) trait Digraph {
    fn vertices(&self) -> u32;

    /// How many edges may leave the vertex.
    fn degree(&self, vertex: u32) -> u32;

    /// Where the edge of that number leads, if it is one of this graph.
    fn target(&self, vertex: u32, edge: u32) -> Option<u32>;
}

/// The edges of some kinds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filtered<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) kinds: Kinds,
}

impl Digraph for Filtered<'_> {
    fn vertices(&self) -> u32 {
        self.graph.vertices()
    }

    #[inline]
    fn degree(&self, vertex: u32) -> u32 {
        self.graph.range(vertex).len() as u32
    }

    #[inline]
    fn target(&self, vertex: u32, edge: u32) -> Option<u32> {
        let edge = self.graph.edge(self.graph.range(vertex).start + edge);
        self.kinds.has(edge.kind).then_some(edge.to)
    }
}

/// Two points for each transaction: its start, when it takes its snapshot, is `2 v`, its
/// commit `2 v + 1`. A snapshot isolation's execution is an order of them in which
/// dependencies lead from a commit to a start and rw from a start to a commit (Cerone
/// and Gotsman 2018). A helper leads on to the points that the edge into it led to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) kinds: Kinds,
}

impl Digraph for Points<'_> {
    fn vertices(&self) -> u32 {
        self.graph.vertices() * 2
    }

    #[inline]
    fn degree(&self, point: u32) -> u32 {
        self.graph.range(point / 2).len() as u32 + 1
    }

    #[inline]
    fn target(&self, point: u32, edge: u32) -> Option<u32> {
        let (vertex, is_commit) = (point / 2, point % 2 == 1);
        let is_helper = self.graph.is_helper(vertex);
        let Some(edge) = edge.checked_sub(1) else {
            return (!is_helper && !is_commit).then_some(point + 1);
        };
        let edge = self.graph.edge(self.graph.range(vertex).start + edge);
        if !self.kinds.has(edge.kind) {
            return None;
        }
        if is_helper {
            return Some(edge.to * 2 + point % 2);
        }
        match (edge.kind, is_commit) {
            (Kind::Rw, false) => Some(edge.to * 2 + 1),
            (Kind::Rw, true) | (_, false) => None,
            (_, true) => Some(edge.to * 2),
        }
    }
}

/// The strongly connected components of more than one vertex, each ascending
/// (Tarjan 1972). O(vertices + edges) time; 12 bytes a vertex.
pub(crate) fn components(graph: &impl Digraph) -> Vec<Vec<u32>> {
    const UNSEEN: u32 = u32::MAX;
    const DONE: u32 = u32::MAX - 1;
    let vertices = graph.vertices();
    // The lowest number that a vertex reaches; DONE once its component is closed.
    let mut low = vec![UNSEEN; vertices as usize];
    let mut number = 0;
    let mut open: Vec<u32> = Vec::new();
    // A vertex, the edge to look at next, its number.
    let mut path: Vec<(u32, u32, u32)> = Vec::new();
    let mut found = Vec::new();
    for root in 0..vertices {
        if low[root as usize] != UNSEEN {
            continue;
        }
        low[root as usize] = number;
        path.push((root, 0, number));
        open.push(root);
        number += 1;
        while let Some((vertex, next, own)) = path.last_mut() {
            let (vertex, own) = (*vertex, *own);
            if *next < graph.degree(vertex) {
                let target = graph.target(vertex, *next);
                *next += 1;
                let Some(to) = target else { continue };
                match low[to as usize] {
                    UNSEEN => {
                        low[to as usize] = number;
                        path.push((to, 0, number));
                        open.push(to);
                        number += 1;
                    }
                    DONE => {}
                    reached => low[vertex as usize] = low[vertex as usize].min(reached),
                }
                continue;
            }
            path.pop();
            let reached = low[vertex as usize];
            if let Some(&(parent, ..)) = path.last() {
                low[parent as usize] = low[parent as usize].min(reached);
            }
            if reached != own {
                continue;
            }
            let start = open.iter().rposition(|&v| v == vertex).unwrap_or(0);
            for &member in &open[start..] {
                low[member as usize] = DONE;
            }
            if open.len() - start > 1 {
                let mut component = open.split_off(start);
                component.sort_unstable();
                found.push(component);
            } else {
                open.truncate(start);
            }
        }
    }
    found
}

/// The place of each vertex in an order that all edges agree with; none if there is a
/// cycle. Of several that could come next, the one that could first (Kahn 1962).
pub(crate) fn topological_ranks(graph: &impl Digraph) -> Option<Vec<u32>> {
    let vertices = graph.vertices();
    let targets =
        |vertex: u32| (0..graph.degree(vertex)).filter_map(move |edge| graph.target(vertex, edge));
    let mut waits_for = vec![0_u32; vertices as usize];
    for vertex in 0..vertices {
        for to in targets(vertex) {
            waits_for[to as usize] += 1;
        }
    }
    let mut order: Vec<u32> = (0..vertices)
        .filter(|&v| waits_for[v as usize] == 0)
        .collect();
    let mut ranks = vec![0; vertices as usize];
    let mut at = 0;
    while let Some(&vertex) = order.get(at) {
        ranks[vertex as usize] = at as u32;
        at += 1;
        for to in targets(vertex) {
            waits_for[to as usize] -= 1;
            if waits_for[to as usize] == 0 {
                order.push(to);
            }
        }
    }
    (order.len() == vertices as usize).then_some(ranks)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isolation::graph::GraphBuilder;

    const ALL: Kinds = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Rw, Kind::Process, Kind::Realtime]);

    fn graph(vertices: u32, edges: &[(u32, u32)]) -> Graph {
        let mut builder = GraphBuilder::new(vertices);
        for &(from, to) in edges {
            builder.edge(from, to, Kind::Ww);
        }
        builder.build()
    }

    #[test]
    fn a_long_chain_overflows_no_stack() {
        let n = 300_000;
        let mut edges: Vec<_> = (1..n).map(|at| (at - 1, at)).collect();
        let graph_of = |edges: &[_]| graph(n, edges);
        let chain = graph_of(&edges);
        let all = Filtered {
            graph: &chain,
            kinds: ALL,
        };
        assert!(components(&all).is_empty());
        assert_eq!(topological_ranks(&all).unwrap()[7], 7);
        edges.push((n - 1, 0));
        let circle = graph_of(&edges);
        let all = Filtered {
            graph: &circle,
            kinds: ALL,
        };
        assert_eq!(components(&all)[0].len(), n as usize);
        assert_eq!(topological_ranks(&all), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn components_are_those_of_petgraph(
            edges in prop::collection::vec((0..9_u32, 0..9_u32), 0..22),
        ) {
            let graph = graph(9, &edges);
            let view = Filtered { graph: &graph, kinds: ALL };
            let mut found = components(&view);
            found.sort();
            let theirs = petgraph::graph::DiGraph::<(), (), u32>::from_edges(&edges);
            let mut expected: Vec<Vec<u32>> = petgraph::algo::tarjan_scc(&theirs)
                .into_iter()
                .map(|component| {
                    let mut component: Vec<u32> =
                        component.into_iter().map(|v| v.index() as u32).collect();
                    component.sort_unstable();
                    component
                })
                .filter(|component| component.len() > 1)
                .collect();
            expected.sort();
            prop_assert_eq!(&found, &expected);
            let ranks = topological_ranks(&view);
            prop_assert_eq!(ranks.is_none(), !expected.is_empty());
            if let Some(ranks) = ranks {
                for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
                    prop_assert!(ranks[from as usize] < ranks[to as usize]);
                }
            }
        }
    }
}
