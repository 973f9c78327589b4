//! Printing of expressions.

use std::fmt;

use super::Printer;
use crate::ast::{BinaryOp, Expr, WildcardKind};
use crate::depth::deeper;
use crate::quote::ident_needs_quotes;

/// Decimals InfluxDB up to 1.8 prints of every float.
const DECIMALS: usize = 3;

impl Printer<'_, '_> {
    pub(crate) fn expr(&mut self, expr: &Expr) -> fmt::Result {
        match expr {
            Expr::VarRef { name, cast } => {
                self.ident(name)?;
                match cast {
                    Some(cast) => write!(self.out, "::{}", cast.name()),
                    None => Ok(()),
                }
            }
            Expr::Call { name, args } => {
                self.call_name(name)?;
                self.text("(")?;
                deeper(|| self.list(args, ", ", Self::expr))?;
                self.text(")")
            }
            Expr::Distinct(name) => self.named("DISTINCT ", name),
            Expr::Wildcard(kind) => self.text(match kind {
                WildcardKind::Any => "*",
                WildcardKind::Tag => "*::tag",
                WildcardKind::Field => "*::field",
            }),
            Expr::Number(value) => self.literal(&format_number(*value)),
            Expr::Integer(value) => self.literal(&value.to_string()),
            Expr::Unsigned(value) => self.literal(&value.to_string()),
            Expr::String(value) => self.string(value),
            Expr::Boolean(value) => self.literal(&value.to_string()),
            Expr::Duration(value) => self.duration(*value),
            Expr::Regex(regex) => self.regex(regex),
            Expr::BoundParameter(name) => self.named("$", name),
            Expr::Binary { op, lhs, rhs } => deeper(|| self.binary(*op, lhs, rhs)),
            Expr::Paren(inner) => deeper(|| self.in_parens(inner)),
        }
    }

    fn call_name(&mut self, name: &str) -> fmt::Result {
        if name != "distinct" && ident_needs_quotes(name) {
            self.ident(name)
        } else {
            self.text(name)
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: &Expr, rhs: &Expr) -> fmt::Result {
        self.side(lhs, |inner| inner.precedence() < op.precedence())?;
        write!(self.out, " {} ", op.symbol())?;
        // AND and OR chains are balanced trees and need no parentheses.
        let associative = matches!(op, BinaryOp::And | BinaryOp::Or);
        self.side(rhs, |inner| {
            inner.precedence() <= op.precedence() && !(associative && inner == op)
        })
    }

    /// Trees of the parser hold their parentheses; others may need some.
    fn side(&mut self, expr: &Expr, loose: impl Fn(BinaryOp) -> bool) -> fmt::Result {
        match expr {
            Expr::Binary { op, .. } if loose(*op) => self.in_parens(expr),
            _ => self.expr(expr),
        }
    }

    fn in_parens(&mut self, expr: &Expr) -> fmt::Result {
        self.text("(")?;
        self.expr(expr)?;
        self.text(")")
    }
}

/// A float with at least three decimals, and as many more as it takes to read
/// the same number back.
fn format_number(value: f64) -> String {
    let short = value.to_string();
    if !value.is_finite() {
        return short;
    }
    let (whole, decimals) = short.split_once('.').unwrap_or((&short, ""));
    format!("{whole}.{decimals:0<DECIMALS$}")
}
