//! SHOW MEASUREMENTS, SHOW SERIES, SHOW FIELD KEYS.

use std::collections::BTreeSet;

use influxql::ast::{Show as ShowStatement, ShowMeasurements};

use super::predicate::Predicate;
use super::{Names, Show, bounds, chunk, measurements_of, most, page, strings};
use crate::query::catalog::Selection;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::plan::types::column_type;
use crate::query::scan::TableName;

impl Show<'_> {
    pub(super) fn measurements(
        &self,
        statement: &ShowMeasurements,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        if statement.wildcard_database && !statement.wildcard_policy {
            let policy = if statement.retention_policy.is_some() {
                ".rp"
            } else {
                ""
            };
            return Err(QueryError::Invalid(format!(
                "query 'SHOW MEASUREMENTS ON *{policy}' not supported. use 'ON *.*' or specify a database"
            )));
        }
        let database = self.database(statement.database.as_deref())?;
        let condition = self.timeless(statement.condition.as_ref(), "SHOW MEASUREMENTS")?;
        let predicate = Predicate::of_measurements(condition.as_ref())?;
        let wanted = Names::of(statement.source.iter())?;
        let mut names = Vec::new();
        for name in self
            .catalog
            .measurements(&database, statement.retention_policy.as_deref())
        {
            if wanted.contains(&name)
                && (predicate.is_always_true()
                    || predicate.passes_measurement(self, &database, &name)?)
            {
                names.push(name);
            }
        }
        let names = page(names, statement.limit, statement.offset);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let column = strings(names.iter().map(String::as_str));
        Ok(vec![chunk("measurements", &["name"], vec![column])])
    }

    pub(super) fn has_series(
        &self,
        database: &str,
        name: &str,
        predicate: &Predicate,
    ) -> Result<bool, QueryError> {
        let mut found = false;
        let filter = predicate.of(name);
        let selection = Selection::of(&filter);
        self.catalog
            .series(database, name, selection, 1, &mut |_| {
                found = true;
                false
            })?;
        Ok(found)
    }

    pub(super) fn series(&self, statement: &ShowStatement) -> Result<Vec<SeriesChunk>, QueryError> {
        let (database, policy) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let (condition, range) = self.split(statement.condition.as_ref())?;
        let predicate = Predicate::new(condition.as_ref())?;
        let most = most(statement.limit, statement.offset);
        let time = bounds(range);
        let mut keys: Vec<String> = Vec::new();
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) || keys.len() >= most {
                continue;
            }
            self.context.check()?;
            let fields = self.field_names(&database, &name);
            let filter = predicate.of_listed(&name, &|key| fields.contains(key));
            let selection = Selection {
                filter: &filter,
                time,
                policy: time.map(|_| policy.as_str()),
            };
            let left = most - keys.len();
            self.catalog
                .series(&database, &name, selection, left, &mut |tags| {
                    keys.push(points::series_key(&name, tags));
                    true
                })?;
        }
        let keys = page(keys, statement.limit, statement.offset);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let column = strings(keys.iter().map(String::as_str));
        Ok(vec![chunk("", &["key"], vec![column])])
    }

    pub(super) fn field_keys(
        &self,
        statement: &ShowStatement,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let (database, policy) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let mut out = Vec::new();
        for name in self.catalog.measurements(&database, Some(&policy)) {
            if !wanted.contains(&name) {
                continue;
            }
            let table = table_name(&database, &policy, &name);
            let fields = self.catalog.field_types(&table);
            let fields = page(fields, statement.limit, statement.offset);
            if fields.is_empty() {
                continue;
            }
            let types = fields.iter().map(|(_, field_type)| {
                crate::query::expression::type_name(Some(column_type(*field_type)))
            });
            let columns = vec![
                strings(fields.iter().map(|(name, _)| name.as_str())),
                strings(types),
            ];
            out.push(chunk(&name, &["fieldKey", "fieldType"], columns));
        }
        Ok(out)
    }

    /// The fields of a measurement in all policies.
    pub(super) fn field_names(&self, database: &str, measurement: &str) -> BTreeSet<String> {
        let policies = self.catalog.policies(database).unwrap_or_default();
        let fields = policies
            .iter()
            .flat_map(|policy| self.fields(database, &policy.name, measurement));
        fields.map(|(name, _)| name).collect()
    }

    pub(super) fn fields(
        &self,
        database: &str,
        policy: &str,
        measurement: &str,
    ) -> Vec<(String, crate::query::scan::FieldType)> {
        self.catalog
            .table(&table_name(database, policy, measurement))
            .map(|info| info.fields)
            .unwrap_or_default()
    }
}

fn table_name(database: &str, policy: &str, measurement: &str) -> TableName {
    TableName {
        database: database.to_owned(),
        policy: policy.to_owned(),
        measurement: measurement.to_owned(),
    }
}
