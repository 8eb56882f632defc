//! Edges of the graph of dependencies, from what is known of versions or from a whole order
//! of them. It infers nothing.

use super::facts::Facts;
use super::inferred::add_wr;
use super::lists::Lists;
use super::must::Must;
use crate::isolation::graph::{Graph, GraphBuilder, Kind};
use crate::isolation::phenomena::Order;

/// The graph of all that follow from what is known, which is ascending, and of the order.
pub(super) fn graph(facts: &Facts<'_>, musts: &[Must], order: Order) -> Graph {
    let mut graph = GraphBuilder::new(facts.len());
    known(facts, musts, &mut graph);
    facts.order_edges(order, &mut graph);
    graph.build()
}

/// All that follow from what is known, which is ascending.
pub(super) fn known(facts: &Facts<'_>, musts: &[Must], graph: &mut GraphBuilder) {
    add_wr(facts, graph);
    let mut successors = Vec::new();
    for of_one in musts.chunk_by(|a, b| a.before == b.before) {
        let Some(before) = of_one.first().map(|must| must.before) else {
            continue;
        };
        // All come after an initial version.
        if facts.is_initial(before) {
            continue;
        }
        successors.clear();
        successors.extend(of_one.iter().map(|must| facts.writer(must.after)));
        for &to in &successors {
            graph.edge(facts.writer(before), to, Kind::Ww);
        }
        fan(graph, facts.readers(before), &mut successors);
    }
    for key in 0..facts.key_count() {
        let initial = facts.initial(key);
        if !facts.readers(initial).is_empty() {
            successors.clear();
            successors.extend(facts.of_key(key).map(|version| facts.writer(version)));
            fan(graph, facts.readers(initial), &mut successors);
        }
    }
}

/// All that there are with that order: versions by the places of their writers.
pub(super) fn ordered(facts: &Facts<'_>, places: &[u32], graph: &mut GraphBuilder) {
    add_wr(facts, graph);
    for pair in in_order(facts, places).windows(2) {
        let &[before, after] = pair else { continue };
        if facts.key(before) != facts.key(after) {
            continue;
        }
        let to = facts.writer(after);
        if !facts.is_initial(before) {
            graph.edge(facts.writer(before), to, Kind::Ww);
        }
        for &reader in facts.readers(before) {
            graph.edge(reader, to, Kind::Rw);
        }
    }
}

/// All versions, by key, in the order of the places of their writers; the initial ones first.
pub(super) fn in_order(facts: &Facts<'_>, places: &[u32]) -> Vec<u32> {
    let mut writers: Vec<u32> = facts.counting().collect();
    writers.sort_unstable_by_key(|&writer| places[writer as usize]);
    let initial = (0..facts.key_count()).map(|key| (key, facts.initial(key)));
    let installed = writers.iter().flat_map(|&writer| {
        let all = facts.installs(writer).iter();
        all.map(|&version| (facts.key(version), version))
    });
    let of_key = Lists::new(facts.key_count(), initial.chain(installed));
    let all = (0..facts.key_count()).flat_map(|key| of_key.of(key).iter().copied());
    all.collect()
}

/// A rw edge from each reader to each writer but itself; as many as there are of both, with
/// helpers, where that is less than their product.
fn fan(graph: &mut GraphBuilder, readers: &[u32], writers: &mut Vec<u32>) {
    let is_short = readers.len() * writers.len() <= 2 * (readers.len() + 2 * writers.len());
    if is_short || !graph.has_room_for(2 * writers.len()) {
        for &reader in readers {
            for &writer in writers.iter() {
                graph.edge(reader, writer, Kind::Rw);
            }
        }
        return;
    }
    writers.sort_unstable();
    writers.dedup();
    // Behind each helper of the first chain are that writer and those after it; of the
    // second, made if it is needed, that one and those before it.
    let chain = |graph: &mut GraphBuilder, writers: &mut dyn Iterator<Item = &u32>| {
        let mut helpers = Vec::new();
        for &writer in writers {
            let helper = graph.helper();
            graph.edge(helper, writer, Kind::Through);
            if let Some(&before) = helpers.last() {
                graph.edge(helper, before, Kind::Through);
            }
            helpers.push(helper);
        }
        helpers
    };
    let mut on = chain(graph, &mut writers.iter().rev());
    on.reverse();
    let mut back: Vec<u32> = Vec::new();
    for &reader in readers {
        match writers.binary_search(&reader) {
            Err(_) => graph.edge(reader, on[0], Kind::Rw),
            Ok(at) => {
                if back.is_empty() {
                    back = chain(graph, &mut writers.iter());
                }
                let others = [
                    on.get(at + 1),
                    at.checked_sub(1).and_then(|at| back.get(at)),
                ];
                for &helper in others.into_iter().flatten() {
                    graph.edge(reader, helper, Kind::Rw);
                }
            }
        }
    }
}
