//! Words for transactions and what they read, for a person who looks them up.

use super::transactions::Transactions;
use crate::intern::NONE;

/// Elements of a list that are spelt out on each side of the one that matters.
const AROUND: usize = 4;
/// A list of so many elements is spelt out whole.
const WHOLE_MAX: usize = 12;

/// `T17`: a transaction by the event of its invocation.
pub(crate) fn transaction(transactions: &Transactions, at: u32) -> String {
    match (at as usize) < transactions.len() {
        true => format!("T{}", transactions.events(at)[0]),
        false => "T?".to_owned(),
    }
}

/// `[1 2 3]`; of a long list what is around an element, `[… 8 9 10 …]`, or its end.
pub(crate) fn listed(transactions: &Transactions, list: &[u32], around: u32) -> String {
    let whole = list.len() <= WHOLE_MAX;
    let place = list
        .iter()
        .position(|&value| value == around && around != NONE);
    let place = place.unwrap_or(list.len());
    let (from, to) = match whole {
        true => (0, list.len()),
        false => (
            place.saturating_sub(AROUND),
            list.len().min(place + AROUND + 1),
        ),
    };
    let mut text = String::from("[");
    if from > 0 {
        text.push_str("… ");
    }
    let shown = list[from..to]
        .iter()
        .map(|&value| transactions.value(value).to_string());
    text.push_str(&shown.collect::<Vec<_>>().join(" "));
    if to < list.len() {
        text.push_str(" …");
    }
    text.push(']');
    text
}

/// `T1, T2 and T3`.
pub(crate) fn list(names: &[String]) -> String {
    crate::words::list(names.iter(), names.len())
}
