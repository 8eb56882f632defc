//! Queues and the stack: what is put in is taken out once, in some order.

use std::collections::VecDeque;

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Which of the values that are in comes out next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Discipline {
    /// The oldest.
    Fifo,
    /// The youngest.
    Lifo,
    /// Any.
    Bag,
}

/// `enqueue` or `push` puts a value in; `dequeue` or `pop` takes one out and returns
/// it, or null if there is none.
pub(crate) struct Queue(pub(crate) Discipline);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Put(Value),
    Take(Value),
    FoundEmpty,
    /// Whatever comes out, nobody saw it.
    TakeUnseen,
}

impl Queue {
    fn verbs(&self) -> [&'static str; 2] {
        match self.0 {
            Discipline::Lifo => ["push", "pop"],
            Discipline::Fifo | Discipline::Bag => ["enqueue", "dequeue"],
        }
    }

    /// What is left when the value is taken.
    fn without(&self, values: &VecDeque<Value>, value: &Value) -> Option<VecDeque<Value>> {
        let at = match self.0 {
            Discipline::Fifo => (values.front() == Some(value)).then_some(0),
            Discipline::Lifo => values
                .len()
                .checked_sub(1)
                .filter(|&at| &values[at] == value),
            Discipline::Bag => values.iter().position(|other| other == value),
        };
        let mut left = values.clone();
        left.remove(at?);
        Some(left)
    }
}

impl Model for Queue {
    /// Oldest first; a bag's values are sorted, so that equal bags are equal.
    type State = VecDeque<Value>;
    type Op = Op;
    type Next = Vec<VecDeque<Value>>;

    fn name(&self) -> &str {
        match self.0 {
            Discipline::Fifo => "fifo-queue",
            Discipline::Lifo => "stack",
            Discipline::Bag => "unordered-queue",
        }
    }

    fn initial(&self) -> VecDeque<Value> {
        VecDeque::new()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let [put, take] = self.verbs();
        Ok(match call.f {
            _ if call.outcome == Outcome::Refused => None,
            f if f == put => Some(Op::Put(call.argument.clone())),
            f if f == take && !call.happened() => Some(Op::TakeUnseen),
            f if f == take && call.result.is_null() => Some(Op::FoundEmpty),
            f if f == take => Some(Op::Take(call.result.clone())),
            _ => return Err(call.unexpected(&format!("{put} or {take}"))),
        })
    }

    fn step(&self, values: &VecDeque<Value>, op: &Op) -> Vec<VecDeque<Value>> {
        let one = |values: Option<VecDeque<Value>>| values.into_iter().collect();
        match op {
            Op::Put(value) => {
                let mut values = values.clone();
                let at = match self.0 {
                    Discipline::Bag => values.partition_point(|other| less(other, value)),
                    _ => values.len(),
                };
                values.insert(at, value.clone());
                vec![values]
            }
            Op::Take(value) => one(self.without(values, value)),
            Op::FoundEmpty => one(values.is_empty().then(|| values.clone())),
            Op::TakeUnseen => match self.0 {
                Discipline::Fifo => {
                    one(values.front().and_then(|value| self.without(values, value)))
                }
                Discipline::Lifo => {
                    one(values.back().and_then(|value| self.without(values, value)))
                }
                Discipline::Bag => {
                    let mut different: Vec<&Value> = values.iter().collect();
                    different.dedup();
                    different
                        .into_iter()
                        .filter_map(|value| self.without(values, value))
                        .collect()
                }
            },
        }
    }

    fn read_only(&self, op: &Op) -> bool {
        *op == Op::FoundEmpty
    }

    fn needs(&self, op: &Op, other: &Op) -> bool {
        match (op, other) {
            // A value that is put in and taken out can be left out as a whole.
            (Op::Put(a), Op::Take(b)) | (Op::Take(a), Op::Put(b)) => a == b,
            (Op::Put(_), Op::TakeUnseen) | (Op::TakeUnseen, Op::Put(_)) => true,
            (Op::Take(_) | Op::FoundEmpty, Op::TakeUnseen) => true,
            (Op::FoundEmpty, Op::Take(_)) => false,
            _ => false,
        }
    }

    fn state_bytes(&self, values: &VecDeque<Value>) -> usize {
        48 + values.capacity() * size_of::<Value>()
    }

    fn describe_state(&self, values: &VecDeque<Value>) -> String {
        if values.is_empty() {
            return "there is nothing in it".to_owned();
        }
        let list = crate::words::list(values.iter().map(Value::to_string), values.len());
        match self.0 {
            Discipline::Bag => format!("it holds {list}"),
            Discipline::Fifo | Discipline::Lifo => format!("it holds, oldest first, {list}"),
        }
    }

    fn describe(&self, op: &Op) -> String {
        let [put, take] = self.verbs();
        match op {
            Op::Put(value) => format!("{put} {value}"),
            Op::Take(value) => format!("{take} of {value}"),
            Op::FoundEmpty => format!("{take} that found nothing"),
            Op::TakeUnseen => take.to_owned(),
        }
    }
}

/// Some order of values: any will do, so long as it is one.
fn less(a: &Value, b: &Value) -> bool {
    match (a.as_i64(), b.as_i64()) {
        (Some(a), Some(b)) => a < b,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => a.to_string().cmp(&b.to_string()).is_lt(),
    }
}
