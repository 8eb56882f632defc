//! One event of a history, as saved: the model that every codec reads into and
//! every checker reads from. It does no I/O.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::clock::{Clock, Stamp};

/// What an event says of its operation (Jepsen's `:type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A process asked for the operation.
    Invoke,
    /// The operation happened.
    Ok,
    /// The operation certainly did not happen.
    Fail,
    /// Nobody knows whether the operation happened.
    Info,
}

impl Kind {
    /// The name as saved.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
        }
    }

    /// The kind with that name, if there is one.
    pub fn named(name: &str) -> Option<Kind> {
        Some(match name.as_bytes() {
            b"invoke" => Kind::Invoke,
            b"ok" => Kind::Ok,
            b"fail" => Kind::Fail,
            b"info" => Kind::Info,
            _ => return None,
        })
    }

    /// How an event of this kind ends its operation; an invocation does not.
    pub fn completion(self) -> Option<Completion> {
        match self {
            Kind::Invoke => None,
            Kind::Ok => Some(Completion::Ok),
            Kind::Fail => Some(Completion::Fail),
            Kind::Info => Some(Completion::Info),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How an operation ended. An operation that never ended counts as [`Completion::Info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Completion {
    /// It happened.
    Ok,
    /// It certainly did not happen.
    Fail,
    /// Nobody knows.
    Info,
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Process {
    /// A logical single-threaded client, with at most one operation open at a time.
    Client(u64),
    /// The one who causes faults.
    Nemesis,
    /// Witness itself: evidence, scoreboards, phases.
    Witness,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Process::Client(id) => id.fmt(f),
            Process::Nemesis => f.pad("nemesis"),
            Process::Witness => f.pad("witness"),
        }
    }
}

/// The object of an operation (Jepsen's independent key): any JSON scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key<'a> {
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number that is not an `i64`, as it was spelt.
    Number(Cow<'a, str>),
    /// A string.
    Text(Cow<'a, str>),
}

/// Why an operation failed, or why nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error<'a> {
    /// A short machine-readable class: `rejected`, `conflict`, `timeout`, ...
    pub class: Cow<'a, str>,
    /// The message, for a person. Never holds credentials.
    pub message: Cow<'a, str>,
}

/// One line of a history.
///
/// Borrows from the line it was read from where it can; [`Event::into_owned`]
/// cuts it loose.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Position in the history, from 0, without gaps.
    pub index: u64,
    /// Nanoseconds since the run began, on the recorder's one monotonic clock.
    pub time: i64,
    /// Invocation or completion.
    pub kind: Kind,
    /// Who.
    pub process: Process,
    /// Where the client stands.
    pub region: Option<Cow<'a, str>>,
    /// What: `acquire`, `read`, `txn`, `evidence`, ...
    pub f: Cow<'a, str>,
    /// The object.
    pub key: Option<Key<'a>>,
    /// Argument on an invocation, result on a completion: any JSON.
    pub value: Option<Cow<'a, RawValue>>,
    /// On [`Kind::Fail`] and [`Kind::Info`].
    pub error: Option<Error<'a>>,
    /// Database transactions tried, the first included.
    pub attempts: Option<u32>,
    /// The fields `clock` and `recorder`, if there is one of them.
    pub stamp: Option<Box<Stamp<'a>>>,
    /// Fields that this version does not know, kept and written back in order.
    pub extra: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl Event<'_> {
    /// When it happened, by a clock that can be compared with those of other recorders.
    pub fn clock(&self) -> Option<Clock> {
        self.stamp.as_ref()?.clock
    }

    /// Whose order of events this is, where a history has those of several recorders.
    pub fn recorder(&self) -> Option<&str> {
        self.stamp.as_ref()?.recorder.as_deref()
    }

    /// The same event, borrowing nothing.
    pub fn into_owned(self) -> Event<'static> {
        let text = |s: Cow<'_, str>| Cow::Owned(s.into_owned());
        let raw = |v: Cow<'_, RawValue>| Cow::Owned(v.into_owned());
        Event {
            index: self.index,
            time: self.time,
            kind: self.kind,
            process: self.process,
            region: self.region.map(text),
            f: text(self.f),
            key: self.key.map(Key::into_owned),
            value: self.value.map(raw),
            error: self.error.map(Error::into_owned),
            attempts: self.attempts,
            stamp: self.stamp.map(|stamp| Box::new(stamp.into_owned())),
            extra: self
                .extra
                .into_iter()
                .map(|(k, v)| (text(k), raw(v)))
                .collect(),
        }
    }
}

impl Key<'_> {
    /// The same key, borrowed.
    pub fn borrowed(&self) -> Key<'_> {
        match self {
            Key::Bool(b) => Key::Bool(*b),
            Key::Int(i) => Key::Int(*i),
            Key::Number(n) => Key::Number(Cow::Borrowed(n)),
            Key::Text(t) => Key::Text(Cow::Borrowed(t)),
        }
    }

    /// The same key, borrowing nothing.
    pub fn into_owned(self) -> Key<'static> {
        match self {
            Key::Bool(b) => Key::Bool(b),
            Key::Int(i) => Key::Int(i),
            Key::Number(n) => Key::Number(Cow::Owned(n.into_owned())),
            Key::Text(t) => Key::Text(Cow::Owned(t.into_owned())),
        }
    }
}

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        Key::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Key<'_> {
    fn from(text: String) -> Self {
        Key::Text(Cow::Owned(text))
    }
}

impl From<i64> for Key<'_> {
    fn from(int: i64) -> Self {
        Key::Int(int)
    }
}

impl From<bool> for Key<'_> {
    fn from(bool: bool) -> Self {
        Key::Bool(bool)
    }
}

impl<'a> Error<'a> {
    /// An error of a class, with its message.
    pub fn new(class: impl Into<Cow<'a, str>>, message: impl Into<Cow<'a, str>>) -> Self {
        Error {
            class: class.into(),
            message: message.into(),
        }
    }

    /// The same error, borrowing nothing.
    pub fn into_owned(self) -> Error<'static> {
        let text = |s: Cow<'_, str>| Cow::Owned(s.into_owned());
        Error {
            class: text(self.class),
            message: text(self.message),
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Bool(b) => b.fmt(f),
            Key::Int(i) => i.fmt(f),
            Key::Number(t) | Key::Text(t) => f.pad(t),
        }
    }
}
