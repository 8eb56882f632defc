//! Sequential consistency of registers that write each value at most once: there is one
//! order of all operations that keeps the order of each process, in which each read
//! returns the last value written to its register (Lamport, "How to Make a Multiprocessor
//! Computer That Correctly Executes Multiprocess Programs", 1979). Real time plays no part.
//!
//! It is not a property of each register alone, so all registers are given together. To
//! decide it is NP-complete even so (Gibbons and Korach, "Testing Shared Memories", SIAM J.
//! Comput. 26(4), 1997), so it is done in two steps, each of them sound both ways:
//!
//! 1. `saturation`: what must precede what, whatever the order, until nothing follows any
//!    more; a cycle is a violation, and it is shown. Polynomial.
//! 2. `search`: an order is looked for within a budget of states. If one is found it is valid;
//!    if there is none, violated; past the budget undecided.
//!
//! An unresolved read says nothing and is dropped. An unresolved write that nobody read is
//! dropped, as it may never have happened; one that somebody read did.

mod saturation;
mod search;

use hashbrown::HashMap;

use super::register::Action;
use super::{Outcome, Stop, Undecided, Violation};
use crate::budget::Budget;
use saturation::Saturation;

/// One operation on one of several registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The caller's name for it.
    pub id: u64,
    /// Who did it. A process does one thing after another, in the order given.
    pub process: u32,
    /// The register. Values of different registers have nothing to do with each other.
    pub key: u32,
    /// What it did.
    pub action: Action,
    /// Whether it returned. Only the last operation of a process may not have.
    pub resolved: bool,
}

/// Why a history cannot be put in one order. Displayed, a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// A read returned what nobody wrote.
    #[error("operation {read} read a value that nobody wrote")]
    NeverWritten {
        /// The read.
        read: u64,
    },
    /// Each of these operations must precede the next, and the last the first.
    #[error(
        "each of these operations must come before the next, and the last before the first: {}",
        words(.steps)
    )]
    Cycle {
        /// The operations, and why each must precede the next.
        steps: Vec<Step>,
    },
    /// No cycle shows it, but every order was tried.
    #[error(
        "every order was tried: none lets the operations up to these, the first of each process \
         that none got past, all take effect"
    )]
    NoOrder,
}

/// One step of a cycle: an operation, and why it must precede the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The operation.
    pub operation: u64,
    /// Why it precedes the next.
    pub because: Because,
}

/// Why one operation must precede another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The same process did the one, then the other.
    Process,
    /// The other read what the one wrote.
    ReadFrom,
    /// The one read what the other overwrote: the initial value, or one that must be written
    /// before the other's.
    Overwritten,
    /// Both are writes, and a read that must come after the one returned the value of the other.
    StillRead {
        /// The read.
        read: u64,
    },
}

fn words(steps: &[Step]) -> String {
    let next = steps.iter().cycle().skip(1);
    let words = steps.iter().zip(next).map(|(step, next)| {
        let (one, other) = (step.operation, next.operation);
        let because = match step.because {
            Because::Process => " in its process".to_owned(),
            Because::ReadFrom => ", which read what it wrote".to_owned(),
            Because::Overwritten => ", which overwrote what it read".to_owned(),
            Because::StillRead { read } => {
                format!(", whose value operation {read} read after {one}")
            }
        };
        format!("{one} before {other}{because}")
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Decides whether the history is sequentially consistent, within a budget; its steps are
/// states of the search.
pub fn check(operations: &[Operation], budget: &Budget) -> Outcome<Reason> {
    decide(operations, budget).into()
}

fn decide(operations: &[Operation], budget: &Budget) -> Result<(), Stop<Reason>> {
    let history = History::new(operations)?;
    let order = Saturation::new(&history).saturate(&history, budget)?;
    search::find_order(&history, &order, budget)
}

/// An operation that counts.
#[derive(Debug, Clone, Copy)]
struct Node {
    id: u64,
    /// Which process, and the position in it.
    process: u32,
    position: u32,
    key: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    /// From which write; none if it found the initial value.
    Read(Option<u32>),
}

/// A history sorted out: nodes by number, and their order in each process.
struct History {
    nodes: Vec<Node>,
    /// The nodes of each process.
    processes: Vec<Vec<u32>>,
    /// How many registers there are.
    keys: usize,
    /// How many reads each node has, if it is a write; and each register's initial value.
    reads: Vec<u32>,
    initial_reads: Vec<u32>,
}

type Numbers<T> = HashMap<T, u32, foldhash::fast::FixedState>;

impl History {
    /// Bytes for it and for the clocks of all its operations, about.
    fn bytes(&self) -> usize {
        let (nodes, processes) = (self.nodes.len(), self.processes.len());
        let clock = 4 * processes;
        nodes.saturating_mul(size_of::<Operation>() + size_of::<Node>() + 8 + clock)
    }

    fn new(operations: &[Operation]) -> Result<History, Stop<Reason>> {
        let mut writers: Numbers<(u32, u32)> = Numbers::default();
        for (index, operation) in operations.iter().enumerate() {
            if operation.action == Action::WriteInitial {
                let write = operation.id;
                return Err(Undecided::InitialValue { write }.into());
            }
            if let Action::Write(value) = operation.action {
                let written = (operation.key, value);
                if let Some(first) = writers.insert(written, index as u32) {
                    let (first, second) = (operations[first as usize].id, operation.id);
                    return Err(Undecided::RepeatedValue { first, second }.into());
                }
            }
        }
        let mut read = vec![false; operations.len()];
        for one in operations.iter().filter(|one| one.resolved) {
            if let Action::Read(value) = one.action {
                let Some(&writer) = writers.get(&(one.key, value)) else {
                    let reason = Reason::NeverWritten { read: one.id };
                    return Err(Violation::new(reason, vec![one.id]).into());
                };
                read[writer as usize] = true;
            }
        }
        Ok(History::of(operations, &writers, &read))
    }

    /// The operations that are resolved, or writes that were read.
    fn of(operations: &[Operation], writers: &Numbers<(u32, u32)>, read: &[bool]) -> History {
        let counts = |index: usize| operations[index].resolved || read[index];
        let kept: Vec<usize> = (0..operations.len())
            .filter(|&index| counts(index))
            .collect();
        let mut number = vec![u32::MAX; operations.len()];
        for (node, &index) in kept.iter().enumerate() {
            number[index] = node as u32;
        }
        let (mut process_numbers, mut key_numbers) = (Numbers::default(), Numbers::default());
        let mut history = History {
            nodes: Vec::with_capacity(kept.len()),
            processes: Vec::new(),
            keys: 0,
            reads: vec![0; kept.len()],
            initial_reads: Vec::new(),
        };
        for index in kept {
            let Operation {
                id,
                process,
                key,
                action,
                ..
            } = operations[index];
            let next = history.processes.len() as u32;
            let process = *process_numbers.entry(process).or_insert(next);
            if process == next {
                history.processes.push(Vec::new());
            }
            let next = history.initial_reads.len() as u32;
            let register = *key_numbers.entry(key).or_insert(next);
            if register == next {
                history.initial_reads.push(0);
            }
            let kind = match action {
                Action::Write(_) | Action::WriteInitial => Kind::Write,
                Action::ReadInitial => Kind::Read(None),
                Action::Read(value) => {
                    let writer = writers.get(&(key, value));
                    Kind::Read(writer.map(|&writer| number[writer as usize]))
                }
            };
            match kind {
                Kind::Read(Some(writer)) => history.reads[writer as usize] += 1,
                Kind::Read(None) => history.initial_reads[register as usize] += 1,
                Kind::Write => {}
            }
            let members = &mut history.processes[process as usize];
            let position = members.len() as u32;
            members.push(history.nodes.len() as u32);
            history.nodes.push(Node {
                id,
                process,
                position,
                key: register,
                kind,
            });
        }
        history.keys = history.initial_reads.len();
        history
    }
}
