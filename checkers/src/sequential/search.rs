//! Looks for one order of all steps that keeps the order of each process and that the
//! objects allow: a depth-first search with memory, as for linearizability (Wing and Gong
//! 1993), but without time. To decide it is NP-complete (Gibbons and Korach, "Testing Shared
//! Memories", SIAM J. Comput. 26(4), 1997).
//!
//! A node is how far each process has come and the state of each object. Where nothing can
//! be lost by it, less than all is tried:
//!
//! - A step that reads and may happen is taken at once: any order in which it comes later is
//!   as good with it earlier.
//! - Only steps of *enough* processes are tried: a set of them of which no other process will
//!   ever use the objects that they use next. The first step of theirs in any order can as
//!   well come first of all. If none of them can go on, nobody ever can for them. (Persistent
//!   sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems",
//!   1996.)
//! - An unresolved step may never happen, so it is taken only where it changes something that
//!   is still asked for. Where operations overwrite, it is taken only right before a step on its
//!   object that could not happen without it: elsewhere it could be moved later or left out.
//! - Of equal unresolved steps that are next in their processes, one is tried.
//! - A node that has taken no fewer unresolved steps than one visited before, and is the same
//!   otherwise, is not visited.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::plan::{Plan, Step};
use crate::budget::{Budget, Exhausted};
use crate::linearizable::{INITIAL, Space};

/// What a search came to.
#[derive(Debug)]
pub(super) enum Found {
    /// There is an order.
    Order,
    /// There is none.
    Stuck(Stuck),
    /// The budget was used up before.
    Exhausted {
        why: Exhausted,
        /// How many resolved steps the longest order so far has, that led no further.
        ordered: usize,
    },
}

/// How far a search came, and why no further.
#[derive(Debug)]
pub(super) struct Stuck {
    /// The longest order that is right so far.
    pub(super) order: Vec<Step>,
    /// What each process would have to do next.
    pub(super) next: Vec<Step>,
    /// The state of each object then.
    pub(super) states: Vec<u32>,
}

/// Which processes' steps are tried at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Try {
    /// Those of as few processes as are enough.
    Enough,
    /// Those of all, so that the order that got furthest is the longest there is.
    All,
}

/// Work between questions whether to stop: well below a millisecond.
const WORK_BETWEEN_CHECKS: usize = 1 << 14;

/// Processes from which a set that is enough is looked for.
const SEEDS_MAX: usize = 32;

/// No rival.
const NONE: u32 = u32::MAX;

/// Searches for an order; says also in how many steps.
pub(super) fn search<S: Space>(
    plan: &Plan,
    spaces: &mut [S],
    overwrites: bool,
    which: Try,
    budget: &Budget,
) -> (Found, u64) {
    let mut search = Search::new(plan, spaces, overwrites, which, budget);
    let found = search.find();
    (found, search.steps)
}

/// An unresolved step was taken, for a step on this object that could not happen in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owed {
    object: u32,
    before: u32,
}

/// A node being visited; its children are the ones above `children`.
struct Frame {
    done: usize,
    children: usize,
    owed: Option<Owed>,
}

/// A step from a node, and the state that it leads to.
#[derive(Debug, Clone, Copy)]
struct Child {
    step: Step,
    state: u32,
}

struct Search<'a, S> {
    plan: &'a Plan,
    spaces: &'a mut [S],
    overwrites: bool,
    which: Try,
    budget: &'a Budget,
    /// How far each process has come.
    positions: Vec<u32>,
    states: Vec<u32>,
    /// By object, how many resolved steps are to come; and of all objects.
    left: Vec<u32>,
    remaining: usize,
    owed: Option<Owed>,
    /// The steps taken, in order, each with the state that its object had before.
    done: Vec<(Step, u32)>,
    frames: Vec<Frame>,
    children: Vec<Child>,
    /// By node, the last of `rivals`.
    visited: HashMap<Box<[u32]>, u32, FixedState>,
    /// Unresolved steps taken, as bits, and the rival before of the same node.
    rivals: Vec<(Box<[u64]>, u32)>,
    visited_bytes: usize,
    spaces_bytes: usize,
    furthest: Option<(usize, Stuck)>,
    steps: u64,
    work: usize,
    key: Vec<u32>,
    next: Vec<u32>,
    chosen: Vec<u32>,
    /// Of the set that is being closed: the processes in it, and the objects whose users are.
    in_set: Vec<bool>,
    is_closed: Vec<bool>,
}

impl<'a, S: Space> Search<'a, S> {
    fn new(
        plan: &'a Plan,
        spaces: &'a mut [S],
        overwrites: bool,
        which: Try,
        budget: &'a Budget,
    ) -> Self {
        Search {
            positions: vec![0; plan.processes.len()],
            states: vec![INITIAL; spaces.len()],
            left: plan.resolved.clone(),
            remaining: plan.resolved.iter().map(|&count| count as usize).sum(),
            owed: None,
            done: Vec::new(),
            frames: Vec::new(),
            children: Vec::new(),
            visited: HashMap::default(),
            rivals: Vec::new(),
            visited_bytes: 0,
            spaces_bytes: spaces.iter().map(Space::bytes).sum(),
            furthest: None,
            steps: 0,
            work: WORK_BETWEEN_CHECKS,
            key: Vec::new(),
            next: Vec::new(),
            chosen: Vec::new(),
            in_set: vec![false; plan.processes.len()],
            is_closed: vec![false; spaces.len()],
            plan,
            spaces,
            overwrites,
            which,
            budget,
        }
    }

    fn find(&mut self) -> Found {
        let all = self.remaining;
        loop {
            self.settle();
            if self.remaining == 0 {
                return Found::Order;
            }
            if let Err(why) = self.spend() {
                let furthest = self.furthest.as_ref().map_or(0, |(done, _)| *done);
                let ordered = furthest.max(all - self.remaining);
                return Found::Exhausted { why, ordered };
            }
            let frame = Frame {
                done: self.done.len(),
                children: self.children.len(),
                owed: self.owed,
            };
            self.expand();
            // To find out again that there is one way to go on takes less than to remember it.
            if self.children.len() > frame.children + 1 && !self.is_new() {
                self.children.truncate(frame.children);
            }
            self.frames.push(frame);
            let child = loop {
                let Some(frame) = self.frames.last() else {
                    let furthest = self.furthest.take();
                    return Found::Stuck(furthest.map_or_else(|| self.stuck(), |(_, it)| it));
                };
                let (done, children, owed) = (frame.done, frame.children, frame.owed);
                self.undo(done);
                if self.children.len() > children
                    && let Some(child) = self.children.pop()
                {
                    self.owed = owed;
                    break child;
                }
                let ordered = all - self.remaining;
                if self
                    .furthest
                    .as_ref()
                    .is_none_or(|(most, _)| ordered > *most)
                {
                    self.furthest = Some((ordered, self.stuck()));
                }
                self.frames.pop();
            };
            self.owed = (self.overwrites && !child.step.is_resolved).then(|| Owed {
                object: child.step.object,
                before: self.states[child.step.object as usize],
            });
            self.take(child.step, child.state);
        }
    }

    fn spend(&mut self) -> Result<(), Exhausted> {
        self.work += self.positions.len() + self.states.len();
        if self.steps > self.budget.steps_max {
            return Err(Exhausted::Steps(self.budget.steps_max));
        }
        let bytes = self.bytes();
        if bytes > self.budget.bytes_max {
            return Err(Exhausted::Bytes(self.budget.bytes_max));
        }
        if self.work < WORK_BETWEEN_CHECKS {
            return Ok(());
        }
        self.work = 0;
        self.budget.spend(self.steps, bytes)
    }

    fn bytes(&self) -> usize {
        let slot = size_of::<(Box<[u32]>, u32)>() + 1;
        // A table that is about to grow will for a moment be there three times.
        let tables = if self.visited.len() == self.visited.capacity() {
            3
        } else {
            1
        };
        self.visited.capacity() * 8 / 7 * slot * tables
            + self.visited_bytes
            + self.rivals.capacity() * size_of::<(Box<[u64]>, u32)>()
            + self.frames.capacity() * size_of::<Frame>()
            + self.children.capacity() * size_of::<Child>()
            + self.done.capacity() * 2 * size_of::<(Step, u32)>()
            + self.spaces_bytes
    }

    fn next_of(&self, process: u32) -> Option<Step> {
        let place = self.positions[process as usize] as usize;
        self.plan.processes[process as usize].get(place).copied()
    }

    /// The states that an operation leads to from a state of its object, into `next`.
    fn reach(&mut self, step: Step, state: u32) {
        self.next.clear();
        let space = &mut self.spaces[step.object as usize];
        let before = space.bytes();
        space.step(state, step.class, &mut self.next);
        self.spaces_bytes = (self.spaces_bytes + space.bytes()).saturating_sub(before);
        self.work += 1;
    }

    fn allows(&mut self, step: Step, state: u32) -> bool {
        self.reach(step, state);
        !self.next.is_empty()
    }

    fn take(&mut self, step: Step, state: u32) {
        let object = step.object as usize;
        let before = std::mem::replace(&mut self.states[object], state);
        self.done.push((step, before));
        self.positions[step.process as usize] += 1;
        if step.is_resolved {
            self.left[object] -= 1;
            self.remaining -= 1;
        }
    }

    /// Takes steps back until so many are left.
    fn undo(&mut self, left: usize) {
        while self.done.len() > left
            && let Some((step, before)) = self.done.pop()
        {
            let object = step.object as usize;
            self.states[object] = before;
            self.positions[step.process as usize] -= 1;
            if step.is_resolved {
                self.left[object] += 1;
                self.remaining += 1;
            }
        }
    }

    /// Takes all steps that only read and may happen.
    fn settle(&mut self) {
        loop {
            let before = self.done.len();
            for process in 0..self.positions.len() as u32 {
                while let Some(step) = self.next_of(process) {
                    let state = self.states[step.object as usize];
                    if !step.is_resolved || !step.is_read || !self.allows(step, state) {
                        break;
                    }
                    self.take(step, state);
                    // Before the unresolved step it could not, or it had been taken then.
                    let is_owed = |owed: &Owed| owed.object == step.object;
                    self.owed = self.owed.filter(|owed| !is_owed(owed));
                }
            }
            if self.done.len() == before {
                return;
            }
        }
    }

    /// Puts the steps to try on the stack, the first to try last: what was invoked earlier,
    /// and what certainly happened before what may not have.
    fn expand(&mut self) {
        self.steps += 1;
        let first = self.children.len();
        let mut chosen = std::mem::take(&mut self.chosen);
        self.choose(&mut chosen);
        for &process in &chosen {
            let Some(step) = self.next_of(process) else {
                continue;
            };
            let state = self.states[step.object as usize];
            if let Some(owed) = self.owed
                && (owed.object != step.object || self.allows(step, owed.before))
            {
                continue;
            }
            let is_same = |child: &Child| {
                let other = child.step;
                !other.is_resolved && (other.object, other.class) == (step.object, step.class)
            };
            if !step.is_resolved
                && (self.left[step.object as usize] == 0
                    || self.children[first..].iter().any(is_same))
            {
                continue;
            }
            self.reach(step, state);
            let next = self.next.iter();
            let next = next.filter(|&&next| step.is_resolved || next != state);
            let children = next.map(|&state| Child { step, state });
            self.children.extend(children);
        }
        self.chosen = chosen;
        self.children[first..].sort_by_key(|child| {
            let step = child.step;
            (step.is_resolved, std::cmp::Reverse(step.operation))
        });
    }

    /// The processes whose steps are tried.
    fn choose(&mut self, chosen: &mut Vec<u32>) {
        chosen.clear();
        let processes = 0..self.positions.len() as u32;
        if self.which == Try::All || self.owed.is_some() || self.states.len() == 1 {
            chosen.extend(processes);
            return;
        }
        let mut set = Vec::new();
        let mut seeds = 0;
        for process in processes {
            if !self.next_of(process).is_some_and(|step| step.is_resolved) {
                continue;
            }
            self.close(process, &mut set);
            if seeds == 0 || set.len() < chosen.len() {
                std::mem::swap(chosen, &mut set);
            }
            seeds += 1;
            if seeds == SEEDS_MAX || chosen.len() == 1 {
                return;
            }
        }
    }

    /// The processes that may ever use the object that this one uses next, those that may
    /// use what these use next, and so on.
    fn close(&mut self, process: u32, set: &mut Vec<u32>) {
        set.clear();
        set.push(process);
        self.in_set[process as usize] = true;
        let mut at = 0;
        while let Some(&process) = set.get(at) {
            at += 1;
            let Some(step) = self.next_of(process) else {
                continue;
            };
            if std::mem::replace(&mut self.is_closed[step.object as usize], true) {
                continue;
            }
            let users = &self.plan.users[step.object as usize];
            self.work += users.len();
            for &(user, last) in users {
                let is_done = self.positions[user as usize] > last;
                if !is_done && !std::mem::replace(&mut self.in_set[user as usize], true) {
                    set.push(user);
                }
            }
        }
        for &process in &*set {
            self.in_set[process as usize] = false;
            if let Some(step) = self.next_of(process) {
                self.is_closed[step.object as usize] = false;
            }
        }
    }

    /// Whether no node was visited that is at least as good.
    fn is_new(&mut self) -> bool {
        let resolved = |process: usize| {
            let steps = &self.plan.processes[process];
            let doubtful = steps.last().is_some_and(|step| !step.is_resolved);
            (steps.len() - usize::from(doubtful)) as u32
        };
        self.key.clear();
        let positions = self.positions.iter().enumerate();
        self.key
            .extend(positions.map(|(process, &at)| at.min(resolved(process))));
        let states = self.states.iter().zip(&self.left);
        // The state of an object that nobody needs any more does not matter.
        let states = states.map(|(&state, &left)| if left == 0 { INITIAL } else { state });
        self.key.extend(states);
        if let Some(owed) = self.owed {
            self.key.extend([owed.object, owed.before]);
        }
        let mut taken = vec![0_u64; self.plan.doubtful.len().div_ceil(64)].into_boxed_slice();
        for (at, &process) in self.plan.doubtful.iter().enumerate() {
            if self.positions[process as usize] > resolved(process as usize) {
                taken[at / 64] |= 1 << (at % 64);
            }
        }
        let first = self.visited.get(&self.key[..]).copied();
        let mut rival = first.unwrap_or(NONE);
        while rival != NONE {
            let (other, before) = &self.rivals[rival as usize];
            if other
                .iter()
                .zip(&taken)
                .all(|(other, taken)| other & !taken == 0)
            {
                return false;
            }
            rival = *before;
            self.work += taken.len() + 1;
        }
        // Beyond four billion a node is not remembered: it may be visited again.
        let Some(number) = u32::try_from(self.rivals.len()).ok().filter(|&n| n != NONE) else {
            return true;
        };
        self.visited_bytes += 16 + 8 * taken.len();
        self.rivals.push((taken, first.unwrap_or(NONE)));
        match self.visited.get_mut(&self.key[..]) {
            Some(last) => *last = number,
            None => {
                self.visited_bytes += 16 + 4 * self.key.len();
                self.visited.insert(self.key.as_slice().into(), number);
            }
        }
        true
    }

    fn stuck(&self) -> Stuck {
        let processes = 0..self.positions.len() as u32;
        let next = processes.filter_map(|process| self.next_of(process));
        Stuck {
            order: self.done.iter().map(|&(step, _)| step).collect(),
            next: next.filter(|step| step.is_resolved).collect(),
            states: self.states.clone(),
        }
    }
}
