//! Sequential consistency.

use std::collections::HashSet;

use proptest::prelude::*;
use witness_checkers::monitors::register::Action;
use witness_checkers::monitors::sequential::{Operation, Reason, check};
use witness_checkers::monitors::{Outcome, Undecided};
use witness_checkers::{Budget, Exhausted, Stop};

use crate::run;

/// Tries every interleaving. An unresolved operation may end its process's part unseen.
fn brute(operations: &[Operation]) -> bool {
    let processes: Vec<Vec<&Operation>> = (0..12)
        .map(|process| {
            operations
                .iter()
                .filter(|one| one.process == process)
                .collect()
        })
        .collect();
    let mut seen = HashSet::new();
    let mut open = vec![(vec![0; processes.len()], [0; 2])];
    while let Some((positions, values)) = open.pop() {
        let rest = |process: usize| &processes[process][positions[process]..];
        if (0..processes.len()).all(|process| rest(process).iter().all(|one| !one.resolved)) {
            return true;
        }
        for process in 0..processes.len() {
            let Some(next) = rest(process).first() else {
                continue;
            };
            let key = next.key as usize;
            let mut values = values;
            match next.action {
                Action::Write(value) => values[key] = value,
                Action::Read(value) if values[key] != value => continue,
                Action::ReadInitial if values[key] != 0 => continue,
                _ => {}
            }
            let mut positions = positions.clone();
            positions[process] += 1;
            if seen.insert((positions.clone(), values)) {
                open.push((positions, values));
            }
        }
    }
    false
}

/// Processes that mostly read recent values of two registers.
fn history(length: usize) -> impl Strategy<Value = Vec<Operation>> {
    let what = (
        0..2_u32,
        any::<bool>(),
        any::<u8>(),
        prop::bool::weighted(0.05),
    );
    let seeds = prop::collection::vec((0..4_u32, what), 4..length);
    seeds.prop_map(|seeds| {
        let mut written = [vec![0], vec![0]];
        let mut operations: Vec<Operation> = Vec::new();
        for (id, (process, (key, writes, choice, unresolved))) in seeds.into_iter().enumerate() {
            let over = |one: &Operation| one.process == process && !one.resolved;
            if operations.iter().any(over) {
                continue;
            }
            let written = &mut written[key as usize];
            let action = if writes {
                written.push(id as u32 + 1);
                Action::Write(id as u32 + 1)
            } else {
                let back = usize::from(choice) % 3;
                match written[written.len().saturating_sub(1 + back)] {
                    0 => Action::ReadInitial,
                    value => Action::Read(value),
                }
            };
            let resolved = !unresolved;
            operations.push(Operation {
                id: id as u64,
                process,
                key,
                action,
                resolved,
            });
        }
        operations
    })
}

#[test]
fn sequential_consistency() {
    let share = run(6_000, &history(14), |operations| {
        let expected = brute(&operations);
        match check(&operations, &Budget::default()) {
            Outcome::Valid => {
                prop_assert!(expected, "called valid");
                Ok("valid")
            }
            Outcome::Violated(violation) => {
                prop_assert!(!expected, "called violated: {violation:?}");
                if violation.reason == Reason::NoOrder {
                    return Ok("no order");
                }
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

/// A budget that is spent is no verdict.
#[test]
fn small_budgets() {
    let share = run(1_000, &history(14), |operations| {
        let budget = Budget {
            steps_max: 1,
            ..Budget::default()
        };
        match check(&operations, &budget) {
            Outcome::Valid => prop_assert!(brute(&operations)),
            Outcome::Violated(_) => prop_assert!(!brute(&operations)),
            Outcome::Undecided(Undecided::Unordered { why, ordered, .. }) => {
                prop_assert_eq!(why, Exhausted::Steps(1));
                prop_assert!(ordered < operations.len());
                return Ok("undecided");
            }
            Outcome::Undecided(why) => return Err(TestCaseError::fail(why.to_string())),
        }
        Ok("decided")
    });
    assert!(share.of("undecided") > 0.0 && share.of("decided") > 0.2);
    let one = Operation {
        id: 0,
        process: 0,
        key: 0,
        action: Action::Write(1),
        resolved: true,
    };
    let (small, stopped) = (
        Budget {
            bytes_max: 16,
            ..Budget::default()
        },
        Budget {
            stop: Stop::when(|| true),
            ..Budget::default()
        },
    );
    for (budget, why) in [(small, Exhausted::Bytes(16)), (stopped, Exhausted::Stopped)] {
        let undecided = Undecided::Unsaturated { why, round: 1 };
        assert_eq!(check(&[one], &budget), Outcome::Undecided(undecided));
    }
}

/// Time may be up at any moment.
#[test]
fn a_stop_is_heeded_wherever_it_comes() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let share = run(1_000, &history(14), |operations| {
        let expected = brute(&operations);
        let mut seen = "decided";
        for after in 0..12 {
            asked.store(0, std::sync::atomic::Ordering::Relaxed);
            let asked = asked.clone();
            let stop = Stop::when(move || {
                asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) >= after
            });
            let budget = Budget {
                stop,
                ..Budget::default()
            };
            match check(&operations, &budget) {
                Outcome::Valid => prop_assert!(expected),
                Outcome::Violated(_) => prop_assert!(!expected),
                Outcome::Undecided(
                    Undecided::Unsaturated { why, .. } | Undecided::Unordered { why, .. },
                ) => {
                    prop_assert_eq!(why, Exhausted::Stopped);
                    seen = "stopped";
                }
                Outcome::Undecided(why) => return Err(TestCaseError::fail(why.to_string())),
            }
        }
        Ok(seen)
    });
    assert!(share.of("stopped") > 0.5);
}

/// Nothing follows about the order of `a` and `b`, or of `c` and `d`, and each of the four
/// possibilities fails.
#[test]
fn no_order_without_a_cycle() {
    use Action::{Read, Write};
    const X: u32 = 0;
    const Y: u32 = 1;
    let (a, b, c, d) = (1, 2, 1, 2);
    let processes = [
        vec![(X, Write(a))],
        vec![(X, Write(b))],
        vec![(Y, Write(c))],
        vec![(Y, Write(d))],
        vec![(X, Read(b)), (Y, Read(c))],
        vec![(X, Read(b)), (Y, Read(d))],
        vec![(X, Read(a)), (Y, Read(c))],
        vec![(X, Read(a)), (Y, Read(d))],
        vec![(Y, Read(d)), (X, Read(a))],
        vec![(Y, Read(c)), (X, Read(a))],
        vec![(Y, Read(d)), (X, Read(b))],
        vec![(Y, Read(c)), (X, Read(b))],
    ];
    let mut operations = Vec::new();
    for (process, members) in (0..).zip(processes) {
        for (key, action) in members {
            let id = operations.len() as u64;
            operations.push(Operation {
                id,
                process,
                key,
                action,
                resolved: true,
            });
        }
    }
    assert!(!brute(&operations));
    let Outcome::Violated(violation) = check(&operations, &Budget::default()) else {
        panic!("not violated");
    };
    assert_eq!(violation.reason, Reason::NoOrder);
    // Without either half it can be ordered.
    operations.retain(|one| one.process != 4);
    assert!(brute(&operations));
    assert_eq!(check(&operations, &Budget::default()), Outcome::Valid);
}
