//! Binding of function calls: scalar functions, what is constant for a session, and
//! aggregates.

use sqlparser::ast::{self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::super::cast::{CastContext, cast_context};
use super::super::error::{Result, SqlError, state};
use super::super::expr::Expr;
use super::super::function::{Function, Signature};
use super::super::plan::{Aggregate, AggregateKind};
use super::super::settings;
use super::super::value::{SqlType, Value};
use super::Binder;
use super::scope::Scope;
use super::types::{Typed, convert};

impl Binder<'_> {
    pub(super) fn function(
        &mut self,
        function: &ast::Function,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let name = match function.name.0.as_slice() {
            [name] => super::part(name)?,
            [schema, name] if super::part(schema)? == "pg_catalog" => super::part(name)?,
            _ => return Err(no_function(&function.name.to_string())),
        };
        if function.over.is_some() {
            return Err(SqlError::unsupported("window function"));
        }
        if !function.within_group.is_empty() || function.null_treatment.is_some() {
            return Err(SqlError::unsupported(format_args!("expression {function}")));
        }
        let (arguments, distinct, star) = arguments(function)?;
        let aggregate = match name.as_str() {
            "count" => Some(AggregateKind::Count),
            "sum" => Some(AggregateKind::Sum),
            "min" => Some(AggregateKind::Min),
            "max" => Some(AggregateKind::Max),
            _ => None,
        };
        if let Some(kind) = aggregate {
            let filter = function.filter.as_deref();
            return self.aggregate(kind, &arguments, distinct, star, filter, scope);
        }
        if distinct || star || function.filter.is_some() {
            return Err(no_function(&name));
        }
        if let Some(constant) = self.constant(&name, &arguments)? {
            return Ok(constant);
        }
        let (function, signature) = Function::find(&name).ok_or_else(|| no_function(&name))?;
        let mut bound = Vec::with_capacity(arguments.len());
        for argument in arguments {
            bound.push(self.expr(argument, scope)?);
        }
        let (arguments, ty) = match signature {
            Signature::Fixed(types, result) if types.len() == bound.len() => {
                let mut arguments = Vec::new();
                for (typed, ty) in bound.into_iter().zip(types) {
                    if typed
                        .ty
                        .is_some_and(|from| cast_context(from, *ty) != Some(CastContext::Implicit))
                    {
                        return Err(no_function(&name));
                    }
                    arguments.push(self.settle(typed, *ty)?);
                }
                (arguments, result)
            }
            Signature::Common(least)
                if bound.len() >= least && (least == 1 || bound.len() == least) =>
            {
                self.unify_all(bound, &name.to_uppercase())?
            }
            Signature::Texts if !bound.is_empty() => {
                let arguments = bound
                    .into_iter()
                    .map(|typed| Ok(self.settle_any(typed)?.0))
                    .collect::<Result<Vec<_>>>()?;
                (arguments, SqlType::Text)
            }
            Signature::Number if bound.len() == 1 => {
                let typed = bound.remove(0);
                let (argument, ty) = self
                    .number_operand(typed, &name)
                    .map_err(|_| no_function(&name))?;
                (vec![argument], ty)
            }
            _ => return Err(no_function(&name)),
        };
        Ok(Typed::known(Expr::Call(function, arguments), ty))
    }

    /// What is fixed for the session, or for the transaction.
    pub(super) fn constant(
        &mut self,
        name: &str,
        arguments: &[&ast::Expr],
    ) -> Result<Option<Typed>> {
        let text = |value: &str| Some(Typed::known(Expr::Const(Value::text(value)), SqlType::Text));
        if name == "current_setting" {
            let [ast::Expr::Value(value)] = arguments else {
                return Err(SqlError::unsupported("computed setting name"));
            };
            let setting = value.value.clone().into_string().unwrap_or_default();
            let found = self.surroundings.setting(&setting.to_lowercase());
            let found = found.ok_or_else(|| settings::unknown(&setting))?;
            return Ok(text(&found));
        }
        if !arguments.is_empty() {
            return Ok(None);
        }
        Ok(match name {
            "now" | "current_timestamp" | "transaction_timestamp" => {
                Some(Typed::known(Expr::Now, SqlType::Timestamptz))
            }
            "current_user" | "session_user" | "user" | "current_role" => {
                text(self.surroundings.role())
            }
            "current_database" | "current_catalog" => text("postgres"),
            "current_schema" => text("public"),
            "version" => text("PostgreSQL 16"),
            _ => None,
        })
    }

    pub(super) fn aggregate(
        &mut self,
        kind: AggregateKind,
        arguments: &[&ast::Expr],
        distinct: bool,
        star: bool,
        filter: Option<&ast::Expr>,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let Some(mut so_far) = scope.aggregates.take() else {
            return Err(SqlError::new(
                state::GROUPING_ERROR,
                "aggregate functions are not allowed here",
            ));
        };
        // While its own argument is bound, no further aggregate may stand in it.
        let (argument, ty) = match (kind, arguments) {
            (AggregateKind::Count, []) if star => (None, SqlType::Int8),
            (_, [argument]) if !star => {
                let typed = self.expr(argument, scope)?;
                let (expr, ty) = self.settle_any(typed)?;
                let result = aggregate_type(kind, ty).ok_or_else(|| {
                    no_function(&format!("{}({ty})", format!("{kind:?}").to_lowercase()))
                })?;
                let expr = match kind {
                    AggregateKind::Sum => convert(expr, ty, result)?,
                    _ => expr,
                };
                (Some(expr), result)
            }
            _ => return Err(no_function(&format!("{kind:?}").to_lowercase())),
        };
        let filter = filter
            .map(|filter| self.condition(filter, scope, "FILTER"))
            .transpose()?;
        let aggregate = Aggregate {
            kind,
            argument,
            distinct,
            filter,
        };
        let at = so_far
            .iter()
            .position(|known| *known == aggregate)
            .unwrap_or_else(|| {
                so_far.push(aggregate);
                so_far.len() - 1
            });
        scope.aggregates = Some(so_far);
        Ok(Typed::known(Expr::Column(scope.width + at), ty))
    }
}

pub(super) fn aggregate_type(kind: AggregateKind, ty: SqlType) -> Option<SqlType> {
    match (kind, ty) {
        (AggregateKind::Count, _) | (AggregateKind::Sum, SqlType::Int4) => Some(SqlType::Int8),
        (AggregateKind::Sum, SqlType::Int8 | SqlType::Numeric) => Some(SqlType::Numeric),
        (AggregateKind::Sum, SqlType::Float8) => Some(SqlType::Float8),
        (AggregateKind::Sum, _) => None,
        (_, SqlType::Bool | SqlType::Json | SqlType::Uuid) => None,
        (_, SqlType::Varchar) => Some(SqlType::Text),
        (_, ty) => Some(ty),
    }
}

/// A call's arguments, whether they are `DISTINCT`, and whether they are `*`.
pub(super) fn arguments(function: &ast::Function) -> Result<(Vec<&ast::Expr>, bool, bool)> {
    let list = match &function.args {
        FunctionArguments::None => return Ok((Vec::new(), false, false)),
        FunctionArguments::Subquery(_) => return Err(SqlError::unsupported("subquery")),
        FunctionArguments::List(list) => list,
    };
    if !list.clauses.is_empty() {
        return Err(SqlError::unsupported(format_args!("expression {function}")));
    }
    let mut arguments = Vec::new();
    let mut star = false;
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.push(expr),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => star = true,
            _ => return Err(SqlError::unsupported(format_args!("argument {argument}"))),
        }
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    Ok((arguments, distinct, star))
}

pub(super) fn no_function(name: &str) -> SqlError {
    SqlError::new(
        state::UNDEFINED_FUNCTION,
        format!("function {name} does not exist with these arguments"),
    )
}
