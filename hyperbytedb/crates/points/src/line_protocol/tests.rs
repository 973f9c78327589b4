//! Tests of the decoder and the printer by theme.

mod bounds;
mod columns;
mod errors;
mod fuzz;
mod lines;
mod names;
mod reference;
mod round_trip;
mod times;
mod values;

use super::*;
use crate::batch::{Batch, FieldColumn, Values};

/// A field value that can be compared.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(String),
}

/// A row as a point.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    measurement: String,
    tags: Vec<(String, String)>,
    fields: Vec<(String, Value)>,
    time: i64,
}

fn value(column: &FieldColumn, row: usize) -> Value {
    match &column.values {
        Values::Float(values) => Value::Float(values[row]),
        Values::Integer(values) => Value::Integer(values[row]),
        Values::Unsigned(values) => Value::Unsigned(values[row]),
        Values::Boolean(values) => Value::Boolean(values[row]),
        Values::String(values) => {
            Value::String(str::from_utf8(values.get(row)).expect("UTF-8").to_owned())
        }
    }
}

/// The rows of a batch, tables one after another.
fn points(batch: &Batch) -> Vec<Point> {
    let mut points = Vec::new();
    for table in &batch.tables {
        for row in 0..table.rows() {
            let present = table.fields.iter().filter(|column| column.is_present(row));
            points.push(Point {
                measurement: table.measurement.clone(),
                tags: table.series[table.series_of_row[row] as usize].0.clone(),
                fields: present
                    .map(|column| (column.name.clone(), value(column, row)))
                    .collect(),
                time: table.times[row],
            });
        }
    }
    points
}

fn decode_text(body: &str) -> Decoded {
    decode(body.as_bytes(), &DecodeOptions::default())
}

/// The points of a body without errors.
fn accepted(body: &str) -> Vec<Point> {
    let decoded = decode_text(body);
    assert_eq!(decoded.error_text(), None, "{body}");
    assert_eq!(decoded.dropped, Dropped::default(), "{body}");
    points(&decoded.batch)
}

/// The one point of a body without errors.
fn point(body: &str) -> Point {
    let mut points = accepted(body);
    assert_eq!(points.len(), 1, "{body}");
    points.remove(0)
}

/// The reason for refusing a body of one line.
fn refusal(line: &str) -> String {
    let decoded = decode_text(line);
    assert_eq!(decoded.failed_lines, 1, "{line}");
    assert_eq!(decoded.batch, Batch::default(), "{line}");
    decoded.errors[0].reason.to_string()
}
