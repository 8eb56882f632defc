//! Binding of `INSERT`, `UPDATE` and `DELETE`.

use std::sync::Arc;

use sqlparser::ast::{
    self, Assignment, AssignmentTarget, ConflictTarget, FromTable, ObjectName, OnConflictAction,
    OnInsert, SetExpr, TableObject,
};

use super::super::catalog::Table;
use super::super::error::{Result, SqlError, state};
use super::super::expr::Expr;
use super::super::plan::{
    Assigned, ConflictUpdate, Delete, Insert, InsertSource, OnConflict, Plan, Update,
};
use super::super::value::{SqlType, Value};
use super::access::source;
use super::query::refuse;
use super::scope::Scope;
use super::types::Typed;
use super::{Binder, Bound, fold, part};

impl Binder<'_> {
    pub fn insert(&mut self, insert: &ast::Insert) -> Result<Bound> {
        let refused = [
            (insert.or.is_some() || insert.ignore, "INSERT OR"),
            (insert.overwrite, "INSERT OVERWRITE"),
            (!insert.assignments.is_empty(), "INSERT SET"),
            (insert.partitioned.is_some(), "PARTITION"),
            (insert.overriding.is_some(), "OVERRIDING"),
            (insert.output.is_some(), "OUTPUT"),
            (insert.replace_into, "REPLACE INTO"),
            (insert.insert_alias.is_some(), "INSERT AS"),
        ];
        refuse(&refused)?;
        let TableObject::TableName(name) = &insert.table else {
            return Err(SqlError::unsupported("INSERT INTO anything but a table"));
        };
        let table = self.find_table(name)?;
        let alias = insert.table_alias.as_ref().map(|alias| fold(&alias.alias));
        let targets = if insert.columns.is_empty() {
            (0..table.columns.len()).collect()
        } else {
            insert
                .columns
                .iter()
                .map(|name| target(&table, name))
                .collect::<Result<Vec<_>>>()?
        };
        refuse_duplicates(&table, &targets)?;
        let (source, types) = self.insert_source(insert, &table, &targets)?;
        let mut assignments: Vec<Assigned> =
            table.columns.iter().map(|_| Assigned::Default).collect();
        for (at, (&column, ty)) in targets.iter().zip(types).enumerate() {
            let typed = Typed {
                expr: Expr::Column(at),
                ty: Some(ty),
            };
            let info = &table.columns[column];
            assignments[column] = Assigned::Source(self.assign(typed, info.ty, &info.name)?);
        }
        let on_conflict = match &insert.on {
            None => None,
            Some(OnInsert::OnConflict(on)) => Some(self.on_conflict(on, &table, alias.clone())?),
            Some(_) => return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE")),
        };
        let mut scope = Scope::of(&table, alias);
        let (returning, columns) = self.returning(insert.returning.as_ref(), &table, &mut scope)?;
        let plan = Insert {
            table,
            assignments,
            source,
            on_conflict,
            returning,
        };
        Ok((Plan::Insert(plan), columns))
    }

    /// The rows to insert, and the type of each of their values. Values of a `VALUES`
    /// list are converted here, where parameters take the columns' types.
    fn insert_source(
        &mut self,
        insert: &ast::Insert,
        table: &Table,
        targets: &[usize],
    ) -> Result<(InsertSource, Vec<SqlType>)> {
        let types = || targets.iter().map(|&at| table.columns[at].ty);
        let Some(query) = &insert.source else {
            return Ok((InsertSource::Values(vec![Vec::new()]), Vec::new()));
        };
        let count = |found: usize| {
            if found > targets.len() {
                let message = "INSERT has more expressions than target columns";
                return Err(SqlError::new(state::SYNTAX_ERROR, message));
            }
            // Without a column list, a short row leaves the last columns to their defaults.
            if found < targets.len() && !insert.columns.is_empty() {
                let message = "INSERT has more target columns than expressions";
                return Err(SqlError::new(state::SYNTAX_ERROR, message));
            }
            Ok(())
        };
        let SetExpr::Values(values) = query.body.as_ref() else {
            let (select, columns) = self.query(query)?;
            count(columns.len())?;
            let types = columns.iter().map(|column| column.ty).collect();
            return Ok((InsertSource::Query(Box::new(select)), types));
        };
        if query.order_by.is_some() || query.limit_clause.is_some() || query.with.is_some() {
            return Err(SqlError::unsupported("clause after VALUES"));
        }
        let width = values.rows.first().map_or(0, |row| row.content.len());
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            if row.content.len() != width {
                return Err(SqlError::new(
                    state::SYNTAX_ERROR,
                    "VALUES lists must all be the same length",
                ));
            }
            count(width)?;
            let mut bound = Vec::with_capacity(width);
            for (expr, &column) in row.content.iter().zip(targets) {
                bound.push(self.value_or_default(expr, table, column, &mut Scope::default())?);
            }
            rows.push(bound);
        }
        Ok((InsertSource::Values(rows), types().take(width).collect()))
    }

    /// A value for a column; `None` for the word `DEFAULT`.
    fn value_or_default(
        &mut self,
        expr: &ast::Expr,
        table: &Table,
        column: usize,
        scope: &mut Scope,
    ) -> Result<Option<Expr>> {
        if matches!(expr, ast::Expr::Identifier(ident)
            if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
        {
            return Ok(None);
        }
        let info = &table.columns[column];
        let typed = self.expr(expr, scope)?;
        Ok(Some(self.assign(typed, info.ty, &info.name)?))
    }

    fn on_conflict(
        &mut self,
        on: &ast::OnConflict,
        table: &Arc<Table>,
        alias: Option<String>,
    ) -> Result<OnConflict> {
        let constraint = match &on.conflict_target {
            None => None,
            Some(ConflictTarget::Columns {
                columns,
                predicate: None,
            }) => {
                let mut wanted = columns
                    .iter()
                    .map(|ident| find_column(table, &fold(ident)))
                    .collect::<Result<Vec<_>>>()?;
                wanted.sort_unstable();
                Some(constraint_over(table, &wanted).ok_or_else(|| {
                    SqlError::new(
                        state::INVALID_COLUMN_REFERENCE,
                        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
                    )
                })?)
            }
            Some(ConflictTarget::Columns { .. }) => {
                return Err(SqlError::unsupported("WHERE in a conflict target"));
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let name = name.0.last().map_or(Ok(String::new()), part)?;
                let known = (name == table.primary_key_name && !table.primary_key.is_empty())
                    || table.uniques.iter().any(|unique| unique.name == name);
                if !known {
                    return Err(SqlError::new(
                        state::UNDEFINED_OBJECT,
                        format!(
                            "constraint \"{name}\" for table \"{}\" does not exist",
                            table.name
                        ),
                    ));
                }
                Some(name)
            }
        };
        let update = match &on.action {
            OnConflictAction::DoNothing => None,
            OnConflictAction::DoUpdate(update) => {
                if constraint.is_none() {
                    return Err(SqlError::new(
                        state::SYNTAX_ERROR,
                        "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                    ));
                }
                let mut scope = Scope::of(table, alias);
                scope.add(table, "excluded".to_owned(), true);
                let set = self.set_clause(&update.assignments, table, &mut scope)?;
                let filter = update
                    .selection
                    .as_ref()
                    .map(|filter| self.condition(filter, &mut scope, "WHERE"))
                    .transpose()?;
                Some(ConflictUpdate { set, filter })
            }
        };
        Ok(OnConflict { constraint, update })
    }

    pub fn update(&mut self, update: &ast::Update) -> Result<Bound> {
        let refused = [
            (update.from.is_some(), "UPDATE ... FROM"),
            (update.or.is_some(), "UPDATE OR"),
            (!update.order_by.is_empty(), "UPDATE ... ORDER BY"),
            (update.limit.is_some(), "UPDATE ... LIMIT"),
            (update.output.is_some(), "OUTPUT"),
        ];
        refuse(&refused)?;
        let (table, mut scope) = self.from(&update.table)?;
        let set = self.set_clause(&update.assignments, &table, &mut scope)?;
        let filter = update
            .selection
            .as_ref()
            .map(|filter| self.condition(filter, &mut scope, "WHERE"))
            .transpose()?;
        let (returning, columns) = self.returning(update.returning.as_ref(), &table, &mut scope)?;
        let plan = Update {
            source: source(table, filter),
            set,
            returning,
        };
        Ok((Plan::Update(plan), columns))
    }

    fn set_clause(
        &mut self,
        assignments: &[Assignment],
        table: &Table,
        scope: &mut Scope,
    ) -> Result<Vec<(usize, Expr)>> {
        let mut set = Vec::with_capacity(assignments.len());
        for assignment in assignments {
            let AssignmentTarget::ColumnName(name) = &assignment.target else {
                return Err(SqlError::unsupported("assignment to a list of columns"));
            };
            let column = target(table, name)?;
            let value = self.value_or_default(&assignment.value, table, column, scope)?;
            let default = || table.columns[column].default.clone();
            let value = value.or_else(default).unwrap_or(Expr::Const(Value::Null));
            set.push((column, value));
        }
        let columns: Vec<_> = set.iter().map(|(column, _)| *column).collect();
        if let Some(twice) = duplicate(&columns) {
            return Err(SqlError::new(
                state::SYNTAX_ERROR,
                format!(
                    "multiple assignments to same column \"{}\"",
                    table.columns[twice].name
                ),
            ));
        }
        Ok(set)
    }

    pub fn delete(&mut self, delete: &ast::Delete) -> Result<Bound> {
        let refused = [
            (!delete.tables.is_empty(), "DELETE from several tables"),
            (delete.using.is_some(), "DELETE ... USING"),
            (!delete.order_by.is_empty(), "DELETE ... ORDER BY"),
            (delete.limit.is_some(), "DELETE ... LIMIT"),
            (delete.output.is_some(), "OUTPUT"),
        ];
        refuse(&refused)?;
        let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
        let [from] = from.as_slice() else {
            return Err(SqlError::unsupported("DELETE from several tables"));
        };
        let (table, mut scope) = self.from(from)?;
        let filter = delete
            .selection
            .as_ref()
            .map(|filter| self.condition(filter, &mut scope, "WHERE"))
            .transpose()?;
        let (returning, columns) = self.returning(delete.returning.as_ref(), &table, &mut scope)?;
        let plan = Delete {
            source: source(table, filter),
            returning,
        };
        Ok((Plan::Delete(plan), columns))
    }
}

fn find_column(table: &Table, name: &str) -> Result<usize> {
    table.column(name).ok_or_else(|| {
        SqlError::new(
            state::UNDEFINED_COLUMN,
            format!(
                "column \"{name}\" of relation \"{}\" does not exist",
                table.name
            ),
        )
    })
}

fn target(table: &Table, name: &ObjectName) -> Result<usize> {
    match name.0.as_slice() {
        [name] => find_column(table, &part(name)?),
        _ => Err(SqlError::unsupported(format_args!("assignment to {name}"))),
    }
}

fn duplicate(columns: &[usize]) -> Option<usize> {
    let mut sorted = columns.to_vec();
    sorted.sort_unstable();
    sorted
        .windows(2)
        .find(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
}

fn refuse_duplicates(table: &Table, columns: &[usize]) -> Result<()> {
    match duplicate(columns) {
        None => Ok(()),
        Some(twice) => Err(SqlError::new(
            state::DUPLICATE_COLUMN,
            format!(
                "column \"{}\" specified more than once",
                table.columns[twice].name
            ),
        )),
    }
}

/// The constraint over exactly these columns, given in ascending order.
fn constraint_over(table: &Table, wanted: &[usize]) -> Option<String> {
    let same = |columns: &[usize]| {
        let mut sorted = columns.to_vec();
        sorted.sort_unstable();
        sorted == wanted
    };
    if !table.primary_key.is_empty() && same(&table.primary_key) {
        return Some(table.primary_key_name.clone());
    }
    table
        .uniques
        .iter()
        .find(|unique| same(&unique.columns))
        .map(|unique| unique.name.clone())
}
