//! Locks: a plain one, one that knows its owner, and one that gives out fences.
//!
//! An owner is named by a field of the invocation's value, or else is the process. A value
//! that is no object is refused: it may be the owner's name as well as the lock's, and taking
//! the one for the other makes one owner of all. So is an object in which another field may
//! name the owner: a client that goes on as another process would be taken for another.

use std::fmt;

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

/// Who asks, for itself or for a named owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    process: u32,
    name: Option<Value>,
}

/// The fields that name an owner; the first that is there does.
const OWNER_FIELDS: [&str; 2] = ["owner", "client"];

/// The field of a fence, which names nobody.
const FENCE_FIELD: &str = "fence";

impl Owner {
    /// Who asks; `key_field` names the lock, if some field does.
    fn of(call: &Call<'_>, key_field: Option<&str>) -> Result<Owner, String> {
        let name = match call.argument {
            Value::Null => None,
            Value::Object(fields) => {
                let name = named(call.argument);
                let may_name = |field: &str, value: &Value| {
                    let is_known = OWNER_FIELDS.contains(&field) || field == FENCE_FIELD;
                    !is_known && key_field != Some(field) && !value.is_null()
                };
                if name.is_none()
                    && let Some((field, _)) = fields.iter().find(|(f, v)| may_name(f, v))
                {
                    return Err(format!(
                        "{}: nobody can tell whether the field \"{field}\" names the owner; if it names the lock, take it for the key, else leave it out",
                        call.unexpected("an owner as {\"owner\": ...}")
                    ));
                }
                name
            }
            _ => {
                return Err(format!(
                    "{}: nobody can tell whether that is the owner or the lock",
                    call.unexpected("an owner as {\"owner\": ...}, or no value")
                ));
            }
        };
        // Of one without a completion it would not be known.
        match named(call.result) {
            told @ Some(_) if told != name => Err(format!(
                "its completion names another owner than its invocation, {}",
                call.result
            )),
            _ => Ok(Owner {
                process: call.process,
                name: name.cloned(),
            }),
        }
    }

    /// Whether both are one: by their names, or where one has none by the process.
    fn is(&self, other: &Owner) -> bool {
        match (&self.name, &other.name) {
            (Some(name), Some(other)) => name == other,
            _ => self.process == other.process,
        }
    }
}

fn named(value: &Value) -> Option<&Value> {
    let mut fields = OWNER_FIELDS.iter().filter_map(|field| value.get(field));
    fields.find(|name| !name.is_null())
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}"),
            None => write!(f, "process {}", self.process),
        }
    }
}

/// A lock that only its owner may release, and that its owner cannot take twice.
pub(crate) struct OwnerMutex {
    /// The field of arguments that names the lock, if one does.
    pub(crate) key_field: Option<String>,
}

impl Model for OwnerMutex {
    type State = Option<Owner>;
    type Op = (Op, Owner);
    type Next = Option<Option<Owner>>;

    fn name(&self) -> &str {
        "owner-mutex"
    }

    fn initial(&self) -> Option<Owner> {
        None
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Self::Op>, String> {
        let op = operation(call)?;
        let owner = || Owner::of(call, self.key_field.as_deref());
        op.map(|op| Ok((op, owner()?))).transpose()
    }

    fn step(&self, holder: &Option<Owner>, (op, owner): &Self::Op) -> Option<Option<Owner>> {
        match (op, holder) {
            (Op::Acquire, None) => Some(Some(owner.clone())),
            (Op::Release, Some(holder)) if holder.is(owner) => Some(None),
            _ => None,
        }
    }

    fn overwrites(&self) -> bool {
        true
    }

    fn by_process(&self) -> bool {
        true
    }

    fn describe_state(&self, holder: &Option<Owner>) -> String {
        held(holder)
    }

    fn describe(&self, (op, owner): &Self::Op) -> String {
        asked(*op, owner)
    }
}

fn held(holder: &Option<Owner>) -> String {
    match holder {
        None => "the lock is free".to_owned(),
        Some(holder) => format!("{holder} holds the lock"),
    }
}

fn asked(op: Op, owner: &Owner) -> String {
    format!("{} by {owner}", Mutex.describe(&op))
}

/// An owner's lock whose `acquire` returns a fence, greater than every one before.
pub(crate) struct FencedLock {
    /// The field of arguments that names the lock, if one does.
    pub(crate) key_field: Option<String>,
}

/// Who holds the lock, and the greatest fence so far: at least that, if the one that
/// was given out never reached us.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Fenced {
    holder: Option<Owner>,
    fence: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FencedOp {
    op: Op,
    owner: Owner,
    fence: Option<i64>,
}

/// A number, or the field of that name.
fn fence(result: &Value) -> Option<i64> {
    result.get(FENCE_FIELD).unwrap_or(result).as_i64()
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
            Op::Acquire if call.happened() => match fence(call.result) {
                Some(fence) => Some(fence),
                None => return Err(format!("expected a fence, found {}", call.result)),
            },
            _ => None,
        };
        let owner = Owner::of(call, self.key_field.as_deref())?;
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
            (Op::Release, Some(holder)) if holder.is(&op.owner) => Some(Fenced {
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
        let holder = held(&state.holder);
        match state.fence {
            None => holder,
            // Of one that nobody saw it is not known how great it was.
            Some(fence) => format!("{holder}, and fences up to {fence} are used up"),
        }
    }

    fn describe(&self, op: &FencedOp) -> String {
        let text = asked(op.op, &op.owner);
        match op.fence {
            None => text,
            Some(fence) => format!("{text} with fence {fence}"),
        }
    }
}
