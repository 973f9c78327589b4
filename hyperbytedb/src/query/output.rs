//! What a statement puts out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::buffer::ScalarBuffer;
use chrono_tz::Tz;
use influxql::ast::DataType;

use super::column::Column;
use super::error::QueryError;

/// Name and tags that a result's rows are under.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeriesKey {
    pub name: String,
    /// Sorted by key.
    pub tags: Vec<(String, String)>,
}

/// Some rows of a series of the result. Chunks of the same series follow each
/// other; two neighbours belong together when their keys and columns are equal.
#[derive(Debug, Clone)]
pub struct SeriesChunk {
    pub key: Arc<SeriesKey>,
    /// Names of all columns, that of the times first if there are times.
    pub columns: Arc<Vec<String>>,
    /// Nanoseconds; the first column, if there is one.
    pub times: Option<ScalarBuffer<i64>>,
    /// The other columns.
    pub values: Vec<Column>,
}

impl SeriesChunk {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match &self.times {
            Some(times) => times.len(),
            None => self.values.first().map_or(0, Column::len),
        }
    }

    /// Some of the rows.
    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> SeriesChunk {
        SeriesChunk {
            key: Arc::clone(&self.key),
            columns: Arc::clone(&self.columns),
            times: self.times.as_ref().map(|times| times.slice(offset, len)),
            values: self.values.iter().map(|c| c.slice(offset, len)).collect(),
        }
    }

    /// Whether the rows of `other` go on with this series.
    #[must_use]
    pub fn continues(&self, other: &SeriesChunk) -> bool {
        let same_key = Arc::ptr_eq(&self.key, &other.key) || self.key == other.key;
        same_key && (Arc::ptr_eq(&self.columns, &other.columns) || self.columns == other.columns)
    }
}

/// The chunks of a result, as they are computed.
pub type Chunks<'a> = Box<dyn Iterator<Item = Result<SeriesChunk, QueryError>> + Send + 'a>;

/// The result of a `SELECT`.
pub struct SelectOutput<'a> {
    /// Names of the columns, time first.
    pub columns: Arc<Vec<String>>,
    /// Types of the columns after time, as far as they are known beforehand.
    pub types: Vec<Option<DataType>>,
    /// Columns behind all others that are written as tags (`INTO`).
    pub written_tags: Vec<String>,
    /// Zone in which times are printed (unless an epoch is asked for).
    pub timezone: Option<Tz>,
    pub chunks: Chunks<'a>,
}

impl SelectOutput<'_> {
    /// The same, with its rows counted as they come.
    #[must_use]
    pub fn counted(self, rows: Arc<AtomicU64>) -> Self {
        let chunks = self.chunks.inspect(move |chunk| {
            if let Ok(chunk) = chunk {
                rows.fetch_add(chunk.rows() as u64, Ordering::Relaxed);
            }
        });
        Self {
            chunks: Box::new(chunks),
            ..self
        }
    }
}

/// What became of a statement.
pub enum StatementOutput<'a> {
    Select(SelectOutput<'a>),
    /// A complete answer, such as that of a `SHOW`.
    Series(Vec<SeriesChunk>),
    /// The statement is not one that queries; nothing was done.
    Unhandled,
}

impl<'a> StatementOutput<'a> {
    /// The chunks of the result, none for an unhandled statement.
    #[must_use]
    pub fn into_chunks(self) -> Chunks<'a> {
        match self {
            StatementOutput::Select(select) => select.chunks,
            StatementOutput::Series(chunks) => Box::new(chunks.into_iter().map(Ok)),
            StatementOutput::Unhandled => Box::new(std::iter::empty()),
        }
    }

    /// Zone in which times are printed.
    #[must_use]
    pub fn timezone(&self) -> Option<Tz> {
        match self {
            StatementOutput::Select(select) => select.timezone,
            _ => None,
        }
    }
}
