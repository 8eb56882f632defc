//! Checker `staleness`: how stale the reads of each register were, in versions and in
//! time. On a store that is only eventually consistent the useful answer is *how far*.
//!
//! **Property.** 1-atomicity, which is linearizability: every read returns the newest
//! value. What is not 1-atomic is measured: the smallest k for which each register is
//! k-atomic, bounded if it is above 2, and by how long and how many versions each stale read
//! was behind; see [`monitors::staleness`](crate::monitors::staleness). The summary gives the
//! greatest of each. Times are those of the events, less twice the clocks' uncertainty.
//! **Sound and complete** where each value is written once; elsewhere unknown.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use rayon::prelude::*;

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::intern::NONE;
use crate::linearizable::{self, capitalised};
use crate::monitors::Stop;
use crate::monitors::register::Reason;
use crate::monitors::staleness::{self, StaleRead};
use crate::operations::Outcome;
use crate::registers::{Misfit, Registers};
use crate::ruling::Ruling;
use crate::verdict::{Valid, Verdict};
use crate::words;

pub(crate) struct Staleness;

const STALE: &str = "stale-read";
/// A read that no staleness explains.
const IMPOSSIBLE: &str = "impossible-read";
/// No read alone is stale, but they cannot all be right.
const TOGETHER: &str = "incompatible-reads";

impl Checker for Staleness {
    fn name(&self) -> &'static str {
        "staleness"
    }

    fn about(&self) -> &'static str {
        "how stale the reads of registers were, in versions and in milliseconds"
    }

    fn property(&self) -> &'static str {
        "1-atomic"
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Operations]
    }

    fn applies(&self, digest: &Digest) -> bool {
        let operations = digest.operations();
        if linearizable::guess(operations.fs()) != Some("register") {
            return false;
        }
        let write = operations.fs().iter().position(|f| f == "write");
        let mut written: HashSet<(u32, u32), FixedState> = HashSet::default();
        operations.all.iter().all(|operation| {
            Some(usize::from(operation.f)) != write
                || matches!(operation.outcome, Outcome::Failed | Outcome::Refused)
                || (operation.argument != NONE
                    && written.insert((operation.key, operation.argument)))
        })
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
        for name in [STALE, IMPOSSIBLE, TOGETHER] {
            ruling.count(name, 0);
        }
        if operations.is_empty() {
            ruling.doubt("there are no operations");
        }
        registers.doubt(options, &mut ruling, |registers| {
            let all: Vec<&[u32]> = registers.members().collect();
            let fresh = |measured: Measured| matches!(measured, Ok(Ok(found)) if found.delta == 0 && found.stale.is_empty());
            measured(registers, &all).into_iter().all(fresh)
        });
        let all: Vec<&[u32]> = registers.members().collect();
        let measured = measured(&registers, &all);
        // How long nobody knows if the reader gave the times out.
        let timed = !operations.times_are_invented;
        let mut most = Most::default();
        let mut stale = Vec::new();
        for (&members, measured) in all.iter().zip(measured) {
            match measured {
                Ok(Ok(found)) => {
                    most.add(&found);
                    if found.delta > 0 && found.stale.is_empty() {
                        ruling.anomaly(TOGETHER, || {
                            let (text, shown) = together(digest, options, members);
                            registers.anomaly(TOGETHER, registers.key(members), text, &shown)
                        });
                    }
                    stale.extend(found.stale.into_iter().map(|read| (read, members)));
                }
                Ok(Err(Stop::Violated(violation))) => ruling.anomaly(IMPOSSIBLE, || {
                    let (text, shown) = registers.impossible(&violation.reason);
                    registers.anomaly(IMPOSSIBLE, registers.key(members), text, &shown)
                }),
                Ok(Err(Stop::Undecided(why))) => ruling.doubt(registers.undecided(why)),
                Err(misfit) => ruling.doubt(misfit),
            }
        }
        stale.sort_by_key(|(read, _)| Reverse((read.behind, read.missed)));
        for (read, members) in stale {
            ruling.anomaly(STALE, || {
                let shown = [
                    Some(read.read),
                    read.written,
                    Some(read.newer),
                    read.shown_by,
                ];
                let shown: Vec<u64> = shown.into_iter().flatten().collect();
                let text = explain(&registers, &read, timed);
                registers.anomaly(STALE, registers.key(members), text, &shown)
            });
        }
        let reads = registers.reads();
        most.count(&mut ruling, reads, timed);
        let [stale, impossible, together] =
            [STALE, IMPOSSIBLE, TOGETHER].map(|name| ruling.counted(name));
        let of = words::count(registers.len() as u64, "register");
        ruling.conclude("Fresh ✓", |valid, doubt| match valid {
            Valid::True => format!("{} of {of}, none stale", words::count(reads, "read")),
            Valid::False if stale > 0 => {
                let and = match timed {
                    true => format!(" and {}", words::milliseconds(most.behind)),
                    false => String::new(),
                };
                format!(
                    "{stale} of {} stale: the stalest by {}{and}",
                    words::count(reads, "read"),
                    words::count(most.missed, "version"),
                )
            }
            Valid::False if together > 0 => {
                format!(
                    "no read alone is stale, but those of {together} of {of} cannot all be right"
                )
            }
            Valid::False => {
                format!("reads of {impossible} of {of} cannot be explained by staleness")
            }
            Valid::Unknown => doubt.unwrap_or_default().to_owned(),
        })
    }
}

/// What is found of a register.
type Measured = Result<Result<staleness::Staleness, Stop<Reason>>, Misfit>;

fn measured(registers: &Registers<'_>, all: &[&[u32]]) -> Vec<Measured> {
    all.par_iter()
        .map(|members| Ok(staleness::measure(&registers.history(members)?)))
        .collect()
}

/// The greatest of each measure, over all registers.
#[derive(Default)]
struct Most {
    behind: u64,
    missed: u64,
    delta: u64,
    at_least: u64,
    at_most: u64,
}

impl Most {
    fn add(&mut self, found: &staleness::Staleness) {
        for read in &found.stale {
            self.behind = self.behind.max(read.behind);
            self.missed = self.missed.max(read.missed);
        }
        self.delta = self.delta.max(found.delta);
        self.at_least = self.at_least.max(found.versions.at_least);
        self.at_most = self.at_most.max(found.versions.at_most);
    }

    fn count(&self, ruling: &mut Ruling, reads: u64, timed: bool) {
        ruling.count("reads", reads);
        ruling.count("k_at_least", self.at_least);
        ruling.count("k_at_most", self.at_most);
        ruling.count("missed_versions_max", self.missed);
        if timed {
            ruling.count("behind_ns_max", self.behind);
            ruling.count("delta_ns", self.delta);
        }
    }
}

/// Which read, what it missed, and how long after if times were recorded.
fn explain(registers: &Registers<'_>, read: &StaleRead, timed: bool) -> String {
    let long = match timed {
        true => format!("{} ", words::milliseconds(read.behind)),
        false => String::new(),
    };
    let beside = match read.missed {
        1 => String::new(),
        missed => format!(", the first of {missed} newer values that it missed"),
    };
    let by = read.shown_by.map_or_else(String::new, |by| {
        format!(", as {} shows", registers.name_of(by))
    });
    format!(
        "{} saw {}, although {} had taken effect {long}before{by}{beside}.",
        capitalised(&registers.name_of(read.read)),
        registers.source(read.written),
        registers.name_of(read.newer),
    )
}

/// Why the operations of a register have no order, and what shows it.
fn together(digest: &Digest, options: &Options, members: &[u32]) -> (String, Vec<u64>) {
    let violation = linearizable::register_conflict(digest.operations(), options, members);
    violation.map_or_else(Default::default, |violation| {
        let shown = violation.operations.iter().map(|&(at, _)| at.into());
        (violation.explanation, shown.collect())
    })
}
