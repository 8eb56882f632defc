//! Which levels hold: from what was found, and from what was not. The one place that
//! says so.
//!
//! A level fails if something that it forbids was found. It holds if all it implies do,
//! and what it forbids besides is known not to be there: with the order of versions that was
//! seen, or with one that was found. Else it is open.

use super::cycles::{Search, search};
use super::data::{Data, Decision, Execution, graph_of};
use super::explain;
use super::findings::Findings;
use super::graph::GraphBuilder;
use super::levels::Level;
use super::order;
use super::phenomena::Order::{self, Free, Process, Realtime};
use super::phenomena::Phenomenon;
use super::transactions::Transactions;

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
    levels: Vec<Option<Status>>,
}

impl Judgement {
    pub(crate) fn status(&self, level: Level) -> &Status {
        const NEVER_LOOKED: &Status = &Status::Open(String::new());
        self.levels[level as usize].as_ref().unwrap_or(NEVER_LOOKED)
    }

    fn holds(&self, level: Level) -> bool {
        self.levels[level as usize] == Some(Status::Holds)
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
            if !matches!(self.levels[other as usize], Some(Status::Fails(_))) {
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
            if !matches!(self.levels[other as usize], Some(Status::Fails(_))) {
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

/// Decides every level.
pub(crate) fn judge<D: Data>(transactions: &Transactions, data: &D) -> Judgement {
    let counts: Vec<bool> = (0..transactions.len() as u32)
        .map(|at| data.counts(at))
        .collect();
    let mut judgement = Judgement {
        findings: data.findings().clone(),
        levels: Level::all().map(|_| None).collect(),
    };
    if is_strictly_serial(transactions, data, &counts) {
        judgement.set_holds(Level::StrictSerializable);
        return judgement;
    }
    let certain = certain_cycles(transactions, data, &counts);
    let mut cycles: Vec<_> = certain.found.iter().flatten().collect();
    // Of each kind the first are shown.
    cycles.sort_by_key(|(_, cycle)| cycle.len());
    for (phenomenon, cycle) in cycles {
        judgement
            .findings
            .add(*phenomenon, || explain::cycle(transactions, data, cycle));
        if certain.unfinished().is_some() {
            judgement.findings.cut(*phenomenon);
        }
    }
    judgement.fail_by_findings();
    if data.is_known() {
        hold_without(&mut judgement, transactions, &certain);
    } else {
        hold_by_orders(&mut judgement, transactions, data, &counts, &certain);
    }
    decide_rest(&mut judgement, transactions, data);
    judgement
}

/// The orders that can be asked about: that of processes only where they are known.
fn orders(transactions: &Transactions) -> Vec<Order> {
    let known = |order: &Order| *order != Process || transactions.processes_are_known;
    [Free, Process, Realtime]
        .into_iter()
        .filter(known)
        .collect()
}

/// Cycles of certain edges. The widest graph has the cycles of all: if it has none, that
/// is all there is to do.
fn certain_cycles<D: Data>(transactions: &Transactions, data: &D, counts: &[bool]) -> Search {
    let widest = graph_of(transactions, data, counts, Realtime, None);
    let implied = |among: &[u32], widest: Order| {
        let mut implied = data.implied(among);
        implied.extend(order::implied(transactions, among, widest));
        implied
    };
    if !D::INFERS_BY_ORDER {
        return search(&widest, &orders(transactions), Free, &implied, data.stop());
    }
    let all = search(&widest, &[Realtime], Realtime, &implied, data.stop());
    if all.is_empty() && all.open.is_empty() && !all.is_cut {
        return all;
    }
    drop(widest);
    let mut found = Search::default();
    let narrower = orders(transactions).into_iter();
    for order in narrower.filter(|&order| order != Realtime) {
        let graph = graph_of(transactions, data, counts, order, None);
        found.merge(search(&graph, &[order], order, &implied, data.stop()));
    }
    found.merge(all);
    found
}

/// Whether all cycles that the level forbids are known not to be there.
fn is_free_of_cycles(level: Level, searched: &Search) -> bool {
    !searched.is_cut
        && !searched.open.iter().any(|&open| level.forbids(open))
        && !searched
            .found
            .iter()
            .flatten()
            .any(|&(found, _)| level.forbids(found))
}

/// Levels that are about cycles, the stronger first: with known versions, those hold of
/// which no cycle was found.
fn by_cycles() -> impl Iterator<Item = Level> {
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
    all.into_iter()
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

fn hold_without(judgement: &mut Judgement, transactions: &Transactions, certain: &Search) {
    for level in by_cycles() {
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
            let why = certain.unfinished().unwrap_or_else(|| {
                format!(
                    "{} transactions depend on each other in circles, and the search for one that {} forbids ran out of budget",
                    certain.largest,
                    level.name()
                )
            });
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
) {
    for level in by_cycles() {
        if judgement.levels[level as usize].is_some() {
            continue;
        }
        if data.stop().now() {
            let why = certain.unfinished();
            let why = why.unwrap_or_else(|| "time was up".to_owned());
            judgement.set(level, Status::Open(why));
            continue;
        }
        if !can_be_told(level, transactions) {
            judgement.set(level, Status::Open(NO_PROCESSES.to_owned()));
            continue;
        }
        let fails = |level: Level| matches!(judgement.status(level), Status::Fails(_));
        if level == Level::ParallelSnapshotIsolation && fails(Level::SnapshotIsolation) {
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
                let graph = graph_of(transactions, data, counts, order, Some(&orders));
                let mut upto = self::orders(transactions);
                upto.retain(|&narrower| narrower <= order);
                let searched = search(&graph, &upto, Free, &|_, _| Vec::new(), data.stop());
                drop(graph);
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
                Status::Open(searched.unfinished().unwrap_or_else(|| {
                    format!(
                        "versions whose order nobody saw leave it open whether it is {name}: with the one {kind} order that was tried it is not"
                    )
                }))
            }
        };
        judgement.set(level, status);
    }
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

/// The levels that are not about cycles alone, the weaker first.
fn decide_rest<D: Data>(judgement: &mut Judgement, transactions: &Transactions, data: &D) {
    for level in Level::all() {
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
        let status = match data.decide(level) {
            Decision::Violated(findings) => {
                judgement.findings.merge(findings);
                judgement.fail_by_findings();
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
            let status = judgement.status(weaker).clone();
            judgement.set(level, status);
        }
    }
}
