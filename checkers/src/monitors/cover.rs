//! The instants at which a collection cannot be empty.
//!
//! A value added by `a` and removed by `r` is certainly inside at every instant after `a`
//! returned and before `r` was called: the open interval (a.ret, r.call). The union of
//! these [`Span`]s is the time at which something is certainly inside. Its complement is
//! closed, and its ends are ends of spans, so it is enough to look at these instants.

use super::Interval;

/// An open interval of time in which something is certainly inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub from: u64,
    pub to: u64,
    /// Whose it is: the caller's index.
    pub owner: usize,
}

impl Span {
    pub fn new(from: u64, to: u64, owner: usize) -> Option<Span> {
        (from < to).then_some(Span { from, to, owner })
    }
}

/// A union of spans.
pub(super) struct Cover {
    /// By start.
    spans: Vec<Span>,
    /// The maximal intervals of the union, disjoint, ascending.
    islands: Vec<(u64, u64)>,
}

impl Cover {
    /// O(n log n).
    pub fn new(mut spans: Vec<Span>) -> Cover {
        spans.sort_unstable_by_key(|span| span.from);
        let mut islands: Vec<(u64, u64)> = Vec::new();
        for span in &spans {
            match islands.last_mut() {
                // Touching is not overlapping: the instant between two open intervals is free.
                Some((_, to)) if span.from < *to => *to = span.to.max(*to),
                _ => islands.push((span.from, span.to)),
            }
        }
        Cover { spans, islands }
    }

    /// Whether every instant of the window lies in the union. O(log n).
    pub fn covers(&self, window: Interval) -> bool {
        let before = self
            .islands
            .partition_point(|&(from, _)| from < window.call);
        before > 0 && self.islands[before - 1].1 > window.ret
    }

    /// As few spans as possible that cover the window, if the union does. O(n).
    pub fn chain(&self, window: Interval) -> Vec<usize> {
        chain(self.spans.iter().copied(), window)
    }
}

/// As few of the spans (ascending by start) as possible that cover the window, if all of
/// them do. O(n).
pub(super) fn chain(spans: impl Iterator<Item = Span>, window: Interval) -> Vec<usize> {
    let mut owners = Vec::new();
    // Everything up to `reach` is covered; `best` reaches furthest of what begins before it.
    let (mut reach, mut best): (u64, Option<Span>) = (window.call, None);
    for span in spans {
        if span.from >= reach {
            let Some(next) = best.take() else { break };
            owners.push(next.owner);
            reach = next.to;
            if reach > window.ret || span.from >= reach {
                return owners;
            }
        }
        if span.to > best.map_or(reach, |best| best.to) {
            best = Some(span);
        }
    }
    owners.extend(best.map(|span| span.owner));
    owners
}
