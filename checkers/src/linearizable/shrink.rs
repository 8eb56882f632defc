//! Making a violation small: delta debugging (Zeller and Hildebrandt 2002), then
//! operation by operation. Only what nothing left needs is ever left out, so that a
//! violation of what remains is one of the whole history.

use super::budget::Budget;
use super::judge::Case;
use super::model::Model;
use super::object::{self, Object};
use super::search::{Found, Stuck, search};
use super::space::States;
use crate::operations::NEVER;

/// What a verdict's small witness is worth: about as much as the verdict.
const STEPS_MAX: u64 = 3_000;
const STEPS_PER_OPERATION_MAX: u64 = 8;

/// Pairs of operations that are compared to find out what needs what left out.
const COMPARISONS_MAX: usize = 4_000_000;

/// A small part of an object that has no order.
pub(super) fn shrink<M: Model>(
    model: &M,
    case: &Case<'_>,
    object: Object<M::Op>,
    stuck: Stuck,
) -> Object<M::Op> {
    let mut shrinking = Shrinking {
        model,
        case,
        steps_left: match case.thorough {
            true => case.budget.steps_max,
            false => STEPS_MAX + STEPS_PER_OPERATION_MAX * object.items.len() as u64,
        },
        object,
        stuck,
    };
    loop {
        let (items, resolved) = shrinking.size();
        shrinking.cut();
        let mut chunk = shrinking.object.items.len().div_ceil(2);
        loop {
            let smaller = shrinking.pass(chunk);
            if shrinking.steps_left == 0 || (chunk <= 1 && !smaller) {
                break;
            }
            chunk = (chunk / 2).clamp(1, shrinking.object.items.len().max(1));
        }
        // With less to explain the search may be stuck earlier, and the end be cut again.
        if shrinking.steps_left == 0 || shrinking.size() == (items, resolved) {
            return shrinking.object;
        }
    }
}

struct Shrinking<'a, M: Model> {
    model: &'a M,
    case: &'a Case<'a>,
    steps_left: u64,
    object: Object<M::Op>,
    /// Where a search of the object got stuck.
    stuck: Stuck,
}

impl<M: Model> Shrinking<'_, M> {
    fn spend(&mut self, steps: u64) {
        self.steps_left = self.steps_left.saturating_sub(steps);
    }

    /// How many operations there are, and how many of them are resolved.
    fn size(&self) -> (usize, usize) {
        let items = &self.object.items;
        let resolved = items.iter().filter(|item| item.is_resolved()).count();
        (items.len(), resolved)
    }

    /// Forgets what was called only after the culprit had returned, and what became of
    /// that which returned later: histories without their end are right if the whole is.
    fn cut(&mut self) {
        let until = self.object.items[self.stuck.item as usize].ret;
        let mut object = self.object.clone();
        let Object { classes, items } = &mut object;
        items.retain_mut(|item| {
            if item.ret > until && item.is_resolved() {
                let Some(op) = object::unresolved(self.model, self.case.operations, item.operation)
                else {
                    return false;
                };
                item.ret = NEVER;
                item.class = classes.len() as u32;
                classes.push(op);
            }
            let read_only = self.model.read_only(&classes[item.class as usize]);
            item.call < until && (item.is_resolved() || !read_only)
        });
        object.renumber();
        self.replace_if_violated(object);
    }

    /// Tries to leave out each run of `chunk` operations, the last first; whether any
    /// could be.
    fn pass(&mut self, chunk: usize) -> bool {
        let before = self.object.items.len();
        let mut end = before;
        while end > 0 && self.steps_left > 0 {
            let start = end.saturating_sub(chunk);
            if let Some(smaller) = self.without(start, end) {
                self.replace_if_violated(smaller);
            }
            end = start.min(self.object.items.len());
        }
        self.object.items.len() < before
    }

    /// The object without those items and all that need them.
    fn without(&mut self, start: usize, end: usize) -> Option<Object<M::Op>> {
        let object = &self.object;
        let mut kept = vec![true; object.items.len()];
        kept[start..end].fill(false);
        let mut is_out = vec![false; object.classes.len()];
        let mut out: Vec<u32> = Vec::new();
        for item in &object.items[start..end] {
            if !is_out[item.class as usize] {
                is_out[item.class as usize] = true;
                out.push(item.class);
            }
        }
        // Classes of which every item must go.
        let mut must_go = vec![false; object.classes.len()];
        let mut compared = 0;
        while let Some(other) = out.pop() {
            compared += object.classes.len();
            if compared > COMPARISONS_MAX {
                return None;
            }
            let other = &object.classes[other as usize];
            for (class, op) in object.classes.iter().enumerate() {
                if !must_go[class] && self.model.needs(op, other) {
                    must_go[class] = true;
                    if !is_out[class] {
                        is_out[class] = true;
                        out.push(class as u32);
                    }
                }
            }
        }
        let items = object.items.iter().zip(kept);
        let items = items.filter(|(item, kept)| *kept && !must_go[item.class as usize]);
        let mut smaller = Object {
            classes: object.classes.clone(),
            items: items.map(|(item, _)| *item).collect(),
        };
        self.spend(compared as u64 / 64);
        if smaller.items.is_empty() {
            return None;
        }
        smaller.renumber();
        Some(smaller)
    }

    fn replace_if_violated(&mut self, object: Object<M::Op>) {
        // Setting up a search costs too.
        self.spend(object.items.len() as u64 / 4 + 1);
        let budget = Budget {
            steps_max: self.steps_left,
            ..self.case.budget.clone()
        };
        let mut states = States::new(self.model, &object.classes);
        let overwrites = self.model.overwrites();
        let (found, steps) = search(&object.items, &mut states, overwrites, &budget);
        self.spend(steps);
        if let Found::Stuck(stuck) = found {
            self.object = object;
            self.stuck = stuck;
        }
    }
}
