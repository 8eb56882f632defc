//! A seat: sold to one buyer, until it is put back on sale.

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// `acquire` sells the seat if it is free; `reset` or `release` frees it, whether it
/// was sold or not.
pub(crate) struct Seat;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Acquire,
    Reset,
}

impl Model for Seat {
    /// Whether it is sold.
    type State = bool;
    type Op = Op;
    type Next = Option<bool>;

    fn name(&self) -> &str {
        "seat"
    }

    fn initial(&self) -> bool {
        false
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        match call.f {
            _ if call.outcome == Outcome::Refused => Ok(None),
            "acquire" => Ok(Some(Op::Acquire)),
            "reset" | "release" => Ok(Some(Op::Reset)),
            _ => Err(call.unexpected("acquire or reset")),
        }
    }

    fn step(&self, sold: &bool, op: &Op) -> Option<bool> {
        match op {
            Op::Acquire => (!sold).then_some(true),
            Op::Reset => Some(false),
        }
    }

    fn overwrites(&self) -> bool {
        true
    }

    /// One purchase the less makes nothing worse; one reset the less may.
    fn needs(&self, op: &Op, other: &Op) -> bool {
        *op == Op::Acquire && *other == Op::Reset
    }

    /// A seat that is free may be put on sale as well as one that is sold.
    fn covers(&self, sold: &bool, other: &bool) -> bool {
        !sold || *other
    }

    fn describe_state(&self, sold: &bool) -> String {
        format!("the seat is {}", if *sold { "sold" } else { "free" })
    }

    fn describe(&self, op: &Op) -> String {
        match op {
            Op::Acquire => "acquire".to_owned(),
            Op::Reset => "reset".to_owned(),
        }
    }
}
