//! Transactions in memory, and the history that they make. It judges nothing.

use std::fmt;

use witness_histories::{History, history};

/// What the objects of a case are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Data {
    /// Lists that grow by appends.
    Lists,
    /// Registers, of which no value is written twice.
    Registers,
}

/// A micro-operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mop {
    /// Appends the value to the list of that key, or writes it to the register.
    Write(u32, u32),
    /// Reads the key, and what was seen if the transaction committed. A register is
    /// a list too: empty at first, and then of one value.
    Read(u32, Vec<u32>),
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// It committed.
    Ok,
    /// It aborted.
    Fail,
    /// Nobody knows.
    Info,
    /// It never returned: nobody knows either.
    Open,
}

#[derive(Debug, Clone)]
pub struct Txn {
    pub process: u64,
    pub mops: Vec<Mop>,
    pub end: End,
    /// When it was invoked and when it returned: any numbers, all different.
    pub invoked: usize,
    pub returned: usize,
}

/// A history, as transactions.
#[derive(Clone)]
pub struct Case {
    pub data: Data,
    pub txns: Vec<Txn>,
}

impl Mop {
    pub fn key(&self) -> u32 {
        match self {
            Mop::Write(key, _) | Mop::Read(key, _) => *key,
        }
    }
}

impl Txn {
    /// Whether it may have committed although nobody was told so.
    pub fn is_unknown(&self) -> bool {
        matches!(self.end, End::Info | End::Open)
    }

    /// The values that it wrote to the key, in order.
    pub fn writes(&self, key: u32) -> impl DoubleEndedIterator<Item = u32> {
        self.mops.iter().filter_map(move |mop| match mop {
            Mop::Write(written, value) if *written == key => Some(*value),
            _ => None,
        })
    }

    /// Its reads: where they stand, of which key, and what they saw.
    pub fn reads(&self) -> impl Iterator<Item = (usize, u32, &[u32])> {
        let mops = self.mops.iter().enumerate();
        mops.filter_map(|(at, mop)| match mop {
            Mop::Read(key, seen) => Some((at, *key, seen.as_slice())),
            Mop::Write(..) => None,
        })
    }

    /// The micro-operations as JSON. Before it returned, nobody knows what was read.
    fn value(&self, data: Data, known: bool) -> String {
        let mops = self.mops.iter().map(|mop| match (mop, data) {
            (Mop::Write(key, value), Data::Lists) => format!(r#"["append",{key},{value}]"#),
            (Mop::Write(key, value), Data::Registers) => format!(r#"["w",{key},{value}]"#),
            // Null is the empty list too.
            (Mop::Read(key, seen), Data::Lists) if known && (!seen.is_empty() || key % 2 == 0) => {
                format!(r#"["r",{key},{seen:?}]"#)
            }
            (Mop::Read(key, seen), _) => match seen.first() {
                Some(value) if known => format!(r#"["r",{key},{value}]"#),
                _ => format!(r#"["r",{key},null]"#),
            },
        });
        format!("[{}]", mops.collect::<Vec<_>>().join(","))
    }
}

impl Case {
    /// Whether the first had returned before the second was invoked.
    pub fn precedes(&self, first: usize, second: usize) -> bool {
        self.txns[first].end == End::Ok && self.txns[first].returned < self.txns[second].invoked
    }

    /// Whether one process did the first and then the second.
    pub fn precedes_in_process(&self, first: usize, second: usize) -> bool {
        self.txns[first].process == self.txns[second].process && self.precedes(first, second)
    }

    /// Whether any committed: of a history in which none did, nothing is said.
    pub fn has_commits(&self) -> bool {
        self.txns.iter().any(|txn| txn.end == End::Ok)
    }

    /// The keys that are written or read, ascending.
    pub fn keys(&self) -> Vec<u32> {
        let mops = self.txns.iter().flat_map(|txn| &txn.mops);
        let mut keys: Vec<u32> = mops.map(Mop::key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The history.
    pub fn history(&self) -> History {
        history(&self.to_string()).unwrap()
    }

    /// Each transaction's event of invocation, by its index.
    pub fn invocations(&self) -> Vec<u64> {
        let order = self.events();
        let place = |txn| order.iter().position(|&event| event == (txn, false));
        let txns = 0..self.txns.len();
        txns.map(|txn| place(txn).unwrap() as u64).collect()
    }

    /// The transaction of each event, and whether it returned then, in real-time order.
    pub fn events(&self) -> Vec<(usize, bool)> {
        let mut events: Vec<(usize, usize, bool)> = Vec::new();
        for (at, txn) in self.txns.iter().enumerate() {
            events.push((txn.invoked, at, false));
            if txn.end != End::Open {
                events.push((txn.returned, at, true));
            }
        }
        events.sort_unstable();
        events.into_iter().map(|(_, at, end)| (at, end)).collect()
    }
}

/// In shorthand.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, returned) in self.events() {
            let txn = &self.txns[at];
            let kind = match txn.end {
                _ if !returned => "invoke",
                End::Ok => "ok",
                End::Fail => "fail",
                End::Info | End::Open => "info",
            };
            let value = txn.value(self.data, returned && txn.end == End::Ok);
            writeln!(f, "{} {kind} txn _ {value}", txn.process)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}\n{self}", self.data)
    }
}
