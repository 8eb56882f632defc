//! Each checker against an oracle that follows its definition by brute force, on
//! thousands of small random sales.
//!
//! `PROPTEST_RNG_SEED` and `PROPTEST_CASES` choose others than the usual ones.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod at_most_one;
mod facts;
mod ledger_union;
mod reconciled;
mod sale;
mod scenario;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use sale::{Sale, seat_name};
use scenario::scenario;
use witness_checkers::{DigestBuilder, Options, Valid, Verdict, find};
use witness_histories::Reader;

fn config(cases: u32) -> Config {
    let seed = match Config::default().rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => 2026,
    };
    Config {
        cases,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Config::default()
    }
}

fn check(checker: &str, sale: &Sale) -> Verdict {
    let lines = sale.lines();
    let checker = find(checker).unwrap();
    let mut builder = DigestBuilder::new([checker]);
    if !lines.is_empty() {
        let mut reader = Reader::new("random", lines.as_bytes());
        while let Some(event) = reader.next().unwrap() {
            builder.event(&event).unwrap();
        }
    }
    let digest = builder.finish().unwrap();
    checker.check(&digest, &Options::default())
}

fn agree_on_acquisitions(sale: &Sale) -> Result<Valid, TestCaseError> {
    let (verdict, oracle) = (
        check("at-most-one-acquisition", sale),
        at_most_one::judge(sale),
    );
    prop_assert_eq!(verdict.valid, oracle.valid, "{:#?}", verdict);
    prop_assert_eq!(verdict.counts["confirmed"], oracle.confirmed);
    prop_assert_eq!(verdict.counts["oversold"], oracle.oversold);
    prop_assert_eq!(verdict.counts["oversold_seats"], oracle.oversold_seats);
    Ok(oracle.valid)
}

fn agree_on_ledgers(sale: &Sale) -> Result<ledger_union::Found, TestCaseError> {
    let (verdict, oracle) = (check("ledger-union", sale), ledger_union::judge(sale));
    let mut found: Vec<(String, String)> = verdict
        .anomalies
        .iter()
        .map(|anomaly| {
            (
                anomaly.name.clone(),
                anomaly.key.as_ref().unwrap().as_str().unwrap().to_owned(),
            )
        })
        .collect();
    found.sort();
    let anomalies = oracle.anomalies.iter();
    let expected: Vec<(String, String)> = anomalies
        .map(|&(name, seat)| (name.to_owned(), seat_name(seat)))
        .collect();
    prop_assert_eq!(found, expected, "{:#?}", verdict);
    prop_assert_eq!(verdict.counts["hidden_sales"], oracle.hidden_sales);
    prop_assert_eq!(verdict.valid, oracle.valid, "{:#?}", verdict);
    Ok(oracle)
}

fn agree_on_scope(sale: &Sale) -> Result<Valid, TestCaseError> {
    let (verdict, oracle) = (check("reconciled-scope", sale), reconciled::judge(sale));
    prop_assert_eq!(verdict.valid, oracle, "{:#?}", verdict);
    Ok(oracle)
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn at_most_one_acquisition_agrees_with_trying_every_assignment(scenario in scenario()) {
        agree_on_acquisitions(&scenario.play())?;
    }

    #[test]
    fn ledger_union_agrees_with_the_definitions(scenario in scenario()) {
        agree_on_ledgers(&scenario.play())?;
    }

    #[test]
    fn reconciled_scope_agrees_with_counting_by_hand(scenario in scenario()) {
        agree_on_scope(&scenario.play())?;
    }
}

proptest! {
    #![proptest_config(config(1000))]

    /// And a saved verdict reads back as it was.
    #[test]
    fn a_verdict_repeats_byte_for_byte(scenario in scenario()) {
        let sale = scenario.play();
        for checker in ["at-most-one-acquisition", "ledger-union", "reconciled-scope"] {
            let json = |verdict: &Verdict| serde_json::to_string(verdict).unwrap();
            let verdict = check(checker, &sale);
            prop_assert_eq!(json(&verdict), json(&check(checker, &sale)));
            let read: Verdict = serde_json::from_str(&json(&verdict)).unwrap();
            prop_assert_eq!(read, verdict);
        }
    }
}

#[test]
fn every_verdict_and_every_anomaly_is_well_represented() {
    const CASES: usize = 3000;
    let mut runner = TestRunner::new(config(1));
    let mut valids: BTreeMap<(&str, Valid), usize> = BTreeMap::new();
    let mut anomalies: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..CASES {
        let sale = scenario().new_tree(&mut runner).unwrap().current().play();
        let ledgers = agree_on_ledgers(&sale).unwrap();
        for (checker, valid) in [
            (
                "at-most-one-acquisition",
                agree_on_acquisitions(&sale).unwrap(),
            ),
            ("ledger-union", ledgers.valid),
            ("reconciled-scope", agree_on_scope(&sale).unwrap()),
        ] {
            *valids.entry((checker, valid)).or_default() += 1;
        }
        for (name, _) in ledgers.anomalies {
            *anomalies.entry(name).or_default() += 1;
        }
    }
    assert_eq!(valids.len(), 9, "{valids:?}");
    assert!(valids.values().all(|&n| n * 10 >= CASES), "{valids:?}");
    assert_eq!(anomalies.len(), 6, "{anomalies:?}");
    assert!(
        anomalies.values().all(|&n| n * 100 >= CASES),
        "{anomalies:?}"
    );
    println!("{valids:?}\n{anomalies:?}");
}
