//! Folding of constants: arithmetic on literals, `now()`, dates, and the
//! mathematical functions of a select list.
//!
//! The rules are InfluxQL's, some of them surprising: integers divide to
//! floats, division by zero gives 0, a duration is multiplied by the integer
//! part of a float, and a string that looks like a date is one next to a
//! duration.

mod literal;
pub(crate) mod math;

#[cfg(test)]
mod tests;

use chrono_tz::Tz;

use crate::ast::{BinaryOp, Expr};
use crate::depth::deeper;
use crate::time_literal::format_nanos;

/// What is known while folding.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Env {
    /// Nanoseconds, for `now()`.
    pub(crate) now: Option<i64>,
    /// Zone of dates without one.
    pub(crate) zone: Option<Tz>,
    /// Whether mathematical functions of literals are computed.
    pub(crate) math: bool,
}

/// The expression with its constant parts folded and `now()` replaced.
///
/// A point in time becomes a string in RFC 3339, which is how InfluxDB prints
/// it. Parentheses around the whole are taken off.
pub fn reduce(expr: &Expr, now: i64) -> Expr {
    let env = Env {
        now: Some(now),
        ..Env::default()
    };
    fold(expr, env).unwrapped().into_expr()
}

/// An item of a select list with its constant parts folded, mathematical
/// functions included; `now()` stays.
pub fn reduce_field(expr: &Expr) -> Expr {
    let env = Env {
        math: true,
        ..Env::default()
    };
    fold(expr, env).unwrapped().into_expr()
}

/// An expression with its constant parts folded, without calling functions.
pub(crate) fn reduce_constant(expr: &Expr) -> Expr {
    fold(expr, Env::default()).unwrapped().into_expr()
}

/// A folded expression: a literal, or what could not be folded to one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Boolean(bool),
    Duration(i64),
    Integer(i64),
    Unsigned(u64),
    Number(f64),
    String(String),
    /// Nanoseconds since 1970, also beyond 64 bits.
    Time(i128),
    Nil,
    Other(Expr),
}

impl Value {
    fn of(mut expr: Expr) -> Self {
        match &mut expr {
            Expr::Boolean(value) => Value::Boolean(*value),
            Expr::Duration(value) => Value::Duration(*value),
            Expr::Integer(value) => Value::Integer(*value),
            Expr::Unsigned(value) => Value::Unsigned(*value),
            Expr::Number(value) => Value::Number(*value),
            Expr::String(value) => Value::String(std::mem::take(value)),
            _ => Value::Other(expr),
        }
    }

    pub(crate) fn into_expr(self) -> Expr {
        match self {
            Value::Boolean(value) => Expr::Boolean(value),
            Value::Duration(value) => Expr::Duration(value),
            Value::Integer(value) => Expr::Integer(value),
            Value::Unsigned(value) => Expr::Unsigned(value),
            Value::Number(value) => Expr::Number(value),
            Value::String(value) => Expr::String(value),
            Value::Time(value) => Expr::String(format_nanos(value)),
            // The tree has no null; next to anything else it is not true.
            Value::Nil => Expr::Boolean(false),
            Value::Other(expr) => expr,
        }
    }

    /// Without parentheses around the whole.
    pub(crate) fn unwrapped(mut self) -> Self {
        match &mut self {
            Value::Other(Expr::Paren(inner)) => Value::of(inner.take()),
            _ => self,
        }
    }

    fn is_literal(&self) -> bool {
        match self {
            Value::Other(expr) => expr.is_literal(),
            _ => true,
        }
    }

    /// What InfluxDB's messages call the kind of the value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Time(_) => "*influxql.TimeLiteral",
            Value::Nil => "*influxql.NilLiteral",
            Value::Other(expr) => expr.kind(),
            literal => literal.clone().into_expr().kind(),
        }
    }
}

pub(crate) fn fold(expr: &Expr, env: Env) -> Value {
    match expr {
        Expr::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = deeper(|| (fold(lhs, env), fold(rhs, env)));
            join(*op, lhs, rhs, env.zone)
        }
        Expr::Call { name, args } => deeper(|| fold_call(name, args, env)),
        Expr::Paren(inner) => parenthesised(deeper(|| fold(inner, env))),
        other => Value::of(other.clone()),
    }
}

/// Both sides joined by the operator, folded if that gives a literal.
pub(crate) fn join(op: BinaryOp, lhs: Value, rhs: Value, zone: Option<Tz>) -> Value {
    // The value of a logical operator that decides it alone.
    let decisive = match op {
        BinaryOp::And => Some(Value::Boolean(false)),
        BinaryOp::Or => Some(Value::Boolean(true)),
        _ => None,
    };
    if let Some(decisive) = decisive {
        if lhs == decisive || rhs == decisive {
            return decisive;
        }
        if matches!(lhs, Value::Boolean(_)) {
            return rhs;
        }
        if matches!(rhs, Value::Boolean(_)) {
            return lhs;
        }
    }
    literal::combine(op, &lhs, &rhs, zone).unwrap_or_else(|| {
        Value::Other(Expr::Binary {
            op,
            lhs: Box::new(lhs.into_expr()),
            rhs: Box::new(rhs.into_expr()),
        })
    })
}

/// Parentheses stay around an operator only.
pub(crate) fn parenthesised(inner: Value) -> Value {
    match inner {
        Value::Other(expr @ Expr::Binary { .. }) => Value::Other(Expr::Paren(Box::new(expr))),
        other => other,
    }
}

fn fold_call(name: &str, args: &[Expr], env: Env) -> Value {
    let args: Vec<Value> = args.iter().map(|arg| fold(arg, env)).collect();
    if let Some(now) = env.now
        && name == "now"
        && args.is_empty()
    {
        return Value::Time(i128::from(now));
    }
    if env.math
        && args.iter().all(Value::is_literal)
        && let Some(value) = math::evaluate(name, &args)
    {
        return value;
    }
    Value::Other(Expr::Call {
        name: name.to_string(),
        args: args.into_iter().map(Value::into_expr).collect(),
    })
}
