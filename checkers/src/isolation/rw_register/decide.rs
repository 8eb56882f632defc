//! Levels that are not defined by cycles alone, and those that have one more to do than
//! cycles show: is there an order of versions with which nothing is wrong?
//!
//! Read committed and its kin: exactly if who read from whom, with the order of sessions or of
//! real time, has no cycle. Monotonic atomic view, read atomic, and within the budget the two
//! causal levels: exactly, since what they ask of each read are orders between transactions
//! (Biswas and Enea 2019). Cursor stability and parallel snapshot isolation forbid what may come of
//! either order of two versions: what must be is inferred, then the likeliest orders are tried,
//! and of few transactions all orders.

use super::facts::Facts;
use super::must::{Must, Why};
use super::refine::{Purse, Refined, Rules, Wrong, refine};
use super::{atomic, edges, guarantees, inferred, reasons};
use crate::budget::Budget;
use crate::intern::NONE;
use crate::isolation::data::Decision;
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::graph::{Graph, GraphBuilder, Kind};
use crate::isolation::judge::TOO_LARGE;
use crate::isolation::levels::Level;
use crate::isolation::phenomena::Order::{self, Free, Process, Realtime};
use crate::isolation::phenomena::{Phenomenon, Shape};

/// Of so many transactions all orders of versions are tried.
const TINY: usize = 10;
/// Orders that are tried then, of one key or of some.
const TRIES_MAX: usize = 20_000;

/// What a level asks.
struct Question {
    order: Order,
    reads: bool,
    musts: fn(&Facts<'_>) -> Vec<Must>,
    rules: Option<Rules>,
}

const PAST: Rules = Rules {
    grows: false,
    keeps_updates: false,
    only_updates: false,
    sets_aside: false,
    tells_all: false,
};

fn question(level: Level) -> Option<Question> {
    use Level as L;
    let nothing: fn(&Facts<'_>) -> Vec<Must> = |_| Vec::new();
    let (order, reads, musts, rules) = match level {
        L::ReadUncommitted => (Free, false, nothing, None),
        L::StrongSessionReadUncommitted => (Process, false, nothing, None),
        L::StrongReadUncommitted => (Realtime, false, nothing, None),
        L::ReadCommitted => (Free, true, nothing, None),
        L::StrongSessionReadCommitted => (Process, true, nothing, None),
        L::StrongReadCommitted => (Realtime, true, nothing, None),
        L::MonotonicAtomicView => (Free, true, later as fn(&Facts<'_>) -> _, None),
        L::ReadAtomic => (Free, true, atomic::musts as fn(&Facts<'_>) -> _, None),
        L::CausalCerone => (Free, true, atomic::musts as fn(&Facts<'_>) -> _, Some(PAST)),
        L::Causal => (
            Process,
            true,
            atomic::musts as fn(&Facts<'_>) -> _,
            Some(PAST),
        ),
        L::CursorStability => {
            let only_updates = true;
            let rules = Rules {
                grows: true,
                keeps_updates: true,
                only_updates,
                ..PAST
            };
            (Free, true, nothing, Some(rules))
        }
        L::ParallelSnapshotIsolation => {
            let rules = Rules {
                grows: true,
                keeps_updates: true,
                ..PAST
            };
            (Free, true, nothing, Some(rules))
        }
        _ => return None,
    };
    Some(Question {
        order,
        reads,
        musts,
        rules,
    })
}

fn later(facts: &Facts<'_>) -> Vec<Must> {
    let mut musts = atomic::musts(facts);
    musts.retain(|must| matches!(must.why, Why::SawThen { .. }));
    musts
}

/// Decides a level, where versions are in an order that has `assumed`. Where what must be
/// leaves a choice, orders by places of writers are tried that `likely` has, by number.
pub(super) fn decide<'p>(
    facts: &Facts<'_>,
    level: Level,
    assumed: &[Must],
    likely: impl Fn(usize) -> Option<&'p [u32]>,
    budget: &Budget,
) -> Decision {
    let refined = match examine(facts, level, assumed, budget) {
        Examined::Decided(decision) => return decision,
        Examined::Open(refined) => refined,
    };
    if let Some(exhausted) = refined.open {
        return Decision::Open(format!(
            "versions whose order nobody saw were given up {exhausted}"
        ));
    }
    let holds = |places: &[u32]| {
        let mut musts = whole(facts, places);
        musts.extend_from_slice(assumed);
        with(facts, level, &musts, budget)
    };
    // What was tried on the way may have led nowhere.
    let found = refined.wrong.is_empty() && holds(&refined.places);
    if found || (0..).map_while(likely).any(holds) {
        return Decision::Holds;
    }
    if facts.counting().count() <= TINY {
        let mut tries = Tries {
            facts,
            level,
            budget,
            left: TRIES_MAX,
            is_unsure: false,
        };
        if tries.any(0, assumed.to_vec()) {
            return Decision::Holds;
        }
        if tries.left > 0 && !tries.is_unsure {
            return Decision::NoOrder(format!(
                "every order of the versions was tried, and none is {}",
                level.name()
            ));
        }
    }
    Decision::Open(format!(
        "versions whose order nobody saw leave it open whether it is {}: with the orders that were tried it is not",
        level.name()
    ))
}

fn with(facts: &Facts<'_>, level: Level, musts: &[Must], budget: &Budget) -> bool {
    match examine(facts, level, musts, budget) {
        Examined::Decided(decision) => matches!(decision, Decision::Holds),
        Examined::Open(refined) => refined.open.is_none() && refined.wrong.is_empty(),
    }
}

/// Each version before the next of its key.
fn whole(facts: &Facts<'_>, places: &[u32]) -> Vec<Must> {
    let all = edges::in_order(facts, places);
    let pairs = all.windows(2).filter_map(|pair| {
        let &[before, after] = pair else { return None };
        let is_pair = facts.key(before) == facts.key(after) && !facts.is_initial(before);
        is_pair.then_some(Must {
            before,
            after,
            why: Why::Tried,
        })
    });
    pairs.collect()
}

enum Examined {
    Decided(Decision),
    /// What must be leaves a choice, or ended in a contradiction that may be due to one.
    Open(Refined),
}

fn examine(facts: &Facts<'_>, level: Level, assumed: &[Must], budget: &Budget) -> Examined {
    let Some(question) = question(level) else {
        return Examined::Decided(match level {
            Level::ReadYourWrites
            | Level::MonotonicReads
            | Level::MonotonicWrites
            | Level::WritesFollowReads => guarantees::decide(facts, level, assumed),
            _ => Decision::Open(format!("{} is decided by executions", level.name())),
        });
    };
    let mut graph = GraphBuilder::new(facts.len());
    if question.reads {
        inferred::add_wr(facts, &mut graph);
    }
    facts.order_edges(question.order, &mut graph);
    let base = graph.build();
    let mut musts = assumed.to_vec();
    musts.extend((question.musts)(facts));
    let rules = question.rules.unwrap_or(PAST);
    let matters = question.rules.is_some();
    let refined = refine(facts, &base, musts, rules, matters, &mut Purse::new(budget));
    if !refined.wrong.is_empty() && !refined.is_unsure() {
        let mut findings = Findings::default();
        for wrong in &refined.wrong {
            let (phenomenon, finding) = word(facts, level, question.order, &base, &refined, wrong);
            findings.add(phenomenon, || finding);
        }
        return Examined::Decided(Decision::Violated(findings));
    }
    if base.is_cut() {
        return Examined::Decided(Decision::Open(TOO_LARGE.to_owned()));
    }
    let is_exact = level != Level::ParallelSnapshotIsolation;
    if is_exact && refined.is_order() {
        return Examined::Decided(Decision::Holds);
    }
    Examined::Open(refined)
}

/// All orders of versions, key by key; those of the first keys that are wrong already are
/// not followed.
struct Tries<'a> {
    facts: &'a Facts<'a>,
    level: Level,
    budget: &'a Budget,
    left: usize,
    /// Of some order nobody knows whether it is right.
    is_unsure: bool,
}

impl Tries<'_> {
    fn any(&mut self, key: u32, musts: Vec<Must>) -> bool {
        if self.left == 0 {
            return false;
        }
        let is_whole = key == self.facts.key_count();
        match examine(self.facts, self.level, &musts, self.budget) {
            Examined::Decided(Decision::Holds) if is_whole => return true,
            Examined::Decided(Decision::Holds) => {}
            Examined::Decided(Decision::Violated(_) | Decision::NoOrder(_)) => return false,
            Examined::Open(refined) if refined.open.is_none() => {
                if is_whole {
                    self.is_unsure |= !refined.wrong.is_empty();
                    return refined.wrong.is_empty();
                }
                // What is wrong may be due to a choice that another order does not make.
            }
            Examined::Decided(Decision::Open(_)) | Examined::Open(_) => {
                self.is_unsure = true;
                return false;
            }
        }
        self.left -= 1;
        let mut versions: Vec<u32> = self.facts.of_key(key).collect();
        self.permute(key, &mut versions, 0, &musts)
    }

    fn permute(&mut self, key: u32, versions: &mut [u32], from: usize, musts: &[Must]) -> bool {
        if from + 1 >= versions.len() {
            let mut musts = musts.to_vec();
            musts.extend(versions.windows(2).map(|pair| Must {
                before: pair[0],
                after: pair[1],
                why: Why::Tried,
            }));
            return self.any(key + 1, musts);
        }
        (from..versions.len()).any(|at| {
            versions.swap(from, at);
            let found = self.permute(key, versions, from + 1, musts);
            versions.swap(from, at);
            found
        })
    }
}

fn phenomenon_of(level: Level) -> Phenomenon {
    match level {
        Level::MonotonicAtomicView => Phenomenon::ObservedTransactionVanishes,
        Level::ReadAtomic => Phenomenon::FracturedRead,
        Level::CausalCerone => Phenomenon::CausalityViolation(Free),
        Level::Causal => Phenomenon::CausalityViolation(Process),
        Level::CursorStability => Phenomenon::LostUpdate,
        _ => Phenomenon::Cycle(Shape::GSingle, Free),
    }
}

fn by_why(level: Level, why: Why) -> Option<Phenomenon> {
    match why {
        Why::SawThen { .. } => Some(Phenomenon::ObservedTransactionVanishes),
        Why::Saw { .. } => Some(Phenomenon::FracturedRead),
        Why::Past { .. } | Why::Chained { .. } => Some(phenomenon_of(level)),
        _ => None,
    }
}

fn word(
    facts: &Facts<'_>,
    level: Level,
    order: Order,
    base: &Graph,
    refined: &Refined,
    wrong: &Wrong,
) -> (Phenomenon, Finding) {
    let cycle = match wrong {
        Wrong::Initial(must) => {
            let phenomenon = by_why(level, must.why).unwrap_or(phenomenon_of(level));
            let mut explanation = reasons::must(facts, *must);
            explanation.push_str(&past(facts, base, *must));
            let finding = Finding {
                key: Some(facts.key(must.after)),
                explanation: format!("{explanation}: but nothing comes before the initial version"),
                transactions: reasons::involved(facts, must),
                steps: Vec::new(),
            };
            return (phenomenon, finding);
        }
        Wrong::Cycle(cycle) => cycle,
    };
    let mut used = Vec::new();
    let mut sentences = Vec::new();
    let mut transactions: Vec<u32> = cycle.iter().copied().filter(|&v| v < facts.len()).collect();
    let mut strictest = (Free, Kind::Ww);
    let next = cycle.iter().copied().cycle().skip(1);
    for (from, to) in cycle.iter().copied().zip(next) {
        let edge = base.edges(from).find(|edge| edge.to == to);
        match edge.map(|edge| edge.kind) {
            Some(Kind::Wr) => {
                strictest.1 = Kind::Wr;
                let version = facts.reads(to).iter().find(|&&v| facts.writer(v) == from);
                let read = version.map_or_else(String::new, |&v| facts.version_name(v));
                let (reader, writer) = (facts.name(to), facts.name(from));
                sentences.push(format!("{reader} read {read}, which {writer} wrote"));
            }
            Some(Kind::Process) => {
                strictest.0 = strictest.0.max(Process);
                let (first, second) = (facts.name(from), facts.name(to));
                sentences.push(format!("{second} came after {first} in its process"));
            }
            Some(Kind::Realtime) => {
                strictest.0 = Realtime;
                sentences.push(format!("{} was over before others began", facts.name(from)));
            }
            Some(_) => {}
            None => {
                let must = refined.musts.iter().find(|must| {
                    (facts.writer(must.before), facts.writer(must.after)) == (from, to)
                });
                if let Some(&must) = must {
                    let mut sentence = reasons::must(facts, must);
                    sentence.push_str(&past(facts, base, must));
                    sentences.push(sentence);
                    transactions.extend(reasons::involved(facts, &must));
                    used.push(must);
                }
            }
        }
    }
    let named = used.iter().filter_map(|must| by_why(level, must.why)).max();
    // By the order of a process nothing weaker is broken than what has that order.
    let named = named.map(|named| match (level, strictest.0) {
        (Level::Causal, Process) => phenomenon_of(level),
        _ => named,
    });
    let phenomenon = named.unwrap_or_else(|| {
        let shape = match strictest.1 {
            Kind::Wr => Shape::G1c,
            _ => Shape::G0,
        };
        Phenomenon::Cycle(shape, strictest.0.min(order))
    });
    transactions.sort_unstable();
    transactions.dedup();
    let finding = Finding {
        key: used.first().map(|must| facts.key(must.before)),
        explanation: format!(
            "{}: so each of them came before the next, and the last before the first",
            sentences.join("; ")
        ),
        transactions,
        steps: Vec::new(),
    };
    (phenomenon, finding)
}

/// ` (by way of T3 and T7)`, of what came after what, if it is not next to it.
fn past(facts: &Facts<'_>, base: &Graph, must: Must) -> String {
    let (Why::Past { reader }, writer) = (must.why, facts.writer(must.before)) else {
        return String::new();
    };
    let none = super::sort::edges_of(&[], facts, base.vertices());
    let layers = super::sort::Layers { base, more: &none };
    let path = super::sort::path_within(&layers, writer, reader, 200_000, 1_000);
    let path = path.unwrap_or_default();
    let names: Vec<String> = path
        .iter()
        .skip(1)
        .filter(|&&vertex| vertex < facts.len() && vertex != NONE)
        .map(|&vertex| facts.name(vertex))
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!(" (by way of {})", crate::isolation::words::list(&names)),
    }
}
