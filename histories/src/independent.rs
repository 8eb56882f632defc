//! Jepsen's independent keys: values that are tuples of a key and a value, split
//! into the two fields that events have for them.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::event::{Event, Key, Kind, Process};
use crate::json;

/// Splits tuples, and remembers the key of every open operation: what ends one
/// may say nothing of it.
#[derive(Debug, Default)]
pub(crate) struct Tuples {
    open: HashMap<u64, Key<'static>>,
}

impl Tuples {
    /// Splits the value of a client's event, if it is a tuple.
    pub(crate) fn split(&mut self, event: &mut Event<'_>) {
        let Process::Client(process) = event.process else {
            return;
        };
        let invoked = match event.kind {
            Kind::Invoke => None,
            _ => self.open.remove(&process),
        };
        if event.key.is_some() {
            return;
        }
        match event.value.as_ref().and_then(tuple) {
            // What ends an operation has the key that it began with, or no tuple.
            Some((key, value)) if event.kind == Kind::Invoke || invoked.as_ref() == Some(&key) => {
                event.key = Some(key);
                event.value = Some(value);
            }
            _ => event.key = invoked,
        }
        if event.kind == Kind::Invoke
            && let Some(key) = &event.key
        {
            self.open.insert(process, key.clone().into_owned());
        }
    }
}

/// The key and the value, if there are exactly those two; tagged or not.
fn tuple<'a>(value: &Cow<'a, RawValue>) -> Option<(Key<'a>, Cow<'a, RawValue>)> {
    fn borrowed(json: &RawValue) -> Option<(&RawValue, &RawValue)> {
        let text = json.get();
        if let Ok(pair) = serde_json::from_str(text) {
            return Some(pair);
        }
        if !text.starts_with("{\"#") {
            return None;
        }
        let tagged: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(text).ok()?;
        let (tag, pair) = tagged.iter().next().filter(|_| tagged.len() == 1)?;
        (tag.ends_with("Tuple") || tag.ends_with("MapEntry"))
            .then(|| serde_json::from_str(pair.get()).ok())?
    }
    match value {
        Cow::Borrowed(json) => {
            let (key, value) = borrowed(json)?;
            Some((json::key(key.get())?, Cow::Borrowed(value)))
        }
        Cow::Owned(json) => {
            let (key, value) = borrowed(json)?;
            let key = json::key(key.get())?.into_owned();
            Some((key, Cow::Owned(value.to_owned())))
        }
    }
}
