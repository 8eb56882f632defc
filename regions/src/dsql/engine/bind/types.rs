//! How bound expressions get their types: literals and parameters from where they
//! stand, operands from each other, values from the column they are stored in.

use sqlparser::ast::{self, ArrayElemTypeDef, DataType, ExactNumberInfo, TimezoneInfo};

use super::super::cast::{CastContext, cast, cast_context};
use super::super::error::{Result, SqlError, state};
use super::super::expr::Expr;
use super::super::value::{SqlType, Value};
use super::Binder;
use super::operator::no_operator;
use super::scope::Scope;

/// A bound expression with its type; `None` for a literal or parameter that takes
/// its type from where it stands.
#[derive(Clone, Debug)]
pub struct Typed {
    pub expr: Expr,
    pub ty: Option<SqlType>,
}

impl Typed {
    pub(super) fn known(expr: Expr, ty: SqlType) -> Self {
        Self { expr, ty: Some(ty) }
    }

    pub(super) fn boolean(expr: Expr) -> Self {
        Self::known(expr, SqlType::Bool)
    }

    pub(super) fn open(value: Value) -> Self {
        Self {
            expr: Expr::Const(value),
            ty: None,
        }
    }
}

impl Binder<'_> {
    /// Gives an open literal or parameter a type; converts what has another one.
    /// The caller has made sure that the conversion is allowed.
    pub(super) fn settle(&mut self, typed: Typed, ty: SqlType) -> Result<Expr> {
        Ok(match (typed.ty, typed.expr) {
            (None, Expr::Const(Value::Text(text))) => Expr::Const(Value::parse(&text, ty)?),
            (None, Expr::Param(at)) => {
                // The same parameter may have been settled since, by its other use.
                match self.params.types[at] {
                    Some(other) => convert(Expr::Param(at), other, ty)?,
                    None => {
                        self.params.types[at] = Some(ty);
                        Expr::Param(at)
                    }
                }
            }
            (None, expr) => expr,
            (Some(from), expr) => convert(expr, from, ty)?,
        })
    }

    /// Settles with whatever type is at hand; an open one becomes text.
    pub(super) fn settle_any(&mut self, typed: Typed) -> Result<(Expr, SqlType)> {
        let ty = typed.ty.unwrap_or(SqlType::Text);
        Ok((self.settle(typed, ty)?, ty))
    }

    pub(super) fn any(&mut self, expr: &ast::Expr, scope: &mut Scope) -> Result<Expr> {
        let typed = self.expr(expr, scope)?;
        Ok(self.settle_any(typed)?.0)
    }

    /// Settles a value to be stored in a column.
    pub(super) fn assign(&mut self, typed: Typed, ty: SqlType, column: &str) -> Result<Expr> {
        if let Some(from) = typed.ty
            && cast_context(from, ty).is_none_or(|context| context > CastContext::Assignment)
        {
            return Err(SqlError::new(
                state::DATATYPE_MISMATCH,
                format!("column \"{column}\" is of type {ty} but expression is of type {from}"),
            )
            .hint("You will need to rewrite or cast the expression."));
        }
        self.settle(typed, ty)
    }

    pub(super) fn cast(
        &mut self,
        expr: &ast::Expr,
        target: &DataType,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let typed = self.expr(expr, scope)?;
        let (to, length_max) = data_type(target)?;
        if let Some(from) = typed.ty
            && cast_context(from, to).is_none()
        {
            return Err(SqlError::new(
                state::CANNOT_COERCE,
                format!("cannot cast type {from} to {to}"),
            ));
        }
        let inner = self.settle(typed, to)?;
        Ok(Typed::known(
            match length_max {
                None => inner,
                Some(_) => Expr::Cast {
                    inner: Box::new(inner),
                    to,
                    length_max,
                },
            },
            to,
        ))
    }

    /// Brings two sides of an operator to one type.
    pub(super) fn unify(
        &mut self,
        left: Typed,
        right: Typed,
        symbol: &str,
    ) -> Result<(Expr, Expr, SqlType)> {
        let ty = match (left.ty, right.ty) {
            (None, None) => SqlType::Text,
            (Some(ty), None) | (None, Some(ty)) => ty,
            (Some(a), Some(b)) => {
                common(a, b).ok_or_else(|| no_operator(&format!("{a} {symbol} {b}")))?
            }
        };
        Ok((self.settle(left, ty)?, self.settle(right, ty)?, ty))
    }

    /// Brings any number of expressions to one type.
    pub(super) fn unify_all(
        &mut self,
        all: Vec<Typed>,
        clause: &str,
    ) -> Result<(Vec<Expr>, SqlType)> {
        let mut ty = None;
        for found in all.iter().filter_map(|typed| typed.ty) {
            ty = Some(match ty {
                None => found,
                Some(so_far) => common(so_far, found).ok_or_else(|| {
                    SqlError::new(
                        state::DATATYPE_MISMATCH,
                        format!("{clause} types {so_far} and {found} cannot be matched"),
                    )
                })?,
            });
        }
        let ty = ty.unwrap_or(SqlType::Text);
        let exprs = all
            .into_iter()
            .map(|typed| self.settle(typed, ty))
            .collect::<Result<Vec<_>>>()?;
        Ok((exprs, ty))
    }
}

/// Converts an expression of a known type; a constant at once, so that the cost and
/// any complaint come when the statement is prepared.
pub(super) fn convert(expr: Expr, from: SqlType, to: SqlType) -> Result<Expr> {
    if from == to || (from.is_text() && to.is_text()) {
        return Ok(expr);
    }
    if let Expr::Const(value) = expr {
        return Ok(Expr::Const(cast(value, to)?));
    }
    Ok(Expr::Cast {
        inner: Box::new(expr),
        to,
        length_max: None,
    })
}

/// The type that two meet in, if they do by themselves.
pub(super) fn common(a: SqlType, b: SqlType) -> Option<SqlType> {
    if a == b {
        return Some(a);
    }
    if a.is_text() && b.is_text() {
        return Some(SqlType::Text);
    }
    let (rank_a, rank_b) = (a.numeric_rank()?, b.numeric_rank()?);
    Some(if rank_a > rank_b { a } else { b })
}

/// A type by its name in SQL, with the length limit of a `varchar(n)`.
pub(super) fn data_type(ty: &DataType) -> Result<(SqlType, Option<usize>)> {
    let plain = match ty {
        DataType::Text => SqlType::Text,
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => SqlType::Int4,
        DataType::BigInt(None) | DataType::Int8(None) => SqlType::Int8,
        DataType::DoublePrecision
        | DataType::Double(ExactNumberInfo::None)
        | DataType::Float8
        | DataType::Float(ExactNumberInfo::None) => SqlType::Float8,
        DataType::Bool | DataType::Boolean => SqlType::Bool,
        DataType::Timestamp(None | Some(6), TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            SqlType::Timestamptz
        }
        DataType::JSON => SqlType::Json,
        DataType::Uuid => SqlType::Uuid,
        DataType::Varchar(length)
        | DataType::CharacterVarying(length)
        | DataType::CharVarying(length) => {
            let limit = match length {
                None | Some(ast::CharacterLength::Max) => None,
                Some(ast::CharacterLength::IntegerLength { length, .. }) => {
                    usize::try_from(*length).ok()
                }
            };
            return Ok((SqlType::Varchar, limit));
        }
        DataType::Custom(name, _) => {
            let name = name.to_string().to_lowercase();
            let serial = [
                "serial",
                "bigserial",
                "smallserial",
                "serial4",
                "serial8",
                "serial2",
            ];
            return Err(if serial.contains(&name.as_str()) {
                SqlError::new(
                    state::UNDEFINED_OBJECT,
                    format!("type \"{name}\" does not exist"),
                )
            } else {
                unsupported(ty)
            });
        }
        _ => return Err(unsupported(ty)),
    };
    Ok((plain, None))
}

/// A type that cannot be a column's, under the name that PostgreSQL has for it.
fn unsupported(ty: &DataType) -> SqlError {
    SqlError::unsupported(format_args!("datatype {}", type_name(ty)))
}

fn type_name(ty: &DataType) -> String {
    match ty {
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(of, _) | ArrayElemTypeDef::AngleBracket(of),
        ) => format!("{}[]", type_name(of)),
        DataType::Bit(_) => "bit".to_owned(),
        DataType::BitVarying(_) | DataType::VarBit(_) => "bit varying".to_owned(),
        DataType::Int(None) => "integer".to_owned(),
        _ => ty.to_string().to_lowercase(),
    }
}
