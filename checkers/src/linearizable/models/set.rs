//! A set: add, remove, contains, and reads of all of it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::linearizable::model::{Call, Model};
use crate::operations::Outcome;

/// Values without order. `add` and `remove` may return whether they changed it;
/// `contains` returns whether the value is in; `read` returns all of them as a list.
pub(crate) struct Set;

/// The values, as JSON text.
type Members = BTreeSet<String>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Add(String, Option<bool>),
    Remove(String, Option<bool>),
    Contains(String, bool),
    Read(Vec<String>),
}

impl Op {
    fn member(&self) -> Option<&String> {
        match self {
            Op::Add(member, _) | Op::Remove(member, _) | Op::Contains(member, _) => Some(member),
            Op::Read(_) => None,
        }
    }
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
        let member = call.argument.to_string();
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
            "read" => match call.result {
                Value::Array(values) => {
                    let mut members: Vec<String> = values.iter().map(Value::to_string).collect();
                    members.sort_unstable();
                    members.dedup();
                    Some(Op::Read(members))
                }
                other => return Err(format!("expected a list, found {other}")),
            },
            _ => return Err(call.unexpected("add, remove, contains or read")),
        })
    }

    fn step(&self, members: &Members, op: &Op) -> Option<Members> {
        let agrees = |seen: &Option<bool>, changed: bool| seen.is_none_or(|seen| seen == changed);
        match op {
            Op::Add(member, seen) => agrees(seen, !members.contains(member)).then(|| {
                let mut members = members.clone();
                members.insert(member.clone());
                members
            }),
            Op::Remove(member, seen) => agrees(seen, members.contains(member)).then(|| {
                let mut members = members.clone();
                members.remove(member);
                members
            }),
            Op::Contains(member, found) => {
                (members.contains(member) == *found).then(|| members.clone())
            }
            Op::Read(all) => all.iter().eq(members.iter()).then(|| members.clone()),
        }
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
            Op::Read(all) => all.binary_search(member).is_ok(),
            _ => false,
        }
    }

    /// Members are independent of each other, unless somebody read them all.
    fn parts(&self, ops: &[Op]) -> Option<Vec<u32>> {
        let members: Option<Vec<&String>> = ops.iter().map(Op::member).collect();
        super::number_by(members?.into_iter())
    }

    fn state_bytes(&self, members: &Members) -> usize {
        48 + members
            .iter()
            .map(|member| member.capacity() + 40)
            .sum::<usize>()
    }

    fn describe_state(&self, members: &Members) -> String {
        match members.is_empty() {
            true => "the set is empty".to_owned(),
            false => format!(
                "the set is {}",
                crate::words::list(members.iter(), members.len())
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
            Op::Add(member, seen) => format!("add {member}{}", changed(seen)),
            Op::Remove(member, seen) => format!("remove {member}{}", changed(seen)),
            Op::Contains(member, true) => format!("found {member}"),
            Op::Contains(member, false) => format!("did not find {member}"),
            Op::Read(all) => format!("read [{}]", crate::words::list(all.iter(), all.len())),
        }
    }
}
