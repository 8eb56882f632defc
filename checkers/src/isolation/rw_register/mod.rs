//! Transactions on registers: what can be told of version orders that nobody saw.
//!
//! Values are unique, so a read tells who wrote what it saw; that is all it tells. Which of two
//! versions came first follows from who read before they wrote, from what was read after
//! what, and from the order of sessions or of real time where a level has one; the
//! rest is existentially quantified, and searched for.
//!
//! ```text
//! facts ─► direct      what is wrong with single reads
//!      ├─► keys ─► assumed   what options have one assume
//!      ├─► past, atomic ─► refine ─┬─► inferred ─► edges   what every order has
//!      │                           └─► decide ◄─ guarantees   levels
//!      └─► state ─► schedule ◄─ entangled   executions
//! ```

mod assumed;
mod atomic;
mod chains;
mod decide;
mod direct;
mod edges;
mod entangled;
mod facts;
mod guarantees;
mod inferred;
mod keys;
mod linked;
mod lists;
mod misfit;
mod must;
mod past;
mod reasons;
mod refine;
mod schedule;
mod sort;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use super::data::{Data, Decision, Execution, NotFound, Reason, Serial};
use super::digraph::Filtered;
use super::findings::Findings;
use super::graph::{GraphBuilder, Kind, Kinds, Step};
use super::levels::Level;
use super::options::IsolationOptions;
use super::phenomena::{Order, Phenomenon};
use super::transactions::Transactions;
use crate::budget::{Budget, Stop};
use entangled::entangled;
use facts::Facts;
use inferred::{Inferred, infer};
pub(crate) use misfit::Misfit;
use must::Must;
use schedule::{Frontier, Wanted, schedule};

/// Steps of the search for what is easy to find: of all, and for each transaction.
const EASY_STEPS: [u64; 2] = [100_000, 100];

/// The same where much was inferred: what is not found with so many seldom is with more.
const SEARCH_STEPS: [u64; 2] = [20_000_000, 100];

const ORDERS: [Order; 3] = [Order::Free, Order::Process, Order::Realtime];

/// An order of versions: of each key in the order of the places of their writers.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<Vec<u32>>);

/// Transactions on registers.
#[derive(Debug)]
pub(crate) struct Registers<'a> {
    facts: Facts<'a>,
    findings: Findings,
    assumed: Vec<Must>,
    budget: Budget,
    /// A strictly serial execution that was easy to find, once it was looked for.
    easy: OnceLock<Option<Places>>,
    /// By order, once they are asked for.
    inferred: [OnceLock<Inferred>; 3],
    /// By execution and order, likewise.
    executions: [OnceLock<Result<Places, NotFound>>; 6],
    /// By number, likewise.
    but_for_entangled: [OnceLock<Option<Vec<u32>>>; 2],
}

impl<'a> Registers<'a> {
    /// Reads all transactions; O(n log n).
    ///
    /// # Errors
    /// They are none on registers, or which write a read saw cannot be told.
    pub(crate) fn new(
        transactions: &'a Transactions,
        options: &IsolationOptions,
    ) -> Result<Self, Misfit> {
        let (facts, mut findings) = direct::read(transactions)?;
        let assumed = assumed::assume(&facts, options, &mut findings);
        Ok(Registers {
            facts,
            findings,
            assumed,
            budget: Budget {
                steps_max: options.steps_max,
                bytes_max: usize::MAX,
                stop: options.stop.clone(),
            },
            easy: OnceLock::new(),
            inferred: Default::default(),
            executions: Default::default(),
            but_for_entangled: Default::default(),
        })
    }

    /// Most histories are of databases that did it right, and then there is nothing to
    /// infer: a search with what real time tells of each key finds the execution.
    fn easy(&self) -> Option<&Places> {
        let search = || {
            let facts = &self.facts;
            let mut musts = inferred::replacements(facts);
            musts.extend(keys::by_realtime(facts, |_| true));
            musts.extend_from_slice(&self.assumed);
            musts.sort_unstable();
            musts.dedup_by_key(|must| (must.before, must.after));
            let likely = sort::by_end_of(facts);
            let wanted = Wanted {
                execution: Execution::Serial,
                order: Order::Realtime,
                frontier: Frontier::All,
                musts: &musts,
                likely: &likely,
                budget: &self.budget_of(EASY_STEPS),
            };
            let found = schedule(facts, &wanted).ok();
            found.map(|places| Places(Arc::new(places)))
        };
        self.easy.get_or_init(search).as_ref()
    }

    /// An execution of all transactions, but that those who are entangled with each other may
    /// have read anything: where they are few, what is wrong with them leaves the order of all
    /// other writes as it would be without them. There are two of them.
    fn but_for_entangled(&self, number: usize) -> Option<&[u32]> {
        let (order, frontier) = match number {
            0 => (Order::Realtime, Frontier::All),
            1 => (Order::Free, Frontier::Writers),
            _ => return None,
        };
        let search = || {
            let musts = &self.inferred(order).musts;
            let facts = self
                .facts
                .without_reads_of(&entangled(&self.facts, musts, order));
            let writes = |at: u32| order == Order::Realtime || !facts.installs(at).is_empty();
            let mut musts = inferred::replacements(&facts);
            musts.extend(keys::by_realtime(&facts, writes));
            musts.extend_from_slice(&self.assumed);
            musts.retain(|must| !facts.is_initial(must.after));
            musts.sort_unstable();
            musts.dedup_by_key(|must| (must.before, must.after));
            let wanted = Wanted {
                execution: Execution::Serial,
                order,
                frontier,
                musts: &musts,
                likely: &sort::by_end_of(&facts),
                budget: &self.budget_of(EASY_STEPS),
            };
            schedule(&facts, &wanted).ok()
        };
        self.but_for_entangled[number]
            .get_or_init(search)
            .as_deref()
    }

    /// So many steps of all, and for each transaction.
    fn budget_of(&self, [all, each]: [u64; 2]) -> Budget {
        let steps = each * u64::from(self.facts.len()) + all;
        Budget {
            steps_max: self.budget.steps_max.min(steps),
            ..self.budget.clone()
        }
    }

    fn inferred(&self, order: Order) -> &Inferred {
        self.inferred[order as usize]
            .get_or_init(|| infer(&self.facts, &self.assumed, order, &self.budget))
    }

    fn cell(&self, execution: Execution, order: Order) -> &OnceLock<Result<Places, NotFound>> {
        let row = usize::from(execution == Execution::Snapshot);
        &self.executions[3 * row + order as usize]
    }

    /// What was found already of executions that are such ones too.
    fn found_before(&self, execution: Execution, order: Order) -> Option<Places> {
        if let Some(easy) = self.easy() {
            return Some(easy.clone());
        }
        let executions = match execution {
            Execution::Snapshot => &[Execution::Serial, Execution::Snapshot][..],
            _ => &[Execution::Serial],
        };
        let stricter = ORDERS.into_iter().filter(|&stricter| stricter >= order);
        let mut all = stricter.flat_map(|order| executions.iter().map(move |&e| (e, order)));
        all.find_map(|(execution, order)| {
            let found = self.cell(execution, order).get()?;
            found.as_ref().ok().cloned()
        })
    }

    fn search(&self, execution: Execution, order: Order) -> Result<Places, NotFound> {
        if let Some(places) = self.found_before(execution, order) {
            return Ok(places);
        }
        let inferred = self.inferred(order);
        if let Some(why) = &inferred.contradiction {
            return Err(NotFound {
                why: why.clone(),
                is_certain: true,
            });
        }
        // Who read comes before who overwrote, too.
        let mut likely = None;
        if execution == Execution::Serial {
            likely = Some(self.sorted(&inferred.musts, order).map_err(|cycle| {
                let all = cycle.iter().filter(|&&vertex| vertex < self.facts.len());
                let names: Vec<String> = all.map(|&at| self.facts.name(at)).collect();
                let names = super::words::list(&names);
                NotFound {
                    why: format!(
                        "{names} came each before the next, and the last before the first"
                    ),
                    is_certain: true,
                }
            })?);
        }
        let facts = &self.facts;
        let schedule = |frontier, musts: &[Must], likely: &[u32], steps: [u64; 2]| {
            let wanted = Wanted {
                execution,
                order,
                frontier,
                musts,
                likely,
                budget: &self.budget_of(steps),
            };
            schedule(facts, &wanted).map(|places| Places(Arc::new(places)))
        };
        if order != Order::Realtime {
            // Writers mostly keep to real time, where those who only read are behind.
            let writes = |at: u32| !facts.installs(at).is_empty();
            let mut musts = inferred.musts.clone();
            musts.extend(keys::by_realtime(facts, writes));
            musts.retain(|must| !facts.is_initial(must.after));
            musts.sort_unstable();
            musts.dedup_by_key(|must| (must.before, must.after));
            let likely = self.sorted(&musts, order).ok();
            let easy =
                |likely: Vec<u32>| schedule(Frontier::Writers, &musts, &likely, EASY_STEPS).ok();
            let found = likely.and_then(easy);
            if let Some(places) = found {
                return Ok(places);
            }
        }
        let likely = likely.as_deref().unwrap_or(&inferred.places);
        let frontier = match order {
            Order::Realtime => Frontier::All,
            _ => Frontier::None,
        };
        schedule(frontier, &inferred.musts, likely, SEARCH_STEPS)
    }

    /// The place of each transaction in an order in which those are before those, as those
    /// who read are before those who overwrote.
    fn sorted(&self, musts: &[Must], order: Order) -> Result<Vec<u32>, Vec<u32>> {
        let facts = &self.facts;
        let graph = edges::graph(facts, musts, order);
        let view = Filtered {
            graph: &graph,
            kinds: inferred::ALL,
        };
        let order = sort::sorted(&view, &sort::by_end(facts, &graph))?;
        Ok(sort::places(&order))
    }

    /// An order of versions that agrees with who read from whom and with the order, or, if
    /// there is none, with the order alone.
    fn any(&self, order: Order) -> Places {
        let facts = &self.facts;
        let all = Kinds::of(&[Kind::Ww, Kind::Wr, Kind::Process, Kind::Realtime]);
        let found = |graph| {
            let view = Filtered {
                graph: &graph,
                kinds: all,
            };
            sort::sorted(&view, &sort::by_end(facts, &graph))
        };
        let inferred = self.inferred[order as usize].get();
        if let Some(inferred) = inferred.filter(|inferred| inferred.contradiction.is_none()) {
            return Places(Arc::new(inferred.places.clone()));
        }
        let order = found(inferred::base(facts, order, &self.assumed)).or_else(|_| {
            let mut graph = GraphBuilder::new(facts.len());
            for must in &self.assumed {
                graph.edge(
                    facts.writer(must.before),
                    facts.writer(must.after),
                    Kind::Ww,
                );
            }
            facts.order_edges(order, &mut graph);
            found(graph.build())
        });
        let order = order.unwrap_or_else(|_| (0..facts.len()).collect());
        Places(Arc::new(sort::places(&order)))
    }
}

impl Data for Registers<'_> {
    type Orders = Places;

    const INFERS_BY_ORDER: bool = true;

    fn counts(&self, transaction: u32) -> bool {
        self.facts.counts[transaction as usize]
    }

    fn stop(&self) -> &Stop {
        &self.budget.stop
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn edges(&self, order: Order, with_rw: bool, graph: &mut GraphBuilder) {
        match self.easy() {
            // There is no cycle.
            Some(_) => inferred::add_wr(&self.facts, graph),
            None if !with_rw => inferred::add_base(&self.facts, &self.assumed, graph),
            None => edges::known(&self.facts, &self.inferred(order).musts, graph),
        }
    }

    fn is_known(&self) -> bool {
        self.easy().is_none()
            && chains::may_be_whole(&self.facts)
            && self.inferred(Order::Free).is_whole
    }

    fn serial(&self) -> Option<Serial<Places>> {
        self.easy().map(|places| Serial {
            places: places.0.clone(),
            orders: places.clone(),
        })
    }

    fn orders(&self, execution: Execution, order: Order) -> Result<Places, NotFound> {
        if execution == Execution::Any {
            return Ok(self.easy().cloned().unwrap_or_else(|| self.any(order)));
        }
        let found = self.cell(execution, order);
        found.get_or_init(|| self.search(execution, order)).clone()
    }

    fn edges_of(&self, orders: &Places, graph: &mut GraphBuilder) {
        edges::ordered(&self.facts, &orders.0, graph);
    }

    fn decide(&self, level: Level) -> Decision {
        let forbidden = |findings: &Findings| {
            let mut all = findings.iter();
            // Which tells nothing of what read-atomic forbids besides.
            let is_beside = |found| level == Level::ReadAtomic && found == Phenomenon::Internal;
            all.any(|(found, ..)| level.forbids(found) && !is_beside(found))
        };
        // They are told by [`Data::findings`].
        if forbidden(&self.findings) {
            return Decision::Violated(Findings::default());
        }
        let likely = |number| self.but_for_entangled(number);
        decide::decide(&self.facts, level, &self.assumed, likely, &self.budget)
    }

    fn reason(&self, step: Step) -> Option<Reason> {
        // What was assumed is told by it too.
        self.inferred(Order::Free);
        let inferred: Vec<&Inferred> = self.inferred.iter().filter_map(OnceLock::get).collect();
        reasons::step(&self.facts, &inferred, step)
    }
}
