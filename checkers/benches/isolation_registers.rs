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
}

impl Run {
    const fn new(transactions: usize) -> Self {
        Run {
            transactions,
            processes: 20,
            keys: 10,
            mini: false,
            unanswered: 5,
        }
    }

    const fn mini(transactions: usize) -> Self {
        Run {
            mini: true,
            ..Run::new(transactions)
        }
    }
}

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
    // By key: the value, and the greatest that anyone asked to write.
    let mut state: Vec<u64> = vec![0; run.keys as usize];
    let mut greatest = state.clone();
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
                state.push(0);
                greatest.push(0);
            }
            event("invoke", client.process, &asked(&client.asked));
            continue;
        }
        let Some(answer) = client.answer.take() else {
            client.answer = Some(execute(&client.asked, &mut state));
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

fn execute(micros: &[(u64, Option<u64>)], state: &mut [u64]) -> String {
    let micros = micros.iter().map(|&(key, written)| {
        let value = &mut state[key as usize];
        if let Some(written) = written {
            *value = written;
            return format!("[\"w\",{key},{value}]");
        }
        match *value {
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

fn decide(bencher: Bencher<'_, '_>, run: Run) {
    let digest = digest(&lines(&run));
    let checker = find("isolation").expect("it is registered");
    let bencher = bencher.counter(ItemsCount::new(run.transactions));
    bencher.bench_local(|| {
        let verdict = checker.check(&digest, &Options::default());
        assert_eq!(verdict.valid, Valid::True, "{}", verdict.summary);
    });
}

#[divan::bench(args = [10_000, 100_000], sample_count = 10, sample_size = 1)]
fn valid(bencher: Bencher<'_, '_>, transactions: usize) {
    decide(bencher, Run::new(transactions));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn mini_10_000(bencher: Bencher<'_, '_>) {
    decide(bencher, Run::mini(10_000));
}

#[divan::bench(sample_count = 2, sample_size = 1, ignore)]
fn valid_1_000_000(bencher: Bencher<'_, '_>) {
    decide(bencher, Run::new(1_000_000));
}
