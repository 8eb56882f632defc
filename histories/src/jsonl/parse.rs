//! Reading an event from a line of JSON, borrowing from the line, and saying
//! which field is at fault when it is not one.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::canonical;
use crate::clock::{Clock, Stamp};
use crate::event::{Error, Event, Key, Kind, Process};
use crate::field::Field;

/// Why a line is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The field at fault; none where the line is not a JSON object of fields.
    pub field: Option<String>,
    /// The byte, from 1, at which it was noticed; none for a missing field.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "field {field:?}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

/// Reads one event from one line; white space around it, a line end too, is
/// ignored.
///
/// # Errors
/// Malformed JSON, a known field that is missing, given twice or of the wrong
/// type, an unknown `type`.
#[inline]
pub fn parse(line: &str) -> Result<Event<'_>, ParseError> {
    match canonical::parse(line) {
        Some(event) => Ok(event),
        None => parse_any(line),
    }
}

/// As [`parse`], for lines however they are spelt.
pub(super) fn parse_any(line: &str) -> Result<Event<'_>, ParseError> {
    let at = Cell::new(None);
    let mut json = serde_json::Deserializer::from_str(line);
    EventSeed { at: &at }
        .deserialize(&mut json)
        .and_then(|draft| json.end().map(|()| draft))
        .map_err(|error| because(&error, at.take()))?
        .finish()
}

/// Our words for serde_json's error: the position has its own field.
fn because(error: &serde_json::Error, at: Option<Cow<'_, str>>) -> ParseError {
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let message = message.strip_suffix(&position).unwrap_or(&message);
    ParseError {
        field: at.map(Cow::into_owned),
        column: (error.column() > 0).then(|| error.column()),
        // A name that is quoted in it may hold anything.
        message: message.replace(char::is_control, "\u{fffd}"),
    }
}

/// The fields seen so far.
#[derive(Default)]
struct Draft<'a> {
    seen: u16,
    index: Option<u64>,
    time: Option<i64>,
    kind: Option<Kind>,
    process: Option<Process>,
    region: Option<Cow<'a, str>>,
    f: Option<Cow<'a, str>>,
    key: Option<Key<'a>>,
    value: Option<Cow<'a, RawValue>>,
    error: Option<Error<'a>>,
    attempts: Option<u32>,
    stamp: Option<Box<Stamp<'a>>>,
    extra: Vec<(Cow<'a, str>, Cow<'a, RawValue>)>,
}

impl<'a> Draft<'a> {
    /// Notes the field; false if it was there before.
    fn first(&mut self, field: Field) -> bool {
        let bit = 1 << field as u16;
        let first = self.seen & bit == 0;
        self.seen |= bit;
        first
    }

    fn finish(self) -> Result<Event<'a>, ParseError> {
        fn required<T>(field: Field, value: Option<T>) -> Result<T, ParseError> {
            value.ok_or_else(|| ParseError {
                field: Some(field.name().to_owned()),
                column: None,
                message: "missing".to_owned(),
            })
        }
        Ok(Event {
            index: required(Field::Index, self.index)?,
            time: required(Field::Time, self.time)?,
            kind: required(Field::Type, self.kind)?,
            process: required(Field::Process, self.process)?,
            region: self.region,
            f: required(Field::F, self.f)?,
            key: self.key,
            value: self.value,
            error: self.error,
            attempts: self.attempts,
            stamp: self.stamp,
            extra: self.extra,
        })
    }
}

/// Reads an event's fields; `at` holds the field being read, for the error.
struct EventSeed<'c, 'de> {
    at: &'c Cell<Option<Cow<'de, str>>>,
}

impl<'de> DeserializeSeed<'de> for EventSeed<'_, 'de> {
    type Value = Draft<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Draft<'de>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_, 'de> {
    type Value = Draft<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event: a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft<'de>, A::Error> {
        let mut draft = Draft::default();
        while let Some(Text(name)) = map.next_key()? {
            let Some(field) = Field::named(&name) else {
                self.at.set(Some(name));
                let value = map.next_value()?;
                let name = self.at.take().unwrap_or_default();
                draft.extra.push((name, Cow::Borrowed(value)));
                continue;
            };
            self.at.set(Some(Cow::Borrowed(field.name())));
            if !draft.first(field) {
                return Err(de::Error::custom("given twice"));
            }
            match field {
                Field::Index => draft.index = Some(map.next_value()?),
                Field::Time => draft.time = Some(map.next_value()?),
                Field::Type => draft.kind = Some(map.next_value()?),
                Field::Process => draft.process = Some(map.next_value()?),
                Field::Region => draft.region = map.next_value::<Option<Text>>()?.map(|t| t.0),
                Field::F => draft.f = Some(map.next_value::<Text>()?.0),
                Field::Key => draft.key = key(map.next_value()?).map_err(de::Error::custom)?,
                Field::Value => draft.value = Some(Cow::Borrowed(map.next_value()?)),
                Field::Error => {
                    draft.error = map.next_value::<Option<SavedError>>()?.map(Into::into)
                }
                Field::Attempts => draft.attempts = map.next_value()?,
                Field::Clock => {
                    if let Some(raw) = map.next_value::<Option<&RawValue>>()? {
                        let clock = Clock::from_json(raw.get()).map_err(de::Error::custom)?;
                        draft.stamp.get_or_insert_default().clock = Some(clock);
                    }
                }
                Field::Recorder => {
                    if let Some(Text(name)) = map.next_value()? {
                        draft.stamp.get_or_insert_default().recorder = Some(name);
                    }
                }
            }
            self.at.set(None);
        }
        Ok(draft)
    }
}

/// Reads a key, as the `key` of an event is read, so that keys elsewhere are the same
/// if they are spelt the same; none from `null`. Numbers that are no `i64` keep their
/// spelling: they must not be rounded.
///
/// # Errors
/// A list or an object, a string with a lone surrogate.
pub fn key(raw: &RawValue) -> Result<Option<Key<'_>>, ParseError> {
    let text = raw.get();
    Ok(Some(match text.as_bytes().first() {
        Some(b'"') => match serde_json::from_str(text) {
            Ok(Text(text)) => Key::Text(text),
            Err(error) => return Err(because(&error, None)),
        },
        Some(b'n') => return Ok(None),
        Some(b't') => Key::Bool(true),
        Some(b'f') => Key::Bool(false),
        Some(b'{' | b'[') => {
            return Err(ParseError {
                field: None,
                column: None,
                message: "expected a string, a number or a boolean".to_owned(),
            });
        }
        // "-0" would be written back as "0".
        _ => match text.parse() {
            Ok(int) if text != "-0" => Key::Int(int),
            _ => Key::Number(Cow::Borrowed(text)),
        },
    }))
}

/// A string, borrowed unless it has escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        json.deserialize_str(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct KindVisitor;
        impl Visitor<'_> for KindVisitor {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"invoke\", \"ok\", \"fail\" or \"info\"")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Kind, E> {
                Kind::named(name).ok_or_else(|| E::invalid_value(de::Unexpected::Str(name), &self))
            }
        }
        json.deserialize_str(KindVisitor)
    }
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct ProcessVisitor;
        impl Visitor<'_> for ProcessVisitor {
            type Value = Process;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a client's number, \"nemesis\" or \"witness\"")
            }

            fn visit_u64<E>(self, id: u64) -> Result<Process, E> {
                Ok(Process::Client(id))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Process, E> {
                match name {
                    "nemesis" => Ok(Process::Nemesis),
                    "witness" => Ok(Process::Witness),
                    _ => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
                }
            }
        }
        json.deserialize_any(ProcessVisitor)
    }
}

/// An error as saved. Unknown fields are refused: they would be lost.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedError<'a> {
    #[serde(borrow)]
    class: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
}

impl<'a> From<SavedError<'a>> for Error<'a> {
    fn from(saved: SavedError<'a>) -> Self {
        Error {
            class: saved.class.0,
            message: saved.message.0,
        }
    }
}
