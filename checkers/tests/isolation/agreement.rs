//! The checker against the oracle, on random small histories.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use witness_checkers::{IsolationOptions, Valid};
use witness_histories::History;

use crate::checker::{anomalies_of, is_known, levels_of, verdict, verdict_on, verdict_on_only};
use crate::definitions::ORDERS_MAX;
use crate::facts::Facts;
use crate::levels;
use crate::model::Data;
use crate::oracle::{self, Judgement};
use crate::random;

/// That no order of versions does, though nothing else is wrong with all of them.
const NO_ORDER: &str = "no-order";

/// What levels and anomalies have to be. Whether all is decided.
fn agree(
    facts: &Facts<'_>,
    history: &History,
    judgement: &Judgement,
) -> Result<bool, TestCaseError> {
    let verdict = verdict(history, IsolationOptions::default());
    let said = levels_of(&verdict);
    let names: Vec<&str> = said.keys().map(String::as_str).collect();
    let mut all: Vec<&str> = levels::all().collect();
    all.sort_unstable();
    prop_assert_eq!(names, all);
    let mut is_decided = true;
    for (level, &held) in &judgement.levels {
        let said = said[*level];
        is_decided &= said != Valid::Unknown;
        // Lists in no order: a checker may go by one of them, if it forgives nothing.
        let is_told = facts.has_lists_in_order() || said == Valid::True;
        let may_be_open = !facts.has_lists_in_order();
        prop_assert!(
            said != Valid::Unknown || may_be_open,
            "{}: {:#?}",
            level,
            verdict
        );
        if said != Valid::Unknown && is_told {
            let held = if held { Valid::True } else { Valid::False };
            prop_assert_eq!(said, held, "{}: {:#?}", level, verdict);
        }
    }
    let invocations = facts.case.invocations();
    for anomaly in &verdict.anomalies {
        let name = anomaly.name.as_str();
        // In lists in no order it depends on one of them what else there is.
        let is_told = facts.has_lists_in_order() || facts.found.contains(name);
        prop_assert!(
            !is_told || name == NO_ORDER || is_known(&judgement.some, name),
            "there is no {}: {:#?}",
            name,
            verdict
        );
        prop_assert!(!anomaly.operations.is_empty());
        for operation in &anomaly.operations {
            prop_assert!(invocations.contains(operation), "{:#?}", anomaly);
        }
    }
    Ok(is_decided)
}

/// What is violated is shown; also where nothing else is decided.
fn shown(history: &History) -> Result<(), TestCaseError> {
    let whole = levels_of(&verdict(history, IsolationOptions::default()));
    for (level, &held) in &whole {
        let only = verdict_on_only(history, level);
        for (other, said) in levels_of(&only) {
            // A level is not left open that a stronger one would have told.
            prop_assert_eq!(
                said,
                whole[&other],
                "{} with {} only: {:#?}",
                other,
                level,
                only
            );
        }
        for verdict in [verdict_on(history, level), only] {
            prop_assert_eq!(verdict.valid, held, "{}", level);
            let names = anomalies_of(&verdict);
            prop_assert_eq!(
                names.is_empty(),
                held != Valid::False,
                "{}: {:#?}",
                level,
                verdict
            );
            let forbidden = levels::forbidden(level);
            for name in &names {
                let is_forbidden = name == NO_ORDER || forbidden.contains(name.as_str());
                prop_assert!(is_forbidden, "{} at {}", name, level);
            }
        }
    }
    Ok(())
}

/// Names that must be found wherever there is something of that name. Of the others one
/// may stand for several.
pub const ALWAYS_NAMED: [&str; 12] = [
    "G-single",
    "G0",
    "G1a",
    "G1b",
    "G1c",
    "dirty-update",
    "duplicate-elements",
    "future-read",
    "garbage-read",
    "incompatible-order",
    "internal",
    "lost-update",
];

fn named(history: &History, judgement: &Judgement) -> Result<(), TestCaseError> {
    let verdict = verdict(history, IsolationOptions::default());
    let found = anomalies_of(&verdict);
    for name in &judgement.all {
        // What a transaction overwrites itself it is also ordered before by ww.
        let is_covered = *name == "G-single" && (found.contains("G0") || found.contains("G1c"));
        let must_be = ALWAYS_NAMED.contains(name) && !is_covered;
        prop_assert!(
            !must_be || found.contains(*name),
            "no {}: {:#?}",
            name,
            verdict
        );
    }
    Ok(())
}

/// Of each name a smallest cycle is shown of those that depend on each other in circles.
fn smallest(facts: &Facts<'_>, history: &History) -> Result<(), TestCaseError> {
    let verdict = verdict(history, IsolationOptions::default());
    let invocations = facts.case.invocations();
    let orders = facts.orders();
    let graph = orders
        .first()
        .map(|versions| oracle::told(facts, versions).1);
    let txn = |operation: &u64| invocations.iter().position(|invoked| invoked == operation);
    for anomaly in &verdict.anomalies {
        let shown = anomaly.cycle.as_ref().map(|cycle| cycle.edges.len());
        let (Some(shown), Some(txn)) = (shown, anomaly.operations.first().and_then(txn)) else {
            continue;
        };
        let around = graph.as_ref().map(|graph| graph.around(txn).cycles());
        let around = around.unwrap_or_default();
        let name = anomaly.name.as_str();
        // Which is one too, but not shown by that name.
        let is_fork = name == "G-nonadjacent" && around.contains_key("long-fork");
        if let Some(&smallest) = around.get(name).filter(|_| !is_fork) {
            prop_assert_eq!(shown, smallest, "{}: {:#?}", name, verdict);
        }
    }
    Ok(())
}

/// As many orders of versions of lists as a checker may know at once.
fn is_order_known(facts: &Facts<'_>) -> bool {
    facts.case.data == Data::Lists && facts.has_lists_in_order() && facts.orders_max() == 1
}

fn on_random(data: Data) {
    let undecided = Cell::new(0);
    let choices = vec(any::<u8>(), 40..150);
    let result = TestRunner::new(crate::config()).run(&choices, |choices| {
        let case = random::case(data, &choices, random::TXNS_MAX);
        prop_assume!(!case.txns.is_empty());
        let facts = Facts::of(&case);
        prop_assume!(facts.orders_max() <= ORDERS_MAX);
        let history = case.history();
        if !case.has_commits() {
            let verdict = verdict(&history, IsolationOptions::default());
            prop_assert_eq!(verdict.valid, Valid::Unknown);
            return Ok(());
        }
        let judgement = oracle::judge(&case);
        let agreed = agree(&facts, &history, &judgement).and_then(|is_decided| {
            if facts.has_lists_in_order() {
                prop_assert!(is_decided, "undecided");
            }
            // Lists that contradict each other have no order: what is not about reads of
            // committed versions cannot be told, and need not be.
            let contested = anomalies_of(&verdict(&history, IsolationOptions::default()))
                .contains("incompatible-order");
            undecided.set(undecided.get() + u32::from(!is_decided && !contested));
            shown(&history)?;
            if is_order_known(&facts) {
                named(&history, &judgement)?;
                smallest(&facts, &history)?;
            }
            Ok(())
        });
        agreed.map_err(|error| match error {
            TestCaseError::Fail(why) => {
                TestCaseError::fail(format!("{why}\n{case:?}\n{judgement:#?}"))
            }
            other => other,
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let undecided = undecided.get();
    println!("{data:?}: {undecided} of {} undecided", crate::cases());
    // Several appends to a key that no read shows may leave snapshot isolation open.
    assert!(undecided * 8 <= crate::cases(), "{undecided} are undecided");
}

#[test]
fn lists_are_judged_as_the_oracle_does() {
    on_random(Data::Lists);
}

#[test]
fn registers_are_judged_as_the_oracle_does() {
    on_random(Data::Registers);
}
