//! Which series a filter leaves: decided on the series index, before any row is read.

use influxql::ast::{BinaryOp, DataType, Expr};
use influxql::deeper;
use storage::{Engine, ReadView, SeriesFilter, TableName, ValuePattern};

use crate::query::error::QueryError;
use crate::query::expression::compile_regex;
use crate::query::scan::Scan;
use crate::query::work::Work;

/// Series that may be looked at, to find those that are meant, in the time in which a row
/// is put into an answer.
pub const SERIES_FOUND: u64 = 16;
/// Rows that are put into an answer in the time in which a file is opened that nobody has
/// opened lately.
const ROWS_OF_FILE: u64 = 100;

/// `AND` and `OR` inside of one another up to which tags are looked up for them; rows are
/// tried by all of them.
const LEVELS_MAX: usize = 200;

/// What of the filter every series must fulfil; `None` when it says nothing of tags
/// alone. It may say less than the filter, never more.
#[must_use]
pub fn tag_filter(filter: &Expr) -> Option<SeriesFilter> {
    tag_filter_within(filter, LEVELS_MAX)
}

fn tag_filter_within(filter: &Expr, levels: usize) -> Option<SeriesFilter> {
    let part = |part: &Expr| tag_filter_within(part, levels.checked_sub(1)?);
    match filter {
        Expr::Paren(inner) => deeper(|| tag_filter_within(inner, levels)),
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } => {
            let parts: Vec<SeriesFilter> = [lhs, rhs]
                .into_iter()
                .filter_map(|side| part(side))
                .collect();
            (!parts.is_empty()).then_some(SeriesFilter::And(parts))
        }
        Expr::Binary {
            op: BinaryOp::Or,
            lhs,
            rhs,
        } => Some(SeriesFilter::Or(vec![part(lhs)?, part(rhs)?])),
        Expr::Binary { op, lhs, rhs } => comparison(*op, lhs, rhs),
        _ => None,
    }
}

fn comparison(op: BinaryOp, lhs: &Expr, rhs: &Expr) -> Option<SeriesFilter> {
    let Expr::VarRef {
        name,
        cast: Some(DataType::Tag),
    } = lhs
    else {
        return None;
    };
    let key = name.clone();
    match (op, rhs) {
        (BinaryOp::Eq | BinaryOp::NotEq, Expr::String(value)) => {
            let value = value.clone();
            Some(SeriesFilter::Equal { key, value }.negated_unless(op == BinaryOp::Eq))
        }
        (BinaryOp::EqRegex | BinaryOp::NotEqRegex, Expr::Regex(pattern)) => {
            let pattern = ValuePattern::new(compile_regex(pattern).ok()?);
            Some(SeriesFilter::Match { key, pattern }.negated_unless(op == BinaryOp::EqRegex))
        }
        _ => None,
    }
}

/// What a scan reads: its measurement's view, narrowed to the series that the filter
/// leaves, and whether that settles the filter. `None` when there is no such measurement.
///
/// # Errors
/// When the database or the policy does not exist, or there are too many series and files
/// for a short request.
pub fn open(
    engine: &Engine,
    scan: &Scan,
    work: &Work,
) -> Result<Option<(ReadView, bool)>, QueryError> {
    let name = TableName {
        database: scan.table.database.clone(),
        policy: scan.table.policy.clone(),
        measurement: scan.table.measurement.clone(),
    };
    let view = engine.read_view(&name, (scan.time.min, scan.time.max))?;
    if let Some(view) = &view {
        let series = view.table.read().series.len() as u64;
        work.check(series / SERIES_FOUND + view.files.len() as u64 * ROWS_OF_FILE)?;
    }
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
    let Some(filter) = tag_filter(expr) else {
        return false;
    };
    let selected = view.table.read().series.select(&filter);
    view.select(selected);
    speaks_of_tags_alone(expr)
}

/// True when [`tag_filter`] leaves nothing of the filter out.
fn speaks_of_tags_alone(filter: &Expr) -> bool {
    speaks_within(filter, LEVELS_MAX)
}

fn speaks_within(filter: &Expr, levels: usize) -> bool {
    let part = |part: &Expr| levels > 0 && speaks_within(part, levels - 1);
    match filter {
        Expr::Paren(inner) => deeper(|| speaks_within(inner, levels)),
        Expr::Binary {
            op: BinaryOp::And | BinaryOp::Or,
            lhs,
            rhs,
        } => part(lhs) && part(rhs),
        Expr::Binary { op, lhs, rhs } => comparison(*op, lhs, rhs).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Option<SeriesFilter> {
        fn resolve(expr: &mut Expr) {
            match expr {
                Expr::VarRef { name, cast } => {
                    *cast = Some(match name.as_str() {
                        "v" => DataType::Float,
                        _ => DataType::Tag,
                    });
                }
                Expr::Binary { lhs, rhs, .. } => {
                    resolve(lhs);
                    resolve(rhs);
                }
                Expr::Paren(inner) => resolve(inner),
                _ => {}
            }
        }
        let mut expr = influxql::parse_expr(text).unwrap();
        resolve(&mut expr);
        tag_filter(&expr)
    }

    #[test]
    fn fields_do_not_narrow_and_never_widen() {
        let passes = |filter: &SeriesFilter, host: &'static str| {
            filter.matches(&|key| if key == "host" { host } else { "" })
        };
        assert!(filter("v > 1").is_none());
        assert!(filter("host = 'a' OR v > 1").is_none());
        let both = filter("host = 'a' AND v > 1").unwrap();
        assert!(passes(&both, "a") && !passes(&both, "b"));
        let either = filter("(host = 'a' OR host =~ /^b/) AND rack != 'x'").unwrap();
        assert!(passes(&either, "bc") && !passes(&either, "c"));
    }
}
