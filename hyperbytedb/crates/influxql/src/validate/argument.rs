//! Arguments of functions.

use super::{Result, ValidateError};
use crate::ast::Expr;
use crate::duration::format_duration;

pub(super) fn refused<T>(message: String) -> Result<T> {
    Err(ValidateError::Argument(message))
}

pub(super) fn check_count(function: &str, args: &[Expr], expected: usize) -> Result<()> {
    if args.len() == expected {
        return Ok(());
    }
    wrong_count(function, args, expected.to_string())
}

pub(super) fn check_count_between(
    function: &str,
    args: &[Expr],
    min: usize,
    max: usize,
) -> Result<()> {
    if (min..=max).contains(&args.len()) {
        return Ok(());
    }
    let expected = format!("at least {min} but no more than {max}");
    wrong_count(function, args, expected)
}

pub(super) fn wrong_count<T>(function: &str, args: &[Expr], expected: String) -> Result<T> {
    Err(ValidateError::ArgumentCount {
        function: function.to_string(),
        expected,
        got: args.len(),
    })
}

/// The unit of `derivative` and its like, if given.
pub(super) fn check_unit(unit: Option<&Expr>, wrong_kind: impl Fn(&Expr) -> String) -> Result<()> {
    match unit {
        None => Ok(()),
        Some(Expr::Duration(value)) if *value > 0 => Ok(()),
        Some(Expr::Duration(value)) => Err(ValidateError::NotPositive(format_duration(*value))),
        Some(other) => refused(wrong_kind(other)),
    }
}

/// `args[1]` of the moving averages and oscillators.
pub(super) fn check_period(function: &str, arg: &Expr) -> Result<()> {
    match arg {
        Expr::Integer(1..) => Ok(()),
        Expr::Integer(_) => refused(format!(
            "{function} period must be greater than or equal to 1"
        )),
        _ => refused(format!("{function} period must be an integer")),
    }
}

/// `args[2]` of the moving averages and oscillators; -1 means the default.
pub(super) fn check_hold_period(function: &str, arg: Option<&Expr>, min: i64) -> Result<()> {
    match arg {
        None | Some(Expr::Integer(-1)) => Ok(()),
        Some(Expr::Integer(value)) if *value >= min => Ok(()),
        Some(Expr::Integer(_)) => refused(format!(
            "{function} hold period must be greater than or equal to {min}"
        )),
        Some(_) => refused(format!("{function} hold period must be an integer")),
    }
}

/// `args[3]` of the moving averages and oscillators.
pub(super) fn check_warmup(function: &str, arg: Option<&Expr>, types: &[&str]) -> Result<()> {
    match arg {
        None => Ok(()),
        Some(Expr::String(value)) if types.contains(&value.as_str()) => Ok(()),
        Some(Expr::String(_)) => {
            let types: Vec<String> = types.iter().map(|name| format!("'{name}'")).collect();
            refused(format!(
                "{function} warmup type must be one of: {}",
                types.join(" ")
            ))
        }
        Some(_) => refused(format!("{function} warmup type must be a string")),
    }
}
