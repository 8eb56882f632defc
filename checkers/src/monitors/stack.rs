//! Linearizability of a last-in-first-out stack that adds each value at most once.
//!
//! A value is certainly inside after its push returned and before its pop was called: its
//! span. What the decision rests on:
//!
//! 1. *A value without a span* (its push and its pop overlap) can be pushed and popped at
//!    one instant, whatever else is inside. It is left out.
//! 2. *At every instant that no span covers the stack can be empty*, at all of them
//!    together. Take a linearization and such an instant. Each value then inside can be
//!    pushed later, at that instant, or popped earlier, at that instant. Pop those that can
//!    be, top first, then push the others, bottom first: leaving values out of a stack's
//!    history breaks nothing, so what precedes and what follows stays right. A pop that
//!    found nothing therefore needs a free instant, and no more.
//! 3. So the history falls apart at free instants. *Between two of them, L and R, with all
//!    instants between covered, one value is at the bottom all the time*, since the stack
//!    is never empty there: one pushed at L and popped at R, whose push was called by L and
//!    whose pop returned no earlier than R. Without such a value nothing explains the history. *Any
//!    such value will do, and all of them together*: it can be moved to the bottom of
//!    any linearization. They are left out, their spans uncover instants, and each part
//!    between free instants is decided in the same way.
//!
//! It is a way of *decrease and conquer* (Lee and Mathur, "Efficient Decrease-and-Conquer
//! Linearizability Monitoring", OOPSLA 2025, arXiv 2410.04581): leave out values without which
//! the history is linearizable if and only if it was with them, until none is left. As parts
//! only ever shrink, a value becomes fit for the bottom once and stays so: segment trees over
//! the values by the start of their span give out those whose push was called by L and
//! those whose pop returned no earlier than R, each once, and a third one the instants that
//! are uncovered.
//!
//! Which values unresolved pops took is searched for (see `unknown`), within a limit.

use super::bag::check_empties;
use super::collection::{Check, Lives, Operation, Reason};
use super::cover::{Span, chain};
use super::tree::{Coverage, Limits};
use super::unknown::hand_out;
use super::{Interval, Outcome, Violation};

/// Decides whether the history is linearizable. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    match Lives::pair(operations) {
        Ok(lives) => hand_out(
            lives,
            |lives, index| lives.lives[index].add.interval.ret,
            decide,
        )
        .into(),
        Err(stop) => Err(stop).into(),
    }
}

fn decide(lives: &Lives) -> Check {
    check_empties(lives, &[])?;
    let mut parts = Parts::new(lives);
    while let Some((from, to)) = parts.open.pop() {
        parts.split(lives, from, to)?;
    }
    Ok(())
}

/// The parts of a history between free instants, and what is left in them.
struct Parts {
    /// Ascending by start.
    spans: Vec<Span>,
    /// All ends of spans, ascending, each once.
    instants: Vec<u64>,
    /// How many spans cover each instant.
    coverage: Coverage,
    /// By rank of span: when the push was called, until it is known to be early enough.
    pushes: Limits,
    /// By rank of span: when the pop returned, negated, until it is known to be late enough.
    pops: Limits,
    /// By rank of span: how many of the two are known.
    fit: Vec<u8>,
    /// By rank of span: it, or the next that is still in its part.
    alive: Vec<u32>,
    /// Parts not yet looked at: between two free instants, by index, with none between them.
    open: Vec<(usize, usize)>,
}

impl Parts {
    fn new(lives: &Lives) -> Parts {
        let all = lives.lives.iter().enumerate();
        let mut spans: Vec<Span> = all.filter_map(|(index, life)| life.span(index)).collect();
        spans.sort_unstable_by_key(|span| span.from);
        let mut instants: Vec<u64> = spans.iter().flat_map(|span| [span.from, span.to]).collect();
        instants.sort_unstable();
        instants.dedup();
        let index = |instant: u64| instants.partition_point(|&other| other < instant);
        let covered = spans
            .iter()
            .map(|span| (index(span.from) + 1, index(span.to)));
        let coverage = Coverage::new(instants.len(), covered);
        let life = |span: &Span| &lives.lives[span.owner];
        let pushes = spans.iter().map(|span| life(span).add.interval.call);
        let pops = spans.iter().map(|span| !life(span).remove_ret());
        let mut parts = Parts {
            pushes: Limits::new(pushes.collect()),
            pops: Limits::new(pops.collect()),
            fit: vec![0; spans.len()],
            alive: (0..=spans.len() as u32).collect(),
            open: Vec::new(),
            coverage,
            instants,
            spans,
        };
        if !parts.spans.is_empty() {
            parts.part_at_free_instants(0, parts.instants.len() - 1);
        }
        parts
    }

    /// Opens the parts between the free instants from `from` to `to`, which are free.
    fn part_at_free_instants(&mut self, from: usize, to: usize) {
        let mut last = from;
        let Parts { coverage, open, .. } = self;
        coverage.zeros(from + 1, to, |instant| {
            open.push((last, instant));
            last = instant;
        });
        open.push((last, to));
    }

    /// Takes everything that fits out from the bottom of a part, and opens what is left.
    fn split(&mut self, lives: &Lives, from: usize, to: usize) -> Check {
        let (start, end) = (self.instants[from], self.instants[to]);
        let low = self.spans.partition_point(|span| span.from < start);
        let high = self.spans.partition_point(|span| span.from < end);
        if self.next_alive(low) >= high {
            return Ok(());
        }
        let mut bottoms = Vec::new();
        let fit = &mut self.fit;
        let mut tell = |rank: usize| {
            fit[rank] += 1;
            if fit[rank] == 2 {
                bottoms.push(rank);
            }
        };
        self.pushes.take(low, high, start, &mut tell);
        self.pops.take(low, high, !end, &mut tell);
        if bottoms.is_empty() {
            return Err(self.no_bottom(lives, low, high, end).into());
        }
        for rank in bottoms {
            let Span { from, to, .. } = self.spans[rank];
            let index = |instant: u64| self.instants.partition_point(|&other| other < instant);
            self.coverage.uncover(index(from) + 1, index(to));
            self.alive[rank] = rank as u32 + 1;
        }
        self.part_at_free_instants(from, to);
        Ok(())
    }

    /// The first rank not before this one whose value is not yet left out.
    fn next_alive(&mut self, mut rank: usize) -> usize {
        while self.alive[rank] as usize != rank {
            let next = self.alive[rank];
            self.alive[rank] = self.alive[next as usize];
            rank = next as usize;
        }
        rank
    }

    /// Spans that cover the part in a chain show it by themselves: none of them fits.
    fn no_bottom(&self, lives: &Lives, low: usize, high: usize, end: u64) -> Violation<Reason> {
        let ranks = (low..high).filter(|&rank| self.alive[rank] as usize == rank);
        let spans: Vec<Span> = ranks.map(|rank| self.spans[rank]).collect();
        let inside = Interval {
            call: spans[0].from + 1,
            ret: end - 1,
        };
        let owners = chain(spans.into_iter(), inside);
        let ends = |index: usize| lives.lives[owners[index]];
        let reason = Reason::NoBottom {
            first_add: ends(0).add.id,
            last_remove: ends(owners.len() - 1).remove.map(|remove| remove.id),
        };
        let all = owners.iter().flat_map(|&owner| lives.lives[owner].ids());
        Violation::new(reason, all.collect())
    }
}
