//! JSON values as numbers of 32 bits: equal values have equal numbers, and only they do;
//! what is equal, [`canonical`](super::canonical) says. It knows nothing of what they mean.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::canonical::canonical;
use crate::intern::{Full, Interner, NONE};

/// Numbers with this bit are small integers themselves.
const INTEGER: u32 = 1 << 31;

/// Interned JSON values. [`NONE`] is null; an integer below 1,000,000,000 takes no
/// memory, anything else its text once.
#[derive(Debug, Default, Clone)]
pub(crate) struct Values(Interner);

impl Values {
    /// The number of the value; quicker if it is the one it is likely to have.
    pub(crate) fn intern(&mut self, json: &str, likely: u32) -> Result<u32, Full> {
        if let Some(integer) = small(json.as_bytes()) {
            return Ok(INTEGER | integer);
        }
        let json = canonical(json);
        match plain(&json) {
            Some(number) => Ok(number),
            None => {
                let number = self.0.intern(json.as_bytes(), likely)?;
                if number >= INTEGER {
                    Err(Full)
                } else {
                    Ok(number)
                }
            }
        }
    }

    /// The number of a value, if it was interned.
    pub(crate) fn find(&self, json: &str) -> Option<u32> {
        let json = canonical(json);
        plain(&json).or_else(|| self.0.find(json.as_bytes()))
    }

    /// The value of a number. A JSON number that no machine number holds is given as a text
    /// that says so, wherever in the value it is: values that differ stay different.
    pub(crate) fn get(&self, number: u32) -> Value {
        if number == NONE {
            return Value::Null;
        }
        if number & INTEGER != 0 {
            return Value::from(number & !INTEGER);
        }
        exactly(&String::from_utf8_lossy(self.0.get(number)))
    }
}

/// The value of canonical JSON, by [`Values::get`].
pub(crate) fn exactly(json: &str) -> Value {
    let plainly = (!holds_long_number(json)).then(|| serde_json::from_str(json).ok());
    let value = plainly.flatten().or_else(|| piece_by_piece(json));
    value.unwrap_or_else(|| Value::from(json))
}

/// Whether there may be a number that no machine number holds. All of fifteen digits do.
fn holds_long_number(json: &str) -> bool {
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let mut parts = json.as_bytes().split(|byte| !is_of_number(byte));
    parts.any(|part| part.len() > 15)
}

fn piece_by_piece(json: &str) -> Option<Value> {
    match json.as_bytes().first()? {
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            let items = items.into_iter().map(|item| piece_by_piece(item.get()));
            items.collect::<Option<_>>().map(Value::Array)
        }
        b'{' => {
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            let fields = fields.into_iter();
            let fields = fields.map(|(name, value)| Some((name, piece_by_piece(value.get())?)));
            fields.collect::<Option<_>>().map(Value::Object)
        }
        b'-' | b'0'..=b'9' => match serde_json::from_str(json) {
            Ok(Value::Number(number)) if canonical(&number.to_string()) == json => {
                Some(Value::Number(number))
            }
            _ => Some(Value::String(format!("number {json}"))),
        },
        _ => serde_json::from_str(json).ok(),
    }
}

/// The integer that the number of a value stands for, if it is a small one.
pub(crate) fn small_integer(number: u32) -> Option<u32> {
    (number & INTEGER != 0 && number != NONE).then_some(number & !INTEGER)
}

/// The number of a value that takes no memory.
fn plain(canonical: &str) -> Option<u32> {
    match small(canonical.as_bytes()) {
        Some(integer) => Some(INTEGER | integer),
        None => (canonical == "null").then_some(NONE),
    }
}

/// A plain integer of up to nine digits.
fn small(json: &[u8]) -> Option<u32> {
    if json.len() > 9 || json.is_empty() || (json[0] == b'0' && json.len() > 1) {
        return None;
    }
    json.iter().try_fold(0u32, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_numbers() {
        let mut values = Values::default();
        let mut number = |json: &str| values.intern(json, 0).unwrap();
        assert_eq!(number("null"), NONE);
        assert_eq!(number("[1, 2]"), number("[1,2]"));
        assert_eq!(number(r#""\u0041 b""#), number(r#""A b""#));
        assert_eq!(number(r#"{"a":1,"b":2}"#), number(r#"{"b":2, "a":1}"#));
        assert_ne!(number("1"), number("\"1\""));
        assert_ne!(number("-1"), number("1"));
        assert_eq!(number("1.0"), number("1"));
        assert_eq!(number("2500000000"), number("2.5e9"));
        assert_eq!(number("[1.0]"), number("[ 1 ]"));
        assert_ne!(
            number(r#"{"id":18446744073709551617}"#),
            number(r#"{"id":18446744073709551618}"#)
        );
        assert_ne!(number("9007199254740993.0"), number("9007199254740992.0"));
    }

    #[test]
    fn values_come_back() {
        let mut values = Values::default();
        for json in [
            "null",
            "0",
            "7",
            "999999999",
            "1000000000",
            "-3",
            "1.5",
            "\"0\"",
            "[1,[2]]",
            "true",
            "18446744073709551615",
            "0.1",
            "1e-9",
        ] {
            let number = values.intern(json, 3).unwrap();
            assert_eq!(values.get(number).to_string(), json);
            assert_eq!(values.find(json), Some(number));
        }
        let mut said = |json: &str| {
            let number = values.intern(json, 3).unwrap();
            values.get(number).to_string()
        };
        assert_eq!(
            said("18446744073709551617"),
            r#""number 18446744073709551617""#
        );
        assert_eq!(said("1e2000"), r#""number 1e2000""#);
        assert_eq!(
            said(r#"[{"a":18446744073709551617},"18446744073709551617",7]"#),
            r#"[{"a":"number 18446744073709551617"},"18446744073709551617",7]"#
        );
    }
}
