//! How long it takes to decide isolation levels of transactions on registers, from a
//! history in memory.
//!
//! `cargo bench -p witness-checkers --bench isolation_registers`; `--ignored` adds a million
//! transactions.

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::ItemsCount;
use witness_checkers::{Digest, DigestBuilder, Options, Valid, find};
use witness_histories::Reader;

fn main() {
    divan::main();
}

/// What ran.
#[derive(Debug, Clone, Copy)]
struct Run {
    transactions: usize,
    processes: usize,
    /// Keys in use at one time; each is left after 100 writes.
    keys: u64,
    /// Every write is preceded by a read of its key.
    mini: bool,
    /// Of a thousand transactions, how many end without an answer.
    unanswered: u64,
    /// By how many transactions a read-only one is behind.
    lag: usize,
}

impl Run {
    const fn new(transactions: usize) -> Self {
        Run {
            transactions,
            processes: 20,
            keys: 10,
            mini: false,
            unanswered: 5,
            lag: 0,
        }
    }

    const fn mini(transactions: usize) -> Self {
        Run {
            mini: true,
            ..Run::new(transactions)
        }
    }
}

/// By key what it held, and from which transaction on.
type States = Vec<Vec<(usize, u64)>>;

/// SplitMix64: the same numbers each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % bound
    }
}

/// Of a client: what it asked, and what was answered.
#[derive(Default)]
struct Client {
    process: usize,
    /// Keys, and what is written.
    asked: Vec<(u64, Option<u64>)>,
    answer: Option<String>,
}

/// JSON lines of a strictly serializable execution: each transaction takes effect at one
/// moment between its invocation and its completion.
fn lines(run: &Run) -> String {
    let mut numbers = Numbers(1);
    let mut text = String::new();
    let mut clients: Vec<Client> = (0..run.processes)
        .map(|process| Client {
            process,
            ..Client::default()
        })
        .collect();
    let mut states: States = vec![vec![(0, 0)]; run.keys as usize];
    // By key: the greatest that anyone asked to write.
    let mut greatest = vec![0; run.keys as usize];
    let mut executed = 0;
    let mut first = 0;
    let (mut index, mut begun, mut open, mut processes) = (0, 0, 0, run.processes);
    while begun < run.transactions || open > 0 {
        let at = numbers.below(run.processes as u64) as usize;
        let client = &mut clients[at];
        let mut event = |kind: &str, process: usize, value: &str| {
            writeln!(
                text,
                "{{\"index\":{index},\"time\":{index},\"type\":\"{kind}\",\"process\":{process},\"f\":\"txn\",\"value\":{value}}}"
            )
            .expect("memory");
            index += 1;
        };
        if client.asked.is_empty() {
            if begun == run.transactions {
                continue;
            }
            begun += 1;
            open += 1;
            for _ in 0..=numbers.below(5) {
                let key = first + numbers.below(run.keys);
                let writes = numbers.below(2) == 0;
                if !writes || run.mini {
                    client.asked.push((key, None));
                }
                if writes {
                    greatest[key as usize] += 1;
                    client.asked.push((key, Some(greatest[key as usize])));
                }
            }
            while greatest[first as usize] > 100 {
                first += 1;
                states.push(vec![(0, 0)]);
                greatest.push(0);
            }
            event("invoke", client.process, &asked(&client.asked));
            continue;
        }
        let Some(answer) = client.answer.take() else {
            executed += 1;
            client.answer = Some(execute(run, &client.asked, executed, &mut states));
            continue;
        };
        if numbers.below(1_000) < run.unanswered {
            event("info", client.process, &asked(&client.asked));
            client.process = processes;
            processes += 1;
        } else {
            event("ok", client.process, &answer);
        }
        client.asked.clear();
        open -= 1;
    }
    text
}

fn asked(micros: &[(u64, Option<u64>)]) -> String {
    let micros = micros.iter().map(|(key, written)| match written {
        Some(value) => format!("[\"w\",{key},{value}]"),
        None => format!("[\"r\",{key},null]"),
    });
    format!("[{}]", micros.collect::<Vec<_>>().join(","))
}

fn execute(run: &Run, micros: &[(u64, Option<u64>)], number: usize, states: &mut States) -> String {
    let only_reads = micros.iter().all(|(_, written)| written.is_none());
    let seen = match only_reads {
        true => number.saturating_sub(run.lag),
        false => number,
    };
    let micros = micros.iter().map(|&(key, written)| {
        let states = &mut states[key as usize];
        if let Some(written) = written {
            states.push((number, written));
            return format!("[\"w\",{key},{written}]");
        }
        let at = states.partition_point(|&(since, _)| since <= seen);
        match at.checked_sub(1).map_or(0, |at| states[at].1) {
            0 => format!("[\"r\",{key},null]"),
            value => format!("[\"r\",{key},{value}]"),
        }
    });
    format!("[{}]", micros.collect::<Vec<_>>().join(","))
}

fn digest(lines: &str) -> Digest {
    let mut reader = Reader::new("bench", lines.as_bytes());
    let mut builder = DigestBuilder::new(find("isolation"));
    while let Ok(Some(event)) = reader.next() {
        builder.event(&event).expect("a transaction");
    }
    builder.finish().expect("a history")
}

fn decide(bencher: Bencher<'_, '_>, run: Run, level: &str) {
    let digest = digest(&lines(&run));
    let checker = find("isolation").expect("it is registered");
    let bencher = bencher.counter(ItemsCount::new(run.transactions));
    let mut options = Options::default();
    options.isolation.level = Some(level.to_owned());
    options.isolation.only_level = true;
    bencher.bench_local(|| {
        let verdict = checker.check(&digest, &options);
        assert_eq!(verdict.valid, Valid::True, "{}", verdict.summary);
    });
}

#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn valid(bencher: Bencher<'_, '_>, transactions: usize) {
    decide(bencher, Run::new(transactions), "strict-serializable");
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn mini_10_000(bencher: Bencher<'_, '_>) {
    decide(bencher, Run::mini(10_000), "strict-serializable");
}

/// Of a database whose read-only transactions see an old state.
#[divan::bench(args = [10_000, 100_000], sample_count = 5, sample_size = 1)]
fn stale(bencher: Bencher<'_, '_>, transactions: usize) {
    let lag = 100;
    let run = Run {
        lag,
        ..Run::new(transactions)
    };
    decide(bencher, run, "read-atomic");
}

#[divan::bench(sample_count = 2, sample_size = 1, ignore)]
fn valid_1_000_000(bencher: Bencher<'_, '_>) {
    decide(bencher, Run::new(1_000_000), "strict-serializable");
}

#[divan::bench(sample_count = 1, sample_size = 1, ignore)]
fn stale_1_000_000(bencher: Bencher<'_, '_>) {
    let lag = 100;
    let run = Run {
        lag,
        ..Run::new(1_000_000)
    };
    decide(bencher, run, "read-atomic");
}
