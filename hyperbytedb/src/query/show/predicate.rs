//! Conditions on the tags of a series.

use std::collections::{BTreeMap, BTreeSet};

use influxql::ast::{BinaryOp, Expr};

use crate::query::catalog::Tags;
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;

/// A condition on tags, ready to be tried on many series.
pub(super) enum Predicate {
    Const(bool),
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Equal {
        key: String,
        value: String,
        equal: bool,
    },
    EqualKeys {
        left: String,
        right: String,
        equal: bool,
    },
    Matches {
        key: String,
        pattern: regex::Regex,
        matches: bool,
    },
}

impl Predicate {
    /// # Errors
    /// [`QueryError::Invalid`] for operators that tags do not have.
    pub(super) fn new(condition: Option<&Expr>) -> Result<Predicate, QueryError> {
        match condition {
            Some(condition) => Predicate::build(condition),
            None => Ok(Predicate::Const(true)),
        }
    }

    fn build(expr: &Expr) -> Result<Predicate, QueryError> {
        let (op, lhs, rhs) = match expr {
            Expr::Paren(inner) => return Predicate::build(inner),
            Expr::Boolean(value) => return Ok(Predicate::Const(*value)),
            Expr::Binary { op, lhs, rhs } => (*op, lhs, rhs),
            _ => return Err(invalid("invalid condition")),
        };
        match op {
            BinaryOp::And | BinaryOp::Or => {
                let (lhs, rhs) = (
                    Box::new(Predicate::build(lhs)?),
                    Box::new(Predicate::build(rhs)?),
                );
                return Ok(if op == BinaryOp::And {
                    Predicate::And(lhs, rhs)
                } else {
                    Predicate::Or(lhs, rhs)
                });
            }
            BinaryOp::Eq | BinaryOp::NotEq | BinaryOp::EqRegex | BinaryOp::NotEqRegex => {}
            _ => return Err(invalid("invalid tag comparison operator")),
        }
        let positive = matches!(op, BinaryOp::Eq | BinaryOp::EqRegex);
        let (key, other) = match (&**lhs, &**rhs) {
            (Expr::VarRef { name, .. }, other) | (other, Expr::VarRef { name, .. }) => {
                (name.clone(), other)
            }
            _ => return Ok(Predicate::Const(false)),
        };
        Ok(match other {
            Expr::String(value) => Predicate::Equal {
                key,
                value: value.clone(),
                equal: positive,
            },
            Expr::Regex(pattern) => Predicate::Matches {
                key,
                pattern: compile_regex(pattern)?,
                matches: positive,
            },
            Expr::VarRef { name, .. } => Predicate::EqualKeys {
                left: key,
                right: name.clone(),
                equal: positive,
            },
            _ => Predicate::Const(false),
        })
    }

    /// Whether a series passes; `_name` is its measurement, a missing tag is empty.
    pub(super) fn passes(&self, measurement: &str, tags: &Tags) -> bool {
        let value = |key: &str| match key {
            "_name" => measurement,
            _ => tag(tags, key),
        };
        match self {
            Predicate::Const(value) => *value,
            Predicate::And(a, b) => a.passes(measurement, tags) && b.passes(measurement, tags),
            Predicate::Or(a, b) => a.passes(measurement, tags) || b.passes(measurement, tags),
            Predicate::Equal {
                key,
                value: wanted,
                equal,
            } => (value(key) == wanted) == *equal,
            Predicate::EqualKeys { left, right, equal } => (value(left) == value(right)) == *equal,
            Predicate::Matches {
                key,
                pattern,
                matches,
            } => pattern.is_match(value(key)) == *matches,
        }
    }

    /// Whether a measurement passes as a whole, `values` telling the values of each
    /// of its tags: `=` wants a series with the value, `!=` that there is none. A
    /// measurement without the tag passes neither.
    pub(super) fn passes_measurement(
        &self,
        measurement: &str,
        values: &BTreeMap<String, BTreeSet<String>>,
    ) -> bool {
        let any = |key: &str, wanted: bool, test: &dyn Fn(&str) -> bool| {
            if key == "_name" {
                return test(measurement) == wanted;
            }
            values
                .get(key)
                .is_some_and(|all| all.iter().any(|value| test(value)) == wanted)
        };
        match self {
            Predicate::Const(value) => *value,
            Predicate::And(a, b) => {
                a.passes_measurement(measurement, values)
                    && b.passes_measurement(measurement, values)
            }
            Predicate::Or(a, b) => {
                a.passes_measurement(measurement, values)
                    || b.passes_measurement(measurement, values)
            }
            Predicate::Equal { key, value, equal } => any(key, *equal, &|own| own == value),
            Predicate::Matches {
                key,
                pattern,
                matches,
            } => any(key, *matches, &|own| pattern.is_match(own)),
            Predicate::EqualKeys { .. } => false,
        }
    }

    pub(super) fn is_always_true(&self) -> bool {
        matches!(self, Predicate::Const(true))
    }
}

/// The value of a tag, empty if there is none.
pub(super) fn tag<'t>(tags: &'t Tags, key: &str) -> &'t str {
    let place = tags.binary_search_by(|(own, _)| own.as_str().cmp(key));
    place.map_or("", |place| &tags[place].1)
}

fn invalid(text: &str) -> QueryError {
    QueryError::Invalid(text.to_owned())
}
