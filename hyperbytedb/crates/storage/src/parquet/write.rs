//! Writes sorted rows into a Parquet file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use serde::Serialize;

use super::chunk::{self, Numbers};
use super::encoding::{ColumnEncoding, choose, compression};
use super::intervals;
use super::layout;
use super::series_ranges::{self, SeriesRange};
use super::{
    COLUMNS_KEY, INTERVALS_KEY, PAGE_ROWS, ROW_GROUP_ROWS, SERIES_KEY, TAG_PAGE_ROWS, VERSIONS_KEY,
};
use crate::catalog::file::{FileEntry, VERSION_COLUMN, older_column, renamed_tags, tag_column};
use crate::catalog::record::ColumnDef;
use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::files::LocalStore;
use crate::rows::Rows;
use crate::series::{SeriesId, decode_key};

/// What to write, and under which name.
pub struct FileContents<'a> {
    pub id: u64,
    /// Below the data directory.
    pub path: String,
    /// Sorted by (key of the series, time).
    pub rows: &'a Rows,
    /// The columns that `rows` numbers.
    pub columns: &'a [ColumnDef],
    /// The key of a series number.
    pub key_of: &'a dyn Fn(SeriesId) -> Vec<u8>,
    /// Keep the version of each row, for rows that may meet others of any version.
    pub keep_versions: bool,
}

/// The role of a column, in the footer for other readers.
#[derive(Serialize)]
struct ColumnRole<'a> {
    column: String,
    role: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_type: Option<String>,
}

/// Writes and publishes the file.
///
/// # Errors
/// When the file cannot be written; nothing is visible then.
pub fn write_file(store: &LocalStore, contents: &FileContents<'_>) -> Result<FileEntry> {
    let fail = |error: ParquetError| {
        StorageError::io("cannot write file", store.path(&contents.path), error)
    };
    let ranges = series_ranges_of(contents);
    let tags = tags_of(contents, &ranges);
    let batch = batch_of(contents, &ranges, &tags).map_err(|error| fail(error.into()))?;
    let metadata = metadata_of(contents, &ranges, &tags)?;
    let (pending, file) = store.create(&contents.path)?;
    let out = BufWriter::with_capacity(1 << 18, file);
    let out = write_batch(out, &batch, &ranges, &tags, metadata).map_err(fail)?;
    let file: File = out
        .into_inner()
        .map_err(|error| fail(ParquetError::External(Box::new(error.into_error()))))?;
    pending.publish(&file)?;
    let bytes = file
        .metadata()
        .map_err(|error| StorageError::io("cannot read", store.path(&contents.path), error))?
        .len();
    Ok(entry_of(contents, &ranges, tags, bytes))
}

pub(super) fn series_ranges_of(contents: &FileContents<'_>) -> Vec<SeriesRange> {
    let rows = contents.rows;
    let mut ranges: Vec<SeriesRange> = Vec::new();
    let mut last = None;
    for (row, (series, time)) in rows.series.iter().zip(&rows.times).enumerate() {
        match ranges.last_mut() {
            Some(range) if last == Some(*series) => {
                range.rows += 1;
                range.max_time = *time;
            }
            _ => ranges.push(SeriesRange {
                key: (contents.key_of)(*series),
                first_row: row as u64,
                rows: 1,
                min_time: *time,
                max_time: *time,
            }),
        }
        last = Some(*series);
    }
    ranges
}

/// A tag of a file.
pub(super) struct TagColumn {
    key: String,
    column: String,
}

/// The tags of the series, and their columns.
pub(super) fn tags_of(contents: &FileContents<'_>, ranges: &[SeriesRange]) -> Vec<TagColumn> {
    let keys = tag_keys_of(ranges);
    let mut renamed = renamed_tags(&keys, contents.columns);
    keys.into_iter()
        .map(|key| TagColumn {
            column: renamed.remove(&key).unwrap_or_else(|| tag_column(&key)),
            key,
        })
        .collect()
}

fn tag_keys_of(ranges: &[SeriesRange]) -> Vec<String> {
    let mut keys = BTreeSet::new();
    for range in ranges {
        keys.extend(decode_key(&range.key).0.into_iter().map(|(key, _)| key));
    }
    keys.into_iter().collect()
}

/// One dictionary column: a value for each series, repeated over its rows.
pub fn tag_array<'a>(values: impl Iterator<Item = (&'a str, usize)>) -> ArrayRef {
    let mut numbers: HashMap<&str, i32> = HashMap::new();
    let mut distinct: Vec<&str> = Vec::new();
    let mut keys: Vec<i32> = Vec::new();
    for (value, rows) in values {
        let next = distinct.len() as i32;
        let number = *numbers.entry(value).or_insert(next);
        if number == next {
            distinct.push(value);
        }
        keys.extend(std::iter::repeat_n(number, rows));
    }
    let values: ArrayRef = Arc::new(StringArray::from(distinct));
    let keys = Int32Array::from(keys);
    // Every key is an index into `distinct`.
    match DictionaryArray::<Int32Type>::try_new(keys, values.clone()) {
        Ok(array) => Arc::new(array),
        Err(_) => values,
    }
}

pub(super) fn batch_of(
    contents: &FileContents<'_>,
    ranges: &[SeriesRange],
    tags: &[TagColumn],
) -> std::result::Result<RecordBatch, arrow::error::ArrowError> {
    let rows = contents.rows;
    let mut fields = vec![Field::new(
        "time",
        DataType::Timestamp(arrow::datatypes::TimeUnit::Nanosecond, Some("UTC".into())),
        false,
    )];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(
        TimestampNanosecondArray::from(rows.times.clone()).with_timezone("UTC"),
    )];
    let of_series: Vec<HashMap<String, String>> = ranges
        .iter()
        .map(|range| decode_key(&range.key).0.into_iter().collect())
        .collect();
    for tag in tags {
        let values = of_series.iter().zip(ranges).map(|(tags, range)| {
            let value = tags.get(&tag.key).map_or("", String::as_str);
            (value, range.rows as usize)
        });
        let array = tag_array(values);
        fields.push(Field::new(&tag.column, array.data_type().clone(), false));
        arrays.push(array);
    }
    for column in &rows.columns {
        let name = &contents.columns[column.id as usize].physical;
        fields.push(Field::new(name, column.values.data_type().clone(), true));
        arrays.push(column.values.clone());
    }
    if contents.keep_versions {
        push_versions(contents, &mut fields, &mut arrays);
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, arrays)
}

fn push_versions(contents: &FileContents<'_>, fields: &mut Vec<Field>, arrays: &mut Vec<ArrayRef>) {
    let rows = contents.rows;
    fields.push(Field::new(VERSION_COLUMN, DataType::UInt64, false));
    let versions = (0..rows.len()).map(|row| rows.version(row).0);
    arrays.push(Arc::new(UInt64Array::from_iter_values(versions)));
    for column in &rows.columns {
        let Some(older) = &column.older else {
            continue;
        };
        let name = older_column(&contents.columns[column.id as usize].physical);
        fields.push(Field::new(name, DataType::UInt64, true));
        let versions = older
            .iter()
            .map(|version| (*version != Version::ZERO).then_some(version.0));
        arrays.push(Arc::new(UInt64Array::from_iter(versions)));
    }
}

/// Writes a whole Parquet file and gives back what it was written to.
fn write_batch<W: Write + Send>(
    out: W,
    batch: &RecordBatch,
    ranges: &[SeriesRange],
    tags: &[TagColumn],
    metadata: Vec<(String, String)>,
) -> std::result::Result<W, ParquetError> {
    let tags: Vec<&str> = tags.iter().map(|tag| tag.column.as_str()).collect();
    let properties = properties_of(&batch.schema(), &[], PAGE_ROWS);
    let (mut writer, _) =
        ArrowWriter::try_new(out, batch.schema(), Some(properties))?.into_serialized_writer()?;
    for start in (0..batch.num_rows()).step_by(ROW_GROUP_ROWS) {
        let rows = ROW_GROUP_ROWS.min(batch.num_rows() - start);
        let pages = layout::pages(ranges, start, start + rows);
        write_group(&mut writer, &batch.slice(start, rows), &pages, &tags)?;
    }
    for (key, value) in metadata {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    writer.into_inner()
}

fn write_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    batch: &RecordBatch,
    pages: &[Range<usize>],
    tags: &[&str],
) -> std::result::Result<(), ParquetError> {
    let schema = batch.schema();
    let columns = ArrowSchemaConverter::new().convert(&schema)?;
    let mut encodings = Vec::with_capacity(batch.num_columns());
    let numbers: Vec<Option<Numbers>> = batch.columns().iter().map(Numbers::of).collect();
    for (at, column) in columns.columns().iter().enumerate() {
        encodings.push(choose(
            column,
            batch.column(at),
            numbers[at].as_ref(),
            pages,
        )?);
    }
    let writers = |page_rows| {
        let properties = properties_of(&schema, &encodings, page_rows);
        ArrowWriter::try_new(std::io::sink(), schema.clone(), Some(properties))?
            .into_serialized_writer()?
            .1
            .create_column_writers(0)
    };
    let of_columns = writers(PAGE_ROWS)?.into_iter().zip(writers(TAG_PAGE_ROWS)?);
    let mut group = writer.next_row_group()?;
    for (at, (of_field, of_tag)) in of_columns.enumerate() {
        let (field, values) = (schema.field(at), batch.column(at));
        if let ColumnEncoding::Numbers(encoding) = encodings[at]
            && let Some(numbers) = &numbers[at]
        {
            let chunk = chunk::write(&columns.column(at), numbers, encoding, pages)?;
            group.append_column(&chunk.bytes, chunk.close)?;
            continue;
        }
        let is_tag = tags.contains(&field.name().as_str());
        let mut column = if is_tag { of_tag } else { of_field };
        // In portions: the library takes memory for all rows that it is given at once.
        for start in (0..values.len()).step_by(TAG_PAGE_ROWS) {
            let portion = values.slice(start, TAG_PAGE_ROWS.min(values.len() - start));
            for leaf in compute_leaves(field, &portion)? {
                column.write(&leaf)?;
            }
        }
        column.close()?.append_to_row_group(&mut group)?;
    }
    group.close()?;
    Ok(())
}

fn properties_of(
    schema: &Schema,
    encodings: &[ColumnEncoding],
    page_rows: usize,
) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(format!("HyperbyteDB {}", env!("CARGO_PKG_VERSION")))
        .set_compression(compression())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        .set_statistics_enabled(EnabledStatistics::Page);
    for (field, encoding) in schema.fields().iter().zip(encodings) {
        let path = ColumnPath::new(vec![field.name().clone()]);
        builder = match encoding {
            ColumnEncoding::Numbers(_) => builder,
            ColumnEncoding::Dictionary => builder.set_column_dictionary_enabled(path, true),
            ColumnEncoding::Plain(encoding) => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, *encoding),
        };
    }
    builder.build()
}

pub(super) fn metadata_of(
    contents: &FileContents<'_>,
    ranges: &[SeriesRange],
    tags: &[TagColumn],
) -> Result<Vec<(String, String)>> {
    let fail = |error: String| StorageError::io("cannot write file", contents.path.clone(), error);
    let tags = tags.iter().map(|tag| ColumnRole {
        column: tag.column.clone(),
        role: "tag",
        name: &tag.key,
        field_type: None,
    });
    let fields = contents.rows.columns.iter().map(|column| {
        let definition = &contents.columns[column.id as usize];
        ColumnRole {
            column: definition.physical.clone(),
            role: "field",
            name: &definition.name,
            field_type: Some(definition.field_type.to_string()),
        }
    });
    let roles: Vec<ColumnRole<'_>> = tags.chain(fields).collect();
    let (low, high) = contents.rows.version_bounds();
    Ok(vec![
        (
            COLUMNS_KEY.to_string(),
            serde_json::to_string(&roles).map_err(|error| fail(error.to_string()))?,
        ),
        (VERSIONS_KEY.to_string(), format!("[{},{}]", low.0, high.0)),
        (
            SERIES_KEY.to_string(),
            series_ranges::encode(ranges).map_err(|error| fail(error.to_string()))?,
        ),
        (
            INTERVALS_KEY.to_string(),
            intervals::encode(ranges, &contents.rows.times)
                .map_err(|error| fail(error.to_string()))?,
        ),
    ])
}

fn entry_of(
    contents: &FileContents<'_>,
    ranges: &[SeriesRange],
    tags: Vec<TagColumn>,
    bytes: u64,
) -> FileEntry {
    let rows = contents.rows;
    let (min_time, max_time) = rows.time_bounds().unwrap_or_default();
    let (min_version, max_version) = rows.version_bounds();
    // Without a version column every row counts as the latest.
    let min_version = if contents.keep_versions {
        min_version
    } else {
        max_version
    };
    FileEntry {
        id: contents.id,
        path: contents.path.clone(),
        rows: rows.len() as u64,
        bytes,
        min_time,
        max_time,
        min_version,
        max_version,
        has_versions: contents.keep_versions,
        columns: rows
            .columns
            .iter()
            .map(|column| contents.columns[column.id as usize].clone())
            .collect(),
        tag_columns: tags
            .iter()
            .filter(|tag| tag.column != tag_column(&tag.key))
            .map(|tag| (tag.key.clone(), tag.column.clone()))
            .collect(),
        tag_keys: tags.into_iter().map(|tag| tag.key).collect(),
        series: ranges.len() as u64,
    }
}
