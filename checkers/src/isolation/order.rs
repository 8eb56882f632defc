//! Orders between transactions that no read tells: of a process, and of real time;
//! and orders of all of them that agree with a graph.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::digraph::{Filtered, Points, topological_ranks};
use super::graph::{Graph, GraphBuilder, Kind, Kinds, Step};
use super::phenomena::Order;
use super::transactions::{NEVER, Status, Transaction, Transactions};
use crate::intern::NONE;

const ALL: Kinds = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Rw, Kind::Process, Kind::Realtime]);
const WITHOUT_RW: Kinds = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Process, Kind::Realtime]);
const OF_WRITES: Kinds = Kinds::of(&[Kind::Ww, Kind::Process, Kind::Realtime]);

/// Adds the edges of that order between transactions that count: none, those of
/// processes, or those of processes and of real time.
///
/// Only one that committed is over when it completed: one of which nobody knows may
/// commit at any time. O(n log n), and at most 4 edges a transaction.
pub(crate) fn edges(
    transactions: &Transactions,
    counts: &[bool],
    order: Order,
    graph: &mut GraphBuilder,
) {
    if order == Order::Free {
        return;
    }
    if transactions.processes_are_known {
        process(transactions, counts, graph);
    }
    if order == Order::Realtime {
        realtime(transactions, counts, graph);
    }
}

fn process(transactions: &Transactions, counts: &[bool], graph: &mut GraphBuilder) {
    let mut last: HashMap<u32, u32, FixedState> = HashMap::default();
    for (at, transaction) in (0..).zip(transactions.all()) {
        if !counts[at as usize] || transaction.status != Status::Committed {
            // It comes after the last, and before nobody.
            if counts[at as usize]
                && let Some(&before) = last.get(&transaction.process)
            {
                graph.edge(before, at, Kind::Process);
            }
            continue;
        }
        if let Some(before) = last.insert(transaction.process, at) {
            graph.edge(before, at, Kind::Process);
        }
    }
}

/// Edges of processes between those transactions, ascending, that count: those of one to all
/// behind the next, too. O(n²).
pub(crate) fn implied(transactions: &Transactions, among: &[u32], order: Order) -> Vec<Step> {
    if order == Order::Free || !transactions.processes_are_known {
        return Vec::new();
    }
    let of = |at: u32| &transactions.all()[at as usize];
    let pairs = among.iter().enumerate().flat_map(|(at, &from)| {
        let later = among[at + 1..].iter();
        later.map(move |&to| (from, to))
    });
    let follows = |&(from, to): &(u32, u32)| {
        of(from).status == Status::Committed && of(from).process == of(to).process
    };
    let step = |(from, to)| Step {
        from,
        to,
        kind: Kind::Process,
    };
    pairs.filter(follows).map(step).collect()
}

/// One helper for all that completed between two invocations, each after the one
/// before it.
fn realtime(transactions: &Transactions, counts: &[bool], graph: &mut GraphBuilder) {
    let all = transactions.all();
    let mut completions = committed(transactions, counts).into_iter().peekable();
    let mut helper = NONE;
    for (at, transaction) in (0..).zip(all).filter(|(at, _)| counts[*at as usize]) {
        let is_before = |&done: &u32| all[done as usize].completed < transaction.invoked;
        if completions.peek().is_some_and(is_before) {
            let next = graph.helper();
            if helper != NONE {
                graph.edge(helper, next, Kind::Through);
            }
            helper = next;
        }
        while let Some(done) = completions.next_if(is_before) {
            graph.edge(done, helper, Kind::Realtime);
        }
        if helper != NONE {
            graph.edge(helper, at, Kind::Through);
        }
    }
}

/// Transactions that committed, in the order in which they did. O(events).
fn committed(transactions: &Transactions, counts: &[bool]) -> Vec<u32> {
    let completed = || {
        let is_over = |transaction: &Transaction| {
            transaction.status == Status::Committed && transaction.completed != NEVER
        };
        let all = (0..).zip(transactions.all());
        all.filter(move |(at, transaction)| counts[*at as usize] && is_over(transaction))
    };
    let last = completed().map(|(_, transaction)| transaction.completed);
    let mut by_event = vec![NONE; last.max().map_or(0, |last| last as usize + 1)];
    for (at, transaction) in completed() {
        by_event[transaction.completed as usize] = at;
    }
    by_event.retain(|&at| at != NONE);
    by_event
}

/// Whether places of transactions agree with real time, and so with the order of processes,
/// unless clocks were uncertain: who committed before another was invoked has an earlier one.
pub(crate) fn agrees_with_realtime(
    transactions: &Transactions,
    counts: &[bool],
    places: &[u32],
) -> bool {
    let all = transactions.all();
    let mut completions = committed(transactions, counts).into_iter().peekable();
    let mut latest = None;
    let mut invoked = (0..).zip(all).filter(|(at, _)| counts[*at as usize]);
    invoked.all(|(at, transaction)| {
        while let Some(done) =
            completions.next_if(|&done| all[done as usize].completed < transaction.invoked)
        {
            latest = latest.max(Some(places[done as usize]));
        }
        latest < Some(places[at as usize])
    })
}

/// The place of each transaction in a serial order that agrees with all edges, if
/// there is one.
pub(crate) fn ranks(graph: &Graph) -> Option<Vec<u32>> {
    topological_ranks(&Filtered { graph, kinds: ALL })
}

/// The place of each transaction in an order in which what it overwrote comes earlier, and
/// what it saw if that can be, too: it may have missed what comes earlier.
pub(crate) fn write_ranks(graph: &Graph) -> Option<Vec<u32>> {
    let ranks = |kinds| topological_ranks(&Filtered { graph, kinds });
    ranks(WITHOUT_RW).or_else(|| ranks(OF_WRITES))
}

/// The place of each transaction's commit in an order of starts and commits, as a
/// snapshot isolation has it, that agrees with all edges, if there is one.
pub(crate) fn commit_ranks(graph: &Graph) -> Option<Vec<u32>> {
    let ranks = topological_ranks(&Points { graph, kinds: ALL })?;
    let commits = ranks.iter().skip(1).step_by(2).copied();
    Some(commits.take(graph.transactions() as usize).collect())
}
