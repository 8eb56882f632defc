//! What the checker wants to know of a kind of data, whichever it is: the port
//! between lists or registers on one side and levels and cycles on the other.

use std::sync::Arc;

use super::findings::Findings;
use super::graph::{Graph, GraphBuilder, Step};
use super::levels::Level;
use super::order;
use super::phenomena::Order;
use super::transactions::Transactions;
use crate::budget::Stop;

/// Which executions a proof may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Execution {
    /// One transaction after the other.
    Serial,
    /// Each on a snapshot; of two that write the same key one sees the other.
    Snapshot,
    /// Whatever explains the reads.
    Any,
}

impl Execution {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Execution::Serial => "serial",
            Execution::Snapshot => "snapshot",
            Execution::Any => "free",
        }
    }
}

/// No order of versions was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound {
    /// Why, in words that can stand behind a colon.
    pub(crate) why: String,
    /// Whether there certainly is none: all were tried.
    pub(crate) is_certain: bool,
}

/// What is known of one level.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It holds.
    Holds,
    /// It does not; what was found is among what it forbids.
    Violated(Findings),
    /// It does not: there is no order of versions with which it would, and why.
    NoOrder(String),
    /// It could not be decided, and why.
    Open(String),
}

/// Why an edge is one, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The key.
    pub(crate) key: u32,
    /// A sentence with the transactions' names in it: `T3 read [1 2] of key 7, and did
    /// not see T9's append of 3`.
    pub(crate) sentence: String,
}

/// An execution of one transaction after the other.
#[derive(Debug)]
pub(crate) struct Serial<O> {
    /// The place of each transaction that counts; of others it says nothing.
    pub(crate) places: Arc<Vec<u32>>,
    /// The order of versions that it makes.
    pub(crate) orders: O,
}

/// Transactions on one kind of data, with what their reads tell.
///
/// Versions are ordered by what was read. Where that leaves more than one order,
/// [`Data::edges`] are those that all of them have, so that a cycle of them is a
/// violation; that there is none shows nothing, unless the order [`Data::is_known`]. Then a
/// level holds if there is an order with which it does, and [`Data::orders`] looks for one.
pub(crate) trait Data: Sync {
    /// An order of the versions of every key, whole.
    type Orders: Send + Sync;

    /// Whether [`Data::edges`] depend on the order that they are asked with.
    const INFERS_BY_ORDER: bool;

    /// Whether the transaction counts as committed: it did, or one that counts saw what
    /// it wrote. The others are no vertices.
    fn counts(&self, transaction: u32) -> bool;

    /// What is wrong besides cycles: of versions and reads, and `lost-update` where it
    /// shows whatever the order of versions is.
    fn findings(&self) -> &Findings;

    /// Adds ww, wr and rw edges that every order of versions has which agrees with the
    /// reads and, as far as `order` says, with the order of processes or of real time. If no
    /// cycle with a rw edge is of use, those may be left out that only such cycles have.
    fn edges(&self, order: Order, with_rw: bool, graph: &mut GraphBuilder);

    /// Edges of those transactions, ascending, that are certain and that [`Data::edges`] leaves
    /// to paths: from a version to those behind the next. Not all of them.
    fn implied(&self, _among: &[u32]) -> Vec<Step> {
        Vec::new()
    }

    /// Whether those are all ww, wr and rw edges that there are.
    fn is_known(&self) -> bool;

    /// A serial execution that agrees with the reads and with real time, if one is easy to
    /// find: most histories are of databases that did it right. Nobody believes it unseen.
    fn serial(&self) -> Option<Serial<Self::Orders>>;

    /// Looks for an order of versions that such an execution has, which respects `order`.
    ///
    /// # Errors
    /// None was found.
    fn orders(&self, execution: Execution, order: Order) -> Result<Self::Orders, NotFound>;

    /// Every order of the versions that agrees with the reads, if they are so few that each can
    /// be looked at; else none.
    fn every_order(&self) -> Option<Vec<Self::Orders>> {
        None
    }

    /// Adds the ww, wr and rw edges that there are with that order of versions: all of
    /// them, or as many as have the same paths with the same kinds.
    fn edges_of(&self, orders: &Self::Orders, graph: &mut GraphBuilder);

    /// Decides a level of those that are not defined by cycles alone: monotonic-atomic-view,
    /// read-atomic, causal-cerone, causal, cursor-stability, and the session guarantees.
    fn decide(&self, level: Level) -> Decision;

    /// Asked now and then; once it is true, what is undecided stays open.
    fn stop(&self) -> &Stop;

    /// Why a ww, wr or rw step of a cycle is one.
    fn reason(&self, step: Step) -> Option<Reason>;
}

/// The graph with all edges that are certain: see [`Data::edges`].
pub(crate) fn certain_graph(
    transactions: &Transactions,
    data: &impl Data,
    counts: &[bool],
    order: Order,
    with_rw: bool,
) -> Graph {
    let mut graph = GraphBuilder::new(transactions.len() as u32);
    data.edges(order, with_rw, &mut graph);
    order::edges(transactions, counts, order, &mut graph);
    graph.build()
}

/// The graph with those edges that an order of versions has.
pub(crate) fn graph_of<D: Data>(
    transactions: &Transactions,
    data: &D,
    counts: &[bool],
    order: Order,
    orders: &D::Orders,
) -> Graph {
    let mut graph = GraphBuilder::new(transactions.len() as u32);
    data.edges_of(orders, &mut graph);
    order::edges(transactions, counts, order, &mut graph);
    graph.build()
}
