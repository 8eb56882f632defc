//! Histories that no recorder writes: whatever comes in, something comes out.

use proptest::prelude::*;
use witness_checkers::monitors::priority_queue::First;
use witness_checkers::monitors::*;

use crate::run;

/// What is the same in all operations: when, which value, and what it did.
type Plain = (u64, u64, u32, u8);

fn anything() -> impl Strategy<Value = Vec<Plain>> {
    let instant = || prop::sample::select(vec![0, 1, 2, 3, u64::MAX / 2, u64::MAX - 1, u64::MAX]);
    prop::collection::vec((instant(), instant(), 0..3_u32, 0..8_u8), 0..9)
}

fn collections(history: &[Plain]) {
    use collection::Action;
    let operation = |(id, &(call, ret, value, what))| collection::Operation {
        id,
        interval: Interval { call, ret },
        action: match what {
            0..4 => Action::Add(value + 10 * id as u32),
            4 => Action::Remove(value),
            5 => Action::Remove(value + 10),
            6 => Action::RemoveEmpty,
            _ => Action::RemoveUnknown,
        },
    };
    let history: Vec<_> = (0..).zip(history).map(operation).collect();
    queue::check(&history);
    bag::check(&history);
    stack::check(&history);
    priority_queue::check(&history, First::Smallest);
    priority_queue::check(&history, First::Largest);
}

fn sets(history: &[Plain]) {
    let operation = |(id, &(call, ret, value, what))| set::Operation {
        id,
        interval: Interval { call, ret },
        value,
        action: match what % 4 {
            0 => set::Action::Added,
            1 => set::Action::Removed,
            2 => set::Action::Present,
            _ => set::Action::Absent,
        },
    };
    set::check(&(0..).zip(history).map(operation).collect::<Vec<_>>());
    let operation = |(id, &(call, ret, value, what))| growing_set::Operation {
        id,
        interval: Interval { call, ret },
        action: match what % 2 {
            0 => growing_set::Action::Add(id as u32),
            _ => growing_set::Action::Read(vec![value, u32::from(what), value]),
        },
    };
    growing_set::check(&(0..).zip(history).map(operation).collect::<Vec<_>>());
}

fn registers(history: &[Plain]) {
    use register::Action;
    let action = |value, what, id| match what {
        0..3 => Action::Write(value + 10 * id as u32),
        3 if value % 2 == 0 => Action::WriteInitial,
        3 => Action::Write(value),
        4..7 => Action::Read(value),
        _ => Action::ReadInitial,
    };
    let operation = |(id, &(call, ret, value, what))| register::Operation {
        id,
        interval: Interval { call, ret },
        action: action(value, what, id),
    };
    let plain: Vec<_> = (0..).zip(history).map(operation).collect();
    regular::check(&plain);
    let _ = staleness::measure(&plain);
    let operation = |(id, &(call, ret, value, what))| sequential::Operation {
        id,
        process: (call % 3) as u32,
        key: value % 2,
        action: action(value, what, id),
        resolved: ret != Interval::NEVER,
    };
    let plain: Vec<_> = (0..).zip(history).map(operation).collect();
    sequential::check(&plain, &witness_checkers::Budget::default());
}

/// Returns before calls, calls at the end of time, removals and reads of anything.
#[test]
fn nonsense_is_survived() {
    run(3_000, &anything(), |history| {
        collections(&history);
        sets(&history);
        registers(&history);
        Ok("survived")
    });
}
