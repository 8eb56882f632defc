//! Made-up histories of transactions: concurrent processes on a database that executes each
//! transaction at one moment between its invocation and its completion, strict serializable; or
//! that reads at the invocation and writes at the completion, whatever others wrote meanwhile:
//! causal, and neither serializable nor snapshot isolated.

use std::collections::VecDeque;
use std::io::{self, Write};

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub transactions: usize,
    pub processes: usize,
    pub lists: bool,
    /// Every write of a register reads it first.
    pub reads_first: bool,
    /// Writes to a key before another takes its place.
    pub writes_a_key: u64,
    /// The last transaction does not see what the first wrote, so real time has all of them
    /// in a circle.
    pub circle: bool,
    /// Registers only: what a transaction wrote is seen once it completed.
    pub behind: bool,
}

impl Shape {
    pub fn lists(transactions: usize) -> Self {
        Shape {
            transactions,
            processes: 20,
            lists: true,
            reads_first: false,
            writes_a_key: 32,
            circle: false,
            behind: false,
        }
    }

    pub fn registers(transactions: usize) -> Self {
        Shape {
            lists: false,
            ..Shape::lists(transactions)
        }
    }
}

/// An event: its kind, process, and micro-operations as JSON.
pub struct Event {
    pub kind: &'static str,
    pub process: usize,
    pub value: String,
}

/// Keys in use at once.
const KEYS: usize = 10;

struct Key {
    number: u64,
    written: u64,
    list: String,
    last: Option<u64>,
}

/// The events, one after the other.
pub fn events(shape: Shape, mut take: impl FnMut(Event)) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut keys: Vec<Key> = (0..KEYS as u64).map(Key::new).collect();
    let mut next_key = KEYS as u64;
    // Of each process: what it is to complete with.
    let mut open: Vec<Option<Executed>> = (0..shape.processes).map(|_| None).collect();
    let mut busy: VecDeque<usize> = VecDeque::new();
    let f = if shape.lists { "append" } else { "w" };
    if shape.circle {
        let wrote = format!("[[\"{f}\",-1,1]]");
        alone(shape.processes, &wrote, &wrote, &mut take);
    }
    let mut invoked = 0;
    while invoked < shape.transactions || !busy.is_empty() {
        let process = random.below(shape.processes as u64) as usize;
        if let Some(executed) = open[process].take() {
            busy.retain(|&other| other != process);
            for (number, value) in executed.writes {
                // Of a key that is no longer in use nobody reads anything.
                if let Some(key) = keys.iter_mut().find(|key| key.number == number) {
                    key.last = Some(value);
                }
            }
            take(Event {
                kind: "ok",
                process,
                value: executed.answered,
            });
            continue;
        }
        if invoked == shape.transactions {
            continue;
        }
        invoked += 1;
        // Executed at once: the moment is between invocation and completion.
        let (asked, executed) = transaction(shape, &mut random, &mut keys, &mut next_key);
        take(Event {
            kind: "invoke",
            process,
            value: asked,
        });
        open[process] = Some(executed);
        busy.push_back(process);
    }
    if shape.circle {
        let nothing = if shape.lists { "[]" } else { "null" };
        let read = format!("[[\"r\",-1,{nothing}]]");
        alone(shape.processes, "[[\"r\",-1,null]]", &read, &mut take);
    }
}

/// A transaction while no other runs.
fn alone(process: usize, asked: &str, answered: &str, take: &mut impl FnMut(Event)) {
    for (kind, value) in [("invoke", asked), ("ok", answered)] {
        take(Event {
            kind,
            process,
            value: value.to_owned(),
        });
    }
}

/// What a transaction completes with, and what others see of it from then on: by key.
struct Executed {
    answered: String,
    writes: Vec<(u64, u64)>,
}

fn transaction(
    shape: Shape,
    random: &mut Random,
    keys: &mut [Key],
    next_key: &mut u64,
) -> (String, Executed) {
    let mut writes: Vec<(u64, u64)> = Vec::new();
    let (mut asked, mut answered) = (String::from("["), String::from("["));
    for at in 0..1 + random.below(5) {
        if at > 0 {
            asked.push(',');
            answered.push(',');
        }
        let place = random.below(KEYS as u64) as usize;
        let is_write = random.below(2) == 0;
        let key = &mut keys[place];
        if !is_write || shape.reads_first {
            asked.push_str(&format!("[\"r\",{},null]", key.number));
            let own = writes
                .iter()
                .rev()
                .find(|(number, _)| *number == key.number);
            let last = own.map(|&(_, value)| value).or(key.last);
            let seen = match (shape.lists, last) {
                (true, _) => format!("[{}]", key.list),
                (false, Some(last)) => last.to_string(),
                (false, None) => "null".to_owned(),
            };
            answered.push_str(&format!("[\"r\",{},{seen}]", key.number));
        }
        if !is_write {
            continue;
        }
        if shape.reads_first {
            asked.push(',');
            answered.push(',');
        }
        key.written += 1;
        let f = if shape.lists { "append" } else { "w" };
        let write = format!("[\"{f}\",{},{}]", key.number, key.written);
        asked.push_str(&write);
        answered.push_str(&write);
        match shape.behind {
            true => writes.push((key.number, key.written)),
            false => key.last = Some(key.written),
        }
        if !key.list.is_empty() {
            key.list.push(',');
        }
        key.list.push_str(&key.written.to_string());
        if key.written == shape.writes_a_key {
            *key = Key::new(*next_key);
            *next_key += 1;
        }
    }
    asked.push(']');
    answered.push(']');
    (asked, Executed { answered, writes })
}

impl Key {
    fn new(number: u64) -> Self {
        Key {
            number,
            written: 0,
            list: String::new(),
            last: None,
        }
    }
}

/// SplitMix64: the same history every time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Writes the history as JSON Lines, or as EDN.
pub fn write(shape: Shape, edn: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut index = 0_u64;
    let mut failed = Ok(());
    events(
        shape,
        |Event {
             kind,
             process,
             value,
         }| {
            if failed.is_err() {
                return;
            }
            let time = index * 1_000;
            failed = if edn {
                let value = value
                    .replace("[\"r\"", "[:r")
                    .replace("[\"w\"", "[:w")
                    .replace("[\"append\"", "[:append")
                    .replace("null", "nil")
                    .replace(',', " ");
                writeln!(
                    out,
                    "{{:type :{kind}, :f :txn, :value {value}, :time {time}, :process {process}, :index {index}}}"
                )
            } else {
                writeln!(
                    out,
                    "{{\"index\":{index},\"time\":{time},\"type\":\"{kind}\",\"process\":{process},\"f\":\"txn\",\"value\":{value}}}"
                )
            };
            index += 1;
        },
    );
    failed
}
