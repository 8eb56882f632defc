//! A key-value store: put, get, append and delete.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;
use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Values by key. `append` adds to the end of a text, which is empty where there is
/// none; a `get` of nothing returns null or the empty text.
pub(crate) struct Kv;

/// The value of each key that has one. Texts are shared: states differ in few keys.
type Store = BTreeMap<Arc<str>, Stored>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    Text(Text),
    Other(Value),
}

/// A text that remembers its hash: those that are appended to grow long.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    hash: u64,
    text: Arc<str>,
}

impl Text {
    fn new(text: String) -> Text {
        Text {
            hash: FixedState::with_seed(0).hash_one(&text),
            text: text.into(),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

impl Stored {
    fn of(value: &Value) -> Stored {
        match value {
            Value::String(text) => Stored::Text(Text::new(text.clone())),
            other => Stored::Other(other.clone()),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Stored::Text(text) => text.text.is_empty(),
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
        let stored = store.get(&op.key);
        let with = |value: Stored| {
            let mut store = store.clone();
            store.insert(op.key.clone(), value);
            Some(store)
        };
        match &op.what {
            What::Get(value) => stored
                .map_or_else(|| value.is_empty(), |stored| stored == value)
                .then(|| store.clone()),
            What::Put(value) => with(value.clone()),
            What::Append(text) => match stored {
                None => with(Stored::Text(Text::new(text.to_string()))),
                Some(Stored::Text(before)) => {
                    with(Stored::Text(Text::new([&*before.text, &**text].concat())))
                }
                Some(Stored::Other(_)) => None,
            },
            What::Delete => {
                let mut store = store.clone();
                store.remove(&op.key);
                Some(store)
            }
        }
    }

    fn read_only(&self, op: &Op) -> bool {
        matches!(op.what, What::Get(_))
    }

    fn needs(&self, op: &Op, other: &Op) -> bool {
        op.key == other.key && !self.read_only(other)
    }

    fn reads_from(&self, op: &Op, other: &Op) -> bool {
        let What::Get(seen) = &op.what else {
            return false;
        };
        op.key == other.key
            && match (seen, &other.what) {
                (Stored::Text(seen), What::Append(text)) => seen.text.contains(&**text),
                (seen, What::Put(put)) => seen == put,
                _ => false,
            }
    }

    fn parts(&self, ops: &[Op]) -> Option<Vec<u32>> {
        super::number_by(ops.iter().map(|op| &op.key))
    }

    fn state_bytes(&self, store: &Store) -> usize {
        let texts = store.values().map(|stored| match stored {
            Stored::Text(text) => text.text.len() + 64,
            Stored::Other(_) => 128,
        });
        64 + texts.sum::<usize>()
    }

    fn describe_state(&self, store: &Store) -> String {
        let pairs: Vec<String> = store
            .iter()
            .map(|(key, stored)| match (stored, &**key) {
                (Stored::Text(text), "") => format!("{:?}", text.text),
                (Stored::Other(value), "") => value.to_string(),
                (Stored::Text(text), key) => format!("{key} is {:?}", text.text),
                (Stored::Other(value), key) => format!("{key} is {value}"),
            })
            .collect();
        match pairs.is_empty() {
            true => "there is no value".to_owned(),
            false => pairs.join(", "),
        }
    }

    fn describe(&self, op: &Op) -> String {
        let value = |stored: &Stored| match stored {
            Stored::Text(text) => format!("{:?}", text.text),
            Stored::Other(value) => value.to_string(),
        };
        match &op.what {
            What::Get(stored) => format!("get {}", value(stored)),
            What::Put(stored) => format!("put {}", value(stored)),
            What::Append(text) => format!("append {text:?}"),
            What::Delete => "delete".to_owned(),
        }
    }
}
