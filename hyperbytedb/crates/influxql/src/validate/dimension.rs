//! `GROUP BY` terms.

use super::{Result, ValidateError};
use crate::ast::{Expr, SelectStatement};
use crate::reduce::reduce_constant;
use crate::time_literal::{looks_like_time, parse_time};
use crate::time_range::ConditionError;

const OFFSET_KIND: &str = "time dimension offset must be duration or now()";

/// Nanoseconds of the interval, 0 without one.
pub(super) fn check_dimensions(select: &SelectStatement) -> Result<i64> {
    let mut interval = 0;
    for dimension in &select.dimensions {
        match &reduce_constant(dimension) {
            time if time.is_time() => {
                return refused("time() is a function and expects at least one argument");
            }
            Expr::VarRef { .. } | Expr::Wildcard(_) | Expr::Regex(_) => {}
            Expr::Call { name, args } if name == "time" => {
                interval = check_time(args, interval, select)?;
            }
            Expr::Call { .. } => return refused("only time() calls allowed in dimensions"),
            _ => return refused("only time and tag dimensions allowed"),
        }
    }
    Ok(interval)
}

fn refused(message: &'static str) -> Result<i64> {
    Err(ValidateError::Dimension(message))
}

fn check_time(args: &[Expr], interval: i64, select: &SelectStatement) -> Result<i64> {
    let (every, offset) = match args {
        [every] => (every, None),
        [every, offset] => (every, Some(offset)),
        _ => return refused("time dimension expected 1 or 2 arguments"),
    };
    let Expr::Duration(every) = every else {
        return refused("time dimension must have duration argument");
    };
    if interval != 0 {
        return refused("multiple time dimensions not allowed");
    }
    match offset {
        None | Some(Expr::Duration(_)) => {}
        Some(Expr::Call { name, .. }) if name != "now" => {
            return refused("time dimension offset function must be now()");
        }
        Some(Expr::Call { args, .. }) if !args.is_empty() => {
            return refused("time dimension offset now() function requires no arguments");
        }
        Some(Expr::Call { .. }) => {}
        Some(Expr::String(text)) if looks_like_time(text) => {
            parse_time(text, select.zone()).ok_or(ConditionError::InvalidTime)?;
        }
        Some(_) => return refused(OFFSET_KIND),
    }
    Ok(*every)
}
