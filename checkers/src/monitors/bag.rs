//! Linearizability of an unordered queue (a bag, a pool) that adds each value at most once.
//!
//! A history is linearizable if and only if every value comes out at most once and not
//! before it goes in, and every removal that found nothing ran at some instant at which
//! nothing was certainly inside (see `cover`). It is enough: let every value go in as late and
//! out as early as it can; then at such an instant nothing is inside.
//!
//! Unresolved removals are decided exactly: see `Lives::take_in_order`.

use super::Outcome;
use super::Violation;
use super::collection::{Check, Lives, Operation, Reason};
use super::cover::Cover;

/// Decides whether the history is linearizable. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    let mut lives = match Lives::pair(operations) {
        Ok(lives) => lives,
        Err(stop) => return Err(stop).into(),
    };
    let left = lives.take_in_order();
    check_empties(&lives, &left).into()
}

/// Whether every removal that found nothing can have: O(n log n). `left` as
/// [`Lives::take_in_order`] returned it.
pub(super) fn check_empties(lives: &Lives, left: &[usize]) -> Check {
    if lives.empties.is_empty() {
        return Ok(());
    }
    let spans = lives.lives.iter().enumerate();
    let cover = Cover::new(spans.filter_map(|(index, life)| life.span(index)).collect());
    for empty in &lives.empties {
        if cover.covers(empty.interval) {
            let mut operations = lives.witness(&cover.chain(empty.interval), left);
            operations.push(empty.id);
            let reason = Reason::NeverEmpty { remove: empty.id };
            return Err(Violation::new(reason, operations).into());
        }
    }
    Ok(())
}
