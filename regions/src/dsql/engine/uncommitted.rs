//! With the defect `dirty-read`: what transactions in progress have written, for the
//! others to see. It may not be committed from here, and without the defect it is empty.

use std::collections::{BTreeMap, HashMap};

use super::catalog::{Key, RelationId, Row};
use super::value::Value;

/// What a transaction did to a row last; `None` once it has deleted it.
type Written = (u64, Option<Row>);

/// The writes of all transactions in progress.
#[derive(Debug, Default)]
pub struct Uncommitted {
    /// Each transaction once a row, the last to write it last.
    rows: HashMap<RelationId, BTreeMap<Key, Vec<Written>>>,
}

impl Uncommitted {
    /// Shows a write of a transaction, instead of its last one to that row.
    pub fn write(&mut self, transaction: u64, relation: RelationId, key: Key, row: Option<Row>) {
        let rows = self.rows.entry(relation).or_default();
        let written = rows.entry(key).or_default();
        written.retain(|(by, _)| *by != transaction);
        written.push((transaction, row));
    }

    /// Forgets the writes of a transaction that is over. Linear in all there are.
    pub fn forget(&mut self, transaction: u64) {
        self.rows.retain(|_, rows| {
            rows.retain(|_, written| {
                written.retain(|(by, _)| *by != transaction);
                !written.is_empty()
            });
            !rows.is_empty()
        });
    }

    /// The row as it was written last; `None` if nobody is writing it.
    pub fn get(&self, relation: RelationId, key: &[Value]) -> Option<Option<Row>> {
        let (_, row) = self.rows.get(&relation)?.get(key)?.last()?;
        Some(row.clone())
    }

    /// The same of all rows of a relation that somebody is writing.
    pub fn all(&self, relation: RelationId) -> Vec<(Key, Option<Row>)> {
        let rows = self.rows.get(&relation).into_iter().flatten();
        rows.filter_map(|(key, written)| Some((key.clone(), written.last()?.1.clone())))
            .collect()
    }
}
