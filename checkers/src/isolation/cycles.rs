//! Cycles in a graph of dependencies, by [`Shape`] and [`Order`]: which there are, and a
//! short one of each. It knows no level and no data.
//!
//! Every cycle lies in a strongly connected component, and a history that is right has
//! none: the components are found once, in linear time, and all else happens inside
//! them. What names a cycle is the cycle itself, edge by edge ([`classify`]), so a name is
//! never wrong; how it was searched for only decides whether one is found:
//!
//! - G0, G1c, and whether there is a cycle at all: exactly, by components of fewer kinds.
//! - G-single: exactly, by paths from every rw edge, unless the component is too large
//!   for the budget; then [`Search::open`] says so.
//! - whether there is a cycle without two rw in a row: exactly, by the components of the
//!   graph of [`Points`].
//! - which of the others there are besides: the shortest ones through rw edges, of all or
//!   of a sample.
//!
//! All but G-single and the last takes time linear in the component, so it is done even where
//! the search is told to stop: one cycle of each is shown then, be it a long one.
//!
//! What is shown of a kind is a [smallest] cycle of it, where the component is small.

mod smallest;

use std::collections::BTreeSet;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::digraph::{Filtered, Points, components};
use super::graph::{Edge, Graph, GraphBuilder, Kind, Kinds, Step};
use super::paths::{Automaton, Paths, Progress};
use super::phenomena::{Order, Phenomenon, Shape};
use crate::budget::Stop;
use crate::intern::NONE;
use crate::words;
use smallest::Smallest;

/// Edges from which a short cycle is searched for, of a component and a shape.
const STARTS_MAX: usize = 64;
/// Edges to go over for whether a component has a G-single at all: half a second's work.
const WORK_MAX: u64 = 100_000_000;
/// Edges to go over for a shape that decides nothing more.
const SAMPLE_WORK_MAX: u64 = 10_000_000;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Components in which something was found, each kind once with a short cycle.
    pub(crate) found: Vec<Vec<(Phenomenon, Vec<Step>)>>,
    /// What may be there besides: the search for it ran out of budget, or was stopped.
    pub(crate) open: BTreeSet<Phenomenon>,
    /// Components, and how many of them were not looked at to the end: it was told to stop.
    pub(crate) components: usize,
    pub(crate) stopped: usize,
    /// Anything may be there besides: there was no room for all edges.
    pub(crate) is_cut: bool,
    /// The largest component of which something is [`Search::open`].
    pub(crate) undecided: Option<Undecided>,
}

/// A component that was not looked at to the end.
#[derive(Debug)]
pub(crate) struct Undecided {
    /// How many transactions it has, and the first of them.
    pub(crate) size: usize,
    pub(crate) first: Vec<u32>,
    /// A cycle through some of them, if not of the kind that is open.
    pub(crate) cycle: Vec<Step>,
}

impl Search {
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds what another search found that assumed more of an order, and needs it.
    pub(crate) fn merge(&mut self, mut other: Search) {
        let known: BTreeSet<Phenomenon> = self.found.iter().flatten().map(|&(p, _)| p).collect();
        let needs_order = |cycle: &[Step]| {
            let is_order = |step: &Step| matches!(step.kind, Kind::Process | Kind::Realtime);
            cycle.iter().any(is_order)
        };
        for found in &mut other.found {
            // What is worse says all: another order of versions may have less.
            found.sort_by_key(|&(phenomenon, _)| phenomenon);
            // Best shown by an edge of that order, not by what was inferred from it.
            let mut is_worst = true;
            found.retain(|(_, cycle)| std::mem::take(&mut is_worst) || needs_order(cycle));
            found.retain(|&(new, _)| !known.iter().any(|&known| shows_more(known, new)));
        }
        other.found.retain(|found| !found.is_empty());
        self.found.extend(other.found);
        self.open.extend(other.open);
        self.components += other.components;
        self.stopped += other.stopped;
        self.is_cut |= other.is_cut;
        self.note_undecided(other.undecided);
    }

    fn note_undecided(&mut self, other: Option<Undecided>) {
        let size = self.undecided.as_ref().map_or(0, |known| known.size);
        if other.as_ref().is_some_and(|other| other.size > size) {
            self.undecided = other;
        }
    }
}

const DEPENDENCIES: Kinds = Kinds::of(&[Kind::Ww, Kind::Wr]);
const RW: Kinds = Kinds::of(&[Kind::Rw]);
const WW: Kinds = Kinds::of(&[Kind::Ww]);

/// The kinds of edges of an order: real time has that of processes in it.
fn kinds_of(order: Order) -> Kinds {
    match order {
        Order::Free => Kinds::of(&[]),
        Order::Process => Kinds::of(&[Kind::Process]),
        Order::Realtime => Kinds::of(&[Kind::Process, Kind::Realtime]),
    }
}

/// Edges between some transactions that others imply, if the last is among the orders asked
/// for: a version comes before those behind the next one, too.
pub(crate) type Implied<'a> = dyn Fn(&[u32], Order) -> Vec<Step> + Sync + 'a;

/// Whether one wants to know of such a cycle.
pub(crate) type Wanted<'a> = dyn Fn(Phenomenon) -> bool + Sync + 'a;

/// The cycles that one wants to know of ([`Phenomenon::Cycle`]s), by the orders asked for,
/// ascending; others are found by the way. Where one is found that needs no order, none of the
/// same shape that needs one is looked for in its component.
///
/// `floor` is the order that was assumed to infer the ww, wr and rw edges themselves: any
/// cycle of them needs it. What is `implied` only makes what is shown smaller.
pub(crate) fn search(
    graph: &Graph,
    orders: &[Order],
    floor: Order,
    wanted: &Wanted<'_>,
    implied: &Implied<'_>,
    stop: &Stop,
) -> Search {
    let widest = orders.iter().copied().max().unwrap_or(Order::Free);
    let mut kinds = DEPENDENCIES.with(kinds_of(widest));
    let mut asked = orders.iter().flat_map(|&order| {
        [Shape::GSingle, Shape::G2Item].map(|shape| Phenomenon::Cycle(shape, order))
    });
    if asked.any(wanted) {
        kinds = kinds.with(RW);
    }
    let components = components(&Filtered { graph, kinds });
    let mut search = Search {
        components: components.len(),
        is_cut: graph.is_cut(),
        ..Search::default()
    };
    if components.is_empty() {
        return search;
    }
    let places = places(graph, &components);
    let steps_max = smallest::STEPS / components.len() as u64;
    let found: Vec<Outcome> = components
        .par_iter()
        .enumerate()
        .map(|(number, members)| {
            let component = Component::new(graph, members, number as u32, &places);
            let mut inquiry = Inquiry::of(&component, floor, stop);
            inquiry.all(orders, wanted);
            if !inquiry.outcome.is_stopped {
                inquiry.shrink(|members| implied(members, widest), steps_max);
            }
            inquiry.finish()
        })
        .collect();
    for (outcome, members) in found.into_iter().zip(&components) {
        search.stopped += usize::from(outcome.is_stopped);
        if !outcome.open.is_empty() {
            let cycle = outcome.found.iter().min_by_key(|(_, cycle)| cycle.len());
            // Ascending: transactions come first.
            let size = members.partition_point(|&vertex| !graph.is_helper(vertex));
            search.note_undecided(Some(Undecided {
                size,
                first: members[..size.min(words::LISTED_MAX)].to_vec(),
                cycle: cycle.map_or_else(Vec::new, |(_, cycle)| cycle.clone()),
            }));
        }
        search.open.extend(outcome.open);
        if !outcome.found.is_empty() {
            search.found.push(outcome.found);
        }
    }
    search
}

/// By vertex, the component it is of, and where it stands there.
fn places(graph: &Graph, components: &[Vec<u32>]) -> Vec<(u32, u32)> {
    let mut places = vec![(NONE, NONE); graph.vertices() as usize];
    for (number, component) in (0..).zip(components) {
        for (place, &vertex) in (0..).zip(component) {
            places[vertex as usize] = (number, place);
        }
    }
    places
}

/// The part of a graph that is one strongly connected component, numbered anew.
pub(crate) struct Component {
    graph: Graph,
    /// The vertex of the whole graph.
    names: Vec<u32>,
}

impl Component {
    /// `places` has the component's number and the place in it of each vertex.
    pub(crate) fn new(whole: &Graph, members: &[u32], number: u32, places: &[(u32, u32)]) -> Self {
        // Ascending: transactions come first here too.
        let transactions = members.partition_point(|&vertex| !whole.is_helper(vertex));
        let mut graph = GraphBuilder::new(transactions as u32);
        for _ in transactions..members.len() {
            graph.helper();
        }
        for (from, &vertex) in (0..).zip(members) {
            for edge in whole.edges(vertex) {
                let (component, place) = places[edge.to as usize];
                if component == number {
                    graph.edge(from, place, edge.kind);
                }
            }
        }
        Component {
            graph: graph.build(),
            names: members.to_vec(),
        }
    }

    /// The steps as those of the whole graph.
    fn named(&self, mut cycle: Vec<Step>) -> Vec<Step> {
        for step in &mut cycle {
            step.from = self.names[step.from as usize];
            step.to = self.names[step.to as usize];
        }
        cycle
    }

    /// The vertices of components of these kinds: for each its component's number, or
    /// [`NONE`]. Empty if there is none.
    fn inside(&self, kinds: Kinds) -> Vec<u32> {
        let components = components(&Filtered {
            graph: &self.graph,
            kinds,
        });
        if components.is_empty() {
            return Vec::new();
        }
        let mut inside = vec![NONE; self.names.len()];
        for (number, component) in (0..).zip(&components) {
            for &vertex in component {
                inside[vertex as usize] = number;
            }
        }
        inside
    }

    /// The edges of these kinds that lie on a cycle.
    fn starts(&self, kinds: Kinds, on_cycle: impl Fn(u32, Edge) -> bool) -> Vec<Step> {
        let graph = &self.graph;
        let edges = (0..graph.transactions())
            .flat_map(|from| graph.edges(from).map(move |edge| (from, edge)));
        edges
            .filter(|&(from, edge)| kinds.has(edge.kind) && on_cycle(from, edge))
            .map(|(from, edge)| Step {
                from,
                to: edge.to,
                kind: edge.kind,
            })
            .collect()
    }
}

/// Whether an edge lies on a cycle, given the component of each vertex.
fn between_vertices(inside: &[u32]) -> impl Fn(u32, Edge) -> bool + '_ {
    |from, edge| {
        let component = inside[from as usize];
        component != NONE && component == inside[edge.to as usize]
    }
}

/// Whether an edge lies on a cycle without two rw in a row, given the component of each of
/// [`Points`]: a transaction's two points may be of different ones, or one of none.
fn between_points(inside: &[u32]) -> impl Fn(u32, Edge) -> bool + '_ {
    |from, edge| {
        let (from, to) = match edge.kind {
            Kind::Rw => (2 * from, 2 * edge.to + 1),
            _ => (2 * from + 1, 2 * edge.to),
        };
        let component = inside[from as usize];
        component != NONE && component == inside[to as usize]
    }
}

/// What a component has to show.
#[derive(Debug, Default)]
struct Outcome {
    found: Vec<(Phenomenon, Vec<Step>)>,
    open: BTreeSet<Phenomenon>,
    is_stopped: bool,
}

/// The questions put to one component.
struct Inquiry<'a> {
    component: &'a Component,
    paths: Paths<'a>,
    floor: Order,
    stop: &'a Stop,
    outcome: Outcome,
}

impl<'a> Inquiry<'a> {
    fn of(component: &'a Component, floor: Order, stop: &'a Stop) -> Self {
        Inquiry {
            component,
            paths: Paths::new(&component.graph, stop),
            floor,
            stop,
            outcome: Outcome::default(),
        }
    }

    fn all(&mut self, orders: &[Order], wanted: &Wanted<'_>) {
        for &order in orders {
            let wanted = |shape: Shape| wanted(Phenomenon::Cycle(shape, order));
            let open = self.outcome.open.clone();
            if !self.outcome.is_stopped && !self.stop.now() {
                self.of_order(order, &wanted);
                if !self.stop.now() {
                    continue;
                }
            }
            // Again, or for the first time, and no more than takes linear time.
            self.outcome.open = open;
            self.outcome.is_stopped = true;
            self.paths.go_on();
            self.of_order(order, &wanted);
        }
    }

    /// Shows what was found by smallest cycles, if the component is small.
    fn shrink(&mut self, implied: impl Fn(&[u32]) -> Vec<Step>, steps_max: u64) {
        let is_smallest = |(_, cycle): &(Phenomenon, Vec<Step>)| cycle.len() == 2;
        let component = self.component;
        let transactions = component.graph.transactions();
        if transactions > smallest::SMALL || self.outcome.found.iter().all(is_smallest) {
            return;
        }
        let members = &component.names[..transactions as usize];
        let mut more = implied(members);
        for step in &mut more {
            // They are ascending.
            let place = |vertex: u32| members.partition_point(|&member| member < vertex) as u32;
            step.from = place(step.from);
            step.to = place(step.to);
        }
        if let Some(mut smallest) = Smallest::of(component, &more, self.floor, steps_max) {
            smallest.shrink(&mut self.outcome.found);
        }
    }

    fn finish(self) -> Outcome {
        let Outcome {
            found,
            open,
            is_stopped,
        } = self.outcome;
        let named = |(phenomenon, cycle)| (phenomenon, self.component.named(cycle));
        Outcome {
            found: found.into_iter().map(named).collect(),
            open,
            is_stopped,
        }
    }

    /// Whether a cycle of the shape was found, with whatever order.
    fn knows(&self, shape: Shape) -> bool {
        self.outcome.found.iter().any(|(found, _)| match *found {
            Phenomenon::Cycle(Shape::LongFork, _) => shape == Shape::GNonadjacent,
            Phenomenon::Cycle(found, _) => found == shape,
            _ => false,
        })
    }

    fn of_order(&mut self, order: Order, wanted: &dyn Fn(Shape) -> bool) {
        let component = self.component;
        let all = DEPENDENCIES.with(RW).with(kinds_of(order));
        let inside = component.inside(all);
        if inside.is_empty() {
            return;
        }
        for (shape, kinds, first) in [
            (Shape::G0, WW.with(kinds_of(order)), Kind::Ww),
            (Shape::G1c, DEPENDENCIES.with(kinds_of(order)), Kind::Wr),
        ] {
            if self.knows(shape) || !wanted(shape) {
                continue;
            }
            let members = component.inside(kinds);
            if members.is_empty() {
                continue;
            }
            let starts = component.starts(Kinds::of(&[first]), between_vertices(&members));
            self.shaped(&starts, kinds, shape, order, WORK_MAX);
            // Who forbids G1c forbids G0 too, and not the other way round.
            if !self.knows(Shape::G0) && !self.knows(shape) {
                self.any(Automaton::any(kinds), between_vertices(&members));
            }
        }
        if wanted(Shape::GSingle) {
            self.without_adjacent(order, all, wanted(Shape::GNonadjacent));
        }
        if !wanted(Shape::G2Item) {
            return;
        }
        if !self.knows(Shape::G2Item) {
            let starts = component.starts(RW, between_vertices(&inside));
            self.shaped(&starts, all, Shape::G2Item, order, SAMPLE_WORK_MAX);
        }
        if self.outcome.found.is_empty() {
            self.any(Automaton::any(all), between_vertices(&inside));
        }
    }

    /// Cycles without two rw in a row, of which there are such as have several rw, or are not.
    fn without_adjacent(&mut self, order: Order, all: Kinds, with_several: bool) {
        let component = self.component;
        let mut points = vec![NONE; 2 * component.names.len()];
        let of_points = components(&Points {
            graph: &component.graph,
            kinds: all,
        });
        for (number, members) in (0..).zip(&of_points) {
            for &point in members {
                points[point as usize] = number;
            }
        }
        if of_points.is_empty() {
            return;
        }
        // There is one, and all such are through these points.
        let rw = component.starts(RW, between_points(&points));
        let all_tried =
            self.knows(Shape::GSingle) || self.shaped(&rw, all, Shape::GSingle, order, WORK_MAX);
        if with_several && !self.knows(Shape::GNonadjacent) {
            self.shaped(&rw, all, Shape::GNonadjacent, order, SAMPLE_WORK_MAX);
        }
        let shapes = [Shape::G0, Shape::G1c, Shape::GSingle, Shape::GNonadjacent];
        if !shapes.into_iter().any(|shape| self.knows(shape)) {
            self.any(Automaton::nonadjacent(all), between_points(&points));
        }
        if !all_tried && !self.knows(Shape::GSingle) {
            self.is_open(Shape::GSingle, order);
        }
        if !shapes.into_iter().any(|shape| self.knows(shape)) {
            self.is_open(Shape::GNonadjacent, order);
        }
    }

    fn is_open(&mut self, shape: Shape, order: Order) {
        self.outcome.open.insert(Phenomenon::Cycle(shape, order));
    }

    /// Adds the [shortest](Inquiry::shortest) cycles of the shape that need the order. Where it
    /// was assumed, one with an edge of it if there is any: else it was used to infer others.
    fn shaped(
        &mut self,
        starts: &[Step],
        kinds: Kinds,
        shape: Shape,
        order: Order,
        work_max: u64,
    ) -> bool {
        let is_assumed = order <= self.floor;
        let needs = match (is_assumed, order) {
            (_, Order::Free) => None,
            (true, _) => Some(kinds_of(order)),
            (false, Order::Process) => Some(Kinds::of(&[Kind::Process])),
            (false, Order::Realtime) => Some(Kinds::of(&[Kind::Realtime])),
        };
        let rw = match shape {
            Shape::G0 | Shape::G1c => Progress::None,
            Shape::GSingle => Progress::One,
            Shape::GNonadjacent | Shape::LongFork => Progress::Nonadjacent,
            Shape::G2Item => Progress::Adjacent,
        };
        let automaton = Automaton { kinds, needs, rw };
        let all_tried = self.shortest(starts, automaton, work_max);
        if !is_assumed || needs.is_none() || self.knows(shape) {
            return all_tried;
        }
        let needs = None;
        self.shortest(starts, Automaton { needs, ..automaton }, work_max)
    }

    /// Adds the shortest cycles of the automaton's through a sample of the edges, and through
    /// all of them, until so much was looked at or it is told to stop: less if one is found.
    /// Whether all were gone through, or one was found.
    fn shortest(&mut self, starts: &[Step], automaton: Automaton, work_max: u64) -> bool {
        if self.outcome.is_stopped {
            return false;
        }
        let mut best: Option<Vec<Step>> = None;
        let mut others: Vec<Vec<Step>> = Vec::new();
        let mut work = 0;
        // Spread over the component, so that a sample is one.
        let stride = starts.len().div_ceil(STARTS_MAX).max(1);
        let sample = (0..starts.len()).step_by(stride);
        let rest = (0..starts.len()).filter(|at| at % stride != 0);
        let sampled = sample.map(|at| (true, at));
        for (is_sample, at) in sampled.chain(rest.map(|at| (false, at))) {
            let is_enough = work > if is_sample { work_max } else { SAMPLE_WORK_MAX };
            if best.is_some() && is_enough {
                break;
            }
            if work > work_max || self.stop.now() {
                self.add_all(best.into_iter().chain(others));
                return false;
            }
            let steps_max = best.as_ref().map_or(u32::MAX, |best| best.len() as u32 - 1);
            let walk = self
                .paths
                .cycle(starts[at], automaton, steps_max, &mut work);
            for cycle in walk.map(simple).unwrap_or_default() {
                let fits = automaton.accepts(&cycle);
                if fits && best.as_ref().is_none_or(|best| cycle.len() < best.len()) {
                    best = Some(cycle);
                } else if others.len() < STARTS_MAX {
                    others.push(cycle);
                }
            }
        }
        let found = best.is_some();
        self.add_all(best.into_iter().chain(others));
        found || work <= work_max
    }

    /// Adds a short cycle through edges that lie on one, whichever it is. If it was told to
    /// stop, that through the first of them: linear.
    fn any(&mut self, automaton: Automaton, on_cycle: impl Fn(u32, Edge) -> bool) {
        let starts = self.component.starts(automaton.kinds, on_cycle);
        if !self.outcome.is_stopped {
            self.shortest(&starts, automaton, WORK_MAX);
            return;
        }
        let walk = starts
            .first()
            .and_then(|&start| self.paths.cycle(start, automaton, u32::MAX, &mut 0));
        self.add_all(walk.map(simple).unwrap_or_default());
    }

    fn add_all(&mut self, cycles: impl IntoIterator<Item = Vec<Step>>) {
        for cycle in cycles {
            self.add(cycle);
        }
    }

    /// Adds a cycle under its own name, if none as short has that name, and none that
    /// needs less of an order has that shape.
    fn add(&mut self, cycle: Vec<Step>) {
        let phenomenon = classify(&cycle, self.floor);
        let found = &mut self.outcome.found;
        if found
            .iter()
            .any(|(known, _)| shows_more(*known, phenomenon))
        {
            return;
        }
        match found.iter_mut().find(|(known, _)| *known == phenomenon) {
            Some((_, best)) if best.len() <= cycle.len() => {}
            Some((_, best)) => *best = cycle,
            None => found.push((phenomenon, cycle)),
        }
    }
}

/// What a cycle is, by its edges, which are known by an order if one is assumed.
pub(crate) fn classify(cycle: &[Step], floor: Order) -> Phenomenon {
    let has = |kind: Kind| cycle.iter().any(|step| step.kind == kind);
    let order = match (has(Kind::Realtime), has(Kind::Process)) {
        (true, _) => Order::Realtime,
        (false, true) => Order::Process,
        (false, false) => Order::Free,
    };
    let order = order.max(floor);
    let is_rw = |at: usize| cycle[at % cycle.len()].kind == Kind::Rw;
    let rw = (0..cycle.len()).filter(|&at| is_rw(at)).count();
    let adjacent = (0..cycle.len()).any(|at| is_rw(at) && is_rw(at + 1));
    let shape = match rw {
        0 if has(Kind::Wr) => Shape::G1c,
        0 => Shape::G0,
        1 => Shape::GSingle,
        _ if adjacent => Shape::G2Item,
        2 if cycle.len() == 4 && order == Order::Free && !has(Kind::Ww) => Shape::LongFork,
        _ => Shape::GNonadjacent,
    };
    Phenomenon::Cycle(shape, order)
}

/// The cycles that a closed walk is made of, none of which passes a transaction twice. Of a
/// walk without two rw in a row one at least has none: where it is cut, only one part can get
/// them. O(length).
fn simple(walk: Vec<Step>) -> Vec<Vec<Step>> {
    let mut cycles = Vec::new();
    let mut path: Vec<Step> = Vec::new();
    // Where on the path the step stands that starts there.
    let mut places: HashMap<u32, usize, FixedState> = HashMap::default();
    for step in walk {
        places.insert(step.from, path.len());
        path.push(step);
        // The walk came back to where an earlier step started.
        if let Some(&at) = places.get(&step.to) {
            let cycle = path.split_off(at);
            for step in &cycle {
                places.remove(&step.from);
            }
            cycles.push(cycle);
        }
    }
    cycles
}

/// Whether the first is of the same shape as the second, with less of an order.
fn shows_more(first: Phenomenon, second: Phenomenon) -> bool {
    match (first, second) {
        (Phenomenon::Cycle(shape, less), Phenomenon::Cycle(other, order)) => {
            let nonadjacent = |shape| matches!(shape, Shape::LongFork | Shape::GNonadjacent);
            less < order && (shape == other || (nonadjacent(shape) && nonadjacent(other)))
        }
        _ => false,
    }
}

/// A short cycle through an edge of the kind, of each component of these kinds that has
/// one. If it is told to stop, there may be more.
pub(crate) fn shortest_cycles(
    graph: &Graph,
    kinds: Kinds,
    first: Kind,
    stop: &Stop,
) -> Vec<Vec<Step>> {
    let components = components(&Filtered { graph, kinds });
    if components.is_empty() {
        return Vec::new();
    }
    let places = places(graph, &components);
    let cycle = |(number, members): (u32, &Vec<u32>)| {
        let component = Component::new(graph, members, number, &places);
        let inside = component.inside(kinds);
        let starts = component.starts(Kinds::of(&[first]), between_vertices(&inside));
        let mut inquiry = Inquiry::of(&component, Order::Free, stop);
        inquiry.shortest(&starts, Automaton::any(kinds), WORK_MAX);
        let cycles = inquiry.outcome.found.into_iter().map(|(_, cycle)| cycle);
        let through = |cycle: &Vec<Step>| cycle.iter().any(|step| step.kind == first);
        let shortest = cycles.filter(through).min_by_key(Vec::len)?;
        Some(component.named(shortest))
    };
    (0..).zip(&components).filter_map(cycle).collect()
}

#[cfg(test)]
mod tests;
