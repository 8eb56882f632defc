//! One object's operations as a model understands them: classes of equal ones, and
//! when each happened. What can be left out without changing the verdict is.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use serde_json::Value;

use super::intervals::Intervals;
use super::model::{Call, Model};
use super::options::ObjectOptions;
use super::plan::Item;
use crate::operations::{NEVER, Operation, Operations, Outcome};

/// The operations of one object, in the order of their calls.
#[derive(Debug, Clone)]
pub(crate) struct Object<Op> {
    /// Different operations.
    pub(crate) classes: Vec<Op>,
    pub(crate) items: Vec<Item>,
}

/// An operation that is none of the model's, or of an object that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event}: {problem}")]
pub(crate) struct Misfit {
    /// The event that invoked it.
    pub(crate) event: u32,
    /// Why, in words.
    pub(crate) problem: String,
}

/// The operations that `members` are of this model; a part of the object each.
pub(crate) fn objects<M: Model>(
    model: &M,
    operations: &Operations,
    intervals: &Intervals,
    members: &[u32],
    options: &ObjectOptions,
) -> Result<Vec<Object<M::Op>>, Misfit> {
    let whole = understand(model, operations, intervals, members, options)?;
    let parts = model.parts(&whole.classes);
    let Some(parts) = parts else {
        return Ok(vec![whole]);
    };
    let mut objects: BTreeMap<u32, Vec<Item>> = BTreeMap::new();
    for item in whole.items {
        objects
            .entry(parts[item.class as usize])
            .or_default()
            .push(item);
    }
    let of_part = |items| {
        let mut object = Object {
            classes: Vec::new(),
            items,
        };
        object.number_of(&whole.classes);
        object
    };
    Ok(objects.into_values().map(of_part).collect())
}

fn understand<M: Model>(
    model: &M,
    operations: &Operations,
    intervals: &Intervals,
    members: &[u32],
    options: &ObjectOptions,
) -> Result<Object<M::Op>, Misfit> {
    let mut object = Object {
        classes: Vec::new(),
        items: Vec::new(),
    };
    let mut classes: HashMap<M::Op, u32, FixedState> = HashMap::default();
    // What was made sense of before: operations repeat themselves.
    let mut known: HashMap<_, Option<u32>, FixedState> = HashMap::default();
    for &member in members {
        let operation = &operations.all[member as usize];
        if is_mute(operation.outcome, options) {
            continue;
        }
        let process = if model.by_process() {
            operation.process
        } else {
            0
        };
        let shape = (
            operation.f,
            operation.outcome,
            operation.argument,
            operation.result,
            operation.key,
            process,
        );
        let class = match known.entry(shape) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let op = operation_of(model, operations, member)?;
                let class = op.map(|op| {
                    let next = object.classes.len() as u32;
                    *classes.entry(op).or_insert_with_key(|op| {
                        object.classes.push(op.clone());
                        next
                    })
                });
                *vacant.insert(class)
            }
        };
        let [call, ret] = intervals.of(operations, member);
        if let Some(class) = class {
            // One that only reads, and nobody knows what: leave it out.
            if ret != NEVER || !model.read_only(&object.classes[class as usize]) {
                object.items.push(Item {
                    class,
                    operation: member,
                    call,
                    ret,
                });
            }
        }
    }
    object.items.sort_unstable_by_key(|item| item.call);
    drop_unneeded(model, &mut object);
    Ok(object)
}

/// Whether an operation that ended like this says nothing, whatever it was.
pub(crate) fn is_mute(outcome: Outcome, options: &ObjectOptions) -> bool {
    match outcome {
        Outcome::Failed => true,
        Outcome::Refused => !options.refusals_prove(),
        Outcome::Happened | Outcome::Unknown => false,
    }
}

/// What the model makes of an operation of the history.
pub(crate) fn operation_of<M: Model>(
    model: &M,
    operations: &Operations,
    at: u32,
) -> Result<Option<M::Op>, Misfit> {
    read(model, operations, &operations.all[at as usize])
}

/// What the model would make of it, had its end not been seen.
pub(crate) fn unresolved<M: Model>(model: &M, operations: &Operations, at: u32) -> Option<M::Op> {
    let operation = Operation {
        outcome: Outcome::Unknown,
        ..operations.all[at as usize]
    };
    // It made sense with its end.
    read(model, operations, &operation).ok().flatten()
}

fn read<M: Model>(
    model: &M,
    operations: &Operations,
    operation: &Operation,
) -> Result<Option<M::Op>, Misfit> {
    let key = operations.key(operation.key);
    let argument = operations.values.get(operation.argument);
    let result = match operation.outcome {
        Outcome::Happened => operations.values.get(operation.result),
        _ => Value::Null,
    };
    let call = Call {
        f: &operations.fs[usize::from(operation.f)],
        key: key.as_ref(),
        argument: &argument,
        result: &result,
        outcome: operation.outcome,
        process: if model.by_process() {
            operation.process
        } else {
            0
        },
    };
    model.operation(&call).map_err(|problem| Misfit {
        event: operation.call,
        problem,
    })
}

/// Leaves out unresolved operations that nothing needs: they may never have happened.
fn drop_unneeded<M: Model>(model: &M, object: &mut Object<M::Op>) {
    loop {
        let mut there = vec![false; object.classes.len()];
        let mut unresolved = vec![false; object.classes.len()];
        let mut resolved = vec![false; object.classes.len()];
        for item in &object.items {
            let class = item.class as usize;
            there[class] = true;
            unresolved[class] |= !item.is_resolved();
            resolved[class] |= item.is_resolved();
        }
        let classes: Vec<usize> = (0..there.len()).filter(|&class| there[class]).collect();
        let doubtful: Vec<usize> = classes.iter().copied().filter(|&c| unresolved[c]).collect();
        if doubtful.len() as u64 * classes.len() as u64 > COMPARISONS_MAX {
            return;
        }
        let mut needed = vec![true; there.len()];
        for &class in &doubtful {
            let other = &object.classes[class];
            // Equal ones that all are unresolved go together.
            needed[class] = classes.iter().any(|&op| {
                (op != class || resolved[class]) && model.needs(&object.classes[op], other)
            });
        }
        let before = object.items.len();
        object
            .items
            .retain(|item| item.is_resolved() || needed[item.class as usize]);
        if object.items.len() == before {
            return;
        }
    }
}

/// Pairs of operations that are compared in order to leave some out.
const COMPARISONS_MAX: u64 = 20_000_000;

impl<Op: Clone> Object<Op> {
    /// Forgets classes that no item is of.
    pub(crate) fn renumber(&mut self) {
        let classes = std::mem::take(&mut self.classes);
        self.number_of(&classes);
    }

    /// Takes of those classes, which the items are of, the ones that there are items of.
    fn number_of(&mut self, all: &[Op]) {
        let mut numbers: HashMap<u32, u32, FixedState> = HashMap::default();
        let classes = &mut self.classes;
        for item in &mut self.items {
            item.class = *numbers.entry(item.class).or_insert_with(|| {
                classes.push(all[item.class as usize].clone());
                classes.len() as u32 - 1
            });
        }
    }
}
