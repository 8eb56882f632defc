//! Whether a register is 2-atomic: whether every read can have returned the newest or the
//! second newest value.
//!
//! LBT, the algorithm with limited backtracking of Golab, Hurwitz and Li ("On the
//! k-Atomicity-Verification Problem", ICDCS 2013, arXiv 1309.5522), from the last write to the
//! first. Any write that does not certainly precede another can be the last. What is read
//! after it has certainly taken effect must then be read from it, or all from one other
//! write, which has to be the last but one; and so on, until nothing forces the next
//! write. Such an *epoch* is final: what it took away are whole values, without which the
//! rest is at least as easy to order. If no write can start an epoch, nothing explains
//! the history.
//!
//! Time O(n · c) with c writes under way at once, if a start that fails does so soon; so all
//! starts are tried a few steps each, then twice as many, within a budget.

use super::register::Register;

/// Whether the register is 2-atomic; none if the budget of steps does not suffice.
/// `effect`: by when each write had certainly taken effect.
pub(super) fn check(register: &Register, effect: &[u64], budget: usize) -> Option<bool> {
    let mut search = Search::new(register, effect, budget);
    while search.by_effect.last().is_some() {
        if !search.epoch()? {
            return Some(false);
        }
    }
    Some(true)
}

struct Search<'a> {
    register: &'a Register,
    effect: &'a [u64],
    /// The writes that are left, by call and by effect.
    by_call: List,
    by_effect: List,
    /// The reads that are left, by call.
    reads: List,
    /// The reads of each write.
    reads_of: Vec<Vec<u32>>,
    /// What was taken away in this try.
    taken: Vec<Taken>,
    steps_left: usize,
}

#[derive(Debug, Clone, Copy)]
enum Taken {
    Write(usize),
    Read(usize),
}

enum Try {
    Done,
    Failed,
    TooLong,
}

impl<'a> Search<'a> {
    fn new(register: &'a Register, effect: &'a [u64], budget: usize) -> Search<'a> {
        let Register { writes, reads } = register;
        let mut reads_of = vec![Vec::new(); writes.len()];
        for (index, read) in reads.iter().enumerate() {
            reads_of[read.from].push(index as u32);
        }
        Search {
            by_call: List::by_key(writes.len(), |index| writes[index].interval.call),
            by_effect: List::by_key(writes.len(), |index| effect[index]),
            reads: List::by_key(reads.len(), |index| reads[index].interval.call),
            reads_of,
            taken: Vec::new(),
            steps_left: budget,
            register,
            effect,
        }
    }

    /// Takes one epoch away; none if the budget is spent, false if there can be none.
    fn epoch(&mut self) -> Option<bool> {
        let Some(latest) = self.by_call.last() else {
            return Some(true);
        };
        let latest = self.register.writes[latest].interval.call;
        let mut starts = Vec::new();
        let mut place = self.by_effect.last();
        while let Some(write) = place.filter(|&write| self.effect[write] >= latest) {
            starts.push(write);
            place = self.by_effect.before(write);
        }
        let mut limit = 4;
        while !starts.is_empty() {
            let mut later = Vec::new();
            for start in starts {
                match self.attempt(start, limit) {
                    Try::Done => return Some(true),
                    Try::Failed => {}
                    Try::TooLong => later.push(start),
                }
                if self.steps_left == 0 {
                    return None;
                }
            }
            starts = later;
            limit *= 2;
        }
        Some(false)
    }

    /// Takes an epoch away that begins with this write, or nothing.
    fn attempt(&mut self, start: usize, limit: usize) -> Try {
        self.taken.clear();
        let mut next = Some(start);
        let mut outcome = Try::Done;
        while let Some(write) = next {
            if self.taken.len() > limit {
                outcome = Try::TooLong;
                break;
            }
            match self.place(write) {
                Ok(forced) => next = forced,
                Err(()) => {
                    outcome = Try::Failed;
                    break;
                }
            }
        }
        self.steps_left = self.steps_left.saturating_sub(self.taken.len() + 1);
        if !matches!(outcome, Try::Done) {
            while let Some(taken) = self.taken.pop() {
                match taken {
                    Taken::Read(read) => self.reads.restore(read),
                    Taken::Write(write) => {
                        self.by_effect.restore(write);
                        self.by_call.restore(write);
                    }
                }
            }
        }
        outcome
    }

    /// Makes this write the last of those that are left. The write that must come just
    /// before it, if any; an error if it cannot be the last.
    fn place(&mut self, write: usize) -> Result<Option<usize>, ()> {
        let effect = self.effect[write];
        let call = |write: usize| self.register.writes[write].interval.call;
        if self
            .by_call
            .last()
            .is_some_and(|latest| call(latest) > effect)
        {
            return Err(());
        }
        self.by_call.remove(write);
        self.by_effect.remove(write);
        self.taken.push(Taken::Write(write));
        for &read in &self.reads_of[write] {
            let read = read as usize;
            if self.reads.contains(read) {
                self.reads.remove(read);
                self.taken.push(Taken::Read(read));
            }
        }
        let mut forced = None;
        while let Some(read) = self.reads.last() {
            let one = self.register.reads[read];
            if one.interval.call <= effect {
                break;
            }
            if *forced.get_or_insert(one.from) != one.from {
                return Err(());
            }
            self.reads.remove(read);
            self.taken.push(Taken::Read(read));
        }
        Ok(forced)
    }
}

/// A sorted doubly linked list whose members can be removed, and restored in the opposite
/// order.
struct List {
    /// For each member, and at the end for the list itself.
    before: Vec<u32>,
    after: Vec<u32>,
}

impl List {
    fn by_key(members: usize, key: impl Fn(usize) -> u64) -> List {
        let mut order: Vec<u32> = (0..members as u32).collect();
        order.sort_by_key(|&member| key(member as usize));
        let ends = members as u32;
        let (mut before, mut after) = (vec![ends; members + 1], vec![ends; members + 1]);
        let mut last = ends;
        for member in order.into_iter().chain([ends]) {
            before[member as usize] = last;
            after[last as usize] = member;
            last = member;
        }
        List { before, after }
    }

    fn before(&self, member: usize) -> Option<usize> {
        let before = self.before[member] as usize;
        (before + 1 < self.before.len()).then_some(before)
    }

    fn last(&self) -> Option<usize> {
        self.before(self.before.len() - 1)
    }

    fn contains(&self, member: usize) -> bool {
        self.after[self.before[member] as usize] as usize == member
    }

    fn remove(&mut self, member: usize) {
        let (before, after) = (self.before[member], self.after[member]);
        self.after[before as usize] = after;
        self.before[after as usize] = before;
    }

    fn restore(&mut self, member: usize) {
        let (before, after) = (self.before[member], self.after[member]);
        self.after[before as usize] = member as u32;
        self.before[after as usize] = member as u32;
    }
}
