//! Binding of `SELECT`.

use std::sync::Arc;

use sqlparser::ast::{
    self, Distinct, LimitClause, LockType, Query, SetExpr, TableFactor, TableWithJoins,
};

use super::super::catalog::Table;
use super::super::error::{Result, SqlError, state};
use super::super::expr::Expr;
use super::super::plan::{Grouping, Lock, OutputColumn, Select};
use super::super::sql::{KEY_SHARE_MARK, NO_KEY_UPDATE_MARK};
use super::super::value::SqlType;
use super::access::source;
use super::output::regroup;
use super::scope::Scope;
use super::{Binder, fold};

/// The most columns of a result, as in PostgreSQL.
const OUTPUT_COLUMNS_MAX: usize = 1664;

impl Binder<'_> {
    /// Binds a query.
    pub fn query(&mut self, query: &Query) -> Result<(Select, Vec<OutputColumn>)> {
        let refused = [
            (query.with.is_some(), "WITH"),
            (query.fetch.is_some(), "FETCH FIRST"),
            (query.for_clause.is_some(), "FOR clause"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "pipe operator"),
        ];
        refuse(&refused)?;
        let select = match query.body.as_ref() {
            SetExpr::Select(select) => select,
            SetExpr::Query(_) => return Err(SqlError::unsupported("nested query")),
            SetExpr::SetOperation { op, .. } => return Err(SqlError::unsupported(op)),
            SetExpr::Values(_) => return Err(SqlError::unsupported("VALUES outside INSERT")),
            _ => return Err(SqlError::unsupported("statement inside a query")),
        };
        self.select(query, select)
    }

    fn select(
        &mut self,
        query: &Query,
        select: &ast::Select,
    ) -> Result<(Select, Vec<OutputColumn>)> {
        let refused = [
            (select.top.is_some(), "TOP"),
            (select.into.is_some(), "SELECT INTO"),
            (!select.lateral_views.is_empty(), "LATERAL VIEW"),
            (select.prewhere.is_some(), "PREWHERE"),
            (!select.connect_by.is_empty(), "CONNECT BY"),
            (!select.cluster_by.is_empty(), "CLUSTER BY"),
            (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
            (!select.sort_by.is_empty(), "SORT BY"),
            (!select.named_window.is_empty(), "WINDOW"),
            (select.qualify.is_some(), "QUALIFY"),
            (select.exclude.is_some(), "EXCLUDE"),
            (select.value_table_mode.is_some(), "SELECT AS"),
        ];
        refuse(&refused)?;
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => return Err(SqlError::unsupported("DISTINCT ON")),
        };
        let (table, mut scope) = match select.from.as_slice() {
            [] => (None, Scope::default()),
            [from] => {
                let (table, scope) = self.from(from)?;
                (Some(table), scope)
            }
            _ => return Err(SqlError::unsupported("more than one table in FROM")),
        };
        let filter = select
            .selection
            .as_ref()
            .map(|filter| self.condition(filter, &mut scope, "WHERE"))
            .transpose()?;

        scope.allow_aggregates();
        let mut output = Vec::new();
        for item in &select.projection {
            self.select_item(item, table.as_deref(), &mut scope, &mut output)?;
        }
        if output.len() > OUTPUT_COLUMNS_MAX {
            return Err(SqlError::new(
                state::TOO_MANY_COLUMNS,
                format!("target lists can have at most {OUTPUT_COLUMNS_MAX} entries"),
            ));
        }
        let mut order = self.order_by(query, &mut scope, &output)?;
        let having = select
            .having
            .as_ref()
            .map(|having| self.condition(having, &mut scope, "HAVING"))
            .transpose()?;
        let aggregates = scope.take_aggregates();
        let keys = self.group_by(&select.group_by, &mut scope, &output)?;
        let grouping = if aggregates.is_empty() && keys.is_empty() && having.is_none() {
            None
        } else {
            let mut regroup = |expr: Expr| regroup(expr, &keys, &scope);
            for (expr, _) in &mut output {
                *expr = regroup(std::mem::replace(expr, Expr::Now))?;
            }
            for key in &mut order {
                key.expr = regroup(std::mem::replace(&mut key.expr, Expr::Now))?;
            }
            let having = having.map(&mut regroup).transpose()?;
            Some(Grouping {
                keys,
                aggregates,
                having,
            })
        };
        if distinct
            && order
                .iter()
                .any(|key| output.iter().all(|(expr, _)| *expr != key.expr))
        {
            return Err(SqlError::new(
                state::INVALID_COLUMN_REFERENCE,
                "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
            ));
        }
        let (limit, offset) = self.limit(query)?;
        let lock = self.lock(query, &scope)?;
        if lock.is_some() && (grouping.is_some() || distinct) {
            let what = if distinct {
                "DISTINCT clause"
            } else {
                "aggregate functions"
            };
            return Err(SqlError::new(
                state::FEATURE_NOT_SUPPORTED,
                format!("FOR UPDATE is not allowed with {what}"),
            ));
        }
        let (source, filter) = match table {
            Some(table) => (Some(source(table, filter)), None),
            None => (None, filter),
        };
        let (output, columns) = output.into_iter().unzip();
        let select = Select {
            source,
            filter,
            grouping,
            output,
            distinct,
            order,
            limit,
            offset,
            lock,
        };
        Ok((select, columns))
    }

    /// The one table of a `FROM`, an `UPDATE` or a `DELETE`.
    pub fn from(&mut self, from: &TableWithJoins) -> Result<(Arc<Table>, Scope)> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            version: None,
            sample: None,
            with_ordinality: false,
            ..
        } = &from.relation
        else {
            return Err(SqlError::unsupported(format_args!(
                "FROM {}",
                from.relation
            )));
        };
        let table = self.find_table(name)?;
        if !from.joins.is_empty() {
            return Err(SqlError::unsupported("JOIN"));
        }
        let alias = match alias {
            Some(alias) if !alias.columns.is_empty() => {
                return Err(SqlError::unsupported("column alias list"));
            }
            Some(alias) => Some(fold(&alias.name)),
            None => None,
        };
        let scope = Scope::of(&table, alias);
        Ok((table, scope))
    }

    fn limit(&mut self, query: &Query) -> Result<(Option<Expr>, Option<Expr>)> {
        let (limit, offset) = match &query.limit_clause {
            None => return Ok((None, None)),
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(_) => {
                return Err(SqlError::new(
                    state::SYNTAX_ERROR,
                    "LIMIT #,# syntax is not supported",
                )
                .hint("Use separate LIMIT and OFFSET clauses."));
            }
        };
        let mut bind = |expr: Option<&ast::Expr>| {
            let bound = expr.map(|expr| {
                let typed = self.expr(expr, &mut Scope::default())?;
                self.settle(typed, SqlType::Int8)
            });
            bound.transpose()
        };
        Ok((bind(limit)?, bind(offset)?))
    }

    fn lock(&self, query: &Query, scope: &Scope) -> Result<Option<Lock>> {
        let mut strongest = None;
        for lock in &query.locks {
            if lock.nonblock.is_some() {
                return Err(SqlError::unsupported("NOWAIT or SKIP LOCKED"));
            }
            let of = match &lock.of {
                None => None,
                Some(of) => of.0.first().map(super::part).transpose()?,
            };
            let kind = match (&lock.lock_type, of.as_deref()) {
                (LockType::Share, Some(KEY_SHARE_MARK)) => Lock::KeyShare,
                (LockType::Update, Some(NO_KEY_UPDATE_MARK)) => {
                    return Err(other_lock());
                }
                (LockType::Share, _) => return Err(other_lock()),
                (LockType::Update, Some(table)) if !scope.has_table(table) => {
                    return Err(SqlError::new(
                        state::UNDEFINED_TABLE,
                        format!(
                            "relation \"{table}\" in FOR UPDATE clause not found in FROM clause"
                        ),
                    ));
                }
                (LockType::Update, _) => Lock::Update,
            };
            if strongest != Some(Lock::Update) {
                strongest = Some(kind);
            }
        }
        Ok(strongest)
    }
}

/// Refuses the first clause that is there.
pub fn refuse(clauses: &[(bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(present, _)| *present) {
        Some((_, name)) => Err(SqlError::unsupported(name)),
        None => Ok(()),
    }
}

fn other_lock() -> SqlError {
    SqlError::new(
        state::FEATURE_NOT_SUPPORTED,
        "locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported",
    )
}
