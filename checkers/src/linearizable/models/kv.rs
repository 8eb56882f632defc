//! A key-value store: put, get, append and delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::shared::{Shared, allocated};
use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Values by key. `append` adds to the end of a text, which is empty where there is
/// none; a `get` of nothing returns null or the empty text.
pub(crate) struct Kv;

/// The value of each key that has one.
type Store = BTreeMap<Arc<str>, Stored>;

/// A value. Texts that are appended to grow long.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    Text(Shared<Box<str>>),
    Other(Shared<Value>),
}

/// What an operation does to the value of its key.
enum Change {
    Nothing,
    Put(Stored),
    Delete,
}

impl Stored {
    fn of(value: &Value) -> Stored {
        match value {
            Value::String(text) => Stored::Text(Shared::new(text.as_str().into())),
            other => Stored::Other(Shared::new(other.clone())),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Stored::Text(text) => text.is_empty(),
            Stored::Other(value) => value.is_null(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Op {
    key: Arc<str>,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Get(Stored),
    Put(Stored),
    Append(Arc<str>),
    Delete,
}

impl Op {
    /// What it does; none if it cannot happen.
    fn change(&self, store: &Store) -> Option<Change> {
        let text = |text: String| Change::Put(Stored::Text(Shared::new(text.into())));
        match (&self.what, store.get(&self.key)) {
            (What::Get(seen), None) => seen.is_empty().then_some(Change::Nothing),
            (What::Get(seen), Some(stored)) => (seen == stored).then_some(Change::Nothing),
            (What::Put(value), _) => Some(Change::Put(value.clone())),
            (What::Append(more), None) => Some(text(more.to_string())),
            (What::Append(more), Some(Stored::Text(before))) => {
                Some(text([&***before, &**more].concat()))
            }
            (What::Append(_), Some(Stored::Other(_))) => None,
            (What::Delete, _) => Some(Change::Delete),
        }
    }

    fn apply(&self, change: Change, store: &mut Store) {
        match change {
            Change::Nothing => {}
            Change::Put(value) => {
                store.insert(self.key.clone(), value);
            }
            Change::Delete => {
                store.remove(&self.key);
            }
        }
    }
}

impl Model for Kv {
    type State = Store;
    type Op = Op;
    type Next = Option<Store>;

    fn name(&self) -> &str {
        "kv"
    }

    fn initial(&self) -> Store {
        Store::new()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        if call.outcome == Outcome::Refused || (call.f == "get" && !call.happened()) {
            return Ok(None);
        }
        let what = match (call.f, call.argument) {
            ("get", _) => What::Get(Stored::of(call.result)),
            ("put", value) => What::Put(Stored::of(value)),
            ("append", Value::String(text)) => What::Append(text.as_str().into()),
            ("append", _) => return Err(call.unexpected("append of a text")),
            ("delete", _) => What::Delete,
            _ => return Err(call.unexpected("put, get, append or delete")),
        };
        let key = call.key.map_or(String::new(), Value::to_string).into();
        Ok(Some(Op { key, what }))
    }

    fn step(&self, store: &Store, op: &Op) -> Option<Store> {
        let change = op.change(store)?;
        let mut store = store.clone();
        op.apply(change, &mut store);
        Some(store)
    }

    fn advance(&self, mut store: Store, op: &Op) -> Option<Store> {
        op.apply(op.change(&store)?, &mut store);
        Some(store)
    }

    fn read_only(&self, op: &Op) -> bool {
        matches!(op.what, What::Get(_))
    }

    /// Up to the next put or delete the value begins with what was put, or contains what was
    /// appended; whatever is read without it is read at some other time.
    fn needs(&self, op: &Op, other: &Op) -> bool {
        let needs = match (&op.what, &other.what) {
            (_, What::Get(_)) | (What::Put(_) | What::Delete, _) => false,
            (What::Get(Stored::Text(seen)), What::Put(Stored::Text(put))) => {
                seen.starts_with(&***put)
            }
            (What::Get(seen), What::Put(put)) => seen == put,
            (What::Get(Stored::Text(seen)), What::Append(text)) => seen.contains(&**text),
            (What::Get(Stored::Other(_)), What::Append(_)) => false,
            (What::Get(Stored::Text(_)), What::Delete) => true,
            (What::Get(seen), What::Delete) => seen.is_empty(),
            // Before it there may have been what nothing is appended to.
            (What::Append(_), What::Put(Stored::Text(_)) | What::Delete) => true,
            (What::Append(_), What::Put(Stored::Other(_)) | What::Append(_)) => false,
        };
        needs && op.key == other.key
    }

    fn reads_from(&self, op: &Op, other: &Op) -> bool {
        let What::Get(seen) = &op.what else {
            return false;
        };
        op.key == other.key
            && match (seen, &other.what) {
                (Stored::Text(seen), What::Append(text)) => seen.contains(&**text),
                (seen, What::Put(put)) => seen == put,
                _ => false,
            }
    }

    fn parts(&self, ops: &[Op]) -> Option<Vec<u32>> {
        super::number_by(ops.iter().map(|op| &op.key))
    }

    fn state_bytes(&self, store: &Store) -> usize {
        // Of a node of the map: eleven places, each of them taken or not, and its links. Two
        // nodes are half full at least.
        let node = allocated(11 * size_of::<(Arc<str>, Stored)>() + 16);
        let nodes = match store.len() {
            0 => 0,
            pairs => 1 + pairs / 5,
        };
        // Whether others have a text too is not known: no other may.
        let texts = store.values().map(|stored| match stored {
            Stored::Text(text) => allocated(text.len()) + allocated(40),
            Stored::Other(_) => 0,
        });
        size_of_val(store) + nodes * node + texts.sum::<usize>()
    }

    fn describe_state(&self, store: &Store) -> String {
        let pairs: Vec<String> = store
            .iter()
            .map(|(key, stored)| match (stored, &**key) {
                (Stored::Text(text), "") => format!("{:?}", **text),
                (Stored::Other(value), "") => (**value).to_string(),
                (Stored::Text(text), key) => format!("{key} is {:?}", **text),
                (Stored::Other(value), key) => format!("{key} is {}", **value),
            })
            .collect();
        match pairs.is_empty() {
            true => "there is no value".to_owned(),
            false => pairs.join(", "),
        }
    }

    fn describe(&self, op: &Op) -> String {
        let value = |stored: &Stored| match stored {
            Stored::Text(text) => format!("{:?}", **text),
            Stored::Other(value) => (**value).to_string(),
        };
        match &op.what {
            What::Get(stored) => format!("get {}", value(stored)),
            What::Put(stored) => format!("put {}", value(stored)),
            What::Append(text) => format!("append {text:?}"),
            What::Delete => "delete".to_owned(),
        }
    }
}
