//! Registers: regular, and how stale.

use proptest::prelude::*;
use witness_checkers::monitors::register::{Action, Operation};
use witness_checkers::monitors::staleness::{StaleRead, Staleness, measure};
use witness_checkers::monitors::{Interval, Outcome, regular};

use crate::brute::linearizable;
use crate::run;

/// What a write writes, and else none; 0 is the initial value.
fn written(action: Action) -> Option<u32> {
    match action {
        Action::Write(value) => Some(value),
        Action::WriteInitial => Some(0),
        Action::Read(_) | Action::ReadInitial => None,
    }
}

/// What a read saw, and else none.
fn seen(action: Action) -> Option<u32> {
    match action {
        Action::Read(value) => Some(value),
        Action::ReadInitial => Some(0),
        Action::Write(_) | Action::WriteInitial => None,
    }
}

/// Whether some order of them respects real time, in which each read returns one of so many of
/// the last values, having been called so much earlier than it was.
fn has_order(
    operations: &[Operation],
    of_last: impl Fn(&Operation) -> usize,
    earlier: impl Fn(&Operation) -> u64,
) -> bool {
    let plain: Vec<(Interval, (Action, usize))> = operations
        .iter()
        .map(|operation| {
            let mut interval = operation.interval;
            if seen(operation.action).is_some() {
                interval.call = interval.call.saturating_sub(earlier(operation));
            }
            (interval, (operation.action, of_last(operation)))
        })
        .collect();
    let most = operations.iter().map(&of_last).max().unwrap_or(1);
    linearizable(&plain, vec![0], |last: &Vec<u32>, &(action, of_last)| {
        let mut after = last.clone();
        if let Some(value) = written(action) {
            after.push(value);
            after.drain(..after.len().saturating_sub(most));
        }
        let newest = &last[last.len().saturating_sub(of_last)..];
        let fits = seen(action).is_none_or(|value| newest.contains(&value));
        fits.then_some(after).into_iter().collect()
    })
}

/// Whether it is k-atomic for this k, with reads called earlier by delta.
fn atomic(operations: &[Operation], k: usize, delta: u64) -> bool {
    has_order(operations, |_| k, |_| delta)
}

/// More than any history here has writes.
const ANY: usize = 16;

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
    let writes = |operation: &Operation| written(operation.action).is_some();
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

/// The same history with few values, so that they are written again, the initial one too.
fn again(operations: Vec<Operation>) -> Vec<Operation> {
    let again = operations.into_iter().map(|mut one| {
        one.action = match one.action {
            Action::Write(value) if value % 3 == 0 => Action::WriteInitial,
            Action::Write(value) => Action::Write(value % 3),
            Action::Read(value) if value % 3 > 0 => Action::Read(value % 3),
            _ => Action::ReadInitial,
        };
        one
    });
    again.collect()
}

#[test]
fn regular_registers_that_write_values_again() {
    let share = run(6_000, &history(3).prop_map(again), |operations| {
        let is_regular = regular_as_by_brute_force(&operations)?;
        Ok(if is_regular { "regular" } else { "violated" })
    });
    assert!(share.of("regular") > 0.2 && share.of("violated") > 0.1);
}

/// The writes that a read can have returned, none for the initial value.
fn possible<'a>(operations: &'a [Operation], read: &Operation) -> Vec<Option<&'a Operation>> {
    let value = seen(read.action);
    let begun = operations
        .iter()
        .filter(|one| written(one.action) == value && (one.interval.call <= read.interval.ret));
    let initial = (value == Some(0)).then_some(None);
    initial.into_iter().chain(begun.map(Some)).collect()
}

/// By when a write had certainly taken effect; before everything, the initial value.
fn effect(operations: &[Operation], write: Option<&Operation>) -> Option<u64> {
    let write = write?;
    let shows = |read: &&Operation| {
        let possible = possible(operations, read);
        seen(read.action).is_some()
            && possible.len() == 1
            && possible[0].is_some_and(|only| only.id == write.id)
    };
    let shown = operations.iter().filter(shows);
    shown.chain([write]).map(|one| one.interval.ret).min()
}

/// How stale a read was, by the definition; none if it was not.
fn stale(operations: &[Operation], read: &Operation) -> Option<StaleRead> {
    let possible = possible(operations, read);
    let newest = possible
        .iter()
        .copied()
        .max_by_key(|&write| effect(operations, write))?;
    let of_newest = effect(operations, newest);
    let missed: Vec<(u64, &Operation)> = operations
        .iter()
        .filter(|write| written(write.action).is_some())
        .filter(|write| of_newest.is_none_or(|effect| write.interval.call > effect))
        .filter_map(|write| Some((effect(operations, Some(write))?, write)))
        .filter(|(effect, _)| *effect < read.interval.call)
        .collect();
    let &(first, _) = missed.iter().min_by_key(|(effect, _)| *effect)?;
    Some(StaleRead {
        read: read.id,
        written: newest.map(|write| write.id),
        is_certain: possible.len() == 1,
        // Several may have taken effect at one instant: any of them will do.
        newer: 0,
        shown_by: None,
        seen_by: None,
        missed: missed.len() as u64,
        behind: read.interval.call - first,
    })
}

/// What is found of single reads, by the definition, and that no order explains less.
fn agree_on_stale_reads(operations: &[Operation], found: &Staleness) -> Result<(), TestCaseError> {
    let reads = operations.iter().filter(|one| seen(one.action).is_some());
    let resolved = reads.filter(|read| !read.interval.is_unresolved());
    let expected = resolved.filter_map(|read| stale(operations, read));
    let mut found_stale = found.stale.clone();
    for one in &mut found_stale {
        let is = |id: u64| move |operation: &Operation| operation.id == id;
        let only_missed = |operation: &Operation| match operation.id {
            id if id == one.read => one.missed as usize,
            _ => ANY,
        };
        prop_assert!(!has_order(operations, only_missed, |_| 0), "{one:?}");
        let fresh = |operation: &Operation| if is(one.read)(operation) { 1 } else { ANY };
        let earlier = |operation: &Operation| match operation.id {
            id if id == one.read => one.behind - 1,
            _ => 0,
        };
        prop_assert!(!has_order(operations, fresh, earlier), "{one:?}");
        let named = [
            Some(one.read),
            one.written,
            one.seen_by,
            Some(one.newer),
            one.shown_by,
        ];
        let mut shown = operations.to_vec();
        shown.retain(|it| named.contains(&Some(it.id)));
        prop_assert!(!atomic(&shown, 1, 0), "shows nothing: {one:?}");
        (one.newer, one.shown_by, one.seen_by) = (0, None, None);
    }
    let mut expected: Vec<StaleRead> = expected.collect();
    for (one, found) in expected.iter_mut().zip(&found_stale) {
        let find = |id: Option<u64>| id.and_then(|id| operations.iter().find(|it| it.id == id));
        let [this, other] = [one.written, found.written].map(|id| effect(operations, find(id)));
        // Several may have taken effect at one instant here too.
        if this == other {
            one.written = found.written;
        }
    }
    prop_assert_eq!(found_stale, expected);
    Ok(())
}

/// Whether the bounds hold; and the smallest k.
fn is_bounded(operations: &[Operation], found: &Staleness) -> Result<u64, TestCaseError> {
    let k = (1..ANY).find(|&k| atomic(operations, k, 0));
    let k = k.expect("explained") as u64;
    let bounds = found.versions;
    prop_assert!(
        bounds.at_least <= k && k <= bounds.at_most,
        "{k}: {bounds:?}"
    );
    if let Some(is_linearizable) = found.is_linearizable() {
        prop_assert_eq!(is_linearizable, k == 1);
    }
    let delta = found.delta;
    prop_assert!(atomic(operations, 1, delta.at_most), "{delta:?}");
    prop_assert!(
        delta.at_least == 0 || !atomic(operations, 1, delta.at_least - 1),
        "{delta:?}"
    );
    Ok(k)
}

/// What is measured; none if it is violated, as brute force says.
fn measured(operations: &[Operation]) -> Result<Option<Staleness>, TestCaseError> {
    let violation = match measure(operations) {
        Ok(found) => return Ok(Some(found)),
        Err(violation) => violation,
    };
    prop_assert!(!atomic(operations, ANY, 100));
    let mut shown = operations.to_vec();
    shown.retain(|operation| violation.operations.contains(&operation.id));
    prop_assert!(!atomic(&shown, ANY, 100), "shows nothing: {violation:?}");
    Ok(None)
}

#[test]
fn staleness() {
    let share = run(4_000, &history(4), |operations| {
        let Some(found) = measured(&operations)? else {
            return Ok("not stale but wrong");
        };
        agree_on_stale_reads(&operations, &found)?;
        let k = is_bounded(&operations, &found)?;
        let bounds = found.versions;
        // One and two are decided exactly, and so is Δ.
        prop_assert!(bounds.at_most > 2 || bounds.at_least == bounds.at_most);
        prop_assert!(bounds.at_least > 2 || bounds.at_least == bounds.at_most);
        prop_assert_eq!(found.delta.at_least, found.delta.at_most);
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

#[test]
fn staleness_where_values_are_written_again() {
    let share = run(6_000, &history(4).prop_map(again), |operations| {
        let Some(mut found) = measured(&operations)? else {
            return Ok("not stale but wrong");
        };
        agree_on_stale_reads(&operations, &found)?;
        let k = is_bounded(&operations, &found)?;
        let was_decided = found.is_linearizable();
        found.settle(k == 1);
        prop_assert_eq!(found.is_linearizable(), Some(k == 1));
        is_bounded(&operations, &found)?;
        Ok(match was_decided {
            Some(true) => "1-atomic",
            Some(false) => "stale",
            None if k == 1 => "undecided but 1-atomic",
            None => "undecided and violated",
        })
    });
    assert!(share.of("1-atomic") > 0.3 && share.of("stale") > 0.1);
    assert!(share.of("undecided and violated") > 0.005);
    assert!(share.of("undecided but 1-atomic") < 0.05);
}
