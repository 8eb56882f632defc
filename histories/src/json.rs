//! Events as JSON objects that others wrote, as elle-cli takes them: fields may
//! be missing, and an error may be anything. It knows objects, not files.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::clock::Clock;
use crate::draft::Draft;
use crate::edn::{self, Fault, Place};
use crate::event::{Error, Key, Kind, Process};
use crate::field::Field;

/// Reads one object.
pub(crate) fn parse(text: &str) -> Result<Draft<'_>, Box<Fault>> {
    let Fields(fields) = serde_json::from_str(text).map_err(|error| at_error(text, &error))?;
    let mut draft = Draft::default();
    for (name, raw) in fields {
        let Some(field) = Field::named(&name) else {
            draft.extra.push((name, Cow::Borrowed(raw)));
            continue;
        };
        let offset = raw.get().as_ptr().addr() - text.as_ptr().addr();
        let fault = |message: &str| {
            Box::new(Fault {
                at: offset,
                field: Some(field.name().to_owned()),
                message: message.to_owned(),
            })
        };
        if !draft.first(field) {
            return Err(fault("given twice"));
        }
        let json = raw.get();
        if json == "null" && field != Field::Value {
            continue;
        }
        match field {
            Field::Index => draft.index = Some(scalar(json, fault, "expected a count from 0")?),
            Field::Time => {
                draft.time = Some(scalar(json, fault, "expected nanoseconds, an integer")?);
            }
            Field::Attempts => draft.attempts = Some(scalar(json, fault, "expected a count")?),
            Field::Region => {
                draft.region = Some(text_of(json).ok_or_else(|| fault("expected a text"))?)
            }
            Field::Recorder => {
                let name = text_of(json).ok_or_else(|| fault("expected a text"))?;
                draft.stamp.get_or_insert_default().recorder = Some(name);
            }
            Field::Clock => {
                let clock = Clock::from_json(json).map_err(|bad| fault(&bad.to_string()))?;
                draft.stamp.get_or_insert_default().clock = Some(clock);
            }
            Field::F => draft.f = Some(text_of(json).ok_or_else(|| fault("expected a text"))?),
            Field::Type => {
                let kind = text_of(json).and_then(|name| Kind::named(name.trim_start_matches(':')));
                draft.kind =
                    Some(kind.ok_or_else(|| {
                        fault("expected \"invoke\", \"ok\", \"fail\" or \"info\"")
                    })?);
            }
            Field::Process => {
                let process = match text_of(json)
                    .as_deref()
                    .map(|name| name.trim_start_matches(':'))
                {
                    Some("nemesis") => Some(Process::Nemesis),
                    Some("witness") => Some(Process::Witness),
                    Some(_) => None,
                    None => serde_json::from_str(json).ok().map(Process::Client),
                };
                draft.process = Some(process.ok_or_else(|| {
                    fault("expected a client's number, \"nemesis\" or \"witness\"")
                })?);
            }
            Field::Key => draft.key = key(json),
            Field::Value => draft.value = Some(Cow::Borrowed(raw)),
            Field::Error => draft.error = Some(error(json)),
        }
    }
    Ok(draft)
}

/// serde_json's error, with its place in the text.
fn at_error(text: &str, error: &serde_json::Error) -> Box<Fault> {
    let before: usize = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    Box::new(Fault {
        at: (before + error.column()).saturating_sub(1),
        field: None,
        message: message
            .strip_suffix(&position)
            .unwrap_or(&message)
            .to_owned(),
    })
}

fn scalar<T: for<'de> Deserialize<'de>>(
    json: &str,
    fault: impl Fn(&str) -> Box<Fault>,
    expected: &str,
) -> Result<T, Box<Fault>> {
    serde_json::from_str(json).map_err(|_| fault(expected))
}

/// The text that the JSON is, borrowed unless it has escapes.
fn text_of(json: &str) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inside))
    }
}

/// The key that the JSON is; a list or an object is spelt as EDN.
pub(crate) fn key(json: &str) -> Option<Key<'_>> {
    Some(match json.as_bytes().first() {
        None | Some(b'n') => return None,
        Some(b't') => Key::Bool(true),
        Some(b'f') => Key::Bool(false),
        Some(b'"') => Key::Text(text_of(json)?),
        Some(b'[' | b'{') => Key::Text(spelt(json).into()),
        Some(_) => match json.parse() {
            Ok(int) if json != "-0" => Key::Int(int),
            _ => Key::Number(Cow::Borrowed(json)),
        },
    })
}

/// Ours has a class and a message; of any other error the whole is the message,
/// as [`edn`] has it.
fn error(json: &str) -> Error<'_> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ours {
        class: String,
        message: String,
    }
    if let Ok(Ours { class, message }) = serde_json::from_str(json) {
        return Error::new(class, message);
    }
    match text_of(json) {
        Some(text) if !text.starts_with('\\') => Error::new("", text),
        _ => Error::new("", spelt(json)),
    }
}

/// The JSON as EDN behind a backslash.
fn spelt(json: &str) -> String {
    let mut text = "\\".to_owned();
    edn::from_json(json, Place::Plain, &mut text);
    text
}

/// An object's fields in order, their values as they are spelt.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event: a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        json.deserialize_map(FieldsVisitor)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
