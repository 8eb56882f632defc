//! What is wrong with lists besides cycles: what was read that cannot have been.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::{LONG, Lists, TOGETHER};
use crate::intern::NONE;
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::phenomena::Phenomenon;
use crate::isolation::transactions::{Action, Operation, Status};
use crate::isolation::words::{self, listed};

/// What a transaction knows of a key: the list that it read, if it did, and what it
/// appended since.
type Known<'a> = (Option<&'a [u32]>, Vec<u32>);

/// What is wrong with an element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Garbage,
    Aborted(u32),
}

impl Lists<'_> {
    /// Finds all of it but updates that were lost; transactions are looked at in parallel.
    pub(super) fn find(&self) -> Findings {
        let longest_readers = self.longest_readers();
        let merge = |mut some: Findings, more: Findings| {
            some.merge(more);
            some
        };
        let mut findings = (0..self.transactions.keys())
            .into_par_iter()
            .with_min_len(TOGETHER)
            .fold(Findings::default, |mut findings, key| {
                self.find_in_longest(key, longest_readers[key as usize], &mut findings);
                findings
            })
            .reduce(Findings::default, merge);
        let in_reads = (0..self.transactions.len() as u32)
            .into_par_iter()
            .with_min_len(TOGETHER)
            .fold(Findings::default, |mut findings, at| {
                if self.transactions.all()[at as usize].status == Status::Committed {
                    self.find_in_reads(at, &longest_readers, &mut findings);
                    self.find_internal(at, &mut findings);
                }
                findings
            })
            .reduce(Findings::default, merge);
        findings.merge(in_reads);
        findings
    }

    /// By key, a transaction that read its longest list.
    fn longest_readers(&self) -> Vec<u32> {
        let mut readers = vec![NONE; self.transactions.keys() as usize];
        for at in 0..self.transactions.len() as u32 {
            for Operation { key, action } in self.transactions.operations(at) {
                if let Action::ReadPrefix(length) = action
                    && length as usize == self.transactions.longest(key).len()
                    && readers[key as usize] == NONE
                {
                    readers[key as usize] = at;
                }
            }
        }
        readers
    }

    fn wrong(&self, key: u32, value: u32) -> Option<Wrong> {
        match self.appends.find(key, value) {
            None => Some(Wrong::Garbage),
            Some(append) => {
                let writer = self.appends.writer(append);
                let status = self.transactions.all()[writer as usize].status;
                (status == Status::Aborted).then_some(Wrong::Aborted(writer))
            }
        }
    }

    /// Elements that are in the key's longest list twice, and committed ones behind aborted
    /// ones.
    fn find_in_longest(&self, key: u32, reader: u32, findings: &mut Findings) {
        let longest = self.transactions.longest(key);
        if longest.is_empty() {
            return;
        }
        if let Some(value) = twice(longest) {
            findings.add(Phenomenon::DuplicateElements, || {
                self.finding(key, &[reader], || {
                    format!(
                        "{} read {} of key {}, where {} is twice",
                        words::transaction(self.transactions, reader),
                        listed(self.transactions, longest, value),
                        self.transactions.key(key),
                        self.transactions.value(value)
                    )
                })
            });
        }
        self.find_own_order(key, reader, findings);
        let chain = &self.chains[key as usize];
        let wrong = &longest[chain.wrong_from as usize..];
        let aborted = (chain.wrong_from as usize..)
            .zip(wrong)
            .find_map(|(at, &value)| match self.wrong(key, value)? {
                Wrong::Aborted(writer) => Some((at, writer)),
                Wrong::Garbage => None,
            });
        let Some((first, writer)) = aborted else {
            return;
        };
        let Some(after) = chain.writers[first..].iter().position(|&w| w != NONE) else {
            return;
        };
        let next = first + after;
        let builder = chain.writers[next];
        findings.add(Phenomenon::DirtyUpdate, || {
            self.finding(key, &[writer, builder, reader], || {
                format!(
                    "{} appended {} to key {} behind {}, which {} appended and did not commit; {} read {}",
                    words::transaction(self.transactions, builder),
                    self.transactions.value(longest[next]),
                    self.transactions.key(key),
                    self.transactions.value(longest[first]),
                    words::transaction(self.transactions, writer),
                    words::transaction(self.transactions, reader),
                    listed(self.transactions, longest, longest[next]),
                )
            })
        });
    }

    /// A list with a transaction's appends in another order than it made them, or with a
    /// later one and without an earlier.
    fn find_own_order(&self, key: u32, reader: u32, findings: &mut Findings) {
        let transactions = self.transactions;
        let longest = transactions.longest(key);
        let mut writers = self.appends.writers(key).to_vec();
        writers.sort_unstable();
        let several = writers
            .chunk_by(|a, b| a == b)
            .filter(|same| same.len() > 1);
        for writer in several.map(|same| same[0]) {
            if !self.counts[writer as usize] {
                continue;
            }
            let made = transactions.operations(writer).filter_map(|operation| {
                let of_key = operation.key == key;
                match operation.action {
                    Action::Append(value) if of_key => Some(value),
                    _ => None,
                }
            });
            // What no list shows comes last.
            let made: Vec<(u32, u32)> = made
                .map(|value| (self.position(key, value), value))
                .collect();
            let swapped = made.windows(2).find(|pair| pair[0].0 > pair[1].0);
            if let Some(&[(_, first), (_, second)]) = swapped {
                findings.add(Phenomenon::IncompatibleOrder, || {
                    self.finding(key, &[writer, reader], || {
                        format!(
                            "{} appended {} to key {} and then {}, but {} read {}",
                            words::transaction(transactions, writer),
                            transactions.value(first),
                            transactions.key(key),
                            transactions.value(second),
                            words::transaction(transactions, reader),
                            listed(transactions, longest, second),
                        )
                    })
                });
            }
        }
    }

    pub(super) fn finding(
        &self,
        key: u32,
        transactions: &[u32],
        word: impl FnOnce() -> String,
    ) -> Finding {
        Finding {
            key: Some(key),
            explanation: word(),
            transactions: transactions
                .iter()
                .copied()
                .filter(|&at| at != NONE)
                .collect(),
            steps: Vec::new(),
        }
    }

    /// What a committed transaction read that it cannot have.
    fn find_in_reads(&self, at: u32, longest_readers: &[u32], findings: &mut Findings) {
        let transactions = self.transactions;
        let appends = self.appends_something(at);
        let is_long = transactions.operations(at).len() > LONG;
        // By key, the appends of one that is long, with their places.
        let mut long: HashMap<u32, Vec<(usize, u32)>, FixedState> = HashMap::default();
        if is_long && appends {
            for (place, Operation { key, action }) in transactions.operations(at).enumerate() {
                if let Action::Append(value) = action {
                    long.entry(key).or_default().push((place, value));
                }
            }
        }
        for (place, operation) in transactions.operations(at).enumerate() {
            let Some(list) = transactions.list(operation) else {
                continue;
            };
            let key = operation.key;
            let is_odd = matches!(operation.action, Action::ReadOdd(_));
            let reader = || words::transaction(transactions, at);
            let key_name = || transactions.key(key);
            if is_odd {
                let other = longest_readers[key as usize];
                let longest = transactions.longest(key);
                let apart = list.iter().zip(longest).position(|(a, b)| a != b);
                let (mine, theirs) = match apart {
                    Some(apart) => (list[apart], longest[apart]),
                    None => (NONE, NONE),
                };
                findings.add(Phenomenon::IncompatibleOrder, || self.finding(key, &[at, other], || {
                    format!(
                        "{} read {} of key {}, and {} read {}: neither is the beginning of the other",
                        reader(),
                        listed(transactions, list, mine),
                        key_name(),
                        words::transaction(transactions, other),
                        listed(transactions, longest, theirs),
                    )
                }));
                if let Some(value) = twice(list) {
                    findings.add(Phenomenon::DuplicateElements, || {
                        self.finding(key, &[at], || {
                            format!(
                                "{} read {} of key {}, where {} is twice",
                                reader(),
                                listed(transactions, list, value),
                                key_name(),
                                transactions.value(value)
                            )
                        })
                    });
                }
            }
            let wrong = self.first_wrong(key, list, is_odd);
            if let Some((value, wrong)) = wrong {
                let (phenomenon, writer) = match wrong {
                    Wrong::Garbage => (Phenomenon::GarbageRead, NONE),
                    Wrong::Aborted(writer) => (Phenomenon::G1a, writer),
                };
                findings.add(phenomenon, || {
                    self.finding(key, &[at, writer], || {
                        let who = match wrong {
                            Wrong::Garbage => "which nobody appended".to_owned(),
                            Wrong::Aborted(writer) => format!(
                                "which {} appended and did not commit",
                                words::transaction(transactions, writer)
                            ),
                        };
                        format!(
                            "{} read {} of key {}, with {}, {who}",
                            reader(),
                            listed(transactions, list, value),
                            key_name(),
                            transactions.value(value),
                        )
                    })
                });
            }
            let rest = || transactions.operations(at).skip(place + 1);
            let rest = (appends && !is_long).then(rest).into_iter().flatten();
            let rest = rest.filter_map(|other| match other.action {
                Action::Append(value) if other.key == key => Some(value),
                _ => None,
            });
            let kept = long.get(&key).map_or(&[][..], Vec::as_slice);
            let kept = &kept[kept.partition_point(|&(other, _)| other <= place)..];
            let mut later = rest.chain(kept.iter().map(|&(_, value)| value));
            let later = later.find(|value| list.contains(value));
            if let Some(value) = later {
                findings.add(Phenomenon::FutureRead, || {
                    self.finding(key, &[at], || {
                        format!(
                            "{} read {} of key {}, with {}, which it appended itself only later",
                            reader(),
                            listed(transactions, list, value),
                            key_name(),
                            transactions.value(value)
                        )
                    })
                });
            }
            self.find_intermediate(at, key, list, findings);
        }
    }

    /// A list that ends with what its writer went on to append to.
    fn find_intermediate(&self, at: u32, key: u32, list: &[u32], findings: &mut Findings) {
        let transactions = self.transactions;
        let Some(&last) = list.last() else { return };
        let writer = self.appends.find(key, last);
        let Some(writer) = writer.map(|append| self.appends.writer(append)) else {
            return;
        };
        if writer == at {
            return;
        }
        // Of one that is long it is quicker to see that it is its only one.
        let of_key = self.appends.writers(key);
        let length = transactions.operations(writer).len();
        if length > LONG
            && self.counts[writer as usize]
            && of_key.len() < length
            && of_key.iter().filter(|&&other| other == writer).count() == 1
        {
            return;
        }
        let final_value =
            transactions
                .operations(writer)
                .rev()
                .find_map(|operation| match operation.action {
                    Action::Append(value) if operation.key == key => Some(value),
                    _ => None,
                });
        if let Some(value) = final_value.filter(|&value| value != last) {
            findings.add(Phenomenon::G1b, || {
                self.finding(key, &[at, writer], || {
                    format!(
                        "{} read {} of key {}, in the middle of {}, which appended {} and then {}",
                        words::transaction(transactions, at),
                        listed(transactions, list, last),
                        transactions.key(key),
                        words::transaction(transactions, writer),
                        transactions.value(last),
                        transactions.value(value),
                    )
                })
            });
        }
    }

    /// The first element of the list that cannot be there. Of beginnings of the longest
    /// list it is known once a key.
    fn first_wrong(&self, key: u32, list: &[u32], is_odd: bool) -> Option<(u32, Wrong)> {
        if !is_odd {
            let first = self.chains[key as usize].wrong_from;
            if list.len() <= first as usize {
                return None;
            }
        }
        list.iter()
            .find_map(|&value| Some((value, self.wrong(key, value)?)))
    }

    /// Reads that disagree with what the transaction itself read or appended before.
    fn find_internal(&self, at: u32, findings: &mut Findings) {
        let transactions = self.transactions;
        if transactions.operations(at).len() < 2 {
            return;
        }
        // Of each key: what was read, if it was, and what was appended since.
        let mut known: BTreeMap<u32, Known<'_>> = BTreeMap::new();
        for operation in transactions.operations(at) {
            let key = operation.key;
            let (base, own) = known.entry(key).or_default();
            if let Action::Append(value) = operation.action {
                own.push(value);
                continue;
            }
            let Some(list) = transactions.list(operation) else {
                continue;
            };
            let agrees = list.ends_with(own)
                && base.is_none_or(|base| list[..list.len() - own.len()] == *base);
            if !agrees {
                findings.add(Phenomenon::Internal, || {
                    let expected: Vec<u32> = match base {
                        Some(base) => base.iter().chain(own.iter()).copied().collect(),
                        None => own.clone(),
                    };
                    let ends = if base.is_some() {
                        ""
                    } else {
                        "a list that ends with "
                    };
                    self.finding(key, &[at], || {
                        format!(
                            "{} read {} of key {}, although by what it had read and appended itself that was {ends}{}",
                            words::transaction(transactions, at),
                            listed(transactions, list, NONE),
                            transactions.key(key),
                            listed(transactions, &expected, NONE),
                        )
                    })
                });
                (*base, *own) = (Some(list), Vec::new());
            } else if base.is_none() {
                *base = Some(&list[..list.len() - own.len()]);
            }
        }
    }
}

/// An element that the list holds twice.
fn twice(list: &[u32]) -> Option<u32> {
    if list.len() <= 16 {
        return (1..list.len()).find_map(|at| list[..at].contains(&list[at]).then_some(list[at]));
    }
    let mut seen: HashSet<u32, FixedState> =
        HashSet::with_capacity_and_hasher(list.len(), FixedState::default());
    list.iter().copied().find(|&value| !seen.insert(value))
}
