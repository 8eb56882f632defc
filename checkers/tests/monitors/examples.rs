//! Small histories that show where each property ends, and the sentences about them.

use witness_checkers::monitors::collection::{self, Action::*};
use witness_checkers::monitors::priority_queue::{self, First};
use witness_checkers::monitors::register::{self, Action};
use witness_checkers::monitors::staleness::{Bounds, StaleRead, measure};
use witness_checkers::monitors::{Interval, Outcome, Violation};
use witness_checkers::monitors::{bag, queue, regular, sequential, set, stack};

fn interval((call, ret): (u64, u64)) -> Interval {
    Interval { call, ret }
}

/// Operations numbered from 0, each with its call and return.
fn collection(operations: &[(u64, u64, collection::Action)]) -> Vec<collection::Operation> {
    let operation = |(id, &(call, ret, action))| {
        let interval = interval((call, ret));
        collection::Operation {
            id,
            interval,
            action,
        }
    };
    (0..).zip(operations).map(operation).collect()
}

fn register(operations: &[(u64, u64, Action)]) -> Vec<register::Operation> {
    let operation = |(id, &(call, ret, action))| {
        let interval = interval((call, ret));
        register::Operation {
            id,
            interval,
            action,
        }
    };
    (0..).zip(operations).map(operation).collect()
}

fn violation<R: std::fmt::Debug>(outcome: Outcome<R>) -> Violation<R> {
    match outcome {
        Outcome::Violated(violation) => violation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_queue_is_first_in_first_out() {
    let history = [
        (0, 1, Add(1)),
        (2, 3, Add(2)),
        (4, 5, Remove(2)),
        (6, 7, Remove(1)),
    ];
    let found = violation(queue::check(&collection(&history)));
    assert_eq!(found.operations, [0, 1, 2, 3]);
    assert_eq!(
        found.reason.to_string(),
        "operation 0 had added its value before operation 1 began to add another, yet operation 2 \
         removed the later value while the earlier one was still waiting"
    );
    assert_eq!(stack::check(&collection(&history)), Outcome::Valid);
    // Intervals are closed: additions that touch can be in either order.
    let history = [
        (0, 2, Add(1)),
        (2, 3, Add(2)),
        (4, 5, Remove(2)),
        (6, 7, Remove(1)),
    ];
    assert_eq!(queue::check(&collection(&history)), Outcome::Valid);
}

#[test]
fn a_stack_is_last_in_first_out() {
    let history = [
        (0, 1, Add(1)),
        (2, 3, Add(2)),
        (4, 5, Remove(1)),
        (6, 7, Remove(2)),
    ];
    let found = violation(stack::check(&collection(&history)));
    assert_eq!(found.operations, [0, 1, 2, 3]);
    assert_eq!(
        found.reason.to_string(),
        "from the end of operation 0 to the start of operation 3 the stack is never empty, yet none \
         of the values then inside can have been at its bottom all that time, below the others"
    );
    assert_eq!(queue::check(&collection(&history)), Outcome::Valid);
    // While the removals overlap, they can be in either order.
    let history = [
        (0, 1, Add(1)),
        (2, 3, Add(2)),
        (4, 7, Remove(1)),
        (6, 7, Remove(2)),
    ];
    assert_eq!(stack::check(&collection(&history)), Outcome::Valid);
}

#[test]
fn a_priority_queue_takes_the_first_in_rank() {
    let history = [
        (0, 1, Add(1)),
        (2, 3, Add(2)),
        (4, 5, Remove(2)),
        (6, 7, Remove(1)),
    ];
    let found = violation(priority_queue::check(
        &collection(&history),
        First::Smallest,
    ));
    assert_eq!(
        found.reason.to_string(),
        "at every instant at which operation 2 can have removed its value, a value of higher \
         priority was inside"
    );
    assert_eq!(
        priority_queue::check(&collection(&history), First::Largest),
        Outcome::Valid
    );
}

#[test]
fn nothing_is_found_only_in_an_empty_collection() {
    // 1 is inside from 1 to 6, 2 from 5 to 9: the removal from 2 to 8 never sees it empty.
    let history = [
        (0, 1, Add(1)),
        (4, 5, Add(2)),
        (6, 7, Remove(1)),
        (9, 9, Remove(2)),
        (2, 8, RemoveEmpty),
    ];
    let found = violation(bag::check(&collection(&history)));
    assert_eq!(found.operations, [0, 1, 2, 3, 4]);
    assert_eq!(
        found.reason.to_string(),
        "operation 4 found nothing, although at every instant while it ran something was inside"
    );
    // An unresolved removal may have taken 2 as soon as it was there.
    let mut helped = history.to_vec();
    helped[3] = (4, Interval::NEVER, RemoveUnknown);
    assert_eq!(bag::check(&collection(&helped)), Outcome::Valid);
    assert_eq!(queue::check(&collection(&helped)), Outcome::Valid);
}

#[test]
fn what_never_returned_may_have_happened() {
    // The addition was seen, so it happened; the other need not have.
    let never = Interval::NEVER;
    let history = [
        (0, never, Add(1)),
        (3, 4, Remove(1)),
        (0, never, Add(2)),
        (5, 6, RemoveEmpty),
    ];
    assert_eq!(queue::check(&collection(&history)), Outcome::Valid);
    let history = [(5, never, Add(1)), (3, 4, Remove(1))];
    let found = violation(queue::check(&collection(&history)));
    assert_eq!(
        found.reason.to_string(),
        "operation 1 had removed a value before operation 0 began to add it"
    );
}

#[test]
fn a_set_tells_what_it_found() {
    let operation = |id, times, action| set::Operation {
        id,
        interval: interval(times),
        value: 7,
        action,
    };
    let history = [
        operation(0, (0, 1), set::Action::Added),
        operation(1, (2, 5), set::Action::Removed),
        operation(2, (2, 3), set::Action::Absent),
        operation(3, (4, 5), set::Action::Present),
    ];
    let found = violation(set::check(&history));
    assert_eq!(found.operations, [0, 1, 2, 3]);
    assert_eq!(
        found.reason.to_string(),
        "operation 3 needs its value to be present by the time it returns, and no addition that is \
         left can have put it there"
    );
}

#[test]
fn regular_is_less_than_linearizable() {
    // New, then old again, both during the write.
    let flicker = [
        (0, 1, Action::Write(1)),
        (2, 9, Action::Write(2)),
        (3, 4, Action::Read(2)),
        (5, 6, Action::Read(1)),
    ];
    assert_eq!(regular::check(&register(&flicker)), Outcome::Valid);
    let measured = measure(&register(&flicker)).expect("explained");
    let exactly = |number| Bounds {
        at_least: number,
        at_most: number,
    };
    assert_eq!(measured.versions, exactly(2));
    let stale = StaleRead {
        read: 3,
        written: Some(0),
        is_certain: true,
        newer: 1,
        shown_by: Some(2),
        seen_by: None,
        missed: 1,
        behind: 1,
    };
    assert_eq!((measured.stale, measured.delta), (vec![stale], exactly(1)));

    let stale = [
        (0, 1, Action::Write(1)),
        (2, 3, Action::Write(2)),
        (5, 6, Action::Read(1)),
    ];
    let found = violation(regular::check(&register(&stale)));
    assert_eq!(found.operations, [0, 1, 2]);
    assert_eq!(
        found.reason.to_string(),
        "operation 2 read what operation 0 wrote, although operation 1 overwrote it before the read \
         began"
    );
}

/// Sequentially consistent, however stale; and the way in which two readers disagree.
#[test]
fn sequential_consistency_knows_no_clock() {
    let operation = |id, process, action| sequential::Operation {
        id,
        process,
        key: 0,
        action,
        resolved: true,
    };
    let mut history = vec![
        operation(0, 0, Action::Write(1)),
        operation(1, 0, Action::Write(2)),
        operation(2, 1, Action::ReadInitial),
        operation(3, 1, Action::Read(1)),
    ];
    let budget = witness_checkers::Budget::default();
    assert_eq!(sequential::check(&history, &budget), Outcome::Valid);
    history.extend([
        operation(4, 2, Action::Read(2)),
        operation(5, 2, Action::Read(1)),
    ]);
    let found = violation(sequential::check(&history, &budget));
    assert_eq!(found.operations, [0, 1, 4, 5]);
    assert_eq!(
        found.reason.to_string(),
        "each of these operations must come before the next, and the last before the first: \
         0 before 1 in its process; 1 before 0, whose value operation 5 read after 1"
    );
}
