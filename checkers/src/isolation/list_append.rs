//! Lists that only grow: every read shows the whole history of its key, so the order
//! of versions is seen, not guessed (Kingsbury and Alvaro, "Elle", VLDB 2020).
//!
//! The version order of a key is the longest list that was read of it; what committed
//! and was in no list comes behind it. Of these, several on one key have an order that
//! nobody saw: see [`Data::is_known`]. Infers in O(micro-operations + elements read).

mod direct;
mod every;
mod implied;
mod misfit;
mod observed;
mod reasons;
mod sessions;
mod updates;

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::data::{Data, Decision, Execution, NotFound, Reason, Serial, certain_graph};
use super::findings::Findings;
use super::graph::{Graph, GraphBuilder, Kind, Step};
use super::levels::Level;
use super::order;
use super::phenomena::Order;
use super::transactions::{Action, Operation, Status, Transaction, Transactions};
use super::writes::Writes;
use crate::budget::Stop;
use crate::intern::NONE;
pub(crate) use misfit::Misfit;

/// What is known of a key's versions.
#[derive(Debug, Default, Clone)]
struct Chain {
    /// The transaction that appended each element of the longest list; [`NONE`] where it
    /// does not count: it aborted, there is none, or the element stands there a second time.
    writers: Vec<u32>,
    /// Transactions that count and appended what no list shows, ascending.
    unseen: Vec<u32>,
    /// Whether a list was read that is no beginning of the longest: then what order the
    /// versions are in is anyone's guess.
    contested: bool,
    /// The first position whose element nobody appended, or one that aborted; else the
    /// list's length.
    wrong_from: u32,
}

impl Chain {
    /// The last of the first `length` elements that count and are not the reader's own: its
    /// writer.
    fn last_before(&self, length: u32, reader: u32) -> Option<u32> {
        let seen = self.writers[..length as usize].iter().rev().copied();
        let mut others = seen.filter(|&writer| writer != NONE && writer != reader);
        others.next()
    }

    /// The writer of the first element from that position on that counts.
    fn first_from(&self, length: u32) -> Option<u32> {
        let rest = &self.writers[length as usize..];
        rest.iter().copied().find(|&writer| writer != NONE)
    }
}

/// A transaction of more micro-operations is long.
const LONG: usize = 64;
/// Keys or transactions that one thread looks at, at least.
const TOGETHER: usize = 1_024;

/// Transactions on lists.
#[derive(Debug)]
pub(crate) struct Lists<'a> {
    transactions: &'a Transactions,
    appends: Writes,
    /// By append, its position in its key's longest list, or [`NONE`].
    positions: Vec<u32>,
    chains: Vec<Chain>,
    counts: Vec<bool>,
    findings: Findings,
    /// Keys of which several appended what no list shows, and the one of these that had read
    /// the list: an update that was lost, unless it came first.
    first: Vec<(u32, u32)>,
    stop: Stop,
}

impl<'a> Lists<'a> {
    /// Infers what the reads tell.
    ///
    /// # Errors
    /// Micro-operations on something else than lists; an element that is appended to a
    /// key twice.
    pub(crate) fn new(transactions: &'a Transactions, stop: &Stop) -> Result<Self, Misfit> {
        if let Some(misfit) = Misfit::of_kind(transactions) {
            return Err(misfit);
        }
        let appends = Writes::new(transactions)
            .map_err(|twice| Misfit::AppendedTwice(twice.told(transactions)))?;
        let committed = |transaction: &Transaction| transaction.status == Status::Committed;
        let mut lists = Lists {
            transactions,
            positions: vec![NONE; appends.len() as usize],
            appends,
            chains: Vec::new(),
            counts: transactions.all().iter().map(committed).collect(),
            findings: Findings::default(),
            first: Vec::new(),
            stop: stop.clone(),
        };
        lists.chain();
        let mut findings = lists.find();
        lists.first = lists.find_lost_updates(&mut findings);
        lists.findings = findings;
        Ok(lists)
    }

    /// Orders the versions of every key, and says who counts: only what committed reads,
    /// so what is in a list was seen by one that counts.
    fn chain(&mut self) {
        let transactions = self.transactions;
        let append = |key, value| self.appends.find(key, value).unwrap_or(NONE);
        let keys = (0..transactions.keys()).into_par_iter();
        // By key, the appends that made its longest list.
        let longest: Vec<Vec<u32>> = keys
            .with_min_len(TOGETHER)
            .map(|key| {
                let elements = transactions.longest(key).iter();
                elements.map(|&value| append(key, value)).collect()
            })
            .collect();
        let mut contested = vec![false; longest.len()];
        let counts = &mut self.counts;
        let mut is_seen = |append: u32| {
            let writer = self.appends.writer(append);
            let is_unknown = || transactions.all()[writer as usize].status == Status::Unknown;
            if !counts[writer as usize] && is_unknown() {
                counts[writer as usize] = true;
            }
        };
        for appends in &longest {
            for (position, &append) in (0..).zip(appends) {
                if append == NONE {
                    continue;
                }
                let known = &mut self.positions[append as usize];
                *known = position.min(*known);
                is_seen(append);
            }
        }
        for operation in transactions.odd_reads() {
            contested[operation.key as usize] = true;
            let values = transactions.list(operation).unwrap_or_default().iter();
            values
                .filter_map(|&value| self.appends.find(operation.key, value))
                .for_each(&mut is_seen);
        }
        let chains = (longest, contested).into_par_iter().enumerate();
        self.chains = chains
            .with_min_len(TOGETHER)
            .map(|(key, (appends, contested))| self.chain_of(key as u32, appends, contested))
            .collect();
    }

    /// What is known of the key whose longest list those appends made.
    fn chain_of(&self, key: u32, mut appends: Vec<u32>, contested: bool) -> Chain {
        let writer = |append: u32| {
            let writer = self.appends.writer(append);
            self.counts[writer as usize].then_some(writer)
        };
        let unseen = self.appends.of_key(key);
        let unseen = unseen.filter(|&append| self.positions[append as usize] == NONE);
        let mut unseen: Vec<u32> = unseen.filter_map(writer).collect();
        unseen.sort_unstable();
        unseen.dedup();
        let mut wrong_from = appends.len();
        let places = 0..appends.len() as u32;
        for (place, append) in places.zip(&mut appends) {
            let number = *append;
            let counts = (number != NONE).then(|| writer(number)).flatten();
            if counts.is_none() {
                wrong_from = wrong_from.min(place as usize);
            }
            let is_first = number != NONE && self.positions[number as usize] == place;
            *append = counts.filter(|_| is_first).unwrap_or(NONE);
        }
        let writers = appends;
        Chain {
            wrong_from: wrong_from as u32,
            writers,
            unseen,
            contested,
        }
    }

    /// Where in the key's longest list the value stands, or [`NONE`].
    fn position(&self, key: u32, value: u32) -> u32 {
        let append = self.appends.find(key, value);
        append.map_or(NONE, |append| self.positions[append as usize])
    }

    /// The transactions that count.
    fn counting(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.transactions.len() as u32).filter(|&at| self.counts[at as usize])
    }

    /// What a transaction saw of others: its reads of beginnings of the longest list, and of
    /// those behind own appends less what they end with of its own. Each by its place in the
    /// transaction, its key, and how many elements it saw up to there.
    fn seen(&self, transaction: u32) -> impl Iterator<Item = (usize, u32, u32)> + Clone + '_ {
        let reads = self.reads(transaction);
        reads.map(|(read, _)| read)
    }

    /// Those of [`Lists::seen`] that make edges. Lists that end with the own appends so far
    /// make none: there are ww edges beside them.
    fn external(&self, transaction: u32) -> impl Iterator<Item = (usize, u32, u32)> + Clone + '_ {
        let reads = self.reads(transaction);
        reads.filter_map(|(read, is_external)| is_external.then_some(read))
    }

    /// [`Lists::seen`], and whether it makes edges. O(n), and own elements in what was read.
    fn reads(
        &self,
        transaction: u32,
    ) -> impl Iterator<Item = ((usize, u32, u32), bool)> + Clone + '_ {
        // Most append little before they read: going back over it takes no memory. What was
        // appended by one that is long is kept instead.
        let operations = self.transactions.operations(transaction);
        let is_long = operations.len() > LONG;
        let appends = !is_long && self.appends_something(transaction);
        let before = operations.clone();
        let mut kept: HashMap<u32, Vec<u32>, FixedState> = HashMap::default();
        let appended = |Operation { key, action }: Operation| match action {
            Action::Append(value) => Some((key, value)),
            _ => None,
        };
        operations.enumerate().filter_map(move |(at, operation)| {
            let length = match operation.action {
                Action::ReadNil => 0,
                Action::ReadPrefix(length) => length,
                Action::Append(value) if is_long => {
                    kept.entry(operation.key).or_default().push(value);
                    return None;
                }
                _ => return None,
            };
            let near = before.clone().take(if appends { at } else { 0 });
            let of_key = |&(key, _): &(u32, u32)| key == operation.key;
            let near = near.rev().filter_map(appended).filter(of_key);
            let kept = kept.get(&operation.key).map_or(&[][..], Vec::as_slice);
            let own = near.map(|(_, value)| value);
            let mut own = own.chain(kept.iter().rev().copied()).peekable();
            let key = operation.key;
            if own.peek().is_none() {
                return Some(((at, key, length), true));
            }
            let list = &self.transactions.longest(key)[..length as usize];
            let others = own.try_fold(list, |left, value| left.strip_suffix(&[value]));
            // What it ends with may have stood there before.
            let writers = &self.chains[key as usize].writers;
            let others = others.filter(|others| writers.get(others.len()) == Some(&transaction));
            Some(match others {
                Some(others) => ((at, key, others.len() as u32), false),
                None => ((at, key, self.of_others(transaction, key, length)), true),
            })
        })
    }

    /// How many of the first elements of the longest list there are up to the last that is
    /// not the transaction's own.
    fn of_others(&self, transaction: u32, key: u32, length: u32) -> u32 {
        let list = &self.transactions.longest(key)[..length as usize];
        let is_own = |&value: &u32| {
            let append = self.appends.find(key, value);
            append.is_some_and(|append| self.appends.writer(append) == transaction)
        };
        let last = list.iter().rposition(|value| !is_own(value));
        last.map_or(0, |last| last as u32 + 1)
    }

    /// Whether it appends at all: those that read very many keys do not.
    fn appends_something(&self, transaction: u32) -> bool {
        let mut operations = self.transactions.operations(transaction);
        operations.any(|operation| matches!(operation.action, Action::Append(_)))
    }

    /// The keys that a transaction appended to, ascending, and the positions of its first and
    /// last element there; what no list shows stands at the end, at the list's length.
    fn appended(&self, transaction: u32) -> Vec<(u32, u32, u32)> {
        let mut appended: Vec<(u32, u32, u32)> = Vec::new();
        for Operation { key, action } in self.transactions.operations(transaction) {
            let Action::Append(value) = action else {
                continue;
            };
            let end = self.chains[key as usize].writers.len() as u32;
            let position = self.position(key, value).min(end);
            appended.push((key, position, position));
        }
        appended.sort_unstable();
        appended.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.2 = next.2.max(kept.2);
            }
            same
        });
        appended
    }
}

/// The order of appends that no list shows, of the keys that have several: by key.
pub(crate) type UnseenOrders = HashMap<u32, Vec<u32>, FixedState>;

impl Data for Lists<'_> {
    type Orders = UnseenOrders;
    const INFERS_BY_ORDER: bool = false;

    fn counts(&self, transaction: u32) -> bool {
        self.counts[transaction as usize]
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn stop(&self) -> &Stop {
        &self.stop
    }

    fn edges(&self, _: Order, _: bool, graph: &mut GraphBuilder) {
        self.add_edges(None, graph);
    }

    fn implied(&self, among: &[u32]) -> Vec<Step> {
        self.implied_among(among)
    }

    fn is_known(&self) -> bool {
        let is_known = |chain: &Chain| chain.unseen.len() < 2 && !chain.contested;
        self.chains.iter().all(is_known)
    }

    fn serial(&self) -> Option<Serial<UnseenOrders>> {
        if self.contested().is_some() {
            return None;
        }
        let mut places = order::ranks(&self.graph(Order::Realtime))?;
        // Helpers have places too.
        places.truncate(self.transactions.len());
        Some(Serial {
            orders: self.unseen_by(&places),
            places: Arc::new(places),
        })
    }

    fn orders(&self, execution: Execution, order: Order) -> Result<UnseenOrders, NotFound> {
        if let Some(why) = self.contested() {
            return Err(NotFound {
                why,
                is_certain: false,
            });
        }
        let graph = self.graph(order);
        let ranks = match execution {
            Execution::Snapshot => order::commit_ranks(&graph),
            Execution::Serial => order::ranks(&graph),
            Execution::Any => order::write_ranks(&graph),
        };
        let Some(ranks) = ranks else {
            // Unreachable for a level that is open: the cycle would have been found.
            return Err(NotFound {
                why: "the order of appends that no list shows is not known".to_owned(),
                is_certain: false,
            });
        };
        Ok(self.unseen_by(&ranks))
    }

    fn every_order(&self) -> Option<Vec<UnseenOrders>> {
        if self.contested().is_some() {
            return None;
        }
        every::orders(&self.chains, self.transactions.len())
    }

    fn edges_of(&self, orders: &UnseenOrders, graph: &mut GraphBuilder) {
        self.add_edges(Some(orders), graph);
    }

    fn decide(&self, level: Level) -> Decision {
        let decision = match level {
            _ if self.stop.now() => Decision::Open("time was up".to_owned()),
            Level::MonotonicAtomicView | Level::ReadAtomic => self.decide_atomic(level),
            Level::CausalCerone => self.decide_causal(Order::Free),
            Level::Causal => self.decide_causal(Order::Process),
            Level::ReadYourWrites
            | Level::MonotonicReads
            | Level::MonotonicWrites
            | Level::WritesFollowReads => self.decide_session(level),
            Level::CursorStability => self.decide_cursor(),
            // Levels that are about cycles are told by those, and by orders of what nobody saw.
            _ => Decision::Open("appends whose order nobody saw leave it open".to_owned()),
        };
        match (decision, self.contested()) {
            (Decision::Holds, Some(why)) => Decision::Open(why),
            // What was searched meanwhile was not searched to the end.
            (Decision::Holds, None) if self.stop.now() => Decision::Open("time was up".to_owned()),
            (decision, _) => decision,
        }
    }

    fn reason(&self, step: Step) -> Option<Reason> {
        self.reason_of(step)
    }
}

impl Lists<'_> {
    /// Why nothing can be said to hold, if there is no order of versions.
    fn contested(&self) -> Option<String> {
        let key = self.chains.iter().position(|chain| chain.contested)? as u32;
        Some(format!(
            "lists of key {} were read that contradict each other",
            self.transactions.key(key)
        ))
    }

    /// All that is certain, and the order.
    fn graph(&self, order: Order) -> Graph {
        certain_graph(self.transactions, self, &self.counts, order, true)
    }

    /// What no list shows, by the places of who appended it.
    fn unseen_by(&self, places: &[u32]) -> UnseenOrders {
        let several = self.chains.iter().enumerate();
        let several = several.filter(|(_, chain)| chain.unseen.len() > 1);
        several
            .map(|(key, chain)| {
                let mut unseen = chain.unseen.clone();
                unseen.sort_by_key(|&at| places[at as usize]);
                (key as u32, unseen)
            })
            .collect()
    }

    fn add_edges(&self, orders: Option<&UnseenOrders>, graph: &mut GraphBuilder) {
        // The vertices through which one goes to what no list shows of a key: from
        // versions, and from reads.
        let mut ways: HashMap<(u32, Kind), Way, FixedState> = HashMap::default();
        for (key, chain) in (0..).zip(&self.chains) {
            if chain.contested {
                continue;
            }
            let mut last = NONE;
            for &writer in chain.writers.iter().filter(|&&writer| writer != NONE) {
                if last != NONE {
                    graph.edge(last, writer, Kind::Ww);
                }
                last = writer;
            }
            let known = orders.and_then(|orders| orders.get(&key));
            for pair in known.into_iter().flat_map(|order| order.windows(2)) {
                graph.edge(pair[0], pair[1], Kind::Ww);
            }
            if last != NONE {
                self.to_unseen(key, last, Kind::Ww, orders, &mut ways, graph);
            }
        }
        for reader in self.counting() {
            for (_, key, length) in self.external(reader) {
                let chain = &self.chains[key as usize];
                if chain.contested {
                    continue;
                }
                if let Some(writer) = chain.last_before(length, reader) {
                    graph.edge(writer, reader, Kind::Wr);
                }
                match chain.first_from(length) {
                    Some(writer) => graph.edge(reader, writer, Kind::Rw),
                    None => self.to_unseen(key, reader, Kind::Rw, orders, &mut ways, graph),
                }
            }
        }
    }

    /// Adds edges of the kind to all that no list shows of the key, other than to
    /// itself.
    fn to_unseen(
        &self,
        key: u32,
        from: u32,
        kind: Kind,
        orders: Option<&UnseenOrders>,
        ways: &mut HashMap<(u32, Kind), Way, FixedState>,
        graph: &mut GraphBuilder,
    ) {
        let unseen = &self.chains[key as usize].unseen;
        if unseen.is_empty() {
            return;
        }
        if let Some(order) = orders.and_then(|orders| orders.get(&key)) {
            // The first, and what comes behind it by ww; the second if the first is itself.
            for &to in &order[..2] {
                graph.edge(from, to, kind);
            }
            return;
        }
        if unseen.len() <= DIRECT_MAX {
            for &to in unseen {
                graph.edge(from, to, kind);
            }
            return;
        }
        let way = ways
            .entry((key, kind))
            .or_insert_with(|| Way::new(unseen, graph));
        way.from(from, unseen, kind, graph);
    }
}

/// As many targets as that have an edge each.
const DIRECT_MAX: usize = 4;

/// Helpers by which one vertex reaches all of a list but itself: `up[i]` leads to the
/// items from the i-th on, `down[i]` to those up to it.
#[derive(Debug)]
struct Way {
    up: Vec<u32>,
    down: Vec<u32>,
}

impl Way {
    fn new(items: &[u32], graph: &mut GraphBuilder) -> Self {
        let way = Way {
            up: items.iter().map(|_| graph.helper()).collect(),
            down: items.iter().map(|_| graph.helper()).collect(),
        };
        for (at, &item) in items.iter().enumerate() {
            graph.edge(way.up[at], item, Kind::Through);
            graph.edge(way.down[at], item, Kind::Through);
            if at > 0 {
                graph.edge(way.up[at - 1], way.up[at], Kind::Through);
                graph.edge(way.down[at], way.down[at - 1], Kind::Through);
            }
        }
        way
    }

    fn from(&self, from: u32, items: &[u32], kind: Kind, graph: &mut GraphBuilder) {
        let (before, after) = match items.binary_search(&from) {
            Ok(at) => (at.checked_sub(1), at + 1),
            Err(_) => (None, 0),
        };
        if let Some(before) = before {
            graph.edge(from, self.down[before], kind);
        }
        if let Some(&after) = self.up.get(after) {
            graph.edge(from, after, kind);
        }
    }
}
