//! The one logical database behind both regional endpoints: multi-version rows, a
//! commit counter, and the check that lets only the first of two conflicting
//! transactions commit.
//!
//! A commit is one critical section: check, number, apply. A snapshot is a number.
//! So a snapshot taken after a commit returned sees it, whichever region asks, and
//! no reader ever waits for a transaction in progress. Nothing here sleeps: the
//! inter-region round trip is paid by the caller, around the commit and before its
//! acknowledgement.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::catalog::{Key, RelationId, Row, Table};
use super::defect::{STALE_COMMITS_MAX, Seeded};
use super::error::{Result, SqlError, state};
use super::transaction::{Changes, SchemaChange, Write};
use super::uncommitted::Uncommitted;
use super::value::Value;
use crate::dsql::{Defects, Limits};

/// The database.
#[derive(Debug)]
pub struct Database {
    state: RwLock<State>,
    /// Open snapshots by commit number: the oldest decides which versions must stay.
    /// Locked only while `state` is, so collection never races a new snapshot.
    open: Mutex<BTreeMap<u64, usize>>,
    defects: Defects,
    /// Never locked while another lock is being waited for.
    seeded: Mutex<Seeded>,
    /// With `dirty-read` only. Never locked while another lock is being waited for.
    uncommitted: Mutex<Uncommitted>,
    limits: Limits,
    next_transaction: AtomicU64,
    next_relation: AtomicU32,
    next_hidden_key: AtomicI64,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last commit.
    commits: u64,
    /// Raised by every schema change.
    schema: u64,
    tables: BTreeMap<String, Arc<Table>>,
    relations: HashMap<RelationId, BTreeMap<Key, Chain>>,
    /// Deleted rows whose chains can go once no snapshot is older than the deletion.
    tombstones: VecDeque<(u64, RelationId, Key)>,
}

/// All versions of a row that some snapshot may still see, oldest first.
#[derive(Debug, Default)]
struct Chain {
    versions: Vec<Version>,
    /// The last commit that held the key `FOR KEY SHARE`: a deletion conflicts with it.
    key_shared: u64,
}

#[derive(Debug)]
struct Version {
    commit: u64,
    /// `None` once deleted.
    row: Option<Row>,
}

impl Chain {
    fn visible(&self, snapshot: u64) -> Option<&Row> {
        self.versions
            .iter()
            .rev()
            .find(|version| version.commit <= snapshot)?
            .row
            .as_ref()
    }

    fn last(&self) -> Option<&Version> {
        self.versions.last()
    }

    fn written_since(&self, commit: u64) -> bool {
        self.last().is_some_and(|version| version.commit > commit)
    }

    /// Whether the row was deleted, even if it has been inserted again.
    fn deleted_since(&self, commit: u64) -> bool {
        let later = self.versions.iter().rev();
        later
            .take_while(|version| version.commit > commit)
            .any(|version| version.row.is_none())
    }

    /// Drops what no snapshot at or after `horizon` can see.
    fn prune(&mut self, horizon: u64) {
        let keep = self
            .versions
            .iter()
            .rposition(|version| version.commit <= horizon)
            .unwrap_or(0);
        self.versions.drain(..keep);
    }
}

/// What a transaction sees: all commits up to a number. Holding it keeps their
/// versions in the store.
#[derive(Debug)]
pub struct Snapshot {
    database: Arc<Database>,
    /// The last commit it sees.
    visible: u64,
    /// The commit that the conflict check starts from; `visible`, but for the defect
    /// `stale-snapshot`.
    base: u64,
    /// The schema it was taken under.
    pub schema: u64,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let _state = self.database.read();
        let mut open = self.database.open();
        if let Some(count) = open.get_mut(&self.visible) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.visible);
            }
        }
    }
}

impl Database {
    /// An empty database.
    pub fn new(defects: Defects, seed: u64, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            state: RwLock::default(),
            open: Mutex::default(),
            defects,
            seeded: Mutex::new(Seeded::new(seed)),
            uncommitted: Mutex::default(),
            limits,
            next_transaction: AtomicU64::new(1),
            next_relation: AtomicU32::new(16_384),
            next_hidden_key: AtomicI64::new(1),
        })
    }

    /// The limits on every transaction.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    // The state is only ever changed by code that cannot panic half-way, so a
    // poisoned lock still guards a whole state.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seeded(&self) -> MutexGuard<'_, Seeded> {
        self.seeded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With `dirty-read`, what transactions in progress have written.
    fn uncommitted(&self) -> Option<MutexGuard<'_, Uncommitted>> {
        let uncommitted = || self.uncommitted.lock();
        self.defects
            .dirty_read
            .then(|| uncommitted().unwrap_or_else(PoisonError::into_inner))
    }

    /// A number for a transaction, never given out before.
    pub fn new_transaction(&self) -> u64 {
        self.next_transaction.fetch_add(1, Ordering::Relaxed)
    }

    /// Tells of a write that is not committed: seen by others with `dirty-read` only.
    pub fn written(&self, transaction: u64, relation: RelationId, key: &Key, write: &Write) {
        if let Some(mut uncommitted) = self.uncommitted() {
            let row = match write {
                Write::Put(row) => Some(Arc::clone(row)),
                Write::Delete => None,
                Write::Lock => return,
            };
            uncommitted.write(transaction, relation, key.clone(), row);
        }
    }

    /// Tells that a transaction is over, committed or not.
    pub fn over(&self, transaction: u64) {
        if let Some(mut uncommitted) = self.uncommitted() {
            uncommitted.forget(transaction);
        }
    }

    /// A snapshot of everything committed by now.
    pub fn snapshot(self: &Arc<Self>) -> Snapshot {
        let state = self.read();
        let base = state.commits;
        let visible = if self.defects.stale_snapshot {
            base.saturating_sub(self.seeded().staleness())
        } else {
            base
        };
        *self.open().entry(visible).or_insert(0) += 1;
        Snapshot {
            database: Arc::clone(self),
            visible,
            base,
            schema: state.schema,
        }
    }

    /// The schema's present version.
    pub fn schema(&self) -> u64 {
        self.read().schema
    }

    /// A table as it is now.
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        self.read().tables.get(name).cloned()
    }

    /// A number for a new relation, never given out before.
    pub fn new_relation(&self) -> RelationId {
        self.next_relation.fetch_add(1, Ordering::Relaxed)
    }

    /// A key for a row of a table without a primary key, never given out before.
    pub fn new_hidden_key(&self) -> Key {
        vec![Value::Int8(
            self.next_hidden_key.fetch_add(1, Ordering::Relaxed),
        )]
    }

    /// One row at a snapshot. Logarithmic in the relation's size.
    pub fn get(&self, snapshot: &Snapshot, relation: RelationId, key: &[Value]) -> Option<Row> {
        let dirty = self.uncommitted().and_then(|rows| rows.get(relation, key));
        if let Some(row) = dirty {
            return row;
        }
        let state = self.read();
        let chain = state.relations.get(&relation)?.get(key)?;
        chain.visible(snapshot.visible).cloned()
    }

    /// The rows at a snapshot whose keys begin with `prefix`, in key order.
    pub fn scan(
        &self,
        snapshot: &Snapshot,
        relation: RelationId,
        prefix: &[Value],
    ) -> Vec<(Key, Row)> {
        let dirty = self.uncommitted().map(|rows| rows.all(relation));
        let committed = self.scan_committed(snapshot, relation, prefix);
        let Some(dirty) = dirty else {
            return committed;
        };
        let mut rows: BTreeMap<Key, Row> = committed.into_iter().collect();
        for (key, row) in dirty {
            match row.filter(|_| key.starts_with(prefix)) {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
        rows.into_iter().collect()
    }

    fn scan_committed(
        &self,
        snapshot: &Snapshot,
        relation: RelationId,
        prefix: &[Value],
    ) -> Vec<(Key, Row)> {
        let state = self.read();
        let Some(rows) = state.relations.get(&relation) else {
            return Vec::new();
        };
        rows.range::<[Value], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(key, chain)| {
                Some((key.clone(), chain.visible(snapshot.visible)?.clone()))
            })
            .collect()
    }

    /// Commits: checks, numbers and applies in one step. Two transactions that wrote
    /// the same row after overlapping snapshots cannot both pass.
    pub fn commit(&self, snapshot: &Snapshot, changes: Changes) -> Result<()> {
        let mut state = self.write();
        if state.schema != snapshot.schema {
            return Err(SqlError::schema_changed());
        }
        if let Some(change) = changes.schema {
            return state.apply_schema(change);
        }
        if !self.defects.skip_conflict_check && state.conflicts(snapshot, &changes) {
            return Err(SqlError::conflict());
        }
        if self.defects.lost_commit && self.seeded().loses(state.tables_written(&changes)) {
            return Ok(());
        }
        let horizon = self.horizon(&state);
        state.apply(changes.writes, changes.key_shares, horizon);
        state.collect(horizon);
        Ok(())
    }

    /// The oldest commit that a present or future snapshot may read at.
    fn horizon(&self, state: &State) -> u64 {
        let oldest = self.open().keys().next().copied();
        let newest = if self.defects.stale_snapshot {
            state.commits.saturating_sub(STALE_COMMITS_MAX)
        } else {
            state.commits
        };
        oldest.map_or(newest, |oldest| oldest.min(newest))
    }

    /// How many row versions are stored, over all relations: what a test of the
    /// collector looks at.
    #[cfg(test)]
    pub fn version_count(&self) -> usize {
        let state = self.read();
        let relations = state.relations.values();
        relations
            .flat_map(|rows| rows.values())
            .map(|chain| chain.versions.len())
            .sum()
    }
}

impl State {
    /// The tables that a commit writes, in order; a unique constraint is none.
    fn tables_written(&self, changes: &Changes) -> Vec<RelationId> {
        let tables = self.tables.values().map(|table| table.relation);
        let mut written: Vec<_> = tables
            .filter(|relation| changes.writes.contains_key(relation))
            .collect();
        written.sort_unstable();
        written
    }

    fn conflicts(&self, snapshot: &Snapshot, changes: &Changes) -> bool {
        let chain = |relation: &RelationId, key: &Key| self.relations.get(relation)?.get(key);
        let write_conflicts = changes.writes.iter().any(|(relation, writes)| {
            writes.iter().any(|(key, write)| {
                chain(relation, key).is_some_and(|chain| {
                    chain.written_since(snapshot.base)
                        || (matches!(write, Write::Delete) && chain.key_shared > snapshot.base)
                })
            })
        });
        write_conflicts
            || changes.key_shares.iter().any(|(relation, key)| {
                chain(relation, key).is_some_and(|chain| chain.deleted_since(snapshot.base))
            })
    }

    fn apply(
        &mut self,
        writes: BTreeMap<RelationId, BTreeMap<Key, Write>>,
        key_shares: Vec<(RelationId, Key)>,
        horizon: u64,
    ) {
        self.commits += 1;
        let commit = self.commits;
        for (relation, writes) in writes {
            let Some(rows) = self.relations.get_mut(&relation) else {
                continue;
            };
            for (key, write) in writes {
                if matches!(write, Write::Delete) {
                    self.tombstones.push_back((commit, relation, key.clone()));
                }
                let chain = rows.entry(key).or_default();
                let row = match write {
                    Write::Put(row) => Some(row),
                    Write::Delete => None,
                    // A lock is a write of what is there already.
                    Write::Lock => chain.last().and_then(|version| version.row.clone()),
                };
                chain.versions.push(Version { commit, row });
                chain.prune(horizon);
            }
        }
        for (relation, key) in key_shares {
            let rows = self.relations.get_mut(&relation);
            if let Some(chain) = rows.and_then(|rows| rows.get_mut(&key)) {
                chain.key_shared = commit;
            }
        }
    }

    fn apply_schema(&mut self, change: SchemaChange) -> Result<()> {
        match change {
            SchemaChange::Create(table) => {
                // The schema's version was checked, so the name is still free; asking
                // again costs nothing and keeps the map whole.
                if self.tables.contains_key(&table.name) {
                    return Err(SqlError::new(
                        state::DUPLICATE_TABLE,
                        format!("relation \"{}\" already exists", table.name),
                    ));
                }
                self.relations.insert(table.relation, BTreeMap::new());
                for unique in &table.uniques {
                    self.relations.insert(unique.relation, BTreeMap::new());
                }
                self.tables.insert(table.name.clone(), table);
            }
            SchemaChange::Drop(names) => {
                for name in names {
                    if let Some(table) = self.tables.remove(&name) {
                        self.relations.remove(&table.relation);
                        for unique in &table.uniques {
                            self.relations.remove(&unique.relation);
                        }
                    }
                }
            }
            SchemaChange::Index => {}
        }
        self.commits += 1;
        self.schema += 1;
        Ok(())
    }

    /// Frees deleted rows that nobody can see any more. Amortized constant a deletion.
    fn collect(&mut self, horizon: u64) {
        while let Some((commit, relation, key)) = self.tombstones.front() {
            if *commit > horizon {
                break;
            }
            if let Some(rows) = self.relations.get_mut(relation) {
                let dead = rows
                    .get(key)
                    .and_then(Chain::last)
                    .is_some_and(|version| version.row.is_none() && version.commit <= horizon);
                if dead {
                    rows.remove(key);
                }
            }
            self.tombstones.pop_front();
        }
    }
}
