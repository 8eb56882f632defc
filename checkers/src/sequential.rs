//! Checker `sequential`: whether one order of all operations on all objects keeps the
//! order of each process, and does what the objects would do for one client alone.
//!
//! **Property.** Sequential consistency (Lamport, "How to Make a Multiprocessor Computer That
//! Correctly Executes Multiprocess Programs", 1979); real time plays no part. A process whose
//! operation was never resolved is taken to have ended with it; what it did afterwards is
//! another's. It is not local: each object may have such an order without all of them having
//! one in common, so all are judged together.
//! **Sound and complete** where it decides. What has an order in real time has one; else
//! registers that write each value once are decided by
//! [`monitors::sequential`](crate::monitors::sequential), and everything else by a search.
//! To decide it is NP-complete: past the budget it is unknown.

mod judge;
mod plan;
mod search;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexSet;
use rayon::prelude::*;

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::linearizable::{
    self, Chosen, Groups, Intervals, Judged, Misfit, ObjectOptions, Violation, capitalised,
};
use crate::monitors::sequential::{self, Because, Operation, Reason, Step};
use crate::monitors::{self, Outcome, Undecided};
use crate::operations::{Operations, Outcome as End};
use crate::registers::Registers;
use crate::ruling::Ruling;
use crate::verdict::{Valid, Verdict, WITNESSES_MAX};
use crate::words;
pub(crate) use judge::{Ordered, judge};

pub(crate) struct Sequential;

const ANOMALY: &str = "no-sequential-order";

const UNKNOWN_PROCESSES: &str =
    "nobody recorded which process did what, so nobody knows which order is to be kept";

/// Steps that one object may take to be put in order in real time, to see whether that is easy.
const LINEARIZABLE_STEPS_MAX: u64 = 200_000;
/// The part of the memory that this may take.
const LINEARIZABLE_BYTES_PART: u64 = 4;
/// Steps of search for words, where the monitor has few.
const WORDING_STEPS_MAX: u64 = 1_000_000;

impl Checker for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn about(&self) -> &'static str {
        "one order of all operations on all objects keeps the order of each process"
    }

    fn property(&self) -> &'static str {
        "sequentially-consistent"
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Operations]
    }

    fn applies(&self, _: &Digest) -> bool {
        false
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        let operations = digest.operations();
        let mut ruling = Ruling::new(self, digest);
        // The order of a process needs no clock.
        let options = &without_clocks(options);
        let chosen = match linearizable::choose(operations, options) {
            Ok(chosen) => chosen,
            Err(problem) => return ruling.refuse(problem),
        };
        let groups = match Groups::new(operations, options) {
            Ok(groups) => groups,
            Err(misfit) => return ruling.refuse(misfit.to_string()),
        };
        ruling.scope("model", chosen.judge().name());
        ruling.scope("objects", groups.len());
        ruling.scope("operations", operations.len());
        ruling.count(ANOMALY, 0);
        if operations.is_empty() {
            ruling.doubt("there are no operations");
        }
        let mut caveats = digest.caveats().iter();
        let are_known = !caveats.any(|caveat| caveat.unknown_processes);
        // All taken to be of one process, they are in the only order that could be asked for.
        let mut processes = operations.all.iter().map(|operation| operation.process);
        let first = processes.next();
        let is_one = processes.all(|process| Some(process) == first);
        let judged = decide(&chosen, operations, options, &groups);
        let is_violated = matches!(judged, Ok((Judged::Violated(_), _)));
        if !are_known && (is_violated || !is_one) {
            ruling.doubt(UNKNOWN_PROCESSES);
        }
        match judged {
            Ok((Judged::Violated(_), _)) if !are_known => {}
            Err(misfit) => ruling.doubt(misfit.to_string()),
            Ok((Judged::Valid(_) | Judged::Unproved(_), _)) => {}
            Ok((Judged::Unknown(why), _)) => ruling.doubt(why),
            Ok((Judged::Violated(violation), group)) => ruling.anomaly(ANOMALY, || {
                let key = group.and_then(|group| groups.key(operations, groups.get(group)));
                linearizable::anomaly(ANOMALY, operations, key, &violation)
            }),
        }
        let number = words::count(operations.len() as u64, "operation");
        let object = format!("{} object", chosen.judge().name());
        let of = words::count(groups.len() as u64, &object);
        ruling.conclude("Sequential ✓", |valid, doubt| match valid {
            Valid::True => format!("{number} on {of}"),
            Valid::False => format!("no order of {number} on {of} keeps each process's own"),
            Valid::Unknown => doubt.unwrap_or_default().to_owned(),
        })
    }
}

/// The same, as if all clocks were right.
fn without_clocks(options: &Options) -> Options {
    Options {
        object: ObjectOptions {
            clock_uncertainty_ns: 0,
            ..options.object.clone()
        },
        ..options.clone()
    }
}

fn decide(
    chosen: &Chosen,
    operations: &Operations,
    options: &Options,
    groups: &Groups,
) -> Result<Ordered, Misfit> {
    if is_linearizable(chosen, operations, &options.object, groups)? {
        return Ok((Judged::Valid(Vec::new()), None));
    }
    let who = processes(operations);
    let search = |steps_max: u64| {
        let mut case = linearizable::case(operations, &options.object, Intervals::of_events(), 1);
        case.budget.steps_max = case.budget.steps_max.min(steps_max);
        chosen.judge().order(&case, groups, &who)
    };
    let found = match chosen.is_register() {
        true => by_monitor(operations, options, groups, &who),
        false => None,
    };
    match found {
        None => search(u64::MAX),
        Some(ByMonitor::Found(found)) => Ok(found),
        // A few operations show more than how far each process came.
        Some(ByMonitor::NoOrder(found)) => match search(WORDING_STEPS_MAX)? {
            (Judged::Violated(violation), group) => Ok((Judged::Violated(violation), group)),
            _ => Ok(found),
        },
    }
}

/// Whether it is easy to see that each object has an order that agrees with that of the events
/// in the history. In that each process did one thing after the other, so that all have one
/// in common that keeps the order of each process: linearizability is local.
fn is_linearizable(
    chosen: &Chosen,
    operations: &Operations,
    options: &ObjectOptions,
    groups: &Groups,
) -> Result<bool, Misfit> {
    let options = ObjectOptions {
        small_witness: false,
        steps_max: options.steps_max.min(LINEARIZABLE_STEPS_MAX),
        memory_bytes_max: options.memory_bytes_max / LINEARIZABLE_BYTES_PART,
        ..options.clone()
    };
    let at_once = rayon::current_num_threads();
    let case = linearizable::case(operations, &options, Intervals::of_events(), at_once);
    let all: Vec<&[u32]> = groups.iter().collect();
    let judged: Vec<_> = all
        .par_iter()
        .map(|members| chosen.decide(&case, members))
        .collect();
    let mut all_are = true;
    for judged in judged {
        all_are &= matches!(judged?, Judged::Valid(_) | Judged::Unproved(_));
    }
    Ok(all_are)
}

/// What the monitor found.
enum ByMonitor {
    Found(Ordered),
    /// A violation of which it knows no cycle.
    NoOrder(Ordered),
}

/// Registers that write each value once; none if these are others.
fn by_monitor(
    operations: &Operations,
    options: &Options,
    groups: &Groups,
    who: &[u32],
) -> Option<ByMonitor> {
    let registers = Registers::by_events(operations, options).ok()?;
    let history = history(operations, &registers, who)?;
    let found = match sequential::check(&history, &options.object.budget(1)) {
        Outcome::Valid => (Judged::Valid(Vec::new()), None),
        Outcome::Undecided(Undecided::RepeatedValue { .. } | Undecided::InitialValue { .. }) => {
            return None;
        }
        Outcome::Undecided(why) => (Judged::Unknown(why.to_string()), None),
        Outcome::Violated(violation) => {
            let has_cycle = violation.reason != Reason::NoOrder;
            let (explanation, shown) = explain(&registers, &violation);
            let is_of = |members: &[u32]| {
                let is_member = |&id: &u64| members.binary_search(&(id as u32)).is_ok();
                violation.operations.iter().all(is_member)
            };
            let group = groups.iter().position(is_of);
            let violated = Judged::Violated(Violation {
                explanation,
                operations: shown.into_iter().map(|at| (at as u32, true)).collect(),
                culprit: None,
            });
            if !has_cycle {
                return Some(ByMonitor::NoOrder((violated, group)));
            }
            (violated, group)
        }
    };
    Some(ByMonitor::Found(found))
}

/// Who did each operation: its process, until the end of that process's next operation that
/// was never resolved, numbered in the order in which they come.
fn processes(operations: &Operations) -> Vec<u32> {
    let mut alive: HashMap<u32, u32, FixedState> = HashMap::default();
    let mut next = 0;
    let who = operations.all.iter().map(|operation| {
        let who = *alive.entry(operation.process).or_insert_with(|| {
            next += 1;
            next - 1
        });
        if operation.outcome == End::Unknown {
            alive.remove(&operation.process);
        }
        who
    });
    who.collect()
}

/// All operations in the order of their calls; none if one is neither a read nor a write.
fn history(
    operations: &Operations,
    registers: &Registers<'_>,
    who: &[u32],
) -> Option<Vec<Operation>> {
    let mut history = Vec::with_capacity(operations.len());
    for (members, key) in registers.members().zip(0..) {
        for &at in members {
            if let Some(action) = registers.action(at).ok()? {
                history.push(Operation {
                    id: at.into(),
                    process: who[at as usize],
                    key,
                    action,
                    resolved: operations.all[at as usize].outcome != End::Unknown,
                });
            }
        }
    }
    history.sort_unstable_by_key(|operation| operation.id);
    Some(history)
}

/// Why there is no order, and the operations that show it: of many those of the first steps.
fn explain(
    registers: &Registers<'_>,
    violation: &monitors::Violation<Reason>,
) -> (String, Vec<u64>) {
    let all = violation.operations.clone();
    let steps = match &violation.reason {
        Reason::NeverWritten { read } => {
            let reason = monitors::register::Reason::NeverWritten { read: *read };
            return registers.impossible(&reason);
        }
        Reason::Cycle { steps } => steps,
        other => return (capitalised(&format!("{other}.")), all),
    };
    let next = steps.iter().cycle().skip(1);
    let mut text = String::new();
    for (step, next) in steps.iter().zip(next).take(words::LISTED_MAX) {
        text.push_str(&capitalised(&precedes(registers, step, next.operation)));
        text.push(' ');
    }
    if let Some(more) = steps
        .len()
        .checked_sub(words::LISTED_MAX)
        .filter(|&more| more > 0)
    {
        let more = words::count(more as u64, "more step");
        text.push_str(&format!(
            "So it goes on for {more}, back to the first operation. "
        ));
    }
    text.push_str("So each would come before itself.");
    if all.len() <= WITNESSES_MAX {
        return (text, all);
    }
    text.push_str(&format!(
        " Of {}, {WITNESSES_MAX} are listed, those of the first steps.",
        words::count(all.len() as u64, "operation")
    ));
    let of_steps = steps.iter().flat_map(|step| {
        let read = match step.because {
            Because::StillRead { read } => Some(read),
            _ => None,
        };
        [Some(step.operation), read].into_iter().flatten()
    });
    let shown: IndexSet<u64> = of_steps.chain(all).collect();
    (text, shown.into_iter().take(WITNESSES_MAX).collect())
}

/// That one operation must come before another, and why.
fn precedes(registers: &Registers<'_>, step: &Step, next: u64) -> String {
    let [one, other] = [step.operation, next].map(|id| registers.name_with_key(id));
    match step.because {
        Because::Process => {
            format!("{one} comes before {other}: their process did them in this order.")
        }
        Because::ReadFrom => format!("{one} comes before {other}, which read what it wrote."),
        Because::Overwritten => {
            format!("{one} comes before {other}, which overwrote what it read.")
        }
        Because::StillRead { read } => format!(
            "{one} comes before {other}: {}, which comes after the first, saw the second's value.",
            registers.name_with_key(read)
        ),
    }
}
