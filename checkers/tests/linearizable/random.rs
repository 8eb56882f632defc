//! Random histories: a real run of the object by a few processes, and then, as often
//! as not, something about it changed. All from a list of choices, so that it shrinks.

use serde_json::{Value, json};

use crate::choices::Choices;
use crate::spec;

#[derive(Debug, Clone)]
pub struct Case {
    pub model: &'static str,
    pub operations: Vec<Operation>,
    pub starts_at_zero: bool,
    pub failed_cas_ignored: bool,
    pub nil_is_unknown: bool,
    events: usize,
}

#[derive(Debug, Clone)]
pub struct Operation {
    pub process: u64,
    pub f: &'static str,
    pub argument: Value,
    pub end: End,
    pub call: usize,
    pub ret: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Ok(Value),
    /// Refused, which says something of a register.
    Failed,
    /// Failed, which says nothing.
    Conflict,
    Unknown,
}

/// As many as an oracle can order.
pub const OPERATIONS_MAX: usize = 8;

fn ask(
    model: &str,
    distinct: bool,
    count: usize,
    choices: &mut Choices<'_>,
) -> (&'static str, Value) {
    let small = |choices: &mut Choices<'_>| json!(choices.below(3));
    match model {
        "register" | "cas-register" => match choices.below(if model == "register" { 4 } else { 7 })
        {
            0 | 1 => ("read", Value::Null),
            2 | 3 if distinct => ("write", json!(count + 1)),
            2 | 3 => ("write", small(choices)),
            _ => ("cas", json!([choices.below(3), choices.below(3)])),
        },
        "kv" => match choices.below(8) {
            0..=2 => ("get", Value::Null),
            3 => ("put", json!((1 + choices.below(3)).to_string())),
            4 => ("delete", Value::Null),
            _ => ("append", json!((1 + choices.below(3)).to_string())),
        },
        "mutex" | "owner-mutex" | "fenced-lock" => match choices.below(2) {
            0 => ("acquire", Value::Null),
            _ => ("release", Value::Null),
        },
        "semaphore" => {
            let number = [Value::Null, json!(2)][choices.below(4) / 3].clone();
            (["acquire", "release"][choices.below(2)], number)
        }
        "fifo-queue" | "unordered-queue" | "stack" => {
            let verbs = if model == "stack" {
                ["push", "pop"]
            } else {
                ["enqueue", "dequeue"]
            };
            match choices.below(2) {
                0 if distinct => (verbs[0], json!(count + 1)),
                0 => (verbs[0], small(choices)),
                _ => (verbs[1], Value::Null),
            }
        }
        "priority-queue" => match choices.below(4) {
            // In another order than that of time.
            0 | 1 if distinct => ("insert", json!(count * 5 % 17)),
            0 => ("insert", small(choices)),
            1 => ("insert", json!([choices.below(3), 1 + choices.below(2)])),
            _ => ("delete-min", Value::Null),
        },
        "set" => match choices.below(if distinct { 6 } else { 7 }) {
            0 | 1 => ("add", small(choices)),
            2 | 3 => ("remove", small(choices)),
            4 | 5 => ("contains", small(choices)),
            _ => ("read", Value::Null),
        },
        "counter" => match choices.below(6) {
            0 | 1 => ("read", Value::Null),
            2 => ("add", json!(choices.below(4) as i64 - 1)),
            3 | 4 => ("increment", Value::Null),
            _ => ("decrement", Value::Null),
        },
        _ => match choices.below(3) {
            0 | 1 => ("acquire", Value::Null),
            _ => ("reset", Value::Null),
        },
    }
}

/// A history of that model, of so many operations at most.
pub fn case(model: &'static str, choices: &[u8], operations_max: usize) -> Case {
    let choices = &mut Choices(choices);
    let distinct = choices.below(2) == 0;
    let mut case = Case {
        model,
        operations: Vec::new(),
        starts_at_zero: choices.below(2) == 0,
        failed_cas_ignored: choices.below(4) == 1,
        nil_is_unknown: choices.below(4) == 1,
        events: 0,
    };
    let processes = 2 + choices.below(4);
    // What each process has open: which operation, and whether it took effect and how.
    let mut open: Vec<Option<(usize, Option<Option<Value>>)>> = vec![None; processes];
    let mut names: Vec<u64> = (0..processes as u64).collect();
    let mut state = spec::initial(model, case.starts_at_zero);
    while !choices.0.is_empty() {
        let process = choices.below(processes);
        match open[process].clone() {
            None if case.operations.len() < operations_max => {
                let (f, argument) = ask(model, distinct, case.operations.len(), choices);
                open[process] = Some((case.operations.len(), None));
                case.operations.push(Operation {
                    process: names[process],
                    f,
                    argument,
                    end: End::Unknown,
                    call: case.events,
                    ret: usize::MAX,
                });
                case.events += 1;
            }
            None => break,
            Some((at, effect)) => {
                let op = &case.operations[at];
                let mut outcomes = spec::outcomes(model, &state, op.f, &op.argument, op.process);
                let effect = match effect {
                    None if !outcomes.is_empty() && choices.below(4) > 0 => {
                        let chosen = choices.below(outcomes.len());
                        let (after, result) = outcomes.swap_remove(chosen);
                        state = after;
                        open[process] = Some((at, Some(result)));
                        continue;
                    }
                    effect => effect,
                };
                let end = match (choices.below(5), effect) {
                    (0, _) => End::Unknown,
                    (_, Some(Some(result))) => End::Ok(result),
                    (_, Some(None)) => End::Failed,
                    (1, None) => End::Failed,
                    (2, None) => End::Conflict,
                    // Waits on; or gives up, and nobody knows.
                    (3, None) => End::Unknown,
                    (_, None) => continue,
                };
                open[process] = None;
                if end == End::Unknown {
                    names[process] += processes as u64;
                }
                let op = &mut case.operations[at];
                op.end = end;
                op.ret = case.events;
                case.events += 1;
            }
        }
    }
    corrupt(&mut case, choices, distinct);
    case
}

/// Changes what an operation returned, or that it did.
fn corrupt(case: &mut Case, choices: &mut Choices<'_>, distinct: bool) {
    // Choices may be used up: then the run's own numbers decide.
    let mix = case.operations.iter().map(|op| op.call * 7 + op.ret % 5);
    let mix = mix.sum::<usize>() + case.events + choices.below(16);
    let ended: Vec<usize> = (0..case.operations.len())
        .filter(|&at| case.operations[at].ret != usize::MAX)
        .collect();
    let locks = ["mutex", "owner-mutex", "fenced-lock", "semaphore", "seat"];
    if ended.is_empty() || (mix.is_multiple_of(3) && !locks.contains(&case.model)) {
        return;
    }
    if locks.contains(&case.model) {
        // An owner's lock is easier to break.
        let odds = if ["owner-mutex", "fenced-lock"].contains(&case.model) {
            1
        } else {
            3
        };
        // Those who waited for it, or gave up, had it after all.
        for (nth, &at) in ended.iter().enumerate() {
            let op = &mut case.operations[at];
            if !matches!(op.end, End::Ok(_)) && (mix >> nth) % 4 < odds {
                op.end = End::Ok(match op.f {
                    "acquire" if case.model == "fenced-lock" => json!(nth + mix % 2),
                    _ => Value::Null,
                });
            }
        }
        return;
    }
    let reads = ["read", "get", "dequeue", "pop", "delete-min", "contains"];
    let picked: Vec<usize> = ended
        .iter()
        .copied()
        .filter(|&at| reads.contains(&case.operations[at].f))
        .collect();
    let picked = if picked.is_empty() { &ended } else { &picked };
    let count = case.operations.len();
    let at = picked[mix / 3 % picked.len()];
    let small = (mix / 7 % 4) as i64;
    let other = case.operations[mix / 5 % count].argument.clone();
    let op = &mut case.operations[at];
    let result = match (case.model, op.f) {
        (_, "delete-min") => other,
        (_, "read") if case.model == "set" => json!((0..small).collect::<Vec<_>>()),
        (_, "read") if case.model == "counter" => json!(small),
        (_, "read" | "dequeue" | "pop") if small == 0 => Value::Null,
        (_, "read" | "dequeue" | "pop") if distinct => json!(mix / 5 % count + 1),
        (_, "read" | "dequeue" | "pop") => json!(small),
        (_, "get") => json!((small + 1).to_string()),
        (_, "contains") => json!(small % 2 == 0),
        _ => Value::Null,
    };
    op.end = End::Ok(result);
}

impl Case {
    /// The history in shorthand.
    pub fn shorthand(&self) -> String {
        let mut lines = vec![String::new(); self.events];
        for op in &self.operations {
            let process = op.process;
            let f = op.f;
            lines[op.call] = format!("{process} invoke {f} _ {}", op.argument);
            if op.ret < self.events {
                lines[op.ret] = match &op.end {
                    End::Ok(result) => format!("{process} ok {f} _ {result}"),
                    End::Failed => format!("{process} fail {f} _ {}", op.argument),
                    End::Conflict => format!("{process} fail {f} _ _ conflict: lost"),
                    End::Unknown => format!("{process} info {f} _ _ timeout: no answer"),
                };
            }
        }
        lines.join("\n")
    }
}
