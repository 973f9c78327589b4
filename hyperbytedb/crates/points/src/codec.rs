//! The encoding of a batch that the write-ahead log keeps and replication sends.
//!
//! # Format, version 1
//!
//! All fixed-width numbers are little-endian. `varint` is LEB128: seven bits a
//! byte, lowest first, the high bit set on all but the last byte. `zigzag` is a
//! varint of `(n << 1) ^ (n >> 63)`. `text` is a varint length and that many
//! bytes of UTF-8. `bits(n)` are n bits in `ceil(n / 8)` bytes, lowest first,
//! the unused ones zero.
//!
//! ```text
//! batch   = 0x01 varint(tables) table*
//! table   = text(measurement) varint(rows)
//!           unit:u8 integers(rows)            times, divided by the unit:
//!                                             0 = 1, 1 = 10^3, 2 = 10^6, 3 = 10^9 ns
//!           varint(series) tagset*
//!           places                            the series of each row
//!           varint(columns) column*
//! tagset  = varint(tags) tag*
//! tag     = 0                                 equal to the tag at the same place
//!                                             of the tag set before
//!         | 1 text(value)                     only its key is equal
//!         | 2 text(key) text(value)
//! places  = 0                                 row number modulo number of series
//!         | 1 u8*rows | 2 u16*rows | 4 u32*rows
//! column  = text(name) type:u8 presence values
//! type    = 0 float | 1 integer | 2 unsigned | 3 string | 4 boolean
//! presence = 0                                every row has the field
//!         | 1 bits(rows)                      set: the row has it
//! values  = of the n rows that have the field:
//!   float    0 f64*n | 1 integers(n)          all are whole numbers
//!   integer  integers(n)
//!   unsigned integers(n)                      the same 64 bits, taken as signed
//!   string   integers(n) bytes                the lengths, then all strings
//!   boolean  bits(n)
//! integers(n) =
//!     w zigzag(least) uW*n                    w = 1, 2, 4: each minus the least,
//!                                             in w bytes
//!   | 8 i64*n
//!   | 9 zigzag*n                              each minus the one before (0 before
//!                                             the first), wrapping
//! ```
//!
//! Every row costs at least a byte and every absent value a bit. Tags equal to
//! those before (marks 0 and 1) may repeat at most [`REPEAT_LIMIT`] bytes for
//! each byte of the encoding before the mark. So a decoder's memory is bounded
//! by a multiple of the length of the encoding, whatever the bytes say.

mod integers;
mod read;
mod reader;
mod write;

#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::batch::Batch;
use integers::put_varint;
use read::read_table;
use reader::Reader;
use write::put_table;

const VERSION: u8 = 1;

/// The units that times are counted in, in nanoseconds.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// So many bytes of tags may be repeated for each encoded byte.
pub const REPEAT_LIMIT: usize = 64;

/// Bytes that are no encoded batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    #[error("the batch ends too early")]
    Truncated,
    #[error("{0} bytes follow the batch")]
    Trailing(usize),
    #[error("the batch has format {0}, which this version does not know")]
    Version(u8),
    #[error("the batch has an unknown {what} {found}")]
    Unknown { what: &'static str, found: u8 },
    #[error("a number of the batch is out of range")]
    Number,
    #[error("a text of the batch is not UTF-8")]
    Text,
    #[error("a row of the batch has no series")]
    Series,
    #[error("the batch repeats more tags than its length allows")]
    Repeats,
}

impl Batch {
    /// The encoding of the batch. Each column must have as many values as its
    /// table has rows; the values of absent rows are not kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_hint());
        out.push(VERSION);
        put_varint(&mut out, self.tables.len() as u64);
        for table in &self.tables {
            put_table(&mut out, table);
        }
        out
    }

    /// Reads an encoding. Absent rows get the default value of their type.
    pub fn decode(bytes: &[u8]) -> Result<Batch, CodecError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            VERSION => {}
            other => return Err(CodecError::Version(other)),
        }
        let mut tables = Vec::new();
        for _ in 0..reader.varint()? {
            tables.push(read_table(&mut reader)?);
        }
        match reader.remaining() {
            0 => Ok(Batch { tables }),
            rest => Err(CodecError::Trailing(rest)),
        }
    }

    /// A guess at the length of the encoding that spares most growing.
    fn encoded_hint(&self) -> usize {
        let cells: usize = self
            .tables
            .iter()
            .map(|table| table.rows() * (table.fields.len() + 2) + 64 * table.series.len())
            .sum();
        64 + 4 * cells
    }
}
