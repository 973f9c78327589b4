//! Which encoding makes a column smallest: picked by type, decided by measuring.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{self, NumberEncoding};
use super::delta::Widths;

/// How a column's values are laid out before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnEncoding {
    /// Pages of our own.
    Numbers(NumberEncoding),
    /// A dictionary, plain values when it grows too large.
    Dictionary,
    Plain(Encoding),
}

/// Pages that are encoded on trial, at as many places of the column.
const SAMPLE_PAGES: usize = 2;

/// The level of zstd that all files use.
pub const ZSTD_LEVEL: i32 = 3;

/// zstd at the level that all files use.
#[must_use]
pub fn compression() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default())
}

fn candidates(data_type: &DataType) -> &'static [ColumnEncoding] {
    use ColumnEncoding::{Dictionary, Numbers, Plain};
    const ALIGNED: ColumnEncoding = Numbers(NumberEncoding::Delta(Widths::Aligned));
    const EXACT: ColumnEncoding = Numbers(NumberEncoding::Delta(Widths::Exact));
    const CODES: ColumnEncoding = Numbers(NumberEncoding::Dictionary(Widths::Exact));
    const DIGITS: ColumnEncoding = Numbers(NumberEncoding::Digits);
    const ALIGNED_CODES: ColumnEncoding = Numbers(NumberEncoding::Dictionary(Widths::Aligned));
    match data_type {
        DataType::Int64 | DataType::UInt64 => &[ALIGNED, EXACT, CODES, ALIGNED_CODES, DIGITS],
        DataType::Float64 => &[
            CODES,
            ALIGNED_CODES,
            DIGITS,
            Plain(Encoding::BYTE_STREAM_SPLIT),
            Plain(Encoding::PLAIN),
        ],
        DataType::Utf8 => &[Dictionary, Plain(Encoding::DELTA_LENGTH_BYTE_ARRAY)],
        DataType::Boolean => &[Plain(Encoding::RLE)],
        DataType::Timestamp(_, _) => &[EXACT],
        _ => &[Dictionary],
    }
}

/// The encoding under which the column is smallest, as some of its pages tell.
///
/// # Errors
/// When Parquet refuses to write them.
pub fn choose(
    column: &ColumnDescPtr,
    values: &ArrayRef,
    numbers: Option<&chunk::Numbers>,
    pages: &[Range<usize>],
) -> Result<ColumnEncoding, ParquetError> {
    let candidates = candidates(values.data_type());
    let [first, rest @ ..] = candidates else {
        return Ok(ColumnEncoding::Dictionary);
    };
    if rest.is_empty() || values.is_empty() {
        return Ok(*first);
    }
    let step = pages.len().div_ceil(SAMPLE_PAGES).max(1);
    let sample: Vec<Range<usize>> = pages.iter().step_by(step).cloned().collect();
    let mut best = None;
    for candidate in candidates {
        let Some(bytes) = measure(column, values, numbers, &sample, *candidate)? else {
            continue;
        };
        if best.is_none_or(|(least, _)| bytes < least) {
            best = Some((bytes, *candidate));
        }
    }
    Ok(best.map_or(*first, |(_, candidate)| candidate))
}

/// About how many bytes the whole column takes; `None` when it cannot be encoded so.
fn measure(
    column: &ColumnDescPtr,
    values: &ArrayRef,
    numbers: Option<&chunk::Numbers>,
    sample: &[Range<usize>],
    encoding: ColumnEncoding,
) -> Result<Option<u64>, ParquetError> {
    let rows: usize = sample.iter().map(Range::len).sum();
    let scaled = |bytes: u64| bytes * values.len() as u64 / rows.max(1) as u64;
    let ColumnEncoding::Numbers(encoding) = encoding else {
        return Ok(Some(scaled(measure_arrow(values, sample, encoding)?)));
    };
    let Some(numbers) = numbers else {
        return Ok(None);
    };
    if !numbers.allow(encoding) {
        return Ok(None);
    }
    let chunk = chunk::write(column, numbers, encoding, sample)?;
    // The dictionary is there once, however many rows there are.
    let dictionary = chunk.close.metadata.data_page_offset() as u64;
    Ok(Some(
        dictionary + scaled(chunk.bytes.len() as u64 - dictionary),
    ))
}

fn measure_arrow(
    values: &ArrayRef,
    sample: &[Range<usize>],
    encoding: ColumnEncoding,
) -> Result<u64, ParquetError> {
    let parts: Vec<ArrayRef> = sample
        .iter()
        .map(|rows| values.slice(rows.start, rows.len()))
        .collect();
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let sample = concat(&parts)?;
    let data_type = sample.data_type().clone();
    let schema = Arc::new(Schema::new(vec![Field::new("v", data_type, true)]));
    let builder = WriterProperties::builder().set_compression(compression());
    let properties = match encoding {
        ColumnEncoding::Plain(encoding) => {
            builder.set_dictionary_enabled(false).set_encoding(encoding)
        }
        _ => builder.set_dictionary_enabled(true),
    };
    let batch = RecordBatch::try_new(schema.clone(), vec![sample])?;
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties.build()))?;
    writer.write(&batch)?;
    let metadata = writer.close()?;
    let bytes = metadata
        .row_groups()
        .iter()
        .map(|group| group.compressed_size());
    Ok(bytes.sum::<i64>().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array};
    use parquet::basic::Type as Physical;
    use parquet::schema::types::{ColumnDescriptor, ColumnPath, Type};

    fn chosen(values: impl Array + 'static, physical: Physical) -> ColumnEncoding {
        let parquet_type = Type::primitive_type_builder("v", physical).build().unwrap();
        let path = ColumnPath::from("v");
        let column = Arc::new(ColumnDescriptor::new(Arc::new(parquet_type), 1, 0, path));
        let pages = [0..8_000, 8_000..16_000, 16_000..24_000];
        let values = Arc::new(values) as ArrayRef;
        let numbers = chunk::Numbers::of(&values);
        choose(&column, &values, numbers.as_ref(), &pages).unwrap()
    }

    /// Without a pattern that compression would find by itself.
    fn scattered(n: u32) -> u32 {
        n.wrapping_mul(2_654_435_761) >> 13
    }

    #[test]
    fn small_steps_take_aligned_differences() {
        let mut value = 0;
        let walk = Int64Array::from_iter_values((0..24_000).map(|n| {
            value += i64::from((scattered(n) % 4 + scattered(n + 50_000) % 4) as i32 - 3);
            value
        }));
        let aligned = NumberEncoding::Delta(Widths::Aligned);
        assert_eq!(
            chosen(walk, Physical::INT64),
            ColumnEncoding::Numbers(aligned)
        );
    }

    #[test]
    fn few_different_numbers_take_a_dictionary() {
        let is_dictionary = |encoding: ColumnEncoding| {
            matches!(
                encoding,
                ColumnEncoding::Numbers(NumberEncoding::Dictionary(_))
            )
        };
        let few = (0..24_000).map(|n| f64::from(scattered(n) % 37) / 3.0);
        let few = chosen(Float64Array::from_iter_values(few), Physical::DOUBLE);
        assert!(is_dictionary(few), "{few:?}");
        let far = (0..24_000).map(|n| i64::from(scattered(n) % 5) * 1_000_000_007);
        let far = chosen(Int64Array::from_iter_values(far), Physical::INT64);
        assert!(is_dictionary(far), "{far:?}");
    }

    #[test]
    fn noise_with_two_decimals_takes_digits() {
        let noise = (0..24_000).map(|n| f64::from(scattered(n) % 10_001) / 100.0);
        assert_eq!(
            chosen(Float64Array::from_iter_values(noise), Physical::DOUBLE),
            ColumnEncoding::Numbers(NumberEncoding::Digits)
        );
    }

    #[test]
    fn full_floats_take_none() {
        let full = (0..24_000).map(|n| f64::from(scattered(n)).sqrt());
        let encoding = chosen(Float64Array::from_iter_values(full), Physical::DOUBLE);
        assert!(matches!(encoding, ColumnEncoding::Plain(_)), "{encoding:?}");
    }
}
