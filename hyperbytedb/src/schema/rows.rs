//! Small tables as results: what `SHOW …` statements of the server answer.

use std::sync::Arc;

use crate::query::column::ColumnBuilder;
use crate::query::output::{SeriesChunk, SeriesKey};
use crate::query::value::Value;

/// A series of a result, built row by row.
#[derive(Debug, Default)]
pub struct Rows {
    key: SeriesKey,
    columns: Vec<String>,
    cells: Vec<Vec<Value>>,
}

impl Rows {
    /// An empty table; an empty name is left out of the result.
    #[must_use]
    pub fn new(name: &str, columns: &[&str]) -> Self {
        Self {
            key: SeriesKey {
                name: name.to_string(),
                tags: Vec::new(),
            },
            columns: columns.iter().map(ToString::to_string).collect(),
            cells: Vec::new(),
        }
    }

    /// Adds a tag of the series.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.key.tags.push((key.to_string(), value.to_string()));
        self
    }

    /// Adds a row with a value for each column.
    pub fn push(&mut self, row: Vec<Value>) {
        self.cells.push(row);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The table as a chunk. Without rows it has no value columns, by which encoders
    /// know that it is to be shown nevertheless.
    #[must_use]
    pub fn finish(self) -> SeriesChunk {
        let width = if self.cells.is_empty() {
            0
        } else {
            self.columns.len()
        };
        let column = |place: usize| {
            let mut builder = ColumnBuilder::new(None);
            for row in &self.cells {
                builder.push(row.get(place).unwrap_or(&Value::Null));
            }
            builder.finish()
        };
        SeriesChunk {
            values: (0..width).map(column).collect(),
            key: Arc::new(self.key),
            columns: Arc::new(self.columns),
            times: None,
        }
    }
}

/// A text cell.
pub fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

/// A count as a cell; counts end at `i64::MAX`.
pub fn count(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}
