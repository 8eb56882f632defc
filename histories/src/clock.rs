//! When an event happened by a clock that may be off, and says by how much. It reads no
//! clock.

use std::borrow::Cow;
use std::fmt;

/// An event's time at the earliest and at the latest, both in nanoseconds since the Unix
/// epoch: the true time is certainly one of those. Of two events of different recorders
/// the one is certainly first whose latest is before the earliest of the other.
///
/// ```
/// use witness_histories::Clock;
///
/// let clock = Clock::about(1_000, 200);
/// assert_eq!((clock.earliest(), clock.latest()), (800, 1_200));
/// assert_eq!(Clock::new(5, 4), None, "the earliest is after the latest");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clock {
    earliest: i64,
    latest: i64,
}

impl Clock {
    /// Between these two; none if the earliest is after the latest.
    pub fn new(earliest_ns: i64, latest_ns: i64) -> Option<Clock> {
        (earliest_ns <= latest_ns).then_some(Clock {
            earliest: earliest_ns,
            latest: latest_ns,
        })
    }

    /// What a clock that may be off by that much shows, either way.
    pub fn about(shown_ns: i64, uncertainty_ns: u64) -> Clock {
        Clock {
            earliest: shown_ns.saturating_sub_unsigned(uncertainty_ns),
            latest: shown_ns.saturating_add_unsigned(uncertainty_ns),
        }
    }

    /// Nanoseconds since the Unix epoch.
    pub fn earliest(self) -> i64 {
        self.earliest
    }

    /// Nanoseconds since the Unix epoch.
    pub fn latest(self) -> i64 {
        self.latest
    }

    /// Between the two, rounded down.
    pub fn middle(self) -> i64 {
        // No overflow: the sum of the halves, and of what halving lost.
        (self.earliest >> 1) + (self.latest >> 1) + (self.earliest & self.latest & 1)
    }

    /// The same clock, if it may be off by that much more.
    #[must_use]
    pub fn widened(self, by_ns: u64) -> Clock {
        Clock {
            earliest: self.earliest.saturating_sub_unsigned(by_ns),
            latest: self.latest.saturating_add_unsigned(by_ns),
        }
    }

    /// Reads `[earliest,latest]`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn from_json(json: &str) -> Result<Clock, BadClock> {
        let [earliest, latest] = serde_json::from_str(json).map_err(|_| BadClock::Form)?;
        Clock::new(earliest, latest).ok_or(BadClock::Order { earliest, latest })
    }
}

/// What places an event among those of other recorders. Most histories have one recorder
/// and need none, so that an event holds it apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// When, by a clock that can be compared with those of other recorders.
    pub clock: Option<Clock>,
    /// Whose order of events this is, where a history has those of several recorders.
    pub recorder: Option<Cow<'a, str>>,
}

impl Stamp<'_> {
    /// The same stamp, borrowing nothing.
    pub fn into_owned(self) -> Stamp<'static> {
        Stamp {
            clock: self.clock,
            recorder: self.recorder.map(|name| Cow::Owned(name.into_owned())),
        }
    }
}

/// Why something is no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadClock {
    /// Not two integers.
    Form,
    /// The wrong way round.
    Order { earliest: i64, latest: i64 },
}

impl fmt::Display for BadClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadClock::Form => f.write_str(
                "expected [earliest, latest], two integers of nanoseconds since the Unix epoch",
            ),
            BadClock::Order { earliest, latest } => {
                write!(f, "the earliest, {earliest}, is after the latest, {latest}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_is_between(earliest: i64, latest: i64) {
            let (earliest, latest) = (earliest.min(latest), earliest.max(latest));
            let middle = Clock::new(earliest, latest).unwrap().middle();
            let exact = (i128::from(earliest) + i128::from(latest)).div_euclid(2);
            prop_assert_eq!(i128::from(middle), exact);
        }
    }
}
