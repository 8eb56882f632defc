//! Random small histories: a run by a few busy processes on data of several kinds of
//! quality, from that of one copy to nonsense, all from a list of choices, so that it
//! shrinks.

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::choices::Choices;
use crate::facts::Facts;
use crate::model::{Case, Data, End, Mop, Txn};

/// As many as an oracle can order.
pub const TXNS_MAX: usize = 6;

/// How reads come to what they see, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    /// What is committed as the transaction takes effect.
    Atomic,
    /// A snapshot, the newest as the transaction was begun.
    Snapshot,
    /// A snapshot that may be old.
    OldSnapshot,
    /// What is committed as it is read.
    Committed,
    /// Anything that was committed.
    Anything,
    /// Perhaps even what was never committed.
    Nonsense,
}

/// As often as each occurs.
const QUALITIES: [Quality; 10] = [
    Quality::Atomic,
    Quality::Snapshot,
    Quality::OldSnapshot,
    Quality::OldSnapshot,
    Quality::Committed,
    Quality::Anything,
    Quality::Anything,
    Quality::Anything,
    Quality::Nonsense,
    Quality::Nonsense,
];

/// A process's transaction on its way.
#[derive(Clone)]
struct Open {
    txn: usize,
    /// How many commits its snapshot holds; none until it is taken.
    snapshot: Option<usize>,
    /// How many of its micro-operations are done.
    done: usize,
    is_applied: bool,
}

struct Run<'a> {
    choices: Choices<'a>,
    case: Case,
    quality: Quality,
    refuses_conflicts: bool,
    /// Writes that were committed: key and value, and the number of the commit.
    log: Vec<(u32, u32, usize)>,
    commits: usize,
    values: u32,
}

/// A history of so many transactions at most.
pub fn case(data: Data, choices: &[u8], txns_max: usize) -> Case {
    let mut choices = Choices(choices);
    let quality = QUALITIES[choices.below(QUALITIES.len())];
    let refuses_conflicts = choices.below(2) == 0;
    let processes = 2 + choices.below(2);
    let keys = 1 + choices.below(3);
    let mut run = Run {
        choices,
        case: Case {
            data,
            txns: Vec::new(),
        },
        quality,
        refuses_conflicts,
        log: Vec::new(),
        commits: 0,
        values: 0,
    };
    let mut open: Vec<Option<Open>> = vec![None; processes];
    let mut names: Vec<u64> = (0..processes as u64).collect();
    let mut now = 0;
    while !run.choices.0.is_empty() {
        let process = run.choices.below(processes);
        now += 1;
        match open[process].take() {
            None if run.case.txns.len() < txns_max => {
                let txn = run.invoke(names[process], keys, now);
                open[process] = Some(Open {
                    txn,
                    snapshot: None,
                    done: 0,
                    is_applied: false,
                });
            }
            None if open.iter().all(Option::is_none) => break,
            None => {}
            Some(mut at) if !at.is_applied => {
                run.step(&mut at);
                open[process] = Some(at);
            }
            Some(at) => {
                let txn = &mut run.case.txns[at.txn];
                txn.returned = now;
                if txn.is_unknown() {
                    txn.end = End::Info;
                    names[process] += processes as u64;
                }
            }
        }
    }
    run.case
}

impl Run<'_> {
    fn invoke(&mut self, process: u64, keys: usize, now: usize) -> usize {
        let count = 1 + self.choices.below(4);
        let mut mops = Vec::new();
        for _ in 0..count {
            let key = self.choices.below(keys) as u32;
            mops.push(match self.choices.below(2) {
                0 => Mop::Read(key, Vec::new()),
                _ => {
                    self.values += 1;
                    Mop::Write(key, self.values)
                }
            });
        }
        self.case.txns.push(Txn {
            process,
            mops,
            end: End::Open,
            invoked: now,
            returned: usize::MAX,
        });
        self.case.txns.len() - 1
    }

    /// Takes a snapshot, or does the next micro-operation, or all if they are done at
    /// once; and commits, aborts or is lost after the last.
    fn step(&mut self, at: &mut Open) {
        if at.snapshot.is_none() {
            at.snapshot = Some(self.commits);
            if self.quality == Quality::OldSnapshot {
                at.snapshot = Some(self.commits - self.choices.below(self.commits.min(3) + 1));
            }
            if self.quality != Quality::Atomic {
                return;
            }
        }
        let all = self.case.txns[at.txn].mops.len();
        let at_once = self.quality != Quality::Committed && self.quality != Quality::Nonsense;
        let until = if at_once { all } else { at.done + 1 };
        while at.done < until.min(all) {
            self.read(at);
            at.done += 1;
        }
        if at.done == all {
            at.is_applied = true;
            self.end(at);
        }
    }

    /// Does a micro-operation, if it is a read.
    fn read(&mut self, at: &Open) {
        let Mop::Read(key, _) = self.case.txns[at.txn].mops[at.done] else {
            return;
        };
        let snapshot = match self.quality {
            Quality::Atomic | Quality::Committed => self.commits,
            Quality::Snapshot | Quality::OldSnapshot => at.snapshot.unwrap_or_default(),
            Quality::Anything | Quality::Nonsense => {
                let newest = self.commits;
                newest - self.choices.below(4).min(newest)
            }
        };
        let before = &self.case.txns[at.txn].mops[..at.done];
        let own = before.iter().filter_map(|mop| match mop {
            Mop::Write(written, value) if *written == key => Some(*value),
            _ => None,
        });
        let committed = self
            .log
            .iter()
            .filter(|write| write.0 == key && write.2 <= snapshot);
        let mut seen: Vec<u32> = committed.map(|write| write.1).chain(own).collect();
        if self.quality == Quality::Nonsense && self.choices.below(5) == 0 {
            self.garble(at, key, &mut seen);
        }
        if self.case.data == Data::Registers {
            seen = seen.split_off(seen.len().saturating_sub(1));
        }
        self.case.txns[at.txn].mops[at.done] = Mop::Read(key, seen);
    }

    /// Makes a read wrong.
    fn garble(&mut self, at: &Open, key: u32, seen: &mut Vec<u32>) {
        let later = &self.case.txns[at.txn].mops[at.done..];
        let own = later.iter().find_map(|mop| match mop {
            Mop::Write(written, value) if *written == key => Some(*value),
            _ => None,
        });
        match self.choices.below(8) {
            0 => {
                seen.pop();
            }
            1 => seen.reverse(),
            2 => seen.extend(seen.first().copied()),
            3 => seen.push(1000),
            4 => seen.extend(own),
            // What anybody wrote, or is about to.
            _ => {
                let writes = self.case.txns.iter().flat_map(|txn| txn.writes(key));
                let unseen: Vec<u32> = writes.filter(|value| !seen.contains(value)).collect();
                if !unseen.is_empty() {
                    let value = unseen[self.choices.below(unseen.len())];
                    // Perhaps another stands behind it.
                    let place = seen.len() - self.choices.below(2).min(seen.len());
                    seen.insert(place, value);
                }
            }
        }
    }

    fn end(&mut self, at: &Open) {
        let mops = self.case.txns[at.txn].mops.clone();
        let written = |key| {
            mops.iter()
                .any(|mop| matches!(mop, Mop::Write(other, _) if *other == key))
        };
        let snapshot = at.snapshot.unwrap_or_default();
        let mut since = self.log.iter().filter(|write| write.2 > snapshot);
        let overtaken = since.any(|write| written(write.0));
        let fate = self.choices.below(16);
        let (end, commits) = match fate {
            _ if overtaken && self.refuses_conflicts => (End::Fail, false),
            0 => (End::Fail, false),
            1 => (End::Open, true),
            2 => (End::Open, false),
            _ => (End::Ok, true),
        };
        self.case.txns[at.txn].end = end;
        if !commits {
            return;
        }
        self.commits += 1;
        for mop in &mops {
            if let Mop::Write(key, value) = mop {
                self.log.push((*key, *value, self.commits));
            }
        }
    }
}

/// Whatever can be wrong with single reads is so in one of a thousand histories at least.
#[test]
fn reads_are_wrong_in_every_way() {
    const CASES: u32 = 3_000;
    let of_lists = ["duplicate-elements", "incompatible-order", "dirty-update"];
    let of_both = ["garbage-read", "G1a", "G1b", "future-read", "internal"];
    for data in [Data::Lists, Data::Registers] {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[0; 32]);
        let mut often: BTreeMap<&str, u32> = BTreeMap::new();
        for _ in 0..CASES {
            let choices: Vec<u8> = (0..95).map(|_| rng.random()).collect();
            let case = case(data, &choices, TXNS_MAX);
            for name in Facts::of(&case).found {
                *often.entry(name).or_default() += 1;
            }
        }
        println!("{data:?}, of {CASES}: {often:?}");
        let of_lists = of_lists.iter().filter(|_| data == Data::Lists);
        for name in of_both.iter().chain(of_lists) {
            let count = often.get(name).copied().unwrap_or_default();
            assert!(
                count * 1_000 >= CASES,
                "{data:?}: {name} in {count} of {CASES}"
            );
        }
    }
}
