//! Collects rows column by column.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::fields::{Value, unescape_string};
use crate::batch::{FieldColumn, FieldType, Table, TagSet, Values};

/// With this many columns a table keeps an index of them; below, they are
/// compared one by one.
const INDEXED_COLUMNS: usize = 12;

/// A table holds at most this many cells (rows times columns) and
/// [`CELLS_PER_BYTE`] more for each byte of its lines. Rows that share few
/// fields go to several tables instead, so that absent values cannot take up
/// more memory than a small multiple of the text.
const FREE_CELLS: usize = 1024;
const CELLS_PER_BYTE: usize = 2;

/// The rows of one measurement that are not finished yet.
pub(super) struct TableBuilder {
    pub(super) measurement: String,
    /// Counts the tables finished before: a place in `series` is valid within
    /// one generation only.
    pub(super) generation: u32,
    series: Vec<TagSet>,
    series_of_row: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<ColumnBuilder>,
    index: HashTable<u32>,
    /// The columns of the latest row in the order of its line.
    order: Vec<u32>,
    /// The bytes of the lines of the rows.
    bytes: usize,
}

struct ColumnBuilder {
    name: String,
    /// `name=` where no escape is needed to write it.
    label: Option<Box<[u8]>>,
    values: Values,
    rows: usize,
    /// As in [`FieldColumn`], for the first `rows` rows.
    present: Option<Vec<bool>>,
}

impl TableBuilder {
    pub(super) fn new(measurement: String) -> TableBuilder {
        TableBuilder {
            measurement,
            generation: 0,
            series: Vec::new(),
            series_of_row: Vec::new(),
            times: Vec::new(),
            columns: Vec::new(),
            index: HashTable::new(),
            order: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Whether anything was met of the measurement, if only a series without a row.
    pub(super) fn has_series(&self) -> bool {
        !self.series.is_empty()
    }

    /// The columns that the next row probably has, with their labels.
    pub(super) fn labels(&self) -> impl Iterator<Item = (u32, Option<&[u8]>)> {
        self.order
            .iter()
            .map(|&column| (column, self.columns[column as usize].label.as_deref()))
    }

    /// Whether a further row of `fields` fields, read from `bytes` bytes, fits.
    pub(super) fn has_room(&self, fields: usize, bytes: usize) -> bool {
        let rows = self.times.len() + 1;
        let cells = rows.saturating_mul(self.columns.len() + fields);
        let allowed = FREE_CELLS + (self.bytes + bytes).saturating_mul(CELLS_PER_BYTE);
        let text = i32::MAX as usize - bytes.min(i32::MAX as usize);
        cells <= allowed && self.bytes <= text
    }

    /// Adds a tag set, which the table must not have yet. Gives its place.
    pub(super) fn add_series(&mut self, tags: TagSet) -> u32 {
        self.series.push(tags);
        self.series.len() as u32 - 1
    }

    /// The column of `name` and `field_type`, created when there is none.
    pub(super) fn column(
        &mut self,
        name: &str,
        field_type: FieldType,
        plain: bool,
        hasher: &RandomState,
    ) -> u32 {
        let found = if self.columns.len() < INDEXED_COLUMNS {
            self.columns
                .iter()
                .position(|column| column.is(name, field_type))
                .map(|at| at as u32)
        } else {
            self.index_columns(hasher);
            self.index
                .find(hasher.hash_one((name, field_type)), |&at| {
                    self.columns[at as usize].is(name, field_type)
                })
                .copied()
        };
        found.unwrap_or_else(|| {
            self.columns
                .push(ColumnBuilder::new(name, field_type, plain));
            self.columns.len() as u32 - 1
        })
    }

    /// Brings the index up to date with the columns added since.
    fn index_columns(&mut self, hasher: &RandomState) {
        for at in self.index.len()..self.columns.len() {
            let columns = &self.columns;
            let hash = |at: u32| {
                let column = &columns[at as usize];
                hasher.hash_one((column.name.as_str(), column.values.field_type()))
            };
            self.index
                .insert_unique(hash(at as u32), at as u32, |&at| hash(at));
        }
    }

    /// The name of `column`.
    pub(super) fn name(&self, column: u32) -> &str {
        &self.columns[column as usize].name
    }

    /// Whether `column` is of `field_type`.
    pub(super) fn takes(&self, column: u32, field_type: FieldType) -> bool {
        self.columns[column as usize].values.field_type() == field_type
    }

    /// Sets a field of the row that [`end_row`](Self::end_row) will end,
    /// `position` being its place in the line. The last of several values wins.
    pub(super) fn set(&mut self, position: usize, column: u32, value: &Value<'_>) {
        let row = self.times.len();
        self.columns[column as usize].set(row, value);
        match self.order.get_mut(position) {
            Some(expected) => *expected = column,
            None => self.order.push(column),
        }
    }

    /// Ends a row whose fields are set.
    pub(super) fn end_row(&mut self, series: u32, time: i64, bytes: usize) {
        self.series_of_row.push(series);
        self.times.push(time);
        self.bytes += bytes;
    }

    /// Gives the table collected so far and begins the next.
    pub(super) fn finish(&mut self) -> Table {
        let rows = self.times.len();
        self.generation += 1;
        self.bytes = 0;
        self.order.clear();
        self.index.clear();
        Table {
            measurement: self.measurement.clone(),
            series: std::mem::take(&mut self.series),
            series_of_row: std::mem::take(&mut self.series_of_row),
            times: std::mem::take(&mut self.times),
            fields: std::mem::take(&mut self.columns)
                .into_iter()
                .map(|column| column.finish(rows))
                .collect(),
        }
    }
}

impl ColumnBuilder {
    fn new(name: &str, field_type: FieldType, plain: bool) -> ColumnBuilder {
        ColumnBuilder {
            name: name.to_owned(),
            label: plain.then(|| [name.as_bytes(), b"="].concat().into_boxed_slice()),
            values: Values::new(field_type),
            rows: 0,
            present: None,
        }
    }

    fn is(&self, name: &str, field_type: FieldType) -> bool {
        self.values.field_type() == field_type && self.name == name
    }

    #[inline]
    fn set(&mut self, row: usize, value: &Value<'_>) {
        if self.rows > row {
            self.replace_last(value);
            return;
        }
        if self.rows < row {
            self.pad(row);
        }
        if let Some(present) = &mut self.present {
            present.push(true);
        }
        self.rows += 1;
        match (&mut self.values, value) {
            (Values::Float(values), Value::Float(value)) => values.push(*value),
            (Values::Integer(values), Value::Integer(value)) => values.push(*value),
            (Values::Unsigned(values), Value::Unsigned(value)) => values.push(*value),
            (Values::Boolean(values), Value::Boolean(value)) => values.push(*value),
            (Values::String(values), Value::String(value)) => {
                unescape_string(value, &mut values.data);
                values.end_row();
            }
            _ => debug_assert!(false, "a column was picked by its type"),
        }
    }

    fn replace_last(&mut self, value: &Value<'_>) {
        self.rows -= 1;
        if let Some(present) = &mut self.present {
            present.pop();
        }
        match &mut self.values {
            Values::Float(values) => values.truncate(self.rows),
            Values::Integer(values) => values.truncate(self.rows),
            Values::Unsigned(values) => values.truncate(self.rows),
            Values::Boolean(values) => values.truncate(self.rows),
            Values::String(values) => values.truncate(self.rows),
        }
        self.set(self.rows, value);
    }

    /// Appends absent rows until there are `rows`.
    fn pad(&mut self, rows: usize) {
        self.present
            .get_or_insert_with(|| vec![true; self.rows])
            .resize(rows, false);
        self.values.pad(rows);
        self.rows = rows;
    }

    fn finish(mut self, rows: usize) -> FieldColumn {
        if self.rows < rows {
            self.pad(rows);
        }
        FieldColumn {
            name: self.name,
            values: self.values,
            present: self.present,
        }
    }
}

/// The type of the column that `value` goes to.
pub(super) fn field_type(value: &Value<'_>) -> FieldType {
    match value {
        Value::Float(_) => FieldType::Float,
        Value::Integer(_) => FieldType::Integer,
        Value::Unsigned(_) => FieldType::Unsigned,
        Value::Boolean(_) => FieldType::Boolean,
        Value::String(_) => FieldType::String,
    }
}
