//! The operations of a history, compact: 28 bytes each and 16 for their times, with
//! keys and values as numbers. It knows what an operation is, and no model.

mod canonical;
mod values;

use std::sync::{Arc, OnceLock};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::Value;
use witness_histories::{Event, Kind, Process};

use crate::checker::CheckError;
use crate::clocks::Clocks;
use crate::intern::{Full, Keys, NONE};
pub(crate) use canonical::canonical;
pub(crate) use values::{Values, exactly, small_integer};

/// The return of an operation that never returned.
pub(crate) const NEVER: u32 = u32::MAX;

/// Classes of errors by which a database says that it looked and the condition did
/// not hold. Any other failure (a conflict, a refused connection) says nothing of
/// the state.
pub(crate) const REFUSALS: [&str; 5] = [
    "rejected",
    "cas-failed",
    "did-not-match",
    "mismatch",
    "precondition-failed",
];

/// What is known of an operation's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It happened.
    Happened,
    /// It did not happen, because the database looked and a condition did not hold.
    Refused,
    /// It did not happen.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// An operation of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) key: u32,
    pub(crate) f: u16,
    pub(crate) outcome: Outcome,
    pub(crate) process: u32,
    /// Of [`Values`]; [`NONE`] if null or absent.
    pub(crate) argument: u32,
    pub(crate) result: u32,
    /// Event index of the invocation.
    pub(crate) call: u32,
    /// Event index of the completion, whatever it was, or [`NEVER`].
    pub(crate) completed: u32,
}

impl Operation {
    /// The event index by which it certainly was over, or [`NEVER`].
    pub(crate) fn ret(&self) -> u32 {
        match self.outcome {
            Outcome::Unknown => NEVER,
            _ => self.completed,
        }
    }
}

/// All operations of clients, in the order of their invocations. Built with
/// [`DigestBuilder`](crate::DigestBuilder).
#[derive(Debug, Default)]
pub struct Operations {
    pub(crate) all: Vec<Operation>,
    /// Nanoseconds of call and completion, by operation.
    pub(crate) times: Vec<[i64; 2]>,
    pub(crate) fs: Vec<String>,
    pub(crate) keys: Keys,
    pub(crate) values: Values,
    /// How many failures, by whether they say something of the state.
    pub(crate) failed: u64,
    /// What orders the events, if several recorders saw them.
    pub(crate) clocks: Option<Arc<Clocks>>,
    /// The same of processes, once it was asked for.
    pub(crate) of_processes: OnceLock<Option<Clocks>>,
    /// Whether nobody recorded when events happened, but only in which order.
    pub(crate) times_are_invented: bool,
}

impl Operations {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What orders the events, if several recorders saw them, or if their clock may be off; else
    /// it is certain.
    pub(crate) fn clocks(&self, uncertainty_ns: u64) -> Option<&Clocks> {
        if self.clocks.is_some() || uncertainty_ns == 0 {
            return self.clocks.as_deref();
        }
        let of_processes = || {
            let ends = self.all.iter().zip(&self.times);
            let ends = ends.map(|(op, &times)| (op.process, [op.call, op.ret()], times));
            Clocks::of_processes(ends)
        };
        self.of_processes.get_or_init(of_processes).as_ref()
    }

    /// The names of what was asked for, each once.
    pub(crate) fn fs(&self) -> &[String] {
        &self.fs
    }

    /// The key as JSON; none of an operation without one.
    pub(crate) fn key(&self, key: u32) -> Option<Value> {
        (key != NONE).then(|| self.keys.json(key))
    }
}

/// Fills [`Operations`], event by event.
#[derive(Debug, Default)]
pub(crate) struct OperationsBuilder {
    operations: Operations,
    open: Open,
    last_f: u16,
    last_key: u32,
}

impl OperationsBuilder {
    /// The names of the operations so far.
    pub(crate) fn fs(&self) -> &[String] {
        &self.operations.fs
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let Process::Client(process) = event.process else {
            return Ok(());
        };
        let process = u32::try_from(process)
            .ok()
            .filter(|&process| process != NONE)
            .ok_or_else(|| too_many(event, "processes", u64::from(NONE)))?;
        let index = u32::try_from(event.index)
            .ok()
            .filter(|&index| index < NEVER - 1)
            .ok_or_else(|| too_many(event, "events", u64::from(NEVER)))?;
        if event.kind == Kind::Invoke {
            return self.invoke(event, process, index);
        }
        let Some(at) = self.open.remove(process) else {
            return Err(CheckError::Payload {
                index: event.index,
                field: "process".into(),
                problem: format!("process {process} has no operation open"),
            });
        };
        let operation = &mut self.operations.all[at as usize];
        operation.completed = index;
        self.operations.times[at as usize][1] = event.time;
        match event.kind {
            Kind::Ok => {
                operation.outcome = Outcome::Happened;
                if let Some(value) = &event.value {
                    let likely = operation.argument;
                    operation.result = self
                        .operations
                        .values
                        .intern(value.get(), likely)
                        .map_err(|Full| too_many(event, "different values", u64::from(NONE / 2)))?;
                }
            }
            Kind::Fail => {
                let refused = event
                    .error
                    .as_ref()
                    .is_none_or(|error| REFUSALS.contains(&&*error.class));
                operation.outcome = if refused {
                    Outcome::Refused
                } else {
                    Outcome::Failed
                };
                self.operations.failed += 1;
            }
            Kind::Info | Kind::Invoke => {}
        }
        Ok(())
    }

    fn invoke(&mut self, event: &Event<'_>, process: u32, index: u32) -> Result<(), CheckError> {
        let Operations {
            all,
            times,
            keys,
            values,
            ..
        } = &mut self.operations;
        let at =
            u32::try_from(all.len()).map_err(|_| too_many(event, "operations", u64::from(NONE)))?;
        if let Some(key) = &event.key {
            self.last_key = keys
                .intern(key, self.last_key)
                .map_err(|Full| too_many(event, "different keys", u64::from(NONE)))?;
        }
        let argument = match &event.value {
            Some(value) => values
                .intern(value.get(), NONE)
                .map_err(|Full| too_many(event, "different values", u64::from(NONE / 2)))?,
            _ => NONE,
        };
        all.push(Operation {
            key: event.key.as_ref().map_or(NONE, |_| self.last_key),
            f: 0,
            outcome: Outcome::Unknown,
            process,
            argument,
            result: NONE,
            call: index,
            completed: NEVER,
        });
        times.push([event.time, i64::MAX]);
        let f = self.f(event)?;
        self.operations.all[at as usize].f = f;
        match self.open.insert(process, at) {
            None => Ok(()),
            Some(_) => Err(CheckError::Payload {
                index: event.index,
                field: "process".into(),
                problem: format!("process {process} has an operation open already"),
            }),
        }
    }

    fn f(&mut self, event: &Event<'_>) -> Result<u16, CheckError> {
        let fs = &mut self.operations.fs;
        if fs
            .get(usize::from(self.last_f))
            .is_some_and(|f| *f == event.f)
        {
            return Ok(self.last_f);
        }
        let at = fs.iter().position(|f| *f == event.f).unwrap_or_else(|| {
            fs.push(event.f.clone().into_owned());
            fs.len() - 1
        });
        self.last_f = u16::try_from(at).map_err(|_| too_many(event, "functions", 1 << 16))?;
        Ok(self.last_f)
    }

    pub(crate) fn finish(mut self) -> Operations {
        self.operations.all.shrink_to_fit();
        self.operations.times.shrink_to_fit();
        self.operations
    }
}

fn too_many(event: &Event<'_>, what: &'static str, max: u64) -> CheckError {
    CheckError::TooMany {
        index: event.index,
        what,
        max,
    }
}

/// Which operation each process has open. Recorders number processes from 0, so an
/// array holds most of them.
#[derive(Debug, Default)]
struct Open {
    low: Vec<u32>,
    high: HashMap<u32, u32, FixedState>,
}

const LOW: usize = 1 << 20;

impl Open {
    fn insert(&mut self, process: u32, at: u32) -> Option<u32> {
        let slot = process as usize;
        if slot >= LOW {
            return self.high.insert(process, at);
        }
        if slot >= self.low.len() {
            self.low.resize((slot + 1).next_power_of_two(), NONE);
        }
        let before = std::mem::replace(&mut self.low[slot], at);
        (before != NONE).then_some(before)
    }

    fn remove(&mut self, process: u32) -> Option<u32> {
        let slot = process as usize;
        if slot >= LOW {
            return self.high.remove(&process);
        }
        let before = std::mem::replace(self.low.get_mut(slot)?, NONE);
        (before != NONE).then_some(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(shorthand: &str) -> Operations {
        let mut builder = OperationsBuilder::default();
        for event in witness_histories::history(shorthand).unwrap().events() {
            builder.event(&event).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn operations_are_paired_and_their_ends_told_apart() {
        let operations = digest(
            "0 invoke write x 1\n1 invoke cas x [1,2]\n0 ok write x 1\n1 fail cas x _ conflict: OC000
             1 invoke cas x [1,2]\n1 fail cas x _ rejected: no\n2 invoke read y\n2 info read y",
        );
        use Outcome::{Failed, Happened, Refused, Unknown};
        let ends: Vec<_> = operations
            .all
            .iter()
            .map(|op| (op.outcome, op.ret()))
            .collect();
        assert_eq!(
            ends,
            [(Happened, 2), (Failed, 3), (Refused, 5), (Unknown, NEVER)]
        );
        assert_eq!(operations.fs(), ["write", "cas", "read"]);
    }
}
