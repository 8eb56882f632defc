//! Linearizability of a first-in-first-out queue that adds each value at most once.
//!
//! Violations of a queue come in few shapes (Henzinger, Sezgin and Vafeiadis,
//! "Aspect-Oriented Linearizability Proofs", CONCUR 2013; Abdulla and others, "Efficient
//! Linearizability Monitoring", PLDI 2025, arXiv 2509.17795; Lee and Mathur, "Efficient
//! Decrease-and-Conquer Linearizability Monitoring", OOPSLA 2025, arXiv 2410.04581). A history is
//! linearizable if and only if
//!
//! 1. every value is dequeued at most once, and not before its enqueue began;
//! 2. no value overtakes: if the enqueue of `a` returned before that of `b` was called, the
//!    dequeue of `b` did not return before that of `a` was called, and `b` was not dequeued
//!    if `a` never was;
//! 3. every dequeue that found nothing ran at some instant at which nothing was certainly
//!    inside.
//!
//! Condition 2 is found by one sweep: enqueues by call, against the latest dequeue of what
//! had been enqueued by then.
//!
//! Unresolved dequeues are decided exactly: taking what is left in the order in which it
//! came in, earliest dequeue first, is best both for the order (an earlier value is waited
//! for by whatever waits for a later one) and for emptiness; see `Lives::take_in_order`.

use super::bag::check_empties;
use super::collection::{Check, Lives, Operation, Reason};
use super::{Outcome, Violation};

/// Decides whether the history is linearizable. O(n log n) time, O(n) memory.
pub fn check(operations: &[Operation]) -> Outcome<Reason> {
    let mut lives = match Lives::pair(operations) {
        Ok(lives) => lives,
        Err(stop) => return Err(stop).into(),
    };
    let left = lives.take_in_order();
    check_order(&lives, &left)
        .and_then(|()| check_empties(&lives, &left))
        .into()
}

fn check_order(lives: &Lives, left: &[usize]) -> Check {
    let Lives { lives: all, .. } = lives;
    let mut by_call: Vec<usize> = (0..all.len()).collect();
    by_call.sort_unstable_by_key(|&index| all[index].add.interval.call);
    let mut by_ret: Vec<usize> = (0..all.len()).collect();
    by_ret.sort_unstable_by_key(|&index| all[index].add.interval.ret);

    let mut earlier = by_ret.into_iter().peekable();
    // Of the values enqueued before the one at hand, the one whose dequeue is called last.
    let mut waiting: Option<usize> = None;
    for index in by_call {
        let life = &all[index];
        while let Some(before) =
            earlier.next_if(|&before| all[before].add.interval.precedes(life.add.interval))
        {
            if waiting.is_none_or(|last| all[last].remove_call() < all[before].remove_call()) {
                waiting = Some(before);
            }
        }
        let (Some(waiting), Some(remove)) = (waiting, life.remove) else {
            continue;
        };
        if remove.interval.ret < all[waiting].remove_call() {
            let reason = Reason::Overtaken {
                earlier: all[waiting].add.id,
                later: life.add.id,
                remove: remove.id,
            };
            let operations = lives.witness(&[waiting, index], left);
            return Err(Violation::new(reason, operations).into());
        }
    }
    Ok(())
}
