//! Stamps that order the writes of an item across regions.
//!
//! A hybrid logical clock (Kulkarni et al., 2014): wall time where that is
//! enough, and always later than anything the region has written or received,
//! so a write made in the knowledge of another one wins over it.

use std::time::{SystemTime, UNIX_EPOCH};

/// When and where an item was last written. The greater stamp wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    /// Microseconds since the epoch, or later where writes came faster.
    pub(super) time_us: u64,
    /// Index of the region that wrote: breaks ties.
    pub(super) region: usize,
}

/// The clock of one region.
#[derive(Debug)]
pub(super) struct HybridClock {
    region: usize,
    last_us: u64,
}

impl HybridClock {
    pub(super) fn new(region: usize) -> Self {
        Self { region, last_us: 0 }
    }

    /// A stamp later than every one issued or observed here.
    pub(super) fn next(&mut self, wall_us: u64) -> Stamp {
        self.last_us = wall_us.max(self.last_us + 1);
        Stamp {
            time_us: self.last_us,
            region: self.region,
        }
    }

    /// Takes note of a stamp that came from elsewhere.
    pub(super) fn observe(&mut self, stamp: Stamp) {
        self.last_us = self.last_us.max(stamp.time_us);
    }
}

/// Wall time in microseconds since the epoch; 0 on a clock set before it.
pub(super) fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_after_a_received_one_is_later_even_with_a_slow_wall_clock() {
        let mut clock = HybridClock::new(0);
        clock.observe(Stamp {
            time_us: 500,
            region: 1,
        });
        assert!(
            clock.next(100)
                > Stamp {
                    time_us: 500,
                    region: 1
                }
        );
    }

    #[test]
    fn stamps_of_a_region_only_grow() {
        let mut clock = HybridClock::new(0);
        let stamps: Vec<_> = [10, 10, 5, 12].map(|wall| clock.next(wall).time_us).into();
        assert_eq!(stamps, [10, 11, 12, 13]);
    }
}
