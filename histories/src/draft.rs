//! What another format says of an event, and how it becomes a whole one: what is
//! missing is supplied, and what was supplied is said in a warning.

use std::borrow::Cow;
use std::fmt;

use serde_json::value::RawValue;

use crate::clock::Stamp;
use crate::event::{Error, Event, Key, Kind, Process};
use crate::field::Field;

/// The fields seen so far. Formats of others may leave out most of them.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) seen: u16,
    pub(crate) index: Option<u64>,
    pub(crate) time: Option<i64>,
    pub(crate) kind: Option<Kind>,
    pub(crate) process: Option<Process>,
    pub(crate) region: Option<Cow<'a, str>>,
    pub(crate) f: Option<Cow<'a, str>>,
    pub(crate) key: Option<Key<'a>>,
    pub(crate) value: Option<Cow<'a, RawValue>>,
    pub(crate) error: Option<Error<'a>>,
    pub(crate) attempts: Option<u32>,
    pub(crate) stamp: Option<Box<Stamp<'a>>>,
    pub(crate) extra: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl Draft<'_> {
    /// Notes the field; false if it was there before.
    pub(crate) fn first(&mut self, field: Field) -> bool {
        let first = !self.has(field);
        self.seen |= 1 << field as u16;
        first
    }

    pub(crate) fn has(&self, field: Field) -> bool {
        self.seen & 1 << field as u16 != 0
    }
}

/// What a reader supplied where a history of another format leaves it out. The order of
/// the events is kept, so none of it changes a verdict but one on how long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Supplied {
    /// Indices are missing or do not count from 0 without gaps: the events were
    /// counted. An index that differs is kept as the field `source_index`.
    Index,
    /// Times are missing: each is a nanosecond after the one before.
    Time,
    /// Times go backwards, which the order of events does not: an early one is the same
    /// as the one before, and is kept as the field `source_time`.
    EarlyTime,
    /// Processes are missing: taken for one client, 0.
    Process,
    /// Functions are missing: taken for `txn`, as Elle does.
    F,
}

impl fmt::Display for Supplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Supplied::Index => "indices were given out in order",
            Supplied::Time => "times were given out in order",
            Supplied::EarlyTime => "times that go back were taken for the one before",
            Supplied::Process => "a missing process was taken for client 0",
            Supplied::F => "a missing function was taken for \"txn\"",
        })
    }
}

/// Completes drafts, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    events: u64,
    time: Option<i64>,
    /// By [`Supplied`]: for how many events, and the line of the first.
    supplied: [(u64, u64); 5],
}

impl Completion {
    /// The event on that line.
    ///
    /// # Errors
    /// The field without which there is no event.
    #[inline]
    pub(crate) fn event<'a>(
        &mut self,
        mut draft: Draft<'a>,
        line: u64,
    ) -> Result<Event<'a>, Field> {
        let kind = draft.kind.ok_or(Field::Type)?;
        let index = self.events;
        self.events += 1;
        if draft.index != Some(index) {
            self.note(Supplied::Index, line);
            if let Some(source) = draft.index {
                keep("source_index", &source.to_string(), &mut draft);
            }
        }
        let time = match (draft.time, self.time) {
            (Some(time), Some(before)) if time < before => {
                self.note(Supplied::EarlyTime, line);
                keep("source_time", &time.to_string(), &mut draft);
                before
            }
            (Some(time), _) => time,
            (None, before) => {
                self.note(Supplied::Time, line);
                before.map_or(0, |before| before.saturating_add(1))
            }
        };
        self.time = Some(time);
        Ok(Event {
            index,
            time,
            kind,
            process: draft.process.unwrap_or_else(|| {
                self.note(Supplied::Process, line);
                Process::Client(0)
            }),
            region: draft.region,
            f: draft.f.unwrap_or_else(|| {
                self.note(Supplied::F, line);
                Cow::Borrowed("txn")
            }),
            key: draft.key,
            value: draft.value,
            error: draft.error,
            attempts: draft.attempts,
            stamp: draft.stamp,
            extra: draft.extra,
        })
    }

    /// What was supplied, for how many events, and the line of the first.
    pub(crate) fn supplied(&self) -> impl Iterator<Item = (Supplied, u64, u64)> {
        [
            Supplied::Index,
            Supplied::Time,
            Supplied::EarlyTime,
            Supplied::Process,
            Supplied::F,
        ]
        .into_iter()
        .zip(self.supplied)
        .filter(|(_, (events, _))| *events > 0)
        .map(|(what, (events, line))| (what, events, line))
    }

    fn note(&mut self, what: Supplied, line: u64) {
        let (events, first) = &mut self.supplied[what as usize];
        if *events == 0 {
            *first = line;
        }
        *events += 1;
    }
}

/// Keeps what the source says, unless it was kept before.
fn keep(name: &'static str, number: &str, draft: &mut Draft<'_>) {
    if draft.extra.iter().all(|(known, _)| known != name)
        && let Ok(raw) = RawValue::from_string(number.to_owned())
    {
        draft.extra.push((Cow::Borrowed(name), Cow::Owned(raw)));
    }
}
