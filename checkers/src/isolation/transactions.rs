//! The transactions of a history, compact: 24 bytes each and 16 for their times, and 8 for
//! every micro-operation, with keys and values as numbers. It knows what a transaction is, and
//! no isolation level.
//!
//! Lists that were read are kept once a key: nearly every one is the beginning of
//! the longest, so its length says all. The others are kept whole.

mod builder;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::Value;

use crate::clocks;
use crate::operations::Values;
pub(crate) use builder::TransactionsBuilder;

/// The completion of a transaction that never completed.
pub(crate) const NEVER: u32 = u32::MAX;

/// Keys have 29 bits beside a micro-operation's kind.
const KEYS_MAX: u32 = 1 << 29;

/// What is known of a transaction's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    /// It committed.
    Committed,
    /// It did not.
    Aborted,
    /// Nobody knows.
    Unknown,
}

/// A transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transaction {
    pub(crate) process: u32,
    /// The position of the invocation: of two positions the smaller one was certainly first.
    /// The index of the event, unless clocks were uncertain; [`Transactions::events`] has it
    /// always.
    pub(crate) invoked: u32,
    /// The position of the completion, whatever it was, or [`NEVER`].
    pub(crate) completed: u32,
    first: u32,
    length: u32,
    /// Of [`Transactions::region`]; `u16::MAX` if none was named.
    pub(crate) region: u16,
    pub(crate) status: Status,
}

/// A micro-operation: what was done to which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) key: u32,
    pub(crate) action: Action,
}

/// What was done, with values as numbers of [`Transactions::value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put the value behind the list.
    Append(u32),
    /// Wrote the value.
    Write(u32),
    /// Read; nobody knows what.
    ReadUnknown,
    /// Read null: of a list the same as the empty one.
    ReadNil,
    /// Read a value that is no list.
    ReadValue(u32),
    /// Read that many of the first elements of the key's [`Transactions::longest`] list.
    ReadPrefix(u32),
    /// Read a list that is no beginning of it: a number of [`Transactions::odd`].
    ReadOdd(u32),
}

/// A micro-operation, packed.
#[derive(Debug, Clone, Copy)]
struct Packed {
    kind_and_key: u32,
    value: u32,
}

impl Packed {
    fn new(Operation { key, action }: Operation) -> Self {
        let (kind, value) = match action {
            Action::Append(value) => (0, value),
            Action::Write(value) => (1, value),
            Action::ReadUnknown => (2, 0),
            Action::ReadNil => (3, 0),
            Action::ReadValue(value) => (4, value),
            Action::ReadPrefix(length) => (5, length),
            Action::ReadOdd(number) => (6, number),
        };
        Packed {
            kind_and_key: kind * KEYS_MAX + key,
            value,
        }
    }

    fn get(self) -> Operation {
        let action = match self.kind_and_key / KEYS_MAX {
            0 => Action::Append(self.value),
            1 => Action::Write(self.value),
            2 => Action::ReadUnknown,
            3 => Action::ReadNil,
            4 => Action::ReadValue(self.value),
            5 => Action::ReadPrefix(self.value),
            _ => Action::ReadOdd(self.value),
        };
        Operation {
            key: self.kind_and_key % KEYS_MAX,
            action,
        }
    }

    fn is_read(self) -> bool {
        self.kind_and_key / KEYS_MAX > 1
    }

    /// Whether the other is this one done: the same, whatever a read saw.
    fn is_answered_by(self, other: Packed) -> bool {
        match self.is_read() && other.is_read() {
            true => self.kind_and_key % KEYS_MAX == other.kind_and_key % KEYS_MAX,
            false => self.kind_and_key == other.kind_and_key && self.value == other.value,
        }
    }
}

/// Transactions that committed and did not say what their reads saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreported {
    /// The completion of the first.
    pub(crate) event: u32,
    pub(crate) transactions: u64,
}

/// All transactions of clients, in the order of their invocations.
#[derive(Debug, Default, Clone)]
pub(crate) struct Transactions {
    all: Vec<Transaction>,
    /// Nanoseconds of invocation and completion, by transaction.
    times: Vec<[i64; 2]>,
    /// Where positions are none: the event indices of invocation and completion.
    events: Option<Vec<[u32; 2]>>,
    operations: Vec<Packed>,
    /// The [`Values`] number of each key.
    keys: Vec<u32>,
    values: Values,
    longest: Vec<Vec<u32>>,
    odd: Vec<Vec<u32>>,
    regions: Vec<String>,
    /// Operations of clients that were no transactions, and left out.
    pub(crate) others: u64,
    pub(crate) unreported: Option<Unreported>,
    /// The invocation of one that may have committed, and of which nothing says what it was
    /// to do, though others say so in their completions.
    pub(crate) untold: Option<u32>,
    /// Whether the history says which process executed what.
    pub(crate) processes_are_known: bool,
    /// Whether nobody recorded when events happened, but only in which order.
    pub(crate) times_are_invented: bool,
}

impl Transactions {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn all(&self) -> &[Transaction] {
        &self.all
    }

    /// The event indices of the invocation and of the completion, or [`NEVER`].
    pub(crate) fn events(&self, transaction: u32) -> [u32; 2] {
        match &self.events {
            Some(events) => events[transaction as usize],
            None => {
                let transaction = &self.all[transaction as usize];
                [transaction.invoked, transaction.completed]
            }
        }
    }

    /// The same, recorded by clocks that may be off by so much: who completed before another
    /// was invoked did so only if it shows all the same. What each process did first stays
    /// certain. O(n log n).
    pub(crate) fn widened(&self, by_ns: u64) -> Transactions {
        let times = self.all.iter().zip(&self.times).map(|(it, &times)| {
            let [earliest, latest] = clocks::widened(times, by_ns);
            match it.completed {
                NEVER => [earliest, i128::MAX],
                _ => [earliest, latest],
            }
        });
        self.at(clocks::in_order(&times.collect::<Vec<_>>()))
    }

    /// The same with other positions for invocations and completions, which then are no
    /// events; in the order of their invocations again. What a process invoked later was
    /// not earlier. O(n log n).
    pub(crate) fn at(&self, mut positions: Vec<[u32; 2]>) -> Transactions {
        let mut last: HashMap<u32, u32, FixedState> = HashMap::default();
        for (transaction, [invoked, _]) in self.all.iter().zip(&mut positions) {
            let last = last.entry(transaction.process).or_default();
            *last = (*last).max(*invoked);
            *invoked = *last;
        }
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(|&at| positions[at as usize][0]);
        let order = || order.iter().map(|&at| at as usize);
        let moved = order().map(|at| {
            let [invoked, completed] = positions[at];
            Transaction {
                invoked,
                completed,
                ..self.all[at]
            }
        });
        Transactions {
            all: moved.collect(),
            times: order().map(|at| self.times[at]).collect(),
            events: Some(order().map(|at| self.events(at as u32)).collect()),
            ..self.clone()
        }
    }

    /// Whether the order of real time has that of processes in it.
    pub(crate) fn are_clocks_certain(&self) -> bool {
        self.events.is_none()
    }

    /// What a transaction did, in order. Of one that did not commit, or of which
    /// nobody knows, what it was to do: its reads are unknown.
    pub(crate) fn operations(
        &self,
        transaction: u32,
    ) -> impl DoubleEndedIterator<Item = Operation> + ExactSizeIterator + Clone {
        let Transaction { first, length, .. } = self.all[transaction as usize];
        self.operations[first as usize..(first + length) as usize]
            .iter()
            .map(|packed| packed.get())
    }

    /// How many keys there are: they are numbered from 0.
    pub(crate) fn keys(&self) -> u32 {
        self.keys.len() as u32
    }

    /// The key as JSON.
    pub(crate) fn key(&self, key: u32) -> Value {
        self.values.get(self.keys[key as usize])
    }

    /// The value as JSON.
    pub(crate) fn value(&self, value: u32) -> Value {
        self.values.get(value)
    }

    /// The longest list that was read of the key; of lists as long, the first.
    pub(crate) fn longest(&self, key: u32) -> &[u32] {
        &self.longest[key as usize]
    }

    /// A list that is no beginning of the longest.
    pub(crate) fn odd(&self, number: u32) -> &[u32] {
        &self.odd[number as usize]
    }

    /// Every read of a list that is no beginning of its key's longest.
    pub(crate) fn odd_reads(&self) -> impl Iterator<Item = Operation> + '_ {
        let odd = (!self.odd.is_empty()).then_some(&self.operations);
        odd.into_iter()
            .flatten()
            .map(|packed| packed.get())
            .filter(|operation| matches!(operation.action, Action::ReadOdd(_)))
    }

    /// The first operation of which there is something to say, which is told the event that
    /// invoked its transaction.
    pub(crate) fn first<T>(&self, say: impl Fn(u32, Action) -> Option<T>) -> Option<T> {
        (0..self.len() as u32).find_map(|at| {
            let [event, _] = self.events(at);
            let mut operations = self.operations(at);
            operations.find_map(|operation| say(event, operation.action))
        })
    }

    /// The list that a read saw; none if it saw no list.
    pub(crate) fn list(&self, operation: Operation) -> Option<&[u32]> {
        match operation.action {
            Action::ReadNil => Some(&[]),
            Action::ReadPrefix(length) => Some(&self.longest(operation.key)[..length as usize]),
            Action::ReadOdd(number) => Some(self.odd(number)),
            _ => None,
        }
    }

    /// The micro-operation as Jepsen spells it.
    pub(crate) fn spelt(&self, operation: Operation) -> Value {
        let values = |list: &[u32]| list.iter().map(|&value| self.value(value)).collect();
        let (f, value) = match operation.action {
            Action::Append(value) => ("append", self.value(value)),
            Action::Write(value) => ("w", self.value(value)),
            Action::ReadValue(value) => ("r", self.value(value)),
            Action::ReadPrefix(_) | Action::ReadOdd(_) => {
                let list = self.list(operation).unwrap_or_default();
                ("r", Value::Array(values(list)))
            }
            Action::ReadNil | Action::ReadUnknown => ("r", Value::Null),
        };
        Value::Array(vec![f.into(), self.key(operation.key), value])
    }

    /// Where the transaction's client stood.
    pub(crate) fn region(&self, transaction: &Transaction) -> Option<&str> {
        self.regions
            .get(usize::from(transaction.region))
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
