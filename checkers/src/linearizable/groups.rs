//! Which operations are of one object. It knows no model.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::Value;

use super::object::Misfit;
use super::options::KeyBy;
use crate::checker::Options;
use crate::clocks;
use crate::intern::NONE;
use crate::operations::{Operation, Operations};

/// The operations of each object, in the order of their calls.
pub(crate) struct Groups {
    members: Vec<u32>,
    starts: Vec<usize>,
    key_by: KeyBy,
}

impl Groups {
    /// O(n), and each different value is read once where the key is a field of it.
    ///
    /// # Errors
    /// The first operation of which cannot be told of which object it is; clocks that may
    /// be off where nobody recorded what they showed.
    pub(crate) fn new(operations: &Operations, options: &Options) -> Result<Self, Misfit> {
        if options.object.clock_uncertainty_ns > 0
            && operations.times_are_invented
            && let Some(first) = operations.all.first()
        {
            return Err(Misfit {
                event: first.call,
                problem: clocks::NOT_RECORDED.to_owned(),
            });
        }
        let key_by = options.object.key_by.clone();
        let (by_field, count) = match &key_by {
            KeyBy::Whole => (Vec::new(), 1),
            KeyBy::Key => (Vec::new(), operations.keys.len() + 1),
            KeyBy::Field(field) => by_field(operations, field)?,
        };
        let number = |at: usize| match &key_by {
            KeyBy::Whole => 0,
            // Those without a key come last, as one object.
            KeyBy::Key => (operations.all[at].key as usize).min(operations.keys.len()),
            KeyBy::Field(_) => by_field[at] as usize,
        };
        let mut ends = vec![0; count];
        for at in 0..operations.len() {
            ends[number(at)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut members = vec![0; operations.len()];
        for at in 0..operations.len() {
            let end = &mut ends[number(at)];
            members[*end] = at as u32;
            *end += 1;
        }
        let mut starts = vec![0];
        starts.extend(ends);
        starts.dedup();
        Ok(Groups {
            members,
            starts,
            key_by,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn get(&self, at: usize) -> &[u32] {
        &self.members[self.starts[at]..self.starts[at + 1]]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The key of a group.
    pub(crate) fn key(&self, operations: &Operations, members: &[u32]) -> Option<Value> {
        let first = &operations.all[*members.first()? as usize];
        match &self.key_by {
            KeyBy::Whole => None,
            KeyBy::Key => operations.key(first.key),
            KeyBy::Field(name) => {
                let mut values = [first.argument, first.result].into_iter();
                values.find_map(|value| field(operations, value, name))
            }
        }
    }
}

/// A number for each operation, equal ones where that field is equal; and how many there are.
fn by_field(operations: &Operations, name: &str) -> Result<(Vec<u32>, usize), Misfit> {
    let mut objects: HashMap<String, u32, FixedState> = HashMap::default();
    let mut known: HashMap<u32, Option<u32>, FixedState> = HashMap::default();
    let mut number = |value: u32| {
        *known.entry(value).or_insert_with(|| {
            let mut field = field(operations, value, name)?;
            field.sort_all_objects();
            let next = objects.len() as u32;
            Some(*objects.entry(field.to_string()).or_insert(next))
        })
    };
    let object = |operation: &Operation| {
        let misfit = || Misfit {
            event: operation.call,
            problem: format!(
                "its value has no field \"{name}\", and neither has its completion's: nobody can tell of which object it is"
            ),
        };
        let asked = number(operation.argument);
        asked
            .or_else(|| number(operation.result))
            .ok_or_else(misfit)
    };
    let numbers = operations
        .all
        .iter()
        .map(object)
        .collect::<Result<_, _>>()?;
    Ok((numbers, objects.len()))
}

/// What that field of the value is; none if there is no such field, or it is null.
fn field(operations: &Operations, value: u32, name: &str) -> Option<Value> {
    if value == NONE {
        return None;
    }
    let mut value = operations.values.get(value);
    let field = value.get_mut(name)?.take();
    (!field.is_null()).then_some(field)
}
