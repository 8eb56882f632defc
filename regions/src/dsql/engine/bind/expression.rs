//! Binding of expressions: which node goes where, and the leaves.

use sqlparser::ast::{self, Ident, InTarget};

use super::super::error::{Result, SqlError, state};
use super::super::expr::{Comparison, Expr, with_stack};
use super::super::value::{SqlType, Value};
use super::operator::{negated, not};
use super::scope::Scope;
use super::types::{Typed, data_type};
use super::{Binder, fold};

/// How deep an expression may nest.
const DEPTH_MAX: usize = 256;

impl Binder<'_> {
    /// Binds an expression.
    pub(super) fn expr(&mut self, expr: &ast::Expr, scope: &mut Scope) -> Result<Typed> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(SqlError::new(
                state::STATEMENT_TOO_COMPLEX,
                "stack depth limit exceeded",
            ));
        }
        let bound = with_stack(|| self.expr_inner(expr, scope));
        self.depth -= 1;
        bound
    }

    /// Binds a condition: a boolean.
    pub(super) fn condition(
        &mut self,
        expr: &ast::Expr,
        scope: &mut Scope,
        clause: &str,
    ) -> Result<Expr> {
        let typed = self.expr(expr, scope)?;
        match typed.ty {
            None | Some(SqlType::Bool) => self.settle(typed, SqlType::Bool),
            Some(ty) => Err(SqlError::new(
                state::DATATYPE_MISMATCH,
                format!("argument of {clause} must be type boolean, not type {ty}"),
            )),
        }
    }

    pub(super) fn expr_inner(&mut self, expr: &ast::Expr, scope: &mut Scope) -> Result<Typed> {
        use ast::Expr as Ast;
        Ok(match expr {
            Ast::Nested(inner) => self.expr(inner, scope)?,
            Ast::Identifier(ident) => self.column(None, ident, scope)?,
            Ast::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => self.column(Some(&fold(table)), column, scope)?,
                [schema, table, column] if fold(schema) == "public" => {
                    self.column(Some(&fold(table)), column, scope)?
                }
                _ => return Err(SqlError::unsupported(format_args!("name {expr}"))),
            },
            Ast::Value(value) => self.literal(&value.value)?,
            Ast::TypedString(typed) => {
                let (ty, _) = data_type(&typed.data_type)?;
                let inner = self.literal(&typed.value.value)?;
                Typed::known(self.settle(inner, ty)?, ty)
            }
            Ast::Cast {
                kind: ast::CastKind::Cast | ast::CastKind::DoubleColon,
                expr,
                data_type: target,
                ..
            } => self.cast(expr, target, scope)?,
            Ast::UnaryOp { op, expr: inner } => self.unary(*op, inner, scope)?,
            Ast::BinaryOp { left, op, right } => self.binary(left, op, right, scope)?,
            Ast::IsNull(inner) => {
                let inner = self.any(inner, scope)?;
                Typed::boolean(Expr::IsNull(Box::new(inner)))
            }
            Ast::IsNotNull(inner) => {
                let inner = self.any(inner, scope)?;
                Typed::boolean(not(Expr::IsNull(Box::new(inner))))
            }
            Ast::IsTrue(inner) => self.is_bool(inner, true, scope)?,
            Ast::IsFalse(inner) => self.is_bool(inner, false, scope)?,
            Ast::IsNotTrue(inner) => negated(self.is_bool(inner, true, scope)?),
            Ast::IsNotFalse(inner) => negated(self.is_bool(inner, false, scope)?),
            Ast::IsUnknown(inner) => {
                let inner = self.condition(inner, scope, "IS UNKNOWN")?;
                Typed::boolean(Expr::IsNull(Box::new(inner)))
            }
            Ast::IsNotUnknown(inner) => {
                let inner = self.condition(inner, scope, "IS NOT UNKNOWN")?;
                Typed::boolean(not(Expr::IsNull(Box::new(inner))))
            }
            Ast::IsNotDistinctFrom(left, right) => self.same(left, right, scope)?,
            Ast::IsDistinctFrom(left, right) => negated(self.same(left, right, scope)?),
            Ast::Between {
                expr,
                negated: is_negated,
                low,
                high,
            } => {
                let above = self.compare(expr, Comparison::GreaterOrEqual, low, scope)?;
                let below = self.compare(expr, Comparison::LessOrEqual, high, scope)?;
                let both = Expr::And(vec![above, below]);
                Typed::boolean(if *is_negated { not(both) } else { both })
            }
            Ast::In {
                expr,
                target: InTarget::List(list),
                negated: is_negated,
                ..
            } => {
                let found = self.in_list(expr, list, scope)?;
                Typed::boolean(if *is_negated { not(found) } else { found })
            }
            Ast::In { .. } => return Err(SqlError::unsupported("subquery in IN")),
            Ast::Like {
                negated: is_negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(
                expr,
                pattern,
                escape_char.as_deref(),
                false,
                *is_negated,
                scope,
            )?,
            Ast::ILike {
                negated: is_negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(
                expr,
                pattern,
                escape_char.as_deref(),
                true,
                *is_negated,
                scope,
            )?,
            Ast::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(
                operand.as_deref(),
                conditions,
                else_result.as_deref(),
                scope,
            )?,
            Ast::Function(function) => self.function(function, scope)?,
            Ast::Exists { .. } | Ast::Subquery(_) => {
                return Err(SqlError::unsupported("subquery"));
            }
            other => return Err(SqlError::unsupported(format_args!("expression {other}"))),
        })
    }

    pub(super) fn column(
        &mut self,
        qualifier: Option<&str>,
        ident: &Ident,
        scope: &Scope,
    ) -> Result<Typed> {
        let name = fold(ident);
        if let Some((at, ty)) = scope.find(qualifier, &name) {
            return Ok(Typed::known(Expr::Column(at), ty));
        }
        Err(match qualifier {
            Some(table) if !scope.has_table(table) => SqlError::new(
                state::UNDEFINED_TABLE,
                format!("missing FROM-clause entry for table \"{table}\""),
            ),
            Some(table) => SqlError::new(
                state::UNDEFINED_COLUMN,
                format!("column {table}.{name} does not exist"),
            ),
            None => SqlError::new(
                state::UNDEFINED_COLUMN,
                format!("column \"{name}\" does not exist"),
            ),
        }
        .at_location(ident.span.start))
    }

    pub(super) fn literal(&mut self, value: &ast::Value) -> Result<Typed> {
        use ast::Value as Ast;
        Ok(match value {
            Ast::Null => Typed::open(Value::Null),
            Ast::Boolean(value) => Typed::boolean(Expr::Const(Value::Bool(*value))),
            Ast::SingleQuotedString(text) | Ast::EscapedStringLiteral(text) => {
                Typed::open(Value::text(text.as_str()))
            }
            Ast::DollarQuotedString(text) => Typed::open(Value::text(text.value.as_str())),
            Ast::Number(text, _) => {
                let (value, ty) = number(text)?;
                Typed::known(Expr::Const(value), ty)
            }
            Ast::Placeholder(name) => self.param(name)?,
            other => return Err(SqlError::unsupported(format_args!("literal {other}"))),
        })
    }

    pub(super) fn param(&mut self, name: &str) -> Result<Typed> {
        let at = name
            .strip_prefix('$')
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|number| (1..=65_535).contains(number))
            .ok_or_else(|| {
                SqlError::new(
                    state::UNDEFINED_PARAMETER,
                    format!("there is no parameter {name}"),
                )
            })?
            - 1;
        if self.params.types.len() <= at {
            self.params.types.resize(at + 1, None);
        }
        Ok(Typed {
            expr: Expr::Param(at),
            ty: self.params.types[at],
        })
    }
}

pub(super) fn number(text: &str) -> Result<(Value, SqlType)> {
    if text.contains(['.', 'e', 'E']) {
        // `numeric` in PostgreSQL; the subset has binary fractions only.
        return Ok((Value::parse(text, SqlType::Float8)?, SqlType::Float8));
    }
    for ty in [SqlType::Int4, SqlType::Int8] {
        if let Ok(value) = Value::parse(text, ty) {
            return Ok((value, ty));
        }
    }
    Ok((Value::parse(text, SqlType::Numeric)?, SqlType::Numeric))
}
