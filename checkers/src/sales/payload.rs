//! The values of a sale's events, as the vocabulary has them. It reads one value
//! at a time, borrowing from it; a value it cannot read is told by its field.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use witness_histories::{Event, Key, jsonl};

use crate::checker::CheckError;

/// The argument of an `acquire`.
#[derive(Deserialize)]
pub(super) struct Ask<'a> {
    #[serde(borrow)]
    pub(super) buyer: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) request: Option<Text<'a>>,
}

/// The result of an `acquire`.
#[derive(Deserialize)]
pub(super) struct Sold<'a> {
    #[serde(borrow)]
    pub(super) sale_id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) buyer: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) request: Option<Text<'a>>,
}

/// What a scoreboard showed for a seat.
#[derive(Deserialize)]
pub(super) struct Shown {
    pub(super) confirmed: u64,
    pub(super) oversold: u64,
}

/// The beginning or end of a part of a run.
#[derive(Deserialize)]
pub(super) struct Phase<'a> {
    #[serde(borrow)]
    pub(super) phase: Cow<'a, str>,
    #[serde(default)]
    pub(super) regions: Vec<String>,
}

/// A part of a table, its rows not read yet.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) table: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) rows: &'a RawValue,
    #[serde(default)]
    pub(super) last: bool,
}

/// A row of either table.
#[derive(Default)]
pub(super) struct TableRow<'a> {
    pub(super) sale_id: Option<Cow<'a, str>>,
    pub(super) key: Option<Key<'a>>,
    pub(super) buyer: Option<Cow<'a, str>>,
    pub(super) request: Option<Cow<'a, str>>,
    pub(super) status: Option<Cow<'a, str>>,
    pub(super) owner: Option<Cow<'a, str>>,
    /// Fields besides, by name.
    pub(super) extra: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// What a field must be.
#[derive(Clone, Copy)]
pub(super) enum Must {
    Text,
    MayText,
    Scalar,
    Count,
    MayFlag,
    /// Told apart when it is read.
    List,
    MayTexts,
}

type Fields = &'static [(&'static str, Must)];

pub(super) const ASK: Fields = &[("buyer", Must::Text), ("request", Must::MayText)];
pub(super) const SOLD: Fields = &[
    ("sale_id", Must::Text),
    ("buyer", Must::MayText),
    ("request", Must::MayText),
];
pub(super) const SHOWN: Fields = &[("confirmed", Must::Count), ("oversold", Must::Count)];
pub(super) const PHASE: Fields = &[("phase", Must::Text), ("regions", Must::MayTexts)];
pub(super) const PAGE: Fields = &[
    ("table", Must::Text),
    ("rows", Must::List),
    ("last", Must::MayFlag),
];
pub(super) const LEDGER: Fields = &[
    ("sale_id", Must::Text),
    ("key", Must::Scalar),
    ("buyer", Must::Text),
    ("request", Must::MayText),
];
pub(super) const SEATS: Fields = &[
    ("key", Must::Scalar),
    ("status", Must::Text),
    ("owner", Must::MayText),
];

/// Reads an event's value.
pub(super) fn read<'a, T: Deserialize<'a>>(
    event: &'a Event<'_>,
    fields: Fields,
) -> Result<T, CheckError> {
    let Some(value) = &event.value else {
        return Err(fault(event, "value".into(), "missing"));
    };
    serde_json::from_str(value.get())
        .map_err(|error| diagnose(event, value, "value", fields, &error))
}

/// Gives each row of a page to `each`, with its position.
pub(super) fn rows<'a>(
    event: &Event<'_>,
    page: &Page<'a>,
    fields: Fields,
    each: &mut dyn FnMut(usize, TableRow<'a>) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    let mut refused = None;
    let seed = EachRow {
        fields,
        each,
        refused: &mut refused,
    };
    let result = seed.deserialize(&mut serde_json::Deserializer::from_str(page.rows.get()));
    match (refused, result) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            let Ok(rows) = serde_json::from_str::<Vec<&RawValue>>(page.rows.get()) else {
                let rows: Value = serde_json::from_str(page.rows.get()).unwrap_or_default();
                let problem = expected("a list", &rows);
                return Err(fault(event, "value.rows".into(), &problem));
            };
            let mut faults = rows.iter().enumerate().filter_map(|(at, row)| {
                let path = format!("value.rows[{at}]");
                find_fault(&lenient(row), &path, fields)
            });
            Err(faults.next().map_or_else(
                || fault(event, "value.rows".into(), &error.to_string()),
                |(field, problem)| fault(event, field, &problem),
            ))
        }
    }
}

/// An error that names the event and the field.
pub(super) fn fault(event: &Event<'_>, field: String, problem: &str) -> CheckError {
    CheckError::Payload {
        index: event.index,
        field,
        problem: problem.to_owned(),
    }
}

/// Which field made a value unreadable.
fn diagnose(
    event: &Event<'_>,
    raw: &RawValue,
    path: &str,
    fields: Fields,
    error: &serde_json::Error,
) -> CheckError {
    let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    match find_fault(&value, path, fields) {
        Some((field, problem)) => fault(event, field, &problem),
        None => fault(event, path.to_owned(), &error.to_string()),
    }
}

/// Says what was wanted and what was there, or its beginning.
fn expected(wanted: &str, found: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let found = found.to_string();
    match found.char_indices().nth(CHARS_MAX) {
        None => format!("expected {wanted}, not {found}"),
        Some((end, _)) => format!("expected {wanted}, not {}...", &found[..end]),
    }
}

/// The JSON, with what is too large for it as text.
pub(super) fn lenient(raw: &RawValue) -> Value {
    if let Ok(value) = serde_json::from_str(raw.get()) {
        return value;
    }
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(raw.get()) {
        let fields = fields.into_iter();
        return fields.map(|(name, raw)| (name, lenient(raw))).collect();
    }
    Value::from(raw.get())
}

fn find_fault(value: &Value, path: &str, fields: Fields) -> Option<(String, String)> {
    let Value::Object(object) = value else {
        return Some((path.to_owned(), expected("an object", value)));
    };
    fields.iter().find_map(|&(name, must)| {
        let found = object.get(name);
        let (fits, wanted) = match must {
            Must::Text => (found.is_some_and(Value::is_string), "a string"),
            Must::MayText => (
                found.is_none_or(|v| v.is_string() || v.is_null()),
                "a string",
            ),
            Must::Scalar => (
                found.is_some_and(|v| v.is_string() || v.is_number() || v.is_boolean()),
                "a string, a number or a boolean",
            ),
            Must::Count => (found.is_some_and(Value::is_u64), "a count"),
            Must::MayFlag => (found.is_none_or(Value::is_boolean), "true or false"),
            Must::List => (found.is_some(), "a list"),
            Must::MayTexts => (
                found.is_none_or(|v| {
                    v.as_array()
                        .is_some_and(|all| all.iter().all(Value::is_string))
                }),
                "a list of strings",
            ),
        };
        let problem = || match found {
            None => "missing".to_owned(),
            Some(other) => expected(wanted, other),
        };
        (!fits).then(|| (format!("{path}.{name}"), problem()))
    })
}

struct EachRow<'e, 'a> {
    fields: Fields,
    each: &'e mut dyn FnMut(usize, TableRow<'a>) -> Result<(), CheckError>,
    refused: &'e mut Option<CheckError>,
}

impl<'de> DeserializeSeed<'de> for EachRow<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for EachRow<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(row) = rows.next_element_seed(RowOf(self.fields))? {
            if let Err(error) = (self.each)(at, row) {
                *self.refused = Some(error);
                return Err(A::Error::custom("refused"));
            }
            at += 1;
        }
        Ok(())
    }
}

/// Text that borrows where it can; inside an `Option`, a `Cow` alone never does.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Reads a row whose known fields are these; those of the other table mean nothing here.
struct RowOf(Fields);

impl<'de> DeserializeSeed<'de> for RowOf {
    type Value = TableRow<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowOf {
    type Value = TableRow<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TableRow<'de>, A::Error> {
        let mut row = TableRow::default();
        while let Some(Text(name)) = map.next_key()? {
            let known = self.0.iter().any(|&(known, _)| known == name);
            let field = match &*name {
                _ if !known => {
                    row.extra.push((name, map.next_value()?));
                    continue;
                }
                "sale_id" => &mut row.sale_id,
                "buyer" => &mut row.buyer,
                "request" => &mut row.request,
                "status" => &mut row.status,
                "owner" => &mut row.owner,
                // The key of an event and that of a row are the same if spelt the same.
                _ => {
                    let key = jsonl::key(map.next_value()?).map_err(A::Error::custom)?;
                    row.key = Some(key.ok_or_else(|| A::Error::custom("a key must not be null"))?);
                    continue;
                }
            };
            *field = map.next_value::<Option<Text<'_>>>()?.map(|Text(text)| text);
        }
        Ok(row)
    }
}
