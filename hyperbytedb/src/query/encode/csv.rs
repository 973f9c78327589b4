//! Comma-separated values: a line for each row, below a header for each statement, and
//! another one where the columns change within it.

use std::sync::Arc;

use arrow::array::Array;
use chrono_tz::Tz;

use super::{Encode, Message, Options, number, time};
use crate::query::column::Column;
use crate::query::output::SeriesChunk;
use crate::query::value::Value;

/// Writes results as CSV. Statements without rows, and errors of single statements,
/// leave nothing, as in InfluxDB.
#[derive(Debug)]
pub struct CsvEncoder {
    options: Options,
    any: bool,
    /// Columns of the header above, within a statement.
    header: Option<Arc<Vec<String>>>,
}

impl CsvEncoder {
    #[must_use]
    pub fn new(options: Options) -> CsvEncoder {
        CsvEncoder {
            options,
            any: false,
            header: None,
        }
    }
}

impl Encode for CsvEncoder {
    fn content_type(&self) -> &'static str {
        "text/csv"
    }

    fn begin_statement(
        &mut self,
        _id: usize,
        _timezone: Option<Tz>,
        _messages: &[Message],
        _out: &mut Vec<u8>,
    ) {
        self.header = None;
    }

    fn chunk(&mut self, chunk: &SeriesChunk, out: &mut Vec<u8>) {
        if chunk.rows() == 0 {
            return;
        }
        if self.header.as_ref() != Some(&chunk.columns) {
            if self.any {
                out.push(b'\n');
            }
            (self.any, self.header) = (true, Some(Arc::clone(&chunk.columns)));
            out.extend_from_slice(b"name,tags");
            for column in chunk.columns.iter() {
                out.push(b',');
                field(column, out);
            }
            out.push(b'\n');
        }
        let mut prefix = Vec::new();
        field(&chunk.key.name, &mut prefix);
        prefix.push(b',');
        field(&tags(&chunk.key.tags), &mut prefix);
        for row in 0..chunk.rows() {
            out.extend_from_slice(&prefix);
            if let Some(times) = &chunk.times {
                out.push(b',');
                time::epoch(times[row], self.options.epoch.divisor(), out);
            }
            for column in &chunk.values {
                out.push(b',');
                value(column, row, out);
            }
            out.push(b'\n');
        }
    }

    fn end_statement(&mut self, _error: Option<&str>, _out: &mut Vec<u8>) {}

    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// `key=value,…` with the escapes of line protocol; empty tags are left out.
fn tags(tags: &[(String, String)]) -> String {
    let mut text = String::new();
    for (key, value) in tags.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push(',');
        }
        escape(key, &mut text);
        text.push('=');
        escape(value, &mut text);
    }
    text
}

fn escape(part: &str, text: &mut String) {
    for c in part.chars() {
        if matches!(c, ',' | '=' | ' ') {
            text.push('\\');
        }
        text.push(c);
    }
}

fn value(column: &Column, row: usize, out: &mut Vec<u8>) {
    match column {
        Column::Float(a) if a.is_valid(row) && a.value(row).is_finite() => {
            number::float(a.value(row), false, out);
        }
        Column::Integer(a) if a.is_valid(row) => number::integer(a.value(row), out),
        Column::Unsigned(a) if a.is_valid(row) => number::unsigned(a.value(row), out),
        Column::String(a) if a.is_valid(row) => field(a.value(row), out),
        Column::Boolean(a) if a.is_valid(row) => {
            out.extend_from_slice(if a.value(row) { b"true" } else { b"false" });
        }
        Column::Mixed(values) => match &values[row] {
            // InfluxDB forgets this kind of cell and repeats what stood there before.
            Value::Texts(texts) => field(&texts.join(","), out),
            other => value(&Column::repeated(other, 1), 0, out),
        },
        _ => {}
    }
}

/// Appends a field, in quotes where it needs them.
pub fn field(text: &str, out: &mut Vec<u8>) {
    let quoted = text == "\\."
        || text.starts_with(char::is_whitespace)
        || text
            .bytes()
            .any(|b| matches!(b, b',' | b'"' | b'\r' | b'\n'));
    if !quoted {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
