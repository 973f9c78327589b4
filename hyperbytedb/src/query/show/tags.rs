//! SHOW TAG KEYS and SHOW TAG VALUES.

use influxql::ast::{BinaryOp, Expr, ShowTagKeys, ShowTagValues, TagKeyFilter};
use influxql::deeper;

use super::predicate::Predicate;
use super::{Names, Show, bounds, chunk, measurements_of, most, page, strings};
use crate::query::catalog::{Selection, TagValuesWanted};
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;
use crate::query::output::SeriesChunk;

/// `WITH KEY …`, ready to be tried.
pub(super) enum Keys {
    All,
    In(Vec<String>, bool),
    Matching(regex::Regex, bool),
}

impl Keys {
    pub(super) fn new(filter: Option<&TagKeyFilter>) -> Result<Keys, QueryError> {
        Ok(match filter {
            None => Keys::All,
            Some(TagKeyFilter::Eq(key)) => Keys::In(vec![key.clone()], true),
            Some(TagKeyFilter::NotEq(key)) => Keys::In(vec![key.clone()], false),
            Some(TagKeyFilter::In(keys)) => Keys::In(keys.clone(), true),
            Some(TagKeyFilter::EqRegex(pattern)) => Keys::Matching(compile_regex(pattern)?, true),
            Some(TagKeyFilter::NotEqRegex(pattern)) => {
                Keys::Matching(compile_regex(pattern)?, false)
            }
        })
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        match self {
            Keys::All => true,
            Keys::In(keys, wanted) => keys.iter().any(|own| own == key) == *wanted,
            Keys::Matching(pattern, wanted) => pattern.is_match(key) == *wanted,
        }
    }
}

/// Comparing two tags is refused here: mostly a value was put in double quotes.
fn check_quotes(condition: Option<&Expr>) -> Result<(), QueryError> {
    match condition {
        Some(Expr::Paren(inner)) => deeper(|| check_quotes(Some(inner))),
        Some(Expr::Binary { op, lhs, rhs }) => match op {
            BinaryOp::And | BinaryOp::Or => {
                deeper(|| check_quotes(Some(lhs)))?;
                deeper(|| check_quotes(Some(rhs)))
            }
            BinaryOp::Eq | BinaryOp::NotEq
                if matches!((&**lhs, &**rhs), (Expr::VarRef { .. }, Expr::VarRef { .. })) =>
            {
                Err(QueryError::Invalid(format!(
                    "bad WHERE clause for metaquery; one term must be a string literal tag value within single quotes: {} {} {}",
                    lhs,
                    op.symbol(),
                    rhs
                )))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Takes the conditions on `value` (1.7 and later: the tag values themselves) out of
/// the top level of a condition.
fn split_values(condition: Option<Expr>) -> (Option<Expr>, Option<Expr>) {
    let Some(mut condition) = condition else {
        return (None, None);
    };
    match &mut condition {
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } => {
            let (left, left_values) = deeper(|| split_values(Some(lhs.take())));
            let (right, right_values) = deeper(|| split_values(Some(rhs.take())));
            (and(left, right), and(left_values, right_values))
        }
        Expr::Paren(inner) => deeper(|| split_values(Some(inner.take()))),
        expr => {
            let on_value = |e: &Expr| matches!(e, Expr::VarRef { name, .. } if name == "value");
            if expr.any(on_value) {
                (None, Some(condition))
            } else {
                (Some(condition), None)
            }
        }
    }
}

fn and(left: Option<Expr>, right: Option<Expr>) -> Option<Expr> {
    match (left, right) {
        (Some(lhs), Some(rhs)) => Some(Expr::Binary {
            op: BinaryOp::And,
            lhs: Box::new(lhs),
            rhs: Box::new(rhs),
        }),
        (one, other) => one.or(other),
    }
}

impl Show<'_> {
    pub(super) fn tag_keys(&self, statement: &ShowTagKeys) -> Result<Vec<SeriesChunk>, QueryError> {
        let show = &statement.show;
        let database = self.existing_database(show.database.as_deref())?;
        let wanted = Names::of(measurements_of(&show.sources))?;
        let (condition, range) = self.split(show.condition.as_ref())?;
        check_quotes(condition.as_ref())?;
        let predicate = Predicate::new(condition.as_ref())?;
        let keys = Keys::new(statement.key.as_ref())?;
        let mut out = Vec::new();
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) {
                continue;
            }
            self.context.check()?;
            let fields = self.field_names(&database, &name);
            let filter = predicate.of_listed(&name, &|key| fields.contains(key));
            let selection = Selection {
                time: bounds(range),
                ..Selection::of(&filter)
            };
            let mut found = self.catalog.tag_keys(&database, &name, selection)?;
            found.retain(|key| keys.contains(key));
            let found = page(found, show.limit, show.offset);
            if !found.is_empty() {
                let column = strings(found.iter().map(String::as_str));
                out.push(chunk(&name, &["tagKey"], vec![column]));
            }
        }
        Ok(page(out, statement.slimit, statement.soffset))
    }

    pub(super) fn tag_values(
        &self,
        statement: &ShowTagValues,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let show = &statement.show;
        let database = self.existing_database(show.database.as_deref())?;
        let wanted = Names::of(measurements_of(&show.sources))?;
        let (condition, range) = self.split(show.condition.as_ref())?;
        check_quotes(condition.as_ref())?;
        let (condition, values) = split_values(condition);
        let predicate = Predicate::new(condition.as_ref())?;
        // No value of a tag is a number.
        let values = Predicate::of_count(values.as_ref())?;
        let keys = Keys::new(Some(&statement.key))?;
        let mut out = Vec::new();
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) {
                continue;
            }
            self.context.check()?;
            let fields = self.field_names(&database, &name);
            let filter = predicate.of_listed(&name, &|key| fields.contains(key));
            let wanted = TagValuesWanted {
                selection: Selection {
                    time: bounds(range),
                    ..Selection::of(&filter)
                },
                has_key: &|key| keys.contains(key),
                passes: &|value| values.passes_alone(&name, "value", value),
                offset: usize::try_from(show.offset).unwrap_or(usize::MAX),
                limit: most(show.limit, 0),
            };
            let found = self.catalog.tag_values(&database, &name, &wanted)?;
            if !found.is_empty() {
                let columns = vec![
                    strings(found.iter().map(|(key, _)| key.as_str())),
                    strings(found.iter().map(|(_, value)| value.as_str())),
                ];
                out.push(chunk(&name, &["key", "value"], columns));
            }
        }
        Ok(out)
    }
}
