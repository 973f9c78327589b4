//! JSON, byte for byte as Go's encoder prints it.

use arrow::array::Array;
use chrono_tz::Tz;

use super::{Encode, Epoch, Message, Options, number, time};
use crate::query::column::Column;
use crate::query::output::SeriesChunk;
use crate::query::value::Value;

/// InfluxDB computes a result in portions of so many rows of a series. Where it puts
/// them together into one document, the mark of the first portion stays: a longer
/// series says that it is partial although it is whole.
const MERGED_ROWS: usize = 10_000;

/// Writes results as JSON: everything in one document, or with
/// [`Options::chunk_rows`] a document for each chunk of a series.
#[derive(Debug)]
pub struct JsonEncoder {
    options: Options,
    timezone: Option<Tz>,
    id: usize,
    messages: Vec<Message>,
    /// Statements begun in the open document.
    statements: usize,
    /// The series whose rows are being written (an empty slice of it).
    open: Option<SeriesChunk>,
    /// Rows with a time that the open series has so far.
    open_rows: usize,
    /// Whether the series written last has rows already.
    has_rows: bool,
    /// With chunks: rows that wait until it is known what follows them.
    waiting: Vec<SeriesChunk>,
    waiting_rows: usize,
    /// All series of the statement go into one document.
    whole: bool,
    depth: usize,
}

impl JsonEncoder {
    #[must_use]
    pub fn new(options: Options) -> JsonEncoder {
        JsonEncoder {
            options,
            timezone: None,
            id: 0,
            messages: Vec::new(),
            statements: 0,
            open: None,
            open_rows: 0,
            has_rows: false,
            waiting: Vec::new(),
            waiting_rows: 0,
            whole: false,
            depth: 0,
        }
    }

    fn line(&self, out: &mut Vec<u8>) {
        if self.options.pretty {
            out.push(b'\n');
            out.resize(out.len() + 4 * self.depth, b' ');
        }
    }

    fn enter(&mut self, bracket: u8, out: &mut Vec<u8>) {
        out.push(bracket);
        self.depth += 1;
        self.line(out);
    }

    fn leave(&mut self, bracket: u8, out: &mut Vec<u8>) {
        self.depth = self.depth.saturating_sub(1);
        self.line(out);
        out.push(bracket);
    }

    fn next(&self, out: &mut Vec<u8>) {
        out.push(b',');
        self.line(out);
    }

    fn key(&self, name: &str, out: &mut Vec<u8>) {
        string(name, out);
        out.push(b':');
        if self.options.pretty {
            out.push(b' ');
        }
    }

    fn begin_document(&mut self, out: &mut Vec<u8>) {
        self.enter(b'{', out);
        self.key("results", out);
        if self.statements == 0 {
            self.statements = 1;
            self.enter(b'[', out);
        }
    }

    fn end_document(&mut self, out: &mut Vec<u8>) {
        self.leave(b']', out);
        self.leave(b'}', out);
        out.push(b'\n');
        self.statements = 0;
    }

    fn begin_result(&mut self, out: &mut Vec<u8>) {
        self.enter(b'{', out);
        self.key("statement_id", out);
        number::unsigned(self.id as u64, out);
    }

    fn strings<'s>(&mut self, texts: impl Iterator<Item = &'s String>, out: &mut Vec<u8>) {
        self.enter(b'[', out);
        for (place, text) in texts.enumerate() {
            if place > 0 {
                self.next(out);
            }
            string(text, out);
        }
        self.leave(b']', out);
    }

    fn begin_series(&mut self, series: &SeriesChunk, out: &mut Vec<u8>) {
        self.enter(b'{', out);
        if !series.key.name.is_empty() {
            self.key("name", out);
            string(&series.key.name, out);
            self.next(out);
        }
        if !series.key.tags.is_empty() {
            self.key("tags", out);
            self.enter(b'{', out);
            for (place, (key, value)) in series.key.tags.iter().enumerate() {
                if place > 0 {
                    self.next(out);
                }
                self.key(key, out);
                string(value, out);
            }
            self.leave(b'}', out);
            self.next(out);
        }
        self.key("columns", out);
        self.strings(series.columns.iter(), out);
        self.has_rows = false;
    }

    fn end_series(&mut self, partial: bool, out: &mut Vec<u8>) {
        if self.has_rows {
            self.leave(b']', out);
        }
        if partial {
            self.next(out);
            self.key("partial", out);
            out.extend_from_slice(b"true");
        }
        self.leave(b'}', out);
    }

    fn rows(&mut self, chunk: &SeriesChunk, out: &mut Vec<u8>) {
        for row in 0..chunk.rows() {
            if self.has_rows {
                self.next(out);
            } else {
                self.next(out);
                self.key("values", out);
                self.enter(b'[', out);
                self.has_rows = true;
            }
            self.enter(b'[', out);
            let mut first = true;
            if let Some(times) = &chunk.times {
                self.time(times[row], out);
                first = false;
            }
            for column in &chunk.values {
                if !first {
                    self.next(out);
                }
                first = false;
                self.cell(column, row, out);
            }
            self.leave(b']', out);
        }
    }

    fn cell(&mut self, column: &Column, row: usize, out: &mut Vec<u8>) {
        if let Column::Mixed(values) = column {
            match &values[row] {
                Value::Texts(texts) => self.strings(texts.iter(), out),
                other => value(&Column::repeated(other, 1), 0, out),
            }
        } else {
            value(column, row, out);
        }
    }

    fn time(&self, at: i64, out: &mut Vec<u8>) {
        match self.options.epoch {
            Epoch::Rfc3339 => {
                out.push(b'"');
                time::rfc3339(at, self.timezone, out);
                out.push(b'"');
            }
            unit => time::epoch(at, unit.divisor(), out),
        }
    }

    fn end_result(&mut self, partial: bool, error: Option<&str>, out: &mut Vec<u8>) {
        let messages = std::mem::take(&mut self.messages);
        if !messages.is_empty() {
            self.next(out);
            self.key("messages", out);
            self.enter(b'[', out);
            for (place, message) in messages.iter().enumerate() {
                if place > 0 {
                    self.next(out);
                }
                self.enter(b'{', out);
                self.key("level", out);
                string(&message.level, out);
                self.next(out);
                self.key("text", out);
                string(&message.text, out);
                self.leave(b'}', out);
            }
            self.leave(b']', out);
        }
        if partial {
            self.next(out);
            self.key("partial", out);
            out.extend_from_slice(b"true");
        }
        if let Some(error) = error {
            self.next(out);
            self.key("error", out);
            string(error, out);
        }
        self.leave(b'}', out);
    }

    /// A document of its own with the rows that wait.
    fn document(
        &mut self,
        series_goes_on: bool,
        more: bool,
        error: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        self.begin_document(out);
        self.begin_result(out);
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_rows = 0;
        if let Some(first) = waiting.first() {
            self.next(out);
            self.key("series", out);
            self.enter(b'[', out);
            self.begin_series(first, out);
            for (place, chunk) in waiting.iter().enumerate() {
                if place > 0 && !chunk.continues(&waiting[place - 1]) {
                    self.end_series(false, out);
                    self.next(out);
                    self.begin_series(chunk, out);
                }
                self.rows(chunk, out);
            }
            self.end_series(series_goes_on, out);
            self.leave(b']', out);
        }
        self.end_result(more, error, out);
        self.end_document(out);
    }

    fn wait(&mut self, chunk: &SeriesChunk, most: usize, out: &mut Vec<u8>) {
        if self.whole {
            if chunk.rows() > 0 || is_bare(chunk) {
                self.waiting.push(chunk.clone());
            }
            return;
        }
        let same = self.waiting.last().map(|last| chunk.continues(last));
        if same == Some(false) {
            self.document(false, true, None, out);
        }
        let mut from = 0;
        while from < chunk.rows() {
            if self.waiting_rows >= most {
                self.document(true, true, None, out);
            }
            let rows = (chunk.rows() - from).min(most - self.waiting_rows);
            self.waiting.push(chunk.slice(from, rows));
            self.waiting_rows += rows;
            from += rows;
        }
    }
}

impl Encode for JsonEncoder {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn begin_statement(
        &mut self,
        id: usize,
        timezone: Option<Tz>,
        messages: &[Message],
        out: &mut Vec<u8>,
    ) {
        self.id = id;
        self.timezone = timezone;
        self.messages = messages.to_vec();
        self.whole = false;
        if self.options.chunk_rows.is_some() {
            return;
        }
        if self.statements == 0 {
            self.begin_document(out);
        } else {
            self.statements += 1;
            self.next(out);
        }
        self.begin_result(out);
    }

    fn keep_whole(&mut self) {
        self.whole = true;
    }

    fn chunk(&mut self, chunk: &SeriesChunk, out: &mut Vec<u8>) {
        if let Some(most) = self.options.chunk_rows {
            return self.wait(chunk, most.max(1), out);
        }
        if chunk.rows() == 0 && !is_bare(chunk) {
            return;
        }
        let goes_on = self.open.as_ref().map(|open| chunk.continues(open));
        match goes_on {
            Some(true) => {}
            Some(false) => {
                self.end_series(self.open_rows > MERGED_ROWS, out);
                self.next(out);
                self.begin_series(chunk, out);
            }
            None => {
                self.next(out);
                self.key("series", out);
                self.enter(b'[', out);
                self.begin_series(chunk, out);
            }
        }
        if goes_on != Some(true) {
            self.open = Some(chunk.slice(0, 0));
            self.open_rows = 0;
        }
        if chunk.times.is_some() {
            self.open_rows += chunk.rows();
        }
        self.rows(chunk, out);
    }

    fn end_statement(&mut self, error: Option<&str>, out: &mut Vec<u8>) {
        if self.options.chunk_rows.is_some() {
            return self.document(false, false, error, out);
        }
        if self.open.take().is_some() {
            self.end_series(self.open_rows > MERGED_ROWS, out);
            self.leave(b']', out);
        }
        self.end_result(false, error, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.options.chunk_rows.is_some() {
            return;
        }
        if self.statements == 0 {
            out.extend_from_slice(b"{\"results\":[]}\n");
            return;
        }
        self.end_document(out);
    }
}

/// A table without rows that is shown with its columns.
fn is_bare(chunk: &SeriesChunk) -> bool {
    chunk.times.is_none() && chunk.values.is_empty()
}

#[inline]
fn value(column: &Column, row: usize, out: &mut Vec<u8>) {
    match column {
        Column::Float(a) if a.is_valid(row) && a.value(row).is_finite() => {
            number::float(a.value(row), true, out);
        }
        Column::Integer(a) if a.is_valid(row) => number::integer(a.value(row), out),
        Column::Unsigned(a) if a.is_valid(row) => number::unsigned(a.value(row), out),
        Column::String(a) if a.is_valid(row) => string(a.value(row), out),
        Column::Boolean(a) if a.is_valid(row) => {
            out.extend_from_slice(if a.value(row) { b"true" } else { b"false" });
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Whether a byte stands for itself in a string literal.
fn is_plain(byte: u8) -> bool {
    !matches!(byte, 0..0x20 | b'"' | b'\\' | b'<' | b'>' | b'&' | 0xe2)
}

/// Appends a string literal.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    // Without a way out in the middle, which lets the compiler look at many bytes at once.
    if bytes
        .iter()
        .fold(true, |plain, byte| plain & is_plain(*byte))
    {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    escaped(bytes, out);
    out.push(b'"');
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    let mut clean = 0;
    for (place, byte) in bytes.iter().enumerate() {
        if is_plain(*byte) {
            continue;
        }
        // U+2028 and U+2029 end lines in JavaScript.
        let separator = matches!(bytes.get(place..place + 3), Some([0xe2, 0x80, 0xa8 | 0xa9]));
        if *byte == 0xe2 && !separator {
            continue;
        }
        out.extend_from_slice(&bytes[clean..place]);
        clean = place + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0xe2 => {
                let last = if bytes[place + 2] == 0xa8 { b'8' } else { b'9' };
                out.extend_from_slice(b"\\u202");
                out.push(last);
                clean = place + 3;
            }
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(control >> 4)]);
                out.push(HEX[usize::from(control & 15)]);
            }
        }
    }
    out.extend_from_slice(&bytes[clean..]);
}
