//! Proofs of linearizability: the order itself, and a check of it that shares no
//! code with the engines.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::judge::Case;
use super::model::Model;
use super::object::{Misfit, is_mute, operation_of};
use crate::operations::NEVER;

/// Orders that explain a history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The model that they are right for.
    pub model: String,
    /// One for each object, or several for its independent parts.
    pub orders: Vec<Order>,
}

/// An order of an object's operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// Event indices of the invocations.
    pub operations: Vec<u64>,
}

/// Why an order is no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The proof is of another model.
    #[error("{0}")]
    Model(String),
    /// An operation is none of the model's, or of an object that cannot be told.
    #[error("event {event}: {problem}")]
    Misfit {
        /// The event that invoked it.
        event: u64,
        /// Why, in words.
        problem: String,
    },
    /// No operation of the object was invoked by that event, or it cannot have happened.
    #[error("event {0} invoked no operation of this object that can have happened")]
    NoOperation(u64),
    /// An operation is there twice.
    #[error("the operation of event {0} is there twice")]
    Twice(u64),
    /// An operation that happened is not there.
    #[error("the operation of event {0} happened, and is not there")]
    Missing(u64),
    /// An operation stands after one that was called only after it had returned.
    #[error("the operation of event {0} had returned before one that stands before it was called")]
    TooLate(u64),
    /// The model does not allow an operation where it stands.
    #[error("the operation of event {0} cannot happen where it stands")]
    NotAllowed(u64),
    /// A part of the history is not there, so that nothing is proven of the whole.
    #[error("{0}")]
    Unseen(String),
    /// Some event has no clock, or one that contradicts others.
    #[error("the clocks of the history's recorders do not tell when its events happened")]
    Unplaced,
    /// Two orders share a part of the object that is not independent.
    #[error("the operation of event {0} is of a part that another order is about")]
    Parts(u64),
}

impl From<Misfit> for Flaw {
    fn from(misfit: Misfit) -> Self {
        Flaw::Misfit {
            event: misfit.event.into(),
            problem: misfit.problem,
        }
    }
}

/// Verifies that the orders explain the operations that `members` are: each that
/// happened is there once, none stands after one that was called only after it had
/// returned, and the model allows each where it stands. O(n) and as many steps, in place.
pub(super) fn verify<M: Model>(
    model: &M,
    case: &Case<'_>,
    members: &[u32],
    orders: &[&[u64]],
) -> Result<(), Flaw> {
    let operations = case.operations;
    let mut ops: HashMap<u64, (M::Op, [u32; 2]), FixedState> = HashMap::default();
    for &member in members {
        let operation = &operations.all[member as usize];
        if is_mute(operation.outcome, case.options) {
            continue;
        }
        let op = operation_of(model, operations, member)?;
        if let Some(op) = op {
            let ends = case.intervals.of(operations, member);
            ops.insert(operation.call.into(), (op, ends));
        }
    }
    verify_parts(model, &ops, orders)?;
    for order in orders {
        let mut states = vec![model.initial()];
        let mut called = 0;
        for &event in *order {
            // Taken out, so that it cannot be there twice.
            let Some((op, [call, ret])) = ops.remove(&event) else {
                let twice = order.iter().filter(|&&other| other == event).count() > 1;
                return Err(if twice {
                    Flaw::Twice(event)
                } else {
                    Flaw::NoOperation(event)
                });
            };
            if ret < called {
                return Err(Flaw::TooLate(event));
            }
            called = called.max(call);
            let mut next: Vec<M::State> = Vec::with_capacity(1);
            for reached in states
                .into_iter()
                .flat_map(|state| model.advance(state, &op))
            {
                if !next.contains(&reached) {
                    next.push(reached);
                }
            }
            states = next;
            if states.is_empty() {
                return Err(Flaw::NotAllowed(event));
            }
        }
    }
    let missing = ops.iter().filter(|(_, (_, ends))| ends[1] != NEVER);
    missing
        .map(|(&event, _)| event)
        .min()
        .map_or(Ok(()), |event| Err(Flaw::Missing(event)))
}

/// Verifies that no two orders are of one part.
fn verify_parts<M: Model>(
    model: &M,
    ops: &HashMap<u64, (M::Op, [u32; 2]), FixedState>,
    orders: &[&[u64]],
) -> Result<(), Flaw> {
    if orders.len() < 2 {
        return Ok(());
    }
    let (mut listed, mut of) = (Vec::new(), Vec::new());
    for (number, order) in orders.iter().enumerate() {
        for &event in *order {
            let (op, _) = ops.get(&event).ok_or(Flaw::NoOperation(event))?;
            listed.push(op.clone());
            of.push((number, event));
        }
    }
    let Some(parts) = model.parts(&listed) else {
        return Err(Flaw::Parts(of.first().map_or(0, |(_, event)| *event)));
    };
    let mut owner: HashMap<u32, usize, FixedState> = HashMap::default();
    for (part, (number, event)) in parts.into_iter().zip(of) {
        if *owner.entry(part).or_insert(number) != number {
            return Err(Flaw::Parts(event));
        }
    }
    Ok(())
}
