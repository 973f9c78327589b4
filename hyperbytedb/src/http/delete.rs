//! `POST /api/v2/delete`: points of a bucket within a time, of series with certain tags.

use chrono::DateTime;
use hyper::{Response, StatusCode};
use influxql::ast::{
    BinaryOp, DeleteSeries, Expr, Measurement, MeasurementName, Source, Statement,
};
use influxql::deeper;
use influxql::parse_query;
use serde::Deserialize;
use storage::Engine;

use super::Answer;
use super::body::AnswerBody;
use super::error::HttpError;
use super::request::{Parameters, Received};
use super::target::Target;
use crate::auth::{Identity, may_write};
use crate::query::error::QueryError;
use crate::query::service::QueryService;

/// What a predicate of InfluxDB 2.x calls the measurement.
const MEASUREMENT: &str = "_measurement";
/// Any measurement.
const ANY: &str = "^";

/// The body of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct What {
    /// RFC 3339, the first instant.
    start: String,
    /// RFC 3339, the first instant that stays.
    stop: String,
    /// `tag="value" AND …`; empty: everything.
    predicate: String,
}

/// Deletes. A bucket with a policy is that policy, one without all of them, as `DELETE`
/// has it.
///
/// # Errors
/// In the order and words of InfluxDB 1.12: bucket, body, times, predicate.
pub async fn handle(
    service: &QueryService,
    request: &mut Received,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let target = check(&request.parameters, &request.identity, engine)?;
    let body = request.body();
    let what: What = serde_json::from_slice(&body)
        .map_err(|error| HttpError::Delete(format!("cannot parse request body: {error}")))?;
    let delete = statement_of(&what, target.policy.as_deref())?;
    let database = target.database.clone();
    let deleted = service
        .blocking(move |service| service.delete(&delete, database))
        .await;
    deleted.map_err(|error| match error {
        QueryError::Invalid(_) => HttpError::Delete(format!(
            "database: {:?}, retention policy: {:?}, start: {:?}, stop: {:?}, predicate: {:?}, error: {error}",
            target.database,
            target.policy.as_deref().unwrap_or_default(),
            what.start,
            what.stop,
            what.predicate,
        )),
        other => HttpError::Query(other),
    })?;
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = StatusCode::OK;
    Ok(answer)
}

/// Where a request deletes.
///
/// # Errors
/// For everything that can be said of it before its body is there.
pub fn check(
    parameters: &Parameters,
    identity: &Identity,
    engine: &Engine,
) -> Result<Target, HttpError> {
    let target = Target::of_bucket(parameters).map_err(|error| match error {
        HttpError::Bucket(text) => HttpError::DeleteTarget(format!("bucket: {text}")),
        other => other,
    })?;
    check_target(&target, engine)?;
    may_write(identity, &target.database)?;
    Ok(target)
}

fn check_target(target: &Target, engine: &Engine) -> Result<(), HttpError> {
    let name = &target.database;
    engine.with_schema(|schema| {
        let database = schema
            .database(name)
            .map_err(|_| HttpError::DeleteTarget(format!("database not found: {name:?}")))?;
        let policy = target.policy.as_deref().unwrap_or(&database.default_policy);
        if database.policies.iter().any(|found| found.name == policy) {
            return Ok(());
        }
        Err(HttpError::DeleteTarget(format!(
            "retention policy not found in {name:?}: {:?}",
            target.policy.as_deref().unwrap_or_default()
        )))
    })
}

fn statement_of(what: &What, policy: Option<&str>) -> Result<DeleteSeries, HttpError> {
    let mut conditions = vec![
        time(BinaryOp::GtEq, instant("start", &what.start)?),
        time(BinaryOp::Lt, instant("stop", &what.stop)?),
    ];
    let mut measurement = None;
    if !what.predicate.is_empty() {
        let unreadable = |error: &dyn std::fmt::Display| {
            HttpError::Delete(format!(
                "cannot parse predicate {:?}: {error}",
                what.predicate
            ))
        };
        // As a whole request, so that nothing after the predicate is overlooked.
        let parsed = parse_query(&format!("DELETE WHERE {}", what.predicate))
            .map_err(|error| unreadable(&error))?;
        let [Statement::Delete(delete)] = parsed.statements.as_slice() else {
            return Err(unreadable(&"it is more than a condition"));
        };
        let condition = delete.condition.clone();
        let condition = condition.ok_or_else(|| unreadable(&"it is no condition"))?;
        conjunction(condition, what, &mut measurement, &mut conditions)?;
    }
    let name = match measurement {
        Some(name) => MeasurementName::Name(name),
        None => MeasurementName::Regex(ANY.to_string()),
    };
    Ok(DeleteSeries {
        sources: vec![Source::Measurement(Measurement {
            database: None,
            retention_policy: policy.map(str::to_string),
            name,
        })],
        condition: conditions.into_iter().reduce(|lhs, rhs| Expr::Binary {
            op: BinaryOp::And,
            lhs: Box::new(lhs),
            rhs: Box::new(rhs),
        }),
    })
}

/// Takes a predicate apart: equalities and `AND` are all that InfluxDB allows.
fn conjunction(
    mut part: Expr,
    what: &What,
    measurement: &mut Option<String>,
    conditions: &mut Vec<Expr>,
) -> Result<(), HttpError> {
    match &mut part {
        Expr::Paren(inner) => deeper(|| conjunction(inner.take(), what, measurement, conditions)),
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } => {
            deeper(|| conjunction(lhs.take(), what, measurement, conditions))?;
            deeper(|| conjunction(rhs.take(), what, measurement, conditions))
        }
        Expr::Binary {
            op: BinaryOp::Eq,
            lhs,
            rhs,
        } => {
            // Predicates of 2.x have values in double quotes, which are names elsewhere.
            if let Expr::VarRef { name, cast: None } = &mut **rhs {
                **rhs = Expr::String(std::mem::take(name));
            }
            match (lhs.as_ref(), rhs.as_ref()) {
                (Expr::VarRef { name, .. }, Expr::String(value)) if name == MEASUREMENT => {
                    if measurement.as_ref().is_some_and(|other| other != value) {
                        return Err(HttpError::Delete(
                            "a predicate can name one measurement only".to_string(),
                        ));
                    }
                    *measurement = Some(value.clone());
                }
                _ => conditions.push(part),
            }
            Ok(())
        }
        Expr::Binary {
            op: BinaryOp::Or | BinaryOp::NotEq | BinaryOp::EqRegex | BinaryOp::NotEqRegex,
            ..
        } => Err(HttpError::Delete(format!(
            "predicate only supports equality operators and conjunctions. start: {:?}, stop: {:?}, predicate: {:?}",
            what.start, what.stop, what.predicate
        ))),
        other => {
            conditions.push(other.take());
            Ok(())
        }
    }
}

fn instant(field: &str, text: &str) -> Result<i64, HttpError> {
    if text.is_empty() {
        return Err(HttpError::Delete(format!(
            "{field} field in RFC3339Nano format required"
        )));
    }
    let invalid = |error: &dyn std::fmt::Display| {
        HttpError::Delete(format!(
            "invalid format for {field} field {text:?}, please use RFC3339Nano: {error}"
        ))
    };
    let time = DateTime::parse_from_rfc3339(text).map_err(|error| invalid(&error))?;
    // Clients ask for everything by the years 1 and 9999, which nanoseconds do not reach.
    Ok(time
        .timestamp_nanos_opt()
        .unwrap_or(if time.timestamp() < 0 {
            i64::MIN
        } else {
            i64::MAX
        })
        .clamp(influxql::TIME_MIN, influxql::TIME_MAX))
}

fn time(op: BinaryOp, nanoseconds: i64) -> Expr {
    Expr::Binary {
        op,
        lhs: Box::new(Expr::VarRef {
            name: "time".to_string(),
            cast: None,
        }),
        rhs: Box::new(Expr::Integer(nanoseconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(predicate: &str) -> Result<String, String> {
        let what = What {
            start: "1970-01-01T00:00:00Z".to_string(),
            stop: "1970-01-01T00:00:01.5Z".to_string(),
            predicate: predicate.to_string(),
        };
        match statement_of(&what, None) {
            Ok(delete) => Ok(Statement::Delete(delete).to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_predicate_becomes_a_statement() {
        assert_eq!(
            deleted("_measurement=\"m\" AND (host='a' AND \"site\"=\"b c\")").unwrap(),
            "DELETE FROM m WHERE time >= 0 AND time < 1500000000 AND host = 'a' AND site = 'b c'"
        );
        assert_eq!(
            deleted("").unwrap(),
            "DELETE FROM /^/ WHERE time >= 0 AND time < 1500000000"
        );
    }

    #[test]
    fn what_could_delete_more_than_was_meant_is_refused() {
        for predicate in [
            "host='a' OR host='b'",
            "host!='a'",
            "host=~/a/",
            "host='a') OR (host='b'",
            "host='a'; DROP DATABASE x",
            "host='a' nonsense",
            "_measurement='a' AND _measurement='b'",
            "host=",
        ] {
            assert!(deleted(predicate).is_err(), "{predicate}");
        }
    }

    #[test]
    fn times_beyond_all_points_mean_all_points() {
        assert_eq!(
            instant("start", "0001-01-01T00:00:00Z").unwrap(),
            influxql::TIME_MIN
        );
        assert_eq!(
            instant("stop", "9999-12-31T23:59:59Z").unwrap(),
            influxql::TIME_MAX
        );
        assert!(instant("stop", "").is_err());
        assert!(instant("stop", "yesterday").is_err());
    }
}
