//! Conversions between types: which exist, and what they do to a value.

use super::error::{Result, SqlError, state};
use super::value::{SqlType, Value};

/// How a conversion may come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// By itself, in any expression.
    Implicit,
    /// When a value is stored in a column.
    Assignment,
    /// Only when asked for: `::` or `CAST`.
    Explicit,
}

/// The least explicit context in which PostgreSQL converts `from` into `to`; `None`
/// if it never does.
pub fn cast_context(from: SqlType, to: SqlType) -> Option<CastContext> {
    use CastContext::{Assignment, Explicit, Implicit};
    if from == to || (from.is_text() && to.is_text()) {
        return Some(Implicit);
    }
    match (from.numeric_rank(), to.numeric_rank()) {
        (Some(a), Some(b)) if a < b => return Some(Implicit),
        (Some(_), Some(_)) => return Some(Assignment),
        _ => {}
    }
    match (from, to) {
        (SqlType::Bool, SqlType::Int4) | (SqlType::Int4, SqlType::Bool) => Some(Explicit),
        (_, to) if to.is_text() => Some(Assignment),
        (from, _) if from.is_text() => Some(Explicit),
        _ => None,
    }
}

/// Converts a value; null stays null.
pub fn cast(value: Value, to: SqlType) -> Result<Value> {
    let out_of_range = || {
        SqlError::new(
            state::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("{to} out of range"),
        )
    };
    Ok(match (value, to) {
        (Value::Null, _) => Value::Null,
        (value, to) if to.is_text() => match value {
            Value::Text(text) | Value::Json(text) => Value::Text(text),
            // As text, unlike in a result, a boolean is a whole word.
            Value::Bool(value) => Value::text(if value { "true" } else { "false" }),
            value => Value::text(value.to_text()),
        },
        (Value::Text(text), to) => Value::parse(&text, to)?,
        (Value::Bool(value), SqlType::Int4) => Value::Int4(i32::from(value)),
        (Value::Int4(number), SqlType::Bool) => Value::Bool(number != 0),
        (Value::Float8(number), SqlType::Float8) => Value::Float8(number),
        (Value::Float8(number), to) if to.numeric_rank().is_some() => {
            // PostgreSQL rounds half to even.
            let rounded = number.round_ties_even();
            if !(-1e38..1e38).contains(&rounded) {
                return Err(out_of_range());
            }
            narrow(rounded as i128, to).ok_or_else(out_of_range)?
        }
        (Value::Int4(number), to) if to.numeric_rank().is_some() => {
            narrow(i128::from(number), to).ok_or_else(out_of_range)?
        }
        (Value::Int8(number), to) if to.numeric_rank().is_some() => {
            narrow(i128::from(number), to).ok_or_else(out_of_range)?
        }
        (Value::Numeric(number), to) if to.numeric_rank().is_some() => {
            narrow(number, to).ok_or_else(out_of_range)?
        }
        (value, _) => value,
    })
}

fn narrow(number: i128, to: SqlType) -> Option<Value> {
    Some(match to {
        SqlType::Int4 => Value::Int4(i32::try_from(number).ok()?),
        SqlType::Int8 => Value::Int8(i64::try_from(number).ok()?),
        SqlType::Float8 => Value::Float8(number as f64),
        _ => Value::Numeric(number),
    })
}
