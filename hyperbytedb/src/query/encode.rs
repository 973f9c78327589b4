//! Results as bytes: JSON, CSV and MessagePack as InfluxDB writes them.
//!
//! An encoder is fed with statements and their chunks and appends bytes to a buffer
//! of the caller, who may send and clear it at any time.

pub mod csv;
pub mod json;
pub mod msgpack;
mod number;
mod time;

use chrono_tz::Tz;

use super::output::SeriesChunk;

/// Unit of the times in a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Epoch {
    /// Text in RFC 3339 (CSV: nanoseconds).
    #[default]
    Rfc3339,
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Epoch {
    /// The value of the parameter `epoch`. What InfluxDB does not know means
    /// nanoseconds.
    #[must_use]
    pub fn parse(parameter: &str) -> Epoch {
        match parameter {
            "" => Epoch::Rfc3339,
            "u" => Epoch::Microseconds,
            "ms" => Epoch::Milliseconds,
            "s" => Epoch::Seconds,
            "m" => Epoch::Minutes,
            "h" => Epoch::Hours,
            _ => Epoch::Nanoseconds,
        }
    }

    /// Nanoseconds in a unit.
    fn divisor(self) -> i64 {
        match self {
            Epoch::Rfc3339 | Epoch::Nanoseconds => 1,
            Epoch::Microseconds => 1_000,
            Epoch::Milliseconds => 1_000_000,
            Epoch::Seconds => 1_000_000_000,
            Epoch::Minutes => 60_000_000_000,
            Epoch::Hours => 3_600_000_000_000,
        }
    }
}

/// A note to the client beside the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub level: String,
    pub text: String,
}

/// How a request wants its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    pub epoch: Epoch,
    /// JSON only: indented by four blanks.
    pub pretty: bool,
    /// Rows of a document with `chunked=true`; `None` puts everything into one.
    pub chunk_rows: Option<usize>,
}

/// Puts the results of a request into a format. Statements come in order; each is
/// begun, gets its chunks, and is ended or failed.
pub trait Encode: Send {
    /// Media type of the answer.
    fn content_type(&self) -> &'static str;
    /// A statement's result begins; times are printed in `timezone` (none: UTC).
    fn begin_statement(
        &mut self,
        id: usize,
        timezone: Option<Tz>,
        messages: &[Message],
        out: &mut Vec<u8>,
    );
    /// The statement that has begun is answered in one document, whatever
    /// [`Options::chunk_rows`] says: InfluxDB divides only the rows of a `SELECT`, and of
    /// what it answers by one.
    fn keep_whole(&mut self) {}
    /// Some rows.
    fn chunk(&mut self, chunk: &SeriesChunk, out: &mut Vec<u8>);
    /// The statement's result is complete, or failed with a text.
    fn end_statement(&mut self, error: Option<&str>, out: &mut Vec<u8>);
    /// There are no further statements.
    fn finish(&mut self, out: &mut Vec<u8>);
}
