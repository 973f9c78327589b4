//! Reads pages of numbers of 64 bits: header, compression, levels, values.
//!
//! The Parquet library's own reader makes a compressor and a decompressor for every
//! column of every read, which costs more than a small read itself; here they are kept.

use parking_lot::Mutex;
use zstd::bulk::Decompressor;

use super::delta::{self, take_varint, unzigzag};
use super::hybrid;

/// Why a page cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Damaged(&'static str),
}

/// Pages that are larger than this when they are decompressed are taken as damaged.
const PAGE_BYTES_MAX: usize = 1 << 28;
/// Buffers larger than this are not kept.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Scratches that are kept: more readers at one time make their own.
const SCRATCHES_MAX: usize = 16;
/// Structures within structures that a header may have.
const DEPTH_MAX: usize = 8;

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Delta,
    Dictionary,
    ByteStreamSplit,
}

/// What stands before a page.
#[derive(Debug, Default, Clone, Copy)]
pub struct Header {
    /// 2 is a dictionary, 3 a data page of version 2.
    kind: i64,
    uncompressed: usize,
    /// Bytes that follow the header.
    pub compressed: usize,
    pub values: usize,
    pub nulls: usize,
    encoding: i64,
    levels: usize,
    is_plain: bool,
    /// Bytes of the header itself.
    pub length: usize,
}

impl Header {
    /// Reads the header at the beginning of the bytes; `None` when it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut thrift = Thrift { bytes };
        let mut header = Self::default();
        let mut last = 0;
        while let Some((id, kind)) = thrift.field(&mut last)? {
            match (id, kind) {
                (1, INT) => header.kind = thrift.int()?,
                (2, INT) => header.uncompressed = thrift.size()?,
                (3, INT) => header.compressed = thrift.size()?,
                (7 | 8, STRUCT) => header.read_part(&mut thrift, id)?,
                (_, kind) => thrift.skip(kind, 0)?,
            }
        }
        header.length = bytes.len() - thrift.bytes.len();
        Some(header)
    }

    /// The part for a dictionary (7) or a data page of version 2 (8).
    fn read_part(&mut self, thrift: &mut Thrift<'_>, part: i64) -> Option<()> {
        let mut last = 0;
        while let Some((id, kind)) = thrift.field(&mut last)? {
            match (part, id, kind) {
                (_, 1, INT) => self.values = thrift.size()?,
                (7, 2, INT) | (8, 4, INT) => self.encoding = thrift.int()?,
                (8, 2, INT) => self.nulls = thrift.size()?,
                (8, 5 | 6, INT) => self.levels += thrift.size()?,
                (8, 7, FALSE) => self.is_plain = true,
                (8, 7, TRUE) => self.is_plain = false,
                (_, _, kind) => thrift.skip(kind, 0)?,
            }
        }
        Some(())
    }

    #[must_use]
    pub fn is_dictionary(&self) -> bool {
        self.kind == 2
    }

    /// How a data page's values are laid out; `None` when this is no data page of
    /// version 2, or it has another layout.
    #[must_use]
    pub fn packing(&self) -> Option<Packing> {
        match (self.kind, self.encoding) {
            (3, 0) => Some(Packing::Plain),
            (3, 5) => Some(Packing::Delta),
            (3, 2 | 8) => Some(Packing::Dictionary),
            (3, 9) => Some(Packing::ByteStreamSplit),
            _ => None,
        }
    }
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const INT: u8 = 5;
const STRUCT: u8 = 12;

/// Thrift's compact protocol, as far as headers use it.
struct Thrift<'a> {
    bytes: &'a [u8],
}

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    fn int(&mut self) -> Option<i64> {
        take_varint(&mut self.bytes).map(unzigzag)
    }

    fn size(&mut self) -> Option<usize> {
        let size = usize::try_from(self.int()?).ok()?;
        (size <= PAGE_BYTES_MAX).then_some(size)
    }

    /// Number and type of the next field, `Some(None)` at the end of the structure.
    fn field(&mut self, last: &mut i64) -> Option<Option<(i64, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *last = match byte >> 4 {
            0 => self.int()?,
            step => last.checked_add(i64::from(step))?,
        };
        Some(Some((*last, byte & 15)))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            3 => {
                self.byte()?;
            }
            4..=6 => {
                self.int()?;
            }
            7 => self.bytes = self.bytes.get(8..)?,
            8 => {
                let length = usize::try_from(take_varint(&mut self.bytes)?).ok()?;
                self.bytes = self.bytes.get(length..)?;
            }
            STRUCT if depth < DEPTH_MAX => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth + 1)?;
                }
            }
            // Lists and maps are in no header that is written today.
            _ => return None,
        }
        Some(())
    }
}

/// What reading pages needs again and again.
#[derive(Default)]
pub struct Scratch {
    decompressor: Option<Decompressor<'static>>,
    plain: Vec<u8>,
    codes: Vec<u32>,
    levels: Vec<u32>,
    /// Bytes of a file.
    pub read: Vec<u8>,
    /// Values of a page.
    pub values: Vec<i64>,
}

static SCRATCHES: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

impl Scratch {
    /// One that was given back, or a new one.
    #[must_use]
    pub fn take() -> Self {
        SCRATCHES.lock().pop().unwrap_or_default()
    }

    /// Keeps it for others.
    pub fn give_back(mut self) {
        if self.plain.capacity() > KEPT_BYTES_MAX {
            self.plain = Vec::new();
        }
        if self.read.capacity() > KEPT_BYTES_MAX {
            self.read = Vec::new();
        }
        if self.values.capacity() * 8 > KEPT_BYTES_MAX {
            self.values = Vec::new();
        }
        if self.codes.capacity() * 4 > KEPT_BYTES_MAX || self.levels.capacity() * 4 > KEPT_BYTES_MAX
        {
            (self.codes, self.levels) = (Vec::new(), Vec::new());
        }
        let mut scratches = SCRATCHES.lock();
        if scratches.len() < SCRATCHES_MAX {
            scratches.push(self);
        }
    }

    /// The part of a page behind its levels, decompressed.
    fn plain<'a>(&'a mut self, header: &Header, body: &'a [u8]) -> Result<&'a [u8], PageError> {
        let damaged = PageError::Damaged("a page is not as long as its header says");
        let Some(packed) = body.get(header.levels..) else {
            return Err(damaged);
        };
        let Some(length) = header.uncompressed.checked_sub(header.levels) else {
            return Err(damaged);
        };
        if header.is_plain {
            return Ok(packed);
        }
        self.plain.clear();
        if length > 0 {
            let decompressor = match &mut self.decompressor {
                Some(decompressor) => decompressor,
                none => none.insert(Decompressor::new()?),
            };
            self.plain.reserve(length);
            decompressor.decompress_to_buffer(packed, &mut self.plain)?;
        }
        if self.plain.len() == length {
            Ok(&self.plain)
        } else {
            Err(damaged)
        }
    }

    /// The values of a dictionary.
    ///
    /// # Errors
    /// When the page is damaged.
    pub fn dictionary(&mut self, header: &Header, body: &[u8]) -> Result<Vec<i64>, PageError> {
        let plain = self.plain(header, body)?;
        let mut values = Vec::new();
        plain_values(plain, header.values, &mut values)
            .ok_or(PageError::Damaged("a dictionary is too short"))?;
        Ok(values)
    }

    /// Which of the first `wanted` rows of a page have values: `None` when all have.
    ///
    /// # Errors
    /// When the page is damaged.
    pub fn levels(
        &mut self,
        header: &Header,
        body: &[u8],
        wanted: usize,
    ) -> Result<Option<&[u32]>, PageError> {
        if header.nulls == 0 {
            return Ok(None);
        }
        let damaged = || PageError::Damaged("the levels of a page are damaged");
        self.levels.clear();
        let levels = body.get(..header.levels).ok_or_else(damaged)?;
        hybrid::decode(levels, 1, wanted, &mut self.levels).ok_or_else(damaged)?;
        Ok(Some(&self.levels))
    }

    /// Appends the first `wanted` values of a page, which are those of rows that have
    /// one.
    ///
    /// # Errors
    /// When the page is damaged or of a layout that is not read here.
    pub fn values(
        &mut self,
        header: &Header,
        body: &[u8],
        dictionary: &[i64],
        wanted: usize,
        out: &mut Vec<i64>,
    ) -> Result<(), PageError> {
        let damaged = || PageError::Damaged("the values of a page are damaged");
        let packing = header.packing().ok_or_else(damaged)?;
        let present = header
            .values
            .checked_sub(header.nulls)
            .ok_or_else(damaged)?;
        if wanted == 0 {
            return Ok(());
        }
        let mut codes = std::mem::take(&mut self.codes);
        codes.clear();
        let plain = self.plain(header, body)?;
        let done = match packing {
            Packing::Plain => plain_values(plain, wanted, out),
            Packing::Delta => delta::decode(plain, wanted, out),
            Packing::ByteStreamSplit => split_values(plain, present, wanted, out),
            Packing::Dictionary => dictionary_values(plain, wanted, dictionary, &mut codes, out),
        };
        self.codes = codes;
        done.ok_or_else(damaged)
    }
}

fn plain_values(plain: &[u8], wanted: usize, out: &mut Vec<i64>) -> Option<()> {
    let bytes = plain.get(..wanted.checked_mul(8)?)?;
    let (values, _) = bytes.as_chunks::<8>();
    out.extend(values.iter().map(|value| i64::from_le_bytes(*value)));
    Some(())
}

/// First the first bytes of all values, then their second ones, and so on.
fn split_values(plain: &[u8], present: usize, wanted: usize, out: &mut Vec<i64>) -> Option<()> {
    if wanted > present || plain.len() < present.checked_mul(8)? {
        return None;
    }
    let from = out.len();
    out.resize(from + wanted, 0);
    for (byte, stream) in plain.chunks_exact(present).take(8).enumerate() {
        for (value, part) in out[from..].iter_mut().zip(stream) {
            *value |= ((u64::from(*part)) << (8 * byte)) as i64;
        }
    }
    Some(())
}

fn dictionary_values(
    plain: &[u8],
    wanted: usize,
    dictionary: &[i64],
    codes: &mut Vec<u32>,
    out: &mut Vec<i64>,
) -> Option<()> {
    let (width, packed) = plain.split_first()?;
    hybrid::decode(packed, usize::from(*width), wanted, codes)?;
    out.reserve(wanted);
    for code in codes.iter() {
        out.push(*dictionary.get(*code as usize)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_give_a_header_or_none_but_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Some(header) = Header::read(&bytes) {
                let mut scratch = Scratch::default();
                let body = &bytes[header.length..];
                let _ = scratch.levels(&header, body, 100);
                let _ = scratch.values(&header, body, &[1, 2], 100, &mut Vec::new());
                if header.is_dictionary() {
                    let _ = scratch.dictionary(&header, body);
                }
            }
        }
    }
}
