//! Checker `isolation`: which isolation levels a history of transactions keeps, and
//! what breaks the others.
//!
//! ```text
//! transactions ─► data (list_append, rw_register) ─► graph ─► cycles ─► levels ─► verdict
//! ```
//!
//! Adya's definitions, by the graph of dependencies between transactions ("Weak
//! Consistency", 1999), with the version orders that Kingsbury and Alvaro infer from
//! reads ("Elle", VLDB 2020). A level is violated if there is something that it
//! forbids; it holds only if an order of all versions was seen, or found, with which there is
//! nothing of the kind. What is neither stays open, and is said. See `docs/isolation.md`.

mod cycles;
mod data;
mod digraph;
mod explain;
mod findings;
mod graph;
mod judge;
mod levels;
mod list_append;
mod notation;
mod options;
mod order;
mod paths;
mod phenomena;
mod rw_register;
mod transactions;
mod words;
mod writes;

use serde_json::{Map, Value};

pub use levels::{IsolationLevel, isolation_levels};
pub use options::{DataType, IsolationOptions};
pub(crate) use transactions::{Transactions, TransactionsBuilder};

use crate::checker::{Checker, Need, Options};
use crate::clocks::{self, Clocks};
use crate::digest::Digest;
use crate::ruling::Ruling;
use crate::verdict::{Anomaly, Cycle, CycleEdge, CycleTransaction, Valid, Verdict};
use crate::words::{count, list};
use data::Data;
use findings::Finding;
use judge::{Judgement, Status, judge};
use levels::Level;
use list_append::Lists;
use rw_register::Registers;
use transactions::{Action, Status as Ended, Transaction, Unreported};

/// The checker `isolation`.
pub(crate) struct Isolation;

impl Checker for Isolation {
    fn name(&self) -> &'static str {
        "isolation"
    }

    fn about(&self) -> &'static str {
        "transactions keep an isolation level: which hold, and what breaks the others"
    }

    fn property(&self) -> &'static str {
        Level::StrictSerializable.name()
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Transactions]
    }

    fn applies(&self, digest: &Digest) -> bool {
        !digest.transactions().is_empty()
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        let recorded = digest.transactions();
        let uncertainty_ns = options.object.clock_uncertainty_ns;
        let mut ruling = Ruling::new(self, digest);
        let certain = match digest.clocks() {
            None => (uncertainty_ns > 0).then(|| recorded.widened(uncertainty_ns)),
            Some(clocks) => {
                clocks.describe(uncertainty_ns, &mut ruling);
                Some(recorded.at(clocks.certain(events(recorded), uncertainty_ns).0))
            }
        };
        let transactions = certain.as_ref().unwrap_or(recorded);
        let options = &options.isolation;
        let level = match &options.level {
            None => Level::StrictSerializable,
            Some(name) => match Level::named(name) {
                Some(level) => level,
                None => {
                    ruling.doubt(format!("no isolation level is named \"{name}\""));
                    return undecided(ruling, name);
                }
            },
        };
        ruling.property(level.name());
        let asked = match options.only_level {
            true => level,
            false => Level::StrictSerializable,
        };
        if transactions.is_empty() {
            ruling.doubt("there are no transactions");
            return undecided(ruling, level.name());
        }
        if uncertainty_ns > 0 && transactions.times_are_invented {
            ruling.doubt(clocks::NOT_RECORDED);
            return undecided(ruling, level.name());
        }
        let all = 0..transactions.len() as u32;
        let operations = all.map(|at| transactions.operations(at).len() as u64).sum();
        if graph::are_too_many(transactions.len() as u64, operations) {
            ruling.doubt(format!(
                "{} and {} are too many for a graph of {} vertices",
                count(transactions.len() as u64, "transaction"),
                count(operations, "micro-operation"),
                graph::VERTICES_MAX
            ));
            return undecided(ruling, level.name());
        }
        let data = options.data.unwrap_or_else(|| data_type(transactions));
        ruling.scope("data", data.name());
        ruling.scope("transactions", transactions.len());
        if transactions.others > 0 {
            let others = count(transactions.others, "operation");
            ruling.note(format!("{others} were no transactions, and left out"));
        }
        let committed = |transaction: &Transaction| transaction.status == Ended::Committed;
        if !transactions.all().iter().any(committed) {
            ruling.scope("committed", 0);
            ruling.doubt("no transaction committed");
            return undecided(ruling, level.name());
        }
        if let Some(event) = transactions.untold {
            ruling.doubt(format!(
                "event {event}: nothing says what the transaction was to do, and it may have committed"
            ));
            return undecided(ruling, level.name());
        }
        if let Some(Unreported {
            event,
            transactions,
        }) = transactions.unreported
        {
            let number = count(transactions, "transaction");
            ruling.doubt(format!(
                "{number} committed without saying what reads saw, the first at event {event}"
            ));
        }
        let doubt = |judgement: &mut Judgement| {
            if let Some(clocks) = digest.clocks() {
                doubt_real_time(
                    judgement,
                    asked,
                    clocks,
                    uncertainty_ns,
                    recorded,
                    data,
                    options,
                );
            }
        };
        match data {
            DataType::ListAppend => match Lists::new(transactions, &options.stop) {
                Ok(lists) => rule(ruling, level, asked, transactions, &lists, doubt),
                Err(misfit) => {
                    ruling.doubt(misfit.to_string());
                    undecided(ruling, level.name())
                }
            },
            DataType::RwRegister => match Registers::new(transactions, options) {
                Ok(registers) => rule(ruling, level, asked, transactions, &registers, doubt),
                Err(misfit) => {
                    ruling.doubt(misfit.to_string());
                    undecided(ruling, level.name())
                }
            },
        }
    }
}

/// The events of each transaction, as [`Clocks`] take them.
fn events(transactions: &Transactions) -> impl Iterator<Item = [u32; 2]> {
    (0..transactions.len() as u32).map(|at| transactions.events(at))
}

/// Leaves levels of real time open, of which all that is certain breaks none, unless they
/// hold in some way in which everything may have happened. Those are left out that were not
/// asked for.
fn doubt_real_time(
    judgement: &mut Judgement,
    asked: Level,
    clocks: &Clocks,
    uncertainty_ns: u64,
    recorded: &Transactions,
    data: DataType,
    options: &IsolationOptions,
) {
    let of_real_time = Level::all().filter(|it| it.is_at_least(Level::StrongReadUncommitted));
    let (mut open, others): (Vec<Level>, Vec<Level>) = of_real_time
        .filter(|&level| judgement.holds(level))
        .partition(|&level| asked.is_at_least(level));
    for level in others {
        judgement.forget(level);
    }
    for placement in clocks.placements(uncertainty_ns) {
        if open.is_empty() || options.stop.now() {
            break;
        }
        let placed = clocks.placed(events(recorded), uncertainty_ns, &placement);
        let placed = recorded.at(placed);
        let possible = match data {
            DataType::ListAppend => Lists::new(&placed, &options.stop)
                .ok()
                .map(|lists| judge(&placed, &lists, asked)),
            DataType::RwRegister => Registers::new(&placed, options)
                .ok()
                .map(|registers| judge(&placed, &registers, asked)),
        };
        if let Some(possible) = possible {
            open.retain(|&level| !possible.holds(level));
        }
    }
    for level in open {
        judgement.leave_open(level, clocks.undecided(uncertainty_ns, &options.stop));
    }
}

/// The kind of data that micro-operations tell: registers if something was written, or if a
/// value was read that is no list and nothing was appended; else lists.
fn data_type(transactions: &Transactions) -> DataType {
    let mut appends = false;
    let mut reads_value = false;
    for at in 0..transactions.len() as u32 {
        for operation in transactions.operations(at) {
            match operation.action {
                Action::Write(_) => return DataType::RwRegister,
                Action::Append(_) => appends = true,
                Action::ReadValue(_) => reads_value = true,
                _ => {}
            }
        }
    }
    match reads_value && !appends {
        true => DataType::RwRegister,
        false => DataType::ListAppend,
    }
}

fn undecided(ruling: Ruling, level: &str) -> Verdict {
    ruling.conclude("Isolated ✓", |_, doubt| match doubt {
        Some(doubt) => format!("{level}: {doubt}"),
        None => level.to_owned(),
    })
}

fn rule<D: Data>(
    mut ruling: Ruling,
    level: Level,
    asked: Level,
    transactions: &Transactions,
    data: &D,
    doubt: impl FnOnce(&mut Judgement),
) -> Verdict {
    let mut judgement = judge(transactions, data, asked);
    doubt(&mut judgement);
    let counting = (0..transactions.len() as u32).filter(|&at| data.counts(at));
    ruling.scope("committed", counting.count());
    ruling.scope("levels", levels_json(&judgement));
    for (phenomenon, number, found) in judgement.findings.iter() {
        let is_cut = judgement.findings.is_cut(phenomenon);
        let at_least = if is_cut { "at least " } else { "" };
        if level.forbids(phenomenon) {
            for finding in found {
                ruling.anomaly(phenomenon.name(), || {
                    anomaly(transactions, phenomenon.name(), finding)
                });
            }
            let more = number - found.len() as u64;
            ruling.count(phenomenon.name(), more);
            if is_cut {
                let name = phenomenon.name();
                ruling.note(format!(
                    "{name}: at least {number}, for not all was looked at"
                ));
            }
        } else if let Some(finding) = found.first() {
            ruling.note(format!(
                "{} does not forbid {phenomenon}, which is here {at_least}{}: {}",
                level.name(),
                times(number),
                finding.explanation
            ));
        }
    }
    match judgement.status(level) {
        Some(Status::Open(why)) => ruling.doubt(why.clone()),
        // It is shown by an anomaly of its own, unless only a proof that there is no
        // order shows it.
        Some(Status::Fails(Some(why))) => {
            ruling.anomaly("no-order", || {
                let finding = judge::without_order(transactions, data, level, why);
                anomaly(transactions, "no-order", &finding)
            });
        }
        Some(Status::Fails(None) | Status::Holds) | None => {}
    }
    let hold = strongest(&judgement);
    let some_are_open = Level::all().any(|level| judgement.is_open(level));
    let number = count(transactions.len() as u64, "transaction");
    let first = first_to_fail(&judgement, level, asked);
    ruling.conclude("Isolated ✓", |valid, doubt| match valid {
        Valid::True => format!("{}: {number}", level.name()),
        Valid::False => match &hold[..] {
            [] if some_are_open => format!(
                "not {}{first}; that any other level holds is not known: {number}",
                level.name()
            ),
            [] if asked == level && asked != Level::StrictSerializable => {
                format!("not {}{first}: {number}", level.name())
            }
            [] => format!("not {}, nor any other level: {number}", level.name()),
            _ => format!(
                "not {}{first}; what holds: {} ({number})",
                level.name(),
                list(hold.iter(), hold.len())
            ),
        },
        Valid::Unknown => format!("{}: {}", level.name(), doubt.unwrap_or_default()),
    })
}

fn times(number: u64) -> String {
    match number {
        1 => "once".to_owned(),
        _ => format!("{number} times"),
    }
}

/// Every level of which something is known or was asked, and whether it holds.
fn levels_json(judgement: &Judgement) -> Value {
    let valid = |status: &Status| match status {
        Status::Holds => Value::Bool(true),
        Status::Fails(_) => Value::Bool(false),
        Status::Open(_) => Value::from("unknown"),
    };
    let levels = Level::all().filter_map(|level| {
        let status = judgement.status(level)?;
        Some((level.name().to_owned(), valid(status)))
    });
    Value::Object(levels.collect::<Map<_, _>>())
}

/// The levels that hold and that no other that holds implies.
fn strongest(judgement: &Judgement) -> Vec<&'static str> {
    outermost(|&level| judgement.holds(level), Level::is_at_least)
}

/// The levels of those that were asked for that fail and that imply no other that fails.
fn weakest(judgement: &Judgement, asked: Level) -> Vec<&'static str> {
    let is_weaker = |other: Level, level: Level| level.is_at_least(other);
    let fails = |&level: &Level| asked.is_at_least(level) && judgement.fails(level);
    outermost(fails, is_weaker)
}

/// The weakest levels that fail, if they are not the one that was asked for alone; and the ones
/// below them of which it is not known whether they do.
fn first_to_fail(judgement: &Judgement, level: Level, asked: Level) -> String {
    let is_below = |level: Level| {
        let mut failed = Level::all().filter(|&other| judgement.fails(other));
        asked.is_at_least(level) && failed.any(|other| other.is_at_least(level))
    };
    let open: Vec<&str> = Level::all()
        .filter(|&level| judgement.is_open(level) && is_below(level))
        .map(Level::name)
        .collect();
    let fail = weakest(judgement, asked);
    match (&fail[..], &open[..]) {
        ([only], []) if *only == level.name() => String::new(),
        (_, []) => format!("; the first to fail: {}", list(fail.iter(), fail.len())),
        _ => format!(
            "; the first known to fail: {}, with {} open below",
            list(fail.iter(), fail.len()),
            list(open.iter(), open.len())
        ),
    }
}

/// The levels of some kind that no other of them is beyond.
fn outermost(
    is_one: impl Fn(&Level) -> bool,
    is_beyond: impl Fn(Level, Level) -> bool,
) -> Vec<&'static str> {
    let all: Vec<Level> = Level::all().filter(is_one).collect();
    let within = |level: Level| all.iter().any(|&o| o != level && is_beyond(o, level));
    let outermost = all.iter().copied().filter(|&level| !within(level));
    outermost.map(Level::name).collect()
}

fn invocations(transactions: &Transactions, of: impl Iterator<Item = u32>) -> Vec<u64> {
    of.map(|at| u64::from(transactions.events(at)[0])).collect()
}

fn anomaly(transactions: &Transactions, name: &str, finding: &Finding) -> Anomaly {
    let cycle = (!finding.steps.is_empty()).then(|| Cycle {
        transactions: finding
            .steps
            .iter()
            .map(|(step, _)| in_cycle(transactions, step.from))
            .collect(),
        edges: finding
            .steps
            .iter()
            .map(|(step, because)| CycleEdge {
                from: words::transaction(transactions, step.from),
                to: words::transaction(transactions, step.to),
                kind: step.kind.name().to_owned(),
                because: because.clone(),
            })
            .collect(),
    });
    Anomaly {
        name: name.to_owned(),
        key: finding.key.map(|key| transactions.key(key)),
        explanation: format!("{}.", finding.explanation),
        operations: invocations(transactions, finding.transactions.iter().copied()),
        rows: Vec::new(),
        cycle,
    }
}

fn in_cycle(transactions: &Transactions, at: u32) -> CycleTransaction {
    let transaction = &transactions.all()[at as usize];
    CycleTransaction {
        name: words::transaction(transactions, at),
        process: transaction.process.into(),
        region: transactions.region(transaction).map(str::to_owned),
        operations: transactions
            .operations(at)
            .map(|operation| transactions.spelt(operation))
            .collect(),
    }
}
