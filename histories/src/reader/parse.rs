//! An event, whose place is known, out of its text. Nothing here depends on the
//! events before it.

use super::ReadError;
use super::cut::Place;
use crate::draft::Draft;
use crate::edn::{self, Fault};
use crate::event::Event;
use crate::format::Format;
use crate::jsonl::{self, ParseError};
use crate::{jepsen_log, json};

/// What one text says.
#[derive(Debug)]
pub(super) enum Parsed<'a> {
    /// Ours, complete.
    Event(Event<'a>),
    /// Another format's: what it leaves out is still to be supplied.
    Draft(Draft<'a>),
}

/// Reads an event, which stands at that place; values of other formats go to `scratch` as
/// JSON.
#[inline]
pub(super) fn parse<'a>(
    name: &str,
    format: Format,
    text: &'a str,
    place: &Place,
    scratch: &'a mut String,
) -> Result<Parsed<'a>, ReadError> {
    if format == Format::JsonLines {
        return match jsonl::parse(text) {
            Ok(event) => Ok(Parsed::Event(event)),
            Err(error) => Err(ReadError::Malformed {
                name: name.to_owned(),
                line: place.line,
                error,
            }),
        };
    }
    let read = match format {
        Format::JepsenLog => jepsen_log::parse(text, scratch),
        Format::Json => json::parse(text),
        Format::Edn | Format::JsonLines => edn::parse(text, scratch),
    };
    match read {
        Ok(draft) => Ok(Parsed::Draft(draft)),
        Err(fault) => Err(malformed(name, text, place, *fault)),
    }
}

/// The text at that place of the buffer.
#[inline]
pub(super) fn utf8<'a>(name: &str, buffer: &'a [u8], place: &Place) -> Result<&'a str, ReadError> {
    let bytes = &buffer[place.range.clone()];
    std::str::from_utf8(bytes).map_err(|error| {
        let (line, column) = position(bytes, error.valid_up_to(), place);
        ReadError::NotUtf8 {
            name: name.to_owned(),
            line,
            column,
        }
    })
}

/// The line and the column, both from 1, of a byte of an event.
fn position(event: &[u8], at: usize, place: &Place) -> (u64, usize) {
    let before = &event[..at.min(event.len())];
    match memchr::memrchr(b'\n', before) {
        None => (place.line, place.column + before.len() + 1),
        Some(last) => (
            place.line + memchr::memchr_iter(b'\n', before).count() as u64,
            before.len() - last,
        ),
    }
}

fn malformed(name: &str, text: &str, place: &Place, fault: Fault) -> ReadError {
    let (line, column) = position(text.as_bytes(), fault.at, place);
    ReadError::Malformed {
        name: name.to_owned(),
        line,
        error: ParseError {
            field: fault.field,
            column: Some(column),
            message: fault.message.replace(char::is_control, "\u{fffd}"),
        },
    }
}
