//! Which names databases and policies may have, and how statements get complete ones.

use influxql::ast::{Measurement, MeasurementName, SelectStatement, Source};
use storage::Schema;

use crate::query::error::QueryError;

/// InfluxDB's rule for names of databases and retention policies.
///
/// # Errors
/// `invalid name`.
pub fn check_name(name: &str) -> Result<(), QueryError> {
    let forbidden = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if name.is_empty() || name == "." || name == ".." || name.contains(forbidden) {
        return Err(QueryError::Invalid("invalid name".to_string()));
    }
    Ok(())
}

/// Puts database and policy into every measurement that a `SELECT` names, as InfluxDB
/// does before it shows, stores or executes one.
///
/// # Errors
/// When no database is given, it does not exist, or it has no default policy.
pub fn complete_names(
    select: &mut SelectStatement,
    database: &str,
    policy: Option<&str>,
    schema: &Schema,
) -> Result<(), QueryError> {
    let mut error = None;
    each_measurement(select, &mut |measurement| {
        if error.is_none() {
            error = complete(measurement, database, policy, schema).err();
        }
    });
    error.map_or(Ok(()), Err)
}

/// Checks that all policies that a completed `SELECT` names exist.
///
/// # Errors
/// For the first that does not.
pub fn check_policies(select: &mut SelectStatement, schema: &Schema) -> Result<(), QueryError> {
    let mut error = None;
    each_measurement(select, &mut |measurement| {
        let database = measurement.database.as_deref().unwrap_or_default();
        let policy = measurement.retention_policy.as_deref().unwrap_or_default();
        let found = schema.database(database).map(|d| d.policy(Some(policy)));
        if error.is_none() {
            error = match found {
                Err(missing) => Some(missing.into()),
                Ok(Err(_)) => Some(QueryError::Invalid(format!(
                    "retention policy not found: {database}.{policy}"
                ))),
                Ok(Ok(_)) => None,
            };
        }
    });
    error.map_or(Ok(()), Err)
}

/// The target first, then the sources, those of subqueries too.
fn each_measurement(select: &mut SelectStatement, visit: &mut dyn FnMut(&mut Measurement)) {
    if let Some(target) = &mut select.target {
        visit(target);
    }
    for source in &mut select.sources {
        match source {
            Source::Measurement(measurement) => visit(measurement),
            Source::Subquery(inner) => each_measurement(inner, visit),
        }
    }
}

fn complete(
    measurement: &mut Measurement,
    database: &str,
    policy: Option<&str>,
    schema: &Schema,
) -> Result<(), QueryError> {
    if measurement.name == MeasurementName::Name(String::new()) {
        return Err(QueryError::Invalid("invalid measurement".to_string()));
    }
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let database = given(&measurement.database).unwrap_or_else(|| database.to_string());
    if database.is_empty() {
        return Err(QueryError::DatabaseRequired);
    }
    let record = schema.database(&database)?;
    if given(&measurement.retention_policy).is_none() {
        let policy = policy.filter(|policy| !policy.is_empty());
        let policy = policy.unwrap_or(&record.default_policy);
        if policy.is_empty() {
            return Err(QueryError::Invalid(format!(
                "default retention policy not set for: {database}"
            )));
        }
        measurement.retention_policy = Some(policy.to_string());
    }
    measurement.database = Some(database);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_be_paths_are_refused() {
        for good in ["db", "a b", "ä", "...", "a.b"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
