//! The scalar functions of the subset. What is fixed for a session (`current_user`,
//! `version()`) is a constant by the time it is bound and not listed here.

use ring::rand::{SecureRandom, SystemRandom};

use super::error::{Result, SqlError, state};
use super::expr::{Context, Expr};
use super::value::{SqlType, Value};

/// A scalar function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The first argument that is not null.
    Coalesce,
    /// Null if the two are equal, else the first.
    NullIf,
    /// `||`: null if either is null.
    Concatenate,
    /// `concat(...)`: nulls are skipped.
    Concat,
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Length in characters.
    Length,
    /// Absolute value.
    Abs,
    /// The largest argument that is not null.
    Greatest,
    /// The smallest argument that is not null.
    Least,
    /// A random (version 4) UUID.
    GenRandomUuid,
    /// The moment of the call.
    ClockTimestamp,
}

/// What a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// Arguments of exactly these types, with this result.
    Fixed(&'static [SqlType], SqlType),
    /// At least so many arguments of one common type, which is the result's too.
    Common(usize),
    /// Any number of arguments, each as text.
    Texts,
    /// One number; the result has its type.
    Number,
}

impl Function {
    /// The function of a name, with what it takes.
    pub fn find(name: &str) -> Option<(Self, Signature)> {
        use Signature::{Common, Fixed, Number, Texts};
        use SqlType::{Int4, Text, Timestamptz, Uuid};
        Some(match name {
            "coalesce" => (Self::Coalesce, Common(1)),
            "nullif" => (Self::NullIf, Common(2)),
            "greatest" => (Self::Greatest, Common(1)),
            "least" => (Self::Least, Common(1)),
            "concat" => (Self::Concat, Texts),
            "lower" => (Self::Lower, Fixed(&[Text], Text)),
            "upper" => (Self::Upper, Fixed(&[Text], Text)),
            "length" | "char_length" => (Self::Length, Fixed(&[Text], Int4)),
            "abs" => (Self::Abs, Number),
            "gen_random_uuid" => (Self::GenRandomUuid, Fixed(&[], Uuid)),
            "clock_timestamp" => (Self::ClockTimestamp, Fixed(&[], Timestamptz)),
            _ => return None,
        })
    }

    /// The value of a call.
    pub fn call(self, arguments: &[Expr], context: &Context<'_>) -> Result<Value> {
        if self == Self::Coalesce {
            for argument in arguments {
                let value = argument.eval(context)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        let values = arguments
            .iter()
            .map(|argument| argument.eval(context))
            .collect::<Result<Vec<_>>>()?;
        Ok(match (self, values.as_slice()) {
            (Self::NullIf, [a, b]) if !a.is_null() && a == b => Value::Null,
            (Self::NullIf, [a, ..]) => a.clone(),
            (Self::Greatest, values) => extreme(values, Iterator::max),
            (Self::Least, values) => extreme(values, Iterator::min),
            (Self::Concatenate, values) if values.iter().any(Value::is_null) => Value::Null,
            (Self::Concat | Self::Concatenate, values) => {
                Value::text(values.iter().map(Value::to_text).collect::<String>())
            }
            (Self::Lower, [Value::Text(text)]) => Value::text(text.to_lowercase()),
            (Self::Upper, [Value::Text(text)]) => Value::text(text.to_uppercase()),
            (Self::Length, [Value::Text(text)]) => {
                Value::Int4(i32::try_from(text.chars().count()).unwrap_or(i32::MAX))
            }
            (Self::Abs, [value]) => absolute(value)?,
            (Self::GenRandomUuid, _) => random_uuid()?,
            (Self::ClockTimestamp, _) => Value::Timestamptz(super::timestamp::now()),
            _ => Value::Null,
        })
    }
}

fn extreme<'v>(
    values: &'v [Value],
    choose: impl Fn(
        std::iter::Filter<std::slice::Iter<'v, Value>, fn(&&Value) -> bool>,
    ) -> Option<&'v Value>,
) -> Value {
    let present: fn(&&Value) -> bool = |value| !value.is_null();
    choose(values.iter().filter(present))
        .cloned()
        .unwrap_or(Value::Null)
}

fn absolute(value: &Value) -> Result<Value> {
    let negative = match value {
        Value::Int4(number) => *number < 0,
        Value::Int8(number) => *number < 0,
        Value::Numeric(number) => *number < 0,
        Value::Float8(number) => return Ok(Value::Float8(number.abs())),
        _ => return Ok(Value::Null),
    };
    let context = Context {
        row: &[],
        params: &[],
        now: 0,
    };
    if negative {
        Expr::Negate(Box::new(Expr::Const(value.clone()))).eval(&context)
    } else {
        Ok(value.clone())
    }
}

fn random_uuid() -> Result<Value> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| SqlError::new(state::INTERNAL_ERROR, "could not generate random values"))?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Ok(Value::Uuid(bytes))
}
