//! Binding of operators, from arithmetic to `CASE`.

use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::super::error::{Result, SqlError, state};
use super::super::expr::{Arithmetic, Comparison, Expr};
use super::super::function::Function;
use super::super::value::{SqlType, Value};
use super::Binder;
use super::expression::number;
use super::scope::Scope;
use super::types::Typed;

impl Binder<'_> {
    pub(super) fn unary(
        &mut self,
        operator: UnaryOperator,
        inner: &ast::Expr,
        scope: &mut Scope,
    ) -> Result<Typed> {
        match operator {
            UnaryOperator::Not => {
                let inner = self.condition(inner, scope, "NOT")?;
                Ok(Typed::boolean(not(inner)))
            }
            UnaryOperator::Minus => {
                // The smallest integers have no positive twin to negate.
                if let ast::Expr::Value(value) = inner
                    && let ast::Value::Number(digits, _) = &value.value
                {
                    let (value, ty) = number(&format!("-{digits}"))?;
                    return Ok(Typed::known(Expr::Const(value), ty));
                }
                let typed = self.expr(inner, scope)?;
                let (inner, ty) = self.number_operand(typed, "-")?;
                Ok(Typed::known(Expr::Negate(Box::new(inner)), ty))
            }
            UnaryOperator::Plus => {
                let typed = self.expr(inner, scope)?;
                let (inner, ty) = self.number_operand(typed, "+")?;
                Ok(Typed::known(inner, ty))
            }
            other => Err(SqlError::unsupported(format_args!("operator {other}"))),
        }
    }

    pub(super) fn number_operand(
        &mut self,
        typed: Typed,
        operator: &str,
    ) -> Result<(Expr, SqlType)> {
        let ty = typed.ty.unwrap_or(SqlType::Float8);
        if ty.numeric_rank().is_none() {
            return Err(no_operator(&format!("{operator} {ty}")));
        }
        Ok((self.settle(typed, ty)?, ty))
    }

    pub(super) fn binary(
        &mut self,
        left: &ast::Expr,
        operator: &BinaryOperator,
        right: &ast::Expr,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let comparison = match operator {
            BinaryOperator::Eq => Some(Comparison::Equal),
            BinaryOperator::NotEq => Some(Comparison::NotEqual),
            BinaryOperator::Lt => Some(Comparison::Less),
            BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
            BinaryOperator::Gt => Some(Comparison::Greater),
            BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return Ok(Typed::boolean(
                self.compare(left, comparison, right, scope)?,
            ));
        }
        let arithmetic = match operator {
            BinaryOperator::Plus => Some(Arithmetic::Add),
            BinaryOperator::Minus => Some(Arithmetic::Subtract),
            BinaryOperator::Multiply => Some(Arithmetic::Multiply),
            BinaryOperator::Divide => Some(Arithmetic::Divide),
            BinaryOperator::Modulo => Some(Arithmetic::Modulo),
            _ => None,
        };
        if let Some(arithmetic) = arithmetic {
            let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
            let (left, right, ty) = self.unify(left, right, &operator.to_string())?;
            if ty.numeric_rank().is_none() {
                return Err(no_operator(&format!("{ty} {operator} {ty}")));
            }
            let expr = Expr::Arithmetic(arithmetic, Box::new(left), Box::new(right));
            return Ok(Typed::known(expr, ty));
        }
        match operator {
            BinaryOperator::And | BinaryOperator::Or => {
                let clause = operator.to_string();
                let parts = vec![
                    self.condition(left, scope, &clause)?,
                    self.condition(right, scope, &clause)?,
                ];
                Ok(Typed::boolean(flatten(
                    parts,
                    *operator == BinaryOperator::And,
                )))
            }
            BinaryOperator::StringConcat => {
                let mut parts = Vec::new();
                for side in [left, right] {
                    let typed = self.expr(side, scope)?;
                    parts.push(self.settle(typed, SqlType::Text)?);
                }
                let expr = Expr::Call(Function::Concatenate, parts);
                Ok(Typed::known(expr, SqlType::Text))
            }
            BinaryOperator::PGLikeMatch => self.like(left, right, None, false, false, scope),
            BinaryOperator::PGILikeMatch => self.like(left, right, None, true, false, scope),
            BinaryOperator::PGNotLikeMatch => self.like(left, right, None, false, true, scope),
            BinaryOperator::PGNotILikeMatch => self.like(left, right, None, true, true, scope),
            other => Err(SqlError::unsupported(format_args!("operator {other}"))),
        }
    }

    pub(super) fn compare(
        &mut self,
        left: &ast::Expr,
        comparison: Comparison,
        right: &ast::Expr,
        scope: &mut Scope,
    ) -> Result<Expr> {
        let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
        let symbol = match comparison {
            Comparison::Equal => "=",
            Comparison::NotEqual => "<>",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        let (left, right, ty) = self.unify(left, right, symbol)?;
        if ty == SqlType::Json {
            return Err(no_operator(&format!("json {symbol} json")));
        }
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    pub(super) fn same(
        &mut self,
        left: &ast::Expr,
        right: &ast::Expr,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let (left, right) = (self.expr(left, scope)?, self.expr(right, scope)?);
        let (left, right, _) = self.unify(left, right, "=")?;
        Ok(Typed::boolean(Expr::Same(Box::new(left), Box::new(right))))
    }

    pub(super) fn in_list(
        &mut self,
        needle: &ast::Expr,
        list: &[ast::Expr],
        scope: &mut Scope,
    ) -> Result<Expr> {
        let mut all = vec![self.expr(needle, scope)?];
        for item in list {
            all.push(self.expr(item, scope)?);
        }
        let (mut exprs, _) = self.unify_all(all, "IN")?;
        let needle = exprs.remove(0);
        Ok(Expr::In(Box::new(needle), exprs))
    }

    pub(super) fn is_bool(
        &mut self,
        inner: &ast::Expr,
        wanted: bool,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let clause = if wanted { "IS TRUE" } else { "IS FALSE" };
        let inner = self.condition(inner, scope, clause)?;
        Ok(Typed::boolean(Expr::IsBool(Box::new(inner), wanted)))
    }

    pub(super) fn like(
        &mut self,
        text: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        ignore_case: bool,
        is_negated: bool,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let mut operands = Vec::new();
        for side in [text, pattern] {
            let typed = self.expr(side, scope)?;
            if let Some(ty) = typed.ty.filter(|ty| !ty.is_text()) {
                return Err(no_operator(&format!("{ty} ~~ text")));
            }
            operands.push(self.settle(typed, SqlType::Text)?);
        }
        let escape = match escape {
            None => Some('\\'),
            Some(ast::Expr::Value(value)) => {
                let text = match &value.value {
                    ast::Value::SingleQuotedString(text) => text,
                    _ => return Err(SqlError::unsupported("computed ESCAPE")),
                };
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (escape, None) => escape,
                    _ => {
                        return Err(SqlError::new(
                            state::INVALID_ESCAPE_SEQUENCE,
                            "invalid escape string",
                        )
                        .hint("Escape string must be empty or one character."));
                    }
                }
            }
            Some(_) => return Err(SqlError::unsupported("computed ESCAPE")),
        };
        let pattern = operands.pop().unwrap_or(Expr::Const(Value::Null));
        let text = operands.pop().unwrap_or(Expr::Const(Value::Null));
        let like = Expr::Like {
            text: Box::new(text),
            pattern: Box::new(pattern),
            escape,
            ignore_case,
        };
        Ok(Typed::boolean(if is_negated { not(like) } else { like }))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        arms: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        scope: &mut Scope,
    ) -> Result<Typed> {
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for arm in arms {
            conditions.push(match operand {
                None => self.condition(&arm.condition, scope, "CASE/WHEN")?,
                Some(operand) => self.compare(operand, Comparison::Equal, &arm.condition, scope)?,
            });
            results.push(self.expr(&arm.result, scope)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expr(otherwise, scope)?,
            None => Typed::open(Value::Null),
        });
        let (mut results, ty) = self.unify_all(results, "CASE")?;
        let otherwise = results.pop().unwrap_or(Expr::Const(Value::Null));
        let arms = conditions.into_iter().zip(results).collect();
        Ok(Typed::known(Expr::Case(arms, Box::new(otherwise)), ty))
    }
}

pub(super) fn flatten(parts: Vec<Expr>, and: bool) -> Expr {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::And(inner) if and => flat.extend(inner),
            Expr::Or(inner) if !and => flat.extend(inner),
            other => flat.push(other),
        }
    }
    if and { Expr::And(flat) } else { Expr::Or(flat) }
}

pub(super) fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

pub(super) fn negated(typed: Typed) -> Typed {
    Typed::boolean(not(typed.expr))
}

pub(super) fn no_operator(what: &str) -> SqlError {
    SqlError::new(
        state::UNDEFINED_FUNCTION,
        format!("operator does not exist: {what}"),
    )
    .hint(
        "No operator matches the given name and argument types. \
         You might need to add explicit type casts.",
    )
}
