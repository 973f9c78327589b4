//! Small tables as results: what `SHOW …` statements of the server answer.

use std::sync::Arc;

use crate::query::column::{Column, ColumnBuilder};
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
            let cells = self.cells.iter().map(|row| row.get(place));
            if cells
                .clone()
                .any(|cell| matches!(cell, Some(Value::Texts(_))))
            {
                return Column::Mixed(
                    cells
                        .map(|cell| cell.cloned().unwrap_or(Value::Null))
                        .collect(),
                );
            }
            let mut builder = ColumnBuilder::new(None);
            for cell in cells {
                builder.push(cell.unwrap_or(&Value::Null));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::encode::json::JsonEncoder;
    use crate::query::encode::msgpack::MsgpackEncoder;
    use crate::query::encode::{Encode, Options};

    fn encoded(mut encoder: impl Encode, tables: Vec<Rows>, whole: bool) -> Vec<u8> {
        let mut out = Vec::new();
        encoder.begin_statement(0, None, &[], &mut out);
        if whole {
            encoder.keep_whole();
        }
        for table in tables {
            encoder.chunk(&table.finish(), &mut out);
        }
        encoder.end_statement(None, &mut out);
        encoder.finish(&mut out);
        out
    }

    fn table(name: &str, rows: u64) -> Rows {
        let mut table = Rows::new(name, &["a", "b"]);
        for row in 0..rows {
            table.push(vec![count(row), text("x")]);
        }
        table
    }

    fn chunked() -> Options {
        Options {
            chunk_rows: Some(1),
            ..Options::default()
        }
    }

    #[test]
    fn a_table_without_rows_shows_its_columns() {
        let json = encoded(
            JsonEncoder::new(Options::default()),
            vec![table("", 0)],
            true,
        );
        assert_eq!(
            String::from_utf8(json).unwrap(),
            "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"a\",\"b\"]}]}]}\n"
        );
    }

    #[test]
    fn what_is_kept_whole_is_one_document() {
        let tables = || vec![table("m", 2), table("n", 0), table("o", 1)];
        let documents = |whole: bool| {
            let json = encoded(JsonEncoder::new(chunked()), tables(), whole);
            String::from_utf8(json).unwrap()
        };
        assert_eq!(
            documents(true),
            "{\"results\":[{\"statement_id\":0,\"series\":[\
             {\"name\":\"m\",\"columns\":[\"a\",\"b\"],\"values\":[[0,\"x\"],[1,\"x\"]]},\
             {\"name\":\"n\",\"columns\":[\"a\",\"b\"]},\
             {\"name\":\"o\",\"columns\":[\"a\",\"b\"],\"values\":[[0,\"x\"]]}]}]}\n"
        );
        assert_eq!(documents(false).lines().count(), 3);
    }

    #[test]
    fn msgpack_marks_only_series_that_go_on() {
        let partial = |whole: bool| {
            let bytes = encoded(MsgpackEncoder::new(chunked()), vec![table("m", 3)], whole);
            let marks = bytes.windows(9).filter(|part| part == b"\xa7partial\xc3");
            marks.count()
        };
        // Of three documents the first two say so, of series and result each.
        assert_eq!(partial(false), 4);
        assert_eq!(partial(true), 0);
    }
}
