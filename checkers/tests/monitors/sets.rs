//! Sets.

use proptest::prelude::*;
use witness_checkers::monitors::set::{self, Action, Operation};
use witness_checkers::monitors::{Interval, Outcome, growing_set};

use crate::brute::linearizable;
use crate::run;

fn step(present: &u8, (value, action): &(u32, Action)) -> Vec<u8> {
    let bit = 1 << value;
    match (action, present & bit != 0) {
        (Action::Added, false) | (Action::Removed, true) => vec![present ^ bit],
        (Action::Present, true) | (Action::Absent, false) => vec![*present],
        _ => Vec::new(),
    }
}

fn brute(operations: &[Operation]) -> bool {
    let plain: Vec<(Interval, (u32, Action))> = operations
        .iter()
        .map(|operation| (operation.interval, (operation.value, operation.action)))
        .collect();
    linearizable(&plain, 0, step)
}

/// Operations on two values, most of which answer rightly at the instant they are made for.
fn history(values: u32) -> impl Strategy<Value = Vec<Operation>> {
    let what = (0..values, 0..3_u8, prop::bool::weighted(0.12));
    let times = (0..4_u64, 0..5_u64, 0..5_u64);
    let seed = (what, times, prop::bool::weighted(0.1));
    prop::collection::vec(seed, 4..12).prop_map(|seeds| {
        let (mut present, mut now) = ([false; 2], 5);
        let mut operations = Vec::new();
        for (id, seed) in seeds.into_iter().enumerate() {
            let ((value, what, wrong), (wait, before, after), unresolved) = seed;
            now += wait;
            let present = &mut present[value as usize];
            let action = match (what, *present ^ wrong) {
                (0, false) => Action::Added,
                (1, true) => Action::Removed,
                (_, true) => Action::Present,
                (_, false) => Action::Absent,
            };
            *present = match action {
                Action::Added => true,
                Action::Removed => false,
                _ => *present,
            };
            let interval = Interval {
                call: now - before,
                ret: if unresolved {
                    Interval::NEVER
                } else {
                    now + after
                },
            };
            let id = id as u64;
            operations.push(Operation {
                id,
                interval,
                value,
                action,
            });
        }
        operations
    })
}

#[test]
fn sets() {
    for values in [1, 2] {
        let share = run(5_000, &history(values), |operations| {
            let linearizable = brute(&operations);
            match set::check(&operations) {
                Outcome::Valid => {
                    prop_assert!(linearizable, "called valid");
                    Ok("valid")
                }
                Outcome::Violated(violation) => {
                    prop_assert!(!linearizable, "called violated: {violation:?}");
                    let mut shown = operations.clone();
                    shown.retain(|operation| violation.operations.contains(&operation.id));
                    prop_assert!(!brute(&shown), "shows nothing: {violation:?}");
                    Ok("violated")
                }
                Outcome::Undecided(why) => Err(TestCaseError::fail(why.to_string())),
            }
        });
        assert!(share.of("valid") > 0.2 && share.of("violated") > 0.2);
    }
}

fn brute_growing(operations: &[growing_set::Operation]) -> bool {
    use growing_set::Action::{Add, Read};
    let plain: Vec<(Interval, growing_set::Action)> = operations
        .iter()
        .map(|one| (one.interval, one.action.clone()))
        .collect();
    linearizable(&plain, 0_u32, |present, action| match action {
        Add(value) => vec![present | 1 << value],
        Read(values) => {
            let seen = values.iter().fold(0, |seen, value| seen | 1 << value);
            if seen == *present {
                vec![seen]
            } else {
                Vec::new()
            }
        }
    })
}

/// Reads of which some lack a value, or have one too many.
fn growing() -> impl Strategy<Value = Vec<growing_set::Operation>> {
    let what = (any::<bool>(), prop::bool::weighted(0.15), 0..12_u32);
    let times = (0..4_u64, 0..4_u64, 0..4_u64);
    let seed = (what, times, prop::bool::weighted(0.1));
    prop::collection::vec(seed, 4..11).prop_map(|seeds| {
        let (mut present, mut now) = (Vec::new(), 5);
        let mut operations = Vec::new();
        for (id, seed) in (0..).zip(seeds) {
            let ((adds, wrong, other), (wait, before, after), unresolved) = seed;
            now += wait;
            let action = if adds {
                present.push(id);
                growing_set::Action::Add(id)
            } else {
                let mut values: Vec<u32> = present.iter().rev().copied().collect();
                match values.iter().position(|&value| value == other) {
                    Some(at) if wrong => _ = values.remove(at),
                    None if wrong => values.push(other),
                    _ => {}
                }
                growing_set::Action::Read(values)
            };
            let interval = Interval {
                call: now - before,
                ret: if unresolved {
                    Interval::NEVER
                } else {
                    now + after
                },
            };
            operations.push(growing_set::Operation {
                id: u64::from(id),
                interval,
                action,
            });
        }
        // Values that nobody added would drown all else.
        let added: Vec<u32> = operations.iter().filter_map(added).collect();
        for one in &mut operations {
            if let growing_set::Action::Read(values) = &mut one.action {
                values.retain(|value| added.contains(value) || *value == 0);
            }
        }
        operations
    })
}

fn added(operation: &growing_set::Operation) -> Option<u32> {
    match operation.action {
        growing_set::Action::Add(value) => Some(value),
        growing_set::Action::Read(_) => None,
    }
}

#[test]
fn growing_sets() {
    let share = run(10_000, &growing(), |operations| {
        let linearizable = brute_growing(&operations);
        match growing_set::check(&operations) {
            Outcome::Valid => {
                prop_assert!(linearizable, "called valid");
                Ok("valid")
            }
            Outcome::Violated(violation) => {
                prop_assert!(!linearizable, "called violated: {violation:?}");
                // Reads see values whose additions are no part of what is shown: let these
                // be added at any time, before or after anything.
                let mut shown = operations.clone();
                for one in &mut shown {
                    let part = violation.operations.contains(&one.id);
                    if !part && added(one).is_some() {
                        one.interval = Interval {
                            call: 0,
                            ret: Interval::NEVER,
                        };
                    }
                }
                shown.retain(|one| added(one).is_some() || violation.operations.contains(&one.id));
                prop_assert!(!brute_growing(&shown), "shows nothing: {violation:?}");
                Ok(match violation.reason {
                    growing_set::Reason::NeverAdded { .. } => "never added",
                    growing_set::Reason::ReadBeforeAdded { .. } => "read before added",
                    growing_set::Reason::Missed { .. } => "missed",
                    growing_set::Reason::WentBack { .. } => "went back",
                    growing_set::Reason::Diverged { .. } => "diverged",
                    growing_set::Reason::OutOfOrder { .. } => "out of order",
                    _ => "otherwise",
                })
            }
            Outcome::Undecided(why) => Err(TestCaseError::fail(why.to_string())),
        }
    });
    assert!(share.of("valid") > 0.2);
    for reason in [
        "read before added",
        "missed",
        "went back",
        "diverged",
        "out of order",
    ] {
        assert!(share.of(reason) > 0.0, "few {reason}");
    }
}
