//! Orders of all vertices that agree with a graph, and as far as they can with an order
//! that there was before.

use super::facts::Facts;
use super::must::Must;
use crate::intern::NONE;
use crate::isolation::digraph::Digraph;
use crate::isolation::graph::{Graph, GraphBuilder, Kind};
use crate::isolation::transactions::Status;

/// A graph and edges that were found since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) base: &'a Graph,
    pub(super) more: &'a Graph,
}

impl Digraph for Layers<'_> {
    fn vertices(&self) -> u32 {
        self.base.vertices()
    }

    #[inline]
    fn degree(&self, vertex: u32) -> u32 {
        (self.base.range(vertex).len() + self.more.range(vertex).len()) as u32
    }

    #[inline]
    fn target(&self, vertex: u32, edge: u32) -> Option<u32> {
        let range = self.base.range(vertex);
        let at = range.start + edge;
        Some(match at.checked_sub(range.end) {
            None => self.base.edge(at).to,
            Some(more) => self.more.edge(self.more.range(vertex).start + more).to,
        })
    }
}

/// Edges between the writers, on the vertices of another graph. Those from or to an
/// initial version are none.
pub(super) fn edges_of(musts: &[Must], facts: &Facts<'_>, vertices: u32) -> Graph {
    let mut graph = GraphBuilder::new(vertices);
    for must in musts {
        let (from, to) = (facts.writer(must.before), facts.writer(must.after));
        if from != NONE && to != NONE {
            graph.edge(from, to, Kind::Ww);
        }
    }
    graph.build()
}

/// All vertices in an order that the graph agrees with. What an edge contradicts moves
/// behind where it starts; all else stays in the order that is preferred, which has
/// every vertex. O(vertices + edges).
///
/// # Errors
/// There is a cycle: this one.
pub(super) fn sorted(graph: &impl Digraph, preferred: &[u32]) -> Result<Vec<u32>, Vec<u32>> {
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut state = vec![0_u8; graph.vertices() as usize];
    // From the last to the first, each behind all that come after it.
    let mut reversed = Vec::with_capacity(preferred.len());
    let mut path: Vec<(u32, u32)> = Vec::new();
    for &root in preferred.iter().rev() {
        if state[root as usize] != 0 {
            continue;
        }
        state[root as usize] = OPEN;
        path.push((root, 0));
        while let Some((vertex, next)) = path.last_mut() {
            let vertex = *vertex;
            if *next == graph.degree(vertex) {
                state[vertex as usize] = DONE;
                reversed.push(vertex);
                path.pop();
                continue;
            }
            let target = graph.target(vertex, *next);
            *next += 1;
            let Some(to) = target else { continue };
            match state[to as usize] {
                DONE => {}
                OPEN => {
                    let from = path.iter().rposition(|&(v, _)| v == to).unwrap_or(0);
                    return Err(path[from..].iter().map(|&(v, _)| v).collect());
                }
                _ => {
                    state[to as usize] = OPEN;
                    path.push((to, 0));
                }
            }
        }
    }
    reversed.reverse();
    Ok(reversed)
}

/// The place of every vertex in the order.
pub(super) fn places(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, &vertex) in (0..).zip(order) {
        places[vertex as usize] = place;
    }
    places
}

/// The order to begin with, of all vertices: transactions by when they were over, for
/// then they certainly had happened, and helpers by the first that comes after them.
pub(super) fn by_end(facts: &Facts<'_>, graph: &Graph) -> Vec<u32> {
    let all = facts.transactions.all();
    let time = |vertex: u32| {
        if graph.is_helper(vertex) {
            let after = graph.edges(vertex).filter(|edge| !graph.is_helper(edge.to));
            return after.map(|edge| all[edge.to as usize].invoked).min();
        }
        let transaction = &all[vertex as usize];
        Some(match transaction.status {
            Status::Committed => transaction.completed,
            _ => transaction.invoked,
        })
    };
    let mut order: Vec<(u32, u32)> = (0..graph.vertices())
        .map(|vertex| (time(vertex).unwrap_or(NONE), vertex))
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, vertex)| vertex).collect()
}

/// A shortest cycle among the vertices of one, or that one.
pub(super) fn shortest_cycle(graph: &impl Digraph, cycle: Vec<u32>) -> Vec<u32> {
    /// Starts and vertices that are tried.
    const STARTS_MAX: usize = 32;
    const SEEN_MAX: usize = 100_000;
    let mut best = cycle.clone();
    for &start in cycle.iter().take(STARTS_MAX) {
        if let Some(path) = path_within(graph, start, start, SEEN_MAX, best.len()) {
            if path.len() < best.len() {
                best = path;
            }
        }
    }
    best
}

/// A shortest path of at least one edge: its vertices, `to` left out. None if there is none
/// within so many vertices, or only of so many edges.
pub(super) fn path_within(
    graph: &impl Digraph,
    from: u32,
    to: u32,
    seen_max: usize,
    length_max: usize,
) -> Option<Vec<u32>> {
    let mut came_from = hashbrown::HashMap::<u32, u32, foldhash::fast::FixedState>::default();
    let (mut level, mut next) = (vec![from], Vec::new());
    for _ in 0..=length_max {
        for &vertex in &level {
            for edge in 0..graph.degree(vertex) {
                let Some(target) = graph.target(vertex, edge) else {
                    continue;
                };
                if target == to {
                    let mut path = vec![vertex];
                    while path.last() != Some(&from) {
                        let before = came_from.get(path.last()?)?;
                        path.push(*before);
                    }
                    path.reverse();
                    return Some(path);
                }
                if target != from && !came_from.contains_key(&target) {
                    came_from.insert(target, vertex);
                    next.push(target);
                }
            }
        }
        if next.is_empty() || came_from.len() > seen_max {
            return None;
        }
        level.clear();
        std::mem::swap(&mut level, &mut next);
    }
    None
}
