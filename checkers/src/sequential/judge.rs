//! Judging all objects together with a model of any type: first each alone, which is
//! quicker and is right where it says that there is no order, then all as one; and where there is
//! no order, a small set of operations that shows it.

use rayon::prelude::*;

use super::plan::{Plan, Step};
use super::search::{Found, Stuck, Try, search};
use crate::budget::{Budget, Exhausted};
use crate::linearizable::{
    Case, Groups, Judged, Misfit, Model, Object, Space, States, Violation, named, objects,
};
use crate::operations::Operations;
use crate::words;

/// What part of its steps the search of one object of several may take.
const STEPS_FOR_ONE_PART: u64 = 8;

/// What it is worth to leave out what a violation does not need: steps, and more for each of
/// the search that found it.
const SHRINK_STEPS_MAX: u64 = 20_000;
const SHRINK_STEPS_PER_STEP_MAX: u64 = 8;

/// Pairs of operations that are compared to find out what needs what is left out.
const COMPARISONS_MAX: usize = 4_000_000;

/// What was found, and of which group of operations if of one alone.
pub(crate) type Ordered = (Judged, Option<usize>);

/// Judges all objects together. `who` did each operation: numbers of processes, of which each
/// ends with its first operation that was never resolved.
pub(crate) fn judge<M: Model>(
    model: &M,
    case: &Case<'_>,
    groups: &Groups,
    who: &[u32],
) -> Result<Ordered, Misfit> {
    let mut all: Vec<Object<M::Op>> = Vec::new();
    let mut group_of = Vec::new();
    for (group, members) in groups.iter().enumerate() {
        let found = objects(
            model,
            case.operations,
            &case.intervals,
            members,
            case.options,
        )?;
        group_of.extend(found.iter().map(|_| group));
        all.extend(found);
    }
    let together = Together {
        model,
        case,
        groups,
        group_of: &group_of,
        objects: &all,
    };
    let steps = together.steps(who);
    if all.len() > 1 {
        let mut by_object: Vec<Vec<Step>> = vec![Vec::new(); all.len()];
        for step in &steps {
            by_object[step.object as usize].push(*step);
        }
        let mut budget = case.budget.clone();
        budget.steps_max /= STEPS_FOR_ONE_PART;
        budget.bytes_max /= rayon::current_num_threads().max(1);
        let violated = by_object
            .par_iter()
            .enumerate()
            .find_map_first(|(at, steps)| {
                let violation = together.violation(steps, &budget).ok()??;
                Some((Judged::Violated(violation), Some(group_of[at])))
            });
        if let Some(violated) = violated {
            return Ok(violated);
        }
    }
    let judged = match together.violation(&steps, &case.budget) {
        Ok(None) => Judged::Valid(Vec::new()),
        Ok(Some(violation)) => Judged::Violated(violation),
        Err((why, ordered)) => {
            let resolved = steps.iter().filter(|step| step.is_resolved).count();
            Judged::Unknown(format!(
                "the search gave up {why}: it had put {ordered} of {} in order",
                words::count(resolved as u64, "completed operation")
            ))
        }
    };
    Ok((judged, None))
}

/// All objects.
struct Together<'a, M: Model> {
    model: &'a M,
    case: &'a Case<'a>,
    groups: &'a Groups,
    /// By object.
    group_of: &'a [usize],
    objects: &'a [Object<M::Op>],
}

impl<M: Model> Together<'_, M> {
    /// The operations of all objects, in the order of the history.
    fn steps(&self, who: &[u32]) -> Vec<Step> {
        let objects = self.objects.iter().zip(0..);
        let mut steps: Vec<Step> = objects
            .flat_map(|(object, number)| {
                object.items.iter().map(move |item| Step {
                    process: who[item.operation as usize],
                    object: number,
                    class: item.class,
                    operation: item.operation,
                    is_resolved: item.is_resolved(),
                    is_read: self.model.read_only(&object.classes[item.class as usize]),
                })
            })
            .collect();
        steps.sort_unstable_by_key(|step| step.operation);
        steps
    }

    /// Numbers the objects of some steps from 0: the steps so, and which objects they are.
    fn part(&self, steps: &[Step]) -> (Vec<Step>, Vec<u32>) {
        let mut numbers: Vec<u32> = steps.iter().map(|step| step.object).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let renumbered = steps.iter().map(|&step| Step {
            object: numbers.partition_point(|&object| object < step.object) as u32,
            ..step
        });
        (renumbered.collect(), numbers)
    }

    fn spaces(&self, numbers: &[u32]) -> Vec<States<'_, M>> {
        let of = |&object: &u32| States::new(self.model, &self.objects[object as usize].classes);
        numbers.iter().map(of).collect()
    }

    /// Searches some of the steps; says also in how many of its own.
    fn search(&self, steps: &[Step], which: Try, budget: &Budget) -> (Found, u64) {
        let (steps, numbers) = self.part(steps);
        let plan = Plan::new(&steps, numbers.len());
        let mut spaces = self.spaces(&numbers);
        search(&plan, &mut spaces, self.model.overwrites(), which, budget)
    }

    /// Why these steps have no order; none if they have one.
    fn violation(
        &self,
        steps: &[Step],
        budget: &Budget,
    ) -> Result<Option<Violation>, (Exhausted, usize)> {
        let (found, taken) = self.search(steps, Try::Enough, budget);
        match found {
            Found::Order => Ok(None),
            Found::Exhausted { why, ordered } => Err((why, ordered)),
            Found::Stuck(_) => {
                let mut few = steps.to_vec();
                if self.case.options.small_witness {
                    let worth = SHRINK_STEPS_PER_STEP_MAX.saturating_mul(taken);
                    self.shrink(&mut few, SHRINK_STEPS_MAX.saturating_add(worth), budget);
                }
                Ok(Some(self.describe(&few, steps.len(), budget)))
            }
        }
    }

    /// Leaves out steps, with all that need them, as long as no order is left: halves,
    /// quarters, and so on down to single ones.
    fn shrink(&self, steps: &mut Vec<Step>, mut steps_left: u64, budget: &Budget) {
        let mut size = steps.len().div_ceil(2);
        while size > 0 && !steps.is_empty() {
            let before = steps.len();
            // What came last breaks a history most often: it is left out last.
            let mut from = 0;
            while from < steps.len() {
                if steps_left == 0 || budget.is_stopped() {
                    return;
                }
                let to = (from + size).min(steps.len());
                let left = self.without(steps, from..to);
                steps_left = steps_left.saturating_sub(steps.len() as u64 / 4 + 1);
                let mut budget = budget.clone();
                budget.steps_max = budget.steps_max.min(steps_left);
                let is_violated = left.as_ref().is_some_and(|left| {
                    let (found, taken) = self.search(left, Try::Enough, &budget);
                    steps_left = steps_left.saturating_sub(taken);
                    matches!(found, Found::Stuck(_))
                });
                match left {
                    Some(left) if is_violated => *steps = left,
                    _ => from = to,
                }
            }
            // Single ones until none can be left out any more.
            if size > 1 || steps.len() == before {
                size /= 2;
            }
        }
    }

    /// The steps without those and all that need them; none if it takes too long to find out.
    fn without(&self, steps: &[Step], range: std::ops::Range<usize>) -> Option<Vec<Step>> {
        let mut goes = vec![false; steps.len()];
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut gone: Vec<(u32, u32)> = Vec::new();
        for (step, goes) in steps[range.clone()].iter().zip(&mut goes[range]) {
            *goes = true;
            open.push((step.object, step.class));
        }
        let mut compared = 0;
        while let Some((object, class)) = open.pop() {
            if gone.contains(&(object, class)) {
                continue;
            }
            gone.push((object, class));
            compared += steps.len() + gone.len();
            if compared > COMPARISONS_MAX {
                return None;
            }
            let classes = &self.objects[object as usize].classes;
            for (step, goes) in steps.iter().zip(&mut goes) {
                let needs = |class: u32, other: u32| {
                    self.model
                        .needs(&classes[class as usize], &classes[other as usize])
                };
                if step.object == object && !*goes && needs(step.class, class) {
                    *goes = true;
                    open.push((object, step.class));
                }
            }
        }
        let left = steps.iter().zip(&goes).filter(|(_, goes)| !**goes);
        Some(left.map(|(step, _)| *step).collect())
    }

    /// That these steps have no order, in words.
    fn describe(&self, few: &[Step], all: usize, budget: &Budget) -> Violation {
        let (steps, numbers) = self.part(few);
        let plan = Plan::new(&steps, numbers.len());
        let mut spaces = self.spaces(&numbers);
        let overwrites = self.model.overwrites();
        // Where they are few all orders can be tried; if not, the order that got furthest of
        // enough of them is still a right one.
        let mut of_words = budget.clone();
        of_words.steps_max = of_words.steps_max.min(SHRINK_STEPS_MAX);
        let found = match search(&plan, &mut spaces, overwrites, Try::All, &of_words).0 {
            Found::Stuck(stuck) => Some((stuck, "The longest that is right so far")),
            _ => match search(&plan, &mut spaces, overwrites, Try::Enough, budget).0 {
                Found::Stuck(stuck) => Some((stuck, "One that is right so far")),
                _ => None,
            },
        };
        let mut explanation =
            "Every order that keeps the order of each process was tried, and none is right."
                .to_owned();
        if let Some((stuck, which)) = found {
            explanation.push_str(&self.stuck(&stuck, which, &numbers, &mut spaces));
        }
        explanation.push_str(&words::enough(few.len(), all));
        let mut operations: Vec<(u32, bool)> = few
            .iter()
            .map(|step| (step.operation, step.is_resolved))
            .collect();
        operations.sort_unstable();
        Violation {
            explanation,
            operations,
            culprit: None,
        }
    }

    fn stuck(
        &self,
        stuck: &Stuck,
        which: &str,
        numbers: &[u32],
        spaces: &mut [States<'_, M>],
    ) -> String {
        let mut text = String::new();
        if !stuck.order.is_empty() {
            let last = words::last(&stuck.order, |step| self.name(step, numbers, spaces));
            text.push_str(&format!(" {which}: {last}."));
        }
        let mut blocked = Vec::new();
        for step in &stuck.next {
            let (object, mut reached) = (step.object as usize, Vec::new());
            spaces[object].step(stuck.states[object], step.class, &mut reached);
            if reached.is_empty() {
                let state = spaces[object].describe_state(stuck.states[object]);
                let name = self.name(step, numbers, spaces);
                blocked.push(format!("{name} cannot happen, since {state}"));
            }
        }
        if !blocked.is_empty() {
            let total = blocked.len();
            let blocked = words::long_list(blocked.into_iter(), total);
            text.push_str(&format!(" Then {blocked}."));
        }
        text
    }

    /// `process 3's read 7 (events 40 to 43)`, of which key if there are several.
    fn name(&self, step: &Step, numbers: &[u32], spaces: &[States<'_, M>]) -> String {
        let what = spaces[step.object as usize].describe(step.class);
        let operations: &Operations = self.case.operations;
        let name = named(operations, step.operation, &what);
        let group = self.group_of[numbers[step.object as usize] as usize];
        match self.groups.key(operations, self.groups.get(group)) {
            Some(key) if self.groups.len() > 1 => format!("{name} on key {key}"),
            _ => name,
        }
    }
}
