//! Which encoding makes a column smallest: picked by type, decided by measuring.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// How a column's values are laid out before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnEncoding {
    /// A dictionary, plain values when it grows too large.
    Dictionary,
    Plain(Encoding),
}

/// Rows that are encoded on trial, at two places of the column.
const SAMPLE_ROWS: usize = 8_192;

/// zstd at the level that all files use.
#[must_use]
pub fn compression() -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default())
}

fn candidates(data_type: &DataType) -> &'static [ColumnEncoding] {
    use ColumnEncoding::{Dictionary, Plain};
    match data_type {
        DataType::Int64 | DataType::UInt64 => &[Plain(Encoding::DELTA_BINARY_PACKED), Dictionary],
        DataType::Float64 => &[
            Dictionary,
            Plain(Encoding::BYTE_STREAM_SPLIT),
            Plain(Encoding::PLAIN),
        ],
        DataType::Utf8 => &[Dictionary, Plain(Encoding::DELTA_LENGTH_BYTE_ARRAY)],
        DataType::Boolean => &[Plain(Encoding::RLE)],
        DataType::Timestamp(_, _) => &[Plain(Encoding::DELTA_BINARY_PACKED)],
        _ => &[Dictionary],
    }
}

/// The encoding under which a sample of the column is smallest.
///
/// # Errors
/// When Parquet refuses to write the sample.
pub fn choose(values: &ArrayRef) -> Result<ColumnEncoding, ParquetError> {
    let candidates = candidates(values.data_type());
    let [first, rest @ ..] = candidates else {
        return Ok(ColumnEncoding::Dictionary);
    };
    if rest.is_empty() || values.is_empty() {
        return Ok(*first);
    }
    let sample = sample(values)?;
    let mut best = (measure(&sample, *first)?, *first);
    for candidate in rest {
        let bytes = measure(&sample, *candidate)?;
        if bytes < best.0 {
            best = (bytes, *candidate);
        }
    }
    Ok(best.1)
}

fn sample(values: &ArrayRef) -> Result<ArrayRef, ParquetError> {
    if values.len() <= 2 * SAMPLE_ROWS {
        return Ok(values.clone());
    }
    let head = values.slice(0, SAMPLE_ROWS);
    let middle = values.slice(values.len() / 2, SAMPLE_ROWS);
    Ok(concat(&[head.as_ref(), middle.as_ref()])?)
}

fn measure(sample: &ArrayRef, encoding: ColumnEncoding) -> Result<usize, ParquetError> {
    let schema = Arc::new(Schema::new(vec![Field::new(
        "v",
        sample.data_type().clone(),
        true,
    )]));
    let builder = WriterProperties::builder().set_compression(compression());
    let properties = match encoding {
        ColumnEncoding::Dictionary => builder.set_dictionary_enabled(true),
        ColumnEncoding::Plain(encoding) => {
            builder.set_dictionary_enabled(false).set_encoding(encoding)
        }
    };
    let batch = RecordBatch::try_new(schema.clone(), vec![sample.clone()])?;
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties.build()))?;
    writer.write(&batch)?;
    let metadata = writer.close()?;
    Ok(metadata
        .row_groups()
        .iter()
        .map(|group| usize::try_from(group.compressed_size()).unwrap_or(usize::MAX))
        .sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array};

    #[test]
    fn slow_counters_take_deltas_and_few_floats_a_dictionary() {
        let counter: ArrayRef = Arc::new(Int64Array::from_iter_values((0..50_000).map(|i| i * 3)));
        assert_eq!(
            choose(&counter).unwrap(),
            ColumnEncoding::Plain(Encoding::DELTA_BINARY_PACKED)
        );
        let few: ArrayRef = Arc::new(Float64Array::from_iter_values(
            // Without a pattern that compression would find by itself.
            (0..50_000_u32).map(|i| f64::from((i.wrapping_mul(2_654_435_761) >> 13) % 37) / 3.0),
        ));
        assert_eq!(choose(&few).unwrap(), ColumnEncoding::Dictionary);
    }
}
