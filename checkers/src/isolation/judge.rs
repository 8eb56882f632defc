//! Which levels hold: from what was found, and from what was not. The one place that
//! says so.
//!
//! A level fails if something that it forbids was found. It holds if all it implies do,
//! and what it forbids besides is known not to be there: with the order of versions that was
//! seen, or with one that was found. Else it is open.

use rayon::prelude::*;

use super::cycles::{Search, Undecided, search};
use super::data::{Data, Decision, Execution, certain_graph, graph_of};
use super::explain;
use super::findings::{Finding, Findings};
use super::graph::{Graph, GraphBuilder, Step};
use super::levels::Level;
use super::order;
use super::phenomena::Order::{self, Free, Process, Realtime};
use super::phenomena::{Phenomenon, Shape};
use super::transactions::Transactions;
use super::words;
use crate::words::{count, list, list_with};

/// What is known of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Holds,
    /// Something that it forbids was found; or nothing, and why it fails all the same.
    Fails(Option<String>),
    /// Why it could not be decided.
    Open(String),
}

/// What is known of all of them.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) findings: Findings,
    /// None: it was not asked for, and nothing that was looked at tells it.
    levels: Vec<Option<Status>>,
}

impl Judgement {
    /// None if the level was not asked for, and is not known.
    pub(crate) fn status(&self, level: Level) -> Option<&Status> {
        self.levels[level as usize].as_ref()
    }

    pub(crate) fn holds(&self, level: Level) -> bool {
        matches!(self.status(level), Some(Status::Holds))
    }

    pub(crate) fn fails(&self, level: Level) -> bool {
        matches!(self.status(level), Some(Status::Fails(_)))
    }

    /// Whether it is known to hold, or to fail.
    fn is_known(&self, level: Level) -> bool {
        self.holds(level) || self.fails(level)
    }

    /// Whether it was looked at, and is not known.
    pub(crate) fn is_open(&self, level: Level) -> bool {
        matches!(self.status(level), Some(Status::Open(_)))
    }

    /// Says no more of a level that was not asked for.
    pub(crate) fn forget(&mut self, level: Level) {
        self.levels[level as usize] = None;
    }

    /// Takes back that the level holds.
    pub(crate) fn leave_open(&mut self, level: Level, why: String) {
        self.set(level, Status::Open(why));
    }

    fn set(&mut self, level: Level, status: Status) {
        self.levels[level as usize] = Some(status);
    }

    /// Sets it, and all that it implies, unless they are known to fail.
    fn set_holds(&mut self, level: Level) {
        for other in Level::all().filter(|&other| level.is_at_least(other)) {
            if !self.fails(other) {
                self.set(other, Status::Holds);
            }
        }
    }

    /// Whether it fails by transactions that disagree with themselves, and by nothing else.
    fn fails_by_internal(&self, level: Level) -> bool {
        let found = self.findings.iter().map(|(found, ..)| found);
        let forbidden: Vec<Phenomenon> = found.filter(|&found| level.forbids(found)).collect();
        forbidden == [Phenomenon::Internal]
    }

    /// Levels that forbid something that was found fail.
    fn fail_by_findings(&mut self) {
        let found: Vec<Phenomenon> = self.findings.iter().map(|(found, ..)| found).collect();
        for level in Level::all() {
            if found.iter().any(|&found| level.forbids(found)) {
                self.set(level, Status::Fails(None));
            }
        }
    }

    /// Something that no phenomenon shows breaks the level, and those that imply it.
    fn fail(&mut self, level: Level, why: &str) {
        for other in Level::all().filter(|&other| other.is_at_least(level)) {
            if !self.fails(other) {
                self.set(other, Status::Fails(Some(why.to_owned())));
            }
        }
    }
}

/// Whether nothing was found, and there is a serial execution that keeps to real time. What
/// is claimed to be one is looked at edge by edge.
fn is_strictly_serial<D: Data>(transactions: &Transactions, data: &D, counts: &[bool]) -> bool {
    if data.findings().iter().next().is_some() {
        return false;
    }
    let Some(serial) = data.serial() else {
        return false;
    };
    let mut graph = GraphBuilder::new(transactions.len() as u32);
    data.edges_of(&serial.orders, &mut graph);
    if !transactions.are_clocks_certain() {
        order::edges(transactions, counts, Order::Process, &mut graph);
    }
    graph.agrees_with(&serial.places)
        && order::agrees_with_realtime(transactions, counts, &serial.places)
}

/// Decides the level that is asked for and those that it implies: every one, if that is the
/// strongest. Of the others it says what that tells.
pub(crate) fn judge<D: Data>(transactions: &Transactions, data: &D, asked: Level) -> Judgement {
    let judgement = judge_alone(transactions, data, asked);
    let is_open = |level: Level| asked.is_at_least(level) && judgement.is_open(level);
    // An execution that a stronger level allows may be easier to find.
    match asked != Level::StrictSerializable && Level::all().any(is_open) {
        true => judge_alone(transactions, data, Level::StrictSerializable),
        false => judgement,
    }
}

/// The same, where no stronger level is looked at.
fn judge_alone<D: Data>(transactions: &Transactions, data: &D, asked: Level) -> Judgement {
    let counts = counts(transactions, data);
    let mut judgement = Judgement {
        findings: data.findings().clone(),
        levels: Level::all().map(|_| None).collect(),
    };
    if is_strictly_serial(transactions, data, &counts) {
        judgement.set_holds(Level::StrictSerializable);
        return judgement;
    }
    let certain = certain_cycles(transactions, data, &counts, asked);
    let mut cycles: Vec<_> = certain.found.iter().flatten().collect();
    // Of each kind the first are shown.
    cycles.sort_by_key(|(_, cycle)| cycle.len());
    for (phenomenon, cycle) in cycles {
        judgement
            .findings
            .add(*phenomenon, || explain::cycle(transactions, data, cycle));
        if certain.stopped > 0 {
            judgement.findings.cut(*phenomenon);
        }
    }
    judgement.fail_by_findings();
    if data.is_known() {
        hold_without(&mut judgement, transactions, &certain, asked);
    } else {
        hold_by_orders(&mut judgement, transactions, data, &counts, &certain, asked);
        decide_by_every_order(&mut judgement, transactions, data, &counts, asked);
    }
    decide_rest(&mut judgement, transactions, data, asked);
    judgement
}

/// The orders, ascending, by which the level asked for forbids cycles: that of processes only
/// where they are known.
fn orders(transactions: &Transactions, asked: Level) -> Vec<Order> {
    let known = |order: &Order| *order != Process || transactions.processes_are_known;
    let mut orders = vec![Free, Process, Realtime];
    orders.retain(|order| known(order) && asked.forbids(Phenomenon::Cycle(Shape::G0, *order)));
    orders
}

/// Cycles of certain edges. The widest graph has the cycles of all: if it has none, that
/// is all there is to do.
fn certain_cycles<D: Data>(
    transactions: &Transactions,
    data: &D,
    counts: &[bool],
    asked: Level,
) -> Search {
    let mut orders = orders(transactions, asked);
    let Some(&widest) = orders.last() else {
        return Search::default();
    };
    let shapes = [Shape::GSingle, Shape::G2Item];
    let with_rw = shapes
        .into_iter()
        .any(|shape| asked.forbids(Phenomenon::Cycle(shape, Free)));
    let certain = |order: Order| certain_graph(transactions, data, counts, order, with_rw);
    let graph = certain(widest);
    let implied = |among: &[u32], widest: Order| {
        let mut implied = data.implied(among);
        implied.extend(order::implied(transactions, among, widest));
        implied
    };
    let wanted = |cycle: Phenomenon| asked.forbids(cycle);
    let cycles = |graph: &Graph, orders: &[Order], floor: Order| {
        search(graph, orders, floor, &wanted, &implied, data.stop())
    };
    if !D::INFERS_BY_ORDER || !with_rw {
        return cycles(&graph, &orders, Free);
    }
    let all = cycles(&graph, &[widest], widest);
    if all.is_empty() && all.open.is_empty() && !all.is_cut {
        return all;
    }
    drop(graph);
    let mut found = Search::default();
    orders.pop();
    for order in orders {
        let graph = certain(order);
        found.merge(cycles(&graph, &[order], order));
    }
    found.merge(all);
    found
}

/// By transaction, whether it is one of those that are judged.
fn counts<D: Data>(transactions: &Transactions, data: &D) -> Vec<bool> {
    let all = 0..transactions.len() as u32;
    all.map(|at| data.counts(at)).collect()
}

/// The cycles that were found and that the level forbids.
fn forbidden(level: Level, searched: &Search) -> impl Iterator<Item = &(Phenomenon, Vec<Step>)> {
    let found = searched.found.iter().flatten();
    found.filter(move |&&(found, _)| level.forbids(found))
}

/// Whether all cycles that the level forbids are known not to be there.
fn is_free_of_cycles(level: Level, searched: &Search) -> bool {
    !searched.is_cut && !is_open(level, searched) && forbidden(level, searched).next().is_none()
}

/// Whether there may be something that the level forbids and that was not found.
fn is_open(level: Level, searched: &Search) -> bool {
    searched.open.iter().any(|&open| level.forbids(open))
}

/// What the search left open of the level, why, and where that may be.
fn undecided(transactions: &Transactions, level: Level, searched: &Search) -> String {
    let open = searched.open.iter().copied();
    let open: Vec<Phenomenon> = open.filter(|&open| level.forbids(open)).collect();
    let names = open.iter().map(|open| open.name());
    let names = list_with("or", names, open.len());
    let mut text = format!(
        "whether there is a {names}, which {} forbids, is open: ",
        level.name()
    );
    text.push_str(&match searched.stopped {
        0 => "the search for it ran out of budget".to_owned(),
        stopped => format!(
            "time was up when of {} whose transactions depend on each other in circles {} had been looked at",
            count(searched.components as u64, "group"),
            searched.components - stopped
        ),
    });
    if let Some(Undecided { size, first, cycle }) = &searched.undecided {
        let names = first.iter().map(|&at| words::transaction(transactions, at));
        text.push_str(&format!(
            "; the largest that is left has {} ({})",
            count(*size as u64, "transaction"),
            list(names, *size)
        ));
        if !cycle.is_empty() {
            text.push_str(&format!(
                ", and one of its circles is {}",
                explain::walk(transactions, cycle)
            ));
        }
    }
    text
}

/// Levels that are about cycles, of those that are to be decided, the stronger first: with
/// known versions, those hold of which no cycle was found.
fn by_cycles(asked: Level) -> impl Iterator<Item = Level> {
    use Level as L;
    let all = [
        L::StrictSerializable,
        L::StrongSessionSerializable,
        L::Serializable,
        L::StrongSnapshotIsolation,
        L::StrongSessionSnapshotIsolation,
        L::SnapshotIsolation,
        L::RepeatableRead,
        L::ParallelSnapshotIsolation,
        L::StrongReadCommitted,
        L::StrongSessionReadCommitted,
        L::ReadCommitted,
        L::StrongReadUncommitted,
        L::StrongSessionReadUncommitted,
        L::ReadUncommitted,
    ];
    let is_asked = move |&level: &Level| asked.is_at_least(level);
    all.into_iter().filter(is_asked)
}

pub(super) const TOO_LARGE: &str =
    "transactions depend on each other in more ways than there are numbers for";

const NO_PROCESSES: &str = "the history does not say which process executed what";

/// Whether the level is not about processes that are not known.
fn can_be_told(level: Level, transactions: &Transactions) -> bool {
    use Level as L;
    let of_sessions = [
        L::ReadYourWrites,
        L::MonotonicReads,
        L::MonotonicWrites,
        L::WritesFollowReads,
        L::Causal,
    ];
    let is_of_sessions = of_sessions.contains(&level) || kind_of(level).1 == Process;
    transactions.processes_are_known || !is_of_sessions
}

fn hold_without(
    judgement: &mut Judgement,
    transactions: &Transactions,
    certain: &Search,
    asked: Level,
) {
    for level in by_cycles(asked) {
        if judgement.levels[level as usize].is_some() {
            continue;
        }
        if !can_be_told(level, transactions) {
            judgement.set(level, Status::Open(NO_PROCESSES.to_owned()));
        } else if is_free_of_cycles(level, certain) {
            judgement.set_holds(level);
        } else if certain.is_cut {
            judgement.set(level, Status::Open(TOO_LARGE.to_owned()));
        } else {
            let why = undecided(transactions, level, certain);
            judgement.set(level, Status::Open(why));
        }
    }
}

/// Looks for orders of versions with which levels hold, the strongest first.
fn hold_by_orders<D: Data>(
    judgement: &mut Judgement,
    transactions: &Transactions,
    data: &D,
    counts: &[bool],
    certain: &Search,
    asked: Level,
) {
    for level in by_cycles(asked) {
        if judgement.levels[level as usize].is_some() {
            continue;
        }
        if data.stop().now() {
            let why = match is_open(level, certain) {
                true => undecided(transactions, level, certain),
                false => format!(
                    "time was up before an order of versions was looked for with which it is {}",
                    level.name()
                ),
            };
            judgement.set(level, Status::Open(why));
            continue;
        }
        if !can_be_told(level, transactions) {
            judgement.set(level, Status::Open(NO_PROCESSES.to_owned()));
            continue;
        }
        if level == Level::ParallelSnapshotIsolation && judgement.fails(Level::SnapshotIsolation) {
            // No execution on snapshots is to be found; it allows others, which
            // `Data::decide` knows.
            continue;
        }
        let (execution, order) = kind_of(level);
        let status = match data.orders(execution, order) {
            // It allows more than these executions.
            Err(_) if level == Level::ParallelSnapshotIsolation => continue,
            Err(not_found) if not_found.is_certain => {
                judgement.fail(level, &not_found.why);
                continue;
            }
            Err(not_found) => Status::Open(not_found.why),
            Ok(orders) => {
                let searched = with(transactions, data, counts, (level, order), &orders);
                if is_free_of_cycles(level, &searched) {
                    judgement.set_holds(level);
                    continue;
                }
                if searched.is_cut {
                    judgement.set(level, Status::Open(TOO_LARGE.to_owned()));
                    continue;
                }
                if level == Level::ParallelSnapshotIsolation {
                    continue;
                }
                let (name, kind) = (level.name(), execution.name());
                Status::Open(match is_open(level, &searched) {
                    true => undecided(transactions, level, &searched),
                    false => format!(
                        "versions whose order nobody saw leave it open whether it is {name}: with the one {kind} order that was tried it is not"
                    ),
                })
            }
        };
        judgement.set(level, status);
    }
}

/// Decides levels that are open, by all orders of versions, where there are few.
fn decide_by_every_order<D: Data>(
    judgement: &mut Judgement,
    transactions: &Transactions,
    data: &D,
    counts: &[bool],
    asked: Level,
) {
    let mut open: Vec<Level> = by_cycles(asked).collect();
    open.retain(|&level| !judgement.is_known(level) && can_be_told(level, transactions));
    if open.is_empty() || data.stop().now() {
        return;
    }
    let Some(every) = data.every_order() else {
        return;
    };
    let mut searches: Vec<Search> = Vec::with_capacity(every.len());
    for orders in &every {
        // What was not looked at to the end says nothing.
        if data.stop().now() {
            return;
        }
        let forbidden = (asked, Realtime);
        searches.push(with(transactions, data, counts, forbidden, orders));
    }
    for level in open {
        if judgement.is_known(level) {
            continue;
        }
        let fails = |searched: &Search| forbidden(level, searched).next().is_some();
        if searches
            .iter()
            .any(|searched| is_free_of_cycles(level, searched))
        {
            judgement.set_holds(level);
        } else if searches.iter().all(fails) {
            let why = format!(
                "each of the {} of what no read shows was tried, and with none is it {}",
                count(every.len() as u64, "order"),
                level.name()
            );
            judgement.fail(level, &why);
        }
    }
}

/// Cycles that a level forbids, up to an order, with that order of versions.
fn with<D: Data>(
    transactions: &Transactions,
    data: &D,
    counts: &[bool],
    (level, order): (Level, Order),
    orders: &D::Orders,
) -> Search {
    let graph = graph_of(transactions, data, counts, order, orders);
    let mut upto = self::orders(transactions, level);
    upto.retain(|&narrower| narrower <= order);
    let wanted = |cycle: Phenomenon| level.forbids(cycle);
    let implied = |_: &[u32], _: Order| Vec::new();
    search(&graph, &upto, Free, &wanted, &implied, data.stop())
}

/// What shows that no order of versions is one with which the level holds: `why`, and what is
/// wrong with one of them, as an example.
pub(crate) fn without_order<D: Data>(
    transactions: &Transactions,
    data: &D,
    level: Level,
    why: &str,
) -> Finding {
    let mut finding = Finding {
        key: None,
        explanation: why.to_owned(),
        transactions: (0..transactions.len() as u32).collect(),
        steps: Vec::new(),
    };
    let (_, order) = kind_of(level);
    let Ok(orders) = data.orders(Execution::Any, order) else {
        return finding;
    };
    let counts = counts(transactions, data);
    let searched = with(transactions, data, &counts, (level, order), &orders);
    let shortest = forbidden(level, &searched).min_by_key(|(_, cycle)| cycle.len());
    if let Some((phenomenon, cycle)) = shortest {
        let example = explain::cycle(transactions, data, cycle);
        finding.explanation.push_str(&format!(
            ". Whichever order they are in, something is wrong: with one of them there is, for example, {phenomenon}: {}",
            example.explanation
        ));
        finding.steps = example.steps;
    }
    finding
}

/// The executions that the level allows.
fn kind_of(level: Level) -> (Execution, Order) {
    use Level as L;
    match level {
        L::StrictSerializable => (Execution::Serial, Realtime),
        L::StrongSessionSerializable => (Execution::Serial, Process),
        L::Serializable | L::RepeatableRead => (Execution::Serial, Free),
        L::StrongSnapshotIsolation => (Execution::Snapshot, Realtime),
        L::StrongSessionSnapshotIsolation => (Execution::Snapshot, Process),
        L::SnapshotIsolation | L::ParallelSnapshotIsolation => (Execution::Snapshot, Free),
        L::StrongReadCommitted | L::StrongReadUncommitted => (Execution::Any, Realtime),
        L::StrongSessionReadCommitted | L::StrongSessionReadUncommitted => {
            (Execution::Any, Process)
        }
        _ => (Execution::Any, Free),
    }
}

/// Decides, in parallel, what none of the others tells; and if it is causal, the levels that
/// ask of fewer reads what causal asks.
fn decide_at_once<D: Data>(
    judgement: &mut Judgement,
    transactions: &Transactions,
    data: &D,
    asked: Level,
) -> Vec<(Level, Decision)> {
    use Level as L;
    let mut open = vec![
        L::ReadYourWrites,
        L::MonotonicReads,
        L::MonotonicWrites,
        L::WritesFollowReads,
        L::Causal,
    ];
    open.retain(|&level| {
        let is_open = asked.is_at_least(level) && judgement.status(level).is_none();
        is_open && can_be_told(level, transactions)
    });
    let decided: Vec<_> = open
        .into_par_iter()
        .map(|level| (level, data.decide(level)))
        .collect();
    let is_causal = |(level, decision): &(Level, Decision)| {
        *level == L::Causal && matches!(decision, Decision::Holds)
    };
    if decided.iter().any(is_causal) {
        for level in [L::MonotonicAtomicView, L::ReadAtomic, L::CausalCerone] {
            if judgement.status(level).is_none() {
                judgement.set(level, Status::Holds);
            }
        }
    }
    decided
}

/// The levels that are not about cycles alone, the weaker first.
fn decide_rest<D: Data>(
    judgement: &mut Judgement,
    transactions: &Transactions,
    data: &D,
    asked: Level,
) {
    let mut decided = decide_at_once(judgement, transactions, data, asked);
    for level in Level::all().filter(|&level| asked.is_at_least(level)) {
        if level == Level::ReadAtomic && judgement.fails_by_internal(level) {
            // What disagrees with itself says nothing of what was seen of others.
            if let Decision::Violated(findings) = data.decide(level) {
                judgement.findings.merge(findings);
                judgement.fail_by_findings();
            }
        }
        if judgement.levels[level as usize].is_some() {
            continue;
        }
        if !can_be_told(level, transactions) {
            judgement.set(level, Status::Open(NO_PROCESSES.to_owned()));
            continue;
        }
        let known = decided.iter().position(|&(known, _)| known == level);
        let decision = match known {
            Some(at) => decided.swap_remove(at).1,
            None => data.decide(level),
        };
        let status = match decision {
            Decision::Violated(findings) => {
                judgement.findings.merge(findings);
                judgement.fail_by_findings();
                continue;
            }
            Decision::NoOrder(why) => {
                judgement.fail(level, &why);
                continue;
            }
            Decision::Open(why) => Status::Open(why),
            Decision::Holds => Status::Holds,
        };
        judgement.set(level, status);
    }
    // What a level implies, it needs: it is no better known than that.
    for level in Level::all() {
        if !judgement.holds(level) {
            continue;
        }
        let weaker = Level::all()
            .find(|&other| other != level && level.is_at_least(other) && !judgement.holds(other));
        if let Some(weaker) = weaker {
            judgement.levels[level as usize] = judgement.status(weaker).cloned();
        }
    }
}
