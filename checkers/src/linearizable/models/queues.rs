//! Queues and the stack: what is put in is taken out once, in some order.
//!
//! A priority queue's values are whole numbers, each its own priority, or pairs of a priority
//! and anything; what is taken out is what was put in. Of the values with the smallest
//! priority any may come out.

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde_json::Value;

use super::shared::{Shared, allocated};
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
    /// One of the smallest priority.
    Priority,
}

impl Discipline {
    /// What puts a value in, and what takes one out; the first of each is its usual name.
    pub(crate) fn verbs(self) -> [&'static [&'static str]; 2] {
        match self {
            Discipline::Lifo => [&["push"], &["pop"]],
            Discipline::Fifo | Discipline::Bag => [&["enqueue"], &["dequeue"]],
            Discipline::Priority => [&["insert", "enqueue"], &["delete-min", "dequeue"]],
        }
    }
}

/// The priority of a value in a priority queue; none if it has none.
pub(crate) fn priority(value: &Value) -> Option<i64> {
    match value.as_array().map(Vec::as_slice) {
        Some([priority, _]) => priority.as_i64(),
        Some(_) => None,
        None => value.as_i64(),
    }
}

/// Oldest first; of a bag or a priority queue sorted, the smallest first.
type Values = VecDeque<Shared<Value>>;

/// `enqueue`, `push` or `insert` puts a value in; `dequeue`, `pop` or `delete-min` takes one
/// out and returns it, or null if there is none.
pub(crate) struct Queue(pub(crate) Discipline);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Put(Shared<Value>),
    Take(Shared<Value>),
    FoundEmpty,
    /// Whatever comes out, nobody saw it.
    TakeUnseen,
}

impl Queue {
    fn verbs(&self) -> [&'static str; 2] {
        self.0.verbs().map(|verbs| verbs[0])
    }

    /// Whether all values of a state are sorted, so that equal ones are equal.
    fn sorts(&self) -> bool {
        matches!(self.0, Discipline::Bag | Discipline::Priority)
    }

    /// How many of the values may come out next, of those from the first on.
    fn next(&self, values: &Values) -> usize {
        match self.0 {
            Discipline::Priority => {
                let least = values.front().and_then(|value| priority(value));
                values.partition_point(|value| priority(value) <= least)
            }
            _ => values.len(),
        }
    }

    /// Where in a state that sorts the value stands, or would.
    fn place(&self, values: &Values, value: &Value) -> usize {
        match self.sorts() {
            true => values.partition_point(|other| less(other, value)),
            false => values.len(),
        }
    }

    /// Where the values stand that the operation may take out, one of equal ones.
    fn taken(&self, values: &Values, op: &Op) -> Vec<usize> {
        let end = match self.0 {
            Discipline::Fifo => (!values.is_empty()).then_some(0),
            Discipline::Lifo => values.len().checked_sub(1),
            Discipline::Bag | Discipline::Priority => None,
        };
        match op {
            Op::Put(_) | Op::FoundEmpty => Vec::new(),
            Op::Take(value) => {
                let is_next = |&at: &usize| values.get(at) == Some(value);
                let at = match self.sorts() {
                    true => Some(self.place(values, value)).filter(|&at| at < self.next(values)),
                    false => end,
                };
                at.filter(is_next).into_iter().collect()
            }
            Op::TakeUnseen if self.sorts() => {
                let mut places: Vec<usize> = (0..self.next(values)).collect();
                places.dedup_by_key(|at| &values[*at]);
                places
            }
            Op::TakeUnseen => end.into_iter().collect(),
        }
    }
}

/// A copy that has room for one more.
fn copy(values: &Values) -> Values {
    let mut copy = Values::with_capacity(values.len() + 1);
    copy.extend(values.iter().cloned());
    copy
}

fn without(mut values: Values, at: usize) -> Values {
    values.remove(at);
    values
}

impl Model for Queue {
    type State = Values;
    type Op = Op;
    type Next = Vec<Values>;

    fn name(&self) -> &str {
        match self.0 {
            Discipline::Fifo => "fifo-queue",
            Discipline::Lifo => "stack",
            Discipline::Bag => "unordered-queue",
            Discipline::Priority => "priority-queue",
        }
    }

    fn initial(&self) -> Values {
        Values::new()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let [put, take] = self.0.verbs();
        let known = |value: &Value| match self.0 {
            Discipline::Priority if priority(value).is_none() => Err(format!(
                "expected a whole number or [whole number, value], found {value}"
            )),
            _ => Ok(Shared::new(value.clone())),
        };
        Ok(match call.f {
            _ if call.outcome == Outcome::Refused => None,
            f if put.contains(&f) => Some(Op::Put(known(call.argument)?)),
            f if take.contains(&f) && !call.happened() => Some(Op::TakeUnseen),
            f if take.contains(&f) && call.result.is_null() => Some(Op::FoundEmpty),
            f if take.contains(&f) => Some(Op::Take(known(call.result)?)),
            _ => {
                let verbs = put.iter().chain(take);
                let verbs = crate::words::list_with("or", verbs, put.len() + take.len());
                return Err(call.unexpected(&verbs));
            }
        })
    }

    fn step(&self, values: &Values, op: &Op) -> Vec<Values> {
        match op {
            Op::Put(_) => self.advance(copy(values), op),
            Op::FoundEmpty if values.is_empty() => vec![Values::new()],
            _ => {
                let taken = self.taken(values, op).into_iter();
                taken.map(|at| without(copy(values), at)).collect()
            }
        }
    }

    fn advance(&self, mut values: Values, op: &Op) -> Vec<Values> {
        match op {
            Op::Put(value) => {
                values.insert(self.place(&values, value), value.clone());
                vec![values]
            }
            Op::FoundEmpty if values.is_empty() => vec![values],
            _ => {
                let mut taken = self.taken(&values, op);
                let Some(last) = taken.pop() else {
                    return Vec::new();
                };
                let taken = taken.into_iter();
                let mut next: Vec<Values> = taken.map(|at| without(copy(&values), at)).collect();
                next.push(without(values, last));
                next
            }
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

    fn reads_from(&self, op: &Op, other: &Op) -> bool {
        matches!((op, other), (Op::Take(taken), Op::Put(put)) if taken == put)
    }

    fn state_bytes(&self, values: &Values) -> usize {
        size_of_val(values) + allocated(values.capacity() * size_of::<Shared<Value>>())
    }

    fn describe_state(&self, values: &Values) -> String {
        if values.is_empty() {
            return "there is nothing in it".to_owned();
        }
        let list = crate::words::list(
            values.iter().map(|value| (**value).to_string()),
            values.len(),
        );
        match self.0 {
            Discipline::Bag => format!("it holds {list}"),
            Discipline::Priority => format!("it holds, smallest first, {list}"),
            Discipline::Fifo | Discipline::Lifo => format!("it holds, oldest first, {list}"),
        }
    }

    fn describe(&self, op: &Op) -> String {
        let [put, take] = self.verbs();
        match op {
            Op::Put(value) => format!("{put} {}", **value),
            Op::Take(value) => format!("{take} of {}", **value),
            Op::FoundEmpty => format!("{take} that found nothing"),
            Op::TakeUnseen => take.to_owned(),
        }
    }
}

/// Some order of values, by their priority if they have one: for a bag any will do.
fn less(a: &Value, b: &Value) -> bool {
    let order = |value: &Value| (priority(value).is_none(), priority(value));
    match order(a).cmp(&order(b)) {
        Ordering::Equal if !a.is_i64() || !b.is_i64() => a.to_string().cmp(&b.to_string()).is_lt(),
        order => order.is_lt(),
    }
}
