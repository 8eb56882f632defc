//! Simulated databases that are wrong in one named way, by their mechanism: clients on one
//! log of commits, where whoever overtakes another makes it abort, but for one thing that
//! is left out now and then. What came of it is told by [`crate::truth`].

use std::collections::BTreeMap;

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::facts::Versions;
use crate::faults::Fault;
use crate::model::{Case, Data, End, Mop, Txn};

/// As many writes until a key is used no more, about.
const WRITES_PER_KEY: usize = 25;

const CLIENTS: usize = 5;

/// A run, and the order of versions as the database has it.
pub struct Run {
    pub case: Case,
    /// The values of each key in the order of their commits.
    pub versions: Versions,
}

/// Which commits are seen.
#[derive(Clone)]
enum View {
    /// So many, the first ones.
    First(usize),
    /// Those.
    Applied(Vec<bool>),
}

impl View {
    fn has(&self, commit: usize) -> bool {
        match self {
            View::First(count) => commit < *count,
            View::Applied(applied) => applied.get(commit).copied().unwrap_or(false),
        }
    }
}

/// A client's transaction on its way.
struct Open {
    txn: usize,
    /// None until it has begun.
    view: Option<View>,
    /// How many commits there were as it began.
    began: usize,
    /// Whether it is one of those in which the thing is left out.
    slips: bool,
    done: usize,
    is_over: bool,
}

struct Client {
    process: u64,
    /// All commits that it knows of are among so many.
    known: usize,
    open: Option<Open>,
}

#[derive(Default)]
struct Replica {
    applied: Vec<bool>,
    /// Commits yet to be applied.
    pending: Vec<usize>,
}

struct Simulation {
    fault: Fault,
    /// The thing is left out of one transaction in so many.
    one_in: usize,
    /// Whether a write of a register may come without a read of it.
    is_blind: bool,
    rng: TestRng,
    case: Case,
    /// The versions of each key: value and commit.
    versions: BTreeMap<u32, Vec<(u32, usize)>>,
    /// What each commit depends on, directly.
    commits: Vec<Vec<usize>>,
    replicas: [Replica; 2],
    /// What aborted transactions wrote and nobody has overwritten.
    remains: BTreeMap<u32, Vec<u32>>,
    /// Keys that a transaction on its way may write, and what it wrote until now.
    locks: BTreeMap<u32, (usize, Vec<u32>)>,
    values: u32,
}

/// A run of so many transactions. Every write of a register comes with a read of it, so
/// that the order of versions shows, unless it is blind.
pub fn run(fault: Fault, data: Data, is_blind: bool, txns: usize, seed: u64) -> Run {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut simulation = Simulation {
        fault,
        one_in: [1, 2, 5, 15][seed as usize % 4],
        is_blind,
        rng: TestRng::from_seed(RngAlgorithm::ChaCha, &bytes),
        case: Case {
            data,
            txns: Vec::new(),
        },
        versions: BTreeMap::new(),
        commits: Vec::new(),
        replicas: Default::default(),
        remains: BTreeMap::new(),
        locks: BTreeMap::new(),
        values: 0,
    };
    let client = |process| Client {
        process,
        known: 0,
        open: None,
    };
    let mut clients: Vec<Client> = (0..CLIENTS as u64).map(client).collect();
    let mut now = 0;
    while simulation.case.txns.len() < txns || clients.iter().any(|client| client.open.is_some()) {
        now += 1;
        simulation.replicate();
        let at = simulation.below(CLIENTS);
        simulation.step(&mut clients[at], at, txns, now);
    }
    simulation.look(CLIENTS as u64 * now as u64, now);
    let all = simulation.case.keys().into_iter();
    let of_key = |key| {
        let versions = simulation.versions.get(&key).into_iter().flatten();
        (key, versions.map(|(value, _)| *value).collect())
    };
    let versions = all.map(of_key).collect();
    Run {
        case: simulation.case,
        versions,
    }
}

impl Simulation {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    /// About as often as there are commits a replica applies a commit that it may apply, not always the oldest.
    fn replicate(&mut self) {
        let at = self.below(2);
        let among = self.replicas[at].pending.len().min(4);
        if among == 0 || self.below(8) != 0 {
            return;
        }
        let chosen = self.below(among);
        let replica = &mut self.replicas[at];
        let commit = replica.pending[chosen];
        if self.commits[commit]
            .iter()
            .all(|&other| replica.applied[other])
        {
            replica.pending.remove(chosen);
            replica.applied[commit] = true;
        }
    }

    fn step(&mut self, client: &mut Client, at: usize, txns: usize, now: usize) {
        let Some(open) = &mut client.open else {
            if self.case.txns.len() < txns {
                client.open = Some(self.invoke(client.process, now));
            }
            return;
        };
        if open.is_over {
            let txn = &mut self.case.txns[open.txn];
            txn.returned = now;
            if txn.end == End::Info {
                client.process += CLIENTS as u64;
                client.known = 0;
            }
            client.open = None;
        } else if open.view.is_none() {
            self.begin(open, at, client.known);
        } else if open.done < self.case.txns[open.txn].mops.len() {
            self.perform(open);
            open.done += 1;
        } else {
            self.commit(open, &mut client.known);
        }
    }

    fn invoke(&mut self, process: u64, now: usize) -> Open {
        let keys = self.values as usize / WRITES_PER_KEY;
        let reads_only = self.below(5) < 2;
        let (in_use, mops_max) = match self.fault {
            // What depends on each other is in the same order everywhere.
            Fault::LongFork if !reads_only => (6, 1),
            Fault::LongFork => (6, 6),
            _ => (3, 5),
        };
        let mut mops: Vec<Mop> = Vec::new();
        for _ in 0..1 + self.below(mops_max) {
            let key = (keys + self.below(in_use)) as u32;
            let is_written = mops
                .iter()
                .any(|mop| matches!(mop, Mop::Write(other, _) if *other == key));
            let is_known = mops.iter().any(|mop| mop.key() == key);
            if reads_only || mops_max > 1 && self.below(2) == 0 {
                // Nobody knows yet where an append will come to stand.
                if !is_written || self.fault != Fault::LostUpdate {
                    mops.push(Mop::Read(key, Vec::new()));
                }
                continue;
            }
            if self.case.data == Data::Registers && !self.is_blind && !is_known {
                mops.push(Mop::Read(key, Vec::new()));
            }
            self.values += 1;
            mops.push(Mop::Write(key, self.values));
        }
        self.case.txns.push(Txn {
            process,
            mops,
            end: End::Open,
            invoked: now,
            returned: usize::MAX,
        });
        Open {
            txn: self.case.txns.len() - 1,
            view: None,
            began: 0,
            slips: self.below(self.one_in) == 0,
            done: 0,
            is_over: false,
        }
    }

    fn begin(&mut self, open: &mut Open, client: usize, known: usize) {
        let txn = &self.case.txns[open.txn];
        let written = written(&txn.mops);
        if self.fault == Fault::DirtyRead {
            // All locks at once, so that nobody waits in a circle.
            if written.iter().any(|key| self.locks.contains_key(key)) {
                return;
            }
            let locks = written.iter().map(|&key| (key, (open.txn, Vec::new())));
            self.locks.extend(locks);
        }
        let newest = self.commits.len();
        open.began = newest;
        let oldest = match self.fault {
            _ if !open.slips || !written.is_empty() => newest,
            Fault::LongFork => {
                open.view = Some(View::Applied(self.replicas[client % 2].applied.clone()));
                return;
            }
            Fault::StaleSnapshot => known,
            Fault::BrokenSession => 0,
            _ => newest,
        };
        let age = self.below((newest - oldest).min(8) + 1);
        open.view = Some(View::First(newest - age));
    }

    /// Does a micro-operation.
    fn perform(&mut self, open: &mut Open) {
        let mops = &self.case.txns[open.txn].mops;
        let reads_only = written(mops).is_empty();
        let key = match &mops[open.done] {
            Mop::Read(key, _) => *key,
            Mop::Write(key, value) => {
                if let Some((_, written)) = self.locks.get_mut(key) {
                    written.push(*value);
                }
                return;
            }
        };
        let takes_newest = self.fault == Fault::DirtyRead
            || (self.fault == Fault::ReadSkew && reads_only && open.slips);
        if takes_newest {
            open.view = Some(View::First(self.commits.len()));
        }
        let Some(view) = &open.view else { return };
        let versions = self.versions.get(&key).into_iter().flatten();
        let visible = versions.clone().filter(|(_, commit)| view.has(*commit));
        let mut seen: Vec<u32> = visible.map(|(value, _)| *value).collect();
        if let Some((holder, written)) = self.locks.get(&key)
            && (*holder == open.txn || open.slips)
        {
            seen.extend(written);
        } else if self.locks.is_empty() {
            let is_newest = seen.len() == versions.count();
            if self.fault == Fault::AbortedRead && reads_only && open.slips && is_newest {
                seen.extend(self.remains.get(&key).into_iter().flatten());
            }
            let before = &mops[..open.done];
            seen.extend(before.iter().filter_map(|mop| match mop {
                Mop::Write(other, value) if *other == key => Some(*value),
                _ => None,
            }));
        }
        if self.case.data == Data::Registers {
            seen = seen.split_off(seen.len().saturating_sub(1));
        }
        self.case.txns[open.txn].mops[open.done] = Mop::Read(key, seen);
    }

    /// In the end somebody reads all that there is, so that lists show all appends.
    fn look(&mut self, process: u64, now: usize) {
        let newest = self.case.keys().into_iter().map(|key| {
            let versions = self.versions.get(&key).into_iter().flatten();
            let mut seen: Vec<u32> = versions.map(|(value, _)| *value).collect();
            if self.case.data == Data::Registers {
                seen = seen.split_off(seen.len().saturating_sub(1));
            }
            Mop::Read(key, seen)
        });
        let look = Txn {
            process,
            mops: newest.collect(),
            end: End::Ok,
            invoked: now + 1,
            returned: now + 2,
        };
        self.case.txns.push(look);
    }

    fn is_overtaken(&self, open: &Open, mops: &[Mop]) -> bool {
        let written = written(mops);
        let is_asked = |key: u32| match self.fault {
            Fault::LostUpdate if open.slips => !written.contains(&key),
            Fault::WriteSkew if open.slips => written.contains(&key),
            Fault::DirtyRead => false,
            // What only reads has happened as it began.
            _ => !written.is_empty(),
        };
        let newer = |key| {
            let newest = self.versions.get(&key).and_then(|versions| versions.last());
            newest.is_some_and(|&(_, commit)| commit >= open.began)
        };
        let mut keys = mops.iter().map(Mop::key);
        keys.any(|key| is_asked(key) && newer(key))
    }

    fn commit(&mut self, open: &mut Open, known: &mut usize) {
        open.is_over = true;
        let mops = self.case.txns[open.txn].mops.clone();
        let written = written(&mops);
        let is_overtaken = !written.is_empty() && self.is_overtaken(open, &mops);
        // Nobody knows what a lost transaction has read.
        let may_be_lost = self.case.data == Data::Lists || self.is_blind;
        let (end, commits) = match self.below(30) {
            _ if is_overtaken => (End::Fail, false),
            // What is dirty is committed in the end.
            1 if may_be_lost => (End::Info, true),
            0..=2 if self.fault == Fault::DirtyRead => (End::Ok, true),
            0 => (End::Fail, false),
            2 if may_be_lost => (End::Info, false),
            _ => (End::Ok, true),
        };
        self.case.txns[open.txn].end = end;
        self.locks.retain(|_, (holder, _)| *holder != open.txn);
        let writes = || {
            mops.iter().filter_map(|mop| match mop {
                Mop::Write(key, value) => Some((*key, *value)),
                Mop::Read(..) => None,
            })
        };
        if end == End::Fail {
            for key in &written {
                let own = writes().filter(|write| write.0 == *key);
                self.remains
                    .insert(*key, own.map(|write| write.1).collect());
            }
        }
        if let (true, Some(View::First(count))) = (end == End::Ok, &open.view) {
            *known = (*known).max(*count);
        }
        if !commits || written.is_empty() {
            return;
        }
        let number = self.commits.len();
        let newest = |key: &u32| Some(self.versions.get(key)?.last()?.1);
        let mut keys: Vec<u32> = mops.iter().map(Mop::key).collect();
        keys.dedup();
        self.commits.push(keys.iter().filter_map(newest).collect());
        for replica in &mut self.replicas {
            replica.applied.push(false);
            replica.pending.push(number);
        }
        let is_register = self.case.data == Data::Registers;
        for (at, (key, value)) in writes().enumerate() {
            let is_overwritten = writes().skip(at + 1).any(|(other, _)| other == key);
            if is_register && is_overwritten {
                continue;
            }
            self.versions.entry(key).or_default().push((value, number));
            self.remains.remove(&key);
        }
        if end == End::Ok {
            *known = number + 1;
        }
    }
}

/// The keys that are written.
fn written(mops: &[Mop]) -> Vec<u32> {
    let writes = mops.iter().filter(|mop| matches!(mop, Mop::Write(..)));
    writes.map(Mop::key).collect()
}
