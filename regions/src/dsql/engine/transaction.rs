//! One transaction: its snapshot, its own writes over it, its limits. Nothing here
//! parses SQL or knows of connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::catalog::{Key, RelationId, Row, Table, pick};
use super::error::{Result, SqlError, state};
use super::store::{Database, Snapshot};
use super::timestamp;
use super::value::Value;

/// What a transaction does to a key.
#[derive(Clone, Debug)]
pub enum Write {
    /// Stores a row.
    Put(Row),
    /// Removes it.
    Delete,
    /// Holds it `FOR UPDATE`: changes nothing, conflicts like a write.
    Lock,
}

/// A change of the schema, applied at commit.
#[derive(Clone, Debug)]
pub enum SchemaChange {
    /// A new table.
    Create(Arc<Table>),
    /// Tables that go, by name.
    Drop(Vec<String>),
    /// An index: accepted, kept nowhere. Lookups by primary key are indexed anyway,
    /// and an index changes no answer.
    Index,
}

/// Everything that a commit applies.
#[derive(Debug, Default)]
pub struct Changes {
    /// Writes by relation and key.
    pub writes: BTreeMap<RelationId, BTreeMap<Key, Write>>,
    /// Keys held `FOR KEY SHARE`.
    pub key_shares: Vec<(RelationId, Key)>,
    /// The one schema change.
    pub schema: Option<SchemaChange>,
}

impl Changes {
    /// Whether there is anything to commit.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.key_shares.is_empty() && self.schema.is_none()
    }
}

/// A transaction in progress.
#[derive(Debug)]
pub struct Transaction {
    database: Arc<Database>,
    number: u64,
    snapshot: Option<Snapshot>,
    started: Instant,
    /// `now()` for the whole transaction, microseconds since 2000.
    pub started_at: i64,
    /// Whether it was begun `READ ONLY`.
    pub read_only: bool,
    writes: BTreeMap<RelationId, BTreeMap<Key, Write>>,
    key_shares: BTreeSet<(RelationId, Key)>,
    schema: Option<SchemaChange>,
    rows_written: usize,
    wrote_rows: bool,
}

impl Transaction {
    /// A new transaction; its snapshot is taken by its first statement.
    pub fn new(database: Arc<Database>) -> Self {
        Self {
            number: database.new_transaction(),
            database,
            snapshot: None,
            started: Instant::now(),
            started_at: timestamp::now(),
            read_only: false,
            writes: BTreeMap::new(),
            key_shares: BTreeSet::new(),
            schema: None,
            rows_written: 0,
            wrote_rows: false,
        }
    }

    /// To be called before each statement that reads or writes: takes the snapshot if
    /// there is none yet, and fails a transaction that is too old or whose schema has
    /// changed under it.
    pub fn begin_statement(&mut self) -> Result<()> {
        self.check_age()?;
        if self.snapshot.is_none() {
            self.snapshot = Some(self.database.snapshot());
        }
        self.check_schema()
    }

    /// To be called after each such statement: a table that was dropped meanwhile
    /// has read as empty.
    pub fn end_statement(&self) -> Result<()> {
        self.check_schema()
    }

    fn check_schema(&self) -> Result<()> {
        match self.schema() {
            Some(schema) if schema != self.database.schema() => Err(SqlError::schema_changed()),
            _ => Ok(()),
        }
    }

    /// The schema that the transaction runs under, once it has a snapshot.
    pub fn schema(&self) -> Option<u64> {
        self.snapshot.as_ref().map(|snapshot| snapshot.schema)
    }

    fn check_age(&self) -> Result<()> {
        let limit = self.database.limits().transaction_age_max;
        if self.started.elapsed() > limit {
            return Err(SqlError::limit(&format!(
                "transaction age limit of {}s exceeded",
                limit.as_secs()
            )));
        }
        Ok(())
    }

    /// A table as the transaction sees it, its own schema change included.
    pub fn table(&self, name: &str) -> Option<Arc<Table>> {
        match &self.schema {
            Some(SchemaChange::Create(table)) if table.name == name => Some(Arc::clone(table)),
            Some(SchemaChange::Drop(names)) if names.iter().any(|gone| gone == name) => None,
            _ => self.database.table(name),
        }
    }

    /// One row of a relation.
    pub fn get(&self, relation: RelationId, key: &[Value]) -> Option<Row> {
        match self.writes.get(&relation).and_then(|rows| rows.get(key)) {
            Some(Write::Put(row)) => Some(Arc::clone(row)),
            Some(Write::Delete) => None,
            Some(Write::Lock) | None => self.database.get(self.snapshot.as_ref()?, relation, key),
        }
    }

    /// The rows of a relation whose keys begin with `prefix`, in key order.
    pub fn scan(&self, relation: RelationId, prefix: &[Value]) -> Vec<(Key, Row)> {
        let Some(snapshot) = &self.snapshot else {
            return Vec::new();
        };
        let mut rows = self.database.scan(snapshot, relation, prefix);
        if let Some(writes) = self.writes.get(&relation) {
            rows.retain(|(key, _)| matches!(writes.get(key), None | Some(Write::Lock)));
            rows.extend(writes.iter().filter_map(|(key, write)| match write {
                Write::Put(row) if key.starts_with(prefix) => Some((key.clone(), Arc::clone(row))),
                _ => None,
            }));
            rows.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        }
        rows
    }

    /// Declares a statement that writes rows: refused in a read-only transaction and
    /// beside a schema change.
    pub fn begin_write(&mut self, statement: &str) -> Result<()> {
        self.refuse_read_only(statement)?;
        if self.schema.is_some() {
            return Err(mixed());
        }
        self.wrote_rows = true;
        Ok(())
    }

    fn refuse_read_only(&self, statement: &str) -> Result<()> {
        if self.read_only {
            return Err(SqlError::new(
                state::READ_ONLY_TRANSACTION,
                format!("cannot execute {statement} in a read-only transaction"),
            ));
        }
        Ok(())
    }

    /// Adds the transaction's one schema change.
    pub fn change_schema(&mut self, statement: &str, change: SchemaChange) -> Result<()> {
        self.check_schema_change(statement)?;
        self.schema = Some(change);
        Ok(())
    }

    /// Whether a schema change would be taken here.
    pub fn check_schema_change(&self, statement: &str) -> Result<()> {
        self.refuse_read_only(statement)?;
        if self.schema.is_some() {
            return Err(SqlError::new(
                state::FEATURE_NOT_SUPPORTED,
                "multiple ddl statements not supported in a transaction",
            ));
        }
        if self.wrote_rows {
            return Err(mixed());
        }
        Ok(())
    }

    /// The key of the row that already holds one of a row's unique values, with the
    /// constraint's name and columns. `ignoring` is the row's own key when it is being
    /// updated.
    pub fn unique_holder<'t>(
        &self,
        table: &'t Table,
        row: &[Value],
        ignoring: Option<&Key>,
    ) -> Option<Holder<'t>> {
        if let Some(key) = table.key_of(row)
            && ignoring != Some(&key)
            && self.get(table.relation, &key).is_some()
        {
            return Some(Holder {
                constraint: &table.primary_key_name,
                columns: &table.primary_key,
                key,
            });
        }
        table.uniques.iter().find_map(|unique| {
            let entry = pick(row, &unique.columns);
            if entry.iter().any(Value::is_null) {
                return None;
            }
            let key = self.get(unique.relation, &entry)?.to_vec();
            (ignoring != Some(&key)).then_some(Holder {
                constraint: &unique.name,
                columns: &unique.columns,
                key,
            })
        })
    }

    /// Stores a new row. The caller has checked that its keys are free.
    pub fn insert(&mut self, table: &Table, row: Row) -> Result<()> {
        let key = table
            .key_of(&row)
            .unwrap_or_else(|| self.database.new_hidden_key());
        self.put_unique_entries(table, &row, &key);
        self.write(table.relation, key, Write::Put(row))
    }

    /// Replaces a row. The caller has checked that its new keys are free.
    pub fn update(&mut self, table: &Table, key: Key, old: &Row, new: Row) -> Result<()> {
        self.delete_unique_entries(table, old);
        let new_key = table.key_of(&new).unwrap_or_else(|| key.clone());
        if new_key != key {
            self.write(table.relation, key, Write::Delete)?;
        }
        self.put_unique_entries(table, &new, &new_key);
        self.write(table.relation, new_key, Write::Put(new))
    }

    /// Removes a row.
    pub fn delete(&mut self, table: &Table, key: Key, row: &Row) -> Result<()> {
        self.delete_unique_entries(table, row);
        self.write(table.relation, key, Write::Delete)
    }

    /// Holds a row `FOR UPDATE`.
    pub fn lock(&mut self, table: &Table, key: Key) {
        let writes = self.writes.entry(table.relation).or_default();
        writes.entry(key).or_insert(Write::Lock);
    }

    /// Holds a row's key `FOR KEY SHARE`.
    pub fn key_share(&mut self, table: &Table, key: Key) {
        self.key_shares.insert((table.relation, key));
    }

    fn put_unique_entries(&mut self, table: &Table, row: &Row, key: &Key) {
        for unique in &table.uniques {
            let entry = pick(row, &unique.columns);
            if !entry.iter().any(Value::is_null) {
                let writes = self.writes.entry(unique.relation).or_default();
                writes.insert(entry, Write::Put(key.as_slice().into()));
            }
        }
    }

    fn delete_unique_entries(&mut self, table: &Table, row: &Row) {
        for unique in &table.uniques {
            let entry = pick(row, &unique.columns);
            if !entry.iter().any(Value::is_null) {
                let writes = self.writes.entry(unique.relation).or_default();
                writes.insert(entry, Write::Delete);
            }
        }
    }

    fn write(&mut self, relation: RelationId, key: Key, write: Write) -> Result<()> {
        self.database.written(self.number, relation, &key, &write);
        let writes = self.writes.entry(relation).or_default();
        if matches!(writes.insert(key, write), None | Some(Write::Lock)) {
            self.rows_written += 1;
        }
        if self.rows_written > self.database.limits().transaction_rows_max {
            return Err(SqlError::limit("transaction row limit exceeded"));
        }
        Ok(())
    }

    /// Whether a commit has anything to carry to the other region.
    pub fn has_changes(&self) -> bool {
        !self.writes.is_empty() || !self.key_shares.is_empty() || self.schema.is_some()
    }

    /// The checks of a commit that need nobody else: age and size.
    pub fn check_commit(&self) -> Result<()> {
        if !self.has_changes() {
            return Ok(());
        }
        self.check_age()?;
        let size: usize = self
            .writes
            .values()
            .flatten()
            .map(|(key, write)| {
                let row = match write {
                    Write::Put(row) => row.iter().map(Value::size_bytes).sum(),
                    Write::Delete | Write::Lock => 0,
                };
                row + key.iter().map(Value::size_bytes).sum::<usize>()
            })
            .sum();
        if size > self.database.limits().transaction_bytes_max {
            return Err(SqlError::limit("transaction size limit 10mb exceeded"));
        }
        Ok(())
    }

    /// Commits. The transaction is over, whatever comes out.
    pub fn commit(mut self) -> Result<()> {
        self.check_commit()?;
        let changes = Changes {
            writes: std::mem::take(&mut self.writes),
            key_shares: std::mem::take(&mut self.key_shares).into_iter().collect(),
            schema: self.schema.take(),
        };
        match &self.snapshot {
            Some(snapshot) if !changes.is_empty() => self.database.commit(snapshot, changes),
            _ => Ok(()),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.database.over(self.number);
    }
}

/// Who holds a unique value.
#[derive(Debug)]
pub struct Holder<'t> {
    /// The constraint's name.
    pub constraint: &'t str,
    /// Its columns.
    pub columns: &'t [usize],
    /// The key of the row that holds it.
    pub key: Key,
}

fn mixed() -> SqlError {
    SqlError::new(
        state::FEATURE_NOT_SUPPORTED,
        "ddl and dml are not supported in the same transaction",
    )
}
