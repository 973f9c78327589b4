//! Points as line protocol.

use std::io::Write;

use thiserror::Error;

use super::line::line_end;
use crate::batch::{Table, TagSet, Values};

/// A value to print.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldValue<'a> {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(&'a str),
}

impl<'a> FieldValue<'a> {
    /// The value in `row`. `None` for a string that is not UTF-8.
    pub fn of(values: &'a Values, row: usize) -> Option<FieldValue<'a>> {
        Some(match values {
            Values::Float(values) => FieldValue::Float(values[row]),
            Values::Integer(values) => FieldValue::Integer(values[row]),
            Values::Unsigned(values) => FieldValue::Unsigned(values[row]),
            Values::Boolean(values) => FieldValue::Boolean(values[row]),
            Values::String(values) => FieldValue::String(str::from_utf8(values.get(row)).ok()?),
        })
    }
}

/// Line protocol has no way to write the point.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrintError {
    #[error("the {role} {name:?} cannot be written as line protocol")]
    Name { role: &'static str, name: String },
    #[error("the value of the field {0:?} is not a finite number")]
    NotFinite(String),
    #[error("a point without fields cannot be written as line protocol")]
    NoFields,
    #[error("the names of a point cannot be written on one line of line protocol")]
    LineEnd,
    #[error("a string that is not UTF-8 cannot be written as line protocol")]
    NotText,
}

/// Appends a point as one line without a newline at its end: names and tags
/// escaped as InfluxDB's clients do, tags in the order of the set, the time in
/// nanoseconds. Decoding the line gives the point back.
///
/// On an error `out` is as it was. Names that end in a backslash, hold a
/// newline, begin like a comment or blank, or are empty have no written form,
/// nor have some that hold backslashes before escaped characters.
pub fn write_line<'a>(
    out: &mut Vec<u8>,
    measurement: &str,
    tags: &TagSet,
    fields: impl IntoIterator<Item = (&'a str, FieldValue<'a>)>,
    time: Option<i64>,
) -> Result<(), PrintError> {
    let start = out.len();
    let result =
        push_line(out, measurement, tags, fields, time).and_then(|()| check_line_end(out, start));
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Backslashes and quotes in names can mislead the search for the end of a
/// line, which follows other rules than the rest of the decoder.
fn check_line_end(out: &mut Vec<u8>, start: usize) -> Result<(), PrintError> {
    out.push(b'\n');
    let found = line_end(out, start) == out.len() - 1;
    out.pop();
    if found {
        Ok(())
    } else {
        Err(PrintError::LineEnd)
    }
}

impl Table {
    /// Appends `row` as one line, as [`write_line`] does.
    pub fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), PrintError> {
        let tags = &self.series[self.series_of_row[row] as usize];
        let mut fields = Vec::with_capacity(self.fields.len());
        for column in self.fields.iter().filter(|column| column.is_present(row)) {
            let value = FieldValue::of(&column.values, row).ok_or(PrintError::NotText)?;
            fields.push((column.name.as_str(), value));
        }
        write_line(out, &self.measurement, tags, fields, Some(self.times[row]))
    }
}

fn push_line<'a>(
    out: &mut Vec<u8>,
    measurement: &str,
    tags: &TagSet,
    fields: impl IntoIterator<Item = (&'a str, FieldValue<'a>)>,
    time: Option<i64>,
) -> Result<(), PrintError> {
    check_name("measurement", measurement)?;
    for (key, value) in &tags.0 {
        check_name("tag key", key)?;
        check_name("tag value", value)?;
    }
    if measurement.starts_with(['#', '\t', '\0']) {
        return Err(unwritable("measurement", measurement));
    }
    push_series(out, measurement, &tags.0);
    let mut separator = b' ';
    for (key, value) in fields {
        check_field_key(key, separator == b' ')?;
        out.push(separator);
        separator = b',';
        push_escaped(out, key, b",= ", b"\"");
        out.push(b'=');
        push_value(out, key, value)?;
    }
    if separator == b' ' {
        return Err(PrintError::NoFields);
    }
    if let Some(time) = time {
        push_display(out, format_args!(" {time}"));
    }
    Ok(())
}

fn unwritable(role: &'static str, name: &str) -> PrintError {
    PrintError::Name {
        role,
        name: name.to_owned(),
    }
}

fn check_name(role: &'static str, name: &str) -> Result<(), PrintError> {
    if name.is_empty() || name.ends_with('\\') || name.contains('\n') {
        return Err(unwritable(role, name));
    }
    Ok(())
}

/// In a field key InfluxDB reads backslashes in pairs at first, so that one
/// before an escaped character takes the escape away.
fn check_field_key(key: &str, first: bool) -> Result<(), PrintError> {
    check_name("field key", key)?;
    let blank = first && key.starts_with(['\t', '\0']);
    let taken = ["\\,", "\\=", "\\ "].iter().any(|pair| key.contains(pair));
    if blank || taken || key == "time" {
        return Err(unwritable("field key", key));
    }
    Ok(())
}

/// Appends measurement and tags. For whatever line protocol can express, equal
/// texts mean equal series.
pub(super) fn push_series(out: &mut Vec<u8>, measurement: &str, tags: &[(String, String)]) {
    push_escaped(out, measurement, b", ", b"=\"");
    for (key, value) in tags {
        out.push(b',');
        push_escaped(out, key, b",= ", b"");
        out.push(b'=');
        push_escaped(out, value, b",= ", b"");
    }
}

/// Appends `text` with a backslash before each byte of `always`, and before
/// each of `after_backslash` that follows a backslash, which would otherwise be
/// read as its escape.
fn push_escaped(out: &mut Vec<u8>, text: &str, always: &[u8], after_backslash: &[u8]) {
    let mut previous = 0;
    for &byte in text.as_bytes() {
        if always.contains(&byte) || (previous == b'\\' && after_backslash.contains(&byte)) {
            out.push(b'\\');
        }
        out.push(byte);
        previous = byte;
    }
}

fn push_value(out: &mut Vec<u8>, key: &str, value: FieldValue<'_>) -> Result<(), PrintError> {
    match value {
        FieldValue::Float(value) if !value.is_finite() => {
            return Err(PrintError::NotFinite(key.to_owned()));
        }
        // Rust prints the shortest digits that read back as the same number,
        // without an exponent.
        FieldValue::Float(value) => push_display(out, format_args!("{value}")),
        FieldValue::Integer(value) => push_display(out, format_args!("{value}i")),
        FieldValue::Unsigned(value) => push_display(out, format_args!("{value}u")),
        FieldValue::Boolean(value) => push_display(out, format_args!("{value}")),
        FieldValue::String(value) => {
            out.push(b'"');
            for &byte in value.as_bytes() {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(b'"');
        }
    }
    Ok(())
}

fn push_display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}
