//! SHOW … CARDINALITY. All counts are exact, also where an estimate would do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use influxql::ast::{Expr, ShowCardinality, ShowTagValuesCardinality};

use super::predicate::{Predicate, tag};
use super::tags::Keys;
use super::{Names, Show, chunk, measurements_of};
use crate::query::catalog::Tags;
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::output::{SeriesChunk, SeriesKey};
use crate::query::value::Value;

fn count(value: usize) -> Column {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Column::repeated(&Value::Integer(value), 1)
}

/// Whether a statement asks for no more than the number of everything.
fn is_estimate(statement: &ShowCardinality) -> bool {
    !statement.exact
        && statement.sources.is_empty()
        && statement.condition.is_none()
        && statement.dimensions.is_empty()
        && statement.limit == 0
        && statement.offset == 0
}

/// Sorted keys of `GROUP BY`.
fn dimensions(statement: &ShowCardinality) -> Vec<String> {
    let mut keys: Vec<String> = statement
        .dimensions
        .iter()
        .filter_map(|dimension| match dimension {
            Expr::VarRef { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// What is counted of a series: a set of things, or the series itself.
type Things<'t> = dyn Fn(&Tags) -> Vec<String> + 't;

impl Show<'_> {
    /// Counts different things for each measurement and group.
    fn count_each(
        &self,
        statement: &ShowCardinality,
        condition: Option<&Expr>,
        things: &Things<'_>,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let (database, _) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let predicate = Predicate::new(condition)?;
        let keys = dimensions(statement);
        let mut out = Vec::new();
        // A count is one row, so that any offset leaves nothing.
        if statement.offset > 0 {
            return Ok(out);
        }
        for name in self.catalog.measurements(&database, None) {
            if !wanted.contains(&name) {
                continue;
            }
            self.context.check()?;
            let mut groups: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
            self.catalog.series(&database, None, &name, &mut |tags| {
                if predicate.passes(&name, tags) {
                    let group = keys.iter().map(|key| tag(tags, key).to_owned()).collect();
                    groups.entry(group).or_default().extend(things(tags));
                }
                true
            });
            for (group, found) in groups.into_iter().filter(|(_, found)| !found.is_empty()) {
                let mut one = chunk(&name, &["count"], vec![count(found.len())]);
                one.key = Arc::new(SeriesKey {
                    name: name.clone(),
                    tags: keys.iter().cloned().zip(group).collect(),
                });
                out.push(one);
            }
        }
        Ok(out)
    }

    pub(super) fn series_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        if is_estimate(statement) {
            let database = self.database(statement.database.as_deref())?;
            let mut total = 0;
            for name in self.catalog.measurements(&database, None) {
                self.catalog.series(&database, None, &name, &mut |_| {
                    total += 1;
                    true
                });
            }
            return Ok(vec![chunk(
                "",
                &["cardinality estimation"],
                vec![count(total)],
            )]);
        }
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW SERIES EXACT CARDINALITY",
        )?;
        self.count_each(statement, condition.as_ref(), &|tags| {
            vec![super::series::series_key("", tags)]
        })
    }

    pub(super) fn measurement_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        if is_estimate(statement) {
            let database = self.database(statement.database.as_deref())?;
            let names = self.catalog.measurements(&database, None);
            return Ok(vec![chunk(
                "",
                &["cardinality estimation"],
                vec![count(names.len())],
            )]);
        }
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW MEASUREMENT EXACT CARDINALITY",
        )?;
        let (database, _) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let predicate = Predicate::new(condition.as_ref())?;
        let mut names = self.catalog.measurements(&database, None);
        names.retain(|name| wanted.contains(name) && self.has_series(&database, name, &predicate));
        if names.is_empty() || statement.offset > 0 {
            return Ok(Vec::new());
        }
        Ok(vec![chunk("", &["count"], vec![count(names.len())])])
    }

    pub(super) fn tag_key_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let condition = self.timeless(
            statement.condition.as_ref(),
            "SHOW TAG KEY EXACT CARDINALITY",
        )?;
        self.count_each(statement, condition.as_ref(), &|tags| {
            tags.iter().map(|(key, _)| key.clone()).collect()
        })
    }

    pub(super) fn tag_values_cardinality(
        &self,
        statement: &ShowTagValuesCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        let keys = Keys::new(Some(&statement.key))?;
        let (condition, _) = self.split(statement.show.condition.as_ref())?;
        self.count_each(&statement.show, condition.as_ref(), &|tags| {
            tags.iter()
                .filter(|(key, _)| keys.contains(key))
                .map(|(_, value)| value.clone())
                .collect()
        })
    }

    pub(super) fn field_key_cardinality(
        &self,
        statement: &ShowCardinality,
    ) -> Result<Vec<SeriesChunk>, QueryError> {
        self.timeless(statement.condition.as_ref(), "SHOW FIELD KEY CARDINALITY")?;
        let (database, policy) = self.policy(statement.database.as_deref(), &statement.sources)?;
        let wanted = Names::of(measurements_of(&statement.sources))?;
        let mut out = Vec::new();
        if statement.offset > 0 {
            return Ok(out);
        }
        for name in self.catalog.measurements(&database, Some(&policy)) {
            let fields = self.fields(&database, &policy, &name);
            if wanted.contains(&name) && !fields.is_empty() {
                out.push(chunk(&name, &["count"], vec![count(fields.len())]));
            }
        }
        Ok(out)
    }
}
