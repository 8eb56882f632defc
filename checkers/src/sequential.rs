//! Checker `sequential`: whether one order of all operations on all registers keeps the
//! order of each process, and each read returns what was last written to its register.
//!
//! **Property.** Sequential consistency (Lamport 1979); real time plays no part. See
//! [`monitors::sequential`](crate::monitors::sequential). A process whose operation was
//! never resolved is taken to have ended with it; what it did afterwards is another's.
//! **Sound and complete** where each value is written once and the search ends within its
//! budget; elsewhere unknown.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::linearizable::capitalised;
use crate::monitors::sequential::{self, Because, Operation, Reason, Step};
use crate::monitors::{Outcome, Violation};
use crate::operations::Outcome as End;
use crate::registers::{Misfit, Registers};
use crate::ruling::Ruling;
use crate::verdict::{Valid, Verdict};
use crate::words;

pub(crate) struct Sequential;

const ANOMALY: &str = "no-sequential-order";

impl Checker for Sequential {
    fn name(&self) -> &'static str {
        "sequential"
    }

    fn about(&self) -> &'static str {
        "one order of all operations on all registers keeps the order of each process"
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
        let registers = match Registers::new(operations, options) {
            Ok(registers) => registers,
            Err(misfit) => return ruling.refuse(misfit),
        };
        ruling.scope("registers", registers.len());
        ruling.scope("operations", operations.len());
        ruling.count(ANOMALY, 0);
        if operations.is_empty() {
            ruling.doubt("there are no operations");
        }
        match history(digest, &registers) {
            Err(misfit) => ruling.doubt(misfit),
            Ok(history) => match sequential::check(&history, &options.object.budget(1)) {
                Outcome::Valid => {}
                Outcome::Undecided(why) => ruling.doubt(registers.undecided(why)),
                Outcome::Violated(violation) => ruling.anomaly(ANOMALY, || {
                    let text = explain(&registers, &violation);
                    registers.anomaly(ANOMALY, None, text, &violation.operations)
                }),
            },
        }
        let number = words::count(operations.len() as u64, "operation");
        let of = words::count(registers.len() as u64, "register");
        ruling.conclude("Sequential ✓", |valid, doubt| match valid {
            Valid::True => format!("{number} on {of}"),
            Valid::False => format!("no order of {number} on {of} keeps each process's own"),
            Valid::Unknown => doubt.unwrap_or_default().to_owned(),
        })
    }
}

/// All operations in the order of their calls.
fn history(digest: &Digest, registers: &Registers<'_>) -> Result<Vec<Operation>, Misfit> {
    let all = &digest.operations().all;
    // Who each process is until the end of its next operation that was never resolved.
    let mut alive: HashMap<u32, u32, FixedState> = HashMap::default();
    let mut next = 0;
    let who = all.iter().map(|operation| {
        let who = *alive.entry(operation.process).or_insert_with(|| {
            next += 1;
            next
        });
        if operation.outcome == End::Unknown {
            alive.remove(&operation.process);
        }
        who
    });
    let who: Vec<u32> = who.collect();
    let mut history = Vec::with_capacity(all.len());
    for (members, key) in registers.members().zip(0..) {
        for &at in members {
            if let Some(action) = registers.action(at)? {
                history.push(Operation {
                    id: at.into(),
                    process: who[at as usize],
                    key,
                    action,
                    resolved: all[at as usize].outcome != End::Unknown,
                });
            }
        }
    }
    history.sort_unstable_by_key(|operation| operation.id);
    Ok(history)
}

fn explain(registers: &Registers<'_>, violation: &Violation<Reason>) -> String {
    match &violation.reason {
        Reason::NeverWritten { read } => {
            let reason = crate::monitors::register::Reason::NeverWritten { read: *read };
            registers.impossible(&reason).0
        }
        Reason::Cycle { steps } => {
            let next = steps.iter().cycle().skip(1);
            let steps = steps
                .iter()
                .zip(next)
                .map(|(step, next)| capitalised(&precedes(registers, step, next.operation)));
            let steps: Vec<String> = steps.collect();
            format!("{} So each would come before itself.", steps.join(" "))
        }
        other => capitalised(&format!("{other}.")),
    }
}

/// That one operation must come before another, and why.
fn precedes(registers: &Registers<'_>, step: &Step, next: u64) -> String {
    let (one, other) = (registers.name_of(step.operation), registers.name_of(next));
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
            registers.name_of(read)
        ),
    }
}
