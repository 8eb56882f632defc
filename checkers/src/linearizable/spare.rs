//! Operations that a violation can spare although others need them, since nobody could tell
//! them from none: an acquire and its release, a value that is overwritten and never read, an
//! addition that is taken back.
//!
//! **The rule.** Returns are gone through in order, as by the search but breadth first. What
//! the object can have come to by a return is known as a set of [`Node`]s: a state, which of
//! the open operations have happened, and how many of the unresolved ones. Operations that
//! certainly happened may be left out if, after some return that is none before theirs, for
//! each node that there is with them there is one without them that is as good: the same
//! open operations have happened, no more of the unresolved, and its state
//! [covers](super::Model::covers) the other's.
//!
//! **Why it is sound**, for every model: an order that explains the history with them passes
//! through one of the first nodes. (Cut it after the operation that returned, or after the last
//! such that had returned before, whichever comes later; what stands before the cut is what was
//! linearized just in time.) What comes after the cut is as right after the node that is as
//! good: nothing of it was left out, all that it uses is left, and the state allows it. So there
//! is an order without them, and if there is none without them there is none with them.
//!
//! Where no node is left nothing needs to be shown. That is not taken for a proof: it would
//! spare what makes the violation. So the object has come at least as far, and to at least
//! as much, without them as with them before it is violated.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::plan::{Frontier, Item, Plan, VACANT};
use super::space::{INITIAL, Space};

/// Nodes at one return; with more of them nothing is spared.
const NODES_MAX: usize = 2_000;

/// Returns that are looked at after the last of those left out. What nobody has noticed by
/// then somebody will.
const LOOK_MAX: u32 = 64;

/// Operations that can be open at once.
const SLOTS_MAX: usize = u128::BITS as usize;

/// What the object can have come to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    state: u32,
    /// The open operations that have happened, by their slots.
    done: u128,
    /// How many of each of the plan's unresolved operations have happened.
    used: Box<[u32]>,
}

/// What the object can have come to, return by return.
pub(super) struct Course<'a> {
    plan: &'a Plan,
    frontier: Frontier<'a>,
    space: &'a mut dyn Space,
    /// Before each return, up to the first that cannot be passed; then nothing.
    reached: Vec<Vec<Node>>,
    /// The plan's operations that are left out.
    gone: Vec<bool>,
    steps_left: u64,
    /// What the states may take, in bytes.
    bytes_max: usize,
}

/// How a history goes on without some operations.
struct Without {
    /// That leaving them out is sound.
    is_proven: bool,
    is_violated: bool,
    /// What changes, from the return after the first that they can have been noticed at.
    reached: Vec<Vec<Node>>,
}

impl<'a> Course<'a> {
    /// None if that takes more steps, or nodes, than it is worth.
    pub(super) fn new(plan: &'a Plan, space: &'a mut dyn Space, steps_max: u64) -> Option<Self> {
        if plan.slots > SLOTS_MAX {
            return None;
        }
        let bytes_max = space.bytes().saturating_add(BYTES_MAX);
        let mut course = Course {
            frontier: Frontier::new(plan),
            plan,
            space,
            reached: vec![vec![Node {
                state: INITIAL,
                done: 0,
                used: vec![0; plan.maybes.len()].into(),
            }]],
            gone: vec![false; plan.musts.len()],
            steps_left: steps_max,
            bytes_max,
        };
        for rank in 0..plan.returns.len() {
            let next = course.after(&course.reached[rank].clone(), rank as u32)?;
            let is_stuck = next.is_empty();
            course.reached.push(next);
            if is_stuck {
                break;
            }
        }
        Some(course)
    }

    /// Leaves out those of the plan's operations that certainly happened, if that is sound
    /// and what remains is violated.
    pub(super) fn leave_out(&mut self, going: &[u32]) -> bool {
        let Some(from) = self.noticed_from(going) else {
            return false;
        };
        match self.without(going) {
            Some(found) if found.is_proven && found.is_violated => {
                let is_shorter = found.reached.last().is_some_and(Vec::is_empty);
                let next = from as usize + 1;
                let until = next + found.reached.len();
                self.reached
                    .resize(self.reached.len().max(until), Vec::new());
                self.reached.splice(next..until, found.reached);
                if is_shorter {
                    self.reached.truncate(until);
                }
                true
            }
            _ => {
                self.mark(going, false);
                false
            }
        }
    }

    fn mark(&mut self, going: &[u32], gone: bool) {
        for &must in going {
            self.gone[must as usize] = gone;
        }
    }

    /// The first return before which one of them is called.
    fn noticed_from(&self, going: &[u32]) -> Option<u32> {
        let first = *going.iter().min()?;
        let from = self.plan.called.partition_point(|&called| called <= first);
        Some(from as u32)
    }

    /// How it goes on without them, which are marked as gone; none if it cannot be told.
    fn without(&mut self, going: &[u32]) -> Option<Without> {
        self.mark(going, true);
        let from = self.noticed_from(going)?;
        let ranks = going
            .iter()
            .map(|&must| self.plan.musts[must as usize].rank);
        let last = ranks.max()?;
        let mut found = Without {
            is_proven: false,
            is_violated: false,
            reached: Vec::new(),
        };
        let mut nodes = self.reached.get(from as usize)?.clone();
        for rank in from..self.plan.returns.len() as u32 {
            nodes = self.after(&nodes, rank)?;
            let with = self
                .reached
                .get(rank as usize + 1)
                .map_or(&[][..], |with| with);
            if !found.is_proven {
                if with.is_empty() || rank > last.saturating_add(LOOK_MAX) {
                    return None;
                }
                found.is_proven = rank >= last
                    && (with.iter())
                        .all(|with| nodes.iter().any(|node| self.is_as_good(node, with)));
            }
            // It goes on as it did, and was violated; or it is violated here.
            if found.is_proven && nodes == with {
                found.is_violated = self.reached.last().is_some_and(Vec::is_empty);
                return Some(found);
            }
            found.reached.push(nodes.clone());
            if nodes.is_empty() {
                found.is_violated = true;
                return Some(found);
            }
        }
        Some(found)
    }

    fn is_as_good(&self, node: &Node, with: &Node) -> bool {
        node.done == with.done
            && is_within(&node.used, &with.used)
            && self.space.covers(node.state, with.state)
    }

    /// The nodes after that return; none if it takes too much to say.
    fn after(&mut self, nodes: &[Node], rank: u32) -> Option<Vec<Node>> {
        let plan = self.plan;
        let returning = plan.returns[rank as usize];
        if self.gone[returning as usize] {
            return Some(nodes.to_vec());
        }
        self.frontier.seek(rank);
        let bit = 1 << plan.musts[returning as usize].slot;
        let mut seen = Minimal::default();
        let mut reached = Minimal::default();
        let mut open: VecDeque<Node> = VecDeque::new();
        for node in nodes {
            if seen.insert(node) {
                open.push_back(node.clone());
            }
        }
        let mut next = Vec::new();
        while let Some(mut node) = open.pop_front() {
            self.steps_left = self.steps_left.checked_sub(1)?;
            if self.space.bytes() > self.bytes_max {
                // There is no room for more of it either.
                self.steps_left = 0;
                return None;
            }
            if node.done & bit != 0 {
                node.done ^= bit;
                reached.insert(&node);
                continue;
            }
            let mut go = |node: Node| -> Option<()> {
                if seen.insert(&node) {
                    open.push_back(node);
                }
                (seen.count <= NODES_MAX).then_some(())
            };
            for (slot, &must) in self.frontier.open.iter().enumerate() {
                if must == VACANT || node.done & (1 << slot) != 0 || self.gone[must as usize] {
                    continue;
                }
                next.clear();
                (self.space).step(node.state, plan.musts[must as usize].class, &mut next);
                for &state in &next {
                    let done = node.done | 1 << slot;
                    let used = node.used.clone();
                    go(Node { state, done, used })?;
                }
            }
            for (at, &maybe) in plan.maybes.iter().enumerate() {
                if node.used[at] as usize >= plan.available(maybe, rank) {
                    continue;
                }
                next.clear();
                self.space.step(node.state, maybe.class, &mut next);
                for &state in next.iter().filter(|&&state| state != node.state) {
                    let mut child = Node {
                        state,
                        ..node.clone()
                    };
                    child.used[at] += 1;
                    go(child)?;
                }
            }
        }
        Some(reached.sorted())
    }
}

/// Nodes of which none used as much as another that is otherwise equal.
#[derive(Default)]
struct Minimal {
    nodes: HashMap<(u32, u128), Vec<Box<[u32]>>, FixedState>,
    /// How many have been put in.
    count: usize,
}

impl Minimal {
    /// Whether it was none too many.
    fn insert(&mut self, node: &Node) -> bool {
        let rivals = self.nodes.entry((node.state, node.done)).or_default();
        if rivals.iter().any(|used| is_within(used, &node.used)) {
            return false;
        }
        rivals.retain(|used| !is_within(&node.used, used));
        rivals.push(node.used.clone());
        self.count += 1;
        true
    }

    fn sorted(self) -> Vec<Node> {
        let nodes = self.nodes.into_iter().flat_map(|((state, done), rivals)| {
            let node = move |used| Node { state, done, used };
            rivals.into_iter().map(node)
        });
        let mut nodes: Vec<Node> = nodes.collect();
        nodes.sort_unstable();
        nodes
    }
}

fn is_within(used: &[u32], others: &[u32]) -> bool {
    used.iter().zip(others).all(|(used, other)| used <= other)
}

/// Bytes that the states come to take, at most, while it is found out what may go.
const BYTES_MAX: usize = 64 << 20;

/// Operations that are tried together with each one, after it.
const NEAR: usize = 64;

/// Stretches shorter than that are tried from each operation on.
const SHORT_MAX: usize = 8;

/// Which of the items to keep, so that none of those that go needs to be seen; `may_go` tells
/// of classes that would all be gone whether they may. By stretches, the longest first, then by
/// pairs and by short stretches, the first called first.
pub(super) fn spare(
    items: &[Item],
    space: &mut dyn Space,
    steps_left: &mut u64,
    mut may_go: impl FnMut(&[u32], &dyn Fn(u32) -> bool) -> bool,
) -> Option<Vec<Item>> {
    let mut plan = Plan::default();
    plan.lay_out(items);
    let class_of = |must: u32| plan.musts[must as usize].class;
    let mut course = Course::new(&plan, space, *steps_left)?;
    let mut number: HashMap<u32, usize, FixedState> = HashMap::default();
    for item in items {
        *number.entry(item.class).or_default() += 1;
    }
    // The plan's operations that are left.
    let mut left: Vec<u32> = (0..plan.musts.len() as u32).collect();
    let mut leave_out = |left: &mut Vec<u32>, places: &[usize]| {
        let going: Vec<u32> = places.iter().map(|&place| left[place]).collect();
        let mut last = Vec::new();
        for &must in &going {
            if let Some(number) = number.get_mut(&class_of(must)) {
                *number -= 1;
                if *number == 0 {
                    last.push(class_of(must));
                }
            }
        }
        let is_left = |class: u32| number.get(&class).is_some_and(|&number| number > 0);
        let goes = may_go(&last, &is_left) && course.leave_out(&going);
        if goes {
            left.retain(|must| !going.contains(must));
        } else {
            for &must in &going {
                *number.entry(class_of(must)).or_default() += 1;
            }
        }
        *steps_left = course.steps_left;
        (goes, course.steps_left == 0)
    };
    let mut size = left.len().next_power_of_two();
    'search: while size > 0 {
        let mut at = 0;
        while at < left.len() {
            let stretch: Vec<usize> = (at..left.len().min(at + size)).collect();
            match leave_out(&mut left, &stretch) {
                (_, true) => break 'search,
                (true, _) => {}
                (false, _) => at += size.div_ceil(2),
            }
        }
        size /= 2;
    }
    let mut at = 0;
    'search: while at < left.len() {
        let pairs = (at + 1..left.len().min(at + NEAR)).map(|other| vec![at, other]);
        let short = (3..=SHORT_MAX.min(left.len() - at)).map(|size| (at..at + size).collect());
        let groups: Vec<Vec<usize>> = pairs.chain(short).collect();
        for group in groups {
            match leave_out(&mut left, &group) {
                (_, true) => break 'search,
                (true, _) => continue 'search,
                (false, _) => {}
            }
        }
        at += 1;
    }
    if left.len() == plan.musts.len() {
        return None;
    }
    let mut stays: Vec<bool> = items.iter().map(|item| !item.is_resolved()).collect();
    for must in left {
        stays[plan.musts[must as usize].item as usize] = true;
    }
    let items = items.iter().zip(stays);
    Some(
        items
            .filter(|(_, stays)| *stays)
            .map(|(item, _)| *item)
            .collect(),
    )
}

#[cfg(test)]
mod tests;
