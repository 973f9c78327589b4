//! Operators between two literals.

use chrono_tz::Tz;

use super::Value;
use crate::ast::BinaryOp;
use crate::time_literal::{looks_like_time, parse_time};

/// The literal two literals give, if the operator has a meaning for them.
pub(super) fn combine(op: BinaryOp, lhs: &Value, rhs: &Value, zone: Option<Tz>) -> Option<Value> {
    match (lhs, rhs) {
        (Value::Other(_), _) | (_, Value::Other(_)) => None,
        (Value::Nil, _) | (Value::String(_), Value::Nil) => {
            matches!(op, BinaryOp::Eq | BinaryOp::NotEq).then_some(Value::Boolean(false))
        }
        (_, Value::Nil) => Some(Value::Boolean(false)),
        (Value::Boolean(a), Value::Boolean(b)) => booleans(op, *a, *b),
        (Value::Duration(a), _) => duration_left(op, *a, rhs, zone),
        (Value::Integer(a), _) => integer_left(op, *a, rhs, zone),
        (Value::Unsigned(a), _) => unsigned_left(op, *a, rhs),
        (Value::Number(a), _) => number_left(op, *a, rhs),
        (Value::String(a), _) => string_left(op, a, rhs, zone),
        (Value::Time(a), _) => time_left(op, *a, rhs, zone),
        (Value::Boolean(_), _) => None,
    }
}

fn compare<T: PartialOrd>(op: BinaryOp, a: T, b: T) -> Option<Value> {
    Some(Value::Boolean(match op {
        BinaryOp::Eq => a == b,
        BinaryOp::NotEq => a != b,
        BinaryOp::Gt => a > b,
        BinaryOp::GtEq => a >= b,
        BinaryOp::Lt => a < b,
        BinaryOp::LtEq => a <= b,
        _ => return None,
    }))
}

fn booleans(op: BinaryOp, a: bool, b: bool) -> Option<Value> {
    Some(Value::Boolean(match op {
        BinaryOp::Eq => a == b,
        BinaryOp::NotEq | BinaryOp::BitXor => a != b,
        BinaryOp::And | BinaryOp::BitAnd => a && b,
        BinaryOp::Or | BinaryOp::BitOr => a || b,
        _ => return None,
    }))
}

fn duration_left(op: BinaryOp, a: i64, rhs: &Value, zone: Option<Tz>) -> Option<Value> {
    match rhs {
        Value::Duration(b) => match op {
            BinaryOp::Add => Some(Value::Duration(a.wrapping_add(*b))),
            BinaryOp::Sub => Some(Value::Duration(a.wrapping_sub(*b))),
            _ => compare(op, a, *b),
        },
        Value::Number(b) => scale(op, a, *b as i64),
        Value::Integer(b) => scale(op, a, *b),
        Value::Time(b) => (op == BinaryOp::Add).then(|| Value::Time(b + i128::from(a))),
        Value::String(b) => duration_left(op, a, &Value::Time(parse_time(b, zone)?), zone),
        _ => None,
    }
}

fn scale(op: BinaryOp, duration: i64, factor: i64) -> Option<Value> {
    match op {
        BinaryOp::Mul => Some(Value::Duration(duration.wrapping_mul(factor))),
        BinaryOp::Div if factor == 0 => Some(Value::Duration(0)),
        BinaryOp::Div => Some(Value::Duration(duration.wrapping_div(factor))),
        _ => None,
    }
}

fn integer_left(op: BinaryOp, a: i64, rhs: &Value, zone: Option<Tz>) -> Option<Value> {
    match rhs {
        Value::Number(_) => number_left(op, a as f64, rhs),
        Value::Integer(b) => integers(op, a, *b),
        Value::Unsigned(b) => match (u64::try_from(a), op) {
            (Ok(a), _) => unsigned_left(op, a, rhs),
            (Err(_), BinaryOp::Lt | BinaryOp::LtEq) => Some(Value::Boolean(true)),
            (Err(_), BinaryOp::Gt | BinaryOp::GtEq) => Some(Value::Boolean(false)),
            (Err(_), _) => unsigneds(op, a as u64, *b),
        },
        // Next to a duration an integer is a point in time.
        Value::Duration(b) => match op {
            BinaryOp::Add => Some(Value::Time(i128::from(a) + i128::from(*b))),
            BinaryOp::Sub => Some(Value::Time(i128::from(a) - i128::from(*b))),
            _ => None,
        },
        Value::Time(_) | Value::String(_) => duration_left(op, a, rhs, zone),
        _ => None,
    }
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Option<Value> {
    Some(match op {
        BinaryOp::Add => Value::Integer(a.wrapping_add(b)),
        BinaryOp::Sub => Value::Integer(a.wrapping_sub(b)),
        BinaryOp::Mul => Value::Integer(a.wrapping_mul(b)),
        BinaryOp::Div if b == 0 => Value::Number(0.0),
        BinaryOp::Div => Value::Number(a as f64 / b as f64),
        BinaryOp::Mod if b == 0 => Value::Integer(0),
        BinaryOp::Mod => Value::Integer(a.wrapping_rem(b)),
        BinaryOp::BitAnd => Value::Integer(a & b),
        BinaryOp::BitOr => Value::Integer(a | b),
        BinaryOp::BitXor => Value::Integer(a ^ b),
        _ => return compare(op, a, b),
    })
}

fn unsigned_left(op: BinaryOp, a: u64, rhs: &Value) -> Option<Value> {
    match rhs {
        Value::Number(_) => number_left(op, a as f64, rhs),
        Value::Integer(b) => match (u64::try_from(*b), op) {
            (Ok(b), _) => unsigneds(op, a, b),
            (Err(_), BinaryOp::Lt | BinaryOp::LtEq) => Some(Value::Boolean(false)),
            (Err(_), BinaryOp::Gt | BinaryOp::GtEq) => Some(Value::Boolean(true)),
            (Err(_), _) => unsigneds(op, a, *b as u64),
        },
        Value::Unsigned(b) => unsigneds(op, a, *b),
        _ => None,
    }
}

fn unsigneds(op: BinaryOp, a: u64, b: u64) -> Option<Value> {
    Some(Value::Unsigned(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b).unwrap_or(0),
        BinaryOp::Mod => a.checked_rem(b).unwrap_or(0),
        _ => return compare(op, a, b),
    }))
}

fn number_left(op: BinaryOp, a: f64, rhs: &Value) -> Option<Value> {
    let b = match rhs {
        Value::Number(b) => *b,
        Value::Integer(b) => *b as f64,
        Value::Unsigned(b) => *b as f64,
        _ => return None,
    };
    Some(Value::Number(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div if b == 0.0 => 0.0,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        _ => return compare(op, a, b),
    }))
}

fn string_left(op: BinaryOp, a: &str, rhs: &Value, zone: Option<Tz>) -> Option<Value> {
    let as_time = || time_left(op, parse_time(a, zone)?, rhs, zone);
    match (rhs, op) {
        (Value::String(b), BinaryOp::Add) => Some(Value::String(format!("{a}{b}"))),
        (Value::String(b), BinaryOp::Eq | BinaryOp::NotEq) => {
            // Two dates may be equal though written differently.
            let times = looks_like_time(a) && looks_like_time(b);
            times.then(as_time).flatten().or_else(|| compare(op, a, b))
        }
        (Value::String(_) | Value::Duration(_) | Value::Time(_) | Value::Integer(_), _) => {
            as_time()
        }
        _ => None,
    }
}

fn time_left(op: BinaryOp, a: i128, rhs: &Value, zone: Option<Tz>) -> Option<Value> {
    match rhs {
        Value::Duration(b) | Value::Integer(b) => match op {
            BinaryOp::Add => Some(Value::Time(a + i128::from(*b))),
            BinaryOp::Sub => Some(Value::Time(a - i128::from(*b))),
            _ => None,
        },
        Value::Time(b) if op == BinaryOp::Sub => {
            let clamped = (a - b).clamp(i128::from(i64::MIN), i128::from(i64::MAX));
            i64::try_from(clamped).ok().map(Value::Duration)
        }
        Value::Time(b) => compare(op, a, *b),
        Value::String(b) => time_left(op, a, &Value::Time(parse_time(b, zone)?), zone),
        _ => None,
    }
}
