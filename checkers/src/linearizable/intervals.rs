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
        let ends = operations.all.iter().zip(&operations.times);
        let ends = ends.map(|(operation, &[call, ret])| {
            let returned = operation.ret() != NEVER;
            (call, returned.then_some(ret))
        });
        Intervals {
            widened: (uncertainty_ns > 0).then(|| widen(ends, uncertainty_ns)),
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

/// Widens every interval at both ends, and puts all ends in order: the position of each call
/// and return, [`NEVER`] where there was none. Intervals are closed: of a call and a return at
/// one time, the call is first.
pub(crate) fn widen(
    intervals: impl ExactSizeIterator<Item = (i64, Option<i64>)>,
    by_ns: u64,
) -> Vec<[u32; 2]> {
    let by = i128::from(by_ns);
    let mut widened = vec![[0, NEVER]; intervals.len()];
    let mut ends: Vec<(i128, bool, u32)> = Vec::with_capacity(2 * widened.len());
    for ((call, ret), at) in intervals.zip(0..) {
        ends.push((i128::from(call) - by, false, at));
        if let Some(ret) = ret {
            ends.push((i128::from(ret) + by, true, at));
        }
    }
    ends.sort_unstable();
    for (&(_, returns, at), position) in ends.iter().zip(0..) {
        widened[at as usize][usize::from(returns)] = position;
    }
    widened
}
