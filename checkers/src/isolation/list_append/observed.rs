//! Levels that ask what a transaction saw of another: all or nothing of it
//! (read-atomic), nothing less later on (monotonic-atomic-view), and with an effect its cause
//! (causal). Who reads a list has seen everyone with an element in it.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::{Lists, TOGETHER};
use crate::intern::NONE;
use crate::isolation::data::{Data, Decision};
use crate::isolation::digraph::{Filtered, components};
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::graph::{GraphBuilder, Kind, Kinds};
use crate::isolation::levels::Level;
use crate::isolation::order;
use crate::isolation::phenomena::{Order, Phenomenon};
use crate::isolation::transactions::Status;
use crate::isolation::words::{self, listed};

/// Edges to go over for causality in all: some seconds' work.
const WORK_MAX: u64 = 1_000_000_000;

/// A search that took too long, or was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CutShort;

/// Who appended to two keys: the position of the first element in one and of the last in
/// the other, ascending by the first; and the greatest of the second so far.
#[derive(Debug, Default)]
struct Pairs {
    all: Vec<(u32, u32, u32)>,
    greatest: Vec<usize>,
}

impl Pairs {
    fn close(&mut self) {
        self.all.sort_unstable();
        let mut greatest = 0;
        self.greatest = (0..self.all.len())
            .map(|at| {
                if self.all[at].1 > self.all[greatest].1 {
                    greatest = at;
                }
                greatest
            })
            .collect();
    }

    /// Of those whose first element is among the first `length`, one whose last element
    /// in the other key is furthest back.
    fn furthest(&self, length: u32) -> Option<(u32, u32)> {
        let among = self.all.partition_point(|&(first, ..)| first < length);
        let (_, last, writer) = self.all[self.greatest[among.checked_sub(1)?]];
        Some((last, writer))
    }
}

impl Lists<'_> {
    /// monotonic-atomic-view, or read-atomic: whether a part of a transaction was seen, and a
    /// part not. O(n log n) for transactions that write to a bounded number of keys.
    pub(super) fn decide_atomic(&self, level: Level) -> Decision {
        let pairs = self.pairs();
        let mut partners: HashMap<u32, Vec<u32>, FixedState> = HashMap::default();
        for &(key, other) in pairs.keys() {
            partners.entry(other).or_default().push(key);
        }
        let phenomenon = match level {
            Level::MonotonicAtomicView => Phenomenon::ObservedTransactionVanishes,
            _ => Phenomenon::FracturedRead,
        };
        let mut findings = Findings::default();
        // By key, the most that was seen of it: by all of the reads, or by those so far.
        let mut most: HashMap<u32, u32, FixedState> = HashMap::default();
        let mut reads = Vec::new();
        for at in self.counting() {
            if at.is_multiple_of(TOGETHER as u32) && self.stop.now() {
                return cut_short(findings, phenomenon, at as usize, self.transactions.len());
            }
            reads.clear();
            reads.extend(self.seen(at));
            if reads.len() < 2 {
                continue;
            }
            most.clear();
            let add = |most: &mut HashMap<u32, u32, FixedState>, key, length: u32| {
                let so_far = most.entry(key).or_default();
                *so_far = length.max(*so_far);
            };
            if level != Level::MonotonicAtomicView {
                for &(_, key, length) in &reads {
                    add(&mut most, key, length);
                }
            }
            for &(_, other, length) in &reads {
                let mut half_seen = |key: u32, seen: u32| {
                    let found = self.half_seen(&pairs, (key, seen), (other, length));
                    if let Some(writer) = found.filter(|&writer| writer != at) {
                        findings.add(phenomenon, || {
                            self.half_seen_in_words(at, writer, (key, seen), (other, length))
                        });
                    }
                };
                let partners = partners.get(&other).map_or(&[][..], Vec::as_slice);
                if partners.len() < most.len() {
                    for key in partners.iter().chain([&other]) {
                        if let Some(&seen) = most.get(key) {
                            half_seen(*key, seen);
                        }
                    }
                } else {
                    most.iter().for_each(|(&key, &seen)| half_seen(key, seen));
                }
                if level == Level::MonotonicAtomicView {
                    add(&mut most, other, length);
                }
            }
        }
        decision(findings)
    }

    fn pairs(&self) -> HashMap<(u32, u32), Pairs, FixedState> {
        let mut pairs: HashMap<(u32, u32), Pairs, FixedState> = HashMap::default();
        for at in self.counting() {
            let appended = self.appended(at);
            if appended.len() < 2 {
                continue;
            }
            for &(key, first, _) in &appended {
                for &(other, _, last) in &appended {
                    if key != other {
                        pairs
                            .entry((key, other))
                            .or_default()
                            .all
                            .push((first, last, at));
                    }
                }
            }
        }
        pairs.values_mut().for_each(Pairs::close);
        pairs
    }

    /// A transaction with an element in a beginning of one list, and one that is not in
    /// a beginning of the other.
    fn half_seen(
        &self,
        pairs: &HashMap<(u32, u32), Pairs, FixedState>,
        (key, length): (u32, u32),
        (other, other_length): (u32, u32),
    ) -> Option<u32> {
        if key == other {
            let writers = &self.chains[key as usize].writers;
            let between = writers.get(other_length as usize..length as usize)?;
            return between.iter().copied().find(|&writer| writer != NONE);
        }
        let (last, writer) = pairs.get(&(key, other))?.furthest(length)?;
        (last >= other_length).then_some(writer)
    }

    fn half_seen_in_words(
        &self,
        at: u32,
        writer: u32,
        (key, length): (u32, u32),
        (other, other_length): (u32, u32),
    ) -> Finding {
        let transactions = self.transactions;
        let (reader, writer_name) = (
            words::transaction(transactions, at),
            words::transaction(transactions, writer),
        );
        let list = |key: u32, length: u32| &transactions.longest(key)[..length as usize];
        let seen = self.element_of(writer, key, length);
        let explanation = format!(
            "{reader} read {} of key {}, with {writer_name}'s {}, and {} of key {}, without what {writer_name} appended there",
            listed(transactions, list(key, length), seen),
            transactions.key(key),
            transactions.value(seen),
            listed(transactions, list(other, other_length), NONE),
            transactions.key(other),
        );
        Finding {
            key: Some(other),
            explanation,
            transactions: vec![at, writer],
            steps: Vec::new(),
        }
    }

    /// An element of the transaction's among the first of the key's longest list.
    fn element_of(&self, writer: u32, key: u32, length: u32) -> u32 {
        let writers = &self.chains[key as usize].writers[..length as usize];
        let place = writers.iter().position(|&w| w == writer);
        place.map_or(NONE, |place| self.transactions.longest(key)[place])
    }

    /// causal, with the order of processes or without it: whether a transaction read less
    /// than what it, by way of what it saw, must have seen.
    ///
    /// Such a read is in a cycle of dependencies with one rw, so only components of the
    /// graph are looked at. O(work in them), up to [`WORK_MAX`].
    pub(super) fn decide_causal(&self, order: Order) -> Decision {
        let transactions = self.transactions;
        let mut graph = GraphBuilder::new(transactions.len() as u32);
        self.edges(order, true, &mut graph);
        order::edges(transactions, &self.counts, order, &mut graph);
        let graph = graph.build();
        let kinds = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Rw, Kind::Process]);
        let before = self.before_in_process(order);
        let mut work = 0;
        let mut looked_at = 0;
        let mut findings = Findings::default();
        let phenomenon = Phenomenon::CausalityViolation(order);
        let components = components(&Filtered {
            graph: &graph,
            kinds,
        });
        let is_transaction = |&&at: &&u32| at < graph.transactions();
        let all = components.iter().flatten().filter(is_transaction).count();
        for component in &components {
            let members: HashSet<u32, FixedState> = component.iter().copied().collect();
            for &at in component.iter().filter(is_transaction) {
                let found = self.unseen_cause(at, &members, &before, &mut work);
                if let Ok(Some(path)) = &found {
                    findings.add(phenomenon, || self.cause_in_words(at, path));
                }
                if found.is_err() {
                    return cut_short(findings, phenomenon, looked_at, all);
                }
                looked_at += 1;
            }
        }
        decision(findings)
    }

    /// By transaction, the one that its process executed before, or [`NONE`].
    fn before_in_process(&self, order: Order) -> Vec<u32> {
        let mut before = vec![NONE; self.transactions.len()];
        if order == Order::Free {
            return before;
        }
        let mut last: HashMap<u32, u32, FixedState> = HashMap::default();
        for at in self.counting() {
            let transaction = &self.transactions.all()[at as usize];
            before[at as usize] = last.get(&transaction.process).copied().unwrap_or(NONE);
            if transaction.status == Status::Committed {
                last.insert(transaction.process, at);
            }
        }
        before
    }

    /// A shortest way from the transaction back to one, seen on the way, of which it
    /// should have seen an append and did not: each with the key by which it was seen, or
    /// [`NONE`] if it was the process's. The last is the cause, with the key not seen.
    ///
    /// # Errors
    /// It took too long.
    fn unseen_cause(
        &self,
        at: u32,
        members: &HashSet<u32, FixedState>,
        before: &[u32],
        work: &mut u64,
    ) -> Result<Option<Vec<(u32, u32)>>, CutShort> {
        let reads: Vec<_> = self
            .external(at)
            .map(|(_, key, length)| (key, length))
            .collect();
        if reads.is_empty() {
            return Ok(None);
        }
        // Who was reached: from whom, and by which key.
        let mut reached: HashMap<u32, (u32, u32), FixedState> = HashMap::default();
        let mut queue = VecDeque::from([at]);
        while let Some(effect) = queue.pop_front() {
            if *work > WORK_MAX || self.stop.now() {
                return Err(CutShort);
            }
            let seen = self.seen(effect).flat_map(|(_, key, length)| {
                let writers = &self.chains[key as usize].writers[..length as usize];
                writers.iter().map(move |&writer| (writer, key))
            });
            let process = Some((before[effect as usize], NONE));
            for (cause, key) in process.into_iter().chain(seen) {
                *work += 1;
                if cause == NONE || cause == at || !members.contains(&cause) {
                    continue;
                }
                if reached.contains_key(&cause) {
                    continue;
                }
                reached.insert(cause, (effect, key));
                let appended = self.appended(cause);
                *work += (appended.len() + reads.len()) as u64;
                let missed = reads.iter().find(|&&(key, length)| {
                    let place = appended.binary_search_by_key(&key, |&(known, ..)| known);
                    place.is_ok_and(|place| appended[place].2 >= length)
                });
                if let Some(&(key, _)) = missed {
                    let mut path = vec![(cause, key)];
                    let mut here = cause;
                    while here != at {
                        let (effect, key) = reached[&here];
                        path.push((effect, key));
                        here = effect;
                    }
                    path.reverse();
                    return Ok(Some(path));
                }
                queue.push_back(cause);
            }
        }
        Ok(None)
    }

    fn cause_in_words(&self, at: u32, path: &[(u32, u32)]) -> Finding {
        let transactions = self.transactions;
        let name = |at: u32| words::transaction(transactions, at);
        let mut explanation = String::new();
        for pair in path.windows(2) {
            let ((effect, key), (cause, _)) = (pair[0], pair[1]);
            let how = match key {
                NONE => format!("comes after {} in its process", name(cause)),
                key => {
                    let read = self.seen(effect).filter(|&(_, read, _)| read == key);
                    let length = read.map(|(.., length)| length).max().unwrap_or(0);
                    let element = self.element_of(cause, key, length);
                    format!(
                        "saw {}'s {} in key {}",
                        name(cause),
                        transactions.value(element),
                        transactions.key(key)
                    )
                }
            };
            explanation.push_str(&format!("{} {how}; ", name(effect)));
        }
        let (cause, key) = path.last().copied().unwrap_or((at, 0));
        let read = self.seen(at).filter(|&(_, read, _)| read == key);
        let length = read.map(|(.., length)| length).min().unwrap_or(0);
        explanation.push_str(&format!(
            "but {} read {} of key {}, without what {} appended to it",
            name(at),
            listed(
                transactions,
                &transactions.longest(key)[..length as usize],
                NONE
            ),
            transactions.key(key),
            name(cause),
        ));
        Finding {
            key: Some(key),
            explanation,
            transactions: path.iter().map(|&(at, _)| at).collect(),
            steps: Vec::new(),
        }
    }
}

/// What was found when the search was cut short, after so many of those transactions.
fn cut_short(
    mut findings: Findings,
    phenomenon: Phenomenon,
    looked_at: usize,
    all: usize,
) -> Decision {
    if findings.is_empty() {
        return Decision::Open(format!(
            "time was up, or the budget, when {looked_at} of {} had been looked at",
            crate::words::count(all as u64, "transaction")
        ));
    }
    findings.cut(phenomenon);
    Decision::Violated(findings)
}

/// What findings of a level's own come to.
pub(super) fn decision(findings: Findings) -> Decision {
    match findings.is_empty() {
        true => Decision::Holds,
        false => Decision::Violated(findings),
    }
}
