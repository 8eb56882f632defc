//! How fast registers and transactions are read in each format: bytes a second, from
//! memory, validated, one by one or on all cores.

use std::sync::OnceLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use witness_histories::{Format, ReadError, Reader, Writer, convert};

/// Operations of the history; few where the benchmark is only tried.
const OPERATIONS: u64 = if cfg!(debug_assertions) {
    5_000
} else {
    500_000
};

fn main() {
    divan::main();
}

/// A register of ten clients, as Jepsen saves it: about 90 bytes an event.
fn register() -> &'static [u8] {
    static EDN: OnceLock<Vec<u8>> = OnceLock::new();
    EDN.get_or_init(|| {
        let mut edn = String::new();
        for n in 0..OPERATIONS {
            let (process, time) = (n % 10, n * 31_337 + 10_000_000_000);
            let (f, value, read) = match n % 3 {
                0 => ("read", "nil".to_owned(), (n % 5).to_string()),
                1 => ("write", (n % 5).to_string(), (n % 5).to_string()),
                _ => ("cas", format!("[{} {}]", n % 5, n % 4), format!("[{} {}]", n % 5, n % 4)),
            };
            for (at, kind, value) in [(0, "invoke", value), (1, "ok", read)] {
                edn.push_str(&format!(
                    "{{:process {process}, :type :{kind}, :f :{f}, :value {value}, :index {}, :time {}}}\n",
                    2 * n + at,
                    time + at,
                ));
            }
        }
        edn.into_bytes()
    })
}

/// Transactions of Elle: about 180 bytes an event.
fn transactions() -> &'static [u8] {
    static EDN: OnceLock<Vec<u8>> = OnceLock::new();
    EDN.get_or_init(|| {
        let mut edn = String::new();
        for n in 0..OPERATIONS {
            for (at, kind) in [(0, "invoke"), (1, "ok")] {
                edn.push_str(&format!(
                    "{{:type :{kind}, :f :txn, :value [[:append {a} {n}] [:r {b} [{b} {n} 7 8 9]] [:append {b} {n}]], :process {}, :time {}, :index {}}}\n",
                    n % 10,
                    n * 31_337 + at,
                    2 * n + at,
                    a = n % 7,
                    b = n % 11,
                ));
            }
        }
        edn.into_bytes()
    })
}

fn converted(edn: &[u8], to: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let writer = Writer::new("memory", &mut out, to).expect("a format to write");
    convert(&mut Reader::new("edn", edn), writer).expect("memory");
    out
}

/// What the argument of a benchmark says.
const ONE_BY_ONE: bool = false;
const ALL_CORES: bool = true;

fn read(bencher: Bencher<'_, '_>, history: &[u8], cores: bool) {
    let bencher = bencher
        .counter(BytesCount::of_slice(history))
        .counter(ItemsCount::new(2 * OPERATIONS));
    if cores == ALL_CORES {
        return bencher.bench(|| {
            let mut reader = Reader::new("history", history);
            let read = reader.for_each(|event, _| {
                black_box(event);
                Ok::<(), ReadError>(())
            });
            read.expect("a history");
        });
    }
    bencher.bench(|| {
        let mut reader = Reader::new("history", history);
        while let Some(event) = reader.next().expect("a history") {
            black_box(event);
        }
    });
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [ONE_BY_ONE, ALL_CORES])]
fn edn_register(bencher: Bencher<'_, '_>, cores: bool) {
    read(bencher, register(), cores);
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [ONE_BY_ONE, ALL_CORES])]
fn edn_transactions(bencher: Bencher<'_, '_>, cores: bool) {
    read(bencher, transactions(), cores);
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [ONE_BY_ONE, ALL_CORES])]
fn json_register(bencher: Bencher<'_, '_>, cores: bool) {
    read(bencher, &converted(register(), Format::Json), cores);
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [ONE_BY_ONE, ALL_CORES])]
fn json_lines_register(bencher: Bencher<'_, '_>, cores: bool) {
    read(bencher, &converted(register(), Format::JsonLines), cores);
}

#[divan::bench(sample_count = 10, sample_size = 1, args = [ONE_BY_ONE, ALL_CORES])]
fn json_lines_transactions(bencher: Bencher<'_, '_>, cores: bool) {
    read(
        bencher,
        &converted(transactions(), Format::JsonLines),
        cores,
    );
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn write_edn(bencher: Bencher<'_, '_>) {
    let lines = converted(transactions(), Format::JsonLines);
    bencher
        .counter(BytesCount::of_slice(&lines))
        .bench(|| converted(&lines, Format::Edn));
}
