//! The checker `sequential` against an oracle that tries every interleaving, on thousands of
//! small random histories of each model, on one object and on two, with operations of which
//! nobody knows. What a violation shows is violated by itself.
//!
//! `WITNESS_CASES` asks for another number of histories of each model than the usual.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "../choices/mod.rs"]
mod choices;
#[path = "../each_model/mod.rs"]
mod each_model;
mod interleaved;
mod oracle;
#[path = "../linearizable/random.rs"]
#[allow(dead_code, reason = "histories are written down otherwise here")]
mod random;
#[path = "../linearizable/spec.rs"]
mod spec;
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;

use each_model::each_model;
use interleaved::History;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::json;
use witness_checkers::{Digest, FailedCas, NilReads, Options, Valid, Verdict, find};

fn cases() -> u32 {
    let asked = std::env::var("WITNESS_CASES").ok();
    asked.and_then(|cases| cases.parse().ok()).unwrap_or(3_000)
}

fn options(history: &History) -> Options {
    let mut options = Options::default();
    options.object.model = Some(history.model.to_owned());
    options.object.failed_cas = Some(match history.failed_cas_ignored {
        true => FailedCas::Ignore,
        false => FailedCas::Proves,
    });
    if history.nil_is_unknown {
        options.object.nil_reads = NilReads::Unknown;
    }
    options.object.initial = match history.model {
        "register" | "cas-register" if history.starts_at_zero => Some(json!(0).into()),
        "semaphore" => Some(json!(2).into()),
        _ => None,
    };
    options
}

fn decide(checker: &str, history: &History) -> Verdict {
    let checker = find(checker).unwrap();
    let saved = witness_histories::history(&history.shorthand()).unwrap();
    checker.check(&Digest::of(&saved, [checker]).unwrap(), &options(history))
}

/// The verdict, and what is remarkable about it.
fn agree(history: &History) -> Result<Vec<&'static str>, TestCaseError> {
    let verdict = decide("sequential", history);
    if history.operations.is_empty() {
        prop_assert_eq!(verdict.valid, Valid::Unknown);
        return Ok(vec![]);
    }
    let expected = oracle::is_sequential(history);
    let valid = if expected { Valid::True } else { Valid::False };
    prop_assert_eq!(verdict.valid, valid, "{:#?}", verdict);
    if expected {
        let in_real_time = decide("linearizable", history).valid == Valid::True;
        return Ok(match in_real_time {
            true => vec!["valid"],
            false => vec!["valid", "valid but not linearizable"],
        });
    }
    let shown = &verdict.anomalies[0].operations;
    let shown = history.only(|call| shown.contains(&call));
    prop_assert!(
        !oracle::is_sequential(&shown),
        "{:#?} shows nothing",
        verdict
    );
    Ok(match verdict.anomalies[0].key {
        None if history.objects > 1 => vec!["violated", "violated by several objects"],
        _ => vec!["violated"],
    })
}

/// Of so many cases of that model; at least those shares of them have each verdict.
fn agrees(model: &'static str, at_least: &[(&'static str, f64)]) {
    let config = Config {
        cases: cases(),
        rng_seed: RngSeed::Fixed(2026),
        failure_persistence: None,
        ..Config::default()
    };
    let counts: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    let choices = (
        vec(any::<u8>(), 4..100),
        vec(any::<u8>(), 0..100),
        vec(any::<u8>(), 0..80),
    );
    let result = TestRunner::new(config).run(&choices, |(first, second, order)| {
        let history = interleaved::history(model, &first, &second, &order);
        let seen = agree(&history).map_err(|error| match error {
            TestCaseError::Fail(why) => {
                TestCaseError::fail(format!("{why}\n{history:?}\n{}", history.shorthand()))
            }
            other => other,
        })?;
        for seen in seen {
            *counts.borrow_mut().entry(seen).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let counts = counts.into_inner();
    println!("{model}: {counts:?} of {}", cases());
    for (what, share) in at_least {
        let count = counts.get(what).copied().unwrap_or(0);
        assert!(
            f64::from(count) >= share * f64::from(cases()),
            "only {count} of {} are {what}",
            cases()
        );
    }
}

/// The same of as many of each verdict as there ought to be.
fn agrees_often(model: &'static str) {
    // What comes out of a priority queue is seldom wrong in every order.
    let violated = if model == "priority-queue" {
        0.08
    } else {
        0.15
    };
    let at_least = [
        ("valid", 0.15),
        ("violated", violated),
        ("valid but not linearizable", 0.01),
        ("violated by several objects", 0.001),
    ];
    agrees(model, &at_least);
}

each_model!(agrees_often);
