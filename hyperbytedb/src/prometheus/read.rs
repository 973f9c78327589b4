//! A remote read as `SELECT value FROM … GROUP BY *`.

use influxql::ast::{
    BinaryOp, DataType, Expr, Field, Measurement, MeasurementName, SelectStatement, Source,
    WildcardKind,
};

use super::messages::{
    Label, LabelMatcher, MatchType, Query, QueryResult, ReadRequest, ReadResponse, Sample,
    TimeSeries,
};
use super::{NAME_LABEL, PrometheusError, VALUE_FIELD};
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::service::QueryService;

/// Samples of one answer; Prometheus' own limit of a remote read.
const SAMPLES_MAX: usize = 50_000_000;

/// Answers all queries of a remote read.
///
/// # Errors
/// For matchers that cannot be understood, and when a query fails.
pub fn answer(
    request: &ReadRequest,
    database: &str,
    policy: Option<&str>,
    service: &QueryService,
) -> Result<ReadResponse, PrometheusError> {
    let mut results = Vec::new();
    let mut samples = 0;
    for query in &request.queries {
        let select = select_of(query, database, policy)?;
        let mut timeseries: Vec<TimeSeries> = Vec::new();
        let mut last: Option<SeriesChunk> = None;
        service.select(&select, database, &mut |chunk| {
            samples += chunk.rows();
            if samples > SAMPLES_MAX {
                return Err(QueryError::Invalid(format!(
                    "the answer has more than {SAMPLES_MAX} samples; narrow the query"
                )));
            }
            if !last.as_ref().is_some_and(|last| chunk.continues(last)) {
                timeseries.push(TimeSeries {
                    labels: labels_of(&chunk),
                    samples: Vec::new(),
                });
            }
            if let Some(series) = timeseries.last_mut() {
                add_samples(&chunk, &mut series.samples);
            }
            last = Some(chunk);
            Ok(())
        })?;
        timeseries.retain(|series| !series.samples.is_empty());
        results.push(QueryResult { timeseries });
    }
    Ok(ReadResponse { results })
}

fn labels_of(chunk: &SeriesChunk) -> Vec<Label> {
    let label = |name: &str, value: &str| Label {
        name: name.to_string(),
        value: value.to_string(),
    };
    let tags = chunk.key.tags.iter().filter(|(_, value)| !value.is_empty());
    let mut labels: Vec<Label> = tags.map(|(name, value)| label(name, value)).collect();
    // Points that did not come from Prometheus have no such tag.
    if !labels.iter().any(|label| label.name == NAME_LABEL) {
        labels.push(label(NAME_LABEL, &chunk.key.name));
    }
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    labels
}

fn add_samples(chunk: &SeriesChunk, samples: &mut Vec<Sample>) {
    let (Some(times), Some(values)) = (&chunk.times, chunk.values.first()) else {
        return;
    };
    let Column::Float(values) = values.cast(DataType::Float) else {
        return;
    };
    let rows = times.iter().zip(values.iter());
    samples.extend(rows.filter_map(|(time, value)| {
        Some(Sample {
            value: value?,
            timestamp: time.div_euclid(1_000_000),
        })
    }));
}

fn select_of(
    query: &Query,
    database: &str,
    policy: Option<&str>,
) -> Result<SelectStatement, PrometheusError> {
    let mut name = MeasurementName::Regex(".+".to_string());
    let mut conditions = vec![
        time(BinaryOp::GtEq, query.start_timestamp_ms),
        time(BinaryOp::LtEq, query.end_timestamp_ms),
    ];
    for matcher in &query.matchers {
        let kind = MatchType::of(matcher.kind).ok_or(PrometheusError::Matcher(matcher.kind))?;
        match (matcher.name.as_str(), kind) {
            (NAME_LABEL, MatchType::Equal) => name = MeasurementName::Name(matcher.value.clone()),
            (NAME_LABEL, MatchType::Regex) => name = MeasurementName::Regex(whole(&matcher.value)),
            _ => conditions.push(condition(matcher, kind)),
        }
    }
    let all = conditions.into_iter().reduce(|lhs, rhs| Expr::Binary {
        op: BinaryOp::And,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    });
    Ok(SelectStatement {
        fields: vec![Field {
            expr: reference(VALUE_FIELD),
            alias: None,
        }],
        sources: vec![Source::Measurement(Measurement {
            database: Some(database.to_string()),
            retention_policy: policy.map(str::to_string),
            name,
        })],
        condition: all,
        dimensions: vec![Expr::Wildcard(WildcardKind::Any)],
        ..SelectStatement::default()
    })
}

fn reference(name: &str) -> Expr {
    Expr::VarRef {
        name: name.to_string(),
        cast: None,
    }
}

fn time(op: BinaryOp, milliseconds: i64) -> Expr {
    Expr::Binary {
        op,
        lhs: Box::new(reference("time")),
        rhs: Box::new(Expr::Integer(milliseconds.saturating_mul(1_000_000))),
    }
}

fn condition(matcher: &LabelMatcher, kind: MatchType) -> Expr {
    let (op, value) = match kind {
        MatchType::Equal => (BinaryOp::Eq, Expr::String(matcher.value.clone())),
        MatchType::NotEqual => (BinaryOp::NotEq, Expr::String(matcher.value.clone())),
        MatchType::Regex => (BinaryOp::EqRegex, Expr::Regex(whole(&matcher.value))),
        MatchType::NotRegex => (BinaryOp::NotEqRegex, Expr::Regex(whole(&matcher.value))),
    };
    Expr::Binary {
        op,
        lhs: Box::new(Expr::VarRef {
            name: matcher.name.clone(),
            cast: Some(DataType::Tag),
        }),
        rhs: Box::new(value),
    }
}

/// Prometheus' expressions match from the first to the last character.
fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_become_a_condition() {
        let matcher = |kind: i64, name: &str, value: &str| LabelMatcher {
            kind,
            name: name.to_string(),
            value: value.to_string(),
        };
        let query = Query {
            start_timestamp_ms: 1,
            end_timestamp_ms: 2,
            matchers: vec![
                matcher(0, "__name__", "up"),
                matcher(1, "job", "a"),
                matcher(3, "host", "b.*"),
            ],
        };
        let select = select_of(&query, "db", Some("rp")).unwrap();
        assert_eq!(
            influxql::ast::Statement::Select(Box::new(select)).to_string(),
            "SELECT value FROM db.rp.up WHERE time >= 1000000 AND time <= 2000000 AND job::tag != 'a' AND host::tag !~ /^(?:b.*)$/ GROUP BY *"
        );
        let unknown = Query {
            matchers: vec![matcher(9, "a", "b")],
            ..Query::default()
        };
        assert!(matches!(
            select_of(&unknown, "db", None),
            Err(PrometheusError::Matcher(9))
        ));
    }
}
