//! Checker `staleness`: how stale the reads of each register were, in versions and in
//! time. On a store that is only eventually consistent the useful answer is *how far*.
//!
//! **Property.** 1-atomicity, which is linearizability: every read returns the newest
//! value. What is not 1-atomic is measured: the smallest k for which each register is
//! k-atomic, bounded if it is above 2, and by how long and how many versions each stale read
//! was behind; see [`monitors::staleness`](crate::monitors::staleness). The summary gives the
//! greatest of each. Times are those of the events, less twice the clocks' uncertainty.
//! **Sound and complete.** Where a value is written again, or is the one that was there at first, a
//! read of it may be of any of its writes: what is measured is then a bound, and where neither
//! a stale read nor a likely write of each read decides, the search of the checker
//! `linearizable` does, past whose budget it is unknown.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::HashSet;
use rayon::prelude::*;

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::linearizable::{self, Chosen, Judged, Violation, capitalised};
use crate::monitors;
use crate::monitors::register::Reason;
use crate::monitors::staleness::{self, Bounds, StaleRead};
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
                || written.insert((operation.key, operation.argument))
        })
    }

    fn check(&self, digest: &Digest, options: &Options) -> Verdict {
        let operations = digest.operations();
        let mut ruling = Ruling::new(self, digest);
        let registers = match Registers::new(operations, options) {
            Ok(registers) => registers,
            Err(misfit) => return ruling.refuse(misfit),
        };
        let chosen = match linearizable::register(operations, options) {
            Ok(chosen) => chosen,
            Err(problem) => return ruling.refuse(problem.to_string()),
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
            let fresh = |measured: Measured| {
                matches!(measured, Ok(Ok(found)) if found.staleness.is_linearizable() == Some(true))
            };
            measured(registers, &chosen, &all).into_iter().all(fresh)
        });
        let all: Vec<&[u32]> = registers.members().collect();
        let measured = measured(&registers, &chosen, &all);
        // How long nobody knows if the reader gave the times out.
        let timed = !operations.times_are_invented;
        let mut most = Most::default();
        let is_certain = operations
            .clocks(options.object.clock_uncertainty_ns)
            .is_none();
        let is_measured = is_certain && measured.iter().all(|it| matches!(it, Ok(Ok(_))));
        let mut stale = Vec::new();
        for (&members, measured) in all.iter().zip(measured) {
            match measured {
                Ok(Ok(found)) => {
                    most.add(&found.staleness);
                    if let Some(violation) = found.together {
                        ruling.anomaly(TOGETHER, || {
                            let key = registers.key(members);
                            linearizable::anomaly(TOGETHER, operations, key, &violation)
                        });
                    }
                    if let Some(why) = found.doubt {
                        ruling.doubt(match registers.key(members) {
                            None => why,
                            Some(key) => format!("key {key}: {why}"),
                        });
                    }
                    let reads = found.staleness.stale.into_iter();
                    stale.extend(reads.map(|read| (read, members)));
                }
                Ok(Err(violation)) => ruling.anomaly(IMPOSSIBLE, || {
                    let (text, shown) = registers.impossible(&violation.reason);
                    registers.anomaly(IMPOSSIBLE, registers.key(members), text, &shown)
                }),
                Err(misfit) => ruling.doubt(misfit),
            }
        }
        stale.sort_by_key(|(read, _)| Reverse((read.behind, read.missed)));
        for (read, members) in stale {
            ruling.anomaly(STALE, || {
                let shown = [
                    Some(read.read),
                    read.written,
                    read.seen_by,
                    Some(read.newer),
                    read.shown_by,
                ];
                let shown: Vec<u64> = shown.into_iter().flatten().collect();
                let text = explain(&registers, &read, timed);
                registers.anomaly(STALE, registers.key(members), text, &shown)
            });
        }
        let reads = registers.reads();
        most.count(&mut ruling, reads, timed, is_measured);
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
                let by = match most.is_certain {
                    true => "by",
                    false => "by at least",
                };
                format!(
                    "{stale} of {} stale: the stalest {by} {}{and}",
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
struct Found {
    staleness: staleness::Staleness,
    /// Why no order explains its operations, where no read alone is stale.
    together: Option<Violation>,
    /// Why nobody knows whether one does.
    doubt: Option<String>,
}

type Measured = Result<Result<Found, monitors::Violation<Reason>>, Misfit>;

fn measured(registers: &Registers<'_>, chosen: &Chosen, all: &[&[u32]]) -> Vec<Measured> {
    let case = registers.case(rayon::current_num_threads().min(all.len()));
    let measured = |members: &&[u32]| {
        let staleness = match staleness::measure(&registers.history(members)?) {
            Ok(staleness) => staleness,
            Err(violation) => return Ok(Err(violation)),
        };
        let mut found = Found {
            staleness,
            together: None,
            doubt: None,
        };
        if found.staleness.is_linearizable() != Some(true) && found.staleness.stale.is_empty() {
            match chosen
                .decide(&case, members)
                .map_err(|misfit| misfit.to_string())?
            {
                Judged::Valid(_) | Judged::Unproved(_) => found.staleness.settle(true),
                Judged::Violated(violation) => {
                    found.staleness.settle(false);
                    found.together = Some(violation);
                }
                Judged::Unknown(why) => found.doubt = Some(why),
            }
        }
        Ok(Ok(found))
    };
    all.par_iter().map(measured).collect()
}

/// The greatest of each measure, over all registers.
struct Most {
    behind: u64,
    missed: u64,
    /// Whether each stale read was of the one write that it can have returned.
    is_certain: bool,
    versions: Bounds,
    delta: Bounds,
}

impl Default for Most {
    fn default() -> Self {
        let exactly = |number| Bounds {
            at_least: number,
            at_most: number,
        };
        Most {
            behind: 0,
            missed: 0,
            is_certain: true,
            versions: exactly(1),
            delta: exactly(0),
        }
    }
}

impl Most {
    fn add(&mut self, found: &staleness::Staleness) {
        for read in &found.stale {
            self.behind = self.behind.max(read.behind);
            self.missed = self.missed.max(read.missed);
            self.is_certain &= read.is_certain;
        }
        for (most, found) in [
            (&mut self.versions, found.versions),
            (&mut self.delta, found.delta),
        ] {
            most.at_least = most.at_least.max(found.at_least);
            most.at_most = most.at_most.max(found.at_most);
        }
    }

    /// How stale it is at most is only known if all `is_measured`, by clocks that are right.
    fn count(&self, ruling: &mut Ruling, reads: u64, timed: bool, is_measured: bool) {
        ruling.count("reads", reads);
        ruling.count("k_at_least", self.versions.at_least);
        if is_measured {
            ruling.count("k_at_most", self.versions.at_most);
        }
        ruling.count("missed_versions_max", self.missed);
        if timed {
            ruling.count("behind_ns_max", self.behind);
            ruling.count("delta_ns_at_least", self.delta.at_least);
            if is_measured {
                ruling.count("delta_ns_at_most", self.delta.at_most);
            }
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
    let or = match read.is_certain {
        true => "",
        false => " or an older write of that value",
    };
    let seen = read.seen_by.map_or_else(String::new, |by| {
        format!(", which {} had seen already", registers.name_of(by))
    });
    format!(
        "{} saw {}{or}{seen}, although {} had taken effect {long}before{by}{beside}.",
        capitalised(&registers.name_of(read.read)),
        registers.source(read.written),
        registers.name_of(read.newer),
    )
}
