//! How fast a seat sale is checked: digesting its events, each checker on the
//! digest, and everything from the bytes of the file on. One core, from memory.

#[path = "../../histories/benches/seat_history/mod.rs"]
mod seat_history;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use witness_checkers::{Checker, Digest, DigestBuilder, Options, all};
use witness_histories::{Event, Reader};

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

fn digest<'e>(events: impl IntoIterator<Item = &'e Event<'static>>) -> Digest {
    let mut builder = DigestBuilder::new(all().iter().copied());
    for event in events {
        builder.event(event).expect("a sale");
    }
    builder.finish().expect("a sale")
}

fn events() -> Vec<Event<'static>> {
    let mut reader = Reader::new("history", history());
    let mut events = Vec::new();
    while let Some(event) = reader.next().expect("a history") {
        events.push(event.into_owned());
    }
    events
}

/// Only what the checkers keep of events that were read already.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn digest_only(bencher: Bencher<'_, '_>) {
    let events = events();
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench_local(|| digest(black_box(&events)));
}

/// One checker on the digest, an item an event of the history.
#[divan::bench(sample_count = 10, sample_size = 1, args = all().iter().map(|c| c.name()))]
fn check_only(bencher: Bencher<'_, '_>, name: &str) {
    let checker: &dyn Checker = witness_checkers::find(name).expect("a checker");
    let digest = digest(&events());
    bencher
        .counter(ItemsCount::new(digest.events()))
        .bench_local(|| checker.check(black_box(&digest), &Options::default()));
}

/// Reading, validating, digesting, and all checkers.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn end_to_end(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_slice(history()))
        .bench_local(|| {
            let mut reader = Reader::new("history", history());
            let mut builder = DigestBuilder::new(all().iter().copied());
            while let Some(event) = reader.next().expect("a history") {
                builder.event(&event).expect("a sale");
            }
            let digest = builder.finish().expect("a sale");
            let options = Options::default();
            let check = |checker: &&dyn Checker| checker.check(&digest, &options);
            all().iter().map(check).collect::<Vec<_>>()
        });
}
