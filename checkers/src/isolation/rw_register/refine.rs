//! Orders of versions that agree with what a level asks of every read: what must be
//! before what is found, and an order is looked for that agrees with it, until nothing
//! new is found or there is a cycle. Every must is one, so a cycle is a proof that there
//! is no order; an order with which no more is found is a proof that there is one.
//!
//! Biswas and Enea ("On the Complexity of Checking Transactional Consistency", OOPSLA
//! 2019) define the levels so: for all reads of a version of `after`, if `before` is in
//! what the level takes for the read's past and wrote the same key, it commits first.

use super::atomic;
use super::chains::Chains;
use super::facts::Facts;
use super::must::{Must, Why};
use super::past::{Ordered, overlooked};
use super::sort::{Layers, by_end, edges_of, path_within, places, shortest_cycle, sorted};
use crate::budget::{Budget, Exhausted};
use crate::intern::NONE;
use crate::isolation::graph::Graph;

/// Rounds after which an order is given up: each takes one step more on a chain of
/// consequences, and few histories have long ones.
const ROUNDS_MAX: usize = 200;
/// Contradictions that are looked for in one order.
const BROKEN_MAX: usize = 16;

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// What must be before is itself in the past of what comes after it.
    pub(super) grows: bool,
    /// Nothing comes between a version and the one that replaced it.
    pub(super) keeps_updates: bool,
    /// Only what replacements tell is looked at, not all that reads tell.
    pub(super) only_updates: bool,
    /// A must that contradicts the others is set aside, instead of that all ends there.
    pub(super) sets_aside: bool,
    /// What must be since a transaction saw another is told even where the order that was
    /// found has it so: else only what contradicts that order is.
    pub(super) tells_all: bool,
}

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// These vertices come each before the next, and the last before the first.
    Cycle(Vec<u32>),
    /// Something would have to come before the initial version.
    Initial(Must),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Refined {
    /// All vertices, as far as they could be ordered.
    pub(super) order: Vec<u32>,
    pub(super) places: Vec<u32>,
    pub(super) musts: Vec<Must>,
    pub(super) wrong: Vec<Wrong>,
    /// What was set aside: the others say the opposite.
    pub(super) broken: Vec<Must>,
    /// Why it ended before it was decided.
    pub(super) open: Option<String>,
    /// Whether something was only tried.
    tried: bool,
}

impl Refined {
    /// Whether the order is one that agrees with all that is asked.
    pub(super) fn is_order(&self) -> bool {
        self.wrong.is_empty() && self.open.is_none() && self.broken.is_empty()
    }

    /// Whether a cycle is no proof.
    pub(super) fn is_unsure(&self) -> bool {
        self.tried
    }
}

/// What a refinement may use.
#[derive(Debug)]
pub(super) struct Purse<'a> {
    budget: &'a Budget,
    steps: u64,
}

impl<'a> Purse<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Purse { budget, steps: 0 }
    }

    pub(super) fn spend(&mut self, steps: u64) -> Result<(), Exhausted> {
        self.steps += steps;
        self.budget.spend(self.steps, 0)
    }
}

/// Refines an order of the transactions of `base`, by the rules, with what must be before
/// what from the beginning; no more than that, unless it `looks_back` at what is in the
/// past of each read. Each round takes O(vertices + edges), and the steps of
/// [`overlooked`].
pub(super) fn refine(
    facts: &Facts<'_>,
    base: &Graph,
    musts: Vec<Must>,
    rules: Rules,
    looks_back: bool,
    purse: &mut Purse<'_>,
) -> Refined {
    let none = edges_of(&[], facts, base.vertices());
    let mut refined = Refined::default();
    let layers = Layers { base, more: &none };
    match sorted(&layers, &by_end(facts, base)) {
        Ok(order) => refined.order = order,
        Err(cycle) => {
            refined.order = by_end(facts, base);
            refined.places = places(&refined.order);
            let cycle = shortest_cycle(&layers, cycle);
            refined.wrong.push(Wrong::Cycle(cycle));
            return refined;
        }
    }
    let chains = rules
        .keeps_updates
        .then(|| Chains::new(facts, &refined.order));
    let begin = chains.as_ref().map(|chains| chains.begin(facts));
    let mut fresh = musts;
    fresh.extend(begin.unwrap_or_default());
    for round in 0..ROUNDS_MAX {
        if let Some(chains) = &chains {
            let lifted: Vec<Must> = fresh
                .iter()
                .map(|&must| chains.lifted(facts, must))
                .collect();
            fresh.extend(lifted);
        }
        fresh.sort_unstable();
        fresh.dedup_by_key(|must| (must.before, must.after));
        let initial = |must: &Must| facts.is_initial(must.after);
        let wrong = fresh.iter().copied().filter(initial).map(Wrong::Initial);
        refined.wrong.extend(wrong);
        fresh.retain(|must| !initial(must));
        if !refined.wrong.is_empty() && !rules.sets_aside {
            break;
        }
        let ends = admit(facts, base, &mut refined, std::mem::take(&mut fresh), rules);
        if ends {
            break;
        }
        refined.places = places(&refined.order);
        if !looks_back {
            return refined;
        }
        let more = edges_of(&refined.musts, facts, base.vertices());
        let layers = Layers {
            base,
            more: if rules.grows { &more } else { &none },
        };
        let ordered = Ordered {
            order: &refined.order,
            places: &refined.places,
        };
        let matters = |reader: u32, version: u32| {
            !rules.only_updates || {
                let own = facts.installed(reader, facts.key(version));
                own.is_some_and(|own| own != version)
            }
        };
        let mut exhausted = None;
        let found = overlooked(facts, &layers, ordered, matters, |steps| {
            exhausted = purse.spend(steps).err();
            exhausted.is_none()
        });
        let Some(found) = found else {
            refined.open = exhausted.map(|exhausted| exhausted.to_string());
            break;
        };
        // What the initial version contradicts is found again in every round.
        let is_new = |must: &Must| {
            !facts.is_initial(must.after) || !refined.wrong.contains(&Wrong::Initial(*must))
        };
        fresh.extend(found.iter().map(|found| Must {
            before: found.before,
            after: found.after,
            why: Why::Past {
                reader: found.reader,
            },
        }));
        if rules.tells_all && round == 0 {
            fresh.extend(atomic::musts(facts));
        }
        fresh.retain(is_new);
        if let (true, Some(chains)) = (fresh.is_empty() && rules.only_updates, &chains) {
            fresh = apart(facts, &refined.order, chains);
            refined.tried |= !fresh.is_empty();
        }
        if fresh.is_empty() {
            return refined;
        }
    }
    if refined.wrong.is_empty() && refined.open.is_none() && refined.broken.is_empty() {
        refined.open = Some(format!("after {ROUNDS_MAX} rounds"));
    }
    refined.places = places(&refined.order);
    refined
}

/// Takes up what is new, and orders again. Whether that is the end of it.
fn admit(
    facts: &Facts<'_>,
    base: &Graph,
    refined: &mut Refined,
    fresh: Vec<Must>,
    rules: Rules,
) -> bool {
    let known = refined.musts.len();
    refined.musts.extend(fresh);
    loop {
        let more = edges_of(&refined.musts, facts, base.vertices());
        if more.is_cut() {
            refined.open = Some("as there were too many".to_owned());
            return true;
        }
        let layers = Layers { base, more: &more };
        let cycle = match sorted(&layers, &refined.order) {
            Ok(order) => {
                refined.order = order;
                break;
            }
            Err(cycle) => cycle,
        };
        if !rules.sets_aside {
            let cycle = shortest_cycle(&layers, cycle);
            refined.wrong.push(Wrong::Cycle(cycle));
            return true;
        }
        let next = cycle.iter().cycle().skip(1);
        let steps: Vec<(u32, u32)> = cycle.iter().copied().zip(next.copied()).collect();
        let of_cycle =
            |must: &Must| steps.contains(&(facts.writer(must.before), facts.writer(must.after)));
        let at = refined.musts[known..].iter().rposition(of_cycle);
        match at {
            Some(at) if refined.broken.len() < BROKEN_MAX => {
                let broken = refined.musts.remove(known + at);
                refined.broken.push(broken);
            }
            // The others of this round are left out: what was set aside last is shown by
            // those before it, or not at all.
            _ => refined.musts.truncate(known),
        }
    }
    if refined.broken.is_empty() {
        return false;
    }
    let more = edges_of(&refined.musts, facts, base.vertices());
    let layers = Layers { base, more: &more };
    refined.broken.retain(|must| {
        let (from, to) = (facts.writer(must.after), facts.writer(must.before));
        path_within(&layers, from, to, 1_000_000, usize::MAX - 1).is_some()
    });
    true
}

/// What may be tried where versions of one row stand between those of another.
fn apart(facts: &Facts<'_>, order: &[u32], chains: &Chains) -> Vec<Must> {
    let mut current: Vec<u32> = (0..facts.key_count()).map(|k| facts.initial(k)).collect();
    let mut tries = Vec::new();
    for &vertex in order.iter().filter(|&&vertex| vertex < facts.len()) {
        for &version in facts.installs(vertex) {
            let current = &mut current[facts.key(version) as usize];
            let replaced = super::chains::replaced_by(facts, vertex, version);
            if let Some(before) = replaced.filter(|&before| before != *current) {
                tries.push(chains.lifted(
                    facts,
                    Must {
                        before,
                        after: *current,
                        why: Why::Tried,
                    },
                ));
            }
            *current = version;
        }
    }
    // Nothing is before an initial version, nor before what was read by way of itself.
    tries.retain(|must| facts.writer(must.after) != NONE && must.before != must.after);
    for must in &mut tries {
        must.why = Why::Tried;
    }
    tries
}
