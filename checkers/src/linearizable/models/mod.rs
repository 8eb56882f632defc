//! The models that there are. A new one is a file of its own and a line here.

mod counting;
mod kv;
mod mutex;
mod queues;
mod register;
mod seat;
mod set;
mod shared;

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::Value;

use super::judge::Judge;
use super::options::{Initial, KeyBy, NilReads, ObjectOptions};
pub(crate) use counting::{Counter, Semaphore};
pub(crate) use kv::Kv;
pub(crate) use mutex::{FencedLock, Mutex, OwnerMutex};
pub(crate) use queues::{Discipline, Queue, priority};
pub(crate) use register::Register;
pub(crate) use seat::Seat;
pub(crate) use set::{Set, members};

/// A model that can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelInfo {
    /// Its name.
    pub name: &'static str,
    /// One line about it, for a list.
    pub about: &'static str,
}

/// Every model.
static MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "register",
        about: "one value: read, write",
    },
    ModelInfo {
        name: "cas-register",
        about: "one value: read, write, cas of [old, new]",
    },
    ModelInfo {
        name: "kv",
        about: "values by key: put, get, append, delete",
    },
    ModelInfo {
        name: "mutex",
        about: "a lock that anybody may release: acquire, release",
    },
    ModelInfo {
        name: "owner-mutex",
        about: "a lock that only its owner may release: acquire, release",
    },
    ModelInfo {
        name: "fenced-lock",
        about: "an owner's lock whose acquire returns ever greater fences",
    },
    ModelInfo {
        name: "semaphore",
        about: "permits, as many as the initial value says: acquire, release",
    },
    ModelInfo {
        name: "fifo-queue",
        about: "first in, first out: enqueue, dequeue",
    },
    ModelInfo {
        name: "unordered-queue",
        about: "whatever is in may come out: enqueue, dequeue",
    },
    ModelInfo {
        name: "priority-queue",
        about: "the smallest number, or [number, value], first out: insert, delete-min",
    },
    ModelInfo {
        name: "stack",
        about: "last in, first out: push, pop",
    },
    ModelInfo {
        name: "set",
        about: "values without order: add, remove, contains, read of all",
    },
    ModelInfo {
        name: "counter",
        about: "a number: add, increment, decrement, read",
    },
    ModelInfo {
        name: "seat",
        about: "sold to one buyer until it is put back on sale: acquire, reset",
    },
];

/// Every model that can be asked for by name.
pub fn models() -> &'static [ModelInfo] {
    MODELS
}

/// Why there is no such model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No model has that name.
    #[error("no model is named \"{name}\"; there are {}", names())]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// The model cannot start like that.
    #[error("a {model} cannot start with {initial}: expected {expected}")]
    Initial {
        /// The model.
        model: &'static str,
        /// The initial value that was asked for.
        initial: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// All of them, for a text.
pub(super) fn names() -> String {
    let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    names.join(", ")
}

/// The model of that name.
pub(crate) fn find(name: &str, options: &ObjectOptions) -> Result<Box<dyn Judge>, ModelError> {
    let initial = options.initial.as_ref();
    let number = |model: &'static str, least: i64, otherwise: i64| match initial {
        None => Ok(otherwise),
        Some(value) => value
            .value()
            .as_i64()
            .filter(|&n| n >= least)
            .ok_or(ModelError::Initial {
                model,
                initial: value.to_string(),
                expected: match least {
                    0 => "a whole number, 0 at least",
                    _ => "a whole number",
                },
            }),
    };
    let register = |cas: bool| Register {
        initial: initial.map_or(Value::Null, Initial::value),
        nil_is_unknown: options.nil_reads == NilReads::Unknown,
        cas,
    };
    let key_field = || match &options.key_by {
        KeyBy::Field(field) => Some(field.clone()),
        KeyBy::Key | KeyBy::Whole => None,
    };
    let model: Box<dyn Judge> = match name {
        "register" => Box::new(register(false)),
        "cas-register" => Box::new(register(true)),
        "semaphore" => Box::new(Semaphore {
            permits: number("semaphore", 0, 1)?,
            key_field: key_field(),
        }),
        "counter" => Box::new(Counter {
            initial: number("counter", i64::MIN, 0)?,
            key_field: key_field(),
        }),
        "kv" => Box::new(Kv),
        "mutex" => Box::new(Mutex),
        "owner-mutex" => Box::new(OwnerMutex {
            key_field: key_field(),
        }),
        "fenced-lock" => Box::new(FencedLock {
            key_field: key_field(),
        }),
        "fifo-queue" => Box::new(Queue(Discipline::Fifo)),
        "unordered-queue" => Box::new(Queue(Discipline::Bag)),
        "priority-queue" => Box::new(Queue(Discipline::Priority)),
        "stack" => Box::new(Queue(Discipline::Lifo)),
        "set" => Box::new(Set),
        "seat" => Box::new(Seat),
        _ => {
            return Err(ModelError::Unknown {
                name: name.to_owned(),
            });
        }
    };
    let starts = matches!(name, "register" | "cas-register" | "semaphore" | "counter");
    match (initial, MODELS.iter().find(|model| model.name == name)) {
        (Some(initial), Some(info)) if !starts && initial.json() != "null" => {
            Err(ModelError::Initial {
                model: info.name,
                initial: initial.to_string(),
                expected: "nothing",
            })
        }
        _ => Ok(model),
    }
}

/// The model that operations of these names are of, if there is only one.
///
/// Not told apart by their operations, and so never guessed: the two queues, the
/// locks and the semaphore. A set or counter that is only added to and read could be
/// either.
pub(crate) fn guess(fs: &[String]) -> Option<&'static str> {
    let tells = |(_, some, all): &&Telltale| {
        fs.iter().any(|f| some.contains(&&**f)) && fs.iter().all(|f| all.contains(&&**f))
    };
    TELLTALES.iter().find(tells).map(|(name, ..)| *name)
}

/// Whether operations of these names, and others that may still come, could tell.
pub(crate) fn may_tell(fs: &[String]) -> bool {
    let fits = |(_, _, all): &Telltale| fs.iter().all(|f| all.contains(&&**f));
    TELLTALES.iter().any(fits)
}

/// A model, the operations that tell it, and all that it has.
type Telltale = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

static TELLTALES: [Telltale; 7] = [
    ("cas-register", &["cas"], &["read", "write", "cas"]),
    ("register", &["write"], &["read", "write"]),
    (
        "kv",
        &["put", "append", "get"],
        &["put", "get", "append", "delete"],
    ),
    ("stack", &["push", "pop"], &["push", "pop"]),
    (
        "priority-queue",
        &["delete-min"],
        &["insert", "enqueue", "delete-min", "dequeue"],
    ),
    (
        "set",
        &["contains", "remove"],
        &["add", "remove", "contains", "read"],
    ),
    (
        "counter",
        &["increment", "decrement", "inc", "dec"],
        &["add", "increment", "decrement", "inc", "dec", "read"],
    ),
];

/// Numbers things from 0, equal ones alike.
fn number_by<T: Hash + Eq>(things: impl Iterator<Item = T>) -> Option<Vec<u32>> {
    let mut numbers: HashMap<T, u32, FixedState> = HashMap::default();
    let mut number = |thing: T| {
        let next = u32::try_from(numbers.len()).ok()?;
        Some(*numbers.entry(thing).or_insert(next))
    };
    things.map(&mut number).collect()
}
