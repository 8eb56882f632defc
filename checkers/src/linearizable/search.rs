//! The general engine: a depth-first search over the frontier.
//!
//! It goes through the returns in real-time order. Before an operation may return it
//! must be linearized, and others that are open may be linearized before it: just in
//! time (Lowe, "Testing for linearizability", 2017), so that a node is no more than
//! the next return, which of the open operations are linearized already, and the
//! state. A node is visited once (Wing and Gong 1993, with Lowe's memory), and has a
//! constant size.
//!
//! - An operation that reads and may happen is linearized at once: the order without
//!   that is no better.
//! - Of equal operations that are open the first to return is linearized first.
//! - Of equal unresolved operations only the number used is part of a node; a node
//!   that used no fewer than one visited before is not visited.
//! - Where operations overwrite, an unresolved one is linearized only right before
//!   what it makes possible: elsewhere it could be moved later or left out.

mod tell;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::mask::Mask;
use super::plan::{Frontier, Item, Plan, VACANT};
use super::space::{INITIAL, Space};
use super::usage::{NOTHING, Usage};
use crate::budget::{Budget, Exhausted};

/// What a search came to.
#[derive(Debug)]
pub(crate) enum Found {
    /// The items in an order that explains the history.
    Order(Vec<u32>),
    /// There is none.
    Stuck(Stuck),
    /// The budget was used up before; this many of the returns were passed.
    Exhausted {
        /// What ran out.
        why: Exhausted,
        passed: usize,
        returns: usize,
    },
}

/// How far a search came, and why no further.
#[derive(Debug)]
pub(crate) struct Stuck {
    /// The item whose return could not be passed.
    pub(crate) item: u32,
    /// The longest order found of what came before.
    pub(crate) order: Vec<u32>,
    /// The states in which it can have found the object, ascending; of [`search`] only.
    pub(crate) states: Vec<u32>,
    /// Whether those are all.
    pub(crate) is_all: bool,
}

/// Searches items, in the order of their calls; says also how many steps it took.
pub(crate) fn search(
    items: &[Item],
    space: &mut dyn Space,
    overwrites: bool,
    budget: &Budget,
) -> (Found, u64) {
    let mut searcher = Searcher {
        tells: true,
        ..Searcher::default()
    };
    searcher.search(items, space, overwrites, budget)
}

/// Searches again and again in the same memory: to find some for a search of a few
/// operations takes as long as to search.
#[derive(Default)]
pub(super) struct Searcher {
    plan: Plan,
    memory: Memory<u32>,
    /// Whether to tell in which states it got stuck.
    tells: bool,
}

impl Searcher {
    /// As [`search`].
    pub(super) fn search(
        &mut self,
        items: &[Item],
        space: &mut dyn Space,
        overwrites: bool,
        budget: &Budget,
    ) -> (Found, u64) {
        self.plan.lay_out(items);
        let (plan, tells) = (&self.plan, self.tells);
        match plan.slots {
            0..=32 => Search::new(plan, space, overwrites, budget, &mut self.memory).run(tells),
            33..=64 => run::<u64>(plan, space, overwrites, budget, tells),
            65..=128 => run::<u128>(plan, space, overwrites, budget, tells),
            _ => run::<Box<[u64]>>(plan, space, overwrites, budget, tells),
        }
    }
}

fn run<M: Mask>(
    plan: &Plan,
    space: &mut dyn Space,
    overwrites: bool,
    budget: &Budget,
    tells: bool,
) -> (Found, u64) {
    Search::<M>::new(plan, space, overwrites, budget, &mut Memory::default()).run(tells)
}

/// Unresolved operations that each need the one before, in a row.
const CHAIN_MAX: usize = 1_000;

/// Steps between looks at the budget: a few hundred microseconds.
const STEPS_BETWEEN_CHECKS: u64 = 1024;

/// States may be large: what part of the memory they take between looks at the budget.
const BYTES_BETWEEN_CHECKS_PART: usize = 64;

/// Nodes that are not forgotten before there are as many.
const FORGOTTEN_MIN: usize = 64;

#[derive(Clone)]
struct Node<M> {
    /// The next return.
    rank: u32,
    state: u32,
    /// The open operations that are linearized.
    done: M,
    /// The unresolved operations that are, of [`Usage`].
    used: u32,
}

/// A node being visited: its children are the ones above `children`.
struct Frame<M> {
    node: Node<M>,
    path: usize,
    children: usize,
    links: usize,
}

/// A step from a node: unresolved operations, and then perhaps one that happened.
struct Child {
    state: u32,
    used: u32,
    /// [`VACANT`] if there is none.
    must: u32,
    /// Of the links, the unresolved operations' items.
    links: (u32, u32),
    /// The greatest is tried first.
    order: (u8, u32),
}

/// What a search remembers.
#[derive(Default)]
struct Memory<M> {
    read_only: Vec<bool>,
    /// By node, the last of `rivals` with its usage.
    visited: HashMap<(u32, u32, M), u32, FixedState>,
    /// A usage, and the rival before.
    rivals: Vec<(u32, u32)>,
    usage: Usage,
    frames: Vec<Frame<M>>,
    children: Vec<Child>,
    links: Vec<u32>,
    path: Vec<u32>,
    /// The open musts that may be next, of the node that is being expanded.
    candidates: Vec<u32>,
    next: Vec<u32>,
    after: Vec<u32>,
    /// The states and the items of a chain.
    seen: Vec<u32>,
    chained: Vec<u32>,
}
impl<M> Memory<M> {
    fn clear(&mut self, maybes: usize) {
        self.read_only.clear();
        self.visited.clear();
        self.rivals.clear();
        self.usage.clear(maybes);
        self.frames.clear();
        self.children.clear();
        self.links.clear();
        self.path.clear();
    }
}

struct Search<'a, M> {
    plan: &'a Plan,
    space: &'a mut dyn Space,
    overwrites: bool,
    budget: &'a Budget,
    exhausted: Option<Exhausted>,
    /// When the budget is looked at next: at so many steps, or bytes of states.
    check_at: (u64, usize),
    frontier: Frontier<'a>,
    memory: &'a mut Memory<M>,
    furthest: u32,
    best: Option<(u32, Vec<u32>)>,
    steps: u64,
    mask_bytes: usize,
}

impl<'a, M: Mask> Search<'a, M> {
    fn new(
        plan: &'a Plan,
        space: &'a mut dyn Space,
        overwrites: bool,
        budget: &'a Budget,
        memory: &'a mut Memory<M>,
    ) -> Self {
        memory.clear(plan.maybes.len());
        let musts = plan.musts.iter();
        let read_only = musts.map(|must| space.read_only(must.class));
        memory.read_only.extend(read_only);
        Search {
            plan,
            space,
            overwrites,
            budget,
            exhausted: None,
            check_at: (0, 0),
            frontier: Frontier::new(plan),
            memory,
            furthest: 0,
            best: None,
            steps: 0,
            mask_bytes: M::empty(plan.slots).heap_bytes(),
        }
    }

    fn run(mut self, tells: bool) -> (Found, u64) {
        let mut found = self.find();
        if let (Found::Stuck(stuck), true) = (&mut found, tells) {
            self.tell(stuck);
        }
        (found, self.steps)
    }

    fn find(&mut self) -> Found {
        let root = Node {
            rank: 0,
            state: INITIAL,
            done: M::empty(self.plan.slots),
            used: NOTHING,
        };
        let mut finished = self.enter(root);
        while !finished {
            if let Some(why) = self.is_exhausted() {
                return Found::Exhausted {
                    why,
                    passed: self.furthest as usize,
                    returns: self.plan.returns.len(),
                };
            }
            let Some(frame) = self.memory.frames.last() else {
                return Found::Stuck(self.stuck());
            };
            self.memory.path.truncate(frame.path);
            if self.memory.children.len() == frame.children {
                let rank = frame.node.rank;
                if self.best.as_ref().is_none_or(|(best, _)| rank > *best) {
                    self.best = Some((rank, self.memory.path.clone()));
                }
                self.memory.links.truncate(frame.links);
                self.memory.frames.pop();
                continue;
            }
            let mut node = frame.node.clone();
            let Some(child) = self.memory.children.pop() else {
                continue;
            };
            let links = child.links.0 as usize..child.links.1 as usize;
            self.memory
                .path
                .extend_from_slice(&self.memory.links[links]);
            node.state = child.state;
            node.used = child.used;
            if child.must != VACANT {
                let must = self.plan.musts[child.must as usize];
                node.done.insert(must.slot);
                self.memory.path.push(must.item);
            }
            finished = self.enter(node);
        }
        Found::Order(std::mem::take(&mut self.memory.path))
    }

    fn is_exhausted(&mut self) -> Option<Exhausted> {
        let states = self.space.bytes();
        if (self.steps >= self.check_at.0 || states >= self.check_at.1) && self.exhausted.is_none()
        {
            let bytes_between = self.budget.bytes_max / BYTES_BETWEEN_CHECKS_PART;
            self.check_at = (self.steps + STEPS_BETWEEN_CHECKS, states + bytes_between);
            self.exhausted = self.budget.spend(self.steps, self.bytes()).err();
        }
        self.exhausted
    }

    /// Settles what can be settled at the node, and opens it for visiting unless it
    /// was visited. Whether that was the end.
    fn enter(&mut self, mut node: Node<M>) -> bool {
        let plan = self.plan;
        if plan.returns.is_empty() {
            return true;
        }
        self.frontier.seek(node.rank);
        for slot in 0..self.frontier.open.len() {
            self.settle(&mut node, self.frontier.open[slot]);
        }
        loop {
            let slot = plan.musts[plan.returns[node.rank as usize] as usize].slot;
            if !node.done.has(slot) {
                break;
            }
            node.done.remove(slot);
            let new = self.frontier.newly_called();
            node.rank += 1;
            if node.rank as usize == plan.returns.len() {
                return true;
            }
            self.frontier.seek(node.rank);
            for must in new {
                self.settle(&mut node, must);
            }
        }
        if node.rank > self.furthest {
            self.furthest = node.rank;
            self.forget(&mut node);
        }
        if self.is_new(&node) {
            self.expand(node);
        }
        false
    }

    /// Now and then forgets what was before a node that is the only one left to go on from, and
    /// further than any: nobody comes back, and if it leads nowhere it is what remains to tell.
    fn forget(&mut self, node: &mut Node<M>) {
        let memory = &mut self.memory;
        let worth = FORGOTTEN_MIN.max(memory.visited.capacity() / 8);
        if !memory.children.is_empty() || memory.visited.len() < worth {
            return;
        }
        memory.visited.clear();
        memory.rivals.clear();
        memory.frames.clear();
        memory.links.clear();
        if node.used == NOTHING {
            memory.usage.clear(self.plan.maybes.len());
        }
        node.state = self.space.forget_all_but(node.state);
    }

    fn settle(&mut self, node: &mut Node<M>, must: u32) {
        if must == VACANT || !self.memory.read_only[must as usize] {
            return;
        }
        let must = self.plan.musts[must as usize];
        if !node.done.has(must.slot) && self.allows(node.state, must.class) {
            node.done.insert(must.slot);
            self.memory.path.push(must.item);
        }
    }

    fn allows(&mut self, state: u32, class: u32) -> bool {
        self.memory.after.clear();
        self.space.step(state, class, &mut self.memory.after);
        !self.memory.after.is_empty()
    }

    /// Whether no node was visited that is at least as good.
    fn is_new(&mut self, node: &Node<M>) -> bool {
        let key = (node.rank, node.state, node.done.clone());
        let first = self.memory.visited.entry(key).or_insert(VACANT);
        let mut rival = *first;
        while rival != VACANT {
            let (used, before) = self.memory.rivals[rival as usize];
            if self.memory.usage.is_within(used, node.used) {
                return false;
            }
            rival = before;
        }
        self.memory.rivals.push((node.used, *first));
        *first = (self.memory.rivals.len() - 1) as u32;
        true
    }

    fn expand(&mut self, node: Node<M>) {
        self.steps += 1;
        let plan = self.plan;
        let frame = Frame {
            path: self.memory.path.len(),
            children: self.memory.children.len(),
            links: self.memory.links.len(),
            node,
        };
        let node = &frame.node;
        let returning = plan.returns[node.rank as usize];
        self.choose_candidates(node);
        for at in 0..self.memory.candidates.len() {
            let must = self.memory.candidates[at];
            self.linearize(returning, must, node.state, node.used, (0, 0));
        }
        if !plan.maybes.is_empty() {
            if self.overwrites {
                let mut seen = std::mem::take(&mut self.memory.seen);
                let mut links = std::mem::take(&mut self.memory.chained);
                seen.push(node.state);
                self.chain(node, node.used, &mut seen, &mut links);
                seen.clear();
                (self.memory.seen, self.memory.chained) = (seen, links);
            } else {
                self.guess(node);
            }
        }
        self.memory.children[frame.children..].sort_by_key(|child| child.order);
        self.memory.frames.push(frame);
    }

    /// The open musts that may be next: of equal ones the first to return, since the
    /// others can take its place and it theirs.
    fn choose_candidates(&mut self, node: &Node<M>) {
        let plan = self.plan;
        self.memory.candidates.clear();
        for (&must, slot) in self.frontier.open.iter().zip(0..) {
            if must != VACANT && !node.done.has(slot) {
                self.memory.candidates.push(must);
            }
        }
        let order = |must: &u32| {
            let must = &plan.musts[*must as usize];
            (must.class, must.rank)
        };
        self.memory.candidates.sort_unstable_by_key(order);
        self.memory
            .candidates
            .dedup_by_key(|must| plan.musts[*must as usize].class);
    }

    /// Steps that linearize a must from a state, after the unresolved ones of `links`.
    fn linearize(&mut self, returning: u32, must: u32, state: u32, used: u32, links: (u32, u32)) {
        let plan = self.plan;
        let class = plan.musts[must as usize].class;
        let mut next = std::mem::take(&mut self.memory.next);
        next.clear();
        self.space.step(state, class, &mut next);
        for &state in &next {
            let eagerness = if must == returning {
                3
            } else if self.allows(state, plan.musts[returning as usize].class) {
                2
            } else {
                1
            };
            // The sooner it must return, the sooner it is tried; guesses last.
            let soon = u32::MAX - plan.musts[must as usize].rank;
            let eagerness = if links.0 == links.1 {
                eagerness + 3
            } else {
                eagerness
            };
            self.memory.children.push(Child {
                state,
                used,
                must,
                links,
                order: (eagerness, soon),
            });
        }
        self.memory.next = next;
    }

    /// Steps that linearize one unresolved operation.
    fn guess(&mut self, node: &Node<M>) {
        let plan = self.plan;
        let returning = plan.musts[plan.returns[node.rank as usize] as usize].class;
        for (at, &maybe) in plan.maybes.iter().enumerate() {
            let used = self.memory.usage.count(node.used, at);
            if used >= plan.available(maybe, node.rank) {
                continue;
            }
            let mut next = std::mem::take(&mut self.memory.next);
            next.clear();
            self.space.step(node.state, maybe.class, &mut next);
            for &state in next.iter().filter(|&&state| state != node.state) {
                let helps = self.allows(state, returning);
                let link = self.memory.links.len() as u32;
                self.memory.links.push(plan.item(maybe, used));
                let used = self.memory.usage.plus(node.used, at);
                self.memory.children.push(Child {
                    state,
                    used,
                    must: VACANT,
                    links: (link, link + 1),
                    order: (u8::from(helps), maybe.class),
                });
            }
            self.memory.next = next;
        }
    }

    /// Steps that linearize unresolved operations, each because the next could not
    /// happen without it, and then a must that could not happen without the last.
    /// `seen` are the states on the way, `links` the items.
    fn chain(&mut self, node: &Node<M>, used: u32, seen: &mut Vec<u32>, links: &mut Vec<u32>) {
        let plan = self.plan;
        let returning = plan.returns[node.rank as usize];
        let Some(&state) = seen.last() else { return };
        let before = seen.len().checked_sub(2).map(|at| seen[at]);
        for (at, &maybe) in plan.maybes.iter().enumerate() {
            let count = self.memory.usage.count(used, at);
            if count >= plan.available(maybe, node.rank) {
                continue;
            }
            if before.is_some_and(|before| self.allows(before, maybe.class)) {
                continue;
            }
            self.memory.after.clear();
            self.space.step(state, maybe.class, &mut self.memory.after);
            let Some(&reached) = self.memory.after.first() else {
                continue;
            };
            if seen.contains(&reached) {
                continue;
            }
            self.steps += 1;
            if self.is_exhausted().is_some() {
                return;
            }
            let used = self.memory.usage.plus(used, at);
            links.push(plan.item(maybe, count));
            seen.push(reached);
            let start = self.memory.links.len() as u32;
            self.memory.links.extend_from_slice(links);
            let span = (start, self.memory.links.len() as u32);
            for at in 0..self.memory.candidates.len() {
                let must = self.memory.candidates[at];
                if !self.allows(state, plan.musts[must as usize].class) {
                    self.linearize(returning, must, reached, used, span);
                }
            }
            if seen.len() < CHAIN_MAX {
                self.chain(node, used, seen, links);
            } else {
                self.exhausted = Some(Exhausted::Depth(CHAIN_MAX));
            }
            seen.pop();
            links.pop();
        }
    }

    fn bytes(&self) -> usize {
        let key = size_of::<((u32, u32, M), u32)>() + 1;
        // A table that is about to grow will for a moment be there three times.
        let grows = self.memory.visited.capacity() - self.memory.visited.len()
            <= STEPS_BETWEEN_CHECKS as usize;
        let tables = if grows { 3 } else { 1 };
        self.memory.visited.capacity() * 8 / 7 * key * tables
            + self.memory.visited.len() * self.mask_bytes
            + self.memory.rivals.capacity() * 8
            + self.memory.usage.bytes()
            + self.memory.frames.capacity() * size_of::<Frame<M>>()
            + self.memory.children.capacity() * size_of::<Child>()
            + (self.memory.path.capacity() + self.memory.links.capacity()) * 4
            + self.space.bytes()
    }

    fn stuck(&mut self) -> Stuck {
        let (rank, order) = self.best.take().unwrap_or_default();
        let must = self.plan.returns[rank as usize];
        Stuck {
            item: self.plan.musts[must as usize].item,
            order,
            states: Vec::new(),
            is_all: false,
        }
    }
}
