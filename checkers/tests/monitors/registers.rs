//! Registers: regular, and how stale.

use proptest::prelude::*;
use witness_checkers::monitors::register::{Action, Operation};
use witness_checkers::monitors::staleness::{Staleness, measure};
use witness_checkers::monitors::{Interval, Outcome, Stop, regular};

use crate::brute::linearizable;
use crate::run;

/// Steps a register that remembers its last values, the newest last; 0 is the initial one.
fn step(depth: usize) -> impl Fn(&Vec<u32>, &Action) -> Vec<Vec<u32>> {
    move |last, action| match *action {
        Action::Write(value) => {
            let kept = last.len().saturating_sub(depth - 1);
            let mut last = last[kept..].to_vec();
            last.push(value);
            vec![last]
        }
        Action::Read(value) if last.contains(&value) => vec![last.clone()],
        Action::ReadInitial if last.contains(&0) => vec![last.clone()],
        _ => Vec::new(),
    }
}

/// Whether it is k-atomic for this k, with reads called earlier by delta.
fn atomic(operations: &[Operation], k: usize, delta: u64) -> bool {
    let plain: Vec<(Interval, Action)> = operations
        .iter()
        .map(|operation| {
            let mut interval = operation.interval;
            if !matches!(operation.action, Action::Write(_)) {
                interval.call = interval.call.saturating_sub(delta);
            }
            (interval, operation.action)
        })
        .collect();
    linearizable(&plain, vec![0], step(k))
}

/// A register that answers most reads with one of its last values.
fn history(stale: u8) -> impl Strategy<Value = Vec<Operation>> {
    let what = (any::<bool>(), any::<u8>(), prop::bool::weighted(0.1));
    let times = (0..4_u64, 0..4_u64, 0..4_u64);
    let seeds = prop::collection::vec((what, times), 5..11);
    let moves = prop::collection::vec((any::<prop::sample::Index>(), 10..30_u64), 0..2);
    (seeds, moves).prop_map(move |(seeds, moves)| {
        let (mut written, mut now) = (vec![0], 14);
        let mut operations = Vec::new();
        for (id, ((writes, choice, unresolved), (wait, before, after))) in
            seeds.into_iter().enumerate()
        {
            now += wait;
            let action = if writes {
                written.push(id as u32 + 1);
                Action::Write(id as u32 + 1)
            } else {
                let back = usize::from(choice) % usize::from(stale);
                match written[written.len().saturating_sub(1 + back)] {
                    0 => Action::ReadInitial,
                    value => Action::Read(value),
                }
            };
            let interval = Interval {
                call: now - before,
                ret: if unresolved {
                    Interval::NEVER
                } else {
                    now + after
                },
            };
            operations.push(Operation {
                id: id as u64,
                interval,
                action,
            });
        }
        for (index, call) in moves {
            let moved = index.index(operations.len());
            let interval = &mut operations[moved].interval;
            if !interval.is_unresolved() {
                interval.ret = call + interval.ret - interval.call;
                interval.call = call;
            }
        }
        operations
    })
}

/// Each read by itself, with all writes.
fn brute_regular(operations: &[Operation]) -> bool {
    let writes = |operation: &Operation| matches!(operation.action, Action::Write(_));
    let read = |read: &Operation| {
        let one = operations
            .iter()
            .filter(|one| writes(one) || one.id == read.id);
        let one: Vec<Operation> = one.copied().collect();
        atomic(&one, 1, 0)
    };
    operations.iter().filter(|one| !writes(one)).all(read)
}

/// Whether they are regular, by the monitor and by brute force; and what it shows is not.
fn regular_as_by_brute_force(operations: &[Operation]) -> Result<bool, TestCaseError> {
    let expected = brute_regular(operations);
    match regular::check(operations) {
        Outcome::Valid => prop_assert!(expected, "called regular"),
        Outcome::Violated(violation) => {
            prop_assert!(!expected, "called violated: {violation:?}");
            let mut shown = operations.to_vec();
            shown.retain(|operation| violation.operations.contains(&operation.id));
            prop_assert!(!brute_regular(&shown), "shows nothing: {violation:?}");
        }
        Outcome::Undecided(why) => return Err(TestCaseError::fail(why.to_string())),
    }
    Ok(expected)
}

#[test]
fn regular_registers() {
    let share = run(6_000, &history(3), |operations| {
        let is_regular = regular_as_by_brute_force(&operations)?;
        Ok(match is_regular {
            true if atomic(&operations, 1, 0) => "linearizable",
            true => "only regular",
            false => "violated",
        })
    });
    assert!(share.of("linearizable") > 0.2 && share.of("violated") > 0.2);
    assert!(share.of("only regular") > 0.02);
}

#[test]
fn regular_registers_that_write_values_again() {
    let again = |operations: Vec<Operation>| {
        let few = |value: u32| 1 + value % 3;
        let again = operations.into_iter().map(|mut one| {
            one.action = match one.action {
                Action::Write(value) => Action::Write(few(value)),
                Action::Read(value) => Action::Read(few(value)),
                Action::ReadInitial => Action::ReadInitial,
            };
            one
        });
        again.collect::<Vec<_>>()
    };
    let share = run(6_000, &history(3).prop_map(again), |operations| {
        let is_regular = regular_as_by_brute_force(&operations)?;
        Ok(if is_regular { "regular" } else { "violated" })
    });
    assert!(share.of("regular") > 0.2 && share.of("violated") > 0.1);
}

fn agree_on_stale_reads(operations: &[Operation], found: &Staleness) -> Result<(), TestCaseError> {
    let reads = |value: u32| {
        operations.iter().filter(move |one| {
            let read = match one.action {
                Action::Read(read) => read,
                Action::ReadInitial => 0,
                Action::Write(_) => return false,
            };
            read == value && !one.interval.is_unresolved()
        })
    };
    let written = |value: u32| {
        operations
            .iter()
            .find(|one| one.action == Action::Write(value))
    };
    // None: before everything, the initial value.
    let effect = |value: u32| {
        let ends = reads(value)
            .chain(written(value))
            .map(|one| one.interval.ret);
        (value != 0).then(|| ends.min().expect("a write"))
    };
    let mut stale = 0;
    for value in 0..12 {
        for read in reads(value) {
            let missed: Vec<u64> = operations
                .iter()
                .filter_map(|write| match write.action {
                    Action::Write(other) => Some((write, effect(other)?)),
                    _ => None,
                })
                .filter(|(write, end)| {
                    let newer = effect(value).is_none_or(|effect| write.interval.call > effect);
                    newer && *end < read.interval.call
                })
                .map(|(_, end)| end)
                .collect();
            let Some(first) = missed.iter().min() else {
                continue;
            };
            stale += 1;
            let found = found
                .stale
                .iter()
                .find(|found| found.read == read.id)
                .expect("it is found");
            prop_assert_eq!(found.missed, missed.len() as u64);
            prop_assert_eq!(found.behind, read.interval.call - first);
            prop_assert_eq!(found.written, written(value).map(|write| write.id));
        }
    }
    prop_assert_eq!(found.stale.len(), stale);
    Ok(())
}

#[test]
fn staleness() {
    let share = run(4_000, &history(4), |operations| {
        let found = match measure(&operations) {
            Ok(found) => found,
            Err(Stop::Violated(violation)) => {
                prop_assert!(!atomic(&operations, 12, 100));
                let mut shown = operations.clone();
                shown.retain(|operation| violation.operations.contains(&operation.id));
                prop_assert!(!atomic(&shown, 12, 100), "shows nothing: {violation:?}");
                return Ok("not stale but wrong");
            }
            Err(Stop::Undecided(why)) => return Err(TestCaseError::fail(why.to_string())),
        };
        agree_on_stale_reads(&operations, &found)?;
        let k = (1..12).find(|&k| atomic(&operations, k, 0)).unwrap() as u64;
        let bounds = found.versions;
        prop_assert!(
            bounds.at_least <= k && k <= bounds.at_most,
            "{k}: {bounds:?}"
        );
        // One and two are decided exactly.
        prop_assert!(bounds.at_most > 2 || bounds.at_least == bounds.at_most);
        prop_assert!(bounds.at_least > 2 || bounds.at_least == bounds.at_most);
        let delta = found.delta;
        prop_assert!(atomic(&operations, 1, delta), "not {delta}-atomic");
        prop_assert!(
            delta == 0 || !atomic(&operations, 1, delta - 1),
            "Δ < {delta}"
        );
        Ok(match bounds.at_most - bounds.at_least {
            0 if k == 1 => "1-atomic",
            0 if k == 2 => "2-atomic",
            0 => "k-atomic",
            _ => "between bounds",
        })
    });
    assert!(share.of("1-atomic") > 0.1 && share.of("2-atomic") > 0.1);
    assert!(share.of("k-atomic") > 0.1 && share.of("between bounds") < 0.05);
}
