//! When each operation happened at the earliest and the latest, as positions: of
//! two ends the one with the smaller position was certainly first.

use crate::operations::{NEVER, Operations};

/// Calls and returns. No two have the same position.
#[derive(Debug, Clone)]
pub(crate) struct Intervals {
    /// Where clocks were uncertain, by operation; else events are their positions.
    widened: Option<Vec<[u32; 2]>>,
}

impl Intervals {
    pub(crate) fn new(operations: &Operations, uncertainty_ns: u64) -> Self {
        Intervals {
            widened: (uncertainty_ns > 0).then(|| widen(operations, uncertainty_ns)),
        }
    }

    /// The call and the return of an operation; [`NEVER`] if nobody knows.
    pub(crate) fn of(&self, operations: &Operations, at: u32) -> [u32; 2] {
        match &self.widened {
            Some(widened) => widened[at as usize],
            None => {
                let operation = &operations.all[at as usize];
                [operation.call, operation.ret()]
            }
        }
    }
}

/// Widens every interval at both ends, and puts all ends in order. Intervals are
/// closed: of a call and a return at one time, the call is first.
fn widen(operations: &Operations, by_ns: u64) -> Vec<[u32; 2]> {
    let by = i128::from(by_ns);
    let mut ends: Vec<(i128, bool, u32)> = Vec::with_capacity(2 * operations.len());
    for ((operation, times), at) in operations.all.iter().zip(&operations.times).zip(0..) {
        ends.push((i128::from(times[0]) - by, false, at));
        if operation.ret() != NEVER {
            ends.push((i128::from(times[1]) + by, true, at));
        }
    }
    ends.sort_unstable();
    let mut widened = vec![[0, NEVER]; operations.len()];
    for (&(_, returns, at), position) in ends.iter().zip(0..) {
        widened[at as usize][usize::from(returns)] = position;
    }
    widened
}
