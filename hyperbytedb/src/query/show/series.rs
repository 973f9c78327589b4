//! SHOW MEASUREMENTS, SHOW SERIES, SHOW FIELD KEYS.

use std::collections::{BTreeMap, BTreeSet};

use influxql::TimeRange;
use influxql::ast::{Show as ShowStatement, ShowMeasurements};

use super::predicate::Predicate;
use super::{Names, Show, chunk, measurements_of, page, strings};
use crate::query::catalog::Tags;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::plan::types::column_type;
use crate::query::scan::{FieldRef, Output, Scan, TableName, TimeBounds};

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
        let predicate = Predicate::new(condition.as_ref())?;
        let wanted = Names::of(statement.source.iter())?;
        let mut names = self
            .catalog
            .measurements(&database, statement.retention_policy.as_deref());
        names.retain(|name| {
            wanted.contains(name)
                && (predicate.is_always_true() || self.passes(&database, name, &predicate))
        });
        let names = page(names, statement.limit, statement.offset);
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let column = strings(names.iter().map(String::as_str));
        Ok(vec![chunk("measurements", &["name"], vec![column])])
    }

    fn passes(&self, database: &str, name: &str, predicate: &Predicate) -> bool {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        self.catalog.series(database, None, name, &mut |tags| {
            for (key, value) in tags {
                values.entry(key.clone()).or_default().insert(value.clone());
            }
            true
        });
        predicate.passes_measurement(name, &values)
    }

    pub(super) fn has_series(&self, database: &str, name: &str, predicate: &Predicate) -> bool {
        let mut found = false;
        self.catalog.series(database, None, name, &mut |tags| {
            found = predicate.passes(name, tags);
            !found
        });
        found
    }

    pub(super) fn series(&self, statement: &ShowStatement) -> Result<Vec<SeriesChunk>, QueryError> {
        let (database, policy) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let (condition, range) = self.split(statement.condition.as_ref())?;
        let predicate = Predicate::new(condition.as_ref())?;
        let most = match statement.limit {
            0 => usize::MAX,
            limit => usize::try_from(limit.saturating_add(statement.offset)).unwrap_or(usize::MAX),
        };
        let mut keys: Vec<String> = Vec::new();
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) || keys.len() >= most {
                continue;
            }
            self.context.check()?;
            let present = self.present(&database, &policy, &name, range)?;
            self.catalog.series(&database, None, &name, &mut |tags| {
                let alive = present
                    .as_ref()
                    .is_none_or(|present| present.contains(tags));
                if alive && predicate.passes(&name, tags) {
                    keys.push(series_key(&name, tags));
                }
                keys.len() < most
            });
        }
        let keys = page(keys, statement.limit, statement.offset);
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let column = strings(keys.iter().map(String::as_str));
        Ok(vec![chunk("", &["key"], vec![column])])
    }

    /// With a range of time: the series of a measurement that have a point in it.
    fn present(
        &self,
        database: &str,
        policy: &str,
        measurement: &str,
        range: TimeRange,
    ) -> Result<Option<BTreeSet<Tags>>, QueryError> {
        if !range.has_min && !range.has_max {
            return Ok(None);
        }
        let table = TableName {
            database: database.to_owned(),
            policy: policy.to_owned(),
            measurement: measurement.to_owned(),
        };
        let mut present = BTreeSet::new();
        let Some(info) = self.catalog.table(&table) else {
            return Ok(Some(present));
        };
        let keys = info.tag_keys.clone();
        let scan = Scan {
            table,
            time: TimeBounds {
                min: range.min,
                max: range.max,
            },
            filter: None,
            dimensions: keys.clone(),
            descending: false,
            output: Output::Rows {
                fields: info
                    .fields
                    .into_iter()
                    .map(|(name, field_type)| FieldRef { name, field_type })
                    .collect(),
                tags: Vec::new(),
                limit: Some(1),
            },
        };
        let engine = crate::query::source::Engine {
            reader: self.reader,
            context: self.context,
            budget: crate::query::budget::Budget::new(self.context),
        };
        for block in crate::query::source::scanned(&scan, &engine)? {
            let block = block?;
            let tags = keys.iter().cloned().zip(block.key.values.iter().cloned());
            present.insert(tags.filter(|(_, value)| !value.is_empty()).collect());
        }
        Ok(Some(present))
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
            let fields = self.fields(&database, &policy, &name);
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

    pub(super) fn fields(
        &self,
        database: &str,
        policy: &str,
        measurement: &str,
    ) -> Vec<(String, crate::query::scan::FieldType)> {
        let table = TableName {
            database: database.to_owned(),
            policy: policy.to_owned(),
            measurement: measurement.to_owned(),
        };
        self.catalog
            .table(&table)
            .map(|info| info.fields)
            .unwrap_or_default()
    }
}

/// A series as line protocol writes it.
pub(super) fn series_key(measurement: &str, tags: &Tags) -> String {
    points::TagSet(tags.clone()).series_key(measurement)
}
