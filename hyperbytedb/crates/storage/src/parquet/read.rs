//! Reads rows of chosen series and times back out of a Parquet file.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use lru::LruCache;
use parking_lot::Mutex;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::file::metadata::PageIndexPolicy;

use super::SERIES_KEY;
use super::series_ranges::{self, SeriesRange};
use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::files::{FileEntry, VERSION_COLUMN, older_column};
use crate::rows::{Column, ColumnId, Rows, Versions};
use crate::series::SeriesId;

/// A file's footer, parsed once.
pub struct Footer {
    metadata: ArrowReaderMetadata,
    pub series: Vec<SeriesRange>,
}

/// Footers that were used lately.
pub struct FooterCache {
    footers: Mutex<LruCache<PathBuf, Arc<Footer>>>,
}

impl FooterCache {
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let entries = NonZeroUsize::new(entries_max).unwrap_or(NonZeroUsize::MIN);
        Self {
            footers: Mutex::new(LruCache::new(entries)),
        }
    }

    /// The footer of a file.
    ///
    /// # Errors
    /// When the file is missing or damaged; the text names it.
    pub fn get(&self, path: &Path) -> Result<Arc<Footer>> {
        if let Some(footer) = self.footers.lock().get(path) {
            return Ok(footer.clone());
        }
        let footer = Arc::new(read_footer(path)?);
        self.footers.lock().put(path.to_path_buf(), footer.clone());
        Ok(footer)
    }

    /// Forgets a file.
    pub fn forget(&self, path: &Path) {
        self.footers.lock().pop(path);
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| StorageError::io("cannot open file", path, error))
}

fn damaged(path: &Path, message: impl std::fmt::Display) -> StorageError {
    StorageError::Damaged {
        path: path.to_path_buf(),
        message: message.to_string(),
    }
}

fn read_footer(path: &Path) -> Result<Footer> {
    let file = open(path)?;
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata =
        ArrowReaderMetadata::load(&file, options).map_err(|error| damaged(path, error))?;
    let series = metadata
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == SERIES_KEY))
        .and_then(|pair| pair.value.as_deref())
        .and_then(series_ranges::decode)
        .ok_or_else(|| damaged(path, "its list of series is missing or unreadable"))?;
    Ok(Footer { metadata, series })
}

/// What to read of a file.
pub struct Selection<'a> {
    /// Field columns: their number and their name in the file.
    pub columns: &'a [(ColumnId, String)],
    /// Both included.
    pub time: (i64, i64),
    /// The number of a series by its key; `None` to leave its rows out.
    pub number_of: &'a dyn Fn(&[u8]) -> Option<SeriesId>,
}

/// Rows of the selected series whose time range meets the selection; rows outside the
/// selection's time may be among them.
///
/// # Errors
/// When the file is missing or damaged.
pub fn read_rows(
    cache: &FooterCache,
    path: &Path,
    entry: &FileEntry,
    selection: &Selection<'_>,
) -> Result<Rows> {
    let footer = cache.get(path)?;
    let mut chosen: Vec<(SeriesId, u64, u64)> = Vec::new();
    for range in &footer.series {
        if range.max_time < selection.time.0 || range.min_time > selection.time.1 {
            continue;
        }
        if let Some(number) = (selection.number_of)(&range.key) {
            chosen.push((number, range.first_row, range.rows));
        }
    }
    let batches = read_batches(path, entry, &footer, selection, &chosen)?;
    rows_of(path, entry, selection, &chosen, &batches)
}

fn read_batches(
    path: &Path,
    entry: &FileEntry,
    footer: &Footer,
    selection: &Selection<'_>,
    chosen: &[(SeriesId, u64, u64)],
) -> Result<Vec<RecordBatch>> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = vec!["time".to_string()];
    names.extend(selection.columns.iter().map(|(_, name)| name.clone()));
    if entry.has_versions {
        names.push(VERSION_COLUMN.to_string());
        names.extend(selection.columns.iter().map(|(_, name)| older_column(name)));
    }
    let builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(open(path)?, footer.metadata.clone());
    let schema = builder.parquet_schema();
    let leaves: Vec<usize> = schema
        .columns()
        .iter()
        .enumerate()
        .filter(|(_, column)| names.iter().any(|name| name == column.name()))
        .map(|(at, _)| at)
        .collect();
    let projection = ProjectionMask::leaves(schema, leaves);
    let reader = builder
        .with_projection(projection)
        .with_row_selection(selected(chosen))
        .with_batch_size(65_536)
        .build()
        .map_err(|error| damaged(path, error))?;
    reader
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| damaged(path, error))
}

fn selected(chosen: &[(SeriesId, u64, u64)]) -> RowSelection {
    let mut selectors = Vec::with_capacity(chosen.len() * 2);
    let mut at = 0;
    for (_, first, rows) in chosen {
        if *first > at {
            selectors.push(RowSelector::skip((first - at) as usize));
        }
        selectors.push(RowSelector::select(*rows as usize));
        at = first + rows;
    }
    RowSelection::from(selectors)
}

fn column_of(path: &Path, batches: &[RecordBatch], name: &str) -> Result<Option<ArrayRef>> {
    let parts: Vec<&dyn Array> = batches
        .iter()
        .filter_map(|batch| batch.column_by_name(name))
        .map(AsRef::as_ref)
        .collect();
    match parts.as_slice() {
        [] => Ok(None),
        parts => concat(parts).map(Some).map_err(|error| damaged(path, error)),
    }
}

fn versions_of(path: &Path, batches: &[RecordBatch], name: &str) -> Result<Option<Vec<Version>>> {
    Ok(column_of(path, batches, name)?.and_then(|array| {
        let array = array.as_primitive_opt::<UInt64Type>()?;
        Some(array.iter().map(|version| Version(version.unwrap_or(0))).collect())
    }))
}

fn rows_of(
    path: &Path,
    entry: &FileEntry,
    selection: &Selection<'_>,
    chosen: &[(SeriesId, u64, u64)],
    batches: &[RecordBatch],
) -> Result<Rows> {
    let mut series = Vec::new();
    for (number, _, rows) in chosen {
        series.extend(std::iter::repeat_n(*number, *rows as usize));
    }
    let times: Vec<i64> = match column_of(path, batches, "time")? {
        None => Vec::new(),
        Some(array) => array
            .as_primitive_opt::<TimestampNanosecondType>()
            .ok_or_else(|| damaged(path, "its column time is no timestamp"))?
            .values()
            .to_vec(),
    };
    if times.len() != series.len() {
        return Err(damaged(path, "it holds fewer rows than its list of series says"));
    }
    let versions = match versions_of(path, batches, VERSION_COLUMN)? {
        Some(versions) if entry.has_versions => Versions::Each(versions),
        _ => Versions::One(entry.max_version),
    };
    let mut columns = Vec::with_capacity(selection.columns.len());
    for (id, name) in selection.columns {
        let Some(values) = column_of(path, batches, name)? else {
            continue;
        };
        let older = versions_of(path, batches, &older_column(name))?;
        columns.push(Column { id: *id, values, older });
    }
    columns.sort_by_key(|column| column.id);
    Ok(Rows {
        series,
        times,
        versions,
        columns,
    })
}
