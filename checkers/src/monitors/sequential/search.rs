//! Looks for an order that explains the history, within a budget.
//!
//! A write may only overwrite a value that will not be read any more. So how far each
//! process has come is all there is to a state: a register's value is either the one that
//! still has readers, or does not matter. Whatever a process can read, it reads at
//! once, and a write that nobody reads is done once it can overwrite, for neither takes a
//! possibility away. Only writes with readers are chosen among, in the order given, which is most
//! often near the one in which they happened; and only once everything is done that must
//! precede them.

use hashbrown::HashSet;

use super::saturation::Clocks;
use super::{Budget, History, Kind, Node, Reason, Stop, Undecided, Violation};

/// Finds an order, or shows that there is none.
pub(super) fn find_order(
    history: &History,
    order: &Clocks,
    budget: &Budget,
) -> Result<(), Stop<Reason>> {
    let mut search = Search::new(history, order);
    let mut seen: HashSet<Box<[u32]>, foldhash::fast::FixedState> = HashSet::default();
    let mut furthest = (0, search.positions.clone());
    // What can be chosen in each state on the way, and how much had been done before.
    let mut way: Vec<(Vec<u32>, usize)> = Vec::new();
    let processes = history.processes.len();
    let state = 4 * processes + 16;
    // The room for all choices on the way.
    let mut chosen = 0;
    search.advance();
    loop {
        if search.done.len() == history.nodes.len() {
            return Ok(());
        }
        if search.done.len() > furthest.0 {
            furthest = (search.done.len(), search.positions.clone());
        }
        let choices = match seen.insert(search.positions.clone().into_boxed_slice()) {
            true => search.choices(),
            false => Vec::new(),
        };
        // A state can take long where there are many processes: each looks at the budget.
        let slots = seen.capacity() * 8 / 7 * (size_of::<Box<[u32]>>() + 1);
        // A table that is about to grow will for a moment be there three times.
        let tables = if seen.len() == seen.capacity() { 3 } else { 1 };
        let bytes = history.bytes()
            + seen.len() * state
            + slots * tables
            + way.capacity() * size_of::<(Vec<u32>, usize)>()
            + chosen * size_of::<u32>();
        if let Err(why) = budget.spend(seen.len() as u64, bytes) {
            let (ordered, operations) = (furthest.0, history.nodes.len());
            return Err(Undecided::Unordered {
                why,
                ordered,
                operations,
            }
            .into());
        }
        chosen += choices.capacity();
        way.push((choices, search.done.len()));
        let process = loop {
            let Some((choices, done)) = way.last_mut() else {
                return Err(no_order(history, &furthest.1).into());
            };
            search.undo(*done);
            match choices.pop() {
                Some(process) => break process,
                None => chosen -= choices.capacity(),
            }
            way.pop();
        };
        search.step(process);
        search.advance();
    }
}

/// The first operation of each process that the longest beginning of an order leaves out.
fn no_order(history: &History, positions: &[u32]) -> Violation<Reason> {
    let stuck = history
        .processes
        .iter()
        .zip(positions)
        .filter_map(|(members, &position)| {
            members
                .get(position as usize)
                .map(|&node| history.nodes[node as usize].id)
        });
    Violation::new(Reason::NoOrder, stuck.collect())
}

struct Search<'a> {
    history: &'a History,
    order: &'a Clocks,
    /// How far each process has come.
    positions: Vec<u32>,
    /// The last write to each register; none at first.
    values: Vec<Option<u32>>,
    /// How often each write, each initial value, is still to be read.
    reads: Vec<u32>,
    initial_reads: Vec<u32>,
    /// The processes that took a step, in order, and the value that it overwrote.
    done: Vec<(u32, Option<u32>)>,
}

impl<'a> Search<'a> {
    fn new(history: &'a History, order: &'a Clocks) -> Search<'a> {
        Search {
            positions: vec![0; history.processes.len()],
            values: vec![None; history.keys],
            reads: history.reads.clone(),
            initial_reads: history.initial_reads.clone(),
            done: Vec::new(),
            history,
            order,
        }
    }

    fn next(&self, process: u32) -> Option<(u32, Node)> {
        let members = &self.history.processes[process as usize];
        let node = *members.get(self.positions[process as usize] as usize)?;
        Some((node, self.history.nodes[node as usize]))
    }

    /// How often a register's value is still to be read.
    fn readers(&self, key: u32) -> u32 {
        match self.values[key as usize] {
            Some(write) => self.reads[write as usize],
            None => self.initial_reads[key as usize],
        }
    }

    /// Does all that can be done without a choice.
    fn advance(&mut self) {
        loop {
            let before = self.done.len();
            for process in 0..self.positions.len() as u32 {
                while let Some((node, Node { key, kind, .. })) = self.next(process) {
                    let harmless = match kind {
                        Kind::Read(from) => self.values[key as usize] == from,
                        Kind::Write => self.reads[node as usize] == 0 && self.readers(key) == 0,
                    };
                    if !harmless {
                        break;
                    }
                    self.step(process);
                }
            }
            if self.done.len() == before {
                return;
            }
        }
    }

    /// The processes whose next write may be done, the first to try last.
    fn choices(&self) -> Vec<u32> {
        let may = |&process: &u32| {
            let Some((
                node,
                Node {
                    key,
                    kind: Kind::Write,
                    ..
                },
            )) = self.next(process)
            else {
                return false;
            };
            let before = self.order.of(node).iter().zip(&self.positions).enumerate();
            let mut before = before.map(|(other, (&needed, &position))| {
                needed <= position + u32::from(other == process as usize)
            });
            self.readers(key) == 0 && before.all(|done| done)
        };
        let mut choices: Vec<u32> = (0..self.positions.len() as u32).filter(may).collect();
        choices.sort_unstable_by_key(|&process| {
            std::cmp::Reverse(self.next(process).map(|next| next.0))
        });
        choices
    }

    fn step(&mut self, process: u32) {
        let Some((node, Node { key, kind, .. })) = self.next(process) else {
            return;
        };
        let value = &mut self.values[key as usize];
        self.done.push((process, *value));
        match kind {
            Kind::Write => *value = Some(node),
            Kind::Read(Some(write)) => self.reads[write as usize] -= 1,
            Kind::Read(None) => self.initial_reads[key as usize] -= 1,
        }
        self.positions[process as usize] += 1;
    }

    /// Takes steps back until so many are left.
    fn undo(&mut self, left: usize) {
        while self.done.len() > left {
            let Some((process, value)) = self.done.pop() else {
                return;
            };
            self.positions[process as usize] -= 1;
            let Some((_, Node { key, kind, .. })) = self.next(process) else {
                return;
            };
            match kind {
                Kind::Write => self.values[key as usize] = value,
                Kind::Read(Some(write)) => self.reads[write as usize] += 1,
                Kind::Read(None) => self.initial_reads[key as usize] += 1,
            }
        }
    }
}
