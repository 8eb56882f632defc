//! Values in the protocol's two formats.

use bytes::{BufMut, BytesMut};

use crate::dsql::engine::error::{Result, SqlError, state};
use crate::dsql::engine::value::{SqlType, Value};

/// How a value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text.
    Text,
    /// In the type's binary form.
    Binary,
}

impl Format {
    fn from_code(code: i16) -> Result<Self> {
        match code {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            _ => Err(SqlError::new(
                state::INVALID_PARAMETER_VALUE,
                format!("unsupported format code: {code}"),
            )),
        }
    }

    /// One format for each of `count` values, from codes that are none, one for all,
    /// or one each.
    pub fn expand(codes: &[i16], count: usize, what: &str) -> Result<Vec<Self>> {
        match codes {
            [] => Ok(vec![Self::Text; count]),
            [code] => Ok(vec![Self::from_code(*code)?; count]),
            codes if codes.len() == count => {
                codes.iter().map(|code| Self::from_code(*code)).collect()
            }
            codes => Err(SqlError::new(
                state::PROTOCOL_VIOLATION,
                format!(
                    "bind message has {} {what} formats but {count} are needed",
                    codes.len()
                ),
            )),
        }
    }

    /// The code on the wire.
    pub fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// Appends a value with its length, as a data row carries it.
pub fn encode(value: &Value, format: Format, out: &mut BytesMut) {
    if value.is_null() {
        out.put_i32(-1);
        return;
    }
    let length_at = out.len();
    out.put_i32(0);
    match (format, value) {
        (Format::Binary, Value::Bool(value)) => out.put_u8(u8::from(*value)),
        (Format::Binary, Value::Int4(number)) => out.put_i32(*number),
        (Format::Binary, Value::Int8(number)) => out.put_i64(*number),
        (Format::Binary, Value::Float8(number)) => out.put_f64(*number),
        (Format::Binary, Value::Timestamptz(micros)) => out.put_i64(*micros),
        (Format::Binary, Value::Uuid(bytes)) => out.put_slice(bytes),
        (Format::Binary, Value::Numeric(number)) => put_numeric(*number, out),
        (_, Value::Text(text) | Value::Json(text)) => out.put_slice(text.as_bytes()),
        (_, value) => out.put_slice(value.to_text().as_bytes()),
    }
    let length = i32::try_from(out.len() - length_at - 4).unwrap_or(0);
    out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
}

/// PostgreSQL's `numeric`: digits of base 10,000, most significant first.
fn put_numeric(number: i128, out: &mut BytesMut) {
    let mut digits = Vec::new();
    let mut rest = number.unsigned_abs();
    while rest > 0 {
        digits.push((rest % 10_000) as i16);
        rest /= 10_000;
    }
    digits.reverse();
    let count = digits.len() as i16;
    out.put_i16(count);
    out.put_i16((count - 1).max(0));
    out.put_i16(if number < 0 { 0x4000 } else { 0 });
    out.put_i16(0);
    for digit in digits {
        out.put_i16(digit);
    }
}

/// Reads a parameter; `at` is its position from 0, for messages.
pub fn decode(bytes: &[u8], ty: SqlType, format: Format, at: usize) -> Result<Value> {
    let text = || {
        let text = std::str::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'));
        text.ok_or_else(|| {
            SqlError::new(
                state::CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\"",
            )
        })
    };
    if format == Format::Text {
        return Value::parse(text()?, ty);
    }
    let incorrect = || {
        SqlError::new(
            state::INVALID_BINARY_REPRESENTATION,
            format!("incorrect binary data format in bind parameter {}", at + 1),
        )
    };
    Ok(match ty {
        SqlType::Bool => match bytes {
            [byte] => Value::Bool(*byte != 0),
            _ => return Err(incorrect()),
        },
        SqlType::Int4 => Value::Int4(i32::from_be_bytes(exact(bytes).ok_or_else(incorrect)?)),
        SqlType::Int8 => Value::Int8(i64::from_be_bytes(exact(bytes).ok_or_else(incorrect)?)),
        SqlType::Float8 => Value::Float8(f64::from_be_bytes(exact(bytes).ok_or_else(incorrect)?)),
        SqlType::Timestamptz => {
            Value::Timestamptz(i64::from_be_bytes(exact(bytes).ok_or_else(incorrect)?))
        }
        SqlType::Uuid => Value::Uuid(exact(bytes).ok_or_else(incorrect)?),
        SqlType::Text | SqlType::Varchar | SqlType::Json => Value::parse(text()?, ty)?,
        SqlType::Numeric => get_numeric(bytes).ok_or_else(incorrect)?,
    })
}

fn exact<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Whole numbers only; `None` for a fraction, for `NaN`, or for what is too large.
fn get_numeric(bytes: &[u8]) -> Option<Value> {
    let mut fields = bytes
        .chunks_exact(2)
        .map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
    let count = fields.next()?;
    let weight = fields.next()?;
    let sign = fields.next()?;
    let _scale = fields.next()?;
    let digits: Vec<i16> = fields.collect();
    if !bytes.len().is_multiple_of(2)
        || usize::try_from(count).ok()? != digits.len()
        || i32::from(count) > i32::from(weight) + 1
    {
        return None;
    }
    let mut number: i128 = 0;
    for at in 0..=weight {
        let digit = digits.get(usize::try_from(at).ok()?).copied().unwrap_or(0);
        if !(0..10_000).contains(&digit) {
            return None;
        }
        number = number.checked_mul(10_000)?.checked_add(i128::from(digit))?;
    }
    match sign {
        0 => Some(Value::Numeric(number)),
        0x4000 => Some(Value::Numeric(-number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_forms_round_trip() {
        let cases = [
            (Value::Bool(true), SqlType::Bool),
            (Value::Int4(-7), SqlType::Int4),
            (Value::Int8(i64::MIN), SqlType::Int8),
            (Value::Float8(-0.5), SqlType::Float8),
            (Value::text("sold ü"), SqlType::Text),
            (Value::Timestamptz(-1), SqlType::Timestamptz),
            (Value::Uuid([7; 16]), SqlType::Uuid),
            (Value::Numeric(0), SqlType::Numeric),
            (
                Value::Numeric(-1_234_500_000_000_000_000_001),
                SqlType::Numeric,
            ),
        ];
        for (value, ty) in cases {
            for format in [Format::Text, Format::Binary] {
                let mut out = BytesMut::new();
                encode(&value, format, &mut out);
                let length = i32::from_be_bytes(exact(&out[..4]).unwrap());
                assert_eq!(usize::try_from(length).unwrap(), out.len() - 4);
                let back = decode(&out[4..], ty, format, 0).unwrap();
                assert_eq!(back, value, "{format:?}");
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for ty in [
            SqlType::Bool,
            SqlType::Int4,
            SqlType::Int8,
            SqlType::Float8,
            SqlType::Uuid,
            SqlType::Numeric,
            SqlType::Timestamptz,
        ] {
            for bytes in [&b""[..], b"abc"] {
                assert_eq!(
                    decode(bytes, ty, Format::Binary, 0).unwrap_err().code,
                    "22P03"
                );
            }
        }
        for bytes in [&b"\xff"[..], b"a\0b"] {
            assert_eq!(
                decode(bytes, SqlType::Text, Format::Binary, 0)
                    .unwrap_err()
                    .code,
                "22021"
            );
        }
        assert!(Format::expand(&[0, 1, 0], 2, "result").is_err());
        assert!(Format::expand(&[2], 2, "result").is_err());
    }
}
