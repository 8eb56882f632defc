//! Which tables exist in which region. A table is an immutable snapshot: a change
//! to it is a new one in its place, so a reader never sees half of it.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::request::KeySchema;
use super::strong::Strong;

/// A table, global if it has several replicas.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) name: String,
    /// Differs from that of every other table, of the same name too.
    pub(super) generation: u64,
    pub(super) schema: KeySchema,
    /// The `CreateTable` request, for making further replicas.
    pub(super) definition: Value,
    /// The `UpdateTable` requests since, without their replica updates.
    pub(super) updates: Vec<Value>,
    /// Indices of the regions that hold it, the oldest replica first.
    pub(super) replicas: Vec<usize>,
    /// The region that only votes, under strong consistency.
    pub(super) witness: Option<String>,
    /// Under strong consistency, what is behind the replicas.
    pub(super) strong: Option<Arc<Strong>>,
}

/// The tables of all regions.
#[derive(Default)]
pub(super) struct Catalogue {
    tables: HashMap<(usize, String), Arc<Table>>,
    generations: u64,
}

impl Catalogue {
    pub(super) fn get(&self, region: usize, name: &str) -> Option<Arc<Table>> {
        // A tuple key cannot be looked up by parts without an owned name.
        self.tables.get(&(region, name.to_owned())).cloned()
    }

    /// Makes `table` what its replicas know of it.
    pub(super) fn put(&mut self, table: Table) {
        let table = Arc::new(table);
        for region in &table.replicas {
            let key = (*region, table.name.clone());
            self.tables.insert(key, Arc::clone(&table));
        }
    }

    pub(super) fn remove(&mut self, region: usize, name: &str) {
        self.tables.remove(&(region, name.to_owned()));
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }
}
