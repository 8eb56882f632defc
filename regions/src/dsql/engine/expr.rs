//! Bound expressions and their evaluation, with SQL's three-valued logic. Names,
//! types and casts were settled by the binder: evaluation meets only values of the
//! right types, or null.

use std::cmp::Ordering;

use super::cast::cast;
use super::error::{Result, SqlError, state};
use super::function::Function;
use super::value::{SqlType, Value};

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// An arithmetic operator; both sides have the same type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// A bound expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Const(Value),
    /// A column of the row at hand, by position.
    Column(usize),
    /// A parameter, by position from 0.
    Param(usize),
    /// `now()`: one moment for the whole transaction.
    Now,
    /// A conversion to another type; `explicit` ones may lose something.
    Cast {
        /// What is converted.
        inner: Box<Expr>,
        /// The target.
        to: SqlType,
        /// For `varchar(n)`: an explicit cast cuts to this many characters.
        length_max: Option<usize>,
    },
    /// `NOT`
    Not(Box<Expr>),
    /// `AND` over all of them.
    And(Vec<Expr>),
    /// `OR` over all of them.
    Or(Vec<Expr>),
    /// `IS NULL`
    IsNull(Box<Expr>),
    /// `IS TRUE` or `IS FALSE`; never null.
    IsBool(Box<Expr>, bool),
    /// `IS NOT DISTINCT FROM`; never null.
    Same(Box<Expr>, Box<Expr>),
    /// A comparison of two values of one type.
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Arithmetic on two numbers of one type.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// Unary minus.
    Negate(Box<Expr>),
    /// `IN (list)`
    In(Box<Expr>, Vec<Expr>),
    /// `LIKE` or `ILIKE`
    Like {
        /// The text.
        text: Box<Expr>,
        /// The pattern.
        pattern: Box<Expr>,
        /// The escape character; a backslash by default.
        escape: Option<char>,
        /// `ILIKE`
        ignore_case: bool,
    },
    /// `CASE`: conditions with results, and what else.
    Case(Vec<(Expr, Expr)>, Box<Expr>),
    /// A function call.
    Call(Function, Vec<Expr>),
}

/// Runs one level of a recursion with stack enough, growing the stack if need be: how
/// deep a statement may nest does not hang on the thread that it comes in on.
pub fn with_stack<T>(level: impl FnOnce() -> T) -> T {
    const RED_ZONE_BYTES: usize = 128 << 10;
    const GROWTH_BYTES: usize = 1 << 20;
    stacker::maybe_grow(RED_ZONE_BYTES, GROWTH_BYTES, level)
}

/// What an evaluation may look at.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The row at hand.
    pub row: &'a [Value],
    /// The parameters.
    pub params: &'a [Value],
    /// `now()`.
    pub now: i64,
}

impl<'a> Context<'a> {
    /// The same parameters and moment over another row.
    pub fn with_row<'b>(&self, row: &'b [Value]) -> Context<'b>
    where
        'a: 'b,
    {
        Context {
            row,
            params: self.params,
            now: self.now,
        }
    }
}

impl Expr {
    /// The value in a context.
    pub fn eval(&self, context: &Context<'_>) -> Result<Value> {
        with_stack(|| self.eval_inner(context))
    }

    fn eval_inner(&self, context: &Context<'_>) -> Result<Value> {
        Ok(match self {
            Self::Const(value) => value.clone(),
            Self::Column(at) => context.row.get(*at).cloned().unwrap_or(Value::Null),
            Self::Param(at) => context.params.get(*at).cloned().unwrap_or(Value::Null),
            Self::Now => Value::Timestamptz(context.now),
            Self::Cast {
                inner,
                to,
                length_max,
            } => match (cast(inner.eval(context)?, *to)?, length_max) {
                (Value::Text(text), Some(limit)) => {
                    Value::text(text.chars().take(*limit).collect::<String>())
                }
                (value, _) => value,
            },
            Self::Not(inner) => match inner.eval(context)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            },
            Self::And(parts) => all(parts, context, false)?,
            Self::Or(parts) => all(parts, context, true)?,
            Self::IsNull(inner) => Value::Bool(inner.eval(context)?.is_null()),
            Self::IsBool(inner, wanted) => {
                Value::Bool(inner.eval(context)? == Value::Bool(*wanted))
            }
            Self::Same(left, right) => Value::Bool(left.eval(context)? == right.eval(context)?),
            Self::Compare(comparison, left, right) => {
                compare(*comparison, &left.eval(context)?, &right.eval(context)?)
            }
            Self::Arithmetic(operator, left, right) => {
                arithmetic(*operator, &left.eval(context)?, &right.eval(context)?)?
            }
            Self::Negate(inner) => negate(&inner.eval(context)?)?,
            Self::In(needle, list) => {
                let needle = needle.eval(context)?;
                let mut found = Value::Bool(false);
                for item in list {
                    match compare(Comparison::Equal, &needle, &item.eval(context)?) {
                        Value::Bool(true) => return Ok(Value::Bool(true)),
                        Value::Null => found = Value::Null,
                        _ => {}
                    }
                }
                found
            }
            Self::Like {
                text,
                pattern,
                escape,
                ignore_case,
            } => match (text.eval(context)?, pattern.eval(context)?) {
                (Value::Text(text), Value::Text(pattern)) => Value::Bool(super::like::matches(
                    &text,
                    &pattern,
                    *escape,
                    *ignore_case,
                )?),
                _ => Value::Null,
            },
            Self::Case(arms, otherwise) => {
                for (condition, result) in arms {
                    if condition.holds(context)? {
                        return result.eval(context);
                    }
                }
                otherwise.eval(context)?
            }
            Self::Call(function, arguments) => function.call(arguments, context)?,
        })
    }

    /// Whether the value is true: neither false nor null.
    pub fn holds(&self, context: &Context<'_>) -> Result<bool> {
        Ok(matches!(self.eval(context)?, Value::Bool(true)))
    }

    /// The same expression over other operands.
    pub fn map_children(self, map: &mut dyn FnMut(Self) -> Result<Self>) -> Result<Self> {
        let boxed =
            |child: Box<Self>, map: &mut dyn FnMut(Self) -> Result<Self>| map(*child).map(Box::new);
        let list = |children: Vec<Self>, map: &mut dyn FnMut(Self) -> Result<Self>| {
            children.into_iter().map(map).collect::<Result<Vec<_>>>()
        };
        Ok(match self {
            leaf @ (Self::Const(_) | Self::Column(_) | Self::Param(_) | Self::Now) => leaf,
            Self::Cast {
                inner,
                to,
                length_max,
            } => Self::Cast {
                inner: boxed(inner, map)?,
                to,
                length_max,
            },
            Self::Not(inner) => Self::Not(boxed(inner, map)?),
            Self::And(parts) => Self::And(list(parts, map)?),
            Self::Or(parts) => Self::Or(list(parts, map)?),
            Self::IsNull(inner) => Self::IsNull(boxed(inner, map)?),
            Self::IsBool(inner, wanted) => Self::IsBool(boxed(inner, map)?, wanted),
            Self::Same(left, right) => Self::Same(boxed(left, map)?, boxed(right, map)?),
            Self::Compare(comparison, left, right) => {
                Self::Compare(comparison, boxed(left, map)?, boxed(right, map)?)
            }
            Self::Arithmetic(operator, left, right) => {
                Self::Arithmetic(operator, boxed(left, map)?, boxed(right, map)?)
            }
            Self::Negate(inner) => Self::Negate(boxed(inner, map)?),
            Self::In(needle, items) => Self::In(boxed(needle, map)?, list(items, map)?),
            Self::Like {
                text,
                pattern,
                escape,
                ignore_case,
            } => Self::Like {
                text: boxed(text, map)?,
                pattern: boxed(pattern, map)?,
                escape,
                ignore_case,
            },
            Self::Case(arms, otherwise) => Self::Case(
                arms.into_iter()
                    .map(|(condition, result)| Ok((map(condition)?, map(result)?)))
                    .collect::<Result<Vec<_>>>()?,
                boxed(otherwise, map)?,
            ),
            Self::Call(function, arguments) => Self::Call(function, list(arguments, map)?),
        })
    }

    /// Whether the value is the same for every row.
    pub fn is_row_free(&self) -> bool {
        match self {
            Self::Const(_) | Self::Param(_) | Self::Now => true,
            Self::Cast { inner, .. } | Self::Negate(inner) => inner.is_row_free(),
            _ => false,
        }
    }
}

/// `AND` (`stop` false) or `OR` (`stop` true): the first `stop` decides, else a null
/// makes the whole null.
fn all(parts: &[Expr], context: &Context<'_>, stop: bool) -> Result<Value> {
    let mut result = Value::Bool(!stop);
    for part in parts {
        match part.eval(context)? {
            Value::Bool(value) if value == stop => return Ok(Value::Bool(stop)),
            Value::Bool(_) => {}
            _ => result = Value::Null,
        }
    }
    Ok(result)
}

fn compare(comparison: Comparison, left: &Value, right: &Value) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    Value::Bool(comparison.holds(left.cmp(right)))
}

fn out_of_range(ty: SqlType) -> SqlError {
    SqlError::new(
        state::NUMERIC_VALUE_OUT_OF_RANGE,
        match ty {
            SqlType::Numeric => "value overflows numeric format".to_owned(),
            SqlType::Float8 => "value out of range: overflow".to_owned(),
            _ => format!("{ty} out of range"),
        },
    )
}

fn division_by_zero() -> SqlError {
    SqlError::new(state::DIVISION_BY_ZERO, "division by zero")
}

macro_rules! checked {
    ($operator:expr, $a:expr, $b:expr, $variant:ident) => {{
        let (a, b) = ($a, $b);
        if b == 0 && matches!($operator, Arithmetic::Divide | Arithmetic::Modulo) {
            return Err(division_by_zero());
        }
        let result = match $operator {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
            // The one overflow, MIN % -1, is 0 in PostgreSQL.
            Arithmetic::Modulo => Some(a.checked_rem(b).unwrap_or(0)),
        };
        Value::$variant(result.ok_or_else(|| out_of_range(SqlType::$variant))?)
    }};
}

/// Adds, and so on, two numbers of the same type.
pub fn arithmetic(operator: Arithmetic, left: &Value, right: &Value) -> Result<Value> {
    Ok(match (left, right) {
        (Value::Int4(a), Value::Int4(b)) => checked!(operator, *a, *b, Int4),
        (Value::Int8(a), Value::Int8(b)) => checked!(operator, *a, *b, Int8),
        (Value::Numeric(a), Value::Numeric(b)) => checked!(operator, *a, *b, Numeric),
        (Value::Float8(a), Value::Float8(b)) => {
            if *b == 0.0 && matches!(operator, Arithmetic::Divide | Arithmetic::Modulo) {
                return Err(division_by_zero());
            }
            let result = match operator {
                Arithmetic::Add => a + b,
                Arithmetic::Subtract => a - b,
                Arithmetic::Multiply => a * b,
                Arithmetic::Divide => a / b,
                Arithmetic::Modulo => a % b,
            };
            if result.is_infinite() && a.is_finite() && b.is_finite() {
                return Err(out_of_range(SqlType::Float8));
            }
            Value::Float8(result)
        }
        _ => Value::Null,
    })
}

fn negate(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Int4(a) => Value::Int4(a.checked_neg().ok_or_else(|| out_of_range(SqlType::Int4))?),
        Value::Int8(a) => Value::Int8(a.checked_neg().ok_or_else(|| out_of_range(SqlType::Int8))?),
        Value::Numeric(a) => Value::Numeric(
            a.checked_neg()
                .ok_or_else(|| out_of_range(SqlType::Numeric))?,
        ),
        Value::Float8(a) => Value::Float8(-a),
        _ => Value::Null,
    })
}
