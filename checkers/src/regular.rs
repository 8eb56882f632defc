//! Checker `regular`: whether each read of a register, taken alone, saw a value that it
//! can have seen.
//!
//! **Property.** MWRegWeak, the weakest of the multi-writer regularities of Shao, Welch,
//! Pierce and Lee (SIAM J. Comput. 40(1), 2011), by key; see
//! [`monitors::regular`](crate::monitors::regular). Two reads need not agree with each other.
//! **Sound and complete**, values that are written again included. No search, so that nothing limits
//! it: O(n log n).

use rayon::prelude::*;

use crate::checker::{Checker, Need, Options};
use crate::digest::Digest;
use crate::monitors::register::Reason;
use crate::monitors::{Outcome, regular};
use crate::registers::{Misfit, Registers};
use crate::ruling::Ruling;
use crate::verdict::{Valid, Verdict};
use crate::words;

pub(crate) struct Regular;

const ANOMALY: &str = "irregular-read";

impl Checker for Regular {
    fn name(&self) -> &'static str {
        "regular"
    }

    fn about(&self) -> &'static str {
        "each read of a register alone saw a value that was not overwritten before it began"
    }

    fn property(&self) -> &'static str {
        "MWRegWeak"
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
        registers.doubt(options, &mut ruling, |registers| {
            let all: Vec<&[u32]> = registers.members().collect();
            let valid = |outcome: Result<_, _>| matches!(outcome, Ok(Outcome::Valid));
            outcomes(registers, &all).into_iter().all(valid)
        });
        let all: Vec<&[u32]> = registers.members().collect();
        let outcomes = outcomes(&registers, &all);
        for (members, outcome) in all.iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Valid) => {}
                Ok(Outcome::Violated(violation)) => ruling.anomaly(ANOMALY, || {
                    let (text, shown) = registers.impossible(&violation.reason);
                    registers.anomaly(ANOMALY, registers.key(members), text, &shown)
                }),
                Ok(Outcome::Undecided(why)) => ruling.doubt(why.to_string()),
                Err(misfit) => ruling.doubt(misfit),
            }
        }
        let reads = words::count(registers.reads(), "read");
        let of = words::count(registers.len() as u64, "register");
        let violated = ruling.counted(ANOMALY);
        ruling.conclude("Regular ✓", |valid, doubt| match valid {
            Valid::True => format!("{reads} of {of}"),
            Valid::False => format!("{violated} of {of} not regular: {reads}"),
            Valid::Unknown => doubt.unwrap_or_default().to_owned(),
        })
    }
}

/// What is found of each register.
fn outcomes(registers: &Registers<'_>, all: &[&[u32]]) -> Vec<Result<Outcome<Reason>, Misfit>> {
    all.par_iter()
        .map(|members| Ok(regular::check(&registers.history(members)?)))
        .collect()
}
