//! Who wrote which value to which key, found by both: writes to registers, or appends
//! to lists.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::transactions::{Action, Status, Transactions};

/// All writes: by key, of each key ascending by value. They are numbered in that order.
#[derive(Debug, Clone)]
pub(super) struct Writes {
    /// Where each key's writes start.
    starts: Vec<u32>,
    values: Vec<u32>,
    writers: Vec<u32>,
}

/// A value that two wrote to a key: which of them a read saw cannot be told, unless one of
/// them had certainly failed before the other began, and nobody had read it by then.
#[derive(Debug, Clone, Copy)]
pub(super) struct WrittenTwice {
    pub(super) key: u32,
    pub(super) value: u32,
    /// The transactions, ascending.
    pub(super) by: [u32; 2],
}

/// The same, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repetition {
    pub(crate) value: String,
    pub(crate) key: String,
    /// The events that invoked the two.
    pub(crate) events: [u32; 2],
}

impl WrittenTwice {
    pub(super) fn told(self, transactions: &Transactions) -> Repetition {
        Repetition {
            value: transactions.value(self.value).to_string(),
            key: transactions.key(self.key).to_string(),
            events: self.by.map(|at| transactions.events(at)[0]),
        }
    }
}

/// What the action writes or appends.
fn written(action: Action) -> Option<u32> {
    match action {
        Action::Write(value) | Action::Append(value) => Some(value),
        _ => None,
    }
}

impl Writes {
    /// O(n log n), and O(n) if values of a key are written in ascending order. What was
    /// tried again after it certainly failed counts as written by who did not fail.
    ///
    /// # Errors
    /// See [`WrittenTwice`].
    pub(super) fn new(transactions: &Transactions) -> Result<Self, WrittenTwice> {
        let mut starts = vec![0_u32; transactions.keys() as usize + 1];
        for at in 0..transactions.len() as u32 {
            for operation in transactions.operations(at) {
                let is_write = written(operation.action).is_some();
                starts[operation.key as usize + 1] += u32::from(is_write);
            }
        }
        for key in 1..starts.len() {
            starts[key] += starts[key - 1];
        }
        let mut writes = vec![(0, 0); starts.last().map_or(0, |&all| all as usize)];
        let mut next = starts.clone();
        for at in 0..transactions.len() as u32 {
            for operation in transactions.operations(at) {
                if let Some(value) = written(operation.action) {
                    let next = &mut next[operation.key as usize];
                    writes[*next as usize] = (value, at);
                    *next += 1;
                }
            }
        }
        let mut is_unique = true;
        for ends in starts.windows(2) {
            let of_key = &mut writes[ends[0] as usize..ends[1] as usize];
            of_key.sort_unstable();
            is_unique &= of_key.windows(2).all(|pair| pair[0].0 != pair[1].0);
        }
        if !is_unique {
            writes = without_repetitions(transactions, &mut starts, &writes)?;
        }
        Ok(Writes {
            starts,
            values: writes.iter().map(|&(value, _)| value).collect(),
            writers: writes.iter().map(|&(_, writer)| writer).collect(),
        })
    }

    pub(super) fn len(&self) -> u32 {
        self.values.len() as u32
    }

    pub(super) fn keys(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The writes of the key.
    pub(super) fn of_key(&self, key: u32) -> std::ops::Range<u32> {
        self.starts[key as usize]..self.starts[key as usize + 1]
    }

    /// The write of that value: where it is if values are numbered in a row, or by
    /// binary search.
    #[inline]
    pub(super) fn find(&self, key: u32, value: u32) -> Option<u32> {
        let of_key = self.of_key(key);
        let values = &self.values[of_key.start as usize..of_key.end as usize];
        let guess = value.checked_sub(*values.first()?)?;
        if values.get(guess as usize) == Some(&value) {
            return Some(of_key.start + guess);
        }
        let found = values.binary_search(&value).ok()?;
        Some(of_key.start + found as u32)
    }

    /// What was written; none if there is no write of that number.
    #[inline]
    pub(super) fn value(&self, write: u32) -> Option<u32> {
        self.values.get(write as usize).copied()
    }

    #[inline]
    pub(super) fn writer(&self, write: u32) -> u32 {
        self.writers[write as usize]
    }

    /// Who wrote the values of the key, ascending by value.
    pub(super) fn writers(&self, key: u32) -> &[u32] {
        let of_key = self.of_key(key);
        &self.writers[of_key.start as usize..of_key.end as usize]
    }
}

/// Of writes of the same value to a key, the one that did not certainly fail; of several
/// that did, the first. Who is kept began after the others were over, and was not read
/// before: what is read is its write, not theirs.
fn without_repetitions(
    transactions: &Transactions,
    starts: &mut [u32],
    writes: &[(u32, u32)],
) -> Result<Vec<(u32, u32)>, WrittenTwice> {
    let failed = |at: u32| transactions.all()[at as usize].status == Status::Aborted;
    let mut kept = Vec::with_capacity(writes.len());
    let mut retried: HashMap<u32, Vec<WrittenTwice>, FixedState> = HashMap::default();
    let mut start = 0;
    for key in 0..starts.len() - 1 {
        let end = starts[key + 1] as usize;
        starts[key] = kept.len() as u32;
        for same in writes[start..end].chunk_by(|a, b| a.0 == b.0) {
            let mut others = same.iter().filter(|&&(_, at)| !failed(at));
            match (others.next(), others.next()) {
                (Some(&(value, first)), Some(&(_, second))) => {
                    return Err(WrittenTwice {
                        key: key as u32,
                        value,
                        by: [first, second],
                    });
                }
                (Some(&(value, at)), None) => {
                    kept.push((value, at));
                    for &(_, before) in same.iter().filter(|&&(_, before)| before != at) {
                        retried.entry(key as u32).or_default().push(WrittenTwice {
                            key: key as u32,
                            value,
                            by: [before, at],
                        });
                    }
                }
                (None, _) => kept.push(same[0]),
            }
        }
        start = end;
    }
    if let Some(last) = starts.last_mut() {
        *last = kept.len() as u32;
    }
    match ambiguous(transactions, &retried) {
        Some(twice) => Err(twice),
        None => Ok(kept),
    }
}

/// One that was tried again before it had failed, or after someone had read it.
fn ambiguous(
    transactions: &Transactions,
    retried: &HashMap<u32, Vec<WrittenTwice>, FixedState>,
) -> Option<WrittenTwice> {
    let all = transactions.all();
    let was_over = |at: u32, by: u32| {
        let (it, other) = (&all[at as usize], &all[by as usize]);
        // A process does one after the other, whatever clocks say.
        let is_process = transactions.processes_are_known && it.process == other.process;
        it.completed < other.invoked || (is_process && at < by)
    };
    let early = retried.values().flatten();
    let mut early = early.filter(|twice| !was_over(twice.by[0], twice.by[1]));
    if let Some(twice) = early.next() {
        return Some(*twice);
    }
    (0..all.len() as u32).find_map(|reader| {
        transactions.operations(reader).find_map(|operation| {
            let saw = |value: u32| match operation.action {
                Action::ReadValue(seen) => seen == value,
                _ => {
                    let list = transactions.list(operation);
                    list.is_some_and(|list| list.contains(&value))
                }
            };
            let mut all = retried.get(&operation.key)?.iter();
            all.find(|twice| was_over(reader, twice.by[1]) && saw(twice.value))
                .copied()
        })
    })
}
