//! What counts: a semaphore and a counter.

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Permits: `acquire` takes some if they are there, `release` gives them back; one
/// unless the argument says how many.
pub(crate) struct Semaphore {
    pub(crate) permits: i64,
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
        let number = amount(call, "permits")?;
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
/// says how much, and `read` returns it. An addition that returned a number returned
/// the one after it.
pub(crate) struct Counter {
    pub(crate) initial: i64,
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
        let after = call.result.as_i64();
        Ok(match call.f {
            _ if call.outcome == Outcome::Refused => None,
            "read" if !call.happened() => None,
            "read" => match after {
                Some(value) => Some(Op::Read(value)),
                None => return Err(format!("expected a number, found {}", call.result)),
            },
            // An echo of the argument is no result.
            "add" | "increment" | "inc" => Some(Op::Add(
                amount(call, "amount")?,
                after.filter(|_| call.f == "increment"),
            )),
            "decrement" | "dec" => Some(Op::Add(
                -amount(call, "amount")?,
                after.filter(|_| call.f == "decrement"),
            )),
            _ => return Err(call.unexpected("add, increment, decrement or read")),
        })
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

/// How much the argument says: a number, or that field of an object; one if it says nothing.
/// A number in another field may be meant, or be a name: it is refused.
fn amount(call: &Call<'_>, field: &str) -> Result<i64, String> {
    let told = match call.argument {
        Value::Object(fields) => match fields.get(field) {
            None if fields.values().any(Value::is_number) => {
                return Err(call.unexpected(&format!("a number in the field \"{field}\"")));
            }
            told => told.unwrap_or(&Value::Null),
        },
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
