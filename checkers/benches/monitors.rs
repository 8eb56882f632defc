//! Each n log n monitor on a million operations, of which about thirty run at once; the others
//! on fewer.
//!
//! The collections, the sets and the regular register are valid, so all of each is read;
//! staleness is measured on a valid register and on one that is often stale.

use std::collections::VecDeque;

use divan::{Bencher, black_box};
use witness_checkers::monitors::priority_queue::{self, First};
use witness_checkers::monitors::{Interval, Outcome, bag, growing_set, queue, regular};
use witness_checkers::monitors::{collection, register, sequential, set, stack, staleness};

/// Few where the benchmark is only tried, as by `cargo test --all-targets`.
const OPERATIONS: u64 = if cfg!(debug_assertions) {
    10_000
} else {
    1_000_000
};

/// One operation takes effect each instant, up to so long after its call and before its return.
const REACH: u64 = 30;

fn main() {
    divan::main();
}

/// Xorshift, so that every run measures the same histories.
struct Numbers(u64);

impl Numbers {
    fn new() -> Numbers {
        Numbers(0x9E37_79B9_7F4A_7C15)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn around(&mut self, id: u64) -> Interval {
        let instant = id + REACH;
        Interval {
            call: instant - self.below(REACH),
            ret: instant + self.below(REACH),
        }
    }
}

/// A collection that fills up to some hundred values and empties, again and again.
fn collection(
    next: impl Fn(&mut VecDeque<u32>, &mut Numbers) -> Option<u32>,
) -> Vec<collection::Operation> {
    let mut numbers = Numbers::new();
    let mut inside = VecDeque::new();
    let operation = |id: u64| {
        let interval = numbers.around(id);
        let share = if (id / 1_000).is_multiple_of(2) {
            65
        } else {
            35
        };
        let action = if numbers.below(100) < share {
            // In no order, and each once: an odd factor permutes the numbers below 2^32.
            let value = (id as u32).wrapping_mul(0x9E37_79B1);
            inside.push_back(value);
            collection::Action::Add(value)
        } else {
            let next = next(&mut inside, &mut numbers);
            next.map_or(collection::Action::RemoveEmpty, collection::Action::Remove)
        };
        collection::Operation {
            id,
            interval,
            action,
        }
    };
    (0..OPERATIONS).map(operation).collect()
}

fn valid<O: 'static, R: std::fmt::Debug + PartialEq>(
    bencher: Bencher<'_, '_>,
    history: &[O],
    check: impl Fn(&[O]) -> Outcome<R>,
) {
    assert_eq!(check(history), Outcome::Valid);
    bencher.bench_local(|| black_box(check(black_box(history))));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn queues(bencher: Bencher<'_, '_>) {
    let history = collection(|inside, _| inside.pop_front());
    valid(bencher, &history, queue::check);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn bags(bencher: Bencher<'_, '_>) {
    let history = collection(|inside, numbers| {
        let at = numbers.below(inside.len().max(1) as u64) as usize;
        inside.swap_remove_back(at)
    });
    valid(bencher, &history, bag::check);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn stacks(bencher: Bencher<'_, '_>) {
    let history = collection(|inside, _| inside.pop_back());
    valid(bencher, &history, stack::check);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn priority_queues(bencher: Bencher<'_, '_>) {
    let history = collection(|inside, _| {
        let at = (0..inside.len()).min_by_key(|&at| inside[at])?;
        inside.remove(at)
    });
    valid(bencher, &history, |history| {
        priority_queue::check(history, First::Smallest)
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn sets(bencher: Bencher<'_, '_>) {
    let mut numbers = Numbers::new();
    let mut present = vec![false; 1_000];
    let operation = |id: u64| {
        let interval = numbers.around(id);
        let value = numbers.below(1_000) as u32;
        let present = &mut present[value as usize];
        let action = match (numbers.below(3), *present) {
            (0, false) => set::Action::Added,
            (1, true) => set::Action::Removed,
            (_, true) => set::Action::Present,
            (_, false) => set::Action::Absent,
        };
        *present = matches!(action, set::Action::Added | set::Action::Present);
        set::Operation {
            id,
            interval,
            value,
            action,
        }
    };
    let history: Vec<set::Operation> = (0..OPERATIONS).map(operation).collect();
    valid(bencher, &history, set::check);
}

/// A register of which one read in a thousand is up to so many versions old.
fn register(stale: u64) -> Vec<register::Operation> {
    let mut numbers = Numbers::new();
    let mut written = 0;
    let operation = |id: u64| {
        let interval = numbers.around(id);
        let action = if id == 0 || numbers.below(2) == 0 {
            written += 1;
            register::Action::Write(written)
        } else {
            let age = match numbers.below(1_000) {
                0 => numbers.below(stale + 1) as u32,
                _ => 0,
            };
            register::Action::Read(written.saturating_sub(age).max(1))
        };
        register::Operation {
            id,
            interval,
            action,
        }
    };
    (0..OPERATIONS).map(operation).collect()
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn regular_registers(bencher: Bencher<'_, '_>) {
    valid(bencher, &register(0), regular::check);
}

#[divan::bench(sample_count = 5, sample_size = 1, args = [0, 1, 50])]
fn measure_staleness(bencher: Bencher<'_, '_>, stale: u64) {
    let history = register(stale);
    bencher.bench_local(|| black_box(staleness::measure(black_box(&history))));
}

/// Thirty processes on one register, and on twenty: not n log n, so on fewer operations.
#[divan::bench(sample_count = 3, sample_size = 1, args = [(10_000, 1), (10_000, 20), (100_000, 20)])]
fn sequential_registers(bencher: Bencher<'_, '_>, (operations, keys): (u64, u64)) {
    let mut numbers = Numbers::new();
    let mut written = vec![None; keys as usize];
    let operation = |id: u64| {
        let key = numbers.below(keys) as u32;
        let value = &mut written[key as usize];
        let action = match (numbers.below(2), *value) {
            (0, _) => register::Action::Write(*value.insert(id as u32)),
            (_, Some(value)) => register::Action::Read(value),
            (_, None) => register::Action::ReadInitial,
        };
        let process = numbers.below(30) as u32;
        sequential::Operation {
            id,
            process,
            key,
            action,
            resolved: true,
        }
    };
    let history: Vec<sequential::Operation> = (0..operations).map(operation).collect();
    let budget = witness_checkers::Budget::default();
    valid(bencher, &history, |history| {
        sequential::check(history, &budget)
    });
}

/// A set of which a read sees everything added until then, read a thousand times.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn growing_sets(bencher: Bencher<'_, '_>) {
    let mut numbers = Numbers::new();
    let mut present = Vec::new();
    let operation = |id: u64| {
        let interval = numbers.around(id);
        let action = if numbers.below(10) < 9 {
            present.push(id as u32);
            growing_set::Action::Add(id as u32)
        } else {
            growing_set::Action::Read(present.clone())
        };
        growing_set::Operation {
            id,
            interval,
            action,
        }
    };
    // A thousand reads of 4,500 values on average.
    let history: Vec<growing_set::Operation> = (0..OPERATIONS / 100).map(operation).collect();
    valid(bencher, &history, growing_set::check);
}
