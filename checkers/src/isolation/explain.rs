//! A cycle in words: each step in a sentence, and what they come to.

use super::data::Data;
use super::findings::Finding;
use super::graph::{Kind, Step};
use super::transactions::Transactions;
use super::words;
use crate::words::count;

/// Steps of a cycle that are told at its beginning, and at its end; [`Finding::steps`] has all.
const SENTENCES_MAX: usize = 6;

/// The cycle, from its first step on.
pub(crate) fn cycle<D: Data>(transactions: &Transactions, data: &D, cycle: &[Step]) -> Finding {
    let name = |at: u32| words::transaction(transactions, at);
    let mut key = None;
    let mut steps: Vec<(Step, String)> = Vec::new();
    for &step in cycle {
        let because = match data.reason(step) {
            Some(reason) => {
                key = key.or(Some(reason.key));
                reason.sentence
            }
            None => by_order(transactions, step),
        };
        steps.push((step, because));
    }
    let sentences: Vec<String> = steps
        .iter()
        .map(|(step, because)| {
            let (from, to) = (name(step.from), name(step.to));
            format!("{from} came before {to}: {because}")
        })
        .collect();
    let mut explanation = match sentences.len().checked_sub(2 * SENTENCES_MAX) {
        None | Some(0 | 1) => sentences.join(". "),
        Some(between) => format!(
            "{}. So it goes on for {}. {}",
            sentences[..SENTENCES_MAX].join(". "),
            count(between as u64, "step"),
            sentences[sentences.len() - SENTENCES_MAX..].join(". ")
        ),
    };
    if let Some(first) = cycle.first() {
        let others: Vec<String> = cycle.iter().skip(1).map(|step| name(step.from)).collect();
        let through = match others.len() {
            0 => String::new(),
            _ => format!(", by way of {},", words::list(&others)),
        };
        let first = name(first.from);
        explanation.push_str(&format!(
            ". So {first}{through} came before itself: a contradiction"
        ));
    }
    Finding {
        key,
        explanation,
        transactions: cycle.iter().map(|step| step.from).collect(),
        steps,
    }
}

/// Steps of a cycle that are spelt out at its beginning.
const WALK_MAX: usize = 4;

/// `T0 ─rw→ T1 ─wr→ T0`, the cycle without its reasons; of a long one the first steps.
pub(crate) fn walk(transactions: &Transactions, cycle: &[Step]) -> String {
    let name = |at: u32| words::transaction(transactions, at);
    let Some(first) = cycle.first() else {
        return String::new();
    };
    let mut text = name(first.from);
    let is_long = cycle.len() > WALK_MAX + 1;
    for step in cycle
        .iter()
        .take(if is_long { WALK_MAX } else { cycle.len() })
    {
        text.push_str(&format!(" ─{}→ {}", step.kind.name(), name(step.to)));
    }
    if is_long {
        let more = count((cycle.len() - WALK_MAX) as u64, "step");
        text.push_str(&format!(
            " and so on, in {more} back to {}",
            name(first.from)
        ));
    }
    text
}

fn by_order(transactions: &Transactions, step: Step) -> String {
    let (from, to) = (
        words::transaction(transactions, step.from),
        words::transaction(transactions, step.to),
    );
    match step.kind {
        Kind::Process => {
            let process = transactions.all()[step.from as usize].process;
            format!("process {process} executed {from} and then {to}")
        }
        Kind::Realtime => {
            let ([_, completed], [invoked, _]) =
                (transactions.events(step.from), transactions.events(step.to));
            format!(
                "{from} had completed (event {completed}) when {to} was invoked (event {invoked})"
            )
        }
        kind => format!("{from} and {to}, by {}", kind.name()),
    }
}
