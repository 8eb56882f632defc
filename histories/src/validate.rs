//! What makes a sequence of events a history, checked event by event in memory
//! bounded by the processes that have an operation open. It judges form only:
//! whether the database kept its promise is for the checkers to say.

use std::collections::HashMap;
use std::fmt;

use crate::event::{Event, Key, Kind, Process};
use crate::field::Field;

/// Checks events one after the other.
///
/// - Indices count from 0 without gaps; time never goes backwards.
/// - A client has at most one operation open; what completes it has its `f` and
///   its key.
/// - After an `info` nobody knows whether the operation is still running, so
///   that process is never used again.
///
/// Nemesis and Witness may say what they like when they like.
#[derive(Debug, Default)]
pub struct Validator {
    events: u64,
    time: Option<i64>,
    clients: Clients,
    open: usize,
    /// The operations that are open, and some that were, kept for their memory.
    calls: Vec<Call>,
    /// Which of them are not open.
    spare: Vec<u32>,
}

/// An operation that is open.
#[derive(Debug, Default)]
struct Call {
    index: u64,
    f: String,
    key: Option<Key<'static>>,
}

/// An event that does not fit the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {index}: {problem}")]
pub struct Invalid {
    /// The event's own `index`.
    pub index: u64,
    /// What is wrong with it.
    pub problem: Problem,
}

/// How an event does not fit the ones before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Indices must count from 0 without gaps.
    Index {
        /// The index that should come.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// Time must not go backwards.
    Time {
        /// The time of the event before, in nanoseconds.
        before: i64,
        /// The time that came.
        found: i64,
    },
    /// A client invoked while it had an operation open.
    AlreadyOpen {
        /// The client.
        process: u64,
        /// Index of the invocation that is open.
        invoked: u64,
    },
    /// A client completed what it had not invoked.
    NotOpen {
        /// The client.
        process: u64,
        /// What the event was.
        kind: Kind,
    },
    /// A client came back after an `info`.
    Retired {
        /// The client.
        process: u64,
    },
    /// A completion is not of the function that was invoked.
    OtherF {
        /// Index of the invocation.
        invoked: u64,
        /// The function invoked.
        expected: String,
        /// The function completed.
        found: String,
    },
    /// A completion is not of the key that was invoked.
    OtherKey {
        /// Index of the invocation.
        invoked: u64,
        /// The key invoked.
        expected: Option<Key<'static>>,
        /// The key completed.
        found: Option<Key<'static>>,
    },
}

impl Problem {
    /// The field at fault.
    pub fn field(&self) -> Field {
        match self {
            Problem::Index { .. } => Field::Index,
            Problem::Time { .. } => Field::Time,
            Problem::AlreadyOpen { .. } | Problem::NotOpen { .. } | Problem::Retired { .. } => {
                Field::Process
            }
            Problem::OtherF { .. } => Field::F,
            Problem::OtherKey { .. } => Field::Key,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field \"{}\": ", self.field())?;
        match self {
            Problem::Index { expected, found } => write!(f, "expected {expected}, found {found}"),
            Problem::Time { before, found } => {
                write!(f, "{found} ns is before {before} ns of the event before")
            }
            Problem::AlreadyOpen { process, invoked } => write!(
                f,
                "process {process} invokes while its operation of event {invoked} is still open"
            ),
            Problem::NotOpen { process, kind } => {
                write!(
                    f,
                    "process {process} has no open operation that this {kind} could complete"
                )
            }
            Problem::Retired { process } => write!(
                f,
                "process {process} is used again after an info; a client must go on under a new process"
            ),
            Problem::OtherF {
                invoked,
                expected,
                found,
            } => {
                write!(
                    f,
                    "{found:?} completes event {invoked}, which invoked {expected:?}"
                )
            }
            Problem::OtherKey {
                invoked,
                expected,
                found,
            } => {
                let name = |key: &Option<Key<'_>>| match key {
                    None => "no key".to_owned(),
                    Some(Key::Text(text)) => format!("key {text:?}"),
                    Some(key) => format!("key {key}"),
                };
                let (expected, found) = (name(expected), name(found));
                write!(
                    f,
                    "{found} completes event {invoked}, which invoked {expected}"
                )
            }
        }
    }
}

impl Validator {
    /// A validator that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event; O(1).
    ///
    /// # Errors
    /// The event does not fit the ones before it. It was not taken then, except
    /// that its index and time may have been.
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), Invalid> {
        self.take(event).map_err(|problem| Invalid {
            index: event.index,
            problem,
        })
    }

    /// How many events were taken.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many operations are open now.
    pub fn open(&self) -> usize {
        self.open
    }

    fn take(&mut self, event: &Event<'_>) -> Result<(), Problem> {
        if event.index != self.events {
            return Err(Problem::Index {
                expected: self.events,
                found: event.index,
            });
        }
        match self.time {
            Some(before) if event.time < before => {
                return Err(Problem::Time {
                    before,
                    found: event.time,
                });
            }
            _ => self.time = Some(event.time),
        }
        self.events += 1;
        match event.process {
            Process::Client(process) => self.client(process, event),
            Process::Nemesis | Process::Witness => Ok(()),
        }
    }

    fn client(&mut self, process: u64, event: &Event<'_>) -> Result<(), Problem> {
        let invokes = event.kind == Kind::Invoke;
        match self.clients.get(process) {
            Client::Retired => Err(Problem::Retired { process }),
            Client::Idle if invokes => {
                let at = self.spare.pop().unwrap_or(self.calls.len() as u32);
                if at as usize == self.calls.len() {
                    self.calls.push(Call::default());
                }
                self.calls[at as usize].set(event);
                self.clients.set(process, Client::Calls(at));
                self.open += 1;
                Ok(())
            }
            Client::Idle => Err(Problem::NotOpen {
                process,
                kind: event.kind,
            }),
            Client::Calls(at) if invokes => Err(Problem::AlreadyOpen {
                process,
                invoked: self.calls[at as usize].index,
            }),
            Client::Calls(at) => {
                self.calls[at as usize].check(event)?;
                let client = match event.kind {
                    Kind::Info => Client::Retired,
                    _ => Client::Idle,
                };
                self.clients.set(process, client);
                self.spare.push(at);
                self.open -= 1;
                Ok(())
            }
        }
    }
}

impl Call {
    fn set(&mut self, event: &Event<'_>) {
        self.index = event.index;
        self.f.clear();
        self.f.push_str(&event.f);
        match (&mut self.key, &event.key) {
            (Some(Key::Text(old)), Some(Key::Text(new))) => {
                let old = old.to_mut();
                old.clear();
                old.push_str(new);
            }
            (old, new) => *old = new.clone().map(Key::into_owned),
        }
    }

    fn check(&self, event: &Event<'_>) -> Result<(), Problem> {
        if self.f != event.f {
            return Err(Problem::OtherF {
                invoked: self.index,
                expected: self.f.clone(),
                found: event.f.clone().into_owned(),
            });
        }
        if self.key != event.key {
            return Err(Problem::OtherKey {
                invoked: self.index,
                expected: self.key.clone(),
                found: event.key.clone().map(Key::into_owned),
            });
        }
        Ok(())
    }
}

/// What a client is doing.
#[derive(Debug, Clone, Copy)]
enum Client {
    Idle,
    /// That call is open.
    Calls(u32),
    Retired,
}

/// What every client is doing. Recorders number them from 0, so an array holds most.
#[derive(Debug, Default)]
struct Clients {
    /// [`IDLE`], [`RETIRED`] or a call, by client.
    low: Vec<u32>,
    calls: HashMap<u64, u32>,
    retired: IdSet,
}

const LOW: u64 = 1 << 20;
const IDLE: u32 = u32::MAX;
const RETIRED: u32 = u32::MAX - 1;

impl Clients {
    #[inline]
    fn get(&self, client: u64) -> Client {
        if client < LOW {
            return match self.low.get(client as usize) {
                None | Some(&IDLE) => Client::Idle,
                Some(&RETIRED) => Client::Retired,
                Some(&at) => Client::Calls(at),
            };
        }
        match self.calls.get(&client) {
            Some(&at) => Client::Calls(at),
            None if self.retired.contains(client) => Client::Retired,
            None => Client::Idle,
        }
    }

    #[inline]
    fn set(&mut self, client: u64, to: Client) {
        if client < LOW {
            let slot = client as usize;
            if slot >= self.low.len() {
                self.low.resize((slot + 1).next_power_of_two(), IDLE);
            }
            self.low[slot] = match to {
                Client::Idle => IDLE,
                Client::Calls(at) => at,
                Client::Retired => RETIRED,
            };
            return;
        }
        match to {
            Client::Calls(at) => drop(self.calls.insert(client, at)),
            Client::Idle => drop(self.calls.remove(&client)),
            Client::Retired => {
                self.calls.remove(&client);
                self.retired.insert(client);
            }
        }
    }
}

/// A set of process numbers. Recorders count them up, so 64 neighbours share a
/// word and a run with millions of retired clients stays small.
#[derive(Debug, Default)]
struct IdSet(HashMap<u64, u64>);

impl IdSet {
    fn insert(&mut self, id: u64) {
        *self.0.entry(id / 64).or_default() |= 1 << (id % 64);
    }

    fn contains(&self, id: u64) -> bool {
        self.0
            .get(&(id / 64))
            .is_some_and(|word| word & 1 << (id % 64) != 0)
    }
}

#[cfg(test)]
mod tests;
