//! Conditions on the tags of a series.

use influxql::ast::{BinaryOp, Expr};
use storage::{SeriesFilter, ValuePattern};

use crate::query::catalog::{Selection, TagValuesWanted};
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;

use super::Show;

/// A condition on tags; the tag `_name` is the measurement.
pub(super) struct Predicate(SeriesFilter);

const NAME: &str = "_name";

impl Predicate {
    /// # Errors
    /// [`QueryError::Invalid`] for operators that tags do not have.
    pub(super) fn new(condition: Option<&Expr>) -> Result<Predicate, QueryError> {
        match condition {
            Some(condition) => build(condition).map(Predicate),
            None => Ok(Predicate(SeriesFilter::Const(true))),
        }
    }

    /// The condition on the series of one measurement.
    pub(super) fn of(&self, measurement: &str) -> SeriesFilter {
        with_name(&self.0, measurement)
    }

    /// Whether one tag passes, all others being empty.
    pub(super) fn passes_alone(&self, measurement: &str, key: &str, value: &str) -> bool {
        self.0.matches(&|wanted| match wanted {
            NAME => measurement,
            _ if wanted == key => value,
            _ => "",
        })
    }

    /// Whether a measurement passes as a whole: `=` wants a series with the value, `!=`
    /// that there is none. A measurement without the tag passes neither.
    ///
    /// # Errors
    /// When points cannot be read.
    pub(super) fn passes_measurement(
        &self,
        show: &Show<'_>,
        database: &str,
        measurement: &str,
    ) -> Result<bool, QueryError> {
        show.measurement_passes(database, measurement, &self.0)
    }

    pub(super) fn is_always_true(&self) -> bool {
        matches!(self.0, SeriesFilter::Const(true))
    }
}

impl Show<'_> {
    fn measurement_passes(
        &self,
        database: &str,
        measurement: &str,
        filter: &SeriesFilter,
    ) -> Result<bool, QueryError> {
        let passes = |part: &SeriesFilter| self.measurement_passes(database, measurement, part);
        match filter {
            SeriesFilter::Const(value) => Ok(*value),
            SeriesFilter::And(parts) => {
                for part in parts {
                    if !passes(part)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            SeriesFilter::Or(parts) => {
                for part in parts {
                    if passes(part)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            SeriesFilter::Not(inner) => match &**inner {
                SeriesFilter::Const(value) => Ok(!value),
                inner => Ok(self.any_value(database, measurement, inner)? == Some(false)),
            },
            part => Ok(self.any_value(database, measurement, part)? == Some(true)),
        }
    }

    /// Whether any value of a tag passes a comparison; `None` when the measurement does
    /// not have the tag, or two tags are compared.
    fn any_value(
        &self,
        database: &str,
        measurement: &str,
        comparison: &SeriesFilter,
    ) -> Result<Option<bool>, QueryError> {
        let key = match comparison {
            SeriesFilter::Equal { key, .. } | SeriesFilter::Match { key, .. } => key,
            _ => return Ok(None),
        };
        if key == NAME {
            return Ok(Some(comparison.matches(&|_| measurement)));
        }
        let has_key = |own: &str| own == key;
        let all = SeriesFilter::Const(true);
        let any = |filter: &SeriesFilter, passes: &dyn Fn(&str) -> bool| {
            let wanted = TagValuesWanted {
                selection: Selection::of(filter),
                has_key: &has_key,
                passes,
                offset: 0,
                limit: 1,
            };
            let found = self.catalog.tag_values(database, measurement, &wanted)?;
            Ok::<bool, QueryError>(!found.is_empty())
        };
        if !any(&all, &|_| true)? {
            return Ok(None);
        }
        any(comparison, &|value| comparison.matches(&|_| value)).map(Some)
    }
}

fn build(expr: &Expr) -> Result<SeriesFilter, QueryError> {
    let (op, lhs, rhs) = match expr {
        Expr::Paren(inner) => return build(inner),
        Expr::Boolean(value) => return Ok(SeriesFilter::Const(*value)),
        Expr::Binary { op, lhs, rhs } => (*op, lhs, rhs),
        _ => return Err(invalid("invalid condition")),
    };
    match op {
        BinaryOp::And => return Ok(SeriesFilter::And(vec![build(lhs)?, build(rhs)?])),
        BinaryOp::Or => return Ok(SeriesFilter::Or(vec![build(lhs)?, build(rhs)?])),
        BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::EqRegex | BinaryOp::NotEqRegex => {}
        _ => return Err(invalid("invalid tag comparison operator")),
    }
    let positive = matches!(op, BinaryOp::Eq | BinaryOp::EqRegex);
    let (key, other) = match (&**lhs, &**rhs) {
        (Expr::VarRef { name, .. }, other) | (other, Expr::VarRef { name, .. }) => {
            (name.clone(), other)
        }
        _ => return Ok(SeriesFilter::Const(false)),
    };
    let comparison = match other {
        Expr::String(value) => SeriesFilter::Equal {
            key,
            value: value.clone(),
        },
        Expr::Regex(pattern) => SeriesFilter::Match {
            key,
            pattern: ValuePattern::new(compile_regex(pattern)?),
        },
        Expr::VarRef { name, .. } => SeriesFilter::EqualKeys(key, name.clone()),
        _ => return Ok(SeriesFilter::Const(false)),
    };
    Ok(comparison.negated_unless(positive))
}

fn invalid(text: &str) -> QueryError {
    QueryError::Invalid(text.to_owned())
}

/// The condition for one measurement: comparisons with its name are decided.
fn with_name(filter: &SeriesFilter, measurement: &str) -> SeriesFilter {
    let all = |parts: &[SeriesFilter]| -> Vec<SeriesFilter> {
        parts
            .iter()
            .map(|part| with_name(part, measurement))
            .collect()
    };
    let is_name = |key: &str| key == NAME;
    match filter {
        SeriesFilter::Equal { key, .. } | SeriesFilter::Match { key, .. } if is_name(key) => {
            SeriesFilter::Const(filter.matches(&|_| measurement))
        }
        SeriesFilter::EqualKeys(left, right) => match (is_name(left), is_name(right)) {
            (true, true) => SeriesFilter::Const(true),
            (false, false) => filter.clone(),
            (left_is_name, _) => SeriesFilter::Equal {
                key: if left_is_name { right } else { left }.clone(),
                value: measurement.to_owned(),
            },
        },
        SeriesFilter::Not(inner) => with_name(inner, measurement).negated(),
        SeriesFilter::And(parts) => SeriesFilter::And(all(parts)),
        SeriesFilter::Or(parts) => SeriesFilter::Or(all(parts)),
        other => other.clone(),
    }
}
