//! The operations of one object, laid out for a search: who is open when, and
//! where each stands in a mask. It knows no model.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::operations::NEVER;

/// An operation of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// Of the model's different operations, which.
    pub(crate) class: u32,
    /// Of the history's operations, which.
    pub(crate) operation: u32,
    pub(crate) call: u32,
    /// [`NEVER`] if nobody knows whether it happened.
    pub(crate) ret: u32,
}

impl Item {
    pub(crate) fn is_resolved(&self) -> bool {
        self.ret != NEVER
    }
}

/// An operation that certainly happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Must {
    pub(super) class: u32,
    pub(super) item: u32,
    /// Where it stands in a mask while it is open.
    pub(super) slot: u32,
    /// Its place among the returns.
    pub(super) rank: u32,
}

/// Equal operations of which nobody knows whether they happened: only how many of
/// them have been used matters, so the first called goes first.
#[derive(Debug)]
pub(super) struct Maybe {
    pub(super) class: u32,
    /// By their call.
    pub(super) items: Vec<u32>,
    calls: Vec<u32>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Plan {
    /// By their call.
    pub(super) musts: Vec<Must>,
    /// Which of the musts returns first, second, ...
    pub(super) returns: Vec<u32>,
    /// How many musts are called before that return.
    pub(super) called: Vec<u32>,
    pub(super) maybes: Vec<Maybe>,
    pub(super) slots: usize,
    /// The position of each return.
    at: Vec<u32>,
}

impl Plan {
    /// Of items in the order of their calls.
    pub(super) fn new(items: &[Item]) -> Self {
        let mut musts = Vec::new();
        let mut maybes: Vec<Maybe> = Vec::new();
        let mut maybe_of: HashMap<u32, usize, FixedState> = HashMap::default();
        for (item, number) in items.iter().zip(0..) {
            if item.is_resolved() {
                musts.push(Must {
                    class: item.class,
                    item: number,
                    slot: 0,
                    rank: 0,
                });
                continue;
            }
            let at = *maybe_of.entry(item.class).or_insert_with(|| {
                maybes.push(Maybe {
                    class: item.class,
                    items: Vec::new(),
                    calls: Vec::new(),
                });
                maybes.len() - 1
            });
            maybes[at].items.push(number);
            maybes[at].calls.push(item.call);
        }
        let interval = |must: &Must| &items[must.item as usize];
        let mut returns: Vec<u32> = (0..musts.len() as u32).collect();
        returns.sort_unstable_by_key(|&must| interval(&musts[must as usize]).ret);
        let at: Vec<u32> = returns
            .iter()
            .map(|&must| interval(&musts[must as usize]).ret)
            .collect();
        let mut called = Vec::with_capacity(returns.len());
        let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
        let (mut slots, mut next) = (0, 0);
        for (rank, &must) in returns.iter().enumerate() {
            while next < musts.len() && interval(&musts[next]).call < at[rank] {
                musts[next].slot = free.pop().map_or_else(
                    || {
                        slots += 1;
                        slots - 1
                    },
                    |Reverse(slot)| slot,
                );
                next += 1;
            }
            called.push(next as u32);
            let must = &mut musts[must as usize];
            must.rank = rank as u32;
            free.push(Reverse(must.slot));
        }
        Plan {
            musts,
            returns,
            called,
            maybes,
            slots: slots as usize,
            at,
        }
    }

    /// How many of the maybes have been called before that return.
    pub(super) fn available(&self, maybe: &Maybe, rank: u32) -> usize {
        let at = self.at[rank as usize];
        maybe.calls.partition_point(|&call| call < at)
    }
}

/// Which must is in which slot, at a place among the returns that can be moved.
#[derive(Debug)]
pub(super) struct Frontier<'a> {
    plan: &'a Plan,
    pub(super) rank: u32,
    pub(super) open: Vec<u32>,
}

/// No must is in this slot.
pub(super) const VACANT: u32 = u32::MAX;

impl<'a> Frontier<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let mut frontier = Frontier {
            plan,
            rank: 0,
            open: vec![VACANT; plan.slots],
        };
        frontier.fill(0..plan.called.first().copied().unwrap_or(0));
        frontier
    }

    fn fill(&mut self, musts: std::ops::Range<u32>) {
        for must in musts {
            self.open[self.plan.musts[must as usize].slot as usize] = must;
        }
    }

    /// Goes to just before that return.
    pub(super) fn seek(&mut self, rank: u32) {
        let plan = self.plan;
        while self.rank < rank {
            let new = self.newly_called();
            let slot = plan.musts[plan.returns[self.rank as usize] as usize].slot;
            self.open[slot as usize] = VACANT;
            self.fill(new);
            self.rank += 1;
        }
        while self.rank > rank {
            self.rank -= 1;
            for must in self.newly_called() {
                self.open[plan.musts[must as usize].slot as usize] = VACANT;
            }
            let must = plan.returns[self.rank as usize];
            self.open[plan.musts[must as usize].slot as usize] = must;
        }
    }

    /// The musts that are called between this return and the next.
    pub(super) fn newly_called(&self) -> std::ops::Range<u32> {
        let called = &self.plan.called;
        let now = called[self.rank as usize];
        now..called.get(self.rank as usize + 1).copied().unwrap_or(now)
    }
}
