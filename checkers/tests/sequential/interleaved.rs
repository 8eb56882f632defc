//! Random histories of one or two objects: what the processes of a run did with each, mixed
//! anew, so that each process keeps its order and real time tells nothing.

use crate::choices::Choices;
use crate::random::{Case, End, Operation, case};

#[derive(Debug, Clone)]
pub struct History {
    pub model: &'static str,
    pub operations: Vec<Done>,
    pub objects: usize,
    pub starts_at_zero: bool,
    pub failed_cas_ignored: bool,
    pub nil_is_unknown: bool,
}

/// An operation; `call` and `ret` of it are places among the events.
#[derive(Debug, Clone)]
pub struct Done {
    pub object: usize,
    pub it: Operation,
}

/// Names of a process that goes on after an operation of which nobody knows are so far apart.
const NAMES: u64 = 64;

pub fn history(model: &'static str, first: &[u8], second: &[u8], order: &[u8]) -> History {
    let order = &mut Choices(order);
    let objects = 1 + order.below(2);
    let most = if objects == 1 { 8 } else { 5 };
    // What is meant by a history, the first choices tell: it is the same of both.
    let meant = &first[..first.len().min(4)];
    let second: Vec<u8> = meant.iter().chain(second).copied().collect();
    let mut cases = vec![case(model, first, most)];
    if objects == 2 {
        cases.push(case(model, &second, most));
    }
    let Case {
        starts_at_zero,
        failed_cas_ignored,
        nil_is_unknown,
        ..
    } = cases[0];
    History {
        model,
        operations: mix(&cases, order),
        objects,
        starts_at_zero,
        failed_cas_ignored,
        nil_is_unknown,
    }
}

/// The operations in the order of their calls.
fn mix(cases: &[Case], order: &mut Choices<'_>) -> Vec<Done> {
    let operations = |case: &Case, process: u64| -> Vec<Operation> {
        let of = case.operations.iter().filter(|one| one.process == process);
        of.rev().cloned().collect()
    };
    let all = cases.iter().flat_map(|case| &case.operations);
    let mut processes: Vec<u64> = all.map(|one| one.process).collect();
    processes.sort_unstable();
    processes.dedup();
    // Of each process, what it still has to do with each object.
    let mut rest: Vec<Vec<Vec<Operation>>> = processes
        .iter()
        .map(|&process| cases.iter().map(|case| operations(case, process)).collect())
        .collect();
    let mut open: Vec<Option<usize>> = vec![None; processes.len()];
    let mut done: Vec<Done> = Vec::new();
    let mut events = 0;
    loop {
        let busy: Vec<usize> = (0..processes.len())
            .filter(|&at| open[at].is_some() || rest[at].iter().any(|rest| !rest.is_empty()))
            .collect();
        if busy.is_empty() {
            return done;
        }
        let at = busy[order.below(busy.len())];
        match open[at].take() {
            Some(operation) => {
                done[operation].it.ret = events;
                if done[operation].it.end == End::Unknown {
                    processes[at] += NAMES;
                }
            }
            None => {
                let objects: Vec<usize> = (0..cases.len())
                    .filter(|&object| !rest[at][object].is_empty())
                    .collect();
                let object = objects[order.below(objects.len())];
                let Some(mut it) = rest[at][object].pop() else {
                    continue;
                };
                it.process = processes[at];
                it.call = events;
                open[at] = Some(done.len());
                done.push(Done { object, it });
            }
        }
        events += 1;
    }
}

impl History {
    /// The history in shorthand.
    pub fn shorthand(&self) -> String {
        let events = self.operations.iter().map(|done| done.it.ret + 1).max();
        let mut lines = vec![String::new(); events.unwrap_or(0)];
        for Done { object, it } in &self.operations {
            let Operation {
                process,
                f,
                argument,
                ..
            } = it;
            lines[it.call] = format!("{process} invoke {f} x{object} {argument}");
            lines[it.ret] = match &it.end {
                End::Ok(result) => format!("{process} ok {f} x{object} {result}"),
                End::Failed => format!("{process} fail {f} x{object} {argument}"),
                End::Conflict => format!("{process} fail {f} x{object} _ conflict: lost"),
                End::Unknown => format!("{process} info {f} x{object} _ timeout: no answer"),
            };
        }
        lines.join("\n")
    }

    /// The history of the operations whose calls those are.
    pub fn only(&self, is_shown: impl Fn(u64) -> bool) -> History {
        let mut history = self.clone();
        history
            .operations
            .retain(|done| is_shown(done.it.call as u64));
        history
    }
}
