//! Cycles of a small component, gone through by their length: whether what was found can be
//! shown with fewer transactions. It finds no new kind, so it decides nothing.

use super::{Component, classify};
use crate::isolation::graph::{Kind, Step};
use crate::isolation::phenomena::{Order, Phenomenon};

/// Transactions of a component that is small.
pub(super) const SMALL: u32 = 64;
/// Its vertices, with the helpers.
const VERTICES: u32 = 1_024;
/// Steps to take in all, shared by the components that have something to show.
pub(super) const STEPS: u64 = 50_000_000;

/// All edges of a small component, between its transactions.
#[derive(Debug)]
pub(super) struct Smallest {
    edges: Vec<Vec<(u32, Kind)>>,
    /// By two transactions, how many steps lead at least from the one to the other.
    away: Vec<Vec<u32>>,
    floor: Order,
    left: u64,
}

impl Smallest {
    /// None if the component is not small. `more` are edges that others imply, numbered as
    /// the component's are.
    pub(super) fn of(
        component: &Component,
        more: &[Step],
        floor: Order,
        steps_max: u64,
    ) -> Option<Self> {
        let graph = &component.graph;
        let size = graph.transactions();
        if size > SMALL || graph.vertices() > VERTICES {
            return None;
        }
        let mut edges: Vec<Vec<(u32, Kind)>> = vec![Vec::new(); size as usize];
        for from in 0..size {
            let mut seen = vec![0_u8; graph.vertices() as usize];
            let mut open: Vec<(u32, Kind)> = graph.edges(from).map(|e| (e.to, e.kind)).collect();
            while let Some((to, kind)) = open.pop() {
                if !graph.is_helper(to) {
                    edges[from as usize].push((to, kind));
                } else if seen[to as usize] & 1 << kind as u8 == 0 {
                    seen[to as usize] |= 1 << kind as u8;
                    open.extend(graph.edges(to).map(|edge| (edge.to, kind)));
                }
            }
        }
        for step in more {
            edges[step.from as usize].push((step.to, step.kind));
        }
        for (from, edges) in (0..).zip(&mut edges) {
            edges.retain(|&(to, _)| to != from);
            edges.sort_unstable();
            edges.dedup();
        }
        let away = (0..size).map(|from| away(&edges, from)).collect();
        Some(Smallest {
            edges,
            away,
            floor,
            left: steps_max,
        })
    }

    /// Replaces each by a shortest of its kind, as far as the steps go.
    pub(super) fn shrink(&mut self, found: &mut [(Phenomenon, Vec<Step>)]) {
        for length in 2.. {
            // What is not longer has none that is shorter.
            let longest = found.iter().map(|(_, cycle)| cycle.len()).max();
            if self.left == 0 || longest.is_none_or(|longest| longest <= length) {
                return;
            }
            for root in 0..self.edges.len() as u32 {
                self.extend(root, root, length, &mut Vec::new(), found);
            }
        }
    }

    /// Goes on from a path's end to cycles of that length, over transactions behind the root.
    fn extend(
        &mut self,
        root: u32,
        at: u32,
        length: usize,
        path: &mut Vec<Step>,
        found: &mut [(Phenomenon, Vec<Step>)],
    ) {
        let is_last = path.len() + 1 == length;
        for next in 0..self.edges[at as usize].len() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let (to, kind) = self.edges[at as usize][next];
            let step = Step { from: at, to, kind };
            if is_last && to == root {
                path.push(step);
                let kind = classify(path, self.floor);
                let same = found.iter_mut().find(|(known, _)| *known == kind);
                if let Some((_, known)) = same.filter(|(_, known)| known.len() > length) {
                    known.clone_from(path);
                }
                path.pop();
                continue;
            }
            let back = self.away[to as usize][root as usize] as usize;
            if !is_last
                && to > root
                && path.len() + 1 + back <= length
                && path.iter().all(|step| step.from != to)
            {
                path.push(step);
                self.extend(root, to, length, path, found);
                path.pop();
            }
        }
    }
}

/// How many steps lead to each.
fn away(edges: &[Vec<(u32, Kind)>], from: u32) -> Vec<u32> {
    let mut away = vec![u32::MAX; edges.len()];
    away[from as usize] = 0;
    let mut reached = vec![from];
    let mut at = 0;
    while let Some(&vertex) = reached.get(at) {
        at += 1;
        for &(to, _) in &edges[vertex as usize] {
            if away[to as usize] == u32::MAX {
                away[to as usize] = away[vertex as usize] + 1;
                reached.push(to);
            }
        }
    }
    away
}
