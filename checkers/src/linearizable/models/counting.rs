//! What counts: a semaphore and a counter.

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Permits: `acquire` takes some if they are there, `release` gives them back; one
/// unless the argument says how many.
pub(crate) struct Semaphore {
    pub(crate) permits: i64,
    /// The field of arguments that names the semaphore, if one does.
    pub(crate) key_field: Option<String>,
}

impl Model for Semaphore {
    /// Permits that are free.
    type State = i64;
    /// Permits given back; taken, if negative.
    type Op = i64;
    type Next = Option<i64>;

    fn name(&self) -> &str {
        "semaphore"
    }

    fn initial(&self) -> i64 {
        self.permits
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<i64>, String> {
        if call.outcome == Outcome::Refused {
            return Ok(None);
        }
        let number = amount(call, "permits", self.key_field.as_deref())?;
        match call.f {
            _ if number < 0 => Err(call.unexpected("a number of permits")),
            "acquire" => Ok(Some(-number)),
            "release" => Ok(Some(number)),
            _ => Err(call.unexpected("acquire or release")),
        }
    }

    fn step(&self, free: &i64, given: &i64) -> Option<i64> {
        let free = free.checked_add(*given)?;
        (0..=self.permits).contains(&free).then_some(free)
    }

    fn describe_state(&self, free: &i64) -> String {
        format!("{free} of {} permits are free", self.permits)
    }

    fn describe(&self, given: &i64) -> String {
        match given {
            1.. => format!("release of {given}"),
            _ => format!("acquire of {}", -given),
        }
    }
}

/// A number: `add`, `increment` and `decrement` change it, by one unless the argument
/// says how much, and `read` returns it. What `increment` and `decrement` return is the
/// number after it.
pub(crate) struct Counter {
    pub(crate) initial: i64,
    /// The field of arguments that names the counter, if one does.
    pub(crate) key_field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Read(i64),
    Add(i64, Option<i64>),
}

impl Model for Counter {
    type State = i64;
    type Op = Op;
    type Next = Option<i64>;

    fn name(&self) -> &str {
        "counter"
    }

    fn initial(&self) -> i64 {
        self.initial
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        if call.outcome == Outcome::Refused || (call.f == "read" && !call.happened()) {
            return Ok(None);
        }
        if call.f == "read" {
            return match call.result.as_i64() {
                Some(value) => Ok(Some(Op::Read(value))),
                None => Err(format!("expected a number, found {}", call.result)),
            };
        }
        let sign = match call.f {
            "add" | "increment" | "inc" => 1,
            "decrement" | "dec" => -1,
            _ => return Err(call.unexpected("add, increment, decrement or read")),
        };
        let amount = sign * amount(call, "amount", self.key_field.as_deref())?;
        Ok(Some(Op::Add(amount, after(call)?)))
    }

    fn step(&self, number: &i64, op: &Op) -> Option<i64> {
        match *op {
            Op::Read(value) => (value == *number).then_some(value),
            Op::Add(amount, after) => {
                let number = number.checked_add(amount)?;
                after.is_none_or(|after| after == number).then_some(number)
            }
        }
    }

    fn read_only(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::Add(0, _))
    }

    fn describe_state(&self, number: &i64) -> String {
        format!("the counter is at {number}")
    }

    fn describe(&self, op: &Op) -> String {
        match op {
            Op::Read(value) => format!("read {value}"),
            Op::Add(amount, None) => format!("add {amount}"),
            Op::Add(amount, Some(after)) => format!("add {amount}, giving {after}"),
        }
    }
}

/// The number after an addition, if it returned that. What it returned and nobody understands
/// is refused: ignored, it could be what is wrong.
fn after(call: &Call<'_>) -> Result<Option<i64>, String> {
    let returns_it = matches!(call.f, "increment" | "decrement");
    let refused = |why: &str| Err(format!("{} returned {}: {why}", call.f, call.result));
    match call.result {
        Value::Null | Value::Bool(true) => Ok(None),
        Value::Number(_) if call.result == call.argument && returns_it => refused(
            "nobody can tell whether that is the number after it or its argument again, which as {\"amount\": ...} would differ",
        ),
        echo if echo == call.argument || is_part(echo, call.argument) => Ok(None),
        Value::Number(number) if returns_it => match number.as_i64() {
            Some(after) => Ok(Some(after)),
            None => refused("expected a whole number"),
        },
        // `OK`, `done`.
        Value::String(text) if text.parse::<f64>().is_err() => Ok(None),
        _ if returns_it => refused("expected the number after it, or nothing"),
        _ => refused(
            "expected nothing, or its argument again; if it is the number after it, call it increment or decrement",
        ),
    }
}

/// Whether both are objects and the second has all that the first has.
fn is_part(part: &Value, whole: &Value) -> bool {
    let (Value::Object(part), Value::Object(whole)) = (part, whole) else {
        return false;
    };
    part.iter()
        .all(|(field, value)| whole.get(field) == Some(value))
}

/// How much the argument says: a number, or that field of an object; one if it says nothing.
/// What may be a number in another field but the key's may be meant: it is refused.
fn amount(call: &Call<'_>, field: &str, key_field: Option<&str>) -> Result<i64, String> {
    let is_number = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => text.parse::<f64>().is_ok(),
        _ => true,
    };
    let told = match call.argument {
        Value::Object(fields) => {
            let mut others = fields.iter().filter(|(f, _)| key_field != Some(&***f));
            match fields.get(field) {
                None if others.any(|(_, value)| is_number(value)) => {
                    return Err(call.unexpected(&format!("a number in the field \"{field}\"")));
                }
                told => told.unwrap_or(&Value::Null),
            }
        }
        argument => argument,
    };
    match told {
        Value::Null => Ok(1),
        told => told
            .as_i64()
            .filter(|amount| *amount != i64::MIN)
            .ok_or_else(|| call.unexpected("a number")),
    }
}
