//! Whether a history is linearizable, by trying every order.

use std::collections::HashSet;

use serde_json::Value;

use crate::random::{Case, End, Operation};
use crate::spec::{self, State};

pub fn is_linearizable(case: &Case) -> bool {
    let initial = spec::initial(case.model, case.starts_at_zero);
    fits(case, &initial, 0, &mut HashSet::new())
}

fn fits(case: &Case, state: &State, done: u32, seen: &mut HashSet<(State, u32)>) -> bool {
    if !seen.insert((state.clone(), done)) {
        return false;
    }
    let left = |at: &usize| done >> at & 1 == 0;
    let resolved = |op: &Operation| counts(case, op) && op.end != End::Unknown;
    let all: Vec<usize> = (0..case.operations.len()).filter(left).collect();
    if !all.iter().any(|&at| resolved(&case.operations[at])) {
        return true;
    }
    // One may be next unless another, not done yet, was over before it began.
    let first_return = all
        .iter()
        .map(|&at| &case.operations[at])
        .filter(|op| resolved(op))
        .map(|op| op.ret)
        .min()
        .unwrap_or(usize::MAX);
    all.iter().any(|&at| {
        let op = &case.operations[at];
        counts(case, op)
            && op.call < first_return
            && after(case, state, op)
                .iter()
                .any(|state| fits(case, state, done | 1 << at, seen))
    })
}

/// Whether the operation says anything.
pub fn counts(case: &Case, op: &Operation) -> bool {
    match op.end {
        End::Failed => op.f == "cas" && !case.failed_cas_ignored,
        End::Conflict => false,
        End::Ok(_) | End::Unknown => true,
    }
}

pub fn after(case: &Case, state: &State, op: &Operation) -> Vec<State> {
    if let End::Ok(result) = &op.end
        && let Some(next) = spec::fenced(case.model, state, op.f, op.process, result)
    {
        return next;
    }
    let outcomes = spec::outcomes(case.model, state, op.f, &op.argument, op.process);
    let fits = |result: &Option<Value>| match (&op.end, result) {
        (End::Failed, result) => result.is_none(),
        (_, None) => false,
        (End::Ok(Value::Null), _) if op.f == "read" && case.nil_is_unknown => true,
        (End::Ok(seen), Some(result)) => seen == result,
        _ => true,
    };
    outcomes
        .into_iter()
        .filter(|(_, result)| fits(result))
        .map(|(state, _)| state)
        .collect()
}
