//! Splits a `WHERE` condition into a range of time and the rest.

use chrono_tz::Tz;

use crate::ast::{BinaryOp, Expr};
use crate::depth::deeper;
use crate::reduce::{Env, Value, fold, join, parenthesised};
use crate::time_literal::{TIME_MAX, TIME_MIN, format_seconds, looks_like_time, parse_time};

#[cfg(test)]
mod tests;

/// Times from `min` to `max`, both included, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// [`TIME_MIN`] if nothing bounds it.
    pub min: i64,
    /// [`TIME_MAX`] if nothing bounds it.
    pub max: i64,
    /// Whether the condition gave `min`.
    pub has_min: bool,
    /// Whether the condition gave `max`.
    pub has_max: bool,
}

impl Default for TimeRange {
    fn default() -> Self {
        TimeRange {
            min: TIME_MIN,
            max: TIME_MAX,
            has_min: false,
            has_max: false,
        }
    }
}

impl TimeRange {
    /// The times in both ranges.
    pub fn intersect(self, other: TimeRange) -> TimeRange {
        TimeRange {
            min: self.min.max(other.min),
            max: self.max.min(other.max),
            has_min: self.has_min || other.has_min,
            has_max: self.has_max || other.has_max,
        }
    }

    /// Whether no time is in the range.
    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    fn starting(min: i64) -> Self {
        TimeRange {
            min: min.max(TIME_MIN),
            has_min: true,
            ..TimeRange::default()
        }
    }

    fn ending(max: i64) -> Self {
        TimeRange {
            max: max.min(TIME_MAX),
            has_max: true,
            ..TimeRange::default()
        }
    }
}

/// Why a condition cannot be used; `Display` is InfluxDB's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error("invalid condition expression: {0}")]
    NotACondition(String),
    /// The kind of the value, in InfluxDB's terms.
    #[error("invalid operation: time and {0} are not compatible")]
    NotATime(&'static str),
    #[error("invalid timestamp string")]
    InvalidTime,
    #[error("time {0} overflows time literal")]
    Overflow(String),
    #[error("time {0} underflows time literal")]
    Underflow(String),
    #[error("invalid time comparison operator: {0}")]
    Operator(&'static str),
}

/// The condition without its comparisons of `time`, and the range these give.
///
/// Comparisons are intersected wherever they stand, under `OR` too, as in
/// InfluxDB: `time > 5 OR host = 'a'` is `time > 5` and `host = 'a'`. `now()` is
/// `now` nanoseconds, dates without a zone are in `zone` or UTC. The rest has its
/// constants folded; `None` means that it is always true.
///
/// # Errors
///
/// A part that is no condition, or a `time` compared with something else than a
/// time.
pub fn split_condition(
    condition: Option<&Expr>,
    now: i64,
    zone: Option<Tz>,
) -> Result<(Option<Expr>, TimeRange), ConditionError> {
    let Some(condition) = condition else {
        return Ok((None, TimeRange::default()));
    };
    let env = Env {
        now: Some(now),
        zone,
        math: false,
    };
    let (rest, range) = split(condition, env)?;
    let rest = rest.map(Value::unwrapped);
    let rest = rest.filter(|rest| *rest != Value::Boolean(true));
    Ok((rest.map(Value::into_expr), range))
}

fn split(condition: &Expr, env: Env) -> Result<(Option<Value>, TimeRange), ConditionError> {
    match condition {
        Expr::Binary {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            lhs,
            rhs,
        } => {
            let (lhs, left_range) = deeper(|| split(lhs, env))?;
            let (rhs, right_range) = deeper(|| split(rhs, env))?;
            let rest = match (lhs, rhs) {
                (Some(lhs), Some(rhs)) => Some(join(*op, lhs, rhs, None)),
                (lhs, rhs) => lhs.or(rhs),
            };
            Ok((rest, left_range.intersect(right_range)))
        }
        Expr::Binary { op, lhs, rhs } if lhs.is_time() => Ok((None, bound(*op, rhs, env)?)),
        Expr::Binary { op, lhs, rhs } if rhs.is_time() => {
            Ok((None, bound(mirrored(*op), lhs, env)?))
        }
        Expr::Binary { .. } => Ok((Some(fold(condition, env)), TimeRange::default())),
        Expr::Paren(inner) => {
            let (rest, range) = deeper(|| split(inner, env))?;
            Ok((rest.map(parenthesised), range))
        }
        Expr::Boolean(value) => Ok((Some(Value::Boolean(*value)), TimeRange::default())),
        other => Err(ConditionError::NotACondition(other.to_string())),
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::GtEq => BinaryOp::LtEq,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::LtEq => BinaryOp::GtEq,
        other => other,
    }
}

/// The range of `time op value`.
fn bound(op: BinaryOp, value: &Expr, env: Env) -> Result<TimeRange, ConditionError> {
    let time = evaluate(value, env)?;
    Ok(match op {
        BinaryOp::Gt => TimeRange::starting(time.saturating_add(1)),
        BinaryOp::GtEq => TimeRange::starting(time),
        BinaryOp::Lt => TimeRange::ending(time.saturating_sub(1)),
        BinaryOp::LtEq => TimeRange::ending(time),
        BinaryOp::Eq => TimeRange::starting(time).intersect(TimeRange::ending(time)),
        other => return Err(ConditionError::Operator(other.symbol())),
    })
}

fn evaluate(value: &Expr, env: Env) -> Result<i64, ConditionError> {
    let folded = match value {
        Expr::String(text) if looks_like_time(text) => {
            Value::Time(parse_time(text, env.zone).ok_or(ConditionError::InvalidTime)?)
        }
        other => fold(other, env).unwrapped(),
    };
    match folded {
        Value::Time(time) if time > i128::from(TIME_MAX) => {
            Err(ConditionError::Overflow(format_seconds(time, env.zone)))
        }
        // The lowest time is kept for InfluxDB's own use.
        Value::Time(time) if time <= i128::from(TIME_MIN) => {
            Err(ConditionError::Underflow(format_seconds(time, env.zone)))
        }
        Value::Time(time) => i64::try_from(time).map_err(|_| ConditionError::InvalidTime),
        Value::Duration(time) | Value::Integer(time) => Ok(time),
        Value::Number(time) => Ok(time as i64),
        other => Err(ConditionError::NotATime(other.kind())),
    }
}
