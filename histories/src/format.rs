//! The formats of histories, and how to tell them apart by what is in them.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;

/// A format that histories are saved in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// One event a line: ours, see [`jsonl`](crate::jsonl).
    JsonLines,
    /// An array of events, or one after another, as elle-cli takes them: fields
    /// may be missing, and an `error` may be anything.
    Json,
    /// Jepsen's and Knossos's histories, and porcupine's tests of a key-value
    /// store: see [`edn`](crate::edn).
    Edn,
    /// Lines of a Jepsen run's log, as porcupine's tests of etcd have them.
    JepsenLog,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [
        Format::JsonLines,
        Format::Json,
        Format::Edn,
        Format::JepsenLog,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::JsonLines => "jsonl",
            Format::Json => "json",
            Format::Edn => "edn",
            Format::JepsenLog => "jepsen-log",
        }
    }

    /// The format that a text which begins so is in. What is nothing that we know
    /// is taken for [`Format::JsonLines`].
    pub fn of(beginning: &[u8]) -> Format {
        let text = trim(beginning);
        match text {
            [b'[', rest @ ..] => match trim(rest) {
                [] | [b']', ..] => Format::Json,
                [b'{', rest @ ..] if matches!(trim(rest), [b'"', ..]) => Format::Json,
                _ => Format::Edn,
            },
            [b'(' | b';' | b'#', ..] => Format::Edn,
            [b'{', rest @ ..] => match trim(rest) {
                [b'"', ..] if is_loose_json(text) => Format::Json,
                [b':' | b';' | b'#' | b',' | b'}', ..] => Format::Edn,
                _ => Format::JsonLines,
            },
            _ if text
                .split(|&byte| byte == b'\n')
                .take(1_000)
                .any(|line| crate::jepsen_log::operation(line).is_some()) =>
            {
                Format::JepsenLog
            }
            _ => Format::JsonLines,
        }
    }
}

/// Whether these are objects, but not ours: several lines each, or without our
/// `index` and `time`.
fn is_loose_json(text: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', text);
    let line = text[..end.unwrap_or(text.len())].trim_ascii_end();
    if let Ok(event) = serde_json::from_slice::<HashMap<String, &RawValue>>(line) {
        return event.contains_key("type")
            && !(event.contains_key("index") && event.contains_key("time"));
    }
    // The first line is whole, and less than one object or more.
    let mut objects = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    end.is_some()
        && serde_json::from_slice::<&RawValue>(line).is_err()
        && objects.next().is_some_and(|first| first.is_ok())
}

/// What some editors put before a text in UTF-8; it means nothing.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text without the white space at its beginning, and a byte order mark.
fn trim(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(text)
        .trim_ascii_start()
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No format has that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no format: jsonl, json, edn, jepsen-log")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Format, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}
