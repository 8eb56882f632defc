//! Which versions come before which in every order that a level may have, of the levels
//! that forbid G-single with that order of sessions or of real time: all cycles that need
//! a rw edge are of no use to others.
//!
//! Of ww and wr edges together, and of the order, there is no cycle here that was not there
//! before anything was inferred: what would make one is left out, and the opposite, which
//! is known then too, shows as a cycle with a rw edge. So what is inferred never accuses a
//! level that only forbids G0 and G1c.

use super::chains::{Chains, replaced_by};
use super::facts::Facts;
use super::keys;
use super::must::{Must, Why};
use super::reasons;
use super::refine::{Purse, Refined, Rules, Wrong, refine};
use crate::budget::Budget;
use crate::intern::NONE;
use crate::isolation::digraph::{Filtered, components};
use crate::isolation::graph::{Graph, GraphBuilder, Kind, Kinds};
use crate::isolation::phenomena::Order;

/// What is known of versions, given an order of transactions.
#[derive(Debug)]
pub(super) struct Inferred {
    /// Ascending, each pair once; none before the initial version.
    pub(super) musts: Vec<Must>,
    /// An order of all transactions that agrees with it, and with who read from whom; some
    /// order, if there is none.
    pub(super) places: Vec<u32>,
    /// Why no order of versions explains the reads without a G-single, if that is known.
    pub(super) contradiction: Option<String>,
    /// Whether every version but the first, or the first two, of a key replaced the one before it.
    pub(super) is_whole: bool,
}

/// All kinds of edges.
pub(super) const ALL: Kinds =
    Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Rw, Kind::Process, Kind::Realtime]);

/// Who read from whom, and the order; what was assumed too.
pub(super) fn base(facts: &Facts<'_>, order: Order, assumed: &[Must]) -> Graph {
    let mut graph = GraphBuilder::new(facts.len());
    add_base(facts, assumed, &mut graph);
    facts.order_edges(order, &mut graph);
    graph.build()
}

/// Who read from whom, and what was assumed.
pub(super) fn add_base(facts: &Facts<'_>, assumed: &[Must], graph: &mut GraphBuilder) {
    add_wr(facts, graph);
    for must in assumed {
        let (from, to) = (facts.writer(must.before), facts.writer(must.after));
        if from != NONE && to != NONE {
            graph.edge(from, to, Kind::Ww);
        }
    }
}

pub(super) fn add_wr(facts: &Facts<'_>, graph: &mut GraphBuilder) {
    for reader in facts.counting() {
        for &version in facts.reads(reader) {
            let writer = facts.writer(version);
            if writer != NONE {
                graph.edge(writer, reader, Kind::Wr);
            }
        }
    }
}

/// Infers until nothing new follows. See [`refine`] for what it takes.
pub(super) fn infer(
    facts: &Facts<'_>,
    assumed: &[Must],
    order: Order,
    budget: &Budget,
) -> Inferred {
    let base = base(facts, order, assumed);
    let rules = Rules {
        grows: true,
        keeps_updates: true,
        only_updates: false,
        sets_aside: true,
        tells_all: true,
    };
    let refined = refine(
        facts,
        &base,
        Vec::new(),
        rules,
        true,
        &mut Purse::new(budget),
    );
    let mut musts = replacements(facts);
    let contradiction = contradiction(facts, &refined);
    let mut is_whole = false;
    if let [Wrong::Cycle(_)] = refined.wrong[..] {
        let mut component_of = vec![NONE; base.vertices() as usize];
        let view = Filtered {
            graph: &base,
            kinds: ALL,
        };
        for (number, component) in (0..).zip(components(&view)) {
            for vertex in component {
                component_of[vertex as usize] = number;
            }
        }
        musts.retain(|must| {
            let [before, after] = [must.before, must.after].map(|version| {
                let writer = facts.writer(version);
                component_of.get(writer as usize).copied().unwrap_or(NONE)
            });
            before == NONE || before != after
        });
    } else {
        is_whole = Chains::new(facts, &refined.order).are_whole(facts);
        let mut more = Vec::new();
        if !is_whole && order != Order::Free {
            more.extend(keys::by_session(facts));
        }
        if !is_whole && order == Order::Realtime {
            more.extend(keys::by_realtime(facts, |_| true));
        }
        more.retain(|must| {
            let [before, after] = [must.before, must.after].map(|version| facts.writer(version));
            before != NONE
                && after != NONE
                && refined.places[before as usize] < refined.places[after as usize]
        });
        musts.extend(more);
        musts.extend(refined.musts);
        musts.extend(refined.broken.iter().map(|must| Must {
            before: must.after,
            after: must.before,
            why: Why::Reached,
        }));
    }
    musts.extend_from_slice(assumed);
    // Of several reasons the simplest.
    musts.sort_unstable();
    musts.dedup_by_key(|must| (must.before, must.after));
    Inferred {
        musts,
        places: refined.places,
        contradiction,
        is_whole,
    }
}

/// What was read and then overwritten.
pub(super) fn replacements(facts: &Facts<'_>) -> Vec<Must> {
    let mut musts = Vec::new();
    for writer in facts.counting() {
        for &after in facts.installs(writer) {
            let before = replaced_by(facts, writer, after);
            musts.extend(before.map(|before| Must {
                before,
                after,
                why: Why::Replaced,
            }));
        }
    }
    musts
}

fn contradiction(facts: &Facts<'_>, refined: &Refined) -> Option<String> {
    if let Some(wrong) = refined.wrong.first() {
        return Some(match wrong {
            Wrong::Initial(must) => reasons::must(facts, *must),
            Wrong::Cycle(cycle) => {
                let transactions = cycle.iter().filter(|&&vertex| vertex < facts.len());
                let names: Vec<String> = transactions.map(|&at| facts.name(at)).collect();
                let names = crate::isolation::words::list(&names);
                format!("{names} came each before the next, and the last before the first")
            }
        });
    }
    let broken = refined.broken.first()?;
    Some(format!(
        "{}; but {}, since what others read leads from the one to the other",
        reasons::must(facts, *broken),
        reasons::claim(facts, broken.after, broken.before)
    ))
}
