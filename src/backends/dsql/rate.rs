//! The service's limit on new connections: so many a second, and a burst to begin with.

use std::time::{Duration, Instant};

/// New connections a second, in the long run.
const PER_SECOND: f64 = 100.0;
/// New connections at once, after a pause.
const BURST: f64 = 1000.0;

/// A bucket of tokens, one a connection. Whoever finds it empty is told how long to wait
/// for the token that it has taken all the same, so that nobody overtakes.
#[derive(Debug)]
pub(super) struct Rate {
    tokens: f64,
    at: Instant,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Rate {
        Rate {
            tokens: BURST,
            at: now,
        }
    }

    /// How long to wait before connecting.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * PER_SECOND).min(BURST) - 1.0;
        self.at = self.at.max(now);
        Duration::from_secs_f64((-self.tokens / PER_SECOND).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_a_hundred_a_second() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        for n in 0..1000 {
            assert_eq!(rate.take(start), Duration::ZERO, "connection {n}");
        }
        for n in 1..=250_u64 {
            let waited = rate.take(start);
            let expected = Duration::from_millis(10 * n);
            assert!(
                waited.abs_diff(expected) < Duration::from_micros(1),
                "{n}: {waited:?}"
            );
        }
        // Those 250 have connected by then; one more second makes 100 tokens.
        let later = start + Duration::from_millis(3500);
        for n in 0..100 {
            assert_eq!(rate.take(later), Duration::ZERO, "connection {n}");
        }
        assert!(rate.take(later) > Duration::ZERO);
    }

    #[test]
    fn a_pause_fills_the_bucket_to_its_brim() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let later = start + Duration::from_secs(3600);
        let free = (0..2000).filter(|_| rate.take(later).is_zero()).count();
        assert_eq!(free, 1000);
    }
}
