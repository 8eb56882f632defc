//! Transactions from events, one after the other. It says which operations are
//! transactions, and refuses completions that do not answer what was asked.
//!
//! An operation is a transaction if its `f` is `txn`, or if it is invoked with a list of
//! micro-operations that is not empty: `[]` may be anything, such as what a set holds.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use witness_histories::{Event, Kind, Process};

use super::{
    Action, KEYS_MAX, NEVER, Operation, Packed, Status, Transaction, Transactions, Unreported,
};
use crate::checker::CheckError;
use crate::intern::{Full, NONE, Small};
use crate::isolation::notation::{Elements, Fault, Micro, MicroOperations};
use crate::operations::small_integer;
use crate::words;

/// Fills [`Transactions`], event by event.
#[derive(Debug, Default)]
pub(crate) struct TransactionsBuilder {
    transactions: Transactions,
    /// By process, the transaction that it has open and what that is to do.
    open: HashMap<u32, (u32, Vec<Packed>), FixedState>,
    /// The number of a key, by that of its value: of small integers, and of others.
    small: Small,
    numbers: HashMap<u32, u32, FixedState>,
    /// Lists that were no beginnings of the longest then: their key and number.
    odd_keys: Vec<u32>,
    /// Lists of micro-operations to be used again.
    unused: Vec<Vec<Packed>>,
    list: Vec<u32>,
    /// By key: its longest list as it was spelt.
    spellings: Vec<Spelling>,
    /// Whether a transaction was invoked with `[]`, and only its completion told what it did.
    completions_tell: bool,
}

/// A list as it was spelt, without its last bracket: most lists that are read begin as
/// the one before, to the letter, and need not be taken apart again.
#[derive(Debug, Default)]
struct Spelling {
    text: Vec<u8>,
    /// Where each element ends.
    ends: Vec<u32>,
}

impl Spelling {
    /// How many elements a list has that is spelt so, if it is a beginning of this one.
    fn length_of(&self, list: &[u8]) -> Option<u32> {
        if !self.text.starts_with(list) {
            return None;
        }
        let end = self.ends.binary_search(&(list.len() as u32)).ok()?;
        Some(end as u32 + 1)
    }

    /// What the list has behind this one, if it begins with it.
    fn rest_of<'a>(&self, list: &'a str) -> Option<&'a str> {
        let rest = list.as_bytes().strip_prefix(&self.text[..])?;
        let is_end = !self.text.is_empty() && rest.first() == Some(&b',');
        is_end.then(|| &list[self.text.len() + 1..])
    }

    fn push(&mut self, element: &str) {
        self.text
            .push(if self.text.is_empty() { b'[' } else { b',' });
        self.text.extend_from_slice(element.as_bytes());
        self.ends.push(self.text.len() as u32);
    }
}

/// What needs no micro-operations to be a transaction.
fn is_transaction(f: &str) -> bool {
    f == "txn"
}

impl TransactionsBuilder {
    pub(crate) fn is_empty(&self) -> bool {
        self.transactions.is_empty()
    }

    /// Whether there were operations and none of them was a transaction.
    pub(crate) fn has_only_others(&self) -> bool {
        self.transactions.is_empty() && self.transactions.others > 0
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), CheckError> {
        let Process::Client(process) = event.process else {
            return Ok(());
        };
        let too_many = |what, max: u32| CheckError::TooMany {
            index: event.index,
            what,
            max: u64::from(max),
        };
        let process = u32::try_from(process)
            .ok()
            .filter(|&process| process != NONE)
            .ok_or_else(|| too_many("processes", NONE))?;
        let index = u32::try_from(event.index)
            .ok()
            .filter(|&index| index < NEVER - 1)
            .ok_or_else(|| too_many("events", NEVER))?;
        if event.kind == Kind::Invoke {
            return self.invoke(event, process, index);
        }
        // The completion of what was no transaction.
        let Some((at, mut asked)) = self.open.remove(&process) else {
            return Ok(());
        };
        let first = self.transactions.operations.len() as u32;
        let told = event.value.as_ref().map(|value| value.get());
        match told.filter(|&value| value != "null") {
            Some(value) if event.kind == Kind::Ok => {
                self.parse(event, value, true)?;
                self.compare(event, at, &asked, first)?;
                self.completions_tell |= asked.len() < self.since(first);
            }
            Some(value) if asked.is_empty() => match self.parse(event, value, false) {
                Ok(()) => self.completions_tell |= self.since(first) > 0,
                // What it says of its end is no business of ours.
                Err(CheckError::Payload { .. }) => {
                    self.transactions.operations.truncate(first as usize);
                }
                Err(error) => return Err(error),
            },
            _ => {
                let reads = asked.iter().any(|packed| packed.is_read());
                if event.kind == Kind::Ok && reads {
                    self.unreported(index);
                }
                self.transactions.operations.extend_from_slice(&asked);
            }
        }
        let length = self.since(first) as u32;
        let transaction = &mut self.transactions.all[at as usize];
        transaction.completed = index;
        self.transactions.times[at as usize][1] = event.time;
        (transaction.first, transaction.length) = (first, length);
        transaction.status = match event.kind {
            Kind::Ok => Status::Committed,
            Kind::Fail => Status::Aborted,
            Kind::Info | Kind::Invoke => Status::Unknown,
        };
        asked.clear();
        self.unused.push(asked);
        Ok(())
    }

    fn invoke(&mut self, event: &Event<'_>, process: u32, index: u32) -> Result<(), CheckError> {
        let start = self.transactions.operations.len();
        let parsed = match &event.value {
            Some(value) => self.parse(event, value.get(), false),
            None => Err(CheckError::Payload {
                index: event.index,
                field: "value".into(),
                problem: "a transaction has a list of micro-operations".into(),
            }),
        };
        match parsed {
            Ok(()) if self.transactions.operations.len() == start && !is_transaction(&event.f) => {
                self.transactions.others += 1;
                return Ok(());
            }
            Ok(()) => {}
            // Whatever it is, it does not say that it is a transaction.
            Err(CheckError::Payload { .. }) if !is_transaction(&event.f) => {
                self.transactions.operations.truncate(start);
                self.transactions.others += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let mut asked = self.unused.pop().unwrap_or_default();
        asked.extend(self.transactions.operations.drain(start..));
        let region = self.region(event.region.as_deref());
        let at = self.transactions.all.len() as u32;
        self.transactions.all.push(Transaction {
            process,
            invoked: index,
            completed: NEVER,
            first: 0,
            length: 0,
            region,
            status: Status::Unknown,
        });
        self.transactions.times.push([event.time, i64::MAX]);
        self.open.insert(process, (at, asked));
        Ok(())
    }

    /// How many micro-operations there are from that one on.
    fn since(&self, first: u32) -> usize {
        self.transactions.operations.len() - first as usize
    }

    /// Whether those from `first` on are what was asked, but for what reads saw. If nothing
    /// was asked, only the completion tells.
    fn compare(
        &self,
        event: &Event<'_>,
        at: u32,
        asked: &[Packed],
        first: u32,
    ) -> Result<(), CheckError> {
        let done = &self.transactions.operations[first as usize..];
        let mut pairs = asked.iter().zip(done);
        let other = pairs.position(|(asked, done)| !asked.is_answered_by(*done));
        if asked.is_empty() || (other.is_none() && asked.len() == done.len()) {
            return Ok(());
        }
        let invoked = self.transactions.all[at as usize].invoked;
        let (field, asked) = match other {
            Some(place) => {
                let asked = self.transactions.spelt(asked[place].get());
                (format!("value[{place}]"), asked.to_string())
            }
            None => {
                let number = words::count(asked.len() as u64, "micro-operation");
                ("value".to_owned(), number)
            }
        };
        Err(CheckError::Payload {
            index: event.index,
            field,
            problem: format!("is not what event {invoked} asked for: {asked}"),
        })
    }

    /// The event says that reads were done, and not what they saw.
    fn unreported(&mut self, event: u32) {
        let unreported = self.transactions.unreported.get_or_insert(Unreported {
            event,
            transactions: 0,
        });
        unreported.transactions += 1;
    }

    fn region(&mut self, name: Option<&str>) -> u16 {
        let Some(name) = name else { return u16::MAX };
        let regions = &mut self.transactions.regions;
        let known = regions.iter().position(|region| region == name);
        let at = known.unwrap_or_else(|| {
            regions.push(name.to_owned());
            regions.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// Appends the micro-operations. What an invocation reads is not known, whatever
    /// stands there.
    fn parse(&mut self, event: &Event<'_>, json: &str, answered: bool) -> Result<(), CheckError> {
        let too_many = |what, max: u32| CheckError::TooMany {
            index: event.index,
            what,
            max: u64::from(max),
        };
        let at_fault = |Fault { field, problem }| CheckError::Payload {
            index: event.index,
            field: format!("value{field}"),
            problem,
        };
        let full = |Full| too_many("different values", NONE / 2);
        let mut micro_operations = MicroOperations::new(json).map_err(at_fault)?;
        while let Some((key, micro)) = micro_operations.next().map_err(at_fault)? {
            let value = self.transactions.values.intern(key, NONE).map_err(full)?;
            let key = self
                .key(value)
                .ok_or_else(|| too_many("different keys", KEYS_MAX))?;
            let action = match micro {
                Micro::Append(value) => {
                    Action::Append(self.transactions.values.intern(value, NONE).map_err(full)?)
                }
                Micro::Write(value) => {
                    Action::Write(self.transactions.values.intern(value, NONE).map_err(full)?)
                }
                Micro::Read(_) if !answered => Action::ReadUnknown,
                Micro::Read("null") => Action::ReadNil,
                Micro::Read(value) if value.starts_with('[') => {
                    self.read_list(key, value).map_err(full)?
                }
                Micro::Read(value) => {
                    Action::ReadValue(self.transactions.values.intern(value, NONE).map_err(full)?)
                }
            };
            if self.transactions.operations.len() >= NONE as usize {
                return Err(too_many("micro-operations", NONE));
            }
            self.transactions
                .operations
                .push(Packed::new(Operation { key, action }));
        }
        Ok(())
    }

    /// The number of the key whose value has that number.
    fn key(&mut self, value: u32) -> Option<u32> {
        let small = small_integer(value).filter(|&integer| Small::is_small(integer));
        let known = match small {
            Some(integer) => self.small.get(integer),
            None => self.numbers.get(&value).copied(),
        };
        if known.is_some() {
            return known;
        }
        let key = self.transactions.keys.len() as u32;
        if key == KEYS_MAX {
            return None;
        }
        match small {
            Some(integer) => self.small.insert(integer, key),
            None => drop(self.numbers.insert(value, key)),
        }
        self.transactions.keys.push(value);
        self.transactions.longest.push(Vec::new());
        self.spellings.push(Spelling::default());
        Some(key)
    }

    /// What a read of that list is, which may be the longest so far.
    fn read_list(&mut self, key: u32, list: &str) -> Result<Action, Full> {
        let spelling = &mut self.spellings[key as usize];
        let inside = list.strip_suffix(']').unwrap_or(list);
        if let Some(length) = spelling.length_of(inside.as_bytes()) {
            return Ok(Action::ReadPrefix(length));
        }
        let longest = &mut self.transactions.longest[key as usize];
        let values = &mut self.transactions.values;
        let mut elements = Elements::of(list);
        if spelling.rest_of(inside).is_some() {
            elements.skip_to(spelling.text.len());
            for element in elements {
                longest.push(values.intern(element, NONE)?);
                spelling.push(element);
            }
            return Ok(Action::ReadPrefix(longest.len() as u32));
        }
        self.list.clear();
        for element in elements.clone() {
            self.list.push(values.intern(element, NONE)?);
        }
        let common = longest.len().min(self.list.len());
        if longest[..common] != self.list[..common] {
            let number = self.transactions.odd.len() as u32;
            self.transactions.odd.push(self.list.clone());
            self.odd_keys.push(key);
            return Ok(Action::ReadOdd(number));
        }
        if self.list.len() > common {
            longest.extend_from_slice(&self.list[common..]);
            *spelling = Spelling::default();
            elements.for_each(|element| spelling.push(element));
        }
        Ok(Action::ReadPrefix(self.list.len() as u32))
    }

    /// Nothing more comes. Transactions still open may have committed.
    pub(crate) fn finish(mut self) -> Transactions {
        let transactions = &mut self.transactions;
        let mut open: Vec<(u32, Vec<Packed>)> = self.open.into_values().collect();
        open.sort_unstable_by_key(|&(at, _)| at);
        for (at, asked) in open {
            let first = transactions.operations.len() as u32;
            transactions.all[at as usize].first = first;
            transactions.all[at as usize].length = asked.len() as u32;
            transactions.operations.extend(asked);
        }
        transactions.prefer_longest(&self.odd_keys);
        if self.completions_tell {
            let mut all = transactions.all.iter();
            let untold = all.find(|it| it.status == Status::Unknown && it.length == 0);
            transactions.untold = untold.map(|it| it.invoked);
        }
        self.transactions
    }
}

impl Transactions {
    /// Where an odd list is longer than the longest list of beginnings, it becomes the
    /// longest: what reads saw is the same, told in another way.
    fn prefer_longest(&mut self, odd_keys: &[u32]) {
        let mut better: HashMap<u32, usize, FixedState> = HashMap::default();
        for (number, &key) in odd_keys.iter().enumerate() {
            let so_far = better
                .get(&key)
                .map_or(self.longest[key as usize].len(), |&at| self.odd[at].len());
            if self.odd[number].len() > so_far {
                better.insert(key, number);
            }
        }
        if better.is_empty() {
            return;
        }
        let mut former: HashMap<u32, Vec<u32>, FixedState> = HashMap::default();
        for (&key, &number) in &better {
            let longest = self.odd[number].clone();
            former.insert(
                key,
                std::mem::replace(&mut self.longest[key as usize], longest),
            );
        }
        for at in 0..self.operations.len() {
            let operation = self.operations[at].get();
            let Some(former) = former.get(&operation.key) else {
                continue;
            };
            let list = match operation.action {
                Action::ReadPrefix(length) => former[..length as usize].to_vec(),
                Action::ReadOdd(number) => self.odd[number as usize].clone(),
                _ => continue,
            };
            let action = if self.longest[operation.key as usize].starts_with(&list) {
                Action::ReadPrefix(list.len() as u32)
            } else if let Action::ReadOdd(number) = operation.action {
                Action::ReadOdd(number)
            } else {
                self.odd.push(list);
                Action::ReadOdd(self.odd.len() as u32 - 1)
            };
            self.operations[at] = Packed::new(Operation {
                action,
                ..operation
            });
        }
    }
}
