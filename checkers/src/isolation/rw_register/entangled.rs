//! Which transactions are on circles of what is known: what is wrong is with them. It says
//! nothing of what.

use super::edges;
use super::facts::Facts;
use super::inferred::ALL;
use super::must::Must;
use crate::isolation::digraph::{Filtered, components};
use crate::isolation::phenomena::Order;

/// By transaction, whether it is on a circle of what must be before what, of reads, and of the
/// order. O(transactions + edges).
pub(super) fn entangled(facts: &Facts<'_>, musts: &[Must], order: Order) -> Vec<bool> {
    let graph = edges::graph(facts, musts, order);
    let view = Filtered {
        graph: &graph,
        kinds: ALL,
    };
    let mut entangled = vec![false; facts.len() as usize];
    for vertex in components(&view).into_iter().flatten() {
        if !graph.is_helper(vertex) {
            entangled[vertex as usize] = true;
        }
    }
    entangled
}
