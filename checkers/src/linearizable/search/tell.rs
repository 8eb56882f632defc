//! In which states the operation that fits nowhere can have found the object: all of them, so that
//! what is said of it is true. It searches nothing, and words nothing.

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::{Search, Stuck};
use crate::linearizable::mask::Mask;
use crate::linearizable::plan::{Maybe, VACANT};

/// Steps that it may take.
const STEPS_MAX: u64 = 1_000_000;

impl<M: Mask> Search<'_, M> {
    /// Tells all states in which that item can have found the object. Where operations overwrite,
    /// what no other needed was never tried: here it is. None is used twice on the way
    /// from a node, since it would lead to where it led before.
    pub(super) fn tell(&mut self, stuck: &mut Stuck) {
        let plan = self.plan;
        let mut musts = plan.returns.iter();
        let rank = musts.position(|&must| plan.musts[must as usize].item == stuck.item);
        let rank = rank.unwrap_or_default() as u32;
        // Of each usage the states that were come to with it.
        let mut nodes: Vec<(u32, u32)> = Vec::new();
        for ((_, state, _), &last) in self.memory.visited.iter().filter(|(key, _)| key.0 == rank) {
            let mut rival = last;
            while rival != VACANT {
                let (used, before) = self.memory.rivals[rival as usize];
                nodes.push((used, *state));
                rival = before;
            }
        }
        nodes.sort_unstable();
        nodes.dedup();
        stuck.states = nodes.iter().map(|&(_, state)| state).collect();
        stuck.is_all = true;
        if self.overwrites {
            let mut steps_left = STEPS_MAX;
            for nodes in nodes.chunk_by(|a, b| a.0 == b.0) {
                stuck.is_all &= self.overwrite(rank, nodes, &mut stuck.states, &mut steps_left);
            }
        }
        stuck.states.sort_unstable();
        stuck.states.dedup();
    }

    /// Adds the states that unresolved operations lead to from nodes of one usage. Whether
    /// there were steps enough.
    fn overwrite(
        &mut self,
        rank: u32,
        nodes: &[(u32, u32)],
        states: &mut Vec<u32>,
        steps_left: &mut u64,
    ) -> bool {
        let plan = self.plan;
        let usage = &self.memory.usage;
        let maybes = plan.maybes.iter().enumerate();
        let unused = |&(at, &maybe): &(usize, &Maybe)| {
            usage.count(nodes[0].0, at) < plan.available(maybe, rank)
        };
        let classes: Vec<u32> = maybes
            .filter(unused)
            .map(|(_, maybe)| maybe.class)
            .collect();
        let mut reached: Vec<u32> = nodes.iter().map(|&(_, state)| state).collect();
        let mut known: HashSet<u32, FixedState> = reached.iter().copied().collect();
        let (mut next, mut after) = (0, Vec::new());
        while let Some(&state) = reached.get(next) {
            next += 1;
            for &class in &classes {
                let Some(left) = steps_left.checked_sub(1) else {
                    return false;
                };
                *steps_left = left;
                self.space.step(state, class, &mut after);
                for state in after.drain(..).filter(|&state| known.insert(state)) {
                    reached.push(state);
                    states.push(state);
                }
            }
        }
        true
    }
}
