//! An EDN map as the draft of an event. Which fields an event must have is not
//! decided here.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

use super::lexer::{Lexer, Scalar};
use super::{Fault, Place, error, is_name, plain, to_json};
use crate::clock::Clock;
use crate::draft::Draft;
use crate::event::{Error, Key, Kind, Process};
use crate::field::Field;
use crate::raw;

/// If there is no form in the text but discarded ones: how many of those that come
/// behind the text are to be discarded too.
pub(crate) fn discards(text: &str) -> Option<usize> {
    let mut edn = Lexer::new(text);
    let behind = edn.long_trivia(0).ok()?;
    edn.is_at_end().then_some(behind)
}

/// Reads one map; its values as JSON go to `scratch`.
pub(crate) fn parse<'a>(text: &'a str, scratch: &'a mut String) -> Result<Draft<'a>, Box<Fault>> {
    scratch.clear();
    let mut edn = Lexer::new(text);
    edn.trivia(0)?;
    while edn.peek() == Some(b'#') {
        // A record: its fields are what counts.
        edn.tag()?;
        edn.trivia(0)?;
    }
    if edn.peek() != Some(b'{') {
        return edn.fault(edn.at(), "expected an event: a map");
    }
    edn.take(b'{');
    let mut fields = Fields::default();
    let mut draft = Draft::default();
    loop {
        plain::fields(&mut edn, scratch, &mut draft, &mut fields.value);
        if edn.close(b'}', 0)? {
            break;
        }
        let start = edn.at();
        let (name, field) = field(&mut edn)?;
        let named = |mut fault: Box<Fault>| {
            // A text is no keyword: its name is what JSON makes of it, as in `\\"type"`.
            let plain = |name: &str| name.trim_start_matches('\\').trim_matches('"').to_owned();
            fault.field.get_or_insert_with(|| plain(&name));
            fault
        };
        edn.trivia(0).map_err(named)?;
        match field {
            Some(field) => {
                if !draft.first(field) {
                    return edn.fault(start, "given twice").map_err(named);
                }
                known(field, &mut edn, scratch, &mut draft, &mut fields).map_err(named)?;
            }
            None => {
                let value = json(&mut edn, Place::Plain, scratch).map_err(named)?;
                fields.extra.push((name, value));
            }
        }
    }
    edn.trivia(0)?;
    if !edn.is_at_end() {
        return edn.fault(edn.at(), "more than one form");
    }
    let scratch: &'a str = scratch;
    draft.value = fields.value.map(|range| raw(&scratch[range])).transpose()?;
    for (name, range) in fields.extra {
        draft.extra.push((name, raw(&scratch[range])?));
    }
    Ok(draft)
}

/// What is known only once nothing more is written to the scratch.
#[derive(Default)]
struct Fields<'a> {
    value: Option<Range<usize>>,
    extra: Vec<(Cow<'a, str>, Range<usize>)>,
}

/// Takes the value of a field that this version knows.
fn known<'a>(
    field: Field,
    edn: &mut Lexer<'a>,
    scratch: &mut String,
    draft: &mut Draft<'a>,
    fields: &mut Fields<'a>,
) -> Result<(), Box<Fault>> {
    let start = edn.at();
    match field {
        Field::Value => fields.value = Some(json(edn, Place::Top, scratch)?),
        Field::Error => draft.error = error::read(edn)?,
        Field::F => {
            draft.f = if edn.plain_nil() {
                None
            } else {
                Some(name(edn)?)
            }
        }
        Field::Region => {
            draft.region = if edn.plain_nil() {
                None
            } else {
                Some(text(edn)?)
            }
        }
        Field::Key => draft.key = key(edn)?,
        Field::Index => draft.index = number(edn, "a count from 0")?,
        Field::Time => draft.time = number(edn, "nanoseconds, an integer")?,
        Field::Attempts => draft.attempts = number(edn, "a count")?,
        Field::Clock => clock(edn, scratch, draft)?,
        Field::Recorder => recorder(edn, draft)?,
        Field::Type => {
            let name = text(edn)?;
            let name = name.strip_prefix(':').unwrap_or(&name);
            draft.kind = match Kind::named(name) {
                Some(kind) => Some(kind),
                None => return edn.fault(start, "expected :invoke, :ok, :fail or :info"),
            }
        }
        Field::Process => draft.process = process(edn)?,
    }
    Ok(())
}

/// Takes `[earliest latest]` or `nil`. Apart, so that events without it are not slower
/// to read; so is [`recorder`].
#[inline(never)]
fn clock(
    edn: &mut Lexer<'_>,
    scratch: &mut String,
    draft: &mut Draft<'_>,
) -> Result<(), Box<Fault>> {
    let start = edn.at();
    let range = json(edn, Place::Plain, scratch)?;
    let clock = match &scratch[range.clone()] {
        "null" => None,
        json => Some(Clock::from_json(json)),
    };
    scratch.truncate(range.start);
    match clock {
        None => {}
        Some(Ok(clock)) => draft.stamp.get_or_insert_default().clock = Some(clock),
        Some(Err(bad)) => return edn.fault(start, bad.to_string()),
    }
    Ok(())
}

#[inline(never)]
fn recorder<'a>(edn: &mut Lexer<'a>, draft: &mut Draft<'a>) -> Result<(), Box<Fault>> {
    if !edn.plain_nil() {
        draft.stamp.get_or_insert_default().recorder = Some(text(edn)?);
    }
    Ok(())
}

fn process(edn: &mut Lexer<'_>) -> Result<Option<Process>, Box<Fault>> {
    let start = edn.at();
    let form = match edn.peek() {
        Some(b'"') => edn.string()?,
        _ => Cow::Borrowed(edn.word()?),
    };
    Ok(Some(match form.strip_prefix(':').unwrap_or(&form) {
        "nil" => return Ok(None),
        "nemesis" => Process::Nemesis,
        "witness" => Process::Witness,
        id => match integer(id) {
            Some(id) => Process::Client(id),
            None => {
                return edn.fault(start, "expected a client's number, :nemesis or :witness");
            }
        },
    }))
}

/// An integer in any of its spellings, if it fits.
fn integer<T: std::str::FromStr>(word: &str) -> Option<T> {
    word.strip_suffix('N').unwrap_or(word).parse().ok()
}

/// Takes an integer or `nil`.
fn number<T: std::str::FromStr>(
    edn: &mut Lexer<'_>,
    expected: &str,
) -> Result<Option<T>, Box<Fault>> {
    let start = edn.at();
    let word = edn.word()?;
    match integer(word) {
        Some(number) => Ok(Some(number)),
        None if word == "nil" => Ok(None),
        None => edn.fault(start, format!("expected {expected}")),
    }
}

/// Takes the name of a field, and says which one it is if this version knows it.
#[inline]
fn field<'a>(edn: &mut Lexer<'a>) -> Result<(Cow<'a, str>, Option<Field>), Box<Fault>> {
    let start = edn.at();
    if edn.take(b':')
        && let Ok(word) = edn.word()
        && let Some(field) = Field::named(word)
    {
        return Ok((Cow::Borrowed(word), Some(field)));
    }
    edn.rewind(start);
    let name = name(edn)?;
    let field = Field::named(&name);
    Ok((name, field))
}

/// Takes the name of a field or of a function.
fn name<'a>(edn: &mut Lexer<'a>) -> Result<Cow<'a, str>, Box<Fault>> {
    let start = edn.at();
    if let Some(word) = edn.plain_keyword() {
        return Ok(Cow::Borrowed(&word[1..]));
    }
    if edn.peek() == Some(b':') {
        let word = edn.word()?;
        if let Scalar::Keyword(name) = edn.scalar(word)?
            && is_name(name)
        {
            return Ok(Cow::Borrowed(name));
        }
        return Ok(Cow::Owned(format!("\\{word}")));
    }
    let mut json = String::new();
    to_json::key(edn, 1, &mut json)?;
    match serde_json::from_str::<String>(&json) {
        // Only JSON could spell a field's name as something else.
        Ok(name) if Field::named(&name).is_none() => Ok(Cow::Owned(name)),
        _ => edn.fault(start, "not a name"),
    }
}

/// Takes a text; what is none is spelt as one.
fn text<'a>(edn: &mut Lexer<'a>) -> Result<Cow<'a, str>, Box<Fault>> {
    let start = edn.at();
    if let Some(word) = edn.plain_keyword() {
        return Ok(Cow::Borrowed(word));
    }
    if edn.peek() == Some(b':') {
        let word = edn.word()?;
        if is_name(&word[1..]) {
            return Ok(Cow::Borrowed(word));
        }
        return Ok(Cow::Owned(format!("\\{word}")));
    }
    let mut json = String::new();
    to_json::value(edn, Place::Plain, 1, &mut json)?;
    if !json.starts_with('"') {
        return Ok(Cow::Owned(format!("\\{}", edn.since(start))));
    }
    match serde_json::from_str::<String>(&json) {
        Ok(text) => Ok(Cow::Owned(text)),
        Err(_) => edn.fault(start, "half a surrogate pair"),
    }
}

/// Takes the object of an operation; a list or a map is spelt as a text.
fn key<'a>(edn: &mut Lexer<'a>) -> Result<Option<Key<'a>>, Box<Fault>> {
    let start = edn.at();
    if let Some(b'"' | b':') = edn.peek() {
        return Ok(Some(Key::Text(text(edn)?)));
    }
    let mut json = String::new();
    to_json::value(edn, Place::Plain, 1, &mut json)?;
    Ok(Some(match json.as_bytes().first() {
        Some(b'n') => return Ok(None),
        Some(b't') => Key::Bool(true),
        Some(b'f') => Key::Bool(false),
        Some(b'[' | b'{') => Key::Text(format!("\\{}", edn.since(start)).into()),
        Some(b'"') => {
            let mut again = edn.clone();
            again.rewind(start);
            Key::Text(text(&mut again)?)
        }
        _ => match json.parse() {
            Ok(int) if json != "-0" => Key::Int(int),
            _ => Key::Number(json.into()),
        },
    }))
}

/// Whether the text is one list, map, set or tagged form.
pub(super) fn is_compound(edn: &str) -> bool {
    let mut lexer = Lexer::new(edn);
    let mut json = String::new();
    to_json::value(&mut lexer, Place::Plain, 1, &mut json).is_ok()
        && lexer.is_at_end()
        && json.starts_with(['[', '{'])
}

/// Takes a form, and says where in the scratch it is as JSON.
fn json(
    edn: &mut Lexer<'_>,
    place: Place,
    scratch: &mut String,
) -> Result<Range<usize>, Box<Fault>> {
    let start = scratch.len();
    to_json::value(edn, place, 1, scratch)?;
    Ok(start..scratch.len())
}

/// Takes the form at the start of `text` as an event's value, appends it as JSON,
/// and says how long it is.
pub(crate) fn value_span(text: &str, scratch: &mut String) -> Result<usize, Box<Fault>> {
    let mut edn = Lexer::new(text);
    edn.trivia(0)?;
    to_json::value(&mut edn, Place::Top, 1, scratch)?;
    Ok(edn.at())
}

/// The JSON as a value, which it is known to be: it came out of [`to_json`].
pub(crate) fn raw(json: &str) -> Result<Cow<'_, RawValue>, Box<Fault>> {
    raw::known(json).map(Cow::Borrowed).map_err(|error| {
        Box::new(Fault {
            at: 0,
            field: None,
            message: error.to_string(),
        })
    })
}

/// Reads an `:error` from the start of `text`.
pub(crate) fn error_at(text: &str) -> Result<Option<Error<'_>>, Box<Fault>> {
    let mut edn = Lexer::new(text);
    edn.trivia(0)?;
    error::read(&mut edn)
}
