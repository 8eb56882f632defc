//! The checker `linearizable` against an oracle that tries every order, on thousands
//! of small random histories a model, dense in concurrency and with operations of
//! which nobody knows. Every proof is verified, and every shrunk history still
//! violates.
//!
//! `WITNESS_CASES` asks for another number of histories of each model than the usual:
//! 100000 take half a minute in a release build.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../choices/mod.rs"]
mod choices;
#[path = "../each_model/mod.rs"]
mod each_model;
mod larger;
mod oracle;
mod random;
mod spec;
mod words;

use std::cell::Cell;

use each_model::each_model;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use random::Case;
use serde_json::json;
use witness_checkers::{
    Digest, FailedCas, NilReads, Options, Valid, find, linearize, shrink, verify_proof,
};
use witness_histories::{Event, History};

fn cases() -> u32 {
    let asked = std::env::var("WITNESS_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(6_000)
}

/// Models that are decided by a monitor where it can tell.
const MONITORED: [&str; 5] = [
    "fifo-queue",
    "unordered-queue",
    "priority-queue",
    "stack",
    "set",
];

fn options(case: &Case) -> Options {
    let mut options = Options::default();
    options.object.model = Some(case.model.to_owned());
    options.object.failed_cas = Some(match case.failed_cas_ignored {
        true => FailedCas::Ignore,
        false => FailedCas::Proves,
    });
    if case.nil_is_unknown {
        options.object.nil_reads = NilReads::Unknown;
    }
    options.object.initial = match case.model {
        "register" | "cas-register" if case.starts_at_zero => Some(json!(0).into()),
        "semaphore" => Some(json!(2).into()),
        _ => None,
    };
    options
}

fn digest(history: &History) -> Digest {
    Digest::of(history, [find("linearizable").unwrap()]).unwrap()
}

/// The history of those events only.
fn part(history: &History, events: &[u64]) -> History {
    let events = events.iter().zip(0..).map(|(&event, index)| Event {
        index,
        ..history.event(event).unwrap()
    });
    History::from_events(events).unwrap()
}

fn agree(case: &Case) -> Result<Valid, TestCaseError> {
    let history = witness_histories::history(&case.shorthand()).unwrap();
    let (digest_of, options) = (digest(&history), options(case));
    let expected = oracle::is_linearizable(case);
    let (verdict, proof) = linearize(&digest_of, &options);
    if case.operations.is_empty() {
        prop_assert_eq!(verdict.valid, Valid::Unknown);
        return Ok(Valid::Unknown);
    }
    let expected = if expected { Valid::True } else { Valid::False };
    prop_assert_eq!(verdict.valid, expected, "{:#?}", verdict);
    // Without a proof queues and sets are decided by monitors, if they can tell.
    let checked = find("linearizable").unwrap().check(&digest_of, &options);
    prop_assert_eq!(checked.valid, expected, "{:#?}", checked);
    if case.model == "register" {
        agree_on_staleness(case, &digest_of, &options, expected)?;
    }
    if verdict.valid == Valid::True {
        let flaw = verify_proof(&digest_of, &options, &proof.unwrap());
        prop_assert_eq!(flaw, Ok(()));
        prop_assert_eq!(shrink(&digest_of, &options), None);
        return Ok(verdict.valid);
    }
    let small = shrink(&digest_of, &options).unwrap();
    let small = part(&history, &small);
    let again = linearize(&digest(&small), &options).0;
    prop_assert_eq!(again.valid, Valid::False, "shrunk to {:#?}", small);
    let (shown, left) = (
        again.anomalies[0].operations.len(),
        small.operations().len(),
    );
    if MONITORED.contains(&case.model) {
        // What is left may have distinct values, so that a monitor leaves out more.
        prop_assert!(shown <= left);
    } else {
        prop_assert_eq!(shown, left, "shrunk again it is smaller");
    }
    Ok(verdict.valid)
}

/// What is not stale is linearizable, and what is shown is not.
fn agree_on_staleness(
    case: &Case,
    digest: &Digest,
    options: &Options,
    expected: Valid,
) -> Result<(), TestCaseError> {
    let verdict = find("staleness").unwrap().check(digest, options);
    prop_assert_eq!(verdict.valid, expected, "{:#?}", verdict);
    for anomaly in &verdict.anomalies {
        let mut shown = case.clone();
        let is_shown = |call: usize| anomaly.operations.contains(&(call as u64));
        shown.operations.retain(|op| is_shown(op.call));
        prop_assert!(!oracle::is_linearizable(&shown), "{:#?}", anomaly);
    }
    Ok(())
}

fn agrees(model: &'static str) {
    let config = Config {
        cases: cases(),
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..Config::default()
    };
    let counts = [Cell::new(0), Cell::new(0)];
    let choices = vec(any::<u8>(), 0..120);
    let result = TestRunner::new(config).run(&choices, |choices| {
        let case = random::case(model, &choices, random::OPERATIONS_MAX);
        let valid = agree(&case).map_err(|error| match error {
            TestCaseError::Fail(why) => {
                TestCaseError::fail(format!("{why}\n{case:?}\n{}", case.shorthand()))
            }
            other => other,
        })?;
        match valid {
            Valid::True => counts[0].set(counts[0].get() + 1),
            Valid::False => counts[1].set(counts[1].get() + 1),
            Valid::Unknown => {}
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let [valid, violated] = counts.map(Cell::into_inner);
    for (count, what) in [(valid, "valid"), (violated, "violated")] {
        assert!(
            count * 6 > cases(),
            "only {count} of {} are {what}",
            cases()
        );
    }
}

each_model!(agrees);
