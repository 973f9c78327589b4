//! From a decoded batch to sorted rows: series numbers, columns, order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use points::{Batch, FieldColumn, Table as PointTable, TagSet, Values};

use crate::catalog::record::TableName;
use crate::clock::Version;
use crate::rows::merge::{MergeOptions, merge};
use crate::rows::{Column, Rows, Versions};
use crate::series::{SeriesId, encode_key};
use crate::state::EngineState;
use crate::table::{Table, TableInner};
use crate::write::validate::{retain, retain_series_of_rows, type_of};

/// Rows of one measurement, ready to be committed.
pub(crate) struct Prepared {
    pub table: Arc<Table>,
    pub rows: Rows,
    /// How many series the table had dropped when the rows got their numbers.
    drops: u64,
}

impl Prepared {
    /// False when the measurement, or a series that has a row, was dropped meanwhile.
    pub fn is_current(&self) -> bool {
        if self.table.is_dropped() {
            return false;
        }
        let series = &self.table.read().series;
        let mut of_rows = self.rows.series.chunk_by(|a, b| a == b);
        series.drops() == self.drops || of_rows.all(|rows| series.is_live(rows[0]))
    }
}

/// Registers the series and columns of a batch, and sorts its rows, by measurement.
/// With a version, which must be that of the rows, what was deleted is left out.
pub(crate) fn prepare(
    state: &EngineState,
    (database, policy): (&str, &str),
    batch: Batch,
    version: Option<Version>,
) -> Vec<Prepared> {
    let mut prepared = Vec::new();
    for (measurement, mut parts) in by_measurement(batch) {
        let name = TableName {
            database: database.to_string(),
            policy: policy.to_string(),
            measurement,
        };
        let table = state.table_or_new(&name);
        if let Some(version) = version {
            remove_deleted(&table.read(), &mut parts, version);
        }
        if !parts.is_empty() {
            prepared.push(rows_of(&table, parts));
        }
    }
    prepared
}

/// A batch's tables, those of one measurement together.
fn by_measurement(batch: Batch) -> BTreeMap<String, Vec<PointTable>> {
    let mut parts: BTreeMap<String, Vec<PointTable>> = BTreeMap::new();
    for table in batch.tables {
        parts
            .entry(table.measurement.clone())
            .or_default()
            .push(table);
    }
    parts
}

/// Takes out the points that a later delete hides, and series that have no other: they
/// must not come (back) into the index.
fn remove_deleted(inner: &TableInner, parts: &mut Vec<PointTable>, version: Version) {
    let later = inner.tombstones.iter().map(|held| &held.stone);
    for stone in later.filter(|stone| stone.tombstone.version > version) {
        for part in &mut *parts {
            let is_met = |tags: &TagSet| stone.filter().matches_key(&encode_key(tags));
            let met: Vec<bool> = part.series.iter().map(is_met).collect();
            let rows = part.series_of_row.iter().zip(&part.times);
            let keep: Vec<bool> = rows
                .map(|(series, time)| !(met[*series as usize] && stone.hides_at(*time, version)))
                .collect();
            retain(part, &keep);
        }
    }
    for part in &mut *parts {
        retain_series_of_rows(part);
    }
    parts.retain(|part| !part.times.is_empty());
}

/// Registers fields and series of a measurement's part of a batch, and sorts its rows.
/// The version is set when the write is committed.
fn rows_of(table: &Arc<Table>, parts: Vec<PointTable>) -> Prepared {
    let mut sources = Vec::with_capacity(parts.len());
    let mut drops = u64::MAX;
    for part in parts {
        let (numbers, drops_then) = register(table, &part.series);
        // The numbers of the first part were given first.
        drops = drops.min(drops_then);
        let ids = columns_of(table, &part.fields);
        let columns = ids
            .into_iter()
            .zip(part.fields)
            .map(|(id, field)| Column {
                id,
                values: array_of(field),
                older: None,
            })
            .collect();
        let mut rows = Rows {
            series: part
                .series_of_row
                .iter()
                .map(|at| numbers[*at as usize])
                .collect(),
            times: part.times,
            versions: Versions::One(Version::ZERO),
            columns,
        };
        rows.columns.sort_by_key(|column| column.id);
        sources.push(rows);
    }
    Prepared {
        table: table.clone(),
        rows: sorted(sources),
        drops,
    }
}

/// One sorted set of rows of several.
fn sorted(mut sources: Vec<Rows>) -> Rows {
    if let [rows] = sources.as_slice()
        && is_sorted(rows)
        && let Some(rows) = sources.pop()
    {
        return rows;
    }
    let sources: Vec<&Rows> = sources.iter().collect();
    merge(&sources, &MergeOptions::default())
}

/// The numbers of series, new ones where need be, and how many series had been dropped
/// then.
fn register(table: &Table, series: &[TagSet]) -> (Vec<SeriesId>, u64) {
    let keys: Vec<Vec<u8>> = series.iter().map(encode_key).collect();
    {
        let inner = table.read();
        let known: Option<Vec<SeriesId>> = keys.iter().map(|key| inner.series.find(key)).collect();
        if let Some(numbers) = known {
            return (numbers, inner.series.drops());
        }
    }
    let mut inner = table.write();
    let numbers = inner.register_series(&keys);
    (numbers, inner.series.drops())
}

fn is_sorted(rows: &Rows) -> bool {
    (1..rows.len()).all(|row| {
        (rows.series[row - 1], rows.times[row - 1]) < (rows.series[row], rows.times[row])
    })
}

fn columns_of(table: &Table, fields: &[FieldColumn]) -> Vec<u32> {
    let known: Option<Vec<u32>> = {
        let inner = table.read();
        fields
            .iter()
            .map(|field| inner.column_of(&field.name, type_of(&field.values)))
            .collect()
    };
    known.unwrap_or_else(|| {
        let mut inner = table.write();
        fields
            .iter()
            .map(|field| inner.add_column(&field.name, type_of(&field.values)))
            .collect()
    })
}

fn array_of(field: FieldColumn) -> ArrayRef {
    let nulls = field
        .present
        .map(|present| NullBuffer::new(BooleanBuffer::from(present)));
    match field.values {
        Values::Float(values) => Arc::new(Float64Array::new(ScalarBuffer::from(values), nulls)),
        Values::Integer(values) => Arc::new(Int64Array::new(ScalarBuffer::from(values), nulls)),
        Values::Unsigned(values) => Arc::new(UInt64Array::new(ScalarBuffer::from(values), nulls)),
        Values::Boolean(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)),
        Values::String(strings) => {
            let rows = strings.offsets.len().saturating_sub(1);
            let offsets = OffsetBuffer::new(ScalarBuffer::from(strings.offsets));
            // The decoders produce valid UTF-8 only; anything else becomes absent
            // rather than a panic.
            let array = StringArray::try_new(offsets, Buffer::from(strings.data), nulls)
                .unwrap_or_else(|_| StringArray::new_null(rows));
            Arc::new(array)
        }
    }
}
