//! How long the way to a region and back takes, and by how much its clock is off, measured:
//! the same for a run's report and for `witness doctor`.
//!
//! A round trip is the least request on an open connection: `SELECT` of the server's clock,
//! of DynamoDB `ListTables` with a limit of one. What the server itself takes is part of it.

use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use witness_workloads::{Connection, Database, DbError, ServerTime};

/// How often is asked.
pub const ASKED_MAX: usize = 20;
/// When no more is asked, however often it was.
const TIME_MAX: Duration = Duration::from_secs(5);

/// The round trips to one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrip {
    /// The region.
    pub region: String,
    /// How often was asked.
    pub asked: usize,
    /// The shortest.
    pub min_ns: u64,
    /// The one in the middle; of an even number the longer of two.
    pub median_ns: u64,
}

/// By how much a server's clock is ahead of ours; behind, where it is negative. The truth is
/// within the error, if the clocks ran evenly while they were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Ahead by this.
    pub ahead_ns: i64,
    /// Half of the round trip, and what the server's clock does not show.
    pub error_ns: u64,
}

impl ClockOffset {
    /// The server said its time at some moment between two of ours.
    fn of(said: ServerTime, before: SystemTime, round_trip: Duration) -> ClockOffset {
        // Between `at - after`, had it been said last, and `at + resolution - before`.
        let half = round_trip / 2;
        let earliest = signed_ns(said.at, before + round_trip);
        let error = half + said.resolution / 2;
        ClockOffset {
            ahead_ns: earliest.saturating_add(i64::try_from(error.as_nanos()).unwrap_or(i64::MAX)),
            error_ns: ns(error),
        }
    }
}

/// What was measured on one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// The round trips.
    pub round_trip: RoundTrip,
    /// From the answer whose error is least; none where the server says no time.
    pub clock: Option<ClockOffset>,
}

/// Asks some twenty times.
///
/// # Errors
/// The first that a request met with.
pub async fn measure(region: &str, connection: &mut dyn Connection) -> Result<Measured, DbError> {
    let began = Instant::now();
    let mut took = Vec::with_capacity(ASKED_MAX);
    let mut clock: Option<ClockOffset> = None;
    while took.len() < ASKED_MAX && (took.is_empty() || began.elapsed() < TIME_MAX) {
        let (before, asked) = (SystemTime::now(), Instant::now());
        let said = connection.ping().await?;
        let round_trip = asked.elapsed();
        took.push(round_trip);
        if let Some(said) = said {
            let offset = ClockOffset::of(said, before, round_trip);
            if clock.is_none_or(|known| offset.error_ns < known.error_ns) {
                clock = Some(offset);
            }
        }
    }
    took.sort_unstable();
    let nth = |n: usize| took.get(n).map_or(0, |took| ns(*took));
    Ok(Measured {
        round_trip: RoundTrip {
            region: region.to_owned(),
            asked: took.len(),
            min_ns: nth(0),
            median_ns: nth(took.len() / 2),
        },
        clock,
    })
}

/// The round trips to every region that can be measured. What goes wrong here goes wrong
/// again, and is told, when the run begins.
pub(crate) async fn of_all(database: &dyn Database) -> Vec<RoundTrip> {
    let mut all = Vec::new();
    for region in database.regions() {
        if let Ok(mut connection) = database.connect(region).await
            && let Ok(measured) = measure(region, connection.as_mut()).await
        {
            all.push(measured.round_trip);
        }
    }
    all
}

/// A duration as people read it, such as `0.31 ms`: three digits that count.
pub(crate) fn ms(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    let digits = match ms {
        _ if ms >= 100.0 => 0,
        _ if ms >= 10.0 => 1,
        _ => 2,
    };
    format!("{ms:.digits$} ms")
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How long after the other it is; negative: before.
fn signed_ns(time: SystemTime, other: SystemTime) -> i64 {
    let clamped = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(other) {
        Ok(later) => clamped(later),
        Err(earlier) => -clamped(earlier.duration()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wherever in between the server looked at its clock, and however coarse that is:
        /// the truth is within the error.
        #[test]
        fn the_offset_is_within_its_error(
            ahead_us in -100_000_000_i64..100_000_000,
            there_us in 0_u64..2_000_000,
            back_us in 0_u64..2_000_000,
            coarse in prop::sample::select(vec![1_u64, 1000, 1_000_000]),
        ) {
            let epoch = SystemTime::UNIX_EPOCH;
            let before_us = 1_000_000_000_u64;
            let true_us = (before_us + there_us).checked_add_signed(ahead_us).unwrap();
            let said = ServerTime {
                at: epoch + Duration::from_micros(true_us / coarse * coarse),
                resolution: Duration::from_micros(coarse),
            };
            let round_trip = Duration::from_micros(there_us + back_us);
            let before = epoch + Duration::from_micros(before_us);
            let offset = ClockOffset::of(said, before, round_trip);
            let off = (offset.ahead_ns - ahead_us * 1000).unsigned_abs();
            prop_assert!(off <= offset.error_ns, "{offset:?}");
            let bound = round_trip / 2 + said.resolution / 2;
            prop_assert_eq!(offset.error_ns, ns(bound), "and it is no larger than it must be");
        }
    }

    #[test]
    fn three_digits_count() {
        for (ns, text) in [
            (310_000, "0.31 ms"),
            (12_340_000, "12.3 ms"),
            (161_700_000, "162 ms"),
            (0, "0.00 ms"),
        ] {
            assert_eq!(ms(ns), text);
        }
    }
}
