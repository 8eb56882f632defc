//! When each operation happened at the earliest and the latest, as positions: of
//! two ends the one with the smaller position was certainly first.

use crate::clocks;
use crate::operations::Operations;

/// Calls and returns. No two have the same position.
#[derive(Debug, Clone)]
pub(crate) struct Intervals {
    /// Where clocks were uncertain, by operation; else events are their positions.
    positions: Option<Vec<[u32; 2]>>,
    /// The times of those, where they are those of clocks: nanoseconds since the epoch.
    times: Option<Vec<[i128; 2]>>,
}

impl Intervals {
    /// What is certain: by the order of events, unless several recorders saw them or
    /// clocks may be off by that much.
    pub(crate) fn new(operations: &Operations, uncertainty_ns: u64) -> Self {
        let Some(clocks) = operations.clocks(uncertainty_ns) else {
            return Intervals::of_events();
        };
        let (positions, times) = clocks.certain(events(operations), uncertainty_ns);
        Intervals {
            positions: Some(positions),
            times: Some(times),
        }
    }

    /// By the order of events alone, whatever any clock said.
    pub(crate) fn of_events() -> Self {
        Intervals {
            positions: None,
            times: None,
        }
    }

    /// The operations as they may have happened, one way after the other; where their order
    /// is certain, the only way there is. See [`clocks::Clocks::placements`].
    pub(crate) fn possible(
        operations: &Operations,
        uncertainty_ns: u64,
    ) -> impl Iterator<Item = Intervals> {
        let clocks = operations.clocks(uncertainty_ns);
        let only = clocks.is_none().then(Intervals::of_events);
        let placed = clocks.into_iter().flat_map(move |clocks| {
            let placements = clocks.placements(uncertainty_ns).into_iter();
            placements.map(move |placement| Intervals {
                positions: Some(clocks.placed(events(operations), uncertainty_ns, &placement)),
                times: None,
            })
        });
        only.into_iter().chain(placed)
    }

    /// The call and the return of an operation; [`NEVER`] if nobody knows.
    pub(crate) fn of(&self, operations: &Operations, at: u32) -> [u32; 2] {
        match &self.positions {
            Some(positions) => positions[at as usize],
            None => {
                let operation = &operations.all[at as usize];
                [operation.call, operation.ret()]
            }
        }
    }

    /// The times of the two, in nanoseconds since whenever, of which the second says
    /// nothing where the return is [`NEVER`].
    pub(crate) fn times(&self, operations: &Operations, at: u32, uncertainty_ns: u64) -> [i128; 2] {
        match &self.times {
            Some(times) => times[at as usize],
            None => clocks::widened(operations.times[at as usize], uncertainty_ns),
        }
    }
}

/// The events that are the call and the return of each operation, as [`clocks`] take them.
fn events(operations: &Operations) -> impl Iterator<Item = [u32; 2]> {
    operations.all.iter().map(|op| [op.call, op.ret()])
}
