//! A set: add, remove, contains, and reads of all of it.

use serde_json::Value;

use super::shared::{Shared, allocated};
use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Values without order. `add` and `remove` may return whether they changed it;
/// `contains` returns whether the value is in; `read` returns all of them, as a list or as an
/// EDN set.
pub(crate) struct Set;

/// A value, as JSON text.
type Member = Shared<Box<str>>;

/// The values, ascending: large sets are copied more often than they are searched.
type Members = Vec<Member>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Add(Member, Option<bool>),
    Remove(Member, Option<bool>),
    Contains(Member, bool),
    Read(Members),
}

impl Op {
    fn member(&self) -> Option<&Member> {
        match self {
            Op::Add(member, _) | Op::Remove(member, _) | Op::Contains(member, _) => Some(member),
            Op::Read(_) => None,
        }
    }

    /// Whether it can happen.
    fn fits(&self, members: &Members) -> bool {
        let agrees = |seen: &Option<bool>, changed: bool| seen.is_none_or(|seen| seen == changed);
        match self {
            Op::Add(member, seen) => agrees(seen, place(members, member).is_err()),
            Op::Remove(member, seen) => agrees(seen, place(members, member).is_ok()),
            Op::Contains(member, found) => place(members, member).is_ok() == *found,
            Op::Read(all) => all == members,
        }
    }

    fn apply(&self, members: &mut Members) {
        match self {
            Op::Add(member, _) => {
                if let Err(at) = place(members, member) {
                    members.insert(at, member.clone());
                }
            }
            Op::Remove(member, _) => {
                if let Ok(at) = place(members, member) {
                    members.remove(at);
                }
            }
            Op::Contains(..) | Op::Read(_) => {}
        }
    }
}

/// All that a read returned: a list, or an EDN set, as it is spelt in JSON.
pub(crate) fn members(result: &Value) -> Option<&[Value]> {
    let list = match result {
        Value::Object(fields) if fields.len() == 1 => fields.get("#{}")?,
        list => list,
    };
    Some(list.as_array()?)
}

/// Where it stands, or would.
fn place(members: &Members, member: &Member) -> Result<usize, usize> {
    members.binary_search_by(|other| (**other).cmp(member))
}

impl Model for Set {
    type State = Members;
    type Op = Op;
    type Next = Option<Members>;

    fn name(&self) -> &str {
        "set"
    }

    fn initial(&self) -> Members {
        Members::new()
    }

    fn operation(&self, call: &Call<'_>) -> Result<Option<Op>, String> {
        let member = Member::new(call.argument.to_string().into());
        Ok(match call.f {
            _ if call.outcome == Outcome::Refused => None,
            "add" => Some(Op::Add(
                member,
                call.result
                    .as_bool()
                    .filter(|_| !call.argument.is_boolean()),
            )),
            "remove" => Some(Op::Remove(
                member,
                call.result
                    .as_bool()
                    .filter(|_| !call.argument.is_boolean()),
            )),
            "contains" | "read" if !call.happened() => None,
            "contains" => match call.result {
                Value::Bool(found) => Some(Op::Contains(member, *found)),
                other => {
                    return Err(format!(
                        "expected contains to return true or false, found {other}"
                    ));
                }
            },
            "read" => match members(call.result) {
                Some(values) => {
                    let text = |value: &Value| value.to_string().into_boxed_str();
                    let mut members: Vec<Box<str>> = values.iter().map(text).collect();
                    members.sort_unstable();
                    members.dedup();
                    Some(Op::Read(members.into_iter().map(Member::new).collect()))
                }
                None => return Err(format!("expected a list, found {}", call.result)),
            },
            _ => return Err(call.unexpected("add, remove, contains or read")),
        })
    }

    fn step(&self, members: &Members, op: &Op) -> Option<Members> {
        op.fits(members).then(|| {
            let mut after = Members::with_capacity(members.len() + 1);
            after.extend_from_slice(members);
            op.apply(&mut after);
            after
        })
    }

    fn advance(&self, mut members: Members, op: &Op) -> Option<Members> {
        op.fits(&members).then(|| {
            op.apply(&mut members);
            members
        })
    }

    fn read_only(&self, op: &Op) -> bool {
        matches!(
            op,
            Op::Contains(..) | Op::Read(_) | Op::Add(_, Some(false)) | Op::Remove(_, Some(false))
        )
    }

    fn needs(&self, op: &Op, other: &Op) -> bool {
        let same = match (op.member(), other.member()) {
            (Some(op), Some(other)) => op == other,
            _ => true,
        };
        same && !self.read_only(other)
    }

    fn reads_from(&self, op: &Op, other: &Op) -> bool {
        let Op::Add(member, _) = other else {
            return false;
        };
        match op {
            Op::Contains(found, true)
            | Op::Add(found, Some(false))
            | Op::Remove(found, Some(true)) => found == member,
            Op::Read(all) => place(all, member).is_ok(),
            _ => false,
        }
    }

    /// Members are independent of each other, unless somebody read them all.
    fn parts(&self, ops: &[Op]) -> Option<Vec<u32>> {
        let members: Option<Vec<&Member>> = ops.iter().map(Op::member).collect();
        super::number_by(members?.into_iter())
    }

    fn state_bytes(&self, members: &Members) -> usize {
        size_of_val(members) + allocated(members.capacity() * size_of::<Member>())
    }

    fn describe_state(&self, members: &Members) -> String {
        match members.is_empty() {
            true => "the set is empty".to_owned(),
            false => format!(
                "the set is {}",
                crate::words::list(members.iter().map(|member| &***member), members.len())
            ),
        }
    }

    fn describe(&self, op: &Op) -> String {
        let changed = |seen: &Option<bool>| match seen {
            None => "",
            Some(true) => ", which changed it",
            Some(false) => ", which changed nothing",
        };
        match op {
            Op::Add(member, seen) => format!("add {}{}", **member, changed(seen)),
            Op::Remove(member, seen) => format!("remove {}{}", **member, changed(seen)),
            Op::Contains(member, true) => format!("found {}", **member),
            Op::Contains(member, false) => format!("did not find {}", **member),
            Op::Read(all) => format!(
                "read [{}]",
                crate::words::list(all.iter().map(|member| &***member), all.len())
            ),
        }
    }
}
