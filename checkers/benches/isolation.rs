//! How long it takes to decide isolation levels, from a history as EDN in memory to the
//! verdict: reading on all cores included.
//!
//! `cargo bench -p witness-checkers --bench isolation`; `--ignored` adds a million
//! transactions. `cargo run --release -p witness-checkers --example transaction_history`
//! writes the same histories to files.

mod transactions;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use transactions::Shape;
use witness_checkers::{CheckError, DigestBuilder, Options, Valid, find};
use witness_histories::{ReadError, Reader};

fn main() {
    divan::main();
}

#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// With a level, that one alone.
fn decide(history: &[u8], level: Option<&str>) -> Result<Valid, Unreadable> {
    let checker = find("isolation").expect("it is registered");
    let mut digest = DigestBuilder::new([checker]);
    Reader::new("bench", history).for_each(|event, _| Ok::<_, Unreadable>(digest.event(event)?))?;
    let mut options = Options::default();
    options.isolation.level = level.map(str::to_owned);
    options.isolation.only_level = level.is_some();
    Ok(checker.check(&digest.finish()?, &options).valid)
}

fn bench(bencher: Bencher<'_, '_>, shape: Shape) {
    let expected = match shape.circle {
        true => Valid::False,
        false => Valid::True,
    };
    bench_level(bencher, shape, None, expected);
}

fn bench_level(bencher: Bencher<'_, '_>, shape: Shape, level: Option<&str>, expected: Valid) {
    let mut history = Vec::new();
    transactions::write(shape, true, &mut history).expect("memory");
    bencher
        .counter(ItemsCount::new(shape.transactions))
        .counter(BytesCount::new(history.len()))
        .bench(|| assert_eq!(decide(&history, level).expect("a history"), expected));
}

/// As many transactions as asked for; few where the benchmark is only tried, as by
/// `cargo test --all-targets`.
fn number(transactions: usize) -> usize {
    if cfg!(debug_assertions) {
        1_000
    } else {
        transactions
    }
}

#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn lists(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(bencher, Shape::lists(number(transactions)));
}

#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn registers(bencher: Bencher<'_, '_>, transactions: usize) {
    bench(bencher, Shape::registers(number(transactions)));
}

#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn mini_transactions(bencher: Bencher<'_, '_>, transactions: usize) {
    let shape = Shape {
        reads_first: true,
        ..Shape::registers(number(transactions))
    };
    bench(bencher, shape);
}

/// Causal, and not serial: none of the levels above is looked at.
#[divan::bench(
    args = ["read-committed", "read-atomic", "causal"],
    sample_count = 10,
    sample_size = 1
)]
fn registers_behind_10_000(bencher: Bencher<'_, '_>, level: &str) {
    let shape = Shape {
        behind: true,
        ..Shape::registers(number(10_000))
    };
    bench_level(bencher, shape, Some(level), Valid::True);
}

/// One strongly connected component of all transactions.
#[divan::bench(args = [true, false], sample_count = 5, sample_size = 1)]
fn circle_of_10_000(bencher: Bencher<'_, '_>, lists: bool) {
    let shape = Shape {
        lists,
        circle: true,
        ..Shape::lists(number(10_000))
    };
    bench(bencher, shape);
}

#[divan::bench(sample_count = 1, sample_size = 1, ignore)]
fn lists_1_000_000(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::lists(1_000_000));
}

#[divan::bench(sample_count = 1, sample_size = 1, ignore)]
fn registers_1_000_000(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::registers(1_000_000));
}
