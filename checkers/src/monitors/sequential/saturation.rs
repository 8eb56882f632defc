//! What must precede what in any order that explains the history.
//!
//! Known at first: the order of each process; a write precedes the reads of it; a read of
//! the initial value precedes all writes of its register. Then, for a read r of the
//! write w, and another write w' of that register:
//!
//! - if w' precedes r, it precedes w (or r would have read it, or something after it);
//! - if w precedes w', r precedes w' (or w' would have overwritten what r read).
//!
//! This goes on in rounds until nothing new follows. In every round each operation has a
//! vector clock: how many operations of each process precede it. So a round takes
//! O(n · p · log n) with p processes, and of the writes of a process to a register only
//! the last before r and the first after w matter: the others follow from these.

use std::collections::{BTreeSet, VecDeque};

use super::{Because, Budget, History, Kind, Node, Reason, Step, Stop, Undecided, Violation};
use crate::budget::Exhausted;

/// After so many rounds the search may take over: what was not yet found follows no less.
const ROUNDS_MAX: u32 = 64;

/// Nodes between looks at the budget.
const NODES_BETWEEN_CHECKS: usize = 256;

/// Why one node precedes another: [`Because`], with nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Process,
    ReadFrom,
    Overwritten,
    StillRead(u32),
}

/// A precedence that is not the order of a process.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    because: Cause,
    /// In which round it was found; it follows from edges of earlier rounds.
    round: u32,
}

/// The order as far as it is known.
pub(super) struct Saturation {
    /// The precedences into each node.
    into: Vec<Vec<Edge>>,
    /// How many there are.
    edges: usize,
    /// Those found in the last round, with where they lead.
    latest: Vec<(u32, Edge)>,
    round: u32,
    /// Of each register, the writes of each process that wrote it.
    writes: Vec<Vec<Writes>>,
}

/// The writes of one process to one register, in order.
struct Writes {
    process: u32,
    nodes: Vec<u32>,
}

/// How many operations of each process precede each operation, itself included.
pub(super) struct Clocks {
    processes: usize,
    counts: Vec<u32>,
}

impl Clocks {
    /// The clock of a node.
    pub fn of(&self, node: u32) -> &[u32] {
        let start = node as usize * self.processes;
        &self.counts[start..start + self.processes]
    }

    fn precedes(&self, nodes: &[Node], one: u32, other: u32) -> bool {
        let Node {
            process, position, ..
        } = nodes[one as usize];
        one != other && self.of(other)[process as usize] > position
    }
}

impl Saturation {
    /// What is known at first.
    pub fn new(history: &History) -> Saturation {
        let mut writes: Vec<Vec<Writes>> = (0..history.keys).map(|_| Vec::new()).collect();
        for (process, members) in history.processes.iter().enumerate() {
            let process = process as u32;
            for &node in members {
                let Node {
                    key,
                    kind: Kind::Write,
                    ..
                } = history.nodes[node as usize]
                else {
                    continue;
                };
                let of_key = &mut writes[key as usize];
                match of_key.last_mut().filter(|writes| writes.process == process) {
                    Some(writes) => writes.nodes.push(node),
                    None => of_key.push(Writes {
                        process,
                        nodes: vec![node],
                    }),
                }
            }
        }
        let mut saturation = Saturation {
            into: vec![Vec::new(); history.nodes.len()],
            edges: 0,
            latest: Vec::new(),
            round: 0,
            writes,
        };
        for (node, &Node { key, kind, .. }) in (0..).zip(&history.nodes) {
            match kind {
                Kind::Write => {}
                Kind::Read(Some(writer)) => saturation.add(writer, node, Cause::ReadFrom),
                Kind::Read(None) => {
                    let of_key = &saturation.writes[key as usize];
                    let first: Vec<u32> = of_key.iter().map(|writes| writes.nodes[0]).collect();
                    for write in first {
                        saturation.add(node, write, Cause::Overwritten);
                    }
                }
            }
        }
        saturation
    }

    fn add(&mut self, from: u32, to: u32, because: Cause) {
        let edge = Edge {
            from,
            because,
            round: self.round,
        };
        self.edges += 1;
        self.into[to as usize].push(edge);
        self.latest.push((to, edge));
    }

    /// Goes on until nothing new follows, or there is a cycle, or the budget is used up.
    pub fn saturate(mut self, history: &History, budget: &Budget) -> Result<Clocks, Stop<Reason>> {
        loop {
            let round = self.round + 1;
            let unsaturated = |why| Undecided::Unsaturated { why, round };
            let clocks = self.clocks(history, budget).map_err(unsaturated)?;
            let Some(clocks) = clocks else {
                return Err(self.cycle(history, budget).into());
            };
            self.round += 1;
            self.latest.clear();
            self.follow(history, &clocks, budget).map_err(unsaturated)?;
            if self.latest.is_empty() || self.round == ROUNDS_MAX {
                return Ok(clocks);
            }
        }
    }

    /// Whether the budget allows for this, and so many more precedences.
    fn spend(&self, history: &History, budget: &Budget, found: usize) -> Result<(), Exhausted> {
        // Of each node the lists of what leads into it and out of it; each precedence in
        // both, twice as much while a list grows, and the latest once more.
        let node = size_of::<Vec<Edge>>() + 4 * size_of::<Edge>() + size_of::<Vec<u32>>() + 24;
        let edge = 2 * (size_of::<Edge>() + size_of::<u32>());
        let latest = 2 * size_of::<(u32, Edge)>();
        let edges = self.edges + found;
        let bytes =
            history.nodes.len() * node + edges * edge + (self.latest.len() + found) * latest;
        budget.spend(0, history.bytes().saturating_add(bytes))
    }

    /// The clocks, in topological order; none if there is a cycle.
    fn clocks(&self, history: &History, budget: &Budget) -> Result<Option<Clocks>, Exhausted> {
        self.spend(history, budget, 0)?;
        let (nodes, processes) = (&history.nodes, history.processes.len());
        let mut out: Vec<Vec<u32>> = vec![Vec::new(); nodes.len()];
        let mut missing: Vec<u32> = Vec::with_capacity(nodes.len());
        for (to, (edges, node)) in (0..).zip(self.into.iter().zip(nodes)) {
            for edge in edges {
                out[edge.from as usize].push(to);
            }
            missing.push(edges.len() as u32 + u32::from(node.position > 0));
        }
        let mut clocks = Clocks {
            processes,
            counts: vec![0; nodes.len() * processes],
        };
        let mut ready: Vec<u32> = (0..nodes.len() as u32)
            .filter(|&node| missing[node as usize] == 0)
            .collect();
        let mut done = 0_usize;
        while let Some(node) = ready.pop() {
            done += 1;
            if done.is_multiple_of(NODES_BETWEEN_CHECKS) {
                self.spend(history, budget, 0)?;
            }
            let Node {
                process, position, ..
            } = nodes[node as usize];
            clocks.counts[node as usize * processes + process as usize] = position + 1;
            let members = &history.processes[process as usize];
            let next = members.get(position as usize + 1);
            for &to in out[node as usize].iter().chain(next) {
                for of in 0..processes {
                    let count = clocks.counts[node as usize * processes + of];
                    let other = &mut clocks.counts[to as usize * processes + of];
                    *other = count.max(*other);
                }
                missing[to as usize] -= 1;
                if missing[to as usize] == 0 {
                    ready.push(to);
                }
            }
        }
        Ok((done == nodes.len()).then_some(clocks))
    }

    /// One round.
    fn follow(
        &mut self,
        history: &History,
        clocks: &Clocks,
        budget: &Budget,
    ) -> Result<(), Exhausted> {
        let nodes = &history.nodes;
        let mut found = Vec::new();
        for (read, node) in (0..).zip(nodes) {
            if (read as usize).is_multiple_of(NODES_BETWEEN_CHECKS) {
                self.spend(history, budget, 2 * found.len())?;
            }
            let Kind::Read(Some(writer)) = node.kind else {
                continue;
            };
            let of_writer = nodes[writer as usize];
            for writes in &self.writes[node.key as usize] {
                let process = writes.process as usize;
                let position = |write: u32| nodes[write as usize].position;
                // The last of them before the read.
                let before = clocks.of(read)[process];
                let count = writes
                    .nodes
                    .partition_point(|&write| position(write) < before);
                if let Some(&last) = writes.nodes[..count].last()
                    && last != writer
                    && !clocks.precedes(nodes, last, writer)
                {
                    found.push((last, writer, Cause::StillRead(read)));
                }
                // The first of them after the writer.
                let after = |&write: &u32| {
                    write == writer
                        || clocks.of(write)[of_writer.process as usize] <= of_writer.position
                };
                let first = writes.nodes.get(writes.nodes.partition_point(after));
                if let Some(&first) = first
                    && !clocks.precedes(nodes, read, first)
                {
                    found.push((read, first, Cause::Overwritten));
                }
            }
        }
        for (from, to, because) in found {
            self.add(from, to, because);
        }
        Ok(())
    }

    /// The shortest cycle found: through one of the latest edges, since there was none before.
    fn cycle(&self, history: &History, budget: &Budget) -> Violation<Reason> {
        /// More would be thorough rather than useful.
        const TRIED_MAX: usize = 256;
        let mut shortest: Option<Vec<(u32, Cause)>> = None;
        let mut tried = 0;
        for &(to, edge) in &self.latest {
            let Some(mut path) = self.path(history, to, edge.from, self.round) else {
                continue;
            };
            path.push((edge.from, edge.because));
            if shortest
                .as_ref()
                .is_none_or(|shortest| path.len() < shortest.len())
            {
                shortest = Some(path);
            }
            tried += 1;
            if tried == TRIED_MAX || budget.is_stopped() {
                break;
            }
        }
        let cycle = shortest.unwrap_or_default();
        let nodes = self.explain(history, &cycle);
        let id = |node: u32| history.nodes[node as usize].id;
        let steps = cycle.iter().map(|&(node, because)| Step {
            operation: id(node),
            because: match because {
                Cause::Process => Because::Process,
                Cause::ReadFrom => Because::ReadFrom,
                Cause::Overwritten => Because::Overwritten,
                Cause::StillRead(read) => Because::StillRead { read: id(read) },
            },
        });
        let reason = Reason::Cycle {
            steps: steps.collect(),
        };
        Violation::new(reason, nodes.into_iter().map(id).collect())
    }

    /// The operations that show a cycle: its own, and those from which its steps follow.
    fn explain(&self, history: &History, cycle: &[(u32, Cause)]) -> BTreeSet<u32> {
        let mut shown: BTreeSet<u32> = BTreeSet::new();
        let mut explained = BTreeSet::new();
        let mut open = vec![(cycle.to_vec(), cycle.first().map(|&(node, _)| node))];
        while let Some((path, end)) = open.pop() {
            let ends = path.iter().skip(1).map(|&(node, _)| node).chain(end);
            let steps: Vec<_> = path.iter().copied().zip(ends).collect();
            for ((from, because), to) in steps {
                shown.extend([from, to]);
                // A writer precedes its read, and nothing else needs to be shown for that.
                let (start, goal) = match because {
                    Cause::Process | Cause::ReadFrom => continue,
                    Cause::StillRead(read) => (from, read),
                    Cause::Overwritten => match history.nodes[from as usize].kind {
                        Kind::Read(Some(writer)) => (writer, to),
                        _ => continue,
                    },
                };
                shown.extend([start, goal]);
                let edges = self.into[to as usize].iter();
                let edge = edges.filter(|edge| edge.from == from && edge.because == because);
                let round = edge.map(|edge| edge.round).min().unwrap_or(0);
                if explained.insert((from, to)) && round > 0 {
                    let path = self.path(history, start, goal, round - 1);
                    open.extend(path.map(|path| (path, Some(goal))));
                }
            }
        }
        shown
    }

    /// The shortest way from one to the other by edges found up to that round: each node on
    /// it but the last, and why it precedes the next. A stretch within a process is one step.
    fn path(&self, history: &History, from: u32, to: u32, round: u32) -> Option<Vec<(u32, Cause)>> {
        let mut next: Vec<Option<(u32, Cause)>> = vec![None; history.nodes.len()];
        let mut open = VecDeque::from([to]);
        while let Some(node) = open.pop_front() {
            if node == from {
                break;
            }
            let Node {
                process, position, ..
            } = history.nodes[node as usize];
            let before = position.checked_sub(1).map(|before| {
                (
                    history.processes[process as usize][before as usize],
                    Cause::Process,
                )
            });
            let edges = self.into[node as usize]
                .iter()
                .filter(|edge| edge.round <= round);
            let edges = edges.map(|edge| (edge.from, edge.because));
            for (before, because) in edges.chain(before) {
                if before != to && next[before as usize].is_none() {
                    next[before as usize] = Some((node, because));
                    open.push_back(before);
                }
            }
        }
        let mut path: Vec<(u32, Cause)> = Vec::new();
        let mut node = from;
        while node != to {
            let (after, because) = next[node as usize]?;
            let on = path.last().is_some_and(|&(_, last)| last == Cause::Process);
            if !(on && because == Cause::Process) {
                path.push((node, because));
            }
            node = after;
        }
        Some(path)
    }
}
