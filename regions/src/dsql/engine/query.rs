//! Execution of `SELECT`: rows in, grouped, ordered, cut, out. Rows of the subset
//! fit in memory, so each step is a whole vector.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::catalog::{Key, Row};
use super::error::{Result, SqlError, state};
use super::expr::{Arithmetic, Context, Expr, arithmetic};
use super::plan::{Access, Aggregate, AggregateKind, Grouping, Lock, OrderKey, Select, Source};
use super::transaction::Transaction;
use super::value::Value;

/// The rows of a source that satisfy its condition, with their keys.
pub fn rows(
    source: &Source,
    transaction: &Transaction,
    context: &Context<'_>,
) -> Result<Vec<(Key, Row)>> {
    let relation = source.table.relation;
    let values = |exprs: &[Expr]| -> Result<Vec<Value>> {
        exprs.iter().map(|expr| expr.eval(context)).collect()
    };
    let mut rows = match &source.access {
        Access::All => transaction.scan(relation, &[]),
        Access::Prefix(prefix) => {
            let prefix = values(prefix)?;
            if prefix.iter().any(Value::is_null) {
                Vec::new()
            } else if prefix.len() == source.table.primary_key.len() {
                let row = transaction.get(relation, &prefix);
                row.map(|row| (prefix, row)).into_iter().collect()
            } else {
                transaction.scan(relation, &prefix)
            }
        }
        Access::Keys(list) => {
            let keys: BTreeSet<_> = values(list)?
                .into_iter()
                .filter(|key| !key.is_null())
                .collect();
            keys.into_iter()
                .filter_map(|key| {
                    let key = vec![key];
                    let row = transaction.get(relation, &key)?;
                    Some((key, row))
                })
                .collect()
        }
    };
    if let Some(filter) = &source.filter {
        let mut kept = Vec::with_capacity(rows.len());
        for (key, row) in rows {
            if filter.holds(&context.with_row(&row))? {
                kept.push((key, row));
            }
        }
        rows = kept;
    }
    Ok(rows)
}

/// Runs a select; with a lock, the rows returned are held in the transaction.
pub fn select(
    select: &Select,
    transaction: &mut Transaction,
    context: &Context<'_>,
) -> Result<Vec<Vec<Value>>> {
    let limit = row_count(
        select.limit.as_ref(),
        "LIMIT",
        state::INVALID_ROW_COUNT_IN_LIMIT,
        context,
    )?;
    let offset = row_count(
        select.offset.as_ref(),
        "OFFSET",
        state::INVALID_ROW_COUNT_IN_OFFSET,
        context,
    )?;
    let mut keyed: Vec<(Option<Key>, Row)> = match &select.source {
        Some(source) => rows(source, transaction, context)?
            .into_iter()
            .map(|(key, row)| (Some(key), row))
            .collect(),
        None => {
            let wanted = select
                .filter
                .as_ref()
                .map_or(Ok(true), |filter| filter.holds(context))?;
            wanted.then(|| (None, Row::from([]))).into_iter().collect()
        }
    };
    if let Some(grouping) = &select.grouping {
        keyed = group(grouping, &keyed, context)?
            .into_iter()
            .map(|row| (None, row.into()))
            .collect();
    }
    if !select.order.is_empty() {
        keyed = sort(&select.order, keyed, context)?;
    }
    let skip = offset.unwrap_or(0);
    let take = limit.unwrap_or(usize::MAX);
    let project = |row: &Row| {
        let context = context.with_row(row);
        select
            .output
            .iter()
            .map(|expr| expr.eval(&context))
            .collect::<Result<Vec<_>>>()
    };
    if select.distinct {
        let mut seen = BTreeSet::new();
        let mut result = Vec::new();
        for (_, row) in &keyed {
            let values = project(row)?;
            if seen.insert(values.clone()) {
                result.push(values);
            }
        }
        return Ok(result.into_iter().skip(skip).take(take).collect());
    }
    let mut result = Vec::new();
    for (key, row) in keyed.into_iter().skip(skip).take(take) {
        result.push(project(&row)?);
        if let (Some(lock), Some(source), Some(key)) = (select.lock, &select.source, key) {
            match lock {
                Lock::Update => transaction.lock(&source.table, key),
                Lock::KeyShare => transaction.key_share(&source.table, key),
            }
        }
    }
    Ok(result)
}

fn row_count(
    expr: Option<&Expr>,
    clause: &str,
    code: &'static str,
    context: &Context<'_>,
) -> Result<Option<usize>> {
    let Some(expr) = expr else {
        return Ok(None);
    };
    match expr.eval(context)? {
        Value::Int8(count) => usize::try_from(count)
            .map(Some)
            .map_err(|_| SqlError::new(code, format!("{clause} must not be negative"))),
        _ => Ok(None),
    }
}

fn sort(
    order: &[OrderKey],
    rows: Vec<(Option<Key>, Row)>,
    context: &Context<'_>,
) -> Result<Vec<(Option<Key>, Row)>> {
    let mut decorated = Vec::with_capacity(rows.len());
    for row in rows {
        let context = context.with_row(&row.1);
        let keys = order
            .iter()
            .map(|key| key.expr.eval(&context))
            .collect::<Result<Vec<_>>>()?;
        decorated.push((keys, row));
    }
    decorated.sort_by(|(a, _), (b, _)| {
        order
            .iter()
            .zip(a.iter().zip(b))
            .map(|(key, (a, b))| compare(key, a, b))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    Ok(decorated.into_iter().map(|(_, row)| row).collect())
}

fn compare(key: &OrderKey, a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (false, false) if key.descending => b.cmp(a),
        (false, false) => a.cmp(b),
        (a_null, b_null) if key.nulls_first => b_null.cmp(&a_null),
        (a_null, b_null) => a_null.cmp(&b_null),
    }
}

/// One row a group: its keys, then its aggregates. Without keys there is exactly one
/// group, even of nothing.
fn group(
    grouping: &Grouping,
    rows: &[(Option<Key>, Row)],
    context: &Context<'_>,
) -> Result<Vec<Vec<Value>>> {
    let mut groups: BTreeMap<Vec<Value>, Vec<Running>> = BTreeMap::new();
    let fresh = || -> Vec<Running> {
        grouping
            .aggregates
            .iter()
            .map(|_| Running::default())
            .collect()
    };
    if grouping.keys.is_empty() {
        groups.insert(Vec::new(), fresh());
    }
    for (_, row) in rows {
        let context = context.with_row(row);
        let keys = grouping
            .keys
            .iter()
            .map(|key| key.eval(&context))
            .collect::<Result<Vec<_>>>()?;
        let running = groups.entry(keys).or_insert_with(fresh);
        for (aggregate, running) in grouping.aggregates.iter().zip(running) {
            running.add(aggregate, &context)?;
        }
    }
    let mut result = Vec::with_capacity(groups.len());
    for (mut values, running) in groups {
        let aggregates = grouping.aggregates.iter().zip(running);
        values.extend(aggregates.map(|(aggregate, running)| running.finish(aggregate)));
        let kept = grouping
            .having
            .as_ref()
            .map_or(Ok(true), |having| having.holds(&context.with_row(&values)))?;
        if kept {
            result.push(values);
        }
    }
    Ok(result)
}

/// An aggregate on its way.
#[derive(Default)]
struct Running {
    count: i64,
    value: Option<Value>,
    seen: BTreeSet<Value>,
}

impl Running {
    fn add(&mut self, aggregate: &Aggregate, context: &Context<'_>) -> Result<()> {
        if let Some(filter) = &aggregate.filter
            && !filter.holds(context)?
        {
            return Ok(());
        }
        let Some(argument) = &aggregate.argument else {
            self.count += 1;
            return Ok(());
        };
        let value = argument.eval(context)?;
        if value.is_null() || (aggregate.distinct && !self.seen.insert(value.clone())) {
            return Ok(());
        }
        self.count += 1;
        self.value = Some(match (self.value.take(), aggregate.kind) {
            (Some(so_far), AggregateKind::Sum) => arithmetic(Arithmetic::Add, &so_far, &value)?,
            (Some(so_far), AggregateKind::Min) => so_far.min(value),
            (Some(so_far), AggregateKind::Max) => so_far.max(value),
            (Some(so_far), AggregateKind::Count) => so_far,
            (None, _) => value,
        });
        Ok(())
    }

    fn finish(self, aggregate: &Aggregate) -> Value {
        match aggregate.kind {
            AggregateKind::Count => Value::Int8(self.count),
            _ => self.value.unwrap_or(Value::Null),
        }
    }
}
