//! EDN, as Jepsen and Knossos save histories: operations as maps of keywords,
//! all in one vector or list, or one after another. It knows forms, not files.
//!
//! Events hold JSON, so every EDN form has one spelling in JSON, and every JSON
//! one in EDN; going there and back loses nothing:
//!
//! | EDN | JSON |
//! |---|---|
//! | `nil`, `true`, `12`, `1.5e3`, `"text"` | `null`, `true`, `12`, `1.5e3`, `"text"` |
//! | `[1 2]`, `(1 2)`, which EDN calls equal | `[1,2]` |
//! | `{:from 1, 7 2, "a b" 3}` | `{"from":1,"7":2,"a b":3}` |
//! | `:timeout` | `":timeout"` |
//! | `[[:r 1 nil] [:append 1 5]]` | `[["r",1,null],["append",1,5]]` |
//! | `#{1 2}` | `{"#{}":[1,2]}` |
//! | `#inst "2026-01-01"` | `{"#inst":"2026-01-01"}` |
//! | `1/2`, `1.5M`, `\a`, `sym`, `##Inf` | `"\\1/2"`, `"\\1.5M"`, `"\\\\a"`, `"\\sym"`, `"\\##Inf"` |
//! | `#witness/json "\"\\\\ud800\""` | `"\ud800"` |
//!
//! In words: an object's key is a keyword or an integer if it can be one. A text
//! that begins with a colon is a keyword if it can be one. A text that begins with
//! a backslash holds EDN as it is spelt: whatever JSON has no room for, and the
//! texts and keys that would be taken for something else. The first word of a list
//! in a list is a keyword if it names a micro-operation. What EDN has no room for
//! is tagged `#witness/json` and spelt in JSON.
//!
//! Not kept: white space, comments, needless escapes, the `N` behind an integer
//! (`5N` is the number 5), `nil` as an optional field other than `:value`. Deeper
//! than 128 levels, a form is refused.
//!
//! An `:error` may be anything: `:timeout` is the class `timeout`,
//! `[:rejected "sold"]` a class and its message, a text a message without class,
//! and anything else a message that begins with a backslash, as above.

mod error;
mod event;
mod from_json;
mod lexer;
mod micro;
mod number;
mod plain;
#[cfg(test)]
mod tests;
mod to_json;
mod write;

pub(crate) use event::{discards, error_at, parse, raw, value_span};
pub(crate) use from_json::value as from_json;
pub use write::write;

/// How deep forms may nest: as deep as JSON may for most of its readers.
pub(crate) const DEPTH_MAX: usize = 128;

/// The tag of what is spelt in JSON.
const JSON_TAG: &str = "witness/json";

/// The key of the object that stands for a set.
const SET_KEY: &str = "#{}";

/// Where a form stands: what is a plain text in one place is a keyword in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The value of an event.
    Top,
    /// An item of a list that is the value of an event.
    Row,
    /// The first item of a list in such a list.
    Word,
    /// Anywhere else.
    Plain,
}

impl Place {
    /// Where the item at that position of a list in this place stands.
    fn item(self, position: usize) -> Place {
        match (self, position) {
            (Place::Top, _) => Place::Row,
            (Place::Row, 0) => Place::Word,
            _ => Place::Plain,
        }
    }

    /// Whether the name is plain here although it is a keyword.
    fn is_word(self, name: &str) -> bool {
        self == Place::Word
            && matches!(
                name,
                "r" | "w"
                    | "append"
                    | "add"
                    | "cas"
                    | "delete"
                    | "inc"
                    | "insert"
                    | "read"
                    | "rp"
                    | "update"
                    | "write"
            )
    }
}

/// Why a text is not EDN, or not an event.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where in the text, in bytes from 0.
    pub(crate) at: usize,
    /// The field at fault, if one is.
    pub(crate) field: Option<String>,
    /// What is wrong.
    pub(crate) message: String,
}

/// Whether every reader of EDN takes `:name` for a keyword, and for this one.
fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut odd = false;
    for &byte in bytes {
        match NAME[usize::from(byte)] {
            Part::Anywhere => {}
            Part::Inside => odd = true,
            Part::Nowhere => return false,
        }
    }
    let first = bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
    first && (!odd || is_odd_name(name))
}

/// Whether the byte may stand anywhere in a name, but for digits, which begin none.
fn is_plain_in_name(byte: u8) -> bool {
    matches!(NAME[usize::from(byte)], Part::Anywhere)
}

/// As [`is_name`], for one that holds what may only stand inside.
fn is_odd_name(name: &str) -> bool {
    let inside = [':', '/', '#', '\''];
    !name.starts_with(inside)
        && !name.ends_with([':', '/'])
        && !name.contains("::")
        && name.matches('/').count() < 2
}

/// Where a byte may stand in a name.
#[derive(Clone, Copy)]
enum Part {
    Anywhere,
    Inside,
    Nowhere,
}

const NAME: [Part; 256] = {
    let mut parts = [Part::Nowhere; 256];
    let anywhere = b".*+!-_?$%&=<>";
    let inside = b"#:'/";
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphanumeric() {
            parts[byte] = Part::Anywhere;
        }
        byte += 1;
    }
    let mut at = 0;
    while at < anywhere.len() {
        parts[anywhere[at] as usize] = Part::Anywhere;
        at += 1;
    }
    at = 0;
    while at < inside.len() {
        parts[inside[at] as usize] = Part::Inside;
        at += 1;
    }
    parts
};

/// Whether the text is an integer in its one spelling.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (!digits.starts_with('0') || text == "0")
}
