//! A search for a serial order, or an order of starts and commits, that explains all
//! reads. It finds one or proves that there is none, unless it runs out of budget; it
//! knows nothing of cycles.
//!
//! A transaction can start once all that must be before it have committed and the current
//! version of each key that it reads is the one that it read. Values are unique: a version
//! that is overwritten never comes back. So one that is current may only be overwritten
//! once all who read it have started. It follows that some moves are always safe:
//!
//! - to start one that writes nothing, or that has read every key that it writes: nobody
//!   else could write those before it;
//! - with snapshots, to commit as soon as it can be.
//!
//! What is left to choose is when those start that write a key blindly. The choices are
//! searched depth-first, the likeliest first, and a state from which there was no way is
//! not entered again (Wing and Gong 1993, Lowe 2017). With real time the transactions to
//! choose from are no more than were open at once.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::facts::Facts;
use super::lists::Lists;
use super::must::Must;
use crate::intern::NONE;
use crate::isolation::data::{Execution, NotFound};
use crate::isolation::phenomena::Order;
use crate::isolation::transactions::Status;
use crate::isolation::words;
use crate::linearizable::Budget;

/// Transactions to choose from where nothing but likelihood limits them. With no more than
/// these in all, every order is tried.
const CHOICES_MAX: u32 = 64;
/// States that led nowhere and are remembered: 16 bytes each.
const FAILED_MAX: usize = 4_000_000;
/// Steps between two questions whether to stop.
const STEPS_AT_ONCE: u64 = 4_096;

/// What to look for.
pub(super) struct Wanted<'a> {
    /// With snapshots, or one after the other.
    pub(super) execution: Execution,
    pub(super) order: Order,
    /// What must be before what in any case.
    pub(super) musts: &'a [Must],
    /// The place of each transaction in a likely order.
    pub(super) likely: &'a [u32],
    pub(super) budget: &'a Budget,
}

/// The place of every transaction that counts among the commits.
///
/// # Errors
/// None was found, or there is none.
pub(super) fn schedule(facts: &Facts<'_>, wanted: &Wanted<'_>) -> Result<Vec<u32>, NotFound> {
    if let Some(why) = impossible(facts) {
        return Err(NotFound {
            why,
            is_certain: true,
        });
    }
    let mut search = Search::new(facts, wanted);
    search.run()?;
    let mut places = vec![NONE; facts.len() as usize];
    for (place, &transaction) in (0..).zip(&search.committed) {
        places[transaction as usize] = place;
    }
    Ok(places)
}

/// A transaction whose own reads no state explains.
fn impossible(facts: &Facts<'_>) -> Option<String> {
    let at = facts.counting().find(|&at| {
        let reads = facts.reads(at);
        let mut pairs = (0..reads.len()).flat_map(|a| (0..a).map(move |b| (reads[a], reads[b])));
        reads.iter().any(|&version| facts.writer(version) == at)
            || reads.len() <= CHOICES_MAX as usize
                && pairs.any(|(a, b)| a != b && facts.key(a) == facts.key(b))
    })?;
    let name = facts.name(at);
    Some(format!(
        "no state of all keys is one that {name} can have read"
    ))
}

/// Something that was done, to be undone.
#[derive(Debug, Clone, Copy)]
enum Move {
    Start(u32),
    Commit(u32),
}

/// A state with several ways on.
struct Fork {
    moves: usize,
    /// Which transactions may start, in `choices`, and the one to try next.
    choices: std::ops::Range<usize>,
    next: usize,
    state: u128,
}

struct Search<'a> {
    facts: &'a Facts<'a>,
    wanted: &'a Wanted<'a>,
    total: usize,
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
    unstarted: Linked,
    /// Those that were over at some time, by that.
    uncommitted: Linked,
    committed: Vec<u32>,
    moves: Vec<Move>,
    overwritten: Vec<u32>,
    state: u128,
    forks: Vec<Fork>,
    choices: Vec<u32>,
    failed: HashSet<u128, FixedState>,
    steps: u64,
    /// Whether there were more to choose from than were looked at.
    was_limited: bool,
    /// The state that got furthest: how far, and which could not go on.
    furthest: (usize, Vec<u32>),
}

impl<'a> Search<'a> {
    fn new(facts: &'a Facts<'a>, wanted: &'a Wanted<'a>) -> Self {
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
        let mut counting: Vec<u32> = facts.counting().collect();
        let all = facts.transactions.all();
        let mut over: Vec<u32> = counting.clone();
        over.retain(|&at| all[at as usize].status == Status::Committed);
        over.sort_unstable_by_key(|&at| all[at as usize].completed);
        if wanted.order != Order::Realtime {
            over.clear();
            counting.sort_unstable_by_key(|&at| wanted.likely[at as usize]);
        }
        Search {
            facts,
            wanted,
            total: counting.len(),
            waiting_for: Lists::new(facts.len(), before),
            unmet,
            current: (0..facts.key_count())
                .map(|key| facts.initial(key))
                .collect(),
            writing: vec![NONE; facts.key_count() as usize],
            unread: (0..facts.versions())
                .map(|v| facts.readers(v).len() as u32)
                .collect(),
            unstarted: Linked::new(facts.len(), &counting),
            uncommitted: Linked::new(facts.len(), &over),
            committed: Vec::with_capacity(counting.len()),
            moves: Vec::new(),
            overwritten: Vec::new(),
            state: 0,
            forks: Vec::new(),
            choices: Vec::new(),
            failed: HashSet::default(),
            steps: 0,
            was_limited: false,
            furthest: (0, Vec::new()),
        }
    }

    fn run(&mut self) -> Result<(), NotFound> {
        let mut enabled = Vec::new();
        loop {
            self.advance(&mut enabled)?;
            if self.committed.len() == self.total {
                return Ok(());
            }
            if enabled.is_empty() || self.failed.contains(&self.state) {
                self.note_dead_end();
                if !self.back() {
                    return Err(self.not_found());
                }
                continue;
            }
            let likely = self.wanted.likely;
            enabled.sort_unstable_by_key(|&at| likely[at as usize]);
            if enabled.len() > 1 {
                let from = self.choices.len();
                self.choices.extend_from_slice(&enabled);
                self.forks.push(Fork {
                    moves: self.moves.len(),
                    choices: from..self.choices.len(),
                    next: from + 1,
                    state: self.state,
                });
            }
            self.start(enabled[0]);
        }
    }

    /// Makes safe moves until there are none, and says what else may start.
    fn advance(&mut self, enabled: &mut Vec<u32>) -> Result<(), NotFound> {
        let is_realtime = self.wanted.order == Order::Realtime;
        let all = self.facts.transactions.all();
        loop {
            enabled.clear();
            let (mut moved, mut looked_at) = (false, 0);
            let mut at = self.unstarted.first();
            while at != NONE {
                let next = self.unstarted.after(at);
                if is_realtime {
                    let over = self.uncommitted.first();
                    if over != NONE && all[at as usize].invoked > all[over as usize].completed {
                        break;
                    }
                } else if looked_at == CHOICES_MAX {
                    self.was_limited = true;
                    break;
                }
                looked_at += 1;
                self.step()?;
                if self.can_start(at) {
                    if self.is_safe(at) {
                        self.start(at);
                        moved = true;
                    } else {
                        enabled.push(at);
                    }
                }
                at = next;
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<(), NotFound> {
        self.steps += 1;
        if !self.steps.is_multiple_of(STEPS_AT_ONCE) {
            return Ok(());
        }
        self.wanted.budget.spend(self.steps, 0).map_err(|exhausted| NotFound {
            why: format!(
                "versions whose order nobody saw: no {} order was found {exhausted}; the furthest had {} of {} transactions",
                self.wanted.execution.name(),
                self.furthest.0,
                self.total
            ),
            is_certain: false,
        })
    }

    fn can_start(&self, at: u32) -> bool {
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
        match self.wanted.execution {
            Execution::Snapshot => {
                installs.all(|&version| self.writing[facts.key(version) as usize] == NONE)
            }
            Execution::Serial | Execution::Any => installs.all(|&version| {
                let current = current(version);
                let own = reads.iter().filter(|&&read| read == current).count();
                self.unread[current as usize] as usize == own
            }),
        }
    }

    fn is_safe(&self, at: u32) -> bool {
        let reads = self.facts.reads(at);
        let current = |version: u32| self.current[self.facts.key(version) as usize];
        let mut installs = self.facts.installs(at).iter();
        installs.all(|&version| reads.contains(&current(version)))
    }

    fn start(&mut self, at: u32) {
        let facts = self.facts;
        self.moves.push(Move::Start(at));
        self.state ^= mark(at, 1);
        self.unstarted.remove(at);
        for &version in facts.reads(at) {
            self.unread[version as usize] -= 1;
        }
        if self.wanted.execution != Execution::Snapshot {
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
        self.state ^= mark(at, 2);
        for &version in self.facts.installs(at) {
            let key = self.facts.key(version) as usize;
            let before = std::mem::replace(&mut self.current[key], version);
            self.overwritten.push(before);
            self.state ^= mark(before, 3) ^ mark(version, 3);
            self.writing[key] = NONE;
        }
        for &waiting in self.waiting_for.of(at) {
            self.unmet[waiting as usize] -= 1;
        }
        self.uncommitted.remove(at);
        self.committed.push(at);
    }

    fn undo(&mut self, moves: usize) {
        let facts = self.facts;
        while self.moves.len() > moves {
            match self.moves.pop() {
                Some(Move::Commit(at)) => {
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
                    self.unstarted.restore(at);
                }
                None => return,
            }
        }
    }

    /// Takes the next way at the last fork that has one; false if there is none.
    fn back(&mut self) -> bool {
        while let Some(mut fork) = self.forks.pop() {
            if fork.next < fork.choices.end {
                self.undo(fork.moves);
                self.state = fork.state;
                let at = self.choices[fork.next];
                fork.next += 1;
                self.forks.push(fork);
                self.start(at);
                return true;
            }
            self.choices.truncate(fork.choices.start);
            if self.failed.len() < FAILED_MAX {
                self.failed.insert(fork.state);
            }
        }
        false
    }

    fn note_dead_end(&mut self) {
        if self.committed.len() < self.furthest.0
            || !self.furthest.1.is_empty() && self.committed.len() == self.furthest.0
        {
            return;
        }
        let mut stuck = Vec::new();
        let mut at = self.unstarted.first();
        while at != NONE && stuck.len() < CHOICES_MAX as usize {
            let all = self.facts.transactions.all();
            let over = self.uncommitted.first();
            if over != NONE && all[at as usize].invoked > all[over as usize].completed {
                break;
            }
            stuck.push(at);
            at = self.unstarted.after(at);
        }
        self.furthest = (self.committed.len(), stuck);
    }

    fn not_found(&self) -> NotFound {
        let names: Vec<String> = self
            .furthest
            .1
            .iter()
            .map(|&at| self.facts.name(at))
            .collect();
        let kind = self.wanted.execution.name();
        let verb = match self.was_limited {
            true => format!("no {kind} order was found among the likely ones"),
            false => format!("no {kind} order of the transactions explains what they read"),
        };
        NotFound {
            why: format!(
                "{verb}: after {} of {} the next must be one of {}, and none can be",
                self.furthest.0,
                self.total,
                words::list(&names)
            ),
            is_certain: !self.was_limited,
        }
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

/// A list from which members are taken, and put back in the opposite order (Knuth's
/// dancing links).
struct Linked {
    next: Vec<u32>,
    previous: Vec<u32>,
    root: u32,
}

impl Linked {
    /// Of numbers below `bound`.
    fn new(bound: u32, members: &[u32]) -> Self {
        let root = bound;
        let mut list = Linked {
            next: vec![NONE; bound as usize + 1],
            previous: vec![NONE; bound as usize + 1],
            root,
        };
        let mut last = root;
        for &member in members {
            list.next[last as usize] = member;
            list.previous[member as usize] = last;
            last = member;
        }
        list.next[last as usize] = root;
        list.previous[root as usize] = last;
        list
    }

    fn first(&self) -> u32 {
        self.after(self.root)
    }

    /// [`NONE`] after the last.
    fn after(&self, member: u32) -> u32 {
        match self.next[member as usize] {
            next if next == self.root => NONE,
            next => next,
        }
    }

    /// Nothing, if it is no member.
    fn remove(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        if previous != NONE {
            self.next[previous as usize] = next;
            self.previous[next as usize] = previous;
        }
    }

    fn restore(&mut self, member: u32) {
        let (previous, next) = (self.previous[member as usize], self.next[member as usize]);
        if previous != NONE {
            self.next[previous as usize] = member;
            self.previous[next as usize] = member;
        }
    }
}
