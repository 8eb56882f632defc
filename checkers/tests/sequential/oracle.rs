//! Whether a history is sequentially consistent, by trying every interleaving.

use std::collections::HashSet;

use serde_json::Value;

use crate::interleaved::{Done, History};
use crate::random::{End, Operation};
use crate::spec::{self, State};

pub fn is_sequential(history: &History) -> bool {
    let mut names: Vec<u64> = history
        .operations
        .iter()
        .map(|done| done.it.process)
        .collect();
    names.sort_unstable();
    names.dedup();
    let processes: Vec<Vec<&Done>> = names
        .iter()
        .map(|&name| {
            let of = history
                .operations
                .iter()
                .filter(|done| done.it.process == name);
            of.filter(|done| counts(history, &done.it)).collect()
        })
        .collect();
    let initial = spec::initial(history.model, history.starts_at_zero);
    let start = (vec![0; processes.len()], vec![initial; 2]);
    let mut seen: HashSet<(Vec<usize>, Vec<State>)> = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((positions, states)) = open.pop() {
        let rest = |process: usize| &processes[process][positions[process]..];
        let is_over = |process| rest(process).iter().all(|done| done.it.end == End::Unknown);
        if (0..processes.len()).all(is_over) {
            return true;
        }
        for process in 0..processes.len() {
            let Some(next) = rest(process).first() else {
                continue;
            };
            for state in after(history, &states[next.object], &next.it) {
                let (mut positions, mut states) = (positions.clone(), states.clone());
                positions[process] += 1;
                states[next.object] = state;
                if seen.insert((positions.clone(), states.clone())) {
                    open.push((positions, states));
                }
            }
        }
    }
    false
}

/// Whether the operation says anything.
fn counts(history: &History, it: &Operation) -> bool {
    match it.end {
        End::Failed => it.f == "cas" && !history.failed_cas_ignored,
        End::Conflict => false,
        End::Ok(_) | End::Unknown => true,
    }
}

fn after(history: &History, state: &State, it: &Operation) -> Vec<State> {
    if let End::Ok(result) = &it.end
        && let Some(next) = spec::fenced(history.model, state, it.f, it.process, result)
    {
        return next;
    }
    let outcomes = spec::outcomes(history.model, state, it.f, &it.argument, it.process);
    let fits = |result: &Option<Value>| match (&it.end, result) {
        (End::Failed, result) => result.is_none(),
        (_, None) => false,
        (End::Ok(Value::Null), _) if it.f == "read" && history.nil_is_unknown => true,
        (End::Ok(seen), Some(result)) => seen == result,
        _ => true,
    };
    let outcomes = outcomes.into_iter().filter(|(_, result)| fits(result));
    outcomes.map(|(state, _)| state).collect()
}
