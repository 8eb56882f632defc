//! Queues of all kinds, stacks and sets by the [`monitors`](crate::monitors): what they decide, and
//! the words of the search for what they found. They give no order.

use super::judge::{Case, Judge, Judged, Violation};
use super::models::{Discipline, members, priority};
use super::object::{Misfit, is_mute};
use crate::budget::Budget;
use crate::intern::NONE;
use crate::monitors::{
    Interval, Outcome as Found, bag, collection, growing_set, priority_queue, queue, set, stack,
};
use crate::operations::{NEVER, Operation, Outcome};

/// Which monitor, and so what operations mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Monitor {
    Collection(Discipline),
    Set,
}

/// Steps of search for words, among the operations that a monitor named.
const WORDING_STEPS_MAX: u64 = 1_000_000;

impl Monitor {
    /// The one for the model of that name, if there is one.
    pub(super) fn of(model: &str) -> Option<Monitor> {
        match model {
            "fifo-queue" => Some(Monitor::Collection(Discipline::Fifo)),
            "unordered-queue" => Some(Monitor::Collection(Discipline::Bag)),
            "stack" => Some(Monitor::Collection(Discipline::Lifo)),
            "priority-queue" => Some(Monitor::Collection(Discipline::Priority)),
            "set" => Some(Monitor::Set),
            _ => None,
        }
    }

    /// What it finds; none if it cannot tell, or an operation is not what it knows.
    pub(super) fn judge(
        self,
        judge: &dyn Judge,
        case: &Case<'_>,
        members: &[u32],
    ) -> Result<Option<Judged>, Misfit> {
        let calls = Calls { case, members };
        let found = match self {
            Monitor::Collection(discipline) => calls.collection(discipline),
            Monitor::Set => calls.set().or_else(|| calls.growing_set()),
        };
        match found {
            None => Ok(None),
            Some(None) => Ok(Some(Judged::Valid(Vec::new()))),
            Some(Some(shown)) => explained(judge, case, members, shown),
        }
    }
}

/// Operations that break the property, and a sentence that says why.
struct Shown {
    why: String,
    operations: Vec<u32>,
}

/// The violation as the search words it: among the few operations that show it, it
/// is quick. None if the search does not find it there.
fn explained(
    judge: &dyn Judge,
    case: &Case<'_>,
    members: &[u32],
    shown: Shown,
) -> Result<Option<Judged>, Misfit> {
    let few = Case {
        operations: case.operations,
        intervals: case.intervals.clone(),
        options: case.options,
        budget: Budget {
            steps_max: WORDING_STEPS_MAX.min(case.budget.steps_max),
            ..case.budget.clone()
        },
        thorough: case.thorough,
        picked_of: (shown.operations.len() < members.len()).then_some(members.len()),
    };
    Ok(match judge.judge(&few, &shown.operations)? {
        Judged::Violated(violation) => Some(Judged::Violated(violation)),
        Judged::Valid(_) | Judged::Unproved(_) => None,
        Judged::Unknown(_) => {
            let resolved = |at: u32| case.operations.all[at as usize].ret() != NEVER;
            let operations = shown.operations.into_iter();
            Some(Judged::Violated(Violation {
                explanation: shown.why,
                operations: operations.map(|at| (at, resolved(at))).collect(),
                culprit: None,
            }))
        }
    })
}

/// An object's operations, to be translated.
struct Calls<'a> {
    case: &'a Case<'a>,
    members: &'a [u32],
}

/// Undecided, valid, or violated.
type Decided = Option<Option<Shown>>;

impl Calls<'_> {
    /// All that say something: of which name, and when.
    fn translated<T>(
        &self,
        translate: impl Fn(&str, &Operation, u64, Interval) -> Option<Translated<T>>,
    ) -> Option<Vec<T>> {
        let operations = self.case.operations;
        let mut translated = Vec::with_capacity(self.members.len());
        for &at in self.members {
            let operation = &operations.all[at as usize];
            let f = &operations.fs()[usize::from(operation.f)];
            let mute = operation.outcome == Outcome::Refused
                || is_mute(operation.outcome, self.case.options);
            let interval = interval(&self.case.intervals.of(operations, at));
            match translate(f, operation, at.into(), interval)? {
                Translated::Said(said) if !mute => translated.push(said),
                _ => {}
            }
        }
        Some(translated)
    }

    fn collection(&self, discipline: Discipline) -> Decided {
        use collection::Action;
        let [put, take] = discipline.verbs();
        let translated = self.translated(|f, operation, id, interval| {
            let action = match (f, operation.outcome) {
                // A removal of null is one that found nothing.
                (f, _) if put.contains(&f) && operation.argument == NONE => return None,
                (f, _) if put.contains(&f) => Action::Add(operation.argument),
                (f, _) if !take.contains(&f) => return None,
                (_, Outcome::Happened) if operation.result == NONE => Action::RemoveEmpty,
                (_, Outcome::Happened) => Action::Remove(operation.result),
                _ => Action::RemoveUnknown,
            };
            Some(Translated::Said(collection::Operation {
                id,
                interval,
                action,
            }))
        });
        let mut translated = translated?;
        decided(match discipline {
            Discipline::Fifo => queue::check(&translated),
            Discipline::Lifo => stack::check(&translated),
            Discipline::Bag => bag::check(&translated),
            Discipline::Priority => {
                self.rank(&mut translated)?;
                priority_queue::check(&translated, priority_queue::First::Smallest)
            }
        })
    }

    /// Numbers values by their priority; none if one has none, or two have the same.
    fn rank(&self, translated: &mut [collection::Operation]) -> Option<()> {
        use collection::Action;
        let mut values: Vec<u32> = Vec::with_capacity(translated.len());
        for operation in &*translated {
            if let Action::Add(value) | Action::Remove(value) = operation.action {
                values.push(value);
            }
        }
        values.sort_unstable();
        values.dedup();
        let priority =
            |&value: &u32| Some((priority(&self.case.operations.values.get(value))?, value));
        let mut order: Vec<(i64, u32)> = values.iter().map(priority).collect::<Option<_>>()?;
        order.sort_unstable();
        if order.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return None;
        }
        let mut ranks = vec![0; values.len()];
        for (&(_, value), rank) in order.iter().zip(0..) {
            ranks[values.binary_search(&value).ok()?] = rank;
        }
        for operation in translated {
            if let Action::Add(value) | Action::Remove(value) = &mut operation.action {
                *value = ranks[values.binary_search(value).ok()?];
            }
        }
        Some(())
    }

    /// One value at a time; none if some operation does not tell what it found.
    fn set(&self) -> Decided {
        use set::Action;
        let values = &self.case.operations.values;
        let [yes, no] = ["true", "false"].map(|json| values.find(json));
        let translated = self.translated(|f, operation, id, interval| {
            let known = operation.outcome == Outcome::Happened;
            let told = |json| known && json == Some(operation.result);
            // Of a true or false nobody knows whether it is the answer or the value.
            let doubtful = known && [yes, no].contains(&Some(operation.argument));
            let action = match f {
                "contains" if !known => return Some(Translated::Nothing),
                "contains" if told(yes) => Action::Present,
                "contains" if told(no) => Action::Absent,
                "add" | "remove" if doubtful => return None,
                "add" if !known || told(yes) => Action::Added,
                "add" if told(no) => Action::Present,
                "remove" if !known || told(yes) => Action::Removed,
                "remove" if told(no) => Action::Absent,
                _ => return None,
            };
            Some(Translated::Said(set::Operation {
                id,
                interval,
                value: operation.argument,
                action,
            }))
        });
        decided(set::check(&translated?))
    }

    /// Additions and reads of everything only; none if there is more to it.
    fn growing_set(&self) -> Decided {
        use growing_set::Action;
        let values = &self.case.operations.values;
        let no = values.find("false");
        let translated = self.translated(|f, operation, id, interval| {
            let known = operation.outcome == Outcome::Happened;
            let action = match f {
                "add" if operation.argument == NONE => return None,
                // It was there already: not by this addition.
                "add" if known && no == Some(operation.result) => return None,
                "add" => Action::Add(operation.argument),
                "read" if !known => return Some(Translated::Nothing),
                "read" => {
                    let number = |member: &serde_json::Value| {
                        let mut member = member.clone();
                        member.sort_all_objects();
                        // What is not among the values nobody added.
                        values.find(&member.to_string()).unwrap_or(NONE)
                    };
                    let read = values.get(operation.result);
                    Action::Read(members(&read)?.iter().map(number).collect())
                }
                _ => return None,
            };
            Some(Translated::Said(growing_set::Operation {
                id,
                interval,
                action,
            }))
        });
        decided(growing_set::check(&translated?))
    }
}

/// What an operation says to a monitor.
enum Translated<T> {
    Said(T),
    Nothing,
}

fn interval(&[call, ret]: &[u32; 2]) -> Interval {
    Interval {
        call: call.into(),
        ret: match ret {
            NEVER => Interval::NEVER,
            ret => ret.into(),
        },
    }
}

fn decided<R: std::fmt::Display>(found: Found<R>) -> Decided {
    match found {
        Found::Valid => Some(None),
        Found::Undecided(_) => None,
        Found::Violated(violation) => Some(Some(Shown {
            why: format!("{}.", super::capitalised(&violation.reason.to_string())),
            operations: violation.operations.iter().map(|&id| id as u32).collect(),
        })),
    }
}
