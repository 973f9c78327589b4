//! MessagePack. Its arrays begin with their length, so that a document is put out
//! when it is complete; lengths are written in four bytes and filled in at the end.

use arrow::array::Array;
use chrono_tz::Tz;

use super::{Encode, Epoch, Message, Options};
use crate::query::column::Column;
use crate::query::output::SeriesChunk;
use crate::query::value::Value;

/// Writes results as MessagePack; times are the extension type 5 (seconds in eight
/// bytes, nanoseconds in four) unless an epoch is asked for.
#[derive(Debug)]
pub struct MsgpackEncoder {
    options: Options,
    document: Vec<u8>,
    /// Place and count of the document's results.
    results: Option<(usize, u32)>,
    statement: Statement,
}

#[derive(Debug, Default)]
struct Statement {
    id: usize,
    messages: Vec<Message>,
    series: Vec<u8>,
    count: u32,
    /// Place of the open series' map.
    head: usize,
    /// All series of the statement go into one document.
    whole: bool,
    /// Place of the row count of the open series, and the count.
    rows: Option<(usize, u32)>,
    open: Option<SeriesChunk>,
}

impl MsgpackEncoder {
    #[must_use]
    pub fn new(options: Options) -> MsgpackEncoder {
        MsgpackEncoder {
            options,
            document: Vec::new(),
            results: None,
            statement: Statement::default(),
        }
    }

    fn close_series(&mut self, partial: bool) {
        let statement = &mut self.statement;
        if let Some((place, rows)) = statement.rows.take() {
            patch(&mut statement.series, place, rows);
            if partial {
                string("partial", &mut statement.series);
                statement.series.push(0xc3);
                // One entry more than the map was begun with.
                if let Some(head) = statement.series.get_mut(statement.head) {
                    *head += 1;
                }
            }
        }
        statement.open = None;
    }

    fn open_series(&mut self, chunk: &SeriesChunk) {
        let statement = &mut self.statement;
        let out = &mut statement.series;
        let named = !chunk.key.name.is_empty();
        let tagged = !chunk.key.tags.is_empty();
        statement.head = out.len();
        map(2 + u8::from(named) + u8::from(tagged), out);
        if named {
            string("name", out);
            string(&chunk.key.name, out);
        }
        if tagged {
            string("tags", out);
            out.push(0xdf);
            length(chunk.key.tags.len(), out);
            for (key, value) in &chunk.key.tags {
                string(key, out);
                string(value, out);
            }
        }
        string("columns", out);
        array(chunk.columns.len(), out);
        for column in chunk.columns.iter() {
            string(column, out);
        }
        string("values", out);
        statement.rows = Some((array(0, out), 0));
        statement.count += 1;
        statement.open = Some(chunk.slice(0, 0));
    }

    fn rows(&mut self, chunk: &SeriesChunk) {
        let width = chunk.values.len() + usize::from(chunk.times.is_some());
        for row in 0..chunk.rows() {
            let out = &mut self.statement.series;
            array(width, out);
            if let Some(times) = &chunk.times {
                time(times[row], self.options.epoch, out);
            }
            for column in &chunk.values {
                value(column, row, out);
            }
        }
        if let Some((_, count)) = &mut self.statement.rows {
            *count += u32::try_from(chunk.rows()).unwrap_or(u32::MAX);
        }
    }

    fn result(&mut self, partial: bool, error: Option<&str>) {
        let document = &mut self.document;
        let (_, count) = self.results.get_or_insert_with(|| {
            map(1, document);
            string("results", document);
            (array(0, document), 0)
        });
        *count += 1;
        if let Some(error) = error {
            map(1, document);
            string("error", document);
            string(error, document);
            return;
        }
        let messages = std::mem::take(&mut self.statement.messages);
        map(
            2 + u8::from(!messages.is_empty()) + u8::from(partial),
            document,
        );
        string("statement_id", document);
        integer(i64::try_from(self.statement.id).unwrap_or(0), document);
        if !messages.is_empty() {
            string("messages", document);
            array(messages.len(), document);
            for message in &messages {
                map(2, document);
                string("level", document);
                string(&message.level, document);
                string("text", document);
                string(&message.text, document);
            }
        }
        string("series", document);
        array(self.statement.count as usize, document);
        document.append(&mut self.statement.series);
        self.statement.count = 0;
        if partial {
            string("partial", document);
            document.push(0xc3);
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        if let Some((place, count)) = self.results.take() {
            patch(&mut self.document, place, count);
            out.append(&mut self.document);
        }
    }

    /// Puts a document with the rows so far out.
    fn document(&mut self, series_goes_on: bool, out: &mut Vec<u8>) {
        self.close_series(series_goes_on);
        self.result(true, None);
        self.flush(out);
    }
}

impl Encode for MsgpackEncoder {
    fn content_type(&self) -> &'static str {
        "application/x-msgpack"
    }

    fn begin_statement(
        &mut self,
        id: usize,
        _timezone: Option<Tz>,
        messages: &[Message],
        _out: &mut Vec<u8>,
    ) {
        self.statement = Statement {
            id,
            messages: messages.to_vec(),
            ..Statement::default()
        };
    }

    fn keep_whole(&mut self) {
        self.statement.whole = true;
    }

    fn chunk(&mut self, chunk: &SeriesChunk, out: &mut Vec<u8>) {
        let goes_on =
            |open: &Option<SeriesChunk>| open.as_ref().is_some_and(|open| chunk.continues(open));
        if self.statement.open.is_some() && !goes_on(&self.statement.open) {
            if self.options.chunk_rows.is_some() && !self.statement.whole {
                self.document(false, out);
            } else {
                self.close_series(false);
            }
        }
        let most = self.options.chunk_rows.filter(|_| !self.statement.whole);
        let most = most.map_or(usize::MAX, |rows| rows.max(1));
        if chunk.times.is_none() && chunk.values.is_empty() {
            self.open_series(chunk);
        }
        let mut from = 0;
        while from < chunk.rows() {
            let written = self.statement.rows.map_or(0, |(_, rows)| rows as usize);
            if written >= most {
                self.document(true, out);
                continue;
            }
            if self.statement.open.is_none() {
                self.open_series(chunk);
            }
            let rows = (chunk.rows() - from).min(most - written);
            self.rows(&chunk.slice(from, rows));
            from += rows;
        }
    }

    fn end_statement(&mut self, error: Option<&str>, out: &mut Vec<u8>) {
        self.close_series(false);
        self.result(false, error);
        if self.options.chunk_rows.is_some() {
            self.flush(out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
    }
}

/// Appends the document of a request that failed.
pub fn error(text: &str, out: &mut Vec<u8>) {
    map(1, out);
    string("error", out);
    string(text, out);
}

fn length(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

/// Begins an array; gives the place of its length.
fn array(len: usize, out: &mut Vec<u8>) -> usize {
    out.push(0xdd);
    length(len, out);
    out.len() - 4
}

fn patch(out: &mut [u8], place: usize, len: u32) {
    if let Some(bytes) = out.get_mut(place..place + 4) {
        bytes.copy_from_slice(&len.to_be_bytes());
    }
}

fn map(len: u8, out: &mut Vec<u8>) {
    out.push(0x80 | (len & 0x0f));
}

fn string(text: &str, out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(len) if len < 32 => out.push(0xa0 | len),
        Ok(len) => out.extend_from_slice(&[0xd9, len]),
        Err(_) => {
            out.push(0xdb);
            length(text.len(), out);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

fn integer(value: i64, out: &mut Vec<u8>) {
    match i8::try_from(value) {
        Ok(small) if small >= -32 => out.push(small.cast_unsigned()),
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&value.to_be_bytes());
        }
    }
}

fn time(at: i64, epoch: Epoch, out: &mut Vec<u8>) {
    if epoch != Epoch::Rfc3339 {
        return integer(at / epoch.divisor(), out);
    }
    out.extend_from_slice(&[0xc7, 12, 5]);
    out.extend_from_slice(&at.div_euclid(1_000_000_000).to_be_bytes());
    let nanos = u32::try_from(at.rem_euclid(1_000_000_000)).unwrap_or(0);
    out.extend_from_slice(&nanos.to_be_bytes());
}

fn value(column: &Column, row: usize, out: &mut Vec<u8>) {
    match column {
        Column::Float(a) if a.is_valid(row) && a.value(row).is_finite() => {
            out.push(0xcb);
            out.extend_from_slice(&a.value(row).to_be_bytes());
        }
        Column::Integer(a) if a.is_valid(row) => integer(a.value(row), out),
        Column::Unsigned(a) if a.is_valid(row) => {
            out.push(0xcf);
            out.extend_from_slice(&a.value(row).to_be_bytes());
        }
        Column::String(a) if a.is_valid(row) => string(a.value(row), out),
        Column::Boolean(a) if a.is_valid(row) => out.push(if a.value(row) { 0xc3 } else { 0xc2 }),
        Column::Mixed(values) => match &values[row] {
            Value::Texts(texts) => {
                array(texts.len(), out);
                for text in texts {
                    string(text, out);
                }
            }
            other => value(&Column::repeated(other, 1), 0, out),
        },
        _ => out.push(0xc0),
    }
}
