//! Making a violation small: by halves, after delta debugging (Zeller and Hildebrandt 2002)
//! and QuickXplain (Junker 2004). Only what nothing left needs is ever left out, so that a
//! violation of what remains is one of the whole history.
//!
//! For the same reason what cannot be left out once never can: leaving out more makes no
//! violation where there was none. So each stretch of operations is tried once.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::judge::Case;
use super::model::Model;
use super::object::{self, Object};
use super::plan::Item;
use super::search::{Found, Searcher, Stuck};
use super::space::{Space, States};
use super::spare::spare;
use crate::budget::Budget;
use crate::operations::NEVER;

/// What a verdict's small witness is worth: about as much as the verdict.
const STEPS_MAX: u64 = 3_000;
const STEPS_PER_OPERATION_MAX: u64 = 8;

/// What it is worth to find what can be spared, besides.
const SPARE_STEPS_MAX: u64 = 20_000;
const SPARE_STEPS_PER_OPERATION_MAX: u64 = 16;
/// The same where it may take whatever it takes; then only pairs far apart are left.
const SPARE_STEPS_THOROUGH_MAX: u64 = 20_000_000;

/// Pairs of operations that are compared to find out what needs what left out.
const COMPARISONS_MAX: usize = 4_000_000;

/// A small part of an object that has no order.
pub(super) fn shrink<M: Model>(
    model: &M,
    case: &Case<'_>,
    mut object: Object<M::Op>,
    mut stuck: Stuck,
) -> Object<M::Op> {
    let mut steps_left = match case.thorough {
        true => case.budget.steps_max,
        false => STEPS_MAX + STEPS_PER_OPERATION_MAX * object.items.len() as u64,
    };
    let mut spare_steps = match case.thorough {
        true => case.budget.steps_max.min(SPARE_STEPS_THOROUGH_MAX),
        false => SPARE_STEPS_MAX + SPARE_STEPS_PER_OPERATION_MAX * object.items.len() as u64,
    };
    let mut is_minimal = false;
    let mut searcher = Searcher::default();
    loop {
        let before = size(&object.items);
        let cut = cut(model, case, &mut object, &stuck);
        if is_minimal && cut.is_none() {
            break;
        }
        let mut shrinking = Shrinking {
            model,
            budget: &case.budget,
            searcher: &mut searcher,
            steps_left,
            states: States::new(model, &object.classes),
            classes: &object.classes,
            present: Vec::new(),
            needers: vec![None; object.classes.len()],
            items: object.items,
            stuck,
        };
        cut.map(|cut| shrinking.replace_if_violated(cut));
        shrinking.minimise();
        let is_spared = shrinking.spare(&mut spare_steps);
        steps_left = shrinking.steps_left;
        (object.items, stuck) = (shrinking.items, shrinking.stuck);
        // With less to explain the search may be stuck earlier, and the end be cut again.
        if steps_left == 0 || size(&object.items) == before {
            break;
        }
        is_minimal = !is_spared;
    }
    object.renumber();
    object
}

/// How many operations there are, and how many of them are resolved.
fn size(items: &[Item]) -> (usize, usize) {
    let resolved = items.iter().filter(|item| item.is_resolved()).count();
    (items.len(), resolved)
}

/// Forgets what was called only after the culprit had returned, and what became of
/// that which returned later: histories without their end are right if the whole is.
/// None if there is nothing to forget.
fn cut<M: Model>(
    model: &M,
    case: &Case<'_>,
    object: &mut Object<M::Op>,
    stuck: &Stuck,
) -> Option<Vec<Item>> {
    let Object { classes, items } = object;
    let until = items[stuck.item as usize].ret;
    let mut numbers: HashMap<M::Op, u32, FixedState> = HashMap::default();
    let mut left = Vec::with_capacity(items.len());
    for &(mut item) in items.iter().filter(|item| item.call < until) {
        if item.is_resolved() && item.ret > until {
            let Some(op) = object::unresolved(model, case.operations, item.operation) else {
                continue;
            };
            if numbers.is_empty() {
                numbers.extend(classes.iter().cloned().zip(0..));
            }
            item.ret = NEVER;
            item.class = *numbers.entry(op).or_insert_with_key(|op| {
                classes.push(op.clone());
                classes.len() as u32 - 1
            });
        }
        if item.is_resolved() || !model.read_only(&classes[item.class as usize]) {
            left.push(item);
        }
    }
    (left != *items).then_some(left)
}

/// One round of leaving out; its operations are numbered once and for all, so that states
/// and steps need to be found only once.
struct Shrinking<'a, M: Model> {
    model: &'a M,
    budget: &'a Budget,
    searcher: &'a mut Searcher,
    steps_left: u64,
    classes: &'a [M::Op],
    states: States<'a, M>,
    /// The classes of the items. If the last of one has gone, so has all that needs it.
    present: Vec<u32>,
    /// By class, the classes that cannot stay without it.
    needers: Vec<Option<Box<[u32]>>>,
    items: Vec<Item>,
    /// Where a search of the items got stuck.
    stuck: Stuck,
}

impl<M: Model> Shrinking<'_, M> {
    fn spend(&mut self, steps: u64) {
        self.steps_left = self.steps_left.saturating_sub(steps);
    }

    /// Leaves out what can be until no operation can be, the first called first: what
    /// breaks a history is most often what came last.
    fn minimise(&mut self) {
        self.present = self.items.iter().map(|item| item.class).collect();
        self.present.sort_unstable();
        self.present.dedup();
        // Stretches to try: the calls from the one to before the other. The third is where a
        // longer stretch begins that could not be left out; without any there would be no
        // violation.
        let mut open = vec![(0, NEVER, Some(0))];
        while let Some((start, end, longer)) = open.pop() {
            let place = |call: u32| self.items.partition_point(|item| item.call < call);
            let (from, to) = (place(start), place(end));
            // Nothing else is left of the longer one: this cannot be left out either.
            let is_necessary = longer.is_some_and(|longer| place(longer) == from);
            if self.steps_left == 0 || self.budget.is_stopped() {
                return;
            }
            if from == to || (!is_necessary && self.leave_out(from, to)) || to - from == 1 {
                continue;
            }
            let middle = self.items[from + (to - from) / 2].call;
            open.push((middle, end, Some(start)));
            open.push((start, middle, None));
        }
    }

    /// Leaves out those items and all that need them, if what remains is violated.
    fn leave_out(&mut self, from: usize, to: usize) -> bool {
        let mut goes = vec![false; self.classes.len()];
        for at in from..to {
            let class = self.items[at].class;
            let Some(needers) = self.needers_of(class) else {
                return false;
            };
            for &needer in needers {
                goes[needer as usize] = true;
            }
        }
        let items = self.items.iter().enumerate();
        let stays =
            |(at, item): &(usize, &Item)| !(from..to).contains(at) && !goes[item.class as usize];
        let items: Vec<Item> = items.filter(stays).map(|(_, item)| *item).collect();
        !items.is_empty() && self.replace_if_violated(items)
    }

    /// The classes that need that class, or one that needs it, and so on; none if it takes
    /// too long to find out.
    fn needers_of(&mut self, class: u32) -> Option<&[u32]> {
        if self.needers[class as usize].is_none() {
            let count = self.present.len();
            let mut goes = vec![false; self.classes.len()];
            let mut needers: Vec<u32> = Vec::new();
            let (mut other, mut next) = (class, 0);
            loop {
                self.spend(count as u64 / 64);
                if next * count > COMPARISONS_MAX {
                    return None;
                }
                for &needer in &self.present {
                    let [op, other] = [needer, other].map(|class| &self.classes[class as usize]);
                    if !goes[needer as usize] && self.model.needs(op, other) {
                        goes[needer as usize] = true;
                        needers.push(needer);
                    }
                }
                let Some(&needer) = needers.get(next) else {
                    break;
                };
                (other, next) = (needer, next + 1);
            }
            self.needers[class as usize] = Some(needers.into());
        }
        self.needers[class as usize].as_deref()
    }

    /// Leaves out what no operation can have noticed, but nothing whose like something
    /// that is left has read. Whether there was any.
    fn spare(&mut self, steps: &mut u64) -> bool {
        let (model, classes, budget) = (self.model, self.classes, self.budget);
        let mut present: Vec<u32> = self.items.iter().map(|item| item.class).collect();
        present.sort_unstable();
        present.dedup();
        let mut readers: HashMap<u32, Vec<u32>, FixedState> = HashMap::default();
        let may_go = |last: &[u32], is_left: &dyn Fn(u32) -> bool| {
            let of = |&class: &u32| {
                let readers = readers.entry(class).or_insert_with(|| {
                    let op = |class: u32| &classes[class as usize];
                    let reads = |&&reader: &&u32| model.reads_from(op(reader), op(class));
                    present.iter().filter(reads).copied().collect()
                });
                !readers.iter().any(|&reader| is_left(reader))
            };
            !budget.is_stopped() && last.iter().all(of)
        };
        let Some(items) = spare(&self.items, &mut self.states, steps, may_go) else {
            return false;
        };
        let steps_left = self.steps_left;
        self.steps_left = steps_left.max(*steps);
        let is_replaced = self.replace_if_violated(items);
        self.steps_left = steps_left;
        is_replaced
    }

    fn replace_if_violated(&mut self, items: Vec<Item>) -> bool {
        // Setting up a search costs too.
        self.spend(items.len() as u64 / 4 + 1);
        if self.states.bytes() > self.budget.bytes_max / 4 {
            self.states = States::new(self.model, self.classes);
        }
        let budget = Budget {
            steps_max: self.steps_left,
            ..self.budget.clone()
        };
        let overwrites = self.model.overwrites();
        let (found, steps) = (self.searcher).search(&items, &mut self.states, overwrites, &budget);
        self.spend(steps);
        match found {
            Found::Stuck(stuck) => {
                (self.items, self.stuck) = (items, stuck);
                true
            }
            Found::Order(_) | Found::Exhausted { .. } => false,
        }
    }
}
