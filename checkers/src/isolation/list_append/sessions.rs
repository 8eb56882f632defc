//! The session guarantees of Terry et al. (1994), each alone: what a process is owed of
//! its own reads and writes.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::Lists;
use super::observed::decision;
use crate::intern::NONE;
use crate::isolation::cycles::shortest_cycles;
use crate::isolation::data::{Data, Decision};
use crate::isolation::explain;
use crate::isolation::findings::{Finding, Findings};
use crate::isolation::graph::{GraphBuilder, Kind, Kinds, Step};
use crate::isolation::levels::Level;
use crate::isolation::order;
use crate::isolation::phenomena::{Order, Phenomenon};
use crate::isolation::transactions::{Action, Operation, Status};
use crate::isolation::words::{self, listed};

/// The furthest that a process got in a key: how many elements, and by whom that shows.
type Furthest = HashMap<(u32, u32), (u32, u32), FixedState>;

impl Lists<'_> {
    /// Decides one of the four. O(n log n).
    pub(super) fn decide_session(&self, level: Level) -> Decision {
        match level {
            Level::ReadYourWrites => self.decide_monotonic(Phenomenon::MissingYourWrites),
            Level::MonotonicReads => self.decide_monotonic(Phenomenon::NonMonotonicReads),
            Level::MonotonicWrites => self.decide_writes(),
            _ => self.decide_follow(),
        }
    }

    /// Whether a process read less of a key than it had written, or read, before.
    fn decide_monotonic(&self, phenomenon: Phenomenon) -> Decision {
        let transactions = self.transactions;
        let mut findings = Findings::default();
        let mut furthest = Furthest::default();
        for at in self.counting() {
            let transaction = &transactions.all()[at as usize];
            let process = transaction.process;
            for (_, key, length) in self.seen(at) {
                if self.chains[key as usize].contested {
                    continue;
                }
                let Some(&(owed, by)) = furthest.get(&(process, key)) else {
                    continue;
                };
                if length >= owed {
                    continue;
                }
                findings.add(phenomenon, || {
                    let list = &transactions.longest(key)[..length as usize];
                    let before = match phenomenon {
                        Phenomenon::MissingYourWrites => "had appended to it",
                        _ => "had read more of it",
                    };
                    Finding {
                        key: Some(key),
                        explanation: format!(
                            "{} read {} of key {}, although {} of the same process {before} before",
                            words::transaction(transactions, at),
                            listed(transactions, list, NONE),
                            transactions.key(key),
                            words::transaction(transactions, by),
                        ),
                        transactions: vec![by, at],
                        steps: Vec::new(),
                    }
                });
            }
            if transaction.status != Status::Committed {
                continue;
            }
            let mut owe = |key: u32, length: u32| {
                let so_far = furthest.entry((process, key)).or_insert((0, at));
                if length > so_far.0 {
                    *so_far = (length, at);
                }
            };
            match phenomenon {
                Phenomenon::MissingYourWrites => {
                    // What no list shows is owed all the same: then no read has it.
                    for (key, _, last) in self.appended(at) {
                        owe(key, last + 1);
                    }
                }
                _ => {
                    for (_, key, length) in self.seen(at) {
                        owe(key, length);
                    }
                }
            }
        }
        decision(findings)
    }

    /// monotonic-writes: whether what processes wrote was installed in their order.
    fn decide_writes(&self) -> Decision {
        let mut graph = GraphBuilder::new(self.transactions.len() as u32);
        self.edges(Order::Process, true, &mut graph);
        order::edges(self.transactions, &self.counts, Order::Process, &mut graph);
        let kinds = Kinds::of(&[Kind::Ww, Kind::Process]);
        self.cycles_of(graph, kinds, Kind::Ww, Phenomenon::NonMonotonicWrites)
    }

    /// writes-follow-reads: whether what a process wrote was installed after what it had
    /// read before. Each transaction has a second vertex, for what its process saw so far:
    /// who is seen leads there, and it leads to the process's next.
    fn decide_follow(&self) -> Decision {
        let transactions = self.transactions;
        let count = transactions.len() as u32;
        let mut plain = GraphBuilder::new(count);
        self.edges(Order::Process, true, &mut plain);
        order::edges(transactions, &self.counts, Order::Process, &mut plain);
        let plain = plain.build();
        let mut graph = GraphBuilder::new(count * 2);
        let helpers: Vec<u32> = (count..plain.vertices()).map(|_| graph.helper()).collect();
        let vertex = |at: u32| match at.checked_sub(count) {
            Some(helper) => helpers[helper as usize],
            None => at,
        };
        let appends: Vec<Option<usize>> = (0..count).map(|at| self.last_append(at)).collect();
        for from in 0..plain.vertices() {
            for edge in plain.edges(from) {
                match edge.kind {
                    Kind::Ww | Kind::Through => {
                        graph.edge(vertex(from), vertex(edge.to), edge.kind);
                    }
                    Kind::Process => {
                        graph.edge(count + from, count + edge.to, Kind::Process);
                        if appends[edge.to as usize].is_some() {
                            graph.edge(count + from, edge.to, Kind::Process);
                        }
                    }
                    Kind::Wr | Kind::Rw | Kind::Realtime => {}
                }
            }
        }
        for at in self.counting() {
            for (place, key, length) in self.seen(at) {
                let Some(writer) = self.chains[key as usize].last_before(length, at) else {
                    continue;
                };
                graph.edge(writer, count + at, Kind::Wr);
                if appends[at as usize].is_some_and(|last| last > place) {
                    graph.edge(writer, at, Kind::Wr);
                }
            }
        }
        let kinds = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Process]);
        self.cycles_of(
            graph,
            kinds,
            Kind::Wr,
            Phenomenon::MissingReadWriteDependency,
        )
    }

    /// The place of a transaction's last append.
    fn last_append(&self, at: u32) -> Option<usize> {
        let operations = self.transactions.operations(at);
        let is_append = |operation: Operation| matches!(operation.action, Action::Append(_));
        operations.map(is_append).rposition(|is| is)
    }

    fn cycles_of(
        &self,
        graph: GraphBuilder,
        kinds: Kinds,
        first: Kind,
        phenomenon: Phenomenon,
    ) -> Decision {
        let count = self.transactions.len() as u32;
        let mut findings = Findings::default();
        for cycle in shortest_cycles(&graph.build(), kinds, first, &self.stop) {
            // What a process saw so far is its transaction's.
            let cycle: Vec<Step> = cycle
                .into_iter()
                .map(|step| Step {
                    from: step.from % count,
                    to: step.to % count,
                    kind: step.kind,
                })
                .filter(|step| step.from != step.to)
                .collect();
            findings.add(phenomenon, || {
                explain::cycle(self.transactions, self, &cycle)
            });
        }
        decision(findings)
    }
}
