//! Conditions on the tags of a series.

use influxql::ast::{BinaryOp, Expr};
use influxql::deeper;
use storage::{SeriesFilter, ValuePattern};

use crate::query::catalog::{Selection, TagValuesWanted};
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;

use super::Show;

/// A condition on tags; the tag `_name` is the measurement.
pub(super) struct Predicate(SeriesFilter);

const NAME: &str = "_name";
/// `AND` and `OR` inside of one another that a condition may have.
const LEVELS_MAX: usize = 500;

impl Predicate {
    /// # Errors
    /// [`QueryError::Invalid`] for operators that tags do not have.
    pub(super) fn new(condition: Option<&Expr>) -> Result<Predicate, QueryError> {
        match condition {
            Some(condition) => build(condition, LEVELS_MAX).map(Predicate),
            None => Ok(Predicate(SeriesFilter::Const(true))),
        }
    }

    /// The condition of a statement that lists measurements: a tag stands on the left of
    /// `=` and `!=`, a text on the right.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for anything else.
    pub(super) fn of_measurements(condition: Option<&Expr>) -> Result<Predicate, QueryError> {
        condition.map_or(Ok(()), check_sides)?;
        Predicate::new(condition)
    }

    /// The condition of a statement that counts: what tags cannot be compared by passes no
    /// series, instead of being an error, and of two tags that are compared there must be
    /// both, or with `!=` one.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for what is no condition.
    pub(super) fn of_count(condition: Option<&Expr>) -> Result<Predicate, QueryError> {
        match condition {
            Some(condition) => build_for_count(condition, LEVELS_MAX).map(Predicate),
            None => Ok(Predicate(SeriesFilter::Const(true))),
        }
    }

    /// The same, but a comparison passes only series that have its tags, `!=` and `!~` too.
    /// No measurement has a tag `_name`.
    pub(super) fn where_present(self) -> Predicate {
        Predicate(where_present(self.0))
    }

    /// The condition on the series of one measurement that are listed: comparisons with
    /// fields leave all, as in InfluxDB, since they speak of points.
    pub(super) fn of_listed(
        &self,
        measurement: &str,
        is_field: &dyn Fn(&str) -> bool,
    ) -> SeriesFilter {
        with_name(&without_fields(&self.0, is_field), measurement)
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

/// One level less.
fn below(levels: usize) -> Result<usize, QueryError> {
    let less = levels.checked_sub(1);
    less.ok_or_else(|| {
        QueryError::Invalid(format!(
            "the condition has more than {LEVELS_MAX} levels of AND and OR inside of one another"
        ))
    })
}

fn build(expr: &Expr, levels: usize) -> Result<SeriesFilter, QueryError> {
    let part = |part: &Expr| build(part, below(levels)?);
    let (op, lhs, rhs) = match expr {
        Expr::Paren(inner) => return deeper(|| build(inner, levels)),
        Expr::Boolean(value) => return Ok(SeriesFilter::Const(*value)),
        Expr::Binary { op, lhs, rhs } => (*op, lhs, rhs),
        _ => return Err(invalid("invalid condition")),
    };
    match op {
        BinaryOp::And => return Ok(SeriesFilter::And(vec![part(lhs)?, part(rhs)?])),
        BinaryOp::Or => return Ok(SeriesFilter::Or(vec![part(lhs)?, part(rhs)?])),
        _ if compares_tags(op) => {}
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
        // No tag is a number: that is said of a field.
        _ => return Ok(SeriesFilter::Const(true)),
    };
    Ok(comparison.negated_unless(positive))
}

fn check_sides(expr: &Expr) -> Result<(), QueryError> {
    match expr {
        Expr::Paren(inner) => deeper(|| check_sides(inner)),
        Expr::Binary {
            op: BinaryOp::And | BinaryOp::Or,
            lhs,
            rhs,
        } => deeper(|| {
            check_sides(lhs)?;
            check_sides(rhs)
        }),
        Expr::Binary {
            op: op @ (BinaryOp::Eq | BinaryOp::NotEq),
            lhs,
            rhs,
        } => {
            let op = op.symbol();
            if !matches!(**lhs, Expr::VarRef { .. }) {
                return Err(invalid(&format!("left side of '{op}' must be a tag key")));
            }
            if !matches!(**rhs, Expr::String(_)) {
                let text = format!("right side of '{op}' must be a tag value string");
                return Err(invalid(&text));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn compares_tags(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::EqRegex | BinaryOp::NotEqRegex
    )
}

fn build_for_count(expr: &Expr, levels: usize) -> Result<SeriesFilter, QueryError> {
    let part = |part: &Expr| build_for_count(part, below(levels)?);
    match expr {
        Expr::Paren(inner) => deeper(|| build_for_count(inner, levels)),
        Expr::Binary {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            lhs,
            rhs,
        } => {
            let parts = vec![part(lhs)?, part(rhs)?];
            Ok(match op {
                BinaryOp::And => SeriesFilter::And(parts),
                _ => SeriesFilter::Or(parts),
            })
        }
        Expr::Binary { op, .. } if !compares_tags(*op) => Ok(SeriesFilter::Const(false)),
        Expr::Binary { op, lhs, rhs } => match (&**lhs, &**rhs) {
            (Expr::VarRef { name: left, .. }, Expr::VarRef { name: right, .. }) => {
                let equal = SeriesFilter::EqualKeys(left.clone(), right.clone());
                let both = SeriesFilter::And(vec![equal, is_there(left)]);
                Ok(both.negated_unless(*op == BinaryOp::Eq))
            }
            (Expr::VarRef { .. }, Expr::String(_) | Expr::Regex(_))
            | (Expr::String(_) | Expr::Regex(_), Expr::VarRef { .. }) => build(expr, levels),
            _ => Ok(SeriesFilter::Const(false)),
        },
        _ => build(expr, levels),
    }
}

fn without_fields(filter: &SeriesFilter, is_field: &dyn Fn(&str) -> bool) -> SeriesFilter {
    let all = |parts: &[SeriesFilter]| -> Vec<SeriesFilter> {
        parts
            .iter()
            .map(|part| without_fields(part, is_field))
            .collect()
    };
    match filter {
        SeriesFilter::And(parts) => SeriesFilter::And(all(parts)),
        SeriesFilter::Or(parts) => SeriesFilter::Or(all(parts)),
        comparison => {
            let mut keys = Vec::new();
            keys_of(comparison, &mut keys);
            match keys.iter().any(|key| is_field(key)) {
                true => SeriesFilter::Const(true),
                false => comparison.clone(),
            }
        }
    }
}

/// Series that have a tag.
fn is_there(key: &str) -> SeriesFilter {
    let absent = SeriesFilter::Equal {
        key: key.to_owned(),
        value: String::new(),
    };
    absent.negated()
}

fn where_present(filter: SeriesFilter) -> SeriesFilter {
    let all = |parts: Vec<SeriesFilter>| parts.into_iter().map(where_present).collect();
    match filter {
        SeriesFilter::Const(_) => filter,
        SeriesFilter::And(parts) => SeriesFilter::And(all(parts)),
        SeriesFilter::Or(parts) => SeriesFilter::Or(all(parts)),
        comparison => {
            let mut keys = Vec::new();
            keys_of(&comparison, &mut keys);
            if keys.iter().any(|key| key == NAME) {
                return SeriesFilter::Const(false);
            }
            let mut parts: Vec<SeriesFilter> = keys.iter().map(|key| is_there(key)).collect();
            parts.push(comparison);
            SeriesFilter::And(parts)
        }
    }
}

/// The tags that a condition asks for.
fn keys_of(filter: &SeriesFilter, keys: &mut Vec<String>) {
    match filter {
        SeriesFilter::Const(_) => {}
        SeriesFilter::Equal { key, .. } | SeriesFilter::Match { key, .. } => keys.push(key.clone()),
        SeriesFilter::EqualKeys(left, right) => keys.extend([left.clone(), right.clone()]),
        SeriesFilter::Not(inner) => keys_of(inner, keys),
        SeriesFilter::And(parts) | SeriesFilter::Or(parts) => {
            parts.iter().for_each(|part| keys_of(part, keys));
        }
    }
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
