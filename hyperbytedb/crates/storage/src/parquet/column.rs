//! Reads chosen rows of a column of numbers of 64 bits.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBufferBuilder, Float64Array, Int64Array, TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, TimeUnit};
use parquet::basic::{CompressionCodec, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::offset_index::PageLocation;

use super::footer::Footer;
use super::page::{Header, Packing, PageError, Scratch};
use crate::files::ReadAt;

/// Bytes that are read at once, about.
const READ_BYTES: i64 = 1 << 20;
/// Rows that memory is taken for before they are read.
const CAPACITY_MAX: u64 = 1 << 20;
const FEWER_ROWS: &str = "it holds fewer rows than its list of series says";
/// More than any page is a sign of damage.
const READ_BYTES_MAX: usize = 1 << 28;

/// Reads the rows (of the whole file, rising and apart); `None` when the column is one
/// that only the Parquet library reads.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read(
    file: &dyn ReadAt,
    footer: &Footer,
    leaf: usize,
    rows: &[Range<u64>],
    scratch: &mut Scratch,
) -> Result<Option<ArrayRef>, PageError> {
    let metadata = footer.metadata.metadata();
    let data_type = footer.metadata.schema().field(leaf).data_type();
    if !is_readable(metadata, leaf, data_type) {
        return Ok(None);
    }
    let Some(offsets) = metadata.offset_index() else {
        return Ok(None);
    };
    let total: u64 = rows.iter().map(|rows| rows.end - rows.start).sum();
    let there: i64 = metadata
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .sum();
    if rows
        .last()
        .is_some_and(|rows| rows.end > there.unsigned_abs())
    {
        return Err(PageError::Damaged(FEWER_ROWS));
    }
    let mut out = Values::with_capacity(total.min(CAPACITY_MAX) as usize);
    let (mut start, mut rest) = (0_u64, rows);
    for (group, places) in metadata.row_groups().iter().zip(offsets) {
        let end = start + group.num_rows() as u64;
        let count = rest.partition_point(|rows| rows.start < end);
        if count > 0 {
            let places = places
                .get(leaf)
                .map_or(&[][..], |places| places.page_locations());
            let chunk = ChunkReader {
                file,
                footer,
                places,
                dictionary_at: group.column(leaf).dictionary_page_offset(),
                start,
                end,
            };
            if !chunk.read(&rest[..count], scratch, &mut out)? {
                return Ok(None);
            }
            // The last one may go on in the next row group.
            let done = rest[..count].partition_point(|rows| rows.end <= end);
            rest = &rest[done..];
        }
        start = end;
    }
    if out.bits.len() as u64 != total {
        return Err(PageError::Damaged(FEWER_ROWS));
    }
    Ok(out.into_array(data_type))
}

fn is_readable(metadata: &ParquetMetaData, leaf: usize, data_type: &DataType) -> bool {
    let is_number = matches!(
        data_type,
        DataType::Int64
            | DataType::UInt64
            | DataType::Float64
            | DataType::Timestamp(TimeUnit::Nanosecond, _)
    );
    let plain = |column: &parquet::schema::types::ColumnDescPtr| {
        matches!(column.physical_type(), Type::INT64 | Type::DOUBLE)
            && column.max_rep_level() == 0
            && column.max_def_level() <= 1
    };
    let columns = metadata.file_metadata().schema_descr().columns();
    is_number
        && columns.get(leaf).is_some_and(plain)
        && metadata
            .row_groups()
            .iter()
            .all(|group| group.column(leaf).compression_codec() == CompressionCodec::ZSTD)
}

/// Values and which of them are null.
struct Values {
    bits: Vec<i64>,
    /// From the first null on.
    valid: Option<BooleanBufferBuilder>,
}

impl Values {
    fn with_capacity(rows: usize) -> Self {
        Self {
            bits: Vec::with_capacity(rows),
            valid: None,
        }
    }

    /// Says of the latest rows that they have values.
    fn mark_valid(&mut self) {
        if let Some(valid) = &mut self.valid {
            valid.append_n(self.bits.len() - valid.len(), true);
        }
    }

    fn into_array(mut self, data_type: &DataType) -> Option<ArrayRef> {
        self.mark_valid();
        let nulls = self.valid.map(|mut valid| NullBuffer::new(valid.finish()));
        let length = self.bits.len();
        let buffer = Buffer::from_vec(self.bits);
        Some(match data_type {
            DataType::Int64 => {
                Arc::new(Int64Array::new(ScalarBuffer::new(buffer, 0, length), nulls))
            }
            DataType::UInt64 => Arc::new(UInt64Array::new(
                ScalarBuffer::new(buffer, 0, length),
                nulls,
            )),
            DataType::Float64 => Arc::new(Float64Array::new(
                ScalarBuffer::new(buffer, 0, length),
                nulls,
            )),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
                let values = ScalarBuffer::new(buffer, 0, length);
                let array = TimestampNanosecondArray::new(values, nulls);
                Arc::new(array.with_timezone_opt(zone.clone()))
            }
            _ => return None,
        })
    }
}

/// The column in one row group.
struct ChunkReader<'a> {
    file: &'a dyn ReadAt,
    footer: &'a Footer,
    places: &'a [PageLocation],
    dictionary_at: Option<i64>,
    /// Rows of the file that the row group has.
    start: u64,
    end: u64,
}

impl ChunkReader<'_> {
    /// Appends the rows; `false` when a page is of a kind that is not read here.
    fn read(
        &self,
        rows: &[Range<u64>],
        scratch: &mut Scratch,
        out: &mut Values,
    ) -> Result<bool, PageError> {
        let wanted = self.pages_of(rows);
        let mut dictionary: Option<Arc<[i64]>> = None;
        let mut read = std::mem::take(&mut scratch.read);
        let mut rest = wanted.as_slice();
        while let [first, ..] = rest {
            let count = self.together(rest);
            let from = self.places[*first].offset;
            let to = end_of(&self.places[rest[count - 1]]);
            read_at(self.file, from..to, &mut read)?;
            for page in &rest[..count] {
                let place = &self.places[*page];
                let at = (place.offset - from) as usize;
                let bytes = read.get(at..).unwrap_or_default();
                let (header, body) = header_of(bytes)?;
                let Some(packing) = header.packing() else {
                    return Ok(false);
                };
                if packing == Packing::Dictionary && dictionary.is_none() {
                    dictionary = Some(self.dictionary(scratch)?);
                }
                let dictionary = dictionary.as_deref().unwrap_or_default();
                self.append(*page, rows, &header, body, dictionary, scratch, out)?;
            }
            rest = &rest[count..];
        }
        scratch.read = read;
        Ok(true)
    }

    /// The rows of the file that a page has.
    fn rows_of(&self, page: usize) -> Range<u64> {
        let at = |page: &PageLocation| self.start + page.first_row_index.max(0) as u64;
        let end = self.places.get(page + 1).map_or(self.end, at);
        at(&self.places[page])..end
    }

    /// The pages that hold some of the rows.
    fn pages_of(&self, rows: &[Range<u64>]) -> Vec<usize> {
        let mut pages: Vec<usize> = Vec::new();
        for rows in rows {
            let begins_before = |place: &PageLocation| {
                self.start + place.first_row_index.max(0) as u64 <= rows.start
            };
            let first = self.places.partition_point(begins_before).saturating_sub(1);
            let first = pages.last().map_or(first, |last| first.max(last + 1));
            let reached =
                (first..self.places.len()).take_while(|page| self.rows_of(*page).start < rows.end);
            pages.extend(reached);
        }
        pages
    }

    /// How many of the pages lie side by side and are read at once.
    fn together(&self, pages: &[usize]) -> usize {
        let first = self.places[pages[0]].offset;
        let near = pages.windows(2).take_while(|pair| {
            let end = end_of(&self.places[pair[1]]);
            pair[1] == pair[0] + 1 && end.saturating_sub(first) <= READ_BYTES
        });
        near.count() + 1
    }

    fn dictionary(&self, scratch: &mut Scratch) -> Result<Arc<[i64]>, PageError> {
        let damaged = PageError::Damaged("a dictionary is missing");
        let (Some(at), Some(first)) = (self.dictionary_at, self.places.first()) else {
            return Err(damaged);
        };
        let place = (self.footer.number, at);
        if let Some(values) = self.footer.dictionaries.get(place) {
            return Ok(values);
        }
        let mut bytes = Vec::new();
        read_at(self.file, at..first.offset, &mut bytes)?;
        let (header, body) = header_of(&bytes)?;
        if !header.is_dictionary() {
            return Err(damaged);
        }
        let values: Arc<[i64]> = scratch.dictionary(&header, body)?.into();
        self.footer.dictionaries.keep(place, values.clone());
        Ok(values)
    }

    /// Appends those rows that the page has.
    #[allow(clippy::too_many_arguments)]
    fn append(
        &self,
        page: usize,
        rows: &[Range<u64>],
        header: &Header,
        body: &[u8],
        dictionary: &[i64],
        scratch: &mut Scratch,
        out: &mut Values,
    ) -> Result<(), PageError> {
        let of_page = self.rows_of(page);
        if of_page.end.checked_sub(of_page.start) != Some(header.values as u64) {
            return Err(PageError::Damaged(
                "a page has other rows than the index says",
            ));
        }
        let first = rows.partition_point(|rows| rows.end <= of_page.start);
        let parts = rows[first..]
            .iter()
            .take_while(|rows| rows.start < of_page.end)
            .map(|rows| {
                let from = rows.start.max(of_page.start) - of_page.start;
                let to = rows.end.min(of_page.end) - of_page.start;
                from as usize..to as usize
            });
        let parts: Vec<Range<usize>> = parts.collect();
        let wanted = parts.last().map_or(0, |part| part.end);
        if header.nulls == 0 && parts.len() == 1 && parts[0].start == 0 {
            // Straight to where they are to be.
            scratch.values(header, body, dictionary, wanted, &mut out.bits)?;
            out.mark_valid();
            return Ok(());
        }
        let mut values = std::mem::take(&mut scratch.values);
        values.clear();
        let levels = scratch.levels(header, body, wanted)?.map(<[u32]>::to_vec);
        let present = match &levels {
            Some(levels) => levels.iter().filter(|level| **level == 1).count(),
            None => wanted,
        };
        scratch.values(header, body, dictionary, present, &mut values)?;
        match &levels {
            None => {
                for part in parts {
                    out.bits.extend_from_slice(&values[part]);
                }
                out.mark_valid();
            }
            Some(levels) => append_nullable(&parts, levels, &values, out),
        }
        scratch.values = values;
        Ok(())
    }
}

fn append_nullable(parts: &[Range<usize>], levels: &[u32], values: &[i64], out: &mut Values) {
    let before = out.bits.len();
    let valid = out.valid.get_or_insert_with(|| {
        let mut valid = BooleanBufferBuilder::new(before);
        valid.append_n(before, true);
        valid
    });
    let mut rest = values.iter();
    let mut at = 0;
    for part in parts {
        let skipped = levels[at..part.start]
            .iter()
            .filter(|level| **level == 1)
            .count();
        if skipped > 0 {
            rest.nth(skipped - 1);
        }
        for level in &levels[part.clone()] {
            let value = (*level == 1).then(|| rest.next().copied()).flatten();
            valid.append(value.is_some());
            out.bits.push(value.unwrap_or(0));
        }
        at = part.end;
    }
}

fn header_of(bytes: &[u8]) -> Result<(Header, &[u8]), PageError> {
    let damaged = PageError::Damaged("the header of a page is damaged");
    let Some(header) = Header::read(bytes) else {
        return Err(damaged);
    };
    match bytes.get(header.length..header.length + header.compressed) {
        Some(body) => Ok((header, body)),
        None => Err(damaged),
    }
}

fn end_of(page: &PageLocation) -> i64 {
    page.offset
        .saturating_add(i64::from(page.compressed_page_size))
}

/// Replaces the buffer by bytes of a file.
fn read_at(file: &dyn ReadAt, bytes: Range<i64>, out: &mut Vec<u8>) -> Result<(), PageError> {
    let length = usize::try_from(bytes.end.saturating_sub(bytes.start));
    let (Ok(from), Ok(length @ ..=READ_BYTES_MAX)) = (u64::try_from(bytes.start), length) else {
        return Err(PageError::Damaged("the index of the pages is damaged"));
    };
    out.clear();
    out.resize(length, 0);
    file.read_exact_at(out, from)?;
    Ok(())
}
