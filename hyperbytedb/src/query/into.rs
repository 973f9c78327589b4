//! `SELECT … INTO`: writes a result's rows as points.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, Int64Array};
use arrow::buffer::ScalarBuffer;
use influxql::ast::{Measurement, MeasurementName, SelectStatement};
use points::{Batch, FieldColumn, Strings, Table, TagSet, Values};
use storage::{Engine, Origin, WriteRequest};
use tokio::runtime::Handle;

use crate::query::column::Column;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::output::{SelectOutput, SeriesChunk, SeriesKey, StatementOutput};

/// Writes all rows of `selected` to the statement's target and answers InfluxDB's
/// count of written points. Columns become fields of their type, the result's tags and
/// those that `top()` and `bottom()` name become tags; nulls are not written.
///
/// # Errors
/// When the select fails, or the target cannot be written; what was written before
/// stays.
pub fn store(
    select: &SelectStatement,
    selected: SelectOutput<'_>,
    context: &QueryContext,
    engine: &Engine,
    runtime: &Handle,
) -> Result<StatementOutput<'static>, QueryError> {
    let Some(target) = &select.target else {
        return Ok(StatementOutput::Unhandled);
    };
    let database = match &target.database {
        Some(database) => database.clone(),
        None if context.database.is_empty() => return Err(QueryError::DatabaseRequired),
        None => context.database.clone(),
    };
    let mut written = 0;
    for chunk in selected.chunks {
        context.check()?;
        let chunk = chunk?;
        let table = table_of(target, &chunk, &selected.written_tags);
        if table.fields.is_empty() {
            continue;
        }
        let rows = table.times.len();
        let request = WriteRequest {
            database: database.clone(),
            policy: target.retention_policy.clone(),
            batch: Batch {
                tables: vec![table],
            },
            origin: Origin::Local,
        };
        let report = runtime.block_on(engine.write(request))?;
        if let Some((reason, dropped)) = report.dropped.told() {
            return Err(QueryError::Invalid(format!(
                "partial write: {reason} dropped={dropped}"
            )));
        }
        written += rows;
    }
    Ok(StatementOutput::Series(vec![count_of(written)]))
}

fn count_of(written: usize) -> SeriesChunk {
    SeriesChunk {
        key: Arc::new(SeriesKey {
            name: "result".to_string(),
            tags: Vec::new(),
        }),
        columns: Arc::new(vec!["time".to_string(), "written".to_string()]),
        times: Some(ScalarBuffer::from(vec![0_i64])),
        values: vec![Column::Integer(Int64Array::from(vec![written as i64]))],
    }
}

/// The rows of a chunk that have a value, as points of the target.
fn table_of(target: &Measurement, chunk: &SeriesChunk, written_tags: &[String]) -> Table {
    let measurement = match &target.name {
        MeasurementName::Name(name) => name.clone(),
        // The parser takes no regular expression here.
        MeasurementName::Regex(_) | MeasurementName::BackReference => chunk.key.name.clone(),
    };
    let fields = chunk.values.len().saturating_sub(written_tags.len());
    let (values, tags) = chunk.values.split_at(fields);
    let kept: Vec<usize> = (0..chunk.rows())
        .filter(|row| values.iter().any(|column| !column.is_null(*row)))
        .collect();
    let names = chunk.columns.iter().skip(1);
    let fields = names
        .zip(values)
        .filter_map(|(name, column)| field_of(name, column, &kept))
        .collect();
    let (series, series_of_row) = series_of(&chunk.key, written_tags, tags, &kept);
    Table {
        measurement,
        series,
        series_of_row,
        times: match &chunk.times {
            Some(times) => kept.iter().map(|row| times[*row]).collect(),
            None => vec![0; kept.len()],
        },
        fields,
    }
}

/// The different sets of tags of rows, and which one each row has: the result's, and what
/// the columns of tags hold.
fn series_of(
    key: &SeriesKey,
    names: &[String],
    columns: &[Column],
    kept: &[usize],
) -> (Vec<TagSet>, Vec<u32>) {
    let columns: Vec<Column> = columns.iter().map(Column::unmixed).collect();
    let mut series = Vec::new();
    let mut known: HashMap<Vec<(String, String)>, u32> = HashMap::new();
    let of_row = kept.iter().map(|row| {
        let own = names.iter().zip(&columns).filter_map(|(name, column)| {
            let value = column.text(*row)?;
            Some((name.clone(), value.to_owned()))
        });
        let mut tags: Vec<(String, String)> = key.tags.iter().cloned().chain(own).collect();
        tags.retain(|(_, value)| !value.is_empty());
        tags.sort();
        *known.entry(tags).or_insert_with_key(|tags| {
            series.push(TagSet(tags.clone()));
            (series.len() - 1) as u32
        })
    });
    let of_row = of_row.collect();
    (series, of_row)
}

fn field_of(name: &str, column: &Column, kept: &[usize]) -> Option<FieldColumn> {
    let column = &column.unmixed();
    let present: Vec<bool> = kept.iter().map(|row| !column.is_null(*row)).collect();
    if !present.contains(&true) {
        return None;
    }
    let rows = kept.iter().copied();
    let values = match column {
        Column::Float(array) => Values::Float(rows.map(|row| array.value(row)).collect()),
        Column::Integer(array) => Values::Integer(rows.map(|row| array.value(row)).collect()),
        Column::Unsigned(array) => Values::Unsigned(rows.map(|row| array.value(row)).collect()),
        Column::Boolean(array) => Values::Boolean(rows.map(|row| array.value(row)).collect()),
        Column::String(array) => {
            let mut strings = Strings::default();
            for row in rows {
                strings.push(if array.is_null(row) {
                    b""
                } else {
                    array.value(row).as_bytes()
                });
            }
            Values::String(strings)
        }
        Column::Mixed(_) | Column::Null(_) => return None,
    };
    Some(FieldColumn {
        name: name.to_string(),
        values,
        present: present.contains(&false).then_some(present),
    })
}
