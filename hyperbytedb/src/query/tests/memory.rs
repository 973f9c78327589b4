//! A small database in memory: what a reader and a catalog must do, in the plainest
//! way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use influxql::ast::DataType;

use crate::query::catalog::{Catalog, PolicyInfo, Selection, TableInfo, Tag, TagValuesWanted};
use crate::query::column::{Column, ColumnBuilder};
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::expression::Expression;
use crate::query::scan::{
    Aggregate, AggregateFunction, Batches, FieldType, Output, Reader, Scan, ScanPlan, TableName,
    TimeBounds, Window,
};
use crate::query::value::Value;

type Tags = Vec<(String, String)>;

/// One point.
#[derive(Debug, Clone)]
pub struct Row {
    pub tags: Tags,
    pub time: i64,
    pub fields: BTreeMap<String, Value>,
}

/// The points of a measurement in a policy.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub types: BTreeMap<String, FieldType>,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
pub struct Database {
    pub policies: Vec<PolicyInfo>,
    /// By policy and measurement.
    pub tables: BTreeMap<(String, String), Table>,
}

#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub databases: BTreeMap<String, Database>,
    /// Rows in a batch.
    pub batch_rows: usize,
}

fn type_of(value: &Value) -> Option<FieldType> {
    Some(match value {
        Value::Float(_) => FieldType::Float,
        Value::Integer(_) => FieldType::Integer,
        Value::Unsigned(_) => FieldType::Unsigned,
        Value::String(_) => FieldType::String,
        Value::Boolean(_) => FieldType::Boolean,
        Value::Texts(_) | Value::Null => return None,
    })
}

fn column_type(field_type: FieldType) -> DataType {
    match field_type {
        FieldType::Float => DataType::Float,
        FieldType::Integer => DataType::Integer,
        FieldType::Unsigned => DataType::Unsigned,
        FieldType::String => DataType::String,
        FieldType::Boolean => DataType::Boolean,
    }
}

impl Memory {
    /// A database with one policy, `autogen`.
    pub fn with_database(name: &str) -> Memory {
        let mut memory = Memory {
            batch_rows: 7,
            ..Memory::default()
        };
        memory.create_database(name);
        memory
    }

    pub fn create_database(&mut self, name: &str) {
        let policy = PolicyInfo {
            name: "autogen".to_owned(),
            duration_ns: 0,
            shard_duration_ns: 7 * 24 * 3_600_000_000_000,
            replication: 1,
            default: true,
        };
        self.databases
            .entry(name.to_owned())
            .or_insert_with(|| Database {
                policies: vec![policy],
                tables: BTreeMap::new(),
            });
    }

    /// Writes a point; fields of another type than the known one are left out.
    pub fn write(
        &mut self,
        database: &str,
        policy: &str,
        measurement: &str,
        tags: &Tags,
        fields: &[(String, Value)],
        time: i64,
    ) {
        let Some(database) = self.databases.get_mut(database) else {
            return;
        };
        let table = database
            .tables
            .entry((policy.to_owned(), measurement.to_owned()))
            .or_default();
        let mut kept = BTreeMap::new();
        for (name, value) in fields {
            let Some(field_type) = type_of(value) else {
                continue;
            };
            if *table.types.entry(name.clone()).or_insert(field_type) == field_type {
                kept.insert(name.clone(), value.clone());
            }
        }
        if kept.is_empty() {
            return;
        }
        let mut sorted = tags.clone();
        sorted.sort();
        let same = |row: &&mut Row| row.time == time && row.tags == sorted;
        match table.rows.iter_mut().find(same) {
            Some(row) => row.fields.extend(kept),
            None => table.rows.push(Row {
                tags: sorted,
                time,
                fields: kept,
            }),
        }
    }

    fn table(&self, name: &TableName) -> Option<&Table> {
        self.databases
            .get(&name.database)?
            .tables
            .get(&(name.policy.clone(), name.measurement.clone()))
    }
}

/// Start of the shard of a time, weeks beginning on Monday.
fn shard(time: i64, duration: i64) -> i64 {
    let year_one = 62_135_596_800_i128 * 1_000_000_000;
    let into = (i128::from(time) + year_one).rem_euclid(i128::from(duration));
    i64::try_from(i128::from(time) - into).unwrap_or(i64::MIN)
}

impl Catalog for Memory {
    fn series_in_all(&self) -> u64 {
        0
    }

    fn databases(&self) -> Vec<String> {
        self.databases.keys().cloned().collect()
    }

    fn policies(&self, database: &str) -> Option<Vec<PolicyInfo>> {
        Some(self.databases.get(database)?.policies.clone())
    }

    fn measurements(&self, database: &str, policy: Option<&str>) -> Vec<String> {
        let Some(database) = self.databases.get(database) else {
            return Vec::new();
        };
        let mut names: Vec<String> = database
            .tables
            .iter()
            .filter(|((own, _), table)| {
                policy.is_none_or(|policy| policy == own) && !table.rows.is_empty()
            })
            .map(|((_, name), _)| name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn table(&self, table: &TableName) -> Option<TableInfo> {
        let data = Memory::table(self, table)?;
        let mut tag_keys: Vec<String> = data
            .rows
            .iter()
            .flat_map(|row| row.tags.iter().map(|(key, _)| key.clone()))
            .collect();
        tag_keys.sort();
        tag_keys.dedup();
        Some(TableInfo {
            fields: data.types.iter().map(|(n, t)| (n.clone(), *t)).collect(),
            tag_keys,
        })
    }

    fn fields_in(&self, table: &TableName, time: TimeBounds) -> Vec<(String, FieldType)> {
        let duration = self
            .policies(&table.database)
            .and_then(|all| all.into_iter().find(|p| p.name == table.policy))
            .map_or(604_800_000_000_000, |policy| policy.shard_duration_ns);
        let Some(data) = Memory::table(self, table) else {
            return Vec::new();
        };
        let present = |name: &str| {
            data.rows.iter().any(|row| {
                let start = shard(row.time, duration);
                row.fields.contains_key(name)
                    && start <= time.max
                    && start.saturating_add(duration) > time.min
            })
        };
        data.types
            .iter()
            .filter(|(name, _)| present(name))
            .map(|(name, field_type)| (name.clone(), *field_type))
            .collect()
    }

    fn series(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        limit: usize,
        visit: &mut dyn FnMut(&[Tag<'_>]) -> bool,
    ) -> Result<(), QueryError> {
        let all = self.selected(database, measurement, selection);
        let borrowed = |(key, value): &(String, String)| (key.clone().into(), value.clone().into());
        let pairs = all
            .iter()
            .map(|tags| tags.iter().map(borrowed).collect::<Vec<Tag<'_>>>());
        pairs.take(limit).all(|tags| visit(&tags));
        Ok(())
    }

    fn series_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<usize, QueryError> {
        Ok(self.selected(database, measurement, selection).len())
    }

    fn tag_keys(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<Vec<String>, QueryError> {
        let all = self.selected(database, measurement, selection);
        let keys: BTreeSet<String> = all.into_iter().flatten().map(|(key, _)| key).collect();
        Ok(keys.into_iter().collect())
    }

    fn tag_values(
        &self,
        database: &str,
        measurement: &str,
        wanted: &TagValuesWanted<'_>,
    ) -> Result<Vec<(String, String)>, QueryError> {
        let all = self.selected(database, measurement, wanted.selection);
        let pairs: BTreeSet<(String, String)> = all.into_iter().flatten().collect();
        let meant =
            |(key, value): &(String, String)| (wanted.has_key)(key) && (wanted.passes)(value);
        let meant = pairs.into_iter().filter(meant);
        Ok(meant.skip(wanted.offset).take(wanted.limit).collect())
    }

    fn tag_value_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        has_key: &dyn Fn(&str) -> bool,
    ) -> Result<usize, QueryError> {
        let all = self.selected(database, measurement, selection);
        let pairs = all.into_iter().flatten().filter(|(key, _)| has_key(key));
        let values: BTreeSet<String> = pairs.map(|(_, value)| value).collect();
        Ok(values.len())
    }
}

impl Memory {
    fn selected(&self, database: &str, measurement: &str, selection: Selection<'_>) -> Vec<Tags> {
        let Some(database) = self.databases.get(database) else {
            return Vec::new();
        };
        let passes = |row: &&Row| {
            selection
                .time
                .is_none_or(|time| (time.min..=time.max).contains(&row.time))
                && selection.filter.matches(&|key| {
                    let found = row.tags.iter().find(|(own, _)| own == key);
                    found.map_or("", |(_, value)| value.as_str())
                })
        };
        let mut all: Vec<Tags> = database
            .tables
            .iter()
            .filter(|((own, name), _)| {
                name == measurement && selection.policy.is_none_or(|policy| policy == own)
            })
            .flat_map(|(_, table)| table.rows.iter().filter(passes))
            .map(|row| row.tags.clone())
            .collect();
        let key = |tags: &Tags| {
            let parts: Vec<String> = tags.iter().map(|(k, v)| format!(",{k}={v}")).collect();
            parts.concat()
        };
        all.sort_by_key(key);
        all.dedup();
        all
    }
}

impl Row {
    fn tag(&self, key: &str) -> String {
        let found = self.tags.iter().find(|(own, _)| own == key);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

impl Reader for Memory {
    fn scan(&self, scan: &Scan, _context: &QueryContext) -> Result<Batches, QueryError> {
        let empty = Table::default();
        let table = Memory::table(self, &scan.table).unwrap_or(&empty);
        let in_time = |row: &&Row| scan.time.min <= row.time && row.time <= scan.time.max;
        let mut rows: Vec<&Row> = table.rows.iter().filter(in_time).collect();
        if let Some(condition) = &scan.filter {
            let mut names: Vec<(String, Option<DataType>)> = Vec::new();
            let compiled = Expression::condition(condition, &mut |name, cast| {
                names.push((name.to_owned(), cast));
                Some(names.len() - 1)
            })?;
            rows.retain(|row| {
                let columns: Vec<Column> = names
                    .iter()
                    .map(|(name, cast)| match cast {
                        Some(DataType::Tag) => Column::repeated(&Value::String(row.tag(name)), 1),
                        cast => match row.fields.get(name) {
                            Some(value) => Column::repeated(value, 1),
                            None => Column::nulls(*cast, 1),
                        },
                    })
                    .collect();
                compiled.evaluate_mask(&columns, 1).value(0)
            });
        }
        let mut groups: BTreeMap<Vec<String>, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            let key = scan.dimensions.iter().map(|key| row.tag(key)).collect();
            groups.entry(key).or_default().push(row);
        }
        for group in groups.values_mut() {
            group.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.tags.cmp(&b.tags)));
            if scan.descending {
                group.reverse();
            }
        }
        let mut lines = Lines::new(scan);
        for (key, group) in &groups {
            match &scan.output {
                Output::Rows { .. } => lines.rows(key, group, &scan.output),
                Output::Aggregates { window, calls } => {
                    lines.aggregates(key, group, *window, calls, scan);
                }
            }
        }
        let batch = lines.finish()?;
        let step = self.batch_rows.max(1);
        let batches: Vec<_> = (0..batch.num_rows())
            .step_by(step)
            .map(|from| Ok(batch.slice(from, step.min(batch.num_rows() - from))))
            .collect();
        Ok(Box::new(batches.into_iter()))
    }

    fn explain(
        &self,
        scan: &Scan,
        _context: &QueryContext,
    ) -> Result<Option<ScanPlan>, QueryError> {
        Ok(Memory::table(self, &scan.table).map(|_| ScanPlan {
            executor: "memory",
            ..ScanPlan::default()
        }))
    }
}

/// The answer, column by column.
struct Lines {
    dimensions: Vec<Vec<String>>,
    times: Vec<i64>,
    columns: Vec<ColumnBuilder>,
}

impl Lines {
    fn new(scan: &Scan) -> Lines {
        let types: Vec<DataType> = match &scan.output {
            Output::Rows { fields, tags, .. } => fields
                .iter()
                .map(|field| column_type(field.field_type))
                .chain(tags.iter().map(|_| DataType::String))
                .collect(),
            Output::Aggregates { calls, .. } => calls
                .iter()
                .flat_map(|call| {
                    let value = match call.function {
                        AggregateFunction::Count => DataType::Integer,
                        AggregateFunction::Mean => DataType::Float,
                        _ => column_type(call.field.field_type),
                    };
                    let time = call.with_time.then_some(DataType::Integer);
                    std::iter::once(value).chain(time)
                })
                .collect(),
        };
        Lines {
            dimensions: vec![Vec::new(); scan.dimensions.len()],
            times: Vec::new(),
            columns: types
                .into_iter()
                .map(|t| ColumnBuilder::new(Some(t)))
                .collect(),
        }
    }

    fn begin(&mut self, key: &[String], time: i64) {
        for (column, value) in self.dimensions.iter_mut().zip(key) {
            column.push(value.clone());
        }
        self.times.push(time);
    }

    fn rows(&mut self, key: &[String], group: &[&Row], output: &Output) {
        let Output::Rows {
            fields,
            tags,
            limit,
        } = output
        else {
            return;
        };
        let mut left = limit.unwrap_or(u64::MAX);
        for row in group {
            if left == 0 || !fields.iter().any(|f| row.fields.contains_key(&f.name)) {
                continue;
            }
            left -= 1;
            self.begin(key, row.time);
            let values = fields
                .iter()
                .map(|field| {
                    let value = row.fields.get(&field.name).unwrap_or(&Value::Null);
                    value.cast(column_type(field.field_type))
                })
                .chain(tags.iter().map(|tag| Value::String(row.tag(tag))));
            for (column, value) in self.columns.iter_mut().zip(values) {
                column.push(&value);
            }
        }
    }

    fn aggregates(
        &mut self,
        key: &[String],
        group: &[&Row],
        window: Option<Window>,
        calls: &[Aggregate],
        scan: &Scan,
    ) {
        let start = |time: i64| match window {
            Some(w) => time - (time - w.offset).rem_euclid(w.every),
            None => scan.time.min,
        };
        let mut buckets: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in group {
            buckets.entry(start(row.time)).or_default().push(row);
        }
        let mut buckets: Vec<_> = buckets.into_iter().collect();
        if scan.descending {
            buckets.reverse();
        }
        for (start, rows) in buckets {
            let results: Vec<Option<(i64, Value)>> =
                calls.iter().map(|call| aggregate(call, &rows)).collect();
            if results.iter().all(Option::is_none) {
                continue;
            }
            self.begin(key, start);
            let mut place = 0;
            for (call, result) in calls.iter().zip(results) {
                let (time, value) = match result {
                    Some((time, value)) => (Value::Integer(time), value),
                    None => (Value::Null, Value::Null),
                };
                self.columns[place].push(&value);
                place += 1;
                if call.with_time {
                    self.columns[place].push(&time);
                    place += 1;
                }
            }
        }
    }

    fn finish(self) -> Result<RecordBatch, QueryError> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for values in self.dimensions {
            arrays.push(Arc::new(StringArray::from(values)));
        }
        arrays.push(Arc::new(Int64Array::from(self.times)));
        arrays.extend(self.columns.into_iter().map(|c| c.finish().to_array()));
        let fields: Vec<Field> = arrays
            .iter()
            .enumerate()
            .map(|(place, array)| Field::new(format!("c{place}"), array.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| QueryError::Engine(error.to_string()))
    }
}

fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a < b,
        (Value::Integer(a), Value::Integer(b)) => a < b,
        (Value::Unsigned(a), Value::Unsigned(b)) => a < b,
        (Value::String(a), Value::String(b)) => a < b,
        (Value::Boolean(a), Value::Boolean(b)) => !a & b,
        _ => false,
    }
}

/// Time of the point and value.
fn aggregate(call: &Aggregate, rows: &[&Row]) -> Option<(i64, Value)> {
    let wanted = column_type(call.field.field_type);
    let mut points: Vec<(i64, Value)> = rows
        .iter()
        .filter_map(|row| Some((row.time, row.fields.get(&call.field.name)?.cast(wanted))))
        .filter(|(_, value)| *value != Value::Null)
        .collect();
    points.sort_by_key(|(time, _)| *time);
    let first = points.first()?.clone();
    let floats = points
        .iter()
        .map(|(_, value)| match value.cast(DataType::Float) {
            Value::Float(v) => v,
            _ => 0.0,
        });
    let count = points.len();
    Some(match call.function {
        AggregateFunction::Count => (first.0, Value::Integer(count as i64)),
        AggregateFunction::Sum => {
            let sum = match wanted {
                DataType::Float => Value::Float(floats.sum()),
                DataType::Integer => Value::Integer(wrapped(&points)),
                _ => Value::Unsigned(wrapped(&points).cast_unsigned()),
            };
            (first.0, sum)
        }
        AggregateFunction::Mean => {
            let sum = match wanted {
                DataType::Integer => wrapped(&points) as f64,
                DataType::Unsigned => wrapped(&points).cast_unsigned() as f64,
                _ => floats.sum(),
            };
            (first.0, Value::Float(sum / count as f64))
        }
        AggregateFunction::Min => points
            .into_iter()
            .reduce(|a, b| if less(&b.1, &a.1) { b } else { a })?,
        AggregateFunction::Max => points
            .into_iter()
            .reduce(|a, b| if less(&a.1, &b.1) { b } else { a })?,
        AggregateFunction::First | AggregateFunction::Last => {
            let time = match call.function {
                AggregateFunction::First => first.0,
                _ => points.last()?.0,
            };
            let boolean_first =
                wanted == DataType::Boolean && call.function == AggregateFunction::First;
            points
                .into_iter()
                .filter(|(at, _)| *at == time)
                .reduce(|a, b| {
                    if less(&a.1, &b.1) != boolean_first {
                        b
                    } else {
                        a
                    }
                })?
        }
    })
}

fn wrapped(points: &[(i64, Value)]) -> i64 {
    points.iter().fold(0_i64, |sum, (_, value)| {
        let bits = match value {
            Value::Integer(v) => *v,
            Value::Unsigned(v) => v.cast_signed(),
            _ => 0,
        };
        sum.wrapping_add(bits)
    })
}
