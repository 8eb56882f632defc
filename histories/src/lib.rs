//! Events, operations and histories: recording them as they happen, reading
//! them back, and refusing what is not a history.
//!
//! - [`Recorder`] appends events to a file while concurrent clients run, in
//!   real-time order, so that a killed run leaves a readable history.
//! - [`Reader`] streams a saved history, one borrowed [`Event`] at a time, and
//!   validates it. [`History`] holds one in memory, with its [`Operation`]s.
//! - [`jsonl`] is the format: an event a line. [`edn`] is Jepsen's; the reader takes
//!   any [`Format`], packed or not, and [`convert`] goes from one to another.
//!   [`history()`] reads a shorthand for tests.
//!
//! ```
//! use serde_json::json;
//! use witness_histories::{Completion, Error, History, Key, Recorder};
//!
//! let dir = tempfile::tempdir()?;
//! let path = dir.path().join("history.jsonl");
//!
//! // Two buyers, one seat.
//! let recorder = Recorder::create(&path)?;
//! let mut here = recorder.client(Some("us-east-1"));
//! let mut there = recorder.client(Some("us-east-2"));
//! let first = here.invoke("acquire", Some(Key::from("A1")), &json!({"buyer": "b0"}))?;
//! let second = there.invoke("acquire", Some(Key::from("A1")), &json!({"buyer": "b1"}))?;
//! first.ok(&json!({"buyer": "b0", "sale_id": "01JD"}), Some(1))?;
//! second.fail(Error::new("rejected", "sold"), Some(2))?;
//! recorder.finish()?;
//!
//! let history = History::read(&path)?;
//! let ended: Vec<_> = history.operations().map(|operation| operation.completion()).collect();
//! assert_eq!(ended, [Completion::Ok, Completion::Fail]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Architecture invariant: this crate judges nothing. It has no async runtime,
//! no database driver and no network; whether a history is *right* is for the
//! checkers to say, here it is only *well formed*.

mod clock;
mod convert;
mod draft;
pub mod edn;
mod event;
mod field;
mod format;
mod history;
mod independent;
mod jepsen_log;
mod json;
pub mod jsonl;
mod merge;
mod notation;
mod operation;
mod raw;
mod reader;
mod recorder;
mod source;
#[cfg(test)]
mod strategies;
mod validate;

pub use clock::{Clock, Stamp};
pub use convert::{ConvertError, Writer, convert};
pub use draft::Supplied;
pub use event::{Completion, Error, Event, Key, Kind, Process};
pub use field::Field;
pub use format::{Format, UnknownFormat};
pub use history::History;
pub use merge::{MergeError, Source, merge};
pub use notation::{NotationError, history};
pub use operation::Operation;
pub use reader::{LINE_BYTES_MAX, ReadError, Reader, Warning};
pub use recorder::{Author, Client, Note, OpenOperation, RecordError, Recorder, Stamping};
pub use validate::{Invalid, Problem, Validator};
