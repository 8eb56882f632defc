//! A register: read, write, and compare-and-set.

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// One value. `read` returns it, `write` sets it, `cas` of `[old, new]` sets it if it
/// was `old`; a cas that was refused proves that it was not.
pub(crate) struct Register {
    pub(crate) initial: Value,
    /// Whether a read of null may have been of anything.
    pub(crate) nil_is_unknown: bool,
    /// Whether there is a cas.
    pub(crate) cas: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Read(Value),
    Write(Value),
    Cas(Value, Value),
    Refused(Value),
}

impl Op {
    /// The value that it must find.
    fn expects(&self) -> Option<&Value> {
        match self {
            Op::Read(value) | Op::Cas(value, _) => Some(value),
            Op::Write(_) | Op::Refused(_) => None,
        }
    }
}

impl Model for Register {
    type State = Value;
    type Op = Op;
    type Next = Option<Value>;

    fn name(&self) -> &str {
        if self.cas { "cas-register" } else { "register" }
    }

    fn initial(&self) -> Value {
        self.initial.clone()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        Ok(match call.f {
            "read" if !call.happened() => None,
            "read" if self.nil_is_unknown && call.result.is_null() => None,
            "read" => Some(Op::Read(call.result.clone())),
            "write" if call.outcome == Outcome::Refused => None,
            "write" => Some(Op::Write(call.argument.clone())),
            "cas" if self.cas => {
                let Some([old, new]) = call.argument.as_array().map(Vec::as_slice) else {
                    return Err(call.unexpected("cas of [old, new]"));
                };
                Some(match call.outcome {
                    Outcome::Refused => Op::Refused(old.clone()),
                    _ => Op::Cas(old.clone(), new.clone()),
                })
            }
            _ if self.cas => return Err(call.unexpected("read, write or cas")),
            _ => return Err(call.unexpected("read or write")),
        })
    }

    fn step(&self, state: &Value, op: &Op) -> Option<Value> {
        match op {
            Op::Read(value) => (value == state).then(|| value.clone()),
            Op::Write(value) => Some(value.clone()),
            Op::Cas(old, new) => (old == state).then(|| new.clone()),
            Op::Refused(old) => (old != state).then(|| state.clone()),
        }
    }

    fn read_only(&self, op: &Op) -> bool {
        matches!(op, Op::Read(_) | Op::Refused(_))
    }

    fn overwrites(&self) -> bool {
        true
    }

    fn needs(&self, op: &Op, other: &Op) -> bool {
        let (Op::Write(new) | Op::Cas(_, new)) = other else {
            return false;
        };
        match op {
            Op::Refused(old) => old != new,
            op => op.expects() == Some(new),
        }
    }

    fn reads_from(&self, op: &Op, other: &Op) -> bool {
        matches!(other, Op::Write(new) | Op::Cas(_, new) if op.expects() == Some(new))
    }

    fn describe_state(&self, state: &Value) -> String {
        match state {
            Value::Null => "there is no value".to_owned(),
            value => format!("the value is {value}"),
        }
    }

    fn describe(&self, op: &Op) -> String {
        match op {
            Op::Read(value) => format!("read {value}"),
            Op::Write(value) => format!("write {value}"),
            Op::Cas(old, new) => format!("cas {old} to {new}"),
            Op::Refused(old) => format!("refused cas that expected {old}"),
        }
    }
}
