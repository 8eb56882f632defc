//! The transactions of a history, compact: 24 bytes each and 8 for every
//! micro-operation, with keys and values as numbers. It knows what a transaction
//! is, and no isolation level.
//!
//! Lists that were read are kept once a key: nearly every one is the beginning of
//! the longest, so its length says all. The others are kept whole.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::Value;
use witness_histories::{Event, Kind, Process};

use super::notation::{Elements, Fault, Micro, MicroOperations};
use crate::checker::CheckError;
use crate::intern::{Full, NONE, Small};
use crate::operations::{Values, small_integer};

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
    /// Event index of the invocation.
    pub(crate) invoked: u32,
    /// Event index of the completion, whatever it was, or [`NEVER`].
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
}

/// All transactions of clients, in the order of their invocations.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    all: Vec<Transaction>,
    operations: Vec<Packed>,
    /// The [`Values`] number of each key.
    keys: Vec<u32>,
    values: Values,
    longest: Vec<Vec<u32>>,
    odd: Vec<Vec<u32>>,
    regions: Vec<String>,
    /// Operations of clients that were no transactions, and left out.
    pub(crate) others: u64,
    /// Whether the history says which process executed what.
    pub(crate) processes_are_known: bool,
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
            let event = self.all[at as usize].invoked;
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

/// Why a list was not read.
enum Unread {
    Fault(Fault),
    Full,
}

/// Operations that are no transactions, though in a field that may hold some.
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
        match &event.value {
            Some(value) if event.kind == Kind::Ok && value.get() != "null" => {
                self.parse(event, value.get(), true)?;
            }
            _ => self.transactions.operations.extend_from_slice(&asked),
        }
        let length = self.transactions.operations.len() as u32 - first;
        let transaction = &mut self.transactions.all[at as usize];
        transaction.completed = index;
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
        self.open.insert(process, (at, asked));
        Ok(())
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
                    let elements = micro_operations.elements(value);
                    self.read_list(key, value, elements)
                        .map_err(|error| match error {
                            Unread::Fault(fault) => at_fault(fault),
                            Unread::Full => full(Full),
                        })?
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
    fn read_list(
        &mut self,
        key: u32,
        list: &str,
        mut elements: Elements<'_>,
    ) -> Result<Action, Unread> {
        let spelling = &mut self.spellings[key as usize];
        let inside = list.strip_suffix(']').unwrap_or(list);
        if let Some(length) = spelling.length_of(inside.as_bytes()) {
            return Ok(Action::ReadPrefix(length));
        }
        let longest = &mut self.transactions.longest[key as usize];
        let values = &mut self.transactions.values;
        if spelling.rest_of(inside).is_some() {
            elements.skip_to(spelling.text.len(), longest.len());
            while let Some(element) = elements.next().map_err(Unread::Fault)? {
                longest.push(values.intern(element, NONE).map_err(|Full| Unread::Full)?);
                spelling.push(element);
            }
            return Ok(Action::ReadPrefix(longest.len() as u32));
        }
        self.list.clear();
        let mut again = elements.clone();
        while let Some(element) = elements.next().map_err(Unread::Fault)? {
            let element = values.intern(element, NONE).map_err(|Full| Unread::Full)?;
            self.list.push(element);
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
            while let Some(element) = again.next().map_err(Unread::Fault)? {
                spelling.push(element);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn transactions(shorthand: &str) -> Result<Transactions, CheckError> {
        let mut builder = TransactionsBuilder::default();
        for event in witness_histories::history(shorthand).unwrap().events() {
            builder.event(&event)?;
        }
        Ok(builder.finish())
    }

    #[test]
    fn lists_are_beginnings_of_the_longest() {
        let found = transactions(
            r#"0 invoke txn _ [["r","x",null],["append","x",3]]
               0 ok     txn _ [["r","x",[1,2]],["append","x",3]]
               1 invoke txn _ [["r","x",null],["r","y",null]]
               1 ok     txn _ [["r","x",[1]],["r","y",[]]]
               2 invoke txn _ [["r","x",null]]
               2 ok     txn _ [["r","x",[2,1,3]]]"#,
        )
        .unwrap();
        let lists: Vec<Vec<&[u32]>> = (0..3)
            .map(|at| {
                found
                    .operations(at)
                    .filter_map(|op| found.list(op))
                    .collect()
            })
            .collect();
        let numbers = |json: &str| -> Vec<Value> { serde_json::from_str(json).unwrap() };
        let shown = |list: &[u32]| -> Vec<Value> { list.iter().map(|&v| found.value(v)).collect() };
        assert_eq!(shown(lists[0][0]), numbers("[1,2]"));
        assert_eq!(shown(lists[1][0]), numbers("[1]"));
        assert_eq!(shown(lists[1][1]), numbers("[]"));
        assert_eq!(shown(lists[2][0]), numbers("[2,1,3]"));
        assert_eq!(
            shown(found.longest(0)),
            numbers("[2,1,3]"),
            "the longest, though it came last"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

        /// However lists are spelt and in whatever order they come, they come back.
        #[test]
        fn lists_come_back(
            lists in proptest::collection::vec(
                (proptest::collection::vec(0..3_usize, 0..4), proptest::bool::ANY), 1..8),
        ) {
            let elements = ["1", "12", r#""a,b""#];
            let mut history = String::new();
            let mut expected = Vec::new();
            for (at, (list, spaced)) in lists.iter().enumerate() {
                let list: Vec<&str> = list.iter().map(|&element| elements[element]).collect();
                let spelt = list.join(if *spaced { " , " } else { "," });
                history.push_str(&format!("{at} invoke txn _ [[\"r\",\"x\",null]]\n"));
                history.push_str(&format!("{at} ok txn _ [[\"r\",\"x\",[{spelt}]]]\n"));
                expected.push(serde_json::from_str::<Vec<Value>>(&format!("[{spelt}]")).unwrap());
            }
            let found = transactions(&history).unwrap();
            for (at, expected) in (0..).zip(&expected) {
                let read = found.operations(at).next().unwrap();
                let list = found.list(read).unwrap().iter().map(|&value| found.value(value));
                proptest::prop_assert_eq!(&list.collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn what_did_not_answer_keeps_what_it_asked() {
        let found = transactions(
            r#"0 invoke txn _ [["w",1,5],["r",2,null]]
               1 invoke txn _ [["w",1,6]]
               1 fail   txn _ _ conflict: no
               2 invoke txn _ [["w",1,7]]
               2 ok     txn _ [["w",1,7]]
               3 invoke read x
               3 ok     read x 3"#,
        )
        .unwrap();
        let statuses: Vec<Status> = found.all().iter().map(|t| t.status).collect();
        use Status::{Aborted, Committed, Unknown};
        assert_eq!(statuses, [Unknown, Aborted, Committed]);
        let first: Vec<_> = found.operations(0).map(|op| op.action).collect();
        assert!(matches!(first[..], [Action::Write(_), Action::ReadUnknown]));
        assert!(matches!(
            found.operations(1).next().unwrap().action,
            Action::Write(_)
        ));
        assert_eq!(found.others, 1);
    }

    #[test]
    fn a_fault_is_named() {
        let error = transactions(r#"0 invoke txn _ [["r",1,null],["fly",1,2]]"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "event 0: field \"value[1][0]\": \"fly\" is not a micro-operation: r, w or append"
        );
    }
}
