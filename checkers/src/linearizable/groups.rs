//! Which operations are of one object. It knows no model.

use super::options::KeyBy;
use crate::checker::Options;
use crate::operations::Operations;

/// The operations of each object, in the order of their calls.
pub(crate) struct Groups {
    members: Vec<u32>,
    starts: Vec<usize>,
    by_key: bool,
}

impl Groups {
    pub(crate) fn new(operations: &Operations, options: &Options) -> Self {
        let by_key = options.object.key_by == KeyBy::Key;
        let count = operations.len() as u32;
        if !by_key || operations.keys.len() == 0 {
            let starts = if count > 0 {
                vec![0, count as usize]
            } else {
                vec![0]
            };
            return Groups {
                members: (0..count).collect(),
                starts,
                by_key,
            };
        }
        // Those without a key come last, as one object.
        let group = |key: u32| (key as usize).min(operations.keys.len());
        let mut ends = vec![0; operations.keys.len() + 1];
        for operation in &operations.all {
            ends[group(operation.key)] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut members = vec![0; operations.len()];
        for (operation, at) in operations.all.iter().zip(0..) {
            let end = &mut ends[group(operation.key)];
            members[*end] = at;
            *end += 1;
        }
        let mut starts = vec![0];
        starts.extend(ends);
        starts.dedup();
        Groups {
            members,
            starts,
            by_key,
        }
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
    pub(crate) fn key(
        &self,
        operations: &Operations,
        members: &[u32],
    ) -> Option<serde_json::Value> {
        let first = members.first().filter(|_| self.by_key)?;
        operations.key(operations.all[*first as usize].key)
    }
}
