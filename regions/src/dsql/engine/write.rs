//! Execution of `INSERT`, `UPDATE` and `DELETE` within a transaction.

use std::collections::BTreeSet;

use super::catalog::{Key, Row, Table};
use super::error::{Result, SqlError, state};
use super::expr::{Context, Expr};
use super::plan::{Assigned, ConflictUpdate, Delete, Insert, InsertSource, Update};
use super::query;
use super::transaction::Transaction;
use super::value::Value;

/// What a write did: how many rows, and what `RETURNING` shows of them.
#[derive(Debug, Default)]
pub struct Written {
    /// Rows inserted, updated or deleted.
    pub count: usize,
    /// The returned rows.
    pub rows: Vec<Vec<Value>>,
}

impl Written {
    fn add(&mut self, returning: Option<&[Expr]>, row: &Row, context: &Context<'_>) -> Result<()> {
        self.count += 1;
        if let Some(exprs) = returning {
            let context = context.with_row(row);
            let values = exprs.iter().map(|expr| expr.eval(&context));
            self.rows.push(values.collect::<Result<_>>()?);
        }
        Ok(())
    }
}

/// Runs an insert.
pub fn insert(
    insert: &Insert,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Written> {
    transaction.begin_write("INSERT")?;
    let table = &insert.table;
    let mut written = Written::default();
    let mut touched = BTreeSet::new();
    for row in source_rows(insert, transaction, context)? {
        table.check_row(&row)?;
        let Some(holder) = transaction.unique_holder(table, &row, None) else {
            touched.extend(table.key_of(&row));
            transaction.insert(table, row.clone())?;
            written.add(insert.returning.as_deref(), &row, context)?;
            continue;
        };
        let caught = insert.on_conflict.as_ref().filter(|on| {
            on.constraint
                .as_deref()
                .is_none_or(|name| name == holder.constraint)
        });
        let Some(on_conflict) = caught else {
            let values = super::catalog::pick(&row, holder.columns);
            return Err(table.duplicate_key(holder.constraint, holder.columns, &values));
        };
        if let Some(update) = &on_conflict.update {
            let key = holder.key;
            if let Some(new) = conflict_update(
                update,
                table,
                &key,
                &row,
                &mut touched,
                transaction,
                context,
            )? {
                written.add(insert.returning.as_deref(), &new, context)?;
            }
        }
    }
    Ok(written)
}

fn conflict_update(
    update: &ConflictUpdate,
    table: &Table,
    key: &Key,
    excluded: &Row,
    touched: &mut BTreeSet<Key>,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Option<Row>> {
    let Some(existing) = transaction.get(table.relation, key) else {
        return Ok(None);
    };
    if touched.contains(key) {
        return Err(SqlError::new(
            state::CARDINALITY_VIOLATION,
            "ON CONFLICT DO UPDATE command cannot affect row a second time",
        )
        .hint(
            "Ensure that no rows proposed for insertion within the same command have \
             duplicate constrained values.",
        ));
    }
    let both: Vec<Value> = existing.iter().chain(excluded.iter()).cloned().collect();
    let over_both = context.with_row(&both);
    if let Some(filter) = &update.filter
        && !filter.holds(&over_both)?
    {
        return Ok(None);
    }
    let new = replace(table, key, &existing, &update.set, &over_both, transaction)?;
    touched.insert(table.key_of(&new).unwrap_or_else(|| key.clone()));
    Ok(Some(new))
}

/// Sets columns of a row, checks the outcome and stores it.
fn replace(
    table: &Table,
    key: &Key,
    old: &Row,
    set: &[(usize, Expr)],
    context: &Context<'_>,
    transaction: &mut Transaction,
) -> Result<Row> {
    let mut new = old.to_vec();
    for (column, value) in set {
        new[*column] = value.eval(context)?;
    }
    table.check_row(&new)?;
    if let Some(holder) = transaction.unique_holder(table, &new, Some(key)) {
        let values = super::catalog::pick(&new, holder.columns);
        return Err(table.duplicate_key(holder.constraint, holder.columns, &values));
    }
    let new: Row = new.into();
    transaction.update(table, key.clone(), old, new.clone())?;
    Ok(new)
}

fn source_rows(
    insert: &Insert,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Vec<Row>> {
    // What the source gives for each row; `None` asks for the column's default.
    let given: Vec<Vec<Option<Value>>> = match &insert.source {
        InsertSource::Values(rows) => {
            let mut given = Vec::with_capacity(rows.len());
            for row in rows {
                let values = row
                    .iter()
                    .map(|expr| expr.as_ref().map(|expr| expr.eval(context)).transpose());
                given.push(values.collect::<Result<_>>()?);
            }
            given
        }
        InsertSource::Query(select) => query::select(select, transaction, context)?
            .into_iter()
            .map(|row| row.into_iter().map(Some).collect())
            .collect(),
    };
    let mut rows = Vec::with_capacity(given.len());
    for given in given {
        let defaulted: Vec<bool> = given.iter().map(Option::is_none).collect();
        let plain: Vec<Value> = given
            .into_iter()
            .map(|value| value.unwrap_or(Value::Null))
            .collect();
        let over_given = context.with_row(&plain);
        let default = |column: usize| match &insert.table.columns[column].default {
            Some(default) => default.eval(context),
            None => Ok(Value::Null),
        };
        let row = insert
            .assignments
            .iter()
            .enumerate()
            .map(|(column, assigned)| match assigned {
                Assigned::Source(Expr::Column(at)) if defaulted.get(*at) == Some(&true) => {
                    default(column)
                }
                Assigned::Source(expr) => expr.eval(&over_given),
                Assigned::Default => default(column),
            });
        rows.push(row.collect::<Result<Vec<_>>>()?.into());
    }
    Ok(rows)
}

/// Runs an update.
pub fn update(
    update: &Update,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Written> {
    transaction.begin_write("UPDATE")?;
    let table = &update.source.table;
    let mut written = Written::default();
    for (key, old) in query::rows(&update.source, transaction, context)? {
        let over_old = context.with_row(&old);
        let new = replace(table, &key, &old, &update.set, &over_old, transaction)?;
        written.add(update.returning.as_deref(), &new, context)?;
    }
    Ok(written)
}

/// Runs a delete.
pub fn delete(
    delete: &Delete,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Written> {
    transaction.begin_write("DELETE")?;
    let table = &delete.source.table;
    let mut written = Written::default();
    for (key, row) in query::rows(&delete.source, transaction, context)? {
        transaction.delete(table, key, &row)?;
        written.add(delete.returning.as_deref(), &row, context)?;
    }
    Ok(written)
}
