//! Recording a history while it happens: from many threads or tasks into one
//! file, in real-time order. It has no async runtime; a call takes about as
//! long as one small `write`.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::event::{Error, Event, Key, Kind, Process};
use crate::jsonl;

mod log;
mod stamping;
#[cfg(test)]
mod tests;

use log::{Log, Refusal};
pub use stamping::Stamping;

/// Appends events to a file as they happen. Clones record into the same file.
///
/// An event is in the file, as one whole line, when the call that records it
/// returns: killing the program loses nothing that was recorded. Index and time
/// are given out under one lock, so the order in the file is the order in which
/// the calls took effect, and time never goes backwards.
///
/// ```
/// use serde_json::json;
/// use witness_histories::{Error, Key, Recorder};
///
/// let dir = tempfile::tempdir()?;
/// let recorder = Recorder::create(dir.path().join("history.jsonl"))?;
/// let mut buyer = recorder.client(Some("us-east-1"));
///
/// let op = buyer.invoke("acquire", Some(Key::from("A1")), &json!({"buyer": "b3"}))?;
/// op.ok(&json!({"buyer": "b3", "sale_id": "01JD"}), Some(2))?;
///
/// let op = buyer.invoke("acquire", Some(Key::from("A2")), &json!({"buyer": "b3"}))?;
/// op.info(Error::new("timeout", "no answer within 5 s"), None)?;
/// // Nobody knows, so the client goes on under a new process by itself.
///
/// assert_eq!(recorder.finish()?, 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    start: Instant,
    began: SystemTime,
    stamping: Option<Stamping>,
    next_process: AtomicU64,
    log: Mutex<Log<File>>,
}

/// Why an event was not recorded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecordError {
    /// The file is there already: a history is never overwritten.
    #[error("{}: already exists; a history is never overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be created or written, a full disk for instance. It
    /// holds the events recorded before, and takes no more.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The recording was finished before.
    #[error("{}: the recording is finished", .path.display())]
    Finished {
        /// The file.
        path: PathBuf,
    },
    /// A value cannot be written as JSON.
    #[error("{}: value of {f:?}: {error}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// What the value was of.
        f: String,
        /// What serde said.
        error: Arc<serde_json::Error>,
    },
}

/// Who may say something outside of any operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// Witness: evidence, scoreboards, phases.
    Witness,
    /// Whoever causes faults.
    Nemesis,
}

/// An event outside of any operation. See [`Recorder::note`].
#[derive(Debug, Clone)]
pub struct Note<'a, V: ?Sized> {
    /// Who says it.
    pub author: Author,
    /// Usually [`Kind::Ok`]; [`Kind::Info`] with an error if it is not known.
    pub kind: Kind,
    /// What region it is about.
    pub region: Option<&'a str>,
    /// What it is: `evidence`, `scoreboard`, `phase`, ...
    pub f: &'a str,
    /// The object it is about.
    pub key: Option<Key<'a>>,
    /// What it says.
    pub value: &'a V,
    /// Why it failed, or is not known.
    pub error: Option<Error<'a>>,
}

impl Recorder {
    /// Creates the file and starts the clock.
    ///
    /// # Errors
    /// The file exists or cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Recorder, RecordError> {
        Recorder::create_stamping(path, None)
    }

    /// As [`Recorder::create`], and every event says when it happened by a clock, so that
    /// the history can be merged with those of other recorders.
    ///
    /// # Errors
    /// As [`Recorder::create`].
    pub fn create_stamping(
        path: impl Into<PathBuf>,
        stamping: Option<Stamping>,
    ) -> Result<Recorder, RecordError> {
        let path = path.into();
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => Ok(Recorder {
                shared: Arc::new(Shared {
                    path,
                    start: Instant::now(),
                    began: SystemTime::now(),
                    stamping,
                    next_process: AtomicU64::new(0),
                    log: Mutex::new(Log::new(file)),
                }),
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(RecordError::Exists { path })
            }
            Err(error) => Err(RecordError::Io {
                path,
                error: Arc::new(error),
            }),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// When the clock was started, which is time 0, by the system's clock.
    pub fn began(&self) -> SystemTime {
        self.shared.began
    }

    /// A new client, under a process of its own.
    pub fn client(&self, region: Option<&str>) -> Client {
        Client {
            process: self.fresh_process(),
            region: region.map(Arc::from),
            recorder: self.clone(),
        }
    }

    /// Records what Witness or the nemesis has to say; returns its index.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn note<V: Serialize + ?Sized>(&self, note: Note<'_, V>) -> Result<u64, RecordError> {
        let value = self.value(note.f, note.value)?;
        self.record(&Event {
            process: match note.author {
                Author::Witness => Process::Witness,
                Author::Nemesis => Process::Nemesis,
            },
            region: note.region.map(Cow::Borrowed),
            key: note.key,
            value: Some(Cow::Owned(value)),
            error: note.error,
            ..event(note.kind, note.f)
        })
    }

    /// Ends the recording, makes the file durable, and returns how many events
    /// it holds. Nothing can be recorded after that, by clones neither.
    ///
    /// # Errors
    /// The first error of the recording, if there was one, or that of making
    /// the file durable.
    pub fn finish(&self) -> Result<u64, RecordError> {
        self.log().finish().map_err(|refusal| self.refused(refusal))
    }

    fn record(&self, event: &Event<'_>) -> Result<u64, RecordError> {
        // All that need not wait for its turn is done before the lock.
        let mut rest = Vec::with_capacity(256);
        jsonl::write_rest(event, &mut rest);
        let mut log = self.log();
        if let Some(stamping) = &self.shared.stamping {
            // In its turn, so that clocks are in the order of events.
            jsonl::write_stamp(stamping.now(), stamping.recorder(), &mut rest);
        }
        let time = i64::try_from(self.shared.start.elapsed().as_nanos()).unwrap_or(i64::MAX);
        log.append(time, &rest)
            .map_err(|refusal| self.refused(refusal))
    }

    fn value<V: Serialize + ?Sized>(
        &self,
        f: &str,
        value: &V,
    ) -> Result<Box<RawValue>, RecordError> {
        to_raw_value(value).map_err(|error| RecordError::Value {
            path: self.shared.path.clone(),
            f: f.to_owned(),
            error: Arc::new(error),
        })
    }

    fn fresh_process(&self) -> u64 {
        self.shared.next_process.fetch_add(1, Ordering::Relaxed)
    }

    /// A thread that panicked inside left the log as it was: it is only changed
    /// after a write, or marked as failed.
    fn log(&self) -> MutexGuard<'_, Log<File>> {
        self.shared
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, refusal: Refusal) -> RecordError {
        let path = self.shared.path.clone();
        match refusal {
            Refusal::Finished => RecordError::Finished { path },
            Refusal::Failed(error) => RecordError::Io { path, error },
        }
    }
}

/// An event with nothing optional; the log gives it its index and time.
fn event<'a>(kind: Kind, f: &'a str) -> Event<'a> {
    Event {
        index: 0,
        time: 0,
        kind,
        process: Process::Witness,
        region: None,
        f: Cow::Borrowed(f),
        key: None,
        value: None,
        error: None,
        attempts: None,
        stamp: None,
        extra: Vec::new(),
    }
}

/// A client that stands in a region and does one operation at a time.
///
/// It owns its process, and changes it when the rules ask for it: after an
/// operation of which nobody knows whether it happened.
#[derive(Debug)]
pub struct Client {
    process: u64,
    region: Option<Arc<str>>,
    recorder: Recorder,
}

impl Client {
    /// The process under which the next operation will run.
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Records that the client asks for an operation; call it *before* anything
    /// is sent. A value of `&()` is recorded as `null`.
    ///
    /// # Errors
    /// See [`RecordError`]. The operation must not be run then.
    pub fn invoke<'a, V: Serialize + ?Sized>(
        &'a mut self,
        f: &'a str,
        key: Option<Key<'a>>,
        value: &V,
    ) -> Result<OpenOperation<'a>, RecordError> {
        let value = self.recorder.value(f, value)?;
        let mut open = OpenOperation {
            client: self,
            index: 0,
            f,
            key,
            value,
            known: false,
        };
        open.index = open.record(Kind::Invoke, &open.value, None, None)?;
        Ok(open)
    }
}

/// An operation that was invoked. Complete it *after* its answer has come.
///
/// Dropped without completion, as when a task is cancelled, it stays open in
/// the history, which means the same as [`OpenOperation::info`].
#[derive(Debug)]
#[must_use = "an operation that is not completed counts as one of which nobody knows"]
pub struct OpenOperation<'a> {
    client: &'a mut Client,
    index: u64,
    f: &'a str,
    key: Option<Key<'a>>,
    value: Box<RawValue>,
    /// Whether it is known how it ended, so that the process may go on.
    known: bool,
}

impl OpenOperation<'_> {
    /// The index of the invocation.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The process it runs under.
    pub fn process(&self) -> u64 {
        self.client.process
    }

    /// It happened, with this result. `attempts` counts the database
    /// transactions tried, the first included. Returns the event's index.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn ok<V: Serialize + ?Sized>(
        mut self,
        value: &V,
        attempts: Option<u32>,
    ) -> Result<u64, RecordError> {
        let value = self.client.recorder.value(self.f, value)?;
        let index = self.record(Kind::Ok, &value, None, attempts)?;
        self.known = true;
        Ok(index)
    }

    /// It certainly did not happen. The invocation's value is recorded again.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn fail(mut self, error: Error<'_>, attempts: Option<u32>) -> Result<u64, RecordError> {
        let index = self.record(Kind::Fail, &self.value, Some(error), attempts)?;
        self.known = true;
        Ok(index)
    }

    /// Nobody knows whether it happened. The invocation's value is recorded
    /// again, and the client goes on under a new process.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn info(self, error: Error<'_>, attempts: Option<u32>) -> Result<u64, RecordError> {
        self.record(Kind::Info, &self.value, Some(error), attempts)
    }

    fn record(
        &self,
        kind: Kind,
        value: &RawValue,
        error: Option<Error<'_>>,
        attempts: Option<u32>,
    ) -> Result<u64, RecordError> {
        self.client.recorder.record(&Event {
            process: Process::Client(self.client.process),
            region: self.client.region.as_deref().map(Cow::Borrowed),
            key: self.key.as_ref().map(Key::borrowed),
            value: Some(Cow::Borrowed(value)),
            error,
            attempts,
            ..event(kind, self.f)
        })
    }
}

impl Drop for OpenOperation<'_> {
    fn drop(&mut self) {
        if !self.known {
            self.client.process = self.client.recorder.fresh_process();
        }
    }
}
