//! Locks: a plain one, one that knows its owner, and one that gives out fences.

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// A lock that anybody may release: `acquire` if it is free, `release` if it is held.
pub(crate) struct Mutex;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Acquire,
    Release,
}

impl Model for Mutex {
    type State = bool;
    type Op = Op;
    type Next = Option<bool>;

    fn name(&self) -> &str {
        "mutex"
    }

    fn initial(&self) -> bool {
        false
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        operation(call)
    }

    fn step(&self, held: &bool, op: &Op) -> Option<bool> {
        (*held == (*op == Op::Release)).then_some(!held)
    }

    fn overwrites(&self) -> bool {
        true
    }

    fn describe_state(&self, held: &bool) -> String {
        format!("the lock is {}", if *held { "held" } else { "free" })
    }

    fn describe(&self, op: &Op) -> String {
        match op {
            Op::Acquire => "acquire".to_owned(),
            Op::Release => "release".to_owned(),
        }
    }
}

fn operation(call: &Call<'_>) -> Result<Option<Op>, String> {
    match call.f {
        _ if call.outcome == Outcome::Refused => Ok(None),
        "acquire" | "lock" => Ok(Some(Op::Acquire)),
        "release" | "unlock" => Ok(Some(Op::Release)),
        _ => Err(call.unexpected("acquire or release")),
    }
}

/// The owner: the one that the argument names, or else the process.
fn owner(call: &Call<'_>) -> Value {
    match call.argument {
        Value::Null => Value::from(call.process),
        named => named.clone(),
    }
}

/// A lock that only its owner may release, and that its owner cannot take twice.
pub(crate) struct OwnerMutex;

impl Model for OwnerMutex {
    type State = Option<Value>;
    type Op = (Op, Value);
    type Next = Option<Option<Value>>;

    fn name(&self) -> &str {
        "owner-mutex"
    }

    fn initial(&self) -> Option<Value> {
        None
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String> {
        Ok(operation(call)?.map(|op| (op, owner(call))))
    }

    fn step(&self, holder: &Option<Value>, (op, owner): &Self::Op) -> Option<Option<Value>> {
        match (op, holder) {
            (Op::Acquire, None) => Some(Some(owner.clone())),
            (Op::Release, Some(holder)) if holder == owner => Some(None),
            _ => None,
        }
    }

    fn overwrites(&self) -> bool {
        true
    }

    fn by_process(&self) -> bool {
        true
    }

    fn describe_state(&self, holder: &Option<Value>) -> String {
        match holder {
            None => "the lock is free".to_owned(),
            Some(holder) => format!("{holder} holds the lock"),
        }
    }

    fn describe(&self, (op, owner): &Self::Op) -> String {
        format!("{} by {owner}", Mutex.describe(op))
    }
}

/// An owner's lock whose `acquire` returns a fence, greater than every one before.
pub(crate) struct FencedLock;

/// Who holds the lock, and the greatest fence so far: at least that, if the one that
/// was given out never reached us.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fenced {
    holder: Option<Value>,
    fence: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FencedOp {
    op: Op,
    owner: Value,
    fence: Option<i64>,
}

impl Model for FencedLock {
    type State = Fenced;
    type Op = FencedOp;
    type Next = Option<Fenced>;

    fn name(&self) -> &str {
        "fenced-lock"
    }

    fn initial(&self) -> Fenced {
        Fenced {
            holder: None,
            fence: None,
        }
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<FencedOp>, String> {
        let Some(op) = operation(call)? else {
            return Ok(None);
        };
        let fence = match op {
            Op::Acquire if call.happened() => match call.result.as_i64() {
                Some(fence) => Some(fence),
                None => return Err(format!("expected a fence, found {}", call.result)),
            },
            _ => None,
        };
        let owner = owner(call);
        Ok(Some(FencedOp { op, owner, fence }))
    }

    fn step(&self, state: &Fenced, op: &FencedOp) -> Option<Fenced> {
        match (op.op, &state.holder) {
            (Op::Acquire, None) => {
                // A fence that nobody saw was at least one more than the last: the
                // smallest allows whatever a greater one would.
                let fence = match (op.fence, state.fence) {
                    (Some(fence), Some(last)) if fence <= last => return None,
                    (Some(fence), _) => Some(fence),
                    (None, last) => last.map(|last| last.saturating_add(1)),
                };
                let holder = Some(op.owner.clone());
                Some(Fenced { holder, fence })
            }
            (Op::Release, Some(holder)) if *holder == op.owner => Some(Fenced {
                holder: None,
                fence: state.fence,
            }),
            _ => None,
        }
    }

    /// Greater than a smaller fence is whatever is greater than a greater one.
    fn covers(&self, state: &Fenced, other: &Fenced) -> bool {
        state.holder == other.holder && state.fence <= other.fence
    }

    fn by_process(&self) -> bool {
        true
    }

    fn describe_state(&self, state: &Fenced) -> String {
        let holder = OwnerMutex.describe_state(&state.holder);
        match state.fence {
            None => holder,
            Some(fence) => format!("{holder}, the last fence being {fence}"),
        }
    }

    fn describe(&self, op: &FencedOp) -> String {
        let text = OwnerMutex.describe(&(op.op, op.owner.clone()));
        match op.fence {
            None => text,
            Some(fence) => format!("{text} with fence {fence}"),
        }
    }
}
