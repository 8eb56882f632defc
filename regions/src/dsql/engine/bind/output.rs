//! Binding of what comes out and how: select lists, `RETURNING`, `ORDER BY`,
//! `GROUP BY`, and the names of result columns.

use sqlparser::ast::{
    self, GroupByExpr, OrderByKind, OrderBySort, Query, SelectItem, SelectItemQualifiedWildcardKind,
};

use super::super::catalog::Table;
use super::super::error::{Result, SqlError, state};
use super::super::expr::Expr;
use super::super::plan::{OrderKey, OutputColumn};
use super::super::value::SqlType;
use super::scope::Scope;
use super::types::data_type;
use super::{Binder, fold, part};

/// One value of a result with what describes it.
pub(super) type Output = (Expr, OutputColumn);

impl Binder<'_> {
    /// Binds an item of a select list or of `RETURNING`.
    pub(super) fn select_item(
        &mut self,
        item: &SelectItem,
        table: Option<&Table>,
        scope: &mut Scope,
        output: &mut Vec<Output>,
    ) -> Result<()> {
        let (expr, name) = match item {
            SelectItem::UnnamedExpr(expr) => (expr, column_name(expr)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, fold(alias)),
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => {
                if let SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) = item
                {
                    let parts = name.0.iter().map(part).collect::<Result<Vec<_>>>()?;
                    let last = parts.last().map_or("", String::as_str);
                    if !scope.has_table(last) {
                        return Err(SqlError::new(
                            state::UNDEFINED_TABLE,
                            format!("missing FROM-clause entry for table \"{last}\""),
                        ));
                    }
                }
                let table = table.ok_or_else(|| {
                    SqlError::new(
                        state::SYNTAX_ERROR,
                        "SELECT * with no tables specified is not valid",
                    )
                })?;
                output.extend((0..table.columns.len()).map(|at| {
                    let name = table.columns[at].name.clone();
                    (Expr::Column(at), describe_column(name, table, at))
                }));
                return Ok(());
            }
            SelectItem::ExprWithAliases { .. } => {
                return Err(SqlError::unsupported("list of aliases"));
            }
        };
        let typed = self.expr(expr, scope)?;
        let (bound, ty) = self.settle_any(typed)?;
        let column = match (&bound, table) {
            (Expr::Column(at), Some(table)) if *at < table.columns.len() => {
                describe_column(name, table, *at)
            }
            _ => OutputColumn {
                name,
                ty,
                origin: (0, 0),
                length_max: None,
            },
        };
        output.push((bound, column));
        Ok(())
    }

    pub(super) fn order_by(
        &mut self,
        query: &Query,
        scope: &mut Scope,
        output: &[Output],
    ) -> Result<Vec<OrderKey>> {
        let Some(order) = &query.order_by else {
            return Ok(Vec::new());
        };
        let OrderByKind::Expressions(keys) = &order.kind else {
            return Err(SqlError::unsupported("ORDER BY ALL"));
        };
        if order.interpolate.is_some() {
            return Err(SqlError::unsupported("INTERPOLATE"));
        }
        keys.iter()
            .map(|key| {
                let descending = match &key.options.sort {
                    None | Some(OrderBySort::Asc) => false,
                    Some(OrderBySort::Desc) => true,
                    Some(OrderBySort::Using(_)) => {
                        return Err(SqlError::unsupported("ORDER BY USING"));
                    }
                };
                let expr = match by_position_or_name(&key.expr, output, "ORDER BY", true)? {
                    Some(expr) => expr,
                    None => {
                        let typed = self.expr(&key.expr, scope)?;
                        self.settle_any(typed)?.0
                    }
                };
                Ok(OrderKey {
                    expr,
                    descending,
                    nulls_first: key.options.nulls_first.unwrap_or(descending),
                })
            })
            .collect()
    }

    pub(super) fn group_by(
        &mut self,
        group_by: &GroupByExpr,
        scope: &mut Scope,
        output: &[Output],
    ) -> Result<Vec<Expr>> {
        let GroupByExpr::Expressions(keys, modifiers) = group_by else {
            return Err(SqlError::unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(SqlError::unsupported("GROUP BY modifier"));
        }
        keys.iter()
            .map(|key| {
                // A column of the table goes before a name given in the select list.
                let is_column = matches!(key, ast::Expr::Identifier(ident)
                    if scope.find(None, &fold(ident)).is_some());
                let named = by_position_or_name(key, output, "GROUP BY", !is_column)?;
                match named {
                    Some(expr) => Ok(expr),
                    None => {
                        let typed = self.expr(key, scope)?;
                        Ok(self.settle_any(typed)?.0)
                    }
                }
            })
            .collect()
    }

    /// Binds a `RETURNING` list.
    pub(super) fn returning(
        &mut self,
        items: Option<&Vec<SelectItem>>,
        table: &Table,
        scope: &mut Scope,
    ) -> Result<(Option<Vec<Expr>>, Vec<OutputColumn>)> {
        let Some(items) = items else {
            return Ok((None, Vec::new()));
        };
        let mut output = Vec::new();
        for item in items {
            self.select_item(item, Some(table), scope, &mut output)?;
        }
        let (exprs, columns) = output.into_iter().unzip();
        Ok((Some(exprs), columns))
    }
}

pub(super) fn describe_column(name: String, table: &Table, at: usize) -> OutputColumn {
    OutputColumn {
        name,
        ty: table.columns[at].ty,
        origin: (table.relation, i16::try_from(at + 1).unwrap_or(0)),
        length_max: table.columns[at].length_max,
    }
}

/// `ORDER BY 2` or `ORDER BY alias`: the value of the select list that is meant.
pub(super) fn by_position_or_name(
    expr: &ast::Expr,
    output: &[Output],
    clause: &str,
    names: bool,
) -> Result<Option<Expr>> {
    match expr {
        ast::Expr::Value(value) => {
            let ast::Value::Number(digits, _) = &value.value else {
                return Ok(None);
            };
            let position: usize = digits.parse().unwrap_or(0);
            match position.checked_sub(1).and_then(|at| output.get(at)) {
                Some((expr, _)) => Ok(Some(expr.clone())),
                None => Err(SqlError::new(
                    state::INVALID_COLUMN_REFERENCE,
                    format!("{clause} position {digits} is not in select list"),
                )),
            }
        }
        ast::Expr::Identifier(ident) if names => {
            let name = fold(ident);
            let mut matching = output.iter().filter(|(_, column)| column.name == name);
            let first = matching.next();
            if matching.any(|(other, _)| first.is_some_and(|(expr, _)| expr != other)) {
                return Err(SqlError::new(
                    state::AMBIGUOUS_COLUMN,
                    format!("{clause} \"{name}\" is ambiguous"),
                ));
            }
            Ok(first.map(|(expr, _)| expr.clone()))
        }
        _ => Ok(None),
    }
}

/// Restates an expression over the source's rows as one over keys and aggregates.
pub(super) fn regroup(expr: Expr, keys: &[Expr], scope: &Scope) -> Result<Expr> {
    if let Some(at) = keys.iter().position(|key| *key == expr) {
        return Ok(Expr::Column(at));
    }
    match expr {
        Expr::Column(at) if at >= scope.width() => {
            Ok(Expr::Column(keys.len() + at - scope.width()))
        }
        Expr::Column(at) => Err(SqlError::new(
            state::GROUPING_ERROR,
            format!(
                "column \"{}\" must appear in the GROUP BY clause or be used in an aggregate function",
                scope.describe(at)
            ),
        )),
        other => other.map_children(&mut |child| regroup(child, keys, scope)),
    }
}

/// The name that PostgreSQL gives a result column without an alias.
pub(super) fn column_name(expr: &ast::Expr) -> String {
    match expr {
        ast::Expr::Identifier(ident) => fold(ident),
        ast::Expr::CompoundIdentifier(parts) => parts.last().map(fold).unwrap_or_default(),
        ast::Expr::Nested(inner) => column_name(inner),
        ast::Expr::Function(function) => {
            let last = function.name.0.last().map(part);
            last.and_then(Result::ok).unwrap_or_default()
        }
        ast::Expr::Cast {
            expr,
            data_type: ty,
            ..
        } => match column_name(expr) {
            name if name != "?column?" => name,
            _ => data_type(ty).map_or_else(|_| "?column?".to_owned(), |(ty, _)| short_name(ty)),
        },
        ast::Expr::Case { .. } => "case".to_owned(),
        _ => "?column?".to_owned(),
    }
}

pub(super) fn short_name(ty: SqlType) -> String {
    match ty {
        SqlType::Bool => "bool",
        SqlType::Int4 => "int4",
        SqlType::Int8 => "int8",
        SqlType::Float8 => "float8",
        SqlType::Varchar => "varchar",
        SqlType::Timestamptz => "timestamptz",
        other => other.name(),
    }
    .to_owned()
}
