//! What is written is read back, by us and by the Parquet library, whoever wrote it.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array,
};
use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use points::{FieldType, TagSet};
use proptest::prelude::*;

use super::access::DataFiles;
use super::encoding::compression;
use super::read::select_rows;
use super::write::{FileContents, batch_of, metadata_of, series_ranges_of, tags_of};
use crate::catalog::file::FileEntry;
use crate::catalog::record::ColumnDef;
use crate::clock::Version;
use crate::effects::AllEffects;
use crate::files::LocalStore;
use crate::rows::{Column, Rows, Versions};
use crate::series::tag_index::SeriesSet;
use crate::series::{SeriesId, SeriesIndex, encode_key};

/// Numbers without a pattern, from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// What the values of a test are like.
#[derive(Debug, Clone, Copy)]
struct Shape {
    seed: u64,
    /// Of ten values so many are null.
    nulls: u64,
    keep_versions: bool,
}

const TYPES: [FieldType; 7] = [
    FieldType::Integer,
    FieldType::Unsigned,
    FieldType::Float,
    FieldType::Float,
    FieldType::String,
    FieldType::Boolean,
    FieldType::Float,
];

fn columns() -> Vec<ColumnDef> {
    let column = |(at, field_type): (usize, &FieldType)| ColumnDef {
        name: format!("f{at}"),
        field_type: *field_type,
        physical: format!("f{at}"),
    };
    TYPES.iter().enumerate().map(column).collect()
}

/// One column of each kind: a walk, counters, few decimals, full floats, texts, flags,
/// noise with two decimals.
fn values(at: usize, rows: usize, shape: Shape, dice: &mut Dice) -> ArrayRef {
    let mut value = 50_i64;
    let mut next = |dice: &mut Dice| {
        value = value.wrapping_add(dice.below(7) as i64 - 3);
        if dice.below(500) == 0 {
            value = dice.below(u64::MAX) as i64;
        }
        (dice.below(10) >= shape.nulls).then_some(value)
    };
    let walk: Vec<Option<i64>> = (0..rows).map(|_| next(dice)).collect();
    let walk = walk.into_iter();
    match at {
        0 => Arc::new(walk.collect::<Int64Array>()),
        1 => Arc::new(walk.map(|v| v.map(|v| v as u64)).collect::<UInt64Array>()),
        2 => Arc::new(
            walk.map(|v| v.map(|v| (v % 1_000) as f64 / 100.0))
                .collect::<Float64Array>(),
        ),
        3 => Arc::new(
            walk.map(|v| v.map(|v| (v.unsigned_abs() as f64).sqrt() + dice.below(1 << 30) as f64))
                .collect::<Float64Array>(),
        ),
        4 => Arc::new(
            walk.map(|v| v.map(|v| format!("text {}", v % 50)))
                .collect::<StringArray>(),
        ),
        5 => Arc::new(
            walk.map(|v| v.map(|v| v % 3 == 0))
                .collect::<BooleanArray>(),
        ),
        _ => Arc::new(
            walk.map(|v| v.map(|_| dice.below(10_001) as f64 / 100.0))
                .collect::<Float64Array>(),
        ),
    }
}

fn rows_of(lengths: &[usize], shape: Shape, index: &mut SeriesIndex) -> Rows {
    let mut dice = Dice(shape.seed);
    let (mut series, mut times) = (Vec::new(), Vec::new());
    for (host, length) in lengths.iter().enumerate() {
        let tags = TagSet(vec![("host".into(), format!("{host:03}"))]);
        let (id, _) = index.insert(&encode_key(&tags));
        series.extend(std::iter::repeat_n(id, *length));
        let start = dice.below(1_000) as i64;
        let uneven = dice.below(2) as i64;
        times.extend((0..*length as i64).map(|at| start + at * 10 + uneven * (at * at % 7)));
    }
    let rows = times.len();
    let columns = (0..TYPES.len()).map(|at| Column {
        id: at as u32,
        values: values(at, rows, shape, &mut dice),
        older: None,
    });
    let columns: Vec<Column> = columns.collect();
    let version = |dice: &mut Dice| Version(1_000 + dice.below(50));
    let versions = if shape.keep_versions {
        Versions::Each((0..rows).map(|_| version(&mut dice)).collect())
    } else {
        Versions::One(Version(7))
    };
    Rows {
        series,
        times,
        versions,
        columns,
    }
}

/// Writes the file as the builds before pages of our own did.
fn write_as_before(path: &Path, contents: &FileContents<'_>) {
    let ranges = series_ranges_of(contents);
    let tags = tags_of(contents, &ranges);
    let batch = batch_of(contents, &ranges, &tags).unwrap();
    let plain = [
        ("time", Encoding::DELTA_BINARY_PACKED),
        ("f0", Encoding::DELTA_BINARY_PACKED),
        ("f3", Encoding::BYTE_STREAM_SPLIT),
    ];
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(compression())
        .set_max_row_group_row_count(Some(10_000))
        .set_data_page_row_count_limit(512)
        .set_write_batch_size(512)
        .set_dictionary_page_size_limit(2_000)
        .set_statistics_enabled(EnabledStatistics::Page);
    for (name, encoding) in plain {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, encoding);
    }
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(builder.build())).unwrap();
    writer.write(&batch).unwrap();
    for (key, value) in metadata_of(contents, &ranges, &tags).unwrap() {
        writer.append_key_value_metadata(KeyValue::new(key, value));
    }
    writer.close().unwrap();
}

/// What the Parquet library reads is what was written.
fn check_library(path: &Path, rows: &Rows) {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
    for column in &rows.columns {
        let read = batch.column_by_name(&format!("f{}", column.id)).unwrap();
        assert_eq!(read, &column.values);
    }
}

/// What we read of some series and times is what was written.
fn check_ours(
    data: &DataFiles,
    entry: &FileEntry,
    rows: &Rows,
    index: &SeriesIndex,
    dice: &mut Dice,
) {
    let footer = data.footer(entry).unwrap();
    let wanted: Vec<(u32, String)> = (0..TYPES.len())
        .map(|at| (at as u32, format!("f{at}")))
        .collect();
    let last = rows.times.iter().max().copied().unwrap_or(0);
    for turn in 0..6 {
        let mut ends = [(); 2].map(|()| dice.below(last as u64 + 20) as i64);
        ends.sort_unstable();
        let time = if turn == 0 {
            (i64::MIN, i64::MAX)
        } else {
            (ends[0], ends[1])
        };
        let some: SeriesSet = index.ids().filter(|_| dice.below(3) > 0).collect();
        let some = (turn % 2 == 1).then_some(some);
        let chosen = select_rows(&footer, time, index, some.as_ref());
        let read = data.read(entry, &footer, &wanted, &chosen, time).unwrap();
        let places: Vec<u32> = (0..rows.len() as u32)
            .filter(|row| {
                let (series, at) = (rows.series[*row as usize], rows.times[*row as usize]);
                time.0 <= at && at <= time.1 && some.as_ref().is_none_or(|set| set.contains(series))
            })
            .collect();
        let expected = rows.take(&places, None);
        assert_eq!(read.series, expected.series);
        assert_eq!(read.times, expected.times);
        for row in 0..read.len() {
            assert_eq!(read.version(row), expected.version(row));
        }
        for column in &read.columns {
            match expected.column(column.id) {
                Some(expected) => assert_eq!(&column.values, &expected.values),
                None => assert_eq!(column.values.null_count(), column.values.len()),
            }
        }
        assert!(read.is_empty() || read.columns.len() == TYPES.len());
    }
}

fn data_files(directory: &Path) -> DataFiles {
    let store = LocalStore::open(directory, Arc::new(AllEffects)).unwrap();
    DataFiles::new(store, 1 << 20)
}

fn check(lengths: &[usize], shape: Shape) {
    let directory = tempfile::tempdir().unwrap();
    let data = data_files(directory.path());
    let mut index = SeriesIndex::default();
    let rows = rows_of(lengths, shape, &mut index);
    let columns = columns();
    let key_of = |id: SeriesId| index.key(id).to_vec();
    let contents = FileContents {
        id: 1,
        path: "m/1.parquet".into(),
        rows: &rows,
        columns: &columns,
        key_of: &key_of,
        keep_versions: shape.keep_versions,
    };
    let entry = data.write(&contents).unwrap();
    let path = data.local_path(&entry);
    let mut dice = Dice(shape.seed ^ 1);
    check_library(&path, &rows);
    check_ours(&data, &entry, &rows, &index, &mut dice);
    let before = FileEntry {
        path: "before.parquet".into(),
        ..entry
    };
    write_as_before(&data.local_path(&before), &contents);
    check_ours(&data, &before, &rows, &index, &mut dice);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn what_is_written_is_read(
        lengths in prop::collection::vec(prop_oneof![1..200_usize, 1..9_000_usize], 1..8),
        seed in any::<u64>(),
        nulls in prop_oneof![Just(0_u64), 0..11_u64],
        keep_versions in any::<bool>(),
    ) {
        check(&lengths, Shape { seed, nulls, keep_versions });
    }

    /// Whatever a disk makes of a file, reading it ends with rows or an error.
    #[test]
    fn damaged_files_give_errors_but_no_panic(
        seed in any::<u64>(), at in 0.0..1.0_f64, byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let data = data_files(directory.path());
        let mut index = SeriesIndex::default();
        let shape = Shape { seed, nulls: 2, keep_versions: false };
        let rows = rows_of(&[300, 20], shape, &mut index);
        let columns = columns();
        let key_of = |id: SeriesId| index.key(id).to_vec();
        let contents = FileContents {
            id: 1,
            path: "m/1.parquet".into(),
            rows: &rows,
            columns: &columns,
            key_of: &key_of,
            keep_versions: false,
        };
        let entry = data.write(&contents).unwrap();
        let path = data.local_path(&entry);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = (at * bytes.len() as f64) as usize;
        if cut {
            bytes.drain(at..bytes.len().min(at + 1 + usize::from(byte)));
        } else {
            bytes[at] = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        let wanted: Vec<(u32, String)> = (0..4).map(|at| (at, format!("f{at}"))).collect();
        if let Ok(footer) = data.footer(&entry) {
            let time = (i64::MIN, i64::MAX);
            let chosen = select_rows(&footer, time, &index, None);
            let _ = data.read(&entry, &footer, &wanted, &chosen, time);
        }
    }
}
