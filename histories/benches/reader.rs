//! How fast a history is read: bytes a second, on one core, from memory.

mod seat_history;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use witness_histories::{History, Reader, jsonl};

/// Events of the history; few where the benchmark is only tried, as by
/// `cargo test --all-targets`.
const EVENTS: u64 = if cfg!(debug_assertions) {
    10_000
} else {
    1_000_000
};

fn main() {
    divan::main();
}

fn history() -> &'static [u8] {
    static HISTORY: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    HISTORY.get_or_init(|| {
        let mut bytes = Vec::new();
        seat_history::write(seat_history::seats_for(EVENTS), 1, &mut bytes).expect("memory");
        bytes
    })
}

fn counters<'a, 'b>(bencher: Bencher<'a, 'b>, history: &[u8]) -> Bencher<'a, 'b> {
    let lines = memchr::memchr_iter(b'\n', history).count();
    bencher
        .counter(BytesCount::of_slice(history))
        .counter(ItemsCount::new(lines))
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn codec_only(bencher: Bencher<'_, '_>) {
    let text = std::str::from_utf8(history()).expect("UTF-8");
    counters(bencher, history()).bench(|| {
        for line in text.lines() {
            black_box(jsonl::parse(line).expect("an event"));
        }
    });
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [false, true])]
fn read(bencher: Bencher<'_, '_>, validate: bool) {
    counters(bencher, history()).bench(|| {
        let mut reader = Reader::new("history", history());
        if !validate {
            reader = reader.without_validation();
        }
        while let Some(event) = reader.next().expect("a history") {
            black_box(event);
        }
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn into_memory(bencher: Bencher<'_, '_>) {
    counters(bencher, history())
        .bench(|| History::read_from(Reader::new("history", history())).expect("a history"));
}
