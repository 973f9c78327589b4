//! Writes a column of numbers of 64 bits: its pages, laid out by series and encoded in
//! ways that compress well, and their index.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type,
};
use bytes::Bytes;
use parquet::basic::{Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::delta::{self, Widths};
use super::encoding::{ZSTD_LEVEL, compression};
use super::hybrid;

/// Different values that a dictionary may have.
pub const DICTIONARY_VALUES_MAX: usize = 1 << 16;
/// The part of a page's size that compression must save, so that reading it is worth
/// while: 1/16.
const SAVING_MIN: usize = 16;

/// The levels of zstd among which the first page of a column decides: where the packed
/// numbers are noise, looking for repetitions harder finds none and costs bytes.
const ZSTD_LEVELS: [i32; 2] = [ZSTD_LEVEL, 1];

/// How the numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberEncoding {
    Delta(Widths),
    /// The different values once, sorted, and for each row which one it is.
    Dictionary(Widths),
    /// A dictionary with gaps, so that a code is two digits of a byte each to the least
    /// possible base. zstd codes bytes: of noise among 10,000 values, such as
    /// measurements with two decimals, it needs 13.4 bits of each code, where a code packed
    /// into 14 bits looks to it like noise of all bytes.
    Digits,
}

/// Two digits of a byte each.
#[derive(Debug, Clone, Copy)]
struct Base(u32);

impl Base {
    /// The least in which so many numbers have two digits.
    fn of(numbers: usize) -> Self {
        Self(numbers.saturating_sub(1).isqrt() as u32 + 1)
    }

    fn code(self, number: u32) -> u32 {
        ((number / self.0) << 8) | (number % self.0)
    }
}

/// What the bits of a number mean, for the bounds of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed,
    Unsigned,
    Float,
}

/// A column of numbers of 64 bits.
pub struct Numbers {
    kind: Kind,
    bits: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
    /// As soon as somebody asked.
    distinct: OnceCell<Option<Vec<i64>>>,
}

impl Numbers {
    /// `None` when the column is of another type.
    #[must_use]
    pub fn of(array: &ArrayRef) -> Option<Self> {
        let whole = |buffer: arrow::buffer::Buffer, length| ScalarBuffer::new(buffer, 0, length);
        let length = array.len();
        let (kind, bits) = match array.data_type() {
            DataType::Int64 => {
                let values = array.as_primitive::<Int64Type>().values();
                (Kind::Signed, values.clone())
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                let values = array.as_primitive::<TimestampNanosecondType>().values();
                (Kind::Signed, values.clone())
            }
            DataType::UInt64 => {
                let values = array.as_primitive::<UInt64Type>().values();
                (Kind::Unsigned, whole(values.inner().clone(), length))
            }
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                (Kind::Float, whole(values.inner().clone(), length))
            }
            _ => return None,
        };
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        Some(Self {
            kind,
            bits,
            nulls: nulls.cloned(),
            distinct: OnceCell::new(),
        })
    }

    /// The numbers of some rows, without nulls.
    fn present(&self, rows: &Range<usize>) -> Vec<i64> {
        let bits = &self.bits[rows.clone()];
        match &self.nulls {
            None => bits.to_vec(),
            Some(nulls) => {
                let there = nulls.slice(rows.start, rows.len());
                there.valid_indices().map(|at| bits[at]).collect()
            }
        }
    }

    /// The different values, sorted by their bits; `None` when they are too many.
    #[must_use]
    pub fn distinct(&self) -> Option<&[i64]> {
        self.distinct
            .get_or_init(|| self.find_distinct())
            .as_deref()
    }

    /// Whether they can be written so.
    #[must_use]
    pub fn allow(&self, encoding: NumberEncoding) -> bool {
        match encoding {
            NumberEncoding::Delta(_) => true,
            NumberEncoding::Dictionary(_) => self.distinct().is_some(),
            // Below that one byte is enough.
            NumberEncoding::Digits => self.distinct().is_some_and(|values| values.len() > 256),
        }
    }

    fn find_distinct(&self) -> Option<Vec<i64>> {
        let mut seen = hashbrown::HashSet::with_hasher(foldhash::fast::RandomState::default());
        for (row, bits) in self.bits.iter().enumerate() {
            let there = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            if there && seen.insert(*bits) && seen.len() > DICTIONARY_VALUES_MAX {
                return None;
            }
        }
        let mut values: Vec<i64> = seen.into_iter().collect();
        values.sort_unstable();
        Some(values)
    }

    /// The lowest and highest of some values; `None` without any that has an order.
    fn bounds(&self, bits: &[i64]) -> Option<(i64, i64)> {
        match self.kind {
            Kind::Signed => Some((*bits.iter().min()?, *bits.iter().max()?)),
            Kind::Unsigned => {
                let (low, high) = bits.iter().fold((u64::MAX, 0), |(low, high), at| {
                    (low.min(*at as u64), high.max(*at as u64))
                });
                (!bits.is_empty()).then_some((low as i64, high as i64))
            }
            Kind::Float => {
                let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
                let mut any = false;
                for value in bits.iter().map(|bits| f64::from_bits(*bits as u64)) {
                    any |= !value.is_nan();
                    low = low.min(value);
                    high = high.max(value);
                }
                // Zeros compare equal whatever their sign, so the bounds hold both.
                let low = if low == 0.0 { -0.0 } else { low };
                let high = if high == 0.0 { 0.0 } else { high };
                any.then_some((low.to_bits() as i64, high.to_bits() as i64))
            }
        }
    }

    fn statistics(&self, low: i64, high: i64, nulls: u64) -> Statistics {
        match self.kind {
            Kind::Signed | Kind::Unsigned => {
                let (low, high) = (Some(low), Some(high));
                Statistics::int64(low, high, None, Some(nulls), false)
            }
            Kind::Float => {
                let value = |bits: i64| Some(f64::from_bits(bits as u64));
                Statistics::double(value(low), value(high), None, Some(nulls), false)
            }
        }
    }

    fn physical(&self) -> Type {
        match self.kind {
            Kind::Float => Type::DOUBLE,
            _ => Type::INT64,
        }
    }
}

/// The encoded column, positions counted from its own beginning.
pub struct Chunk {
    pub bytes: Bytes,
    pub close: ColumnCloseResult,
}

/// Writes the column, one page for each range of rows.
///
/// # Errors
/// When zstd fails, or a page is too large for the format.
pub fn write(
    column: &ColumnDescPtr,
    numbers: &Numbers,
    encoding: NumberEncoding,
    pages: &[Range<usize>],
) -> Result<Chunk, ParquetError> {
    let mut out = TrackedWrite::new(Vec::new());
    let mut chunk = ChunkWriter {
        numbers,
        pages: SerializedPageWriter::new(&mut out),
        compressors: ZSTD_LEVELS
            .iter()
            .map(|level| Compressor::new(*level))
            .collect::<Result<_, _>>()?,
        nullable: column.max_def_level() > 0,
        index: ColumnIndexBuilder::new(numbers.physical()),
        offsets: OffsetIndexBuilder::new(),
        bounds: None,
        nulls: 0,
        uncompressed: 0,
        compressed: 0,
    };
    let packing = match encoding {
        NumberEncoding::Delta(widths) => Packing::Delta(widths),
        _ => Packing::Codes(chunk.dictionary(encoding)?),
    };
    let data_offset = chunk.compressed;
    for rows in pages {
        chunk.page(rows, &packing)?;
    }
    let rows: usize = pages.iter().map(Range::len).sum();
    let is_dictionary = matches!(packing, Packing::Codes(_));
    let metadata = chunk.metadata(column, is_dictionary, data_offset, pages.len(), rows)?;
    let ChunkWriter { index, offsets, .. } = chunk;
    let column_index = if index.valid() {
        Some(index.build()?)
    } else {
        None
    };
    let close = ColumnCloseResult {
        bytes_written: metadata.compressed_size() as u64,
        rows_written: rows as u64,
        metadata,
        bloom_filter: None,
        column_index,
        offset_index: Some(offsets.build()),
    };
    Ok(Chunk {
        bytes: out.into_inner()?.into(),
        close,
    })
}

/// The next width whose codes do not cross bytes, or four bits.
fn aligned(width: usize) -> usize {
    match width {
        3 => 4,
        5..=7 => 8,
        9..=15 => 16,
        _ => width,
    }
}

/// The code of each value, and the bits that a code takes.
struct Codes {
    of: HashMap<i64, u32, foldhash::fast::RandomState>,
    width: usize,
}

/// How the values of a page are packed.
enum Packing {
    Delta(Widths),
    Codes(Codes),
}

struct ChunkWriter<'a> {
    numbers: &'a Numbers,
    pages: SerializedPageWriter<'a, Vec<u8>>,
    /// As many as there are levels to choose from, one as soon as one is chosen.
    compressors: Vec<Compressor<'static>>,
    nullable: bool,
    index: ColumnIndexBuilder,
    offsets: OffsetIndexBuilder,
    bounds: Option<(i64, i64)>,
    nulls: u64,
    uncompressed: usize,
    compressed: usize,
}

impl ChunkWriter<'_> {
    fn dictionary(&mut self, encoding: NumberEncoding) -> Result<Codes, ParquetError> {
        let Some(values) = self.numbers.distinct() else {
            return Err(ParquetError::General(
                "too many values for a dictionary".into(),
            ));
        };
        let last = values.len().saturating_sub(1);
        let exact = (usize::BITS - last.leading_zeros()).max(1) as usize;
        let (base, width) = match encoding {
            NumberEncoding::Digits => (Some(Base::of(values.len())), 16),
            NumberEncoding::Dictionary(Widths::Aligned) => (None, aligned(exact)),
            _ => (None, exact),
        };
        let code = |number: u32| base.map_or(number, |base| base.code(number));
        let mut entries = vec![0; code(last as u32) as usize + 1];
        for (number, value) in (0..).zip(values) {
            entries[code(number) as usize] = *value;
        }
        let plain: Vec<u8> = entries.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        let page = Page::DictionaryPage {
            buf: Compressor::new(ZSTD_LEVEL)?.compress(&plain)?.into(),
            num_values: entries.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let spec = self
            .pages
            .write_page(CompressedPage::new(page, plain.len()))?;
        self.uncompressed += spec.uncompressed_size;
        self.compressed += spec.compressed_size;
        let codes = (0..).zip(values);
        Ok(Codes {
            of: codes
                .map(|(number, value)| (*value, code(number)))
                .collect(),
            width,
        })
    }

    fn page(&mut self, rows: &Range<usize>, packing: &Packing) -> Result<(), ParquetError> {
        let values = self.numbers.present(rows);
        let mut levels = Vec::new();
        if self.nullable {
            self.levels(rows, &mut levels);
        }
        let mut plain = Vec::new();
        match packing {
            Packing::Codes(codes) => {
                let numbers: Option<Vec<u32>> = values
                    .iter()
                    .map(|value| codes.of.get(value).copied())
                    .collect();
                let numbers = numbers.ok_or_else(|| {
                    ParquetError::General("a value is not in the dictionary".into())
                })?;
                plain.push(codes.width as u8);
                hybrid::encode(&numbers, codes.width, &mut plain);
            }
            Packing::Delta(widths) => delta::encode(&values, *widths, &mut plain),
        }
        let uncompressed = levels.len() + plain.len();
        let packed = self.compress(&plain)?;
        let is_compressed = packed.len() + plain.len() / SAVING_MIN < plain.len();
        let levels_length = levels.len() as u32;
        levels.extend_from_slice(if is_compressed { &packed } else { &plain });
        let nulls = rows.len() - values.len();
        let page = Page::DataPageV2 {
            buf: levels.into(),
            num_values: rows.len() as u32,
            encoding: match packing {
                Packing::Codes(_) => Encoding::RLE_DICTIONARY,
                Packing::Delta(_) => Encoding::DELTA_BINARY_PACKED,
            },
            num_nulls: nulls as u32,
            num_rows: rows.len() as u32,
            def_levels_byte_len: levels_length,
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        };
        let offset = self.compressed as i64;
        let spec = self
            .pages
            .write_page(CompressedPage::new(page, uncompressed))?;
        self.uncompressed += spec.uncompressed_size;
        self.compressed += spec.compressed_size;
        self.nulls += nulls as u64;
        self.offsets.append_row_count(rows.len() as i64);
        self.offsets
            .append_offset_and_size(offset, spec.compressed_size as i32);
        self.bounds_of_page(&values, nulls);
        Ok(())
    }

    /// Compresses at the level that makes the first page smallest.
    fn compress(&mut self, plain: &[u8]) -> Result<Vec<u8>, ParquetError> {
        let mut best: Option<(usize, Vec<u8>)> = None;
        for (at, compressor) in self.compressors.iter_mut().enumerate() {
            let packed = compressor.compress(plain)?;
            if best
                .as_ref()
                .is_none_or(|(_, least)| packed.len() < least.len())
            {
                best = Some((at, packed));
            }
        }
        let (at, packed) = best.unwrap_or_default();
        if self.compressors.len() > 1 {
            self.compressors = vec![self.compressors.swap_remove(at)];
        }
        Ok(packed)
    }

    /// One bit a row: whether it has a value.
    fn levels(&self, rows: &Range<usize>, out: &mut Vec<u8>) {
        let levels: Vec<u32> = match &self.numbers.nulls {
            None => vec![1; rows.len()],
            Some(nulls) => {
                let there = nulls.slice(rows.start, rows.len());
                there.iter().map(u32::from).collect()
            }
        };
        hybrid::encode(&levels, 1, out);
    }

    fn bounds_of_page(&mut self, values: &[i64], nulls: usize) {
        match self.numbers.bounds(values) {
            Some((low, high)) => {
                let bytes = |bits: i64| bits.to_le_bytes().to_vec();
                self.index
                    .append(false, bytes(low), bytes(high), nulls as i64);
                let known = self
                    .bounds
                    .map_or(vec![low, high], |(a, b)| vec![a, b, low, high]);
                self.bounds = self.numbers.bounds(&known);
            }
            None if values.is_empty() => {
                self.index
                    .append(true, Vec::new(), Vec::new(), nulls as i64);
            }
            // Nothing but NaN has no bounds.
            None => self.index.to_invalid(),
        }
    }

    fn metadata(
        &self,
        column: &ColumnDescPtr,
        dictionary: bool,
        data_offset: usize,
        pages: usize,
        rows: usize,
    ) -> Result<ColumnChunkMetaData, ParquetError> {
        let stats = |page_type, encoding, count| PageEncodingStats {
            page_type,
            encoding,
            count,
        };
        let (encodings, page_stats) = if dictionary {
            (
                vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY],
                vec![
                    stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
                    stats(
                        PageType::DATA_PAGE_V2,
                        Encoding::RLE_DICTIONARY,
                        pages as i32,
                    ),
                ],
            )
        } else {
            (
                vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED],
                vec![stats(
                    PageType::DATA_PAGE_V2,
                    Encoding::DELTA_BINARY_PACKED,
                    pages as i32,
                )],
            )
        };
        let mut builder = ColumnChunkMetaData::builder(column.clone())
            .set_compression(compression())
            .set_encodings(encodings)
            .set_page_encoding_stats(page_stats)
            .set_total_compressed_size(self.compressed as i64)
            .set_total_uncompressed_size(self.uncompressed as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(data_offset as i64)
            .set_dictionary_page_offset(dictionary.then_some(0));
        if let Some((low, high)) = self.bounds {
            builder = builder.set_statistics(self.numbers.statistics(low, high, self.nulls));
        }
        builder.build()
    }
}
