//! What can be said of a history before its versions are ordered: which transactions
//! count, what each read and wrote, what is wrong whatever the order, and which orders
//! there may be.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Case, Data, End, Mop, Txn};

/// The versions of each key in order, as the values that made them: those that nobody
/// may have seen besides the empty one. A version of a list is a beginning of it.
pub type Versions = BTreeMap<u32, Vec<u32>>;

/// What a transaction saw of what others wrote to a key: it read it before it wrote the
/// key itself, or read what others wrote although it had.
#[derive(Debug, Clone)]
pub struct ExternalRead<'a> {
    pub txn: usize,
    /// Where in its transaction.
    pub at: usize,
    pub key: u32,
    pub seen: &'a [u32],
}

pub struct Facts<'a> {
    pub case: &'a Case,
    /// Transactions that count as committed.
    pub counted: Vec<usize>,
    pub external: Vec<ExternalRead<'a>>,
    /// Those, and lists that end with what their reader had appended, without it: they too
    /// show what it saw. They make no edges, since there are ww edges beside them.
    pub shown: Vec<ExternalRead<'a>>,
    /// What is wrong whatever the order of versions is.
    pub found: BTreeSet<&'static str>,
    /// Who wrote each value of each key.
    writers: BTreeMap<(u32, u32), usize>,
}

impl<'a> Facts<'a> {
    pub fn of(case: &'a Case) -> Self {
        let mut writers = BTreeMap::new();
        for (at, txn) in case.txns.iter().enumerate() {
            for mop in &txn.mops {
                if let Mop::Write(key, value) = mop {
                    let other = writers.insert((*key, *value), at);
                    assert_eq!(other, None, "a value is written once: {case:?}");
                }
            }
        }
        let committed = || {
            let txns = case.txns.iter().enumerate();
            txns.filter(|(_, txn)| txn.end == End::Ok)
        };
        let was_seen = |at: usize| {
            let reads = committed().flat_map(|(_, txn)| txn.reads());
            let values =
                reads.flat_map(|(_, key, seen)| seen.iter().map(move |value| (key, value)));
            let mut writers = values.filter_map(|(key, value)| writers.get(&(key, *value)));
            writers.any(|&writer| writer == at)
        };
        let counts = |&at: &usize| match case.txns[at].end {
            End::Ok => true,
            End::Fail => false,
            End::Info | End::Open => was_seen(at),
        };
        let counted = (0..case.txns.len()).filter(counts).collect();
        let mut facts = Facts {
            case,
            counted,
            external: Vec::new(),
            shown: Vec::new(),
            found: BTreeSet::new(),
            writers,
        };
        for (txn, _) in committed() {
            for (at, key, seen) in case.txns[txn].reads() {
                let before = case.txns[txn].mops[..at].iter();
                let own: Vec<u32> = before
                    .filter_map(|mop| match mop {
                        Mop::Write(written, value) if *written == key => Some(*value),
                        _ => None,
                    })
                    .collect();
                let read = |seen| ExternalRead { txn, at, key, seen };
                let is_own = |value: &u32| facts.writers.get(&(key, *value)) == Some(&txn);
                // Of others it saw what comes up to their last element.
                let others = seen.iter().rposition(|value| !is_own(value));
                let of_others = &seen[..others.map_or(0, |last| last + 1)];
                let is_external = match case.data {
                    _ if own.is_empty() => true,
                    Data::Registers => !seen.iter().any(is_own),
                    Data::Lists => !ends_with(seen, &own),
                };
                if is_external {
                    let seen = if own.is_empty() { seen } else { of_others };
                    facts.external.push(read(seen));
                    facts.shown.push(read(seen));
                } else if case.data == Data::Lists {
                    facts.shown.push(read(&seen[..seen.len() - own.len()]));
                }
                facts.judge_read(txn, at, key, seen);
            }
            if !is_consistent(case.data, &case.txns[txn]) {
                facts.found.insert("internal");
            }
        }
        facts.judge_lists();
        facts
    }

    /// Who wrote that value, if it counts as committed.
    pub fn writer(&self, key: u32, value: u32) -> Option<usize> {
        let writer = self.writers.get(&(key, value)).copied();
        writer.filter(|txn| self.counted.contains(txn))
    }

    /// Those that count and whose writes the read shows it to have observed.
    pub fn observed(&self, read: &ExternalRead<'_>) -> BTreeSet<usize> {
        let is_installed = |value: u32, writer: usize| {
            self.case.data == Data::Lists
                || self.case.txns[writer].writes(read.key).last() == Some(value)
        };
        let writers = read.seen.iter().filter_map(|&value| {
            self.writer(read.key, value)
                .filter(|&writer| writer != read.txn && is_installed(value, writer))
        });
        writers.collect()
    }

    fn judge_read(&mut self, txn: usize, at: usize, key: u32, seen: &[u32]) {
        for value in seen {
            let Some(&writer) = self.writers.get(&(key, *value)) else {
                self.found.insert("garbage-read");
                continue;
            };
            if self.case.txns[writer].end == End::Fail {
                self.found.insert("G1a");
            }
            let later = &self.case.txns[txn].mops[at..];
            if later.contains(&Mop::Write(key, *value)) {
                self.found.insert("future-read");
            }
        }
        // Whether the writer of an intermediate version committed does not matter (Adya
        // 1999), nor what the reader wrote before.
        let last = seen
            .last()
            .and_then(|&value| Some((value, self.writers.get(&(key, value))?)));
        if let Some((value, &writer)) = last
            && writer != txn
            && self.case.txns[writer].writes(key).last() != Some(value)
        {
            self.found.insert("G1b");
        }
        if seen.iter().collect::<BTreeSet<_>>().len() < seen.len() {
            self.found.insert("duplicate-elements");
        }
    }

    fn judge_lists(&mut self) {
        if self.case.data == Data::Registers {
            return;
        }
        for key in self.case.keys() {
            let lists = self.lists(key);
            let agree = |a: &&[u32], b: &&[u32]| a.starts_with(b) || b.starts_with(a);
            if lists.iter().any(|a| lists.iter().any(|b| !agree(a, b))) {
                self.found.insert("incompatible-order");
            }
            for list in lists {
                let aborted = |value: &u32| {
                    let writer = self.writers.get(&(key, *value));
                    writer.is_some_and(|&txn| self.case.txns[txn].end == End::Fail)
                };
                let first = list.iter().position(aborted).unwrap_or(list.len());
                // What stands there a second time was appended by nobody.
                let (before, after) = list.split_at(first);
                let mut after = after.iter().filter(|value| !before.contains(value));
                if after.any(|&value| self.writer(key, value).is_some()) {
                    self.found.insert("dirty-update");
                }
            }
        }
    }

    /// All that committed transactions read of the key.
    fn lists(&self, key: u32) -> Vec<&'a [u32]> {
        let committed = self.case.txns.iter().filter(|txn| txn.end == End::Ok);
        let reads = committed.flat_map(|txn| txn.reads());
        reads
            .filter(|read| read.1 == key)
            .map(|read| read.2)
            .collect()
    }

    /// Whether the lists of every key are beginnings of one.
    pub fn has_lists_in_order(&self) -> bool {
        self.case.keys().iter().all(|&key| self.is_in_order(key))
    }

    fn is_in_order(&self, key: u32) -> bool {
        let lists = self.lists(key);
        let agree = |a: &&[u32], b: &&[u32]| a.starts_with(b) || b.starts_with(a);
        let is_register = self.case.data == Data::Registers;
        is_register || lists.iter().all(|a| lists.iter().all(|b| agree(a, b)))
    }

    /// Whether several versions of a key were seen by nobody: then their order is not
    /// known.
    pub fn has_several_unseen(&self) -> bool {
        self.case.keys().iter().any(|&key| self.free(key).len() > 1)
    }

    /// How many orders of versions there are, about; never fewer than there are.
    pub fn orders_max(&self) -> usize {
        let keys = self.case.keys();
        let free = keys
            .iter()
            .map(|&key| (1..=self.free(key).len()).product::<usize>());
        free.product()
    }

    /// Values of the key whose place among its versions is not told by what is read.
    fn free(&self, key: u32) -> Vec<u32> {
        let longest = self.longest(key);
        // Lists in no order tell no place, but there are such elements.
        let shown: BTreeSet<u32> = match self.is_in_order(key) {
            true => BTreeSet::new(),
            false => self.lists(key).concat().into_iter().collect(),
        };
        let written = self.counted.iter().flat_map(|&txn| {
            let writes: Vec<u32> = self.case.txns[txn].writes(key).collect();
            match self.case.data {
                Data::Lists => writes,
                // Only the last is ever installed.
                Data::Registers => writes.into_iter().next_back().into_iter().collect(),
            }
        });
        let mut free: Vec<u32> = written.filter(|value| !longest.contains(value)).collect();
        let known = free.clone();
        free.extend(shown.into_iter().filter(|value| !known.contains(value)));
        free
    }

    fn longest(&self, key: u32) -> &'a [u32] {
        match self.case.data {
            Data::Lists if self.is_in_order(key) => {
                let lists = self.lists(key).into_iter();
                lists.max_by_key(|list| list.len()).unwrap_or_default()
            }
            Data::Lists | Data::Registers => &[],
        }
    }

    /// Every order of the versions of every key.
    pub fn orders(&self) -> Vec<Versions> {
        let mut all = vec![Versions::new()];
        for key in self.case.keys() {
            let mut more = Vec::new();
            for free in permutations(&self.free(key)) {
                if !self.is_program_order(key, &free) {
                    continue;
                }
                for so_far in &all {
                    let mut versions = so_far.clone();
                    versions.insert(key, [self.longest(key), &free].concat());
                    more.push(versions);
                }
            }
            all = more;
        }
        all
    }

    /// Whether each transaction's own writes stand as it made them.
    fn is_program_order(&self, key: u32, values: &[u32]) -> bool {
        self.counted.iter().all(|&txn| {
            let made = self.case.txns[txn].writes(key);
            let made: Vec<u32> = made.filter(|value| values.contains(value)).collect();
            let stand = values.iter().copied().filter(|value| made.contains(value));
            made == stand.collect::<Vec<_>>()
        })
    }
}

/// Whether the list ends with the others, and they stand there for the first time.
fn ends_with(list: &[u32], others: &[u32]) -> bool {
    let before = list.strip_suffix(others);
    before.is_some_and(|before| !before.contains(&others[0]))
}

/// Whether each read agrees with what its own transaction did to the key before.
fn is_consistent(data: Data, txn: &Txn) -> bool {
    // What a read of the key must see; of lists perhaps only how it must end.
    let mut known: BTreeMap<u32, (bool, Vec<u32>)> = BTreeMap::new();
    txn.mops.iter().all(|mop| match mop {
        Mop::Write(key, value) => {
            let (whole, list) = known.entry(*key).or_default();
            if data == Data::Registers {
                (*whole, *list) = (true, Vec::new());
            }
            list.push(*value);
            true
        }
        Mop::Read(key, seen) => {
            let (whole, list) = known.entry(*key).or_default();
            let agrees = match whole {
                true => seen == list,
                false => seen.ends_with(list),
            };
            (*whole, *list) = (true, seen.clone());
            agrees
        }
    })
}

/// All orders of some values.
pub fn permutations(values: &[u32]) -> Vec<Vec<u32>> {
    if values.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in values.iter().enumerate() {
        let rest = [&values[..at], &values[at + 1..]].concat();
        for mut order in permutations(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}
