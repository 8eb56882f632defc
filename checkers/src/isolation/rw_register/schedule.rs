//! A search for a serial order, or an order of starts and commits, that explains all
//! reads. It finds one or proves that there is none, unless it runs out of budget; it
//! knows nothing of cycles.
//!
//! Some moves are always [safe](super::state). What is left to choose is when those start
//! that write blindly what others read. The choices are searched depth-first, the likeliest first, and a state from which there was no way is
//! not entered again (Wing and Gong 1993, Lowe 2017). With real time the transactions to
//! choose from are no more than were open at once. Without, they are the first of a likely
//! order, so that a wrong choice soon leaves nothing to choose; those of which a start is
//! safe wherever they are in it start when what they read is current, however late they
//! were.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::facts::Facts;
use super::must::Must;
use super::state::State;
use crate::budget::Budget;
use crate::intern::NONE;
use crate::isolation::data::{Execution, NotFound};
use crate::isolation::phenomena::Order;
use crate::isolation::words;

/// Transactions to choose from where nothing but likelihood limits them. With no more than
/// these in all, every order is tried.
const CHOICES_MAX: u32 = 64;
/// States that led nowhere and are remembered: 16 bytes each.
const FAILED_MAX: usize = 4_000_000;
/// Steps between two questions whether to stop.
const STEPS_AT_ONCE: u64 = 4_096;

/// Which transactions keep to real time: they start no later than what began after they were
/// over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frontier {
    All,
    /// Those that only read are behind, perhaps.
    Writers,
    None,
}

/// What to look for.
pub(super) struct Wanted<'a> {
    /// With snapshots, or one after the other.
    pub(super) execution: Execution,
    pub(super) order: Order,
    /// [`Frontier::All`] with real time; else it is tried.
    pub(super) frontier: Frontier,
    /// What must be before what.
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
    for (place, &transaction) in (0..).zip(&search.state.committed) {
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

/// A state with several ways on.
struct Fork {
    moves: usize,
    /// Which transactions may start, in `choices`, and the one to try next.
    choices: std::ops::Range<usize>,
    next: usize,
    mark: u128,
}

struct Search<'a> {
    facts: &'a Facts<'a>,
    wanted: &'a Wanted<'a>,
    total: usize,
    state: State<'a>,
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
        Search {
            facts,
            wanted,
            total: facts.counting().count(),
            state: State::new(facts, wanted),
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
            if self.state.committed.len() == self.total {
                return Ok(());
            }
            if enabled.is_empty() || self.failed.contains(&self.state.mark) {
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
                    moves: self.state.done(),
                    choices: from..self.choices.len(),
                    next: from + 1,
                    mark: self.state.mark,
                });
            }
            self.state.start(enabled[0]);
        }
    }

    /// Makes safe moves until there are none, and says what else may start.
    fn advance(&mut self, enabled: &mut Vec<u32>) -> Result<(), NotFound> {
        let has_frontier = self.wanted.frontier != Frontier::None;
        let all = self.facts.transactions.all();
        loop {
            enabled.clear();
            let (mut moved, mut looked_at) = (false, 0);
            let mut at = self.state.ready.first();
            while at != NONE {
                let next = self.state.ready.after(at);
                self.step()?;
                if self.state.can_start(at) {
                    self.state.start(at);
                    moved = true;
                }
                at = next;
            }
            let mut at = self.state.unstarted.first();
            while at != NONE {
                let next = self.state.unstarted.after(at);
                if has_frontier {
                    let over = self.state.uncommitted.first();
                    if over != NONE && all[at as usize].invoked > all[over as usize].completed {
                        break;
                    }
                } else if looked_at == CHOICES_MAX {
                    self.was_limited = true;
                    break;
                }
                looked_at += 1;
                self.step()?;
                if self.state.can_start(at) {
                    if self.state.is_safe(at) {
                        self.state.start(at);
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
        // It may be further than any that could not go on.
        let furthest = self.furthest.0.max(self.state.committed.len());
        self.wanted.budget.spend(self.steps, 0).map_err(|exhausted| NotFound {
            why: format!(
                "versions whose order nobody saw: no {} order was found {exhausted}; the furthest had {furthest} of {} transactions",
                self.wanted.execution.name(),
                self.total
            ),
            is_certain: false,
        })
    }

    /// Takes the next way at the last fork that has one; false if there is none.
    fn back(&mut self) -> bool {
        while let Some(mut fork) = self.forks.pop() {
            if fork.next < fork.choices.end {
                self.state.undo(fork.moves);
                self.state.mark = fork.mark;
                let at = self.choices[fork.next];
                fork.next += 1;
                self.forks.push(fork);
                self.state.start(at);
                return true;
            }
            self.choices.truncate(fork.choices.start);
            if self.failed.len() < FAILED_MAX {
                self.failed.insert(fork.mark);
            }
        }
        false
    }

    fn note_dead_end(&mut self) {
        if self.state.committed.len() < self.furthest.0
            || !self.furthest.1.is_empty() && self.state.committed.len() == self.furthest.0
        {
            return;
        }
        let mut stuck = Vec::new();
        let mut at = self.state.unstarted.first();
        while at != NONE && stuck.len() < CHOICES_MAX as usize {
            let all = self.facts.transactions.all();
            let over = self.state.uncommitted.first();
            if over != NONE && all[at as usize].invoked > all[over as usize].completed {
                break;
            }
            stuck.push(at);
            at = self.state.unstarted.after(at);
        }
        self.furthest = (self.state.committed.len(), stuck);
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
            is_certain: !self.was_limited && self.wanted.frontier != Frontier::Writers,
        }
    }
}
