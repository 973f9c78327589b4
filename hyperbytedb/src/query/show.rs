//! `SHOW …` statements that the schema answers.

mod cardinality;
mod predicate;
mod series;
mod tags;

use std::sync::Arc;

use influxql::ast::{Expr, Measurement, MeasurementName, Source, Statement};
use influxql::{TimeRange, split_condition};

use super::catalog::Catalog;
use super::clickhouse::series::SERIES_FOUND;
use super::column::{Column, ColumnBuilder};
use super::context::QueryContext;
use super::error::QueryError;
use super::expression::compile_regex;
use super::output::{SeriesChunk, SeriesKey};
use super::plan::sources::place;
use super::scan::TimeBounds;
use super::value::Value;

/// What a `SHOW` works with.
pub(super) struct Show<'a> {
    pub catalog: &'a dyn Catalog,
    pub context: &'a QueryContext,
}

/// Answers a `SHOW` of databases, policies, measurements, tags, fields, series and
/// their cardinalities; `None` for every other statement.
///
/// # Errors
/// [`QueryError`] in InfluxDB's words.
pub fn execute(
    statement: &Statement,
    catalog: &dyn Catalog,
    context: &QueryContext,
) -> Result<Option<Vec<SeriesChunk>>, QueryError> {
    let show = Show { catalog, context };
    let series = catalog.series_in_all();
    context.work.check(series / SERIES_FOUND)?;
    Ok(Some(match statement {
        Statement::ShowDatabases => show.databases(),
        Statement::ShowRetentionPolicies { database } => show.policies(database.as_deref())?,
        Statement::ShowMeasurements(statement) => show.measurements(statement)?,
        Statement::ShowSeries(statement) => show.series(statement)?,
        Statement::ShowFieldKeys(statement) => show.field_keys(statement)?,
        Statement::ShowTagKeys(statement) => show.tag_keys(statement)?,
        Statement::ShowTagValues(statement) => show.tag_values(statement)?,
        Statement::ShowSeriesCardinality(statement) => show.series_cardinality(statement)?,
        Statement::ShowMeasurementCardinality(statement) => {
            show.measurement_cardinality(statement)?
        }
        Statement::ShowTagKeyCardinality(statement) => show.tag_key_cardinality(statement)?,
        Statement::ShowFieldKeyCardinality(statement) => show.field_key_cardinality(statement)?,
        Statement::ShowTagValuesCardinality(statement) => show.tag_values_cardinality(statement)?,
        _ => return Ok(None),
    }))
}

/// The rows of a result without times.
pub(super) fn chunk(name: &str, columns: &[&str], values: Vec<Column>) -> SeriesChunk {
    SeriesChunk {
        key: Arc::new(SeriesKey {
            name: name.to_owned(),
            tags: Vec::new(),
        }),
        columns: Arc::new(columns.iter().map(|name| (*name).to_owned()).collect()),
        times: None,
        values,
    }
}

pub(super) fn strings<'s>(texts: impl IntoIterator<Item = &'s str>) -> Column {
    Column::String(arrow::array::StringArray::from_iter_values(texts))
}

/// Some of a list; a limit of 0 is none.
fn page<T>(mut items: Vec<T>, limit: u64, offset: u64) -> Vec<T> {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    items.drain(..offset.min(items.len()));
    if limit > 0 {
        items.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    items
}

/// How many items a page needs: those before it, too.
fn most(limit: u64, offset: u64) -> usize {
    match limit {
        0 => usize::MAX,
        limit => usize::try_from(limit.saturating_add(offset)).unwrap_or(usize::MAX),
    }
}

/// The range of time of a condition; `None` when it says nothing of time.
fn bounds(range: TimeRange) -> Option<TimeBounds> {
    (range.has_min || range.has_max).then_some(TimeBounds {
        min: range.min,
        max: range.max,
    })
}

/// A measurement by name or pattern, of every measurement if none is given.
pub(super) enum Names {
    All,
    Some(Vec<Name>),
}

pub(super) enum Name {
    Is(String),
    Matches(regex::Regex),
}

impl Names {
    fn of<'s>(measurements: impl Iterator<Item = &'s Measurement>) -> Result<Names, QueryError> {
        let mut names = Vec::new();
        for measurement in measurements {
            names.push(match &measurement.name {
                MeasurementName::Name(name) => Name::Is(name.clone()),
                MeasurementName::Regex(pattern) => Name::Matches(compile_regex(pattern)?),
                MeasurementName::BackReference => Name::Is(String::new()),
            });
        }
        Ok(if names.is_empty() {
            Names::All
        } else {
            Names::Some(names)
        })
    }

    fn contains(&self, name: &str) -> bool {
        match self {
            Names::All => true,
            Names::Some(names) => names.iter().any(|one| match one {
                Name::Is(text) => text == name,
                Name::Matches(pattern) => pattern.is_match(name),
            }),
        }
    }
}

fn measurements_of(sources: &[Source]) -> impl Iterator<Item = &Measurement> {
    sources.iter().filter_map(|source| match source {
        Source::Measurement(measurement) => Some(measurement),
        Source::Subquery(_) => None,
    })
}

impl Show<'_> {
    /// The database of `ON`, or that of the request.
    fn database(&self, on: Option<&str>) -> Result<String, QueryError> {
        let name = on.filter(|name| !name.is_empty());
        let name = name.unwrap_or(&self.context.database);
        if name.is_empty() {
            return Err(QueryError::DatabaseRequired);
        }
        Ok(name.to_owned())
    }

    fn existing_database(&self, on: Option<&str>) -> Result<String, QueryError> {
        let name = self.database(on)?;
        match self.catalog.policies(&name) {
            Some(_) => Ok(name),
            None => Err(QueryError::DatabaseNotFound(name)),
        }
    }

    /// Database and policy of what a statement names first, or the default ones.
    fn policy(&self, on: Option<&str>, sources: &[Source]) -> Result<(String, String), QueryError> {
        let mut measurement = measurements_of(sources).next().cloned().unwrap_or_default();
        if measurement.database.is_none() {
            measurement.database = Some(self.database(on)?);
        }
        place(&measurement, self.catalog, self.context)
    }

    fn split(&self, condition: Option<&Expr>) -> Result<(Option<Expr>, TimeRange), QueryError> {
        split_condition(condition, self.context.now_ns, None)
            .map_err(|error| QueryError::Invalid(error.to_string()))
    }

    /// The condition of a statement that takes none on time.
    fn timeless(
        &self,
        condition: Option<&Expr>,
        statement: &str,
    ) -> Result<Option<Expr>, QueryError> {
        if condition.is_some_and(|condition| condition.any(Expr::is_time)) {
            return Err(QueryError::Invalid(format!(
                "{statement} doesn't support time in WHERE clause"
            )));
        }
        Ok(self.split(condition)?.0)
    }

    fn databases(&self) -> Vec<SeriesChunk> {
        let mut names = self.catalog.databases();
        names.retain(|name| self.context.identity.sees(name));
        // Without any there is the heading alone.
        let columns = match names.is_empty() {
            true => Vec::new(),
            false => vec![strings(names.iter().map(String::as_str))],
        };
        vec![chunk("databases", &["name"], columns)]
    }

    fn policies(&self, on: Option<&str>) -> Result<Vec<SeriesChunk>, QueryError> {
        let database = self.database(on)?;
        let policies = self
            .catalog
            .policies(&database)
            .ok_or(QueryError::DatabaseNotFound(database))?;
        let durations: Vec<String> = policies
            .iter()
            .map(|p| go_duration(p.duration_ns))
            .collect();
        let shards: Vec<String> = policies
            .iter()
            .map(|p| go_duration(p.shard_duration_ns))
            .collect();
        let mut replicas = ColumnBuilder::new(None);
        let mut defaults = ColumnBuilder::new(None);
        for policy in &policies {
            replicas.push(&Value::Integer(policy.replication.cast_signed()));
            defaults.push(&Value::Boolean(policy.default));
        }
        Ok(vec![chunk(
            "",
            &[
                "name",
                "duration",
                "shardGroupDuration",
                "replicaN",
                "default",
            ],
            vec![
                strings(policies.iter().map(|p| p.name.as_str())),
                strings(durations.iter().map(String::as_str)),
                strings(shards.iter().map(String::as_str)),
                replicas.finish(),
                defaults.finish(),
            ],
        )])
    }
}

/// A duration of whole or broken seconds as Go prints it: `168h0m0s`.
fn go_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let total = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    if total < 1_000_000_000 {
        let (value, unit) = match total {
            0..1_000 => (total as f64, "ns"),
            1_000..1_000_000 => (total as f64 / 1e3, "µs"),
            _ => (total as f64 / 1e6, "ms"),
        };
        return format!("{sign}{value}{unit}");
    }
    let seconds = (total % 60_000_000_000) as f64 / 1e9;
    let minutes = total / 60_000_000_000;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn durations_print_as_go_does() {
        assert_eq!(go_duration(0), "0s");
        assert_eq!(go_duration(604_800_000_000_000), "168h0m0s");
        assert_eq!(go_duration(5_400_000_000_000), "1h30m0s");
        assert_eq!(go_duration(90_000_000_000), "1m30s");
        assert_eq!(go_duration(1_500_000_000), "1.5s");
        assert_eq!(go_duration(20_000_000), "20ms");
    }
}
