//! The oracle's definitions, by orders of versions and what they forbid, against those
//! by running transactions and by what transactions see.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::axioms::{self, Axioms};
use crate::facts::Facts;
use crate::levels;
use crate::model::{Case, Data};
use crate::oracle::{self, Judgement};
use crate::random;
use crate::replay::{Respect, is_serializable, is_snapshot_isolated};

/// More orders of versions are too many to try.
pub const ORDERS_MAX: usize = 150;

/// Tries random histories, and counts at which levels they are right or wrong.
fn on_random(
    data: Data,
    txns_max: usize,
    try_one: impl Fn(&Case, &Judgement) -> Result<(), TestCaseError>,
) {
    let counts: RefCell<BTreeMap<&str, [u32; 2]>> = RefCell::default();
    let choices = vec(any::<u8>(), 40..150);
    let result = TestRunner::new(crate::config()).run(&choices, |choices| {
        let case = random::case(data, &choices, txns_max);
        prop_assume!(Facts::of(&case).orders_max() <= ORDERS_MAX);
        let judgement = oracle::judge(&case);
        try_one(&case, &judgement).map_err(|error| match error {
            TestCaseError::Fail(why) => {
                TestCaseError::fail(format!("{why}\n{case:?}\n{judgement:#?}"))
            }
            other => other,
        })?;
        for (level, held) in judgement.levels {
            counts.borrow_mut().entry(level).or_default()[usize::from(held)] += 1;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let counts = counts.into_inner();
    println!("{data:?}: wrong and right at {counts:#?}");
    for (level, [wrong, right]) in counts {
        assert!(
            wrong.min(right) * 100 > crate::cases(),
            "{level}: {wrong} wrong, {right} right"
        );
    }
}

fn agree_on_runs(case: &Case, judgement: &Judgement) -> Result<(), TestCaseError> {
    use Respect::{Nothing, Processes, RealTime};
    for (level, held) in [
        ("serializable", is_serializable(case, Nothing)),
        (
            "strong-session-serializable",
            is_serializable(case, Processes),
        ),
        ("strict-serializable", is_serializable(case, RealTime)),
        ("snapshot-isolation", is_snapshot_isolated(case, Nothing)),
        (
            "strong-session-snapshot-isolation",
            is_snapshot_isolated(case, Processes),
        ),
        (
            "strong-snapshot-isolation",
            is_snapshot_isolated(case, RealTime),
        ),
    ] {
        prop_assert_eq!(judgement.levels[level], held, "{} by running them", level);
    }
    Ok(())
}

/// As many transactions as can be tried with all that each may see.
const SEEN_TXNS_MAX: usize = 4;

fn agree_on_what_is_seen(case: &Case, judgement: &Judgement) -> Result<(), TestCaseError> {
    use Respect::{Processes, RealTime};
    let seen: [(&str, Axioms); 10] = [
        ("read-atomic", axioms::READ_ATOMIC),
        ("causal-cerone", axioms::CAUSAL),
        ("causal", axioms::CAUSAL.with(Processes)),
        ("parallel-snapshot-isolation", axioms::PARALLEL_SNAPSHOT),
        ("snapshot-isolation", axioms::SNAPSHOT),
        (
            "strong-session-snapshot-isolation",
            axioms::SNAPSHOT.with(Processes),
        ),
        ("strong-snapshot-isolation", axioms::SNAPSHOT.with(RealTime)),
        ("serializable", axioms::SERIAL),
        (
            "strong-session-serializable",
            axioms::SERIAL.with(Processes),
        ),
        ("strict-serializable", axioms::SERIAL.with(RealTime)),
    ];
    for (level, asked) in seen {
        let held = axioms::hold(case, asked);
        prop_assert_eq!(judgement.levels[level], held, "{} by what is seen", level);
    }
    Ok(())
}

/// What a level includes holds where it does.
fn include(judgement: &Judgement) -> Result<(), TestCaseError> {
    for (level, held) in &judgement.levels {
        for below in levels::included(level) {
            prop_assert!(
                !held || judgement.levels[below],
                "{} and not {}",
                level,
                below
            );
        }
    }
    Ok(())
}

fn by_running(data: Data) {
    on_random(data, random::TXNS_MAX, |case, judgement| {
        include(judgement)?;
        agree_on_runs(case, judgement)
    });
}

#[test]
fn lists_are_right_if_they_can_have_been_run() {
    by_running(Data::Lists);
}

#[test]
fn registers_are_right_if_they_can_have_been_run() {
    by_running(Data::Registers);
}

#[test]
fn lists_are_right_if_what_is_seen_explains_them() {
    on_random(Data::Lists, SEEN_TXNS_MAX, agree_on_what_is_seen);
}

#[test]
fn registers_are_right_if_what_is_seen_explains_them() {
    on_random(Data::Registers, SEEN_TXNS_MAX, agree_on_what_is_seen);
}
