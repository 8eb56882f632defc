//! The types and values of the SQL subset, how they order, and their text form.
//! The binary form belongs to the protocol and is elsewhere.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::error::{Result, SqlError, state};
use super::timestamp;

/// A type of the subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `boolean`
    Bool,
    /// `integer`, 32 bits
    Int4,
    /// `bigint`, 64 bits
    Int8,
    /// `numeric`, whole numbers only: what `sum(bigint)` returns
    Numeric,
    /// `double precision`
    Float8,
    /// `text`
    Text,
    /// `character varying`; a limit on its length belongs to the column
    Varchar,
    /// `timestamp with time zone`
    Timestamptz,
    /// `json`, kept as the text that came in
    Json,
    /// `uuid`
    Uuid,
}

impl SqlType {
    /// PostgreSQL's object identifier of the type.
    pub fn oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Int8 => 20,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::Json => 114,
            Self::Float8 => 701,
            Self::Varchar => 1043,
            Self::Timestamptz => 1184,
            Self::Numeric => 1700,
            Self::Uuid => 2950,
        }
    }

    /// The type with that object identifier.
    pub fn from_oid(oid: u32) -> Option<Self> {
        [
            Self::Bool,
            Self::Int8,
            Self::Int4,
            Self::Text,
            Self::Json,
            Self::Float8,
            Self::Varchar,
            Self::Timestamptz,
            Self::Numeric,
            Self::Uuid,
        ]
        .into_iter()
        .find(|ty| ty.oid() == oid)
    }

    /// The size that a row description carries: bytes, or -1 for a variable length.
    pub fn size(self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int4 => 4,
            Self::Int8 | Self::Float8 | Self::Timestamptz => 8,
            Self::Uuid => 16,
            Self::Text | Self::Varchar | Self::Json | Self::Numeric => -1,
        }
    }

    /// The name that messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Float8 => "double precision",
            Self::Text => "text",
            Self::Varchar => "character varying",
            Self::Timestamptz => "timestamp with time zone",
            Self::Json => "json",
            Self::Uuid => "uuid",
        }
    }

    /// Whether it is a number, and how wide: the wider type wins in arithmetic.
    pub fn numeric_rank(self) -> Option<u8> {
        match self {
            Self::Int4 => Some(1),
            Self::Int8 => Some(2),
            Self::Numeric => Some(3),
            Self::Float8 => Some(4),
            _ => None,
        }
    }

    /// Whether it is `text` or `varchar`, which convert into each other for free.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar)
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value, or SQL's null.
///
/// The order is that of `ORDER BY ... NULLS LAST` and of keys; equality follows it
/// (`NaN` equals itself, and `-0` equals `0`), so a value can be a map key.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each variant is the type of its name")]
pub enum Value {
    Bool(bool),
    Int4(i32),
    Int8(i64),
    Numeric(i128),
    Float8(f64),
    Text(Arc<str>),
    /// Microseconds since 2000-01-01 00:00 UTC, as on the wire.
    Timestamptz(i64),
    Json(Arc<str>),
    Uuid([u8; 16]),
    Null,
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The size that counts against the transaction's limit, in bytes.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::Int4(_) => 4,
            Self::Int8(_) | Self::Float8(_) | Self::Timestamptz(_) => 8,
            Self::Numeric(_) | Self::Uuid(_) => 16,
            Self::Text(text) | Self::Json(text) => text.len(),
        }
    }

    /// The text form, as a client sees it; empty for null.
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(true) => "t".to_owned(),
            Self::Bool(false) => "f".to_owned(),
            Self::Int4(number) => number.to_string(),
            Self::Int8(number) => number.to_string(),
            Self::Numeric(number) => number.to_string(),
            Self::Float8(number) => float_text(*number),
            Self::Text(text) | Self::Json(text) => text.to_string(),
            Self::Timestamptz(micros) => timestamp::format(*micros),
            Self::Uuid(bytes) => uuid_text(bytes),
        }
    }

    /// Reads the text form of a type, as a literal or a text parameter gives it.
    pub fn parse(text: &str, ty: SqlType) -> Result<Self> {
        let invalid = || {
            SqlError::new(
                state::INVALID_TEXT_REPRESENTATION,
                format!("invalid input syntax for type {ty}: \"{text}\""),
            )
        };
        let out_of_range = || {
            SqlError::new(
                state::NUMERIC_VALUE_OUT_OF_RANGE,
                format!("value \"{text}\" is out of range for type {ty}"),
            )
        };
        let trimmed = text.trim();
        let integer = || -> Result<i128> {
            let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid());
            }
            trimmed.parse().map_err(|_| out_of_range())
        };
        Ok(match ty {
            SqlType::Text | SqlType::Varchar => Self::text(text),
            SqlType::Int4 => Self::Int4(i32::try_from(integer()?).map_err(|_| out_of_range())?),
            SqlType::Int8 => Self::Int8(i64::try_from(integer()?).map_err(|_| out_of_range())?),
            SqlType::Numeric => Self::Numeric(integer()?),
            SqlType::Float8 => {
                // Rust reads "inf" and "nan" as PostgreSQL does, but overflows in silence.
                let number: f64 = trimmed.parse().map_err(|_| invalid())?;
                if number.is_infinite() && trimmed.bytes().any(|byte| byte.is_ascii_digit()) {
                    return Err(SqlError::new(
                        state::NUMERIC_VALUE_OUT_OF_RANGE,
                        format!("\"{text}\" is out of range for type double precision"),
                    ));
                }
                Self::Float8(number)
            }
            SqlType::Bool => Self::Bool(parse_bool(trimmed).ok_or_else(invalid)?),
            SqlType::Timestamptz => Self::Timestamptz(timestamp::parse(text)?),
            SqlType::Json => {
                super::json::check(text)?;
                Self::Json(text.into())
            }
            SqlType::Uuid => Self::Uuid(parse_uuid(trimmed).ok_or_else(invalid)?),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 0,
            Self::Int4(_) => 1,
            Self::Int8(_) => 2,
            Self::Numeric(_) => 3,
            Self::Float8(_) => 4,
            Self::Text(_) => 5,
            Self::Timestamptz(_) => 6,
            Self::Json(_) => 7,
            Self::Uuid(_) => 8,
            Self::Null => 9,
        }
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int4(a), Self::Int4(b)) => a.cmp(b),
            (Self::Int8(a), Self::Int8(b)) => a.cmp(b),
            (Self::Numeric(a), Self::Numeric(b)) => a.cmp(b),
            // NaN sorts above every number, as in PostgreSQL.
            (Self::Float8(a), Self::Float8(b)) => a
                .partial_cmp(b)
                .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())),
            (Self::Text(a), Self::Text(b)) | (Self::Json(a), Self::Json(b)) => a.cmp(b),
            (Self::Timestamptz(a), Self::Timestamptz(b)) => a.cmp(b),
            (Self::Uuid(a), Self::Uuid(b)) => a.cmp(b),
            _ => self.kind().cmp(&other.kind()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

fn parse_bool(text: &str) -> Option<bool> {
    // PostgreSQL takes any unambiguous prefix of these words.
    let lower = text.to_ascii_lowercase();
    let prefix_of = |word: &str, least: usize| lower.len() >= least && word.starts_with(&lower);
    if prefix_of("true", 1) || prefix_of("yes", 1) || lower == "on" || lower == "1" {
        Some(true)
    } else if prefix_of("false", 1) || prefix_of("no", 1) || prefix_of("off", 2) || lower == "0" {
        Some(false)
    } else {
        None
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text
        .strip_prefix('{')
        .map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let mut bytes = [0; 16];
    let mut digits = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The shortest text that reads back as the same number, in PostgreSQL's layout:
/// an exponent only below 1e-4 and from 1e15 up.
fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..15).contains(&exponent) || number == 0.0 {
        format!("{number}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_are_postgresqls() {
        let cases = [
            (SqlType::Bool, " TRUE ", "t"),
            (SqlType::Bool, "of", "f"),
            (SqlType::Int4, "-2147483648", "-2147483648"),
            (SqlType::Int8, "+9", "9"),
            (SqlType::Float8, "1e15", "1e+15"),
            (SqlType::Float8, "100000000000000", "100000000000000"),
            (SqlType::Float8, "0.00001", "1e-05"),
            (SqlType::Float8, "0.0001", "0.0001"),
            (SqlType::Float8, "-0", "-0"),
            (SqlType::Float8, "nan", "NaN"),
            (SqlType::Float8, "-infinity", "-Infinity"),
            (
                SqlType::Uuid,
                "{A0EEBC99-9C0B4EF8-BB6D6BB9BD380A11}",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
            (SqlType::Json, "{\"a\": 1}", "{\"a\": 1}"),
        ];
        for (ty, input, output) in cases {
            assert_eq!(
                Value::parse(input, ty).unwrap().to_text(),
                output,
                "{input}"
            );
        }
    }

    #[test]
    fn bad_text_has_the_right_code() {
        let cases = [
            (SqlType::Int4, "x", "22P02"),
            (SqlType::Int4, "", "22P02"),
            (SqlType::Int4, "1.5", "22P02"),
            (SqlType::Int4, "2147483648", "22003"),
            (
                SqlType::Int8,
                "99999999999999999999999999999999999999999999",
                "22003",
            ),
            (SqlType::Float8, "1e999", "22003"),
            (SqlType::Float8, "one", "22P02"),
            (SqlType::Bool, "maybe", "22P02"),
            (SqlType::Uuid, "a0ee", "22P02"),
            (SqlType::Uuid, "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "22P02"),
            (SqlType::Json, "{", "22P02"),
            (SqlType::Timestamptz, "yesterday-ish", "22007"),
        ];
        for (ty, input, code) in cases {
            assert_eq!(
                Value::parse(input, ty).unwrap_err().code,
                code,
                "{ty} {input}"
            );
        }
    }

    #[test]
    fn nulls_and_nans_sort_last() {
        let mut values = [
            Value::Null,
            Value::Float8(f64::NAN),
            Value::Float8(f64::INFINITY),
            Value::Float8(-1.0),
        ];
        values.sort();
        let texts: Vec<_> = values.iter().map(Value::to_text).collect();
        assert_eq!(texts, ["-1", "Infinity", "NaN", ""]);
        assert_eq!(Value::Float8(0.0), Value::Float8(-0.0));
    }
}
