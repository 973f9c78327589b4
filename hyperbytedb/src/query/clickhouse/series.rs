//! Which series a filter leaves: decided on the series index, before any row is read.

use influxql::ast::{BinaryOp, DataType, Expr};
use points::TagSet;
use regex::Regex;
use storage::{Engine, ReadView, SeriesId, TableName};

use crate::query::error::QueryError;
use crate::query::scan::Scan;

/// The part of a filter that speaks of tags alone.
#[derive(Debug)]
pub enum TagFilter {
    And(Vec<TagFilter>),
    Or(Vec<TagFilter>),
    Equal(String, String, bool),
    Match(String, Regex, bool),
}

impl TagFilter {
    /// What of the filter every series must fulfil; `None` when it says nothing of tags
    /// alone. It may say less than the filter, never more.
    #[must_use]
    pub fn of(filter: &Expr) -> Option<TagFilter> {
        match filter {
            Expr::Paren(inner) => TagFilter::of(inner),
            Expr::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } => {
                let parts: Vec<TagFilter> = [lhs, rhs]
                    .into_iter()
                    .filter_map(|part| TagFilter::of(part))
                    .collect();
                (!parts.is_empty()).then_some(TagFilter::And(parts))
            }
            Expr::Binary {
                op: BinaryOp::Or,
                lhs,
                rhs,
            } => Some(TagFilter::Or(vec![
                TagFilter::of(lhs)?,
                TagFilter::of(rhs)?,
            ])),
            Expr::Binary { op, lhs, rhs } => comparison(*op, lhs, rhs),
            _ => None,
        }
    }

    fn matches(&self, tags: &TagSet) -> bool {
        match self {
            TagFilter::And(parts) => parts.iter().all(|part| part.matches(tags)),
            TagFilter::Or(parts) => parts.iter().any(|part| part.matches(tags)),
            TagFilter::Equal(key, value, positive) => {
                (tags.get(key).unwrap_or_default() == value) == *positive
            }
            TagFilter::Match(key, regex, positive) => {
                regex.is_match(tags.get(key).unwrap_or_default()) == *positive
            }
        }
    }
}

fn comparison(op: BinaryOp, lhs: &Expr, rhs: &Expr) -> Option<TagFilter> {
    let Expr::VarRef {
        name,
        cast: Some(DataType::Tag),
    } = lhs
    else {
        return None;
    };
    match (op, rhs) {
        (BinaryOp::Eq | BinaryOp::NotEq, Expr::String(value)) => Some(TagFilter::Equal(
            name.clone(),
            value.clone(),
            op == BinaryOp::Eq,
        )),
        (BinaryOp::EqRegex | BinaryOp::NotEqRegex, Expr::Regex(pattern)) => {
            let regex = Regex::new(pattern).ok()?;
            Some(TagFilter::Match(
                name.clone(),
                regex,
                op == BinaryOp::EqRegex,
            ))
        }
        _ => None,
    }
}

/// What a scan reads: its measurement's view, narrowed to the series that the filter
/// leaves, and whether that settles the filter. `None` when there is no such measurement.
///
/// # Errors
/// When the database or the policy does not exist.
pub fn open(engine: &Engine, scan: &Scan) -> Result<Option<(ReadView, bool)>, QueryError> {
    let name = TableName {
        database: scan.table.database.clone(),
        policy: scan.table.policy.clone(),
        measurement: scan.table.measurement.clone(),
    };
    let view = engine.read_view(&name, (scan.time.min, scan.time.max))?;
    Ok(view.map(|mut view| {
        let settled = select(&mut view, scan.filter.as_ref());
        (view, settled)
    }))
}

/// Narrows the view to the series that the filter leaves; true when that settles the
/// filter, so that no row needs to be looked at for it.
fn select(view: &mut ReadView, filter: Option<&Expr>) -> bool {
    let Some(expr) = filter else {
        return true;
    };
    let Some(filter) = TagFilter::of(expr) else {
        return false;
    };
    let selected: Vec<SeriesId> = {
        let inner = view.table.read();
        let meant = |id: &SeriesId| filter.matches(&inner.series.tags(*id));
        inner.series.ids().filter(meant).collect()
    };
    view.select(selected);
    speaks_of_tags_alone(expr)
}

/// True when [`TagFilter::of`] leaves nothing of the filter out.
fn speaks_of_tags_alone(filter: &Expr) -> bool {
    match filter {
        Expr::Paren(inner) => speaks_of_tags_alone(inner),
        Expr::Binary {
            op: BinaryOp::And | BinaryOp::Or,
            lhs,
            rhs,
        } => speaks_of_tags_alone(lhs) && speaks_of_tags_alone(rhs),
        Expr::Binary { op, lhs, rhs } => comparison(*op, lhs, rhs).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Option<TagFilter> {
        fn resolve(expr: Expr) -> Expr {
            match expr {
                Expr::VarRef { name, .. } => {
                    let cast = if name == "v" {
                        DataType::Float
                    } else {
                        DataType::Tag
                    };
                    Expr::VarRef {
                        name,
                        cast: Some(cast),
                    }
                }
                Expr::Binary { op, lhs, rhs } => Expr::Binary {
                    op,
                    lhs: Box::new(resolve(*lhs)),
                    rhs: Box::new(resolve(*rhs)),
                },
                Expr::Paren(inner) => Expr::Paren(Box::new(resolve(*inner))),
                other => other,
            }
        }
        TagFilter::of(&resolve(influxql::parse_expr(text).unwrap()))
    }

    #[test]
    fn fields_do_not_narrow_and_never_widen() {
        let host = |value: &str| TagSet(vec![("host".into(), value.into())]);
        assert!(filter("v > 1").is_none());
        assert!(filter("host = 'a' OR v > 1").is_none());
        let both = filter("host = 'a' AND v > 1").unwrap();
        assert!(both.matches(&host("a")) && !both.matches(&host("b")));
        let either = filter("(host = 'a' OR host =~ /^b/) AND rack != 'x'").unwrap();
        assert!(either.matches(&host("bc")) && !either.matches(&host("c")));
    }
}
