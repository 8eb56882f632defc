//! The operations of one object, laid out for a search: who is open when, and
//! where each stands in a mask. It knows no model.

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Maybe {
    pub(super) class: u32,
    /// Where in the plan's unresolved items they are.
    start: u32,
    end: u32,
}

/// An item of which nobody knows whether it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Unresolved {
    class: u32,
    call: u32,
    item: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// By their call.
    pub(super) musts: Vec<Must>,
    /// Which of the musts returns first, second, ...
    pub(super) returns: Vec<u32>,
    /// How many musts are called before that return.
    pub(super) called: Vec<u32>,
    pub(super) maybes: Vec<Maybe>,
    pub(super) slots: usize,
    /// By class and call.
    unresolved: Vec<Unresolved>,
    /// The position of each return.
    at: Vec<u32>,
    /// Slots in which nothing is open any more.
    free: Vec<u32>,
}

impl Plan {
    /// Lays out other items, in the order of their calls.
    pub(super) fn lay_out(&mut self, items: &[Item]) {
        self.divide(items);
        let musts = &mut self.musts;
        let interval = |must: &Must| &items[must.item as usize];
        let ret = |&must: &u32| interval(&musts[must as usize]).ret;
        self.returns.clear();
        self.returns.extend(0..musts.len() as u32);
        self.returns.sort_unstable_by_key(ret);
        self.at.clear();
        self.at.extend(self.returns.iter().map(ret));
        self.called.clear();
        self.free.clear();
        let (mut slots, mut next) = (0, 0);
        for (rank, &must) in self.returns.iter().enumerate() {
            while next < musts.len() && interval(&musts[next]).call < self.at[rank] {
                musts[next].slot = self.free.pop().unwrap_or_else(|| {
                    slots += 1;
                    slots - 1
                });
                next += 1;
            }
            self.called.push(next as u32);
            let must = &mut musts[must as usize];
            must.rank = rank as u32;
            self.free.push(must.slot);
        }
        self.slots = slots as usize;
    }

    /// Tells what certainly happened from what may have.
    fn divide(&mut self, items: &[Item]) {
        self.musts.clear();
        self.unresolved.clear();
        for (&Item { class, call, .. }, item) in items.iter().zip(0..) {
            if items[item as usize].is_resolved() {
                self.musts.push(Must {
                    class,
                    item,
                    slot: 0,
                    rank: 0,
                });
            } else {
                self.unresolved.push(Unresolved { class, call, item });
            }
        }
        self.unresolved.sort_unstable();
        self.maybes.clear();
        let mut start = 0;
        for equal in self.unresolved.chunk_by(|a, b| a.class == b.class) {
            let end = start + equal.len() as u32;
            let class = equal[0].class;
            self.maybes.push(Maybe { class, start, end });
            start = end;
        }
    }

    fn unresolved(&self, maybe: Maybe) -> &[Unresolved] {
        &self.unresolved[maybe.start as usize..maybe.end as usize]
    }

    /// The item of the maybes that is used when so many are.
    pub(super) fn item(&self, maybe: Maybe, used: usize) -> u32 {
        self.unresolved(maybe)[used].item
    }

    /// How many of the maybes have been called before that return.
    pub(super) fn available(&self, maybe: Maybe, rank: u32) -> usize {
        let at = self.at[rank as usize];
        self.unresolved(maybe)
            .partition_point(|item| item.call < at)
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
