//! Items of the select list.

use super::{Checker, Result, ValidateError, argument, is_math_function, statement};
use crate::ast::Expr;
use crate::depth::deeper;

/// Where an expression stands in its item.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Wildcards are expanded, which is not done inside operators.
    pub(super) wildcards: bool,
}

impl Checker {
    pub(super) fn check_field(&mut self, expr: &Expr) -> Result<()> {
        self.check_expr(expr, &mut Place { wildcards: true })
    }

    /// Once an operator was met, wildcards are refused in the rest of the item,
    /// hence the mutable place.
    pub(super) fn check_expr(&mut self, expr: &Expr, place: &mut Place) -> Result<()> {
        match expr {
            Expr::VarRef { .. } => {
                self.has_columns = true;
                Ok(())
            }
            Expr::Wildcard(_) => {
                self.has_columns = true;
                if place.wildcards {
                    Ok(())
                } else {
                    statement("unable to use wildcard in a binary expression")
                }
            }
            Expr::Regex(_) if !place.wildcards => {
                statement("unable to use regex in a binary expression")
            }
            Expr::Regex(_) => {
                self.has_columns = true;
                Ok(())
            }
            Expr::Call { name, args } if is_math_function(name) => {
                deeper(|| self.check_math_function(name, args, place))
            }
            Expr::Call { name, args } => {
                self.calls += 1;
                deeper(|| self.check_call(name, args, place))
            }
            Expr::Distinct(_) => {
                self.calls += 1;
                self.check_distinct(std::slice::from_ref(&reference(expr)), false)
            }
            Expr::Binary { lhs, rhs, .. } => {
                place.wildcards = false;
                match (lhs.is_literal(), rhs.is_literal()) {
                    (true, true) => statement("cannot perform a binary expression on two literals"),
                    (true, false) => deeper(|| self.check_expr(rhs, place)),
                    (false, true) => deeper(|| self.check_expr(lhs, place)),
                    (false, false) => deeper(|| {
                        self.check_expr(lhs, place)?;
                        self.check_expr(rhs, place)
                    }),
                }
            }
            Expr::Paren(inner) => deeper(|| self.check_expr(inner, place)),
            _ => statement("field must contain at least one variable"),
        }
    }

    /// The aggregate inside a transformation, where `distinct` may be combined.
    pub(super) fn check_nested(&mut self, expr: &Expr, place: &mut Place) -> Result<()> {
        match expr {
            Expr::Call { name, args } if name == "distinct" => self.check_distinct(args, true),
            _ => self.check_expr(expr, place),
        }
    }

    pub(super) fn check_distinct(&mut self, args: &[Expr], nested: bool) -> Result<()> {
        match args {
            [] => statement("distinct function requires at least one argument"),
            [Expr::VarRef { .. }] => {
                self.has_distinct |= !nested;
                self.only_selectors = false;
                Ok(())
            }
            [_] => Err(ValidateError::FieldExpected("distinct".to_string())),
            _ => statement("distinct function can only have one argument"),
        }
    }

    /// What a function reads: a column, or a wildcard or regex standing for some.
    pub(super) fn check_column(&mut self, function: &str, arg: &Expr, place: Place) -> Result<()> {
        match arg {
            Expr::VarRef { .. } => Ok(()),
            Expr::Wildcard(_) if !place.wildcards => {
                Err(ValidateError::Wildcard(function.to_string()))
            }
            Expr::Regex(_) if !place.wildcards => Err(ValidateError::Regex(function.to_string())),
            Expr::Wildcard(_) | Expr::Regex(_) => {
                self.only_selectors = false;
                Ok(())
            }
            _ => Err(ValidateError::FieldExpected(function.to_string())),
        }
    }

    fn check_math_function(&mut self, name: &str, args: &[Expr], place: &mut Place) -> Result<()> {
        let expected = if matches!(name, "atan2" | "pow" | "log") {
            2
        } else {
            1
        };
        argument::check_count(name, args, expected)?;
        args.iter()
            .filter(|arg| !arg.is_literal())
            .try_for_each(|arg| self.check_expr(arg, place))
    }
}

/// The column `DISTINCT name` reads.
fn reference(distinct: &Expr) -> Expr {
    match distinct {
        Expr::Distinct(name) => Expr::VarRef {
            name: name.clone(),
            cast: None,
        },
        other => other.clone(),
    }
}
