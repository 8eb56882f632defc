//! Writes a large history of registers, one a key, that is linearizable, to standard
//! output, as JSON Lines:
//! `cargo run --release -p witness-histories --example register_history --
//! [OPERATIONS [KEYS [CLIENTS [SEED]]]]`.
//!
//! Every client always has an operation open on a key of its choice, a read or a write
//! of a new value; it takes effect at a moment between its two events.

use std::io::{self, BufWriter, Write};

use serde_json::value::RawValue;
use witness_histories::{Event, Key, Kind, Process, jsonl};

/// An operation that is open.
struct Open {
    key: usize,
    /// What is written; none: a read.
    written: Option<u64>,
    /// What there was after it took effect, once it did.
    after: Option<u64>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let mut number = |default| numbers.next().transpose().map(|n| n.unwrap_or(default));
    let (operations, keys) = (number(10_000_000)?, number(1_000)?.max(1));
    let (clients, seed) = (number(30)?.max(1), number(1)?);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let events = write(operations, keys, clients, seed, &mut out)?;
    out.flush()?;
    eprintln!("{events} events");
    Ok(())
}

fn write(
    operations: u64,
    keys: u64,
    clients: u64,
    seed: u64,
    out: &mut impl Write,
) -> Result<u64, Box<dyn std::error::Error>> {
    let mut random = Random(seed);
    let mut registers: Vec<Option<u64>> = vec![None; usize::try_from(keys)?];
    let mut open: Vec<Option<Open>> = (0..clients).map(|_| None).collect();
    let (mut index, mut time, mut invoked, mut completed) = (0, 0, 0, 0);
    let mut line = Vec::new();
    while completed < operations {
        let client = random.below(clients);
        let slot = &mut open[usize::try_from(client)?];
        let (kind, operation) = match slot {
            None if invoked == operations => continue,
            None => {
                invoked += 1;
                let written = (random.below(2) == 0).then_some(invoked);
                let key = usize::try_from(random.below(keys))?;
                let after = None;
                (
                    Kind::Invoke,
                    slot.insert(Open {
                        key,
                        written,
                        after,
                    }),
                )
            }
            Some(operation) if operation.after.is_none() => {
                let register = &mut registers[operation.key];
                *register = operation.written.or(*register);
                operation.after = Some(register.unwrap_or(0));
                continue;
            }
            Some(operation) => (Kind::Ok, operation),
        };
        let value = match operation.written.or(operation.after) {
            None => RawValue::NULL.to_owned(),
            // A register that nobody wrote holds nothing.
            Some(0) => RawValue::NULL.to_owned(),
            Some(value) => RawValue::from_string(value.to_string())?,
        };
        time += 1 + random.below(9_000) as i64;
        line.clear();
        jsonl::write(
            &Event {
                index,
                time,
                kind,
                process: Process::Client(client),
                region: None,
                f: if operation.written.is_some() {
                    "write"
                } else {
                    "read"
                }
                .into(),
                key: Some(Key::Int(i64::try_from(operation.key)?)),
                value: Some(std::borrow::Cow::Owned(value)),
                error: None,
                attempts: None,
                stamp: None,
                extra: Vec::new(),
            },
            &mut line,
        );
        out.write_all(&line)?;
        index += 1;
        if kind == Kind::Ok {
            completed += 1;
            *slot = None;
        }
    }
    Ok(index)
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ bits >> 31) % bound
    }
}
