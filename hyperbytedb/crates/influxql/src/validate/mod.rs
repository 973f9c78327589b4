//! Checks of a `SELECT` that need no schema, in the order InfluxDB 1.8's
//! compiler makes them, so that of several mistakes the same one is reported.

mod argument;
mod dimension;
mod error;
mod field;
mod function;

#[cfg(test)]
mod tests;

pub use error::ValidateError;

use crate::ast::{Expr, Fill, SelectStatement, Source};
use crate::depth::deeper;
use crate::reduce::math::MATH_FUNCTIONS;
use crate::reduce::reduce_field;
use crate::time_range::split_condition;

type Result<T> = std::result::Result<T, ValidateError>;

/// Checks a `SELECT` and its subqueries as if it were 1970.
///
/// Only conditions on times centuries away from `now()` depend on the moment;
/// [`validate_select_at`] takes it.
///
/// # Errors
///
/// The first mistake, in InfluxDB's words.
pub fn validate_select(select: &SelectStatement) -> Result<()> {
    validate_select_at(select, 0)
}

/// Checks a `SELECT` and its subqueries; `now` is in nanoseconds since 1970.
///
/// # Errors
///
/// The first mistake, in InfluxDB's words.
pub fn validate_select_at(select: &SelectStatement, now: i64) -> Result<()> {
    let mut checker = Checker::new(select, now);
    checker.check_clauses(select)?;
    checker.check_body(select)
}

/// What is known of one `SELECT` while its fields are checked.
struct Checker {
    now: i64,
    ascending: bool,
    /// Nanoseconds of `GROUP BY time(…)`, 0 without.
    interval: i64,
    /// Whether the interval is the one of the enclosing statement.
    inherited: bool,
    fill: Fill,
    limit: u64,
    has_target: bool,
    fields: usize,
    /// Calls met so far, those inside others included, mathematical ones not.
    calls: usize,
    only_selectors: bool,
    has_distinct: bool,
    /// Whether columns are read beside the functions.
    has_columns: bool,
    top_bottom: Option<String>,
}

impl Checker {
    fn new(select: &SelectStatement, now: i64) -> Self {
        Checker {
            now,
            ascending: select.sort.first().is_none_or(|field| field.ascending),
            interval: 0,
            inherited: false,
            fill: select.fill,
            limit: select.limit,
            has_target: select.target.is_some(),
            fields: 0,
            calls: 0,
            only_selectors: true,
            has_distinct: false,
            has_columns: false,
            top_bottom: None,
        }
    }

    /// `WHERE` and `GROUP BY`.
    fn check_clauses(&mut self, select: &SelectStatement) -> Result<()> {
        let zone = select.zone();
        let (rest, _) = split_condition(select.condition.as_ref(), self.now, zone)?;
        if let Some(rest) = rest {
            check_condition(&rest)?;
        }
        self.interval = dimension::check_dimensions(select)?;
        Ok(())
    }

    /// The select list, what it says as a whole, and the subqueries.
    fn check_body(&mut self, select: &SelectStatement) -> Result<()> {
        for item in &select.fields {
            // The column time is there anyway and not counted.
            if matches!(&item.expr, Expr::VarRef { name, .. } if name == "time") {
                continue;
            }
            self.fields += 1;
            self.check_field(&reduce_field(&item.expr))?;
        }
        self.check_combination()?;
        for source in &select.sources {
            if let Source::Subquery(subquery) = source {
                self.check_subquery(subquery)?;
            }
        }
        Ok(())
    }

    fn check_subquery(&self, select: &SelectStatement) -> Result<()> {
        let mut checker = Checker::new(select, self.now);
        checker.check_clauses(select)?;
        if !select.sort.is_empty() && checker.ascending != self.ascending {
            return Err(ValidateError::Statement(
                "subqueries must be ordered in the same direction as the query itself",
            ));
        }
        checker.ascending = self.ascending;
        // Nulls would only be filled in to be skipped by the outer statement.
        if checker.interval != 0 && checker.fill == Fill::Null {
            checker.fill = Fill::None;
        }
        if self.interval != 0 && checker.interval == 0 {
            checker.interval = self.interval;
            checker.inherited = true;
        }
        checker.check_body(select)
    }

    fn check_combination(&self) -> Result<()> {
        if self.fields == 0 {
            return statement("at least 1 non-time field must be queried");
        }
        if let Some(function) = &self.top_bottom
            && self.calls > 1
        {
            return Err(ValidateError::SelectorCombined(function.clone()));
        }
        if self.calls == 0 {
            match self.fill {
                Fill::None => return statement("fill(none) must be used with a function"),
                Fill::Linear => return statement("fill(linear) must be used with a function"),
                _ => {}
            }
            if self.interval != 0 && !self.inherited {
                return statement("GROUP BY requires at least one aggregate function");
            }
        }
        if self.has_distinct && (self.calls != 1 || self.has_columns) {
            return statement(
                "aggregate function distinct() cannot be combined with other functions or fields",
            );
        }
        if self.has_columns && !self.only_selectors {
            return statement("mixing aggregate and non-aggregate queries is not supported");
        }
        if self.has_columns && self.calls > 1 {
            return statement(
                "mixing multiple selector functions with tags or fields is not supported",
            );
        }
        Ok(())
    }
}

fn statement(message: &'static str) -> Result<()> {
    Err(ValidateError::Statement(message))
}

pub(super) fn is_math_function(name: &str) -> bool {
    MATH_FUNCTIONS.contains(&name)
}

/// Only mathematical functions may stand in a condition.
fn check_condition(expr: &Expr) -> Result<()> {
    match expr {
        Expr::Binary { lhs, rhs, .. } => deeper(|| {
            check_condition(lhs)?;
            check_condition(rhs)
        }),
        Expr::Call { name, args } => {
            if !is_math_function(name) {
                return Err(ValidateError::CallInCondition(expr.to_string()));
            }
            // log() is taken with one argument here, as in InfluxDB.
            let expected = if matches!(name.as_str(), "atan2" | "pow") {
                2
            } else {
                1
            };
            argument::check_count(name, args, expected)?;
            deeper(|| args.iter().try_for_each(check_condition))
        }
        _ => Ok(()),
    }
}
