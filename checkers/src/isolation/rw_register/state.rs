//! A state of an execution, move by move and back: which transactions have started and
//! committed, and which version of each key is current. It chooses nothing.
//!
//! A transaction can start once all that must be before it have committed and the current
//! version of each key that it reads is the one that it read. Values are unique: a version
//! that is overwritten never comes back. So one that is current may only be overwritten
//! once all who read it have started. It follows that some moves are always safe:
//!
//! - to start one that writes nothing, or that has read every key that it writes: nobody
//!   else could write those before it;
//! - to start and commit one whose other writes nobody reads, once nobody waits for what
//!   they overwrite: they are in no one's way, now or ever;
//! - with snapshots, to commit as soon as it can be. Of two that write the same key one
//!   starts only when the other has committed: the first that commits wins, and nobody else.

use super::facts::Facts;
use super::linked::Linked;
use super::lists::Lists;
use super::schedule::{Frontier, Wanted};
use crate::intern::NONE;
use crate::isolation::data::Execution;
use crate::isolation::phenomena::Order;
use crate::isolation::transactions::Status;

/// Something that was done, to be undone.
#[derive(Debug, Clone, Copy)]
enum Move {
    Start(u32),
    Commit(u32),
    Ready(u32),
}

/// Which transactions have started and committed, and what is current.
pub(super) struct State<'a> {
    facts: &'a Facts<'a>,
    execution: Execution,
    frontier: Frontier,
    /// Those that wait for its commit.
    waiting_for: Lists,
    /// How many it waits for.
    unmet: Vec<u32>,
    /// By key.
    current: Vec<u32>,
    /// By key: who has started, and will write it.
    writing: Vec<u32>,
    /// By version: who reads it and has not started.
    unread: Vec<u32>,
    /// By transaction: reads of versions that are not current.
    missing: Vec<u32>,
    /// By invocation, and only those that the frontier is about, where there is one; else
    /// all, the likelier first.
    pub(super) unstarted: Linked,
    /// Those that are always safe to start and miss nothing, and are not behind a frontier.
    pub(super) ready: Linked,
    /// Of those behind a frontier the ones that were over at some time, by that.
    pub(super) uncommitted: Linked,
    pub(super) committed: Vec<u32>,
    moves: Vec<Move>,
    overwritten: Vec<u32>,
    /// Equal for equal states, and for no others.
    pub(super) mark: u128,
}

impl<'a> State<'a> {
    /// Before everything.
    pub(super) fn new(facts: &'a Facts<'a>, wanted: &Wanted<'_>) -> Self {
        let is_ordered = wanted.order != Order::Free;
        let by_process = facts
            .counting()
            .filter_map(|at| Some((facts.previous(at)?, at)));
        let by_process = by_process.filter(|_| is_ordered);
        let by_versions = wanted.musts.iter().filter_map(|must| {
            let [from, to] = [must.before, must.after].map(|version| facts.writer(version));
            (from != NONE && to != NONE && from != to).then_some((from, to))
        });
        let mut unmet = vec![0; facts.len() as usize];
        let before = by_process.chain(by_versions);
        for (_, at) in before.clone() {
            unmet[at as usize] += 1;
        }
        let is_current = |version: &&u32| facts.is_initial(**version);
        let missing: Vec<u32> = (0..facts.len())
            .map(|at| {
                let reads = facts.reads(at);
                (reads.len() - reads.iter().filter(is_current).count()) as u32
            })
            .collect();
        let mut unstarted: Vec<u32> = facts.counting().collect();
        let mut ready = unstarted.clone();
        ready.retain(|&at| missing[at as usize] == 0 && is_free(facts, wanted.frontier, at));
        let all = facts.transactions.all();
        let mut over = Vec::new();
        if wanted.frontier == Frontier::None {
            unstarted.sort_unstable_by_key(|&at| wanted.likely[at as usize]);
        } else {
            let of_all = wanted.frontier == Frontier::All;
            unstarted.retain(|&at| of_all || !facts.installs(at).is_empty());
            over.clone_from(&unstarted);
            over.retain(|&at| all[at as usize].status == Status::Committed);
            over.sort_unstable_by_key(|&at| all[at as usize].completed);
        }
        State {
            facts,
            execution: wanted.execution,
            frontier: wanted.frontier,
            waiting_for: Lists::new(facts.len(), before),
            unmet,
            current: (0..facts.key_count())
                .map(|key| facts.initial(key))
                .collect(),
            writing: vec![NONE; facts.key_count() as usize],
            unread: (0..facts.versions())
                .map(|v| facts.readers(v).len() as u32)
                .collect(),
            missing,
            committed: Vec::with_capacity(unstarted.len()),
            unstarted: Linked::new(facts.len(), &unstarted),
            ready: Linked::new(facts.len(), &ready),
            uncommitted: Linked::new(facts.len(), &over),
            moves: Vec::new(),
            overwritten: Vec::new(),
            mark: 0,
        }
    }

    /// How many moves were made.
    pub(super) fn done(&self) -> usize {
        self.moves.len()
    }

    /// Whether it can start now, but for real time.
    pub(super) fn can_start(&self, at: u32) -> bool {
        let facts = self.facts;
        let current = |version: u32| self.current[facts.key(version) as usize];
        if self.unmet[at as usize] > 0 {
            return false;
        }
        let reads = facts.reads(at);
        if reads.iter().any(|&version| current(version) != version) {
            return false;
        }
        let mut installs = facts.installs(at).iter();
        match self.execution {
            Execution::Snapshot => {
                installs.all(|&version| self.writing[facts.key(version) as usize] == NONE)
            }
            Execution::Serial | Execution::Any => self.can_overwrite(at),
        }
    }

    /// Whether nobody else waits for what it overwrites.
    fn can_overwrite(&self, at: u32) -> bool {
        let reads = self.facts.reads(at);
        let mut installs = self.facts.installs(at).iter();
        installs.all(|&version| {
            let current = self.current[self.facts.key(version) as usize];
            let own = reads.iter().filter(|&&read| read == current).count();
            self.unread[current as usize] as usize == own
        })
    }

    /// Whether one that can start may as well start now: whatever execution there is from
    /// here on, there is one in which it does.
    pub(super) fn is_safe(&self, at: u32) -> bool {
        if reads_all_it_writes(self.facts, at) {
            return true;
        }
        let unread = |&version: &u32| self.facts.readers(version).is_empty();
        writes_blindly(self.facts, at).all(unread) && self.can_overwrite(at)
    }

    /// Starts it, and commits whatever can be committed then.
    pub(super) fn start(&mut self, at: u32) {
        let facts = self.facts;
        self.moves.push(Move::Start(at));
        self.mark ^= mark(at, 1);
        self.unstarted.remove(at);
        self.ready.remove(at);
        for &version in facts.reads(at) {
            self.unread[version as usize] -= 1;
        }
        if self.execution != Execution::Snapshot {
            return self.commit(at);
        }
        for &version in facts.installs(at) {
            self.writing[facts.key(version) as usize] = at;
        }
        self.commit_if_possible(at);
        for &version in facts.reads(at) {
            let writer = self.writing[facts.key(version) as usize];
            if writer != NONE {
                self.commit_if_possible(writer);
            }
        }
    }

    fn commit_if_possible(&mut self, at: u32) {
        let mut installs = self.facts.installs(at).iter();
        if installs.all(|&version| {
            let current = self.current[self.facts.key(version) as usize];
            self.unread[current as usize] == 0
        }) {
            self.commit(at);
        }
    }

    fn commit(&mut self, at: u32) {
        self.moves.push(Move::Commit(at));
        self.mark ^= mark(at, 2);
        for &version in self.facts.installs(at) {
            let key = self.facts.key(version) as usize;
            let before = std::mem::replace(&mut self.current[key], version);
            self.overwritten.push(before);
            self.mark ^= mark(before, 3) ^ mark(version, 3);
            self.writing[key] = NONE;
        }
        for &waiting in self.waiting_for.of(at) {
            self.unmet[waiting as usize] -= 1;
        }
        self.uncommitted.remove(at);
        self.committed.push(at);
        if self.frontier != Frontier::All {
            self.make_ready(at);
        }
    }

    /// Who reads what was just installed.
    fn make_ready(&mut self, writer: u32) {
        let facts = self.facts;
        for &version in facts.installs(writer) {
            for &reader in facts.readers(version) {
                let missing = &mut self.missing[reader as usize];
                *missing -= 1;
                if *missing == 0 && is_free(facts, self.frontier, reader) {
                    self.ready.push(reader);
                    self.moves.push(Move::Ready(reader));
                }
            }
        }
    }

    /// Takes all moves back but so many; the mark is for the caller to set back.
    pub(super) fn undo(&mut self, moves: usize) {
        let facts = self.facts;
        while self.moves.len() > moves {
            match self.moves.pop() {
                Some(Move::Ready(at)) => self.ready.unpush(at),
                Some(Move::Commit(at)) => {
                    if self.frontier != Frontier::All {
                        for &version in facts.installs(at) {
                            for &reader in facts.readers(version) {
                                self.missing[reader as usize] += 1;
                            }
                        }
                    }
                    self.committed.pop();
                    self.uncommitted.restore(at);
                    for &waiting in self.waiting_for.of(at) {
                        self.unmet[waiting as usize] += 1;
                    }
                    for &version in facts.installs(at).iter().rev() {
                        let key = facts.key(version) as usize;
                        if let Some(before) = self.overwritten.pop() {
                            self.current[key] = before;
                        }
                        self.writing[key] = at;
                    }
                }
                Some(Move::Start(at)) => {
                    for &version in facts.installs(at) {
                        self.writing[facts.key(version) as usize] = NONE;
                    }
                    for &version in facts.reads(at) {
                        self.unread[version as usize] += 1;
                    }
                    self.ready.restore(at);
                    self.unstarted.restore(at);
                }
                None => return,
            }
        }
    }
}

/// Whether nobody else could write before it what it writes, once what it reads is current.
fn reads_all_it_writes(facts: &Facts<'_>, at: u32) -> bool {
    writes_blindly(facts, at).next().is_none()
}

/// The versions that it installs of keys that it does not read.
fn writes_blindly<'a>(facts: &'a Facts<'_>, at: u32) -> impl Iterator<Item = &'a u32> {
    let reads = facts.reads(at);
    facts.installs(at).iter().filter(move |&&version| {
        let key = facts.key(version);
        !reads.iter().any(|&read| facts.key(read) == key)
    })
}

/// Whether it may start wherever it is, once what it reads is current.
fn is_free(facts: &Facts<'_>, frontier: Frontier, at: u32) -> bool {
    match frontier {
        Frontier::All => false,
        Frontier::Writers => facts.installs(at).is_empty(),
        Frontier::None => reads_all_it_writes(facts, at),
    }
}

/// A number for a part of the state, of 128 bits so that no two states have the same sum
/// (Zobrist 1970).
fn mark(of: u32, what: u64) -> u128 {
    let half = |salt: u64| {
        // The mixer of SplitMix64.
        let mut bits = (u64::from(of) << 8 | what << 1 | salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}
