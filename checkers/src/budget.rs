//! What a search may cost. There is no clock here: time is counted in steps, and
//! whoever has a clock can say stop.

use std::fmt;
use std::sync::Arc;

use crate::words;

/// A question asked now and then while a search goes on: must it stop?
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Stop {
    /// Stops as soon as that is true.
    pub fn when(stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Stop(Some(Arc::new(stop)))
    }

    /// The question whose answer is always no.
    pub(crate) fn never() -> &'static Self {
        static NEVER: Stop = Stop(None);
        &NEVER
    }

    pub(crate) fn now(&self) -> bool {
        self.0.as_ref().is_some_and(|stop| stop())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Stop(when ..)"
        } else {
            "Stop(never)"
        })
    }
}

/// Two are equal when they are the same question.
impl PartialEq for Stop {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl Eq for Stop {}

/// What one search may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Steps of search.
    pub steps_max: u64,
    /// Bytes, about.
    pub bytes_max: usize,
    /// Asked now and then; once it is true, the search ends undecided.
    pub stop: Stop,
}

impl Default for Budget {
    /// A billion steps and 4 GiB.
    fn default() -> Self {
        Budget {
            steps_max: 1_000_000_000,
            bytes_max: usize::try_from(4_u64 << 30).unwrap_or(usize::MAX),
            stop: Stop::default(),
        }
    }
}

/// What was used up. Displayed, when a search gave up: `after 16 MiB of memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exhausted {
    /// That many steps.
    Steps(u64),
    /// That many bytes.
    Bytes(usize),
    /// It was told to stop.
    Stopped,
    /// That many unresolved operations in a row that need each other.
    Depth(usize),
}

impl Budget {
    pub(crate) fn spend(&self, steps: u64, bytes: usize) -> Result<(), Exhausted> {
        if steps > self.steps_max {
            return Err(Exhausted::Steps(self.steps_max));
        }
        if bytes > self.bytes_max {
            return Err(Exhausted::Bytes(self.bytes_max));
        }
        match self.is_stopped() {
            true => Err(Exhausted::Stopped),
            false => Ok(()),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.now()
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exhausted::Steps(steps) => write!(f, "after {}", words::count(*steps, "search step")),
            Exhausted::Bytes(bytes) => write!(f, "after {} MiB of memory", bytes >> 20),
            Exhausted::Stopped => f.write_str("when time was up"),
            Exhausted::Depth(depth) => {
                write!(
                    f,
                    "at a chain of {depth} unresolved operations that need each other"
                )
            }
        }
    }
}
