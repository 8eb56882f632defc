//! Which values the unresolved removals took, where the order of removals matters.

use std::collections::BinaryHeap;

use super::collection::{Check, Lives, Reason};
use super::{Stop, Undecided, Violation};

/// So many operations may be looked at, all tries together, and so many tries made.
const WORK_MAX: usize = 10_000_000;
const TRIES_MAX: usize = 2_000;
/// So many removals may be handed out one within the other.
const DEPTH_MAX: usize = 256;

/// Decides a history with unresolved removals by a monitor for those without.
///
/// Sound both ways. The most generous reading lets the earliest of them take everything
/// that is left inside: what this does not explain is violated. Every reading tried
/// afterwards is one that may have happened: what one of them explains is valid. First comes
/// the likely one, then a search that begins with nothing taken: of the values that
/// show that this does not do, one must have been taken by one of the removals, and so on.
/// Within its limits it is exact.
///
/// `urgency`: of two values inside, the one that comes out first is the greater.
pub(super) fn hand_out(
    mut lives: Lives,
    urgency: impl Fn(&Lives, usize) -> u64,
    decide: impl Fn(&Lives) -> Check,
) -> Check {
    let left = lives.left_inside();
    let (Some(&earliest), false) = (lives.unknown.first(), left.is_empty()) else {
        return decide(&lives);
    };
    for &index in &left {
        lives.lives[index].remove = Some(earliest);
    }
    decide(&lives)?;
    let likely = as_called(&lives, &left, urgency);
    for &index in &left {
        lives.lives[index].remove = None;
    }
    for &(index, taker) in &likely {
        lives.lives[index].remove = Some(lives.unknown[taker]);
    }
    if decide(&lives).is_ok() {
        return Ok(());
    }
    for (index, _) in likely {
        lives.lives[index].remove = None;
    }
    Search::new(lives, left, decide).run()
}

/// Hands removals out to the values that need to be taken.
struct Search<D> {
    lives: Lives,
    decide: D,
    /// The values that may still be given to a removal.
    left: Vec<usize>,
    /// Which removals took a value.
    used: Vec<bool>,
    tries_left: usize,
    /// What showed it each time that a reading did not do.
    violations: Vec<Violation<Reason>>,
}

impl<D: Fn(&Lives) -> Check> Search<D> {
    fn new(lives: Lives, left: Vec<usize>, decide: D) -> Search<D> {
        Search {
            used: vec![false; lives.unknown.len()],
            tries_left: (WORK_MAX / (lives.lives.len() + 1)).clamp(8, TRIES_MAX),
            violations: Vec::new(),
            left,
            lives,
            decide,
        }
    }

    fn run(mut self) -> Check {
        match self.explained(0) {
            Some(true) => Ok(()),
            Some(false) => {
                // Whatever was taken, one of these shows that it does not do.
                let takers = self.lives.unknown.iter().map(|taker| taker.id);
                let shown = self
                    .violations
                    .iter()
                    .flat_map(|one| one.operations.iter().copied());
                let operations = shown.chain(takers).collect();
                match self.violations.into_iter().next() {
                    Some(first) => Err(Violation::new(first.reason, operations).into()),
                    None => Ok(()),
                }
            }
            None => Err(Undecided::UnknownRemovals.into()),
        }
    }

    /// Whether what is handed out can be added to so that it explains the history; none
    /// past the limits.
    fn explained(&mut self, depth: usize) -> Option<bool> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        let violation = match (self.decide)(&self.lives) {
            Ok(()) => return Some(true),
            Err(Stop::Violated(violation)) if depth < DEPTH_MAX => violation,
            Err(_) => return None,
        };
        let life = |index: usize| self.lives.lives[index];
        let shows = |index: usize| {
            violation
                .operations
                .binary_search(&life(index).add.id)
                .is_ok()
        };
        let untaken = |&index: &usize| life(index).remove.is_none() && shows(index);
        let blamed: Vec<usize> = self.left.iter().copied().filter(untaken).collect();
        self.violations.push(violation);
        let mut outcome = Some(false);
        for &index in &blamed {
            outcome = self.taken(index, depth);
            if outcome != Some(false) {
                break;
            }
            // It was tried with each removal, so from here on nothing takes it.
            self.left.retain(|&other| other != index);
        }
        for index in blamed {
            if !self.left.contains(&index) {
                self.left.push(index);
            }
        }
        outcome
    }

    /// The same, if this value is taken: by the first removal called once it was certainly
    /// inside, by those after that, or by one called before.
    fn taken(&mut self, index: usize, depth: usize) -> Option<bool> {
        let added = self.lives.lives[index].add.interval.ret;
        let unknown = &self.lives.unknown;
        let before = unknown.partition_point(|taker| taker.interval.call <= added);
        let order = (before..unknown.len()).chain((0..before).rev());
        for taker in order {
            if self.used[taker] {
                continue;
            }
            self.used[taker] = true;
            self.lives.lives[index].remove = Some(self.lives.unknown[taker]);
            let explained = self.explained(depth + 1);
            self.lives.lives[index].remove = None;
            self.used[taker] = false;
            if explained != Some(false) {
                return explained;
            }
        }
        Some(false)
    }
}

/// Each removal takes, of what is inside when it is called, what comes out first; if there
/// is nothing, what is next to be inside. Pairs of a value and a taker. O(n log n).
fn as_called(
    lives: &Lives,
    left: &[usize],
    urgency: impl Fn(&Lives, usize) -> u64,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut inside = BinaryHeap::new();
    let mut takers = (0..lives.unknown.len()).peekable();
    let call = |taker: usize| lives.unknown[taker].interval.call;
    for &index in left {
        let added = lives.lives[index].add.interval.ret;
        while let Some(taker) = takers.next_if(|&taker| !inside.is_empty() && call(taker) <= added)
        {
            pairs.extend(inside.pop().map(|(_, index)| (index, taker)));
        }
        inside.push((urgency(lives, index), index));
    }
    for taker in takers {
        pairs.extend(inside.pop().map(|(_, index)| (index, taker)));
    }
    pairs
}
