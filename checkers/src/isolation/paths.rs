//! Shortest closed walks through an edge, of those that an automaton accepts: breadth-
//! first over pairs of a vertex and what was passed on the way. Steps into helpers count,
//! steps on from them do not.

use std::collections::VecDeque;

use super::graph::{Graph, Kind, Kinds, Step};
use crate::budget::Stop;

/// Which rw edges a cycle is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Any.
    Any,
    /// Any, but no two in a row.
    AnyNonadjacent,
    /// None.
    None,
    /// One.
    One,
    /// Two at least, no two in a row.
    Nonadjacent,
    /// Two at least, two of them in a row.
    Adjacent,
}

/// Which cycles are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Automaton {
    /// Edges that they may have.
    pub(crate) kinds: Kinds,
    /// Of which they must have one at least of these.
    pub(crate) needs: Option<Kinds>,
    pub(crate) rw: Progress,
}

/// What was passed: bits.
type State = u8;
const LAST_RW: State = 1;
/// Of the two rw in a row, or of the second rw, that are wanted.
const ENOUGH: State = 2;
const NEEDED: State = 4;
const STATES: usize = 8;

impl Automaton {
    /// Any cycle of these kinds.
    pub(crate) fn any(kinds: Kinds) -> Self {
        Automaton {
            kinds,
            needs: None,
            rw: Progress::Any,
        }
    }

    /// Any without two rw in a row.
    pub(crate) fn nonadjacent(kinds: Kinds) -> Self {
        Automaton {
            kinds,
            needs: None,
            rw: Progress::AnyNonadjacent,
        }
    }

    /// After one more edge; none if that cannot be part of what is wanted.
    #[inline]
    fn step(&self, state: State, kind: Kind) -> Option<State> {
        if !self.kinds.has(kind) {
            return None;
        }
        if kind == Kind::Through {
            return Some(state);
        }
        let mut next = state & !LAST_RW;
        if kind == Kind::Rw {
            match self.rw {
                Progress::None | Progress::One => return None,
                Progress::Nonadjacent | Progress::AnyNonadjacent if state & LAST_RW != 0 => {
                    return None;
                }
                Progress::Adjacent if state & LAST_RW == 0 => {}
                Progress::Any => {}
                _ => next |= ENOUGH,
            }
            next |= LAST_RW;
        }
        if self.needs.is_some_and(|needs| needs.has(kind)) {
            next |= NEEDED;
        }
        Some(next)
    }

    /// Before the first edge, once it was taken.
    fn start(&self, kind: Kind) -> State {
        let rw = if kind == Kind::Rw { LAST_RW } else { 0 };
        let needed = self.needs.is_some_and(|needs| needs.has(kind));
        rw | if needed { NEEDED } else { 0 }
    }

    /// Whether a walk that began with that kind of edge and is back is wanted.
    fn is_end(&self, state: State, first: Kind) -> bool {
        let circular = state & LAST_RW != 0 && first == Kind::Rw;
        let needs = self.needs.is_none() || state & NEEDED != 0;
        needs
            && match self.rw {
                Progress::Any | Progress::None | Progress::One => true,
                Progress::AnyNonadjacent => !circular,
                Progress::Nonadjacent => state & ENOUGH != 0 && !circular,
                Progress::Adjacent => state & ENOUGH != 0 || circular,
            }
    }

    /// Whether the cycle, between transactions, is one that is wanted.
    pub(crate) fn accepts(&self, cycle: &[Step]) -> bool {
        let rw = cycle.iter().filter(|step| step.kind == Kind::Rw).count();
        let is_rw = |at: usize| cycle[at % cycle.len()].kind == Kind::Rw;
        let adjacent = (0..cycle.len()).any(|at| is_rw(at) && is_rw(at + 1));
        let mut kinds = cycle.iter().map(|step| step.kind);
        let needs = self.needs;
        needs.is_none_or(|needs| kinds.any(|kind| needs.has(kind)))
            && match self.rw {
                Progress::Any => true,
                Progress::AnyNonadjacent => !adjacent || rw == 1,
                Progress::None => rw == 0,
                Progress::One => rw == 1,
                Progress::Nonadjacent => rw > 1 && !adjacent,
                Progress::Adjacent => rw > 1 && adjacent,
            }
    }
}

/// Edges between two questions whether to stop.
const EDGES_AT_ONCE: u64 = 1 << 16;

/// Searches of one graph, one after the other.
pub(crate) struct Paths<'a> {
    graph: &'a Graph,
    stop: &'a Stop,
    /// By vertex and state: the search that came here last, and in how many steps.
    seen: Vec<(u32, u32)>,
    /// And from where: the state before, and the kind of the edge.
    from: Vec<(u32, Kind)>,
    searches: u32,
    queue: VecDeque<(u32, u32)>,
}

impl<'a> Paths<'a> {
    pub(crate) fn new(graph: &'a Graph, stop: &'a Stop) -> Self {
        let states = graph.vertices() as usize * STATES;
        Paths {
            graph,
            stop,
            seen: vec![(0, 0); states],
            from: vec![(0, Kind::Through); states],
            searches: 0,
            queue: VecDeque::new(),
        }
    }

    /// From here on nobody tells it to stop.
    pub(crate) fn go_on(&mut self) {
        self.stop = Stop::never();
    }

    /// The shortest closed walk that begins with the edge and has at most `steps_max`
    /// steps, if there is one and it was not told to stop. Adds to `work` what it looked at.
    #[inline]
    pub(crate) fn cycle(
        &mut self,
        first: Step,
        automaton: Automaton,
        steps_max: u32,
        work: &mut u64,
    ) -> Option<Vec<Step>> {
        self.searches += 1;
        self.queue.clear();
        let root = place(first.to, automaton.start(first.kind));
        self.seen[root as usize] = (self.searches, 1);
        self.from[root as usize] = (u32::MAX, first.kind);
        self.queue.push_back((root, 1));
        // In a register: it is counted for every edge.
        let mut looked_at = *work;
        let mut ask_at = looked_at + EDGES_AT_ONCE;
        let mut found = None;
        while let Some((at, steps)) = self.queue.pop_front() {
            if looked_at >= ask_at {
                ask_at = looked_at + EDGES_AT_ONCE;
                if self.stop.now() {
                    break;
                }
            }
            if self.seen[at as usize].1 < steps {
                // It was reached again, by a helper's shorter way.
                continue;
            }
            let (vertex, state) = (at / STATES as u32, (at % STATES as u32) as State);
            if vertex == first.from && automaton.is_end(state, first.kind) {
                found = Some(self.walk(at, first));
                break;
            }
            for edge in self.graph.edges(vertex) {
                looked_at += 1;
                let Some(next) = automaton.step(state, edge.kind) else {
                    continue;
                };
                let to = place(edge.to, next);
                let is_on = edge.kind == Kind::Through;
                let reached = if is_on { steps } else { steps + 1 };
                let (search, before) = self.seen[to as usize];
                if reached > steps_max || (search == self.searches && before <= reached) {
                    continue;
                }
                self.seen[to as usize] = (self.searches, reached);
                self.from[to as usize] = (at, edge.kind);
                match is_on {
                    true => self.queue.push_front((to, reached)),
                    false => self.queue.push_back((to, reached)),
                }
            }
        }
        *work = looked_at;
        found
    }

    /// The walk that led there, between transactions: helpers are left out.
    fn walk(&self, end: u32, first: Step) -> Vec<Step> {
        let mut reversed: Vec<(u32, Kind)> = Vec::new();
        let mut at = end;
        loop {
            let (before, kind) = self.from[at as usize];
            reversed.push((at / STATES as u32, kind));
            if before == u32::MAX {
                break;
            }
            at = before;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut from = first.from;
        let mut kind = None;
        for (to, by) in reversed.into_iter().rev() {
            // What a way through helpers is, its first edge says.
            let by = *kind.get_or_insert(by);
            if !self.graph.is_helper(to) {
                steps.push(Step { from, to, kind: by });
                from = to;
                kind = None;
            }
        }
        steps
    }
}

fn place(vertex: u32, state: State) -> u32 {
    vertex * STATES as u32 + u32::from(state)
}
