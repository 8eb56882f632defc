//! What events say of when they happened, for a history that is to be merged with others.
//! It has a clock asked; which one, whoever records decides.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::clock::Clock;

/// By what clock a recorder stamps its events, and what it calls itself.
///
/// ```
/// use witness_histories::{Clock, Recorder, Stamping};
///
/// let dir = tempfile::tempdir()?;
/// let stamping = Stamping::by(|| Some(Clock::about(1_000, 200))).named("east");
/// let recorder = Recorder::create_stamping(dir.path().join("history.jsonl"), Some(stamping))?;
/// recorder.client(None).invoke("read", None, &())?.ok(&1, None)?;
/// let saved = std::fs::read_to_string(recorder.path())?;
/// let stamped = |line: &str| line.ends_with(r#","clock":[800,1200],"recorder":"east"}"#);
/// assert_eq!(saved.lines().filter(|line| stamped(line)).count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Stamping {
    clock: Arc<dyn Fn() -> Option<Clock> + Send + Sync>,
    recorder: Option<String>,
}

impl Stamping {
    /// By the system's clock, which may be off by that much, either way, in nanoseconds.
    pub fn system(uncertainty_ns: u64) -> Stamping {
        Stamping::by(move || {
            let now = since_epoch(SystemTime::now());
            Some(Clock::about(now, uncertainty_ns))
        })
    }

    /// By what this says at the moment it is asked. None says that nobody knows, and the
    /// event carries no clock.
    ///
    /// It is asked once an event, by whatever thread records, by one at a time and while all
    /// others wait: so it should be quick, and must not record.
    pub fn by(clock: impl Fn() -> Option<Clock> + Send + Sync + 'static) -> Stamping {
        Stamping {
            clock: Arc::new(clock),
            recorder: None,
        }
    }

    /// Every event says that the recorder of that name saw it. Without a name, that is said
    /// when the history is merged.
    #[must_use]
    pub fn named(self, recorder: impl Into<String>) -> Stamping {
        Stamping {
            recorder: Some(recorder.into()),
            ..self
        }
    }

    pub(super) fn now(&self) -> Option<Clock> {
        (self.clock)()
    }

    pub(super) fn recorder(&self) -> Option<&str> {
        self.recorder.as_deref()
    }
}

impl fmt::Debug for Stamping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamping")
            .field("recorder", &self.recorder)
            .finish_non_exhaustive()
    }
}

/// Nanoseconds since the Unix epoch.
fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}
