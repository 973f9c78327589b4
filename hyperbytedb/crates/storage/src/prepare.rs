//! From a decoded batch to sorted rows: schema check, series numbers, order.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use points::{Batch, FieldColumn, FieldType, Strings, Table as PointTable, TagSet, Values};

use crate::clock::Version;
use crate::merge::{MergeOptions, merge};
use crate::rows::{Column, Rows, Versions};
use crate::series::encode_key;
use crate::table::{Table, TableInner};

/// Why some points of a write were not stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// In InfluxDB's words; the first reason met, but for the retention policy.
    pub reason: String,
    pub points: usize,
    /// Points past the retention policy, which are not among the others.
    pub expired: usize,
}

impl Dropped {
    /// Points that were not stored.
    #[must_use]
    pub fn all(&self) -> usize {
        self.points + self.expired
    }

    /// The reason that a client is told, and of how many points. As InfluxDB has it, points
    /// past the retention policy are told of only when nothing else is wrong, and never
    /// counted with others: a client can do something about the others.
    #[must_use]
    pub fn told(&self) -> Option<(&str, usize)> {
        match (self.points, self.expired) {
            (0, 0) => None,
            (0, expired) => Some(("points beyond retention policy", expired)),
            (points, _) => Some((&self.reason, points)),
        }
    }

    pub(crate) fn add(&mut self, reason: impl FnOnce() -> String, points: usize) {
        if points > 0 && self.reason.is_empty() {
            self.reason = reason();
        }
        self.points += points;
    }
}

/// Where a write comes from: decides how conflicts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client of this node: a conflicting point is refused.
    Local,
    /// Another node that has accepted it: nothing is refused any more.
    Replicated { node: u64, version: Version },
    /// A node that does not say which version it gave: stored as if replicated, and
    /// stamped here.
    Forwarded,
}

/// The type of a column of values.
#[must_use]
pub fn type_of(values: &Values) -> FieldType {
    match values {
        Values::Float(_) => FieldType::Float,
        Values::Integer(_) => FieldType::Integer,
        Values::Unsigned(_) => FieldType::Unsigned,
        Values::Boolean(_) => FieldType::Boolean,
        Values::String(_) => FieldType::String,
    }
}

/// Drops the points whose time is below `cutoff`.
pub fn drop_expired(batch: &mut Batch, cutoff: i64, dropped: &mut Dropped) {
    if cutoff == i64::MIN {
        return;
    }
    let mut expired = 0;
    for table in &mut batch.tables {
        let keep: Vec<bool> = table.times.iter().map(|time| *time >= cutoff).collect();
        expired += keep.iter().filter(|keep| !**keep).count();
        retain(table, &keep);
    }
    batch.tables.retain(|table| !table.times.is_empty());
    dropped.expired += expired;
}

/// Drops the points of which a field has another type than the measurement's, as
/// InfluxDB does. A field that is new takes the type of its first point.
pub fn drop_conflicts(inner: &TableInner, tables: &mut [PointTable], dropped: &mut Dropped) {
    let mut new_types: BTreeMap<String, FieldType> = BTreeMap::new();
    for table in tables {
        for field in &table.fields {
            if inner.columns_of(&field.name).is_empty() {
                let first = new_types.get(&field.name).copied();
                let chosen = first.unwrap_or_else(|| first_type(table, &field.name));
                new_types.insert(field.name.clone(), chosen);
            }
        }
        let mut keep = vec![true; table.times.len()];
        for field in &table.fields {
            let existing = match inner.columns_of(&field.name) {
                [] => new_types.get(&field.name).copied(),
                ids => ids
                    .iter()
                    .map(|id| inner.columns[*id as usize].field_type)
                    .min(),
            };
            let field_type = type_of(&field.values);
            let Some(existing) = existing.filter(|existing| *existing != field_type) else {
                continue;
            };
            let mut conflicts = 0;
            for (row, keep) in keep.iter_mut().enumerate() {
                if *keep && field.present.as_ref().is_none_or(|present| present[row]) {
                    *keep = false;
                    conflicts += 1;
                }
            }
            dropped.add(
                || {
                    format!(
                        "field type conflict: input field \"{}\" on measurement \"{}\" is type {field_type}, already exists as type {existing}",
                        field.name, table.measurement
                    )
                },
                conflicts,
            );
        }
        if keep.contains(&false) {
            retain(table, &keep);
        }
    }
}

/// The type of the first row that has the field.
fn first_type(table: &PointTable, name: &str) -> FieldType {
    let first_row = |field: &FieldColumn| match &field.present {
        None => 0,
        Some(present) => present
            .iter()
            .position(|there| *there)
            .unwrap_or(usize::MAX),
    };
    table
        .fields
        .iter()
        .filter(|field| field.name == name)
        .min_by_key(|field| first_row(field))
        .map_or(FieldType::Float, |field| type_of(&field.values))
}

/// Keeps the rows for which `keep` says so, and the fields that some row still has.
pub fn retain(table: &mut PointTable, keep: &[bool]) {
    if !keep.contains(&false) {
        return;
    }
    fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        values.retain(|_| keep.next() == Some(&true));
    }
    filter(&mut table.series_of_row, keep);
    filter(&mut table.times, keep);
    for field in &mut table.fields {
        match &mut field.values {
            Values::Float(values) => filter(values, keep),
            Values::Integer(values) => filter(values, keep),
            Values::Unsigned(values) => filter(values, keep),
            Values::Boolean(values) => filter(values, keep),
            Values::String(strings) => *strings = filtered(strings, keep),
        }
        if let Some(present) = &mut field.present {
            filter(present, keep);
        }
    }
    table.fields.retain(|field| {
        field
            .present
            .as_ref()
            .is_none_or(|present| present.contains(&true))
    });
}

fn filtered(strings: &Strings, keep: &[bool]) -> Strings {
    let mut out = Strings {
        offsets: vec![0],
        data: Vec::new(),
    };
    for (row, keep) in keep.iter().enumerate() {
        if *keep {
            let range = strings.offsets[row] as usize..strings.offsets[row + 1] as usize;
            out.data.extend_from_slice(&strings.data[range]);
            out.offsets.push(out.data.len() as i32);
        }
    }
    out
}

/// Registers fields and series of a measurement's part of a batch, and sorts its rows.
/// The version is set when the write is committed.
pub fn rows_of(table: &Table, parts: Vec<PointTable>) -> Rows {
    let mut sources = Vec::with_capacity(parts.len());
    for part in parts {
        let numbers = numbers_of(table, &part.series);
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
    if let [rows] = sources.as_slice()
        && is_sorted(rows)
        && let Some(rows) = sources.pop()
    {
        return rows;
    }
    let sources: Vec<&Rows> = sources.iter().collect();
    merge(&sources, &MergeOptions::default())
}

fn is_sorted(rows: &Rows) -> bool {
    (1..rows.len()).all(|row| {
        (rows.series[row - 1], rows.times[row - 1]) < (rows.series[row], rows.times[row])
    })
}

fn numbers_of(table: &Table, series: &[TagSet]) -> Vec<u32> {
    let keys: Vec<Vec<u8>> = series.iter().map(encode_key).collect();
    let known: Option<Vec<u32>> = {
        let inner = table.read();
        keys.iter().map(|key| inner.series.find(key)).collect()
    };
    if let Some(numbers) = known {
        return numbers;
    }
    let mut inner = table.write();
    let mut numbers = Vec::with_capacity(keys.len());
    for key in &keys {
        numbers.push(inner.series.insert(key).0);
    }
    numbers
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
