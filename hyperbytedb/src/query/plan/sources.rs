//! From the names after `FROM` to tables.

use influxql::ast::{Measurement, MeasurementName, Source as AstSource};

use super::{Planner, Source, Table};
use crate::query::catalog::{Catalog, TableInfo};
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;
use crate::query::scan::TableName;
use crate::query::shard::WEEK_NS;

impl Planner<'_> {
    pub(super) fn sources(&self, sources: &[AstSource]) -> Result<Vec<Source>, QueryError> {
        let mut out = Vec::new();
        for source in sources {
            match source {
                AstSource::Subquery(inner) => {
                    out.push(Source::Subquery(Box::new(self.select(inner, false)?)));
                }
                AstSource::Measurement(measurement) => {
                    for name in tables(measurement, self.catalog, self.context)? {
                        if let Some(table) = self.table(name) {
                            out.push(Source::Table(table));
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    /// `None` when there is no such measurement.
    fn table(&self, name: TableName) -> Option<Table> {
        let info = self.catalog.table(&name)?;
        let fields = self.catalog.fields_in(&name, self.time);
        let policies = self.catalog.policies(&name.database).unwrap_or_default();
        let policy = policies.iter().find(|policy| policy.name == name.policy);
        Some(Table {
            shard_duration_ns: policy.map_or(WEEK_NS, |policy| policy.shard_duration_ns),
            name,
            info: TableInfo {
                fields,
                tag_keys: info.tag_keys,
            },
        })
    }
}

/// Database and retention policy of a measurement.
///
/// # Errors
/// [`QueryError::DatabaseRequired`], [`QueryError::DatabaseNotFound`],
/// [`QueryError::PolicyNotFound`].
pub fn place(
    measurement: &Measurement,
    catalog: &dyn Catalog,
    context: &QueryContext,
) -> Result<(String, String), QueryError> {
    let non_empty = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let database = non_empty(&measurement.database).unwrap_or_else(|| context.database.clone());
    if database.is_empty() {
        return Err(QueryError::DatabaseRequired);
    }
    let policies = catalog
        .policies(&database)
        .ok_or_else(|| QueryError::DatabaseNotFound(database.clone()))?;
    let wanted = non_empty(&measurement.retention_policy).or_else(|| non_empty(&context.policy));
    let policy = match wanted {
        Some(name) if policies.iter().any(|policy| policy.name == name) => name,
        Some(name) => return Err(QueryError::PolicyNotFound(name)),
        None => policies
            .iter()
            .find(|policy| policy.default)
            .map(|policy| policy.name.clone())
            .ok_or_else(|| {
                QueryError::Invalid(format!("default retention policy not set for: {database}"))
            })?,
    };
    Ok((database, policy))
}

/// The tables a measurement stands for, several if it is a pattern.
fn tables(
    measurement: &Measurement,
    catalog: &dyn Catalog,
    context: &QueryContext,
) -> Result<Vec<TableName>, QueryError> {
    let (database, policy) = place(measurement, catalog, context)?;
    let names = match &measurement.name {
        MeasurementName::Name(name) => vec![name.clone()],
        MeasurementName::Regex(pattern) => {
            let pattern = compile_regex(pattern)?;
            let mut names = catalog.measurements(&database, Some(&policy));
            names.retain(|name| pattern.is_match(name));
            names
        }
        MeasurementName::BackReference => {
            return Err(QueryError::Invalid(
                "error parsing query: :MEASUREMENT is only allowed in INTO".to_owned(),
            ));
        }
    };
    Ok(names
        .into_iter()
        .map(|measurement| TableName {
            database: database.clone(),
            policy: policy.clone(),
            measurement,
        })
        .collect())
}
