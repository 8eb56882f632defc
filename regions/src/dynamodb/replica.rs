//! The state of one region: an engine, and for every item the stamp of its last
//! write. Local writes are stamped, received ones applied only if they are later:
//! last writer wins. Synchronous and free of time and randomness, so that tests
//! can drive it through any schedule.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use dynoxide::Item;

use super::clock::{HybridClock, Stamp};
use super::engine::Engine;
use super::error::{ApiError, ApiResult};
use super::request::{ItemId, KeySchema, Request, Target};
use super::tokens::Tokens;

/// The last write of an item, as it travels to the other regions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// Which item.
    pub(super) target: Target,
    /// Of the table, so that nothing leaks into a later one of the same name.
    pub(super) generation: u64,
    /// The whole item after the write; none if the write deleted it.
    pub(super) image: Option<Item>,
    /// When and where it was written.
    pub(super) stamp: Stamp,
}

/// One region's items.
pub(super) struct Replica {
    engine: Engine,
    clock: HybridClock,
    tables: HashMap<String, Stamps>,
    tokens: Tokens,
}

/// Stamps outlive their items: the stamp of a deleted item is its tombstone.
struct Stamps {
    generation: u64,
    schema: KeySchema,
    items: HashMap<ItemId, Stamp>,
}

impl Replica {
    pub(super) fn new(region: usize, engine: Engine) -> Self {
        Self {
            engine,
            clock: HybridClock::new(region),
            tables: HashMap::new(),
            tokens: Tokens::default(),
        }
    }

    /// Begins to keep stamps for a table that the engine has.
    pub(super) fn add_table(&mut self, name: &str, generation: u64, schema: KeySchema) {
        let stamps = Stamps {
            generation,
            schema,
            items: HashMap::new(),
        };
        self.tables.insert(name.to_owned(), stamps);
    }

    pub(super) fn drop_table(&mut self, name: &str) {
        self.tables.remove(name);
    }

    /// Executes a write. The changes are for the other replicas.
    pub(super) fn write(
        &mut self,
        request: &Request,
        wall_us: u64,
    ) -> ApiResult<(String, Vec<Change>)> {
        let claim = self.tokens.claim(request)?;
        if let Some(answer) = claim.replay() {
            return Ok((answer, Vec::new()));
        }
        let answer = self.engine.call(request.operation, claim.request())?;
        let targets = request.targets(|table| self.tables.get(table).map(|stamps| &stamps.schema));
        let changes = targets
            .into_iter()
            .map(|target| self.stamp(target, wall_us))
            .collect::<ApiResult<_>>()?;
        self.tokens.complete(claim, &answer);
        Ok((answer, changes))
    }

    /// Writes one item without a request; none if the item has no key.
    pub(super) fn put_row(
        &mut self,
        table: &str,
        item: Item,
        wall_us: u64,
    ) -> ApiResult<Option<Change>> {
        let schema = self.tables.get(table).map(|stamps| &stamps.schema);
        let Some(target) = schema.and_then(|schema| schema.target_of(table, &item)) else {
            return Ok(None);
        };
        self.engine.set(table, &target.key, Some(item))?;
        self.stamp(target, wall_us).map(Some)
    }

    fn stamp(&mut self, target: Target, wall_us: u64) -> ApiResult<Change> {
        let image = self.engine.get(&target.table, &target.key)?;
        let stamp = self.clock.next(wall_us);
        let stamps = self
            .tables
            .get_mut(&target.table)
            .ok_or_else(|| ApiError::internal("a table without stamps"))?;
        stamps.items.insert(target.id.clone(), stamp);
        Ok(Change {
            target,
            generation: stamps.generation,
            image,
            stamp,
        })
    }

    /// Takes in a change from elsewhere; false if the item here is at least as
    /// late, or the table is gone.
    pub(super) fn apply(&mut self, change: &Change) -> ApiResult<bool> {
        self.clock.observe(change.stamp);
        let Change { target, .. } = change;
        let Some(stamps) = self.tables.get_mut(&target.table) else {
            return Ok(false);
        };
        if stamps.generation != change.generation {
            return Ok(false);
        }
        match stamps.items.entry(target.id.clone()) {
            Entry::Occupied(known) if *known.get() >= change.stamp => return Ok(false),
            Entry::Occupied(mut known) => {
                known.insert(change.stamp);
            }
            Entry::Vacant(unknown) => {
                unknown.insert(change.stamp);
            }
        }
        self.engine
            .set(&target.table, &target.key, change.image.clone())?;
        Ok(true)
    }

    /// Makes the table here what it is in `source`, tombstones included.
    pub(super) fn copy_table(&mut self, name: &str, source: &Self) -> ApiResult<()> {
        let theirs = source.stamps(name)?;
        for item in self.engine.items(name)? {
            if let Some(target) = theirs.schema.target_of(name, &item) {
                self.engine.set(name, &target.key, None)?;
            }
        }
        self.add_table(name, theirs.generation, theirs.schema.clone());
        self.merge_table(name, source)
    }

    /// Takes over what is later in `source`, tombstones included, as if all its writes
    /// had arrived here. Linear in the size of both.
    pub(super) fn merge_table(&mut self, name: &str, source: &Self) -> ApiResult<()> {
        let theirs = source.stamps(name)?;
        let mut images = source.targets(name, theirs)?;
        let here = self.stamps(name)?;
        let known = self.targets(name, here)?;
        let later: Vec<_> = theirs
            .items
            .iter()
            .filter(|(id, stamp)| here.items.get(*id).is_none_or(|known| known < *stamp))
            .map(|(id, stamp)| (id.clone(), *stamp))
            .collect();
        for (id, stamp) in later {
            match (images.remove(&id), known.get(&id)) {
                (Some((key, item)), _) => self.engine.set(name, &key, Some(item))?,
                (None, Some((key, _))) => self.engine.set(name, key, None)?,
                (None, None) => {}
            }
            self.clock.observe(stamp);
            if let Some(stamps) = self.tables.get_mut(name) {
                stamps.items.insert(id, stamp);
            }
        }
        Ok(())
    }

    fn stamps(&self, name: &str) -> ApiResult<&Stamps> {
        self.tables
            .get(name)
            .ok_or_else(|| ApiError::internal("a table without stamps"))
    }

    /// Every item of a table, with its key, by id.
    fn targets(&self, name: &str, stamps: &Stamps) -> ApiResult<HashMap<ItemId, (Item, Item)>> {
        let items = self.engine.items(name)?.into_iter();
        let targets = items.filter_map(|item| {
            let target = stamps.schema.target_of(name, &item)?;
            Some((target.id, (target.key, item)))
        });
        Ok(targets.collect())
    }

    /// For reads, and for tables to be created and deleted.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

#[cfg(test)]
mod tests;
