//! Reads rows of chosen series and times back out of a Parquet file.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::SERIES_KEY;
use super::series_ranges::{self, SeriesRange};
use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::files::{FileEntry, VERSION_COLUMN, older_column};
use crate::rows::{Column, ColumnId, Rows, Versions};
use crate::series::{SeriesId, SeriesIndex};
use crate::tag_index::SeriesSet;

/// A file's footer, parsed once.
pub struct Footer {
    metadata: ArrowReaderMetadata,
    pub series: Vec<SeriesRange>,
    /// The series stand in the order of their keys.
    sorted: bool,
    numbers: Mutex<Option<Arc<Numbers>>>,
    /// The pages of the column `time`, over all row groups.
    pages: Vec<TimePage>,
    /// Memory that it takes, about.
    bytes: usize,
}

/// The numbers that the series of a file have, as long as the index has not changed in a
/// way that changes them.
struct Numbers {
    /// [`NO_SERIES`] for those that the index lacks.
    ids: Vec<SeriesId>,
    /// Of the index: how many series were dropped, and how many numbers there were if
    /// one of the file's was missing.
    drops: u64,
    numbered: Option<usize>,
}

/// No series has so high a number.
const NO_SERIES: SeriesId = SeriesId::MAX;

impl Footer {
    /// Calls `visit` for each wanted series of the file (for all if no set is given) in
    /// the order of rows.
    pub fn visit_ranges(
        &self,
        index: &SeriesIndex,
        wanted: Option<&SeriesSet>,
        visit: &mut dyn FnMut(&SeriesRange, SeriesId),
    ) {
        match wanted {
            Some(wanted) if self.sorted && wanted.len() < self.series.len() as u64 / 32 => {
                let place = |id| {
                    let key = index.key(id);
                    let found = self
                        .series
                        .binary_search_by(|range| range.key.as_slice().cmp(key));
                    Some((found.ok()?, id))
                };
                let live = wanted.iter().filter(|id| index.is_live(*id));
                let mut places: Vec<(usize, SeriesId)> = live.filter_map(place).collect();
                places.sort_unstable();
                for (at, id) in places {
                    visit(&self.series[at], id);
                }
            }
            wanted => {
                let numbers = self.numbers(index);
                for (range, id) in self.series.iter().zip(&numbers.ids) {
                    if *id != NO_SERIES && wanted.is_none_or(|wanted| wanted.contains(*id)) {
                        visit(range, *id);
                    }
                }
            }
        }
    }

    fn numbers(&self, index: &SeriesIndex) -> Arc<Numbers> {
        if let Some(numbers) = &*self.numbers.lock()
            && numbers.drops == index.drops()
            && numbers
                .numbered
                .is_none_or(|count| count == index.numbered())
        {
            return numbers.clone();
        }
        let find = |range: &SeriesRange| index.find(&range.key).unwrap_or(NO_SERIES);
        let ids: Vec<SeriesId> = self.series.iter().map(find).collect();
        let numbered = ids.contains(&NO_SERIES).then(|| index.numbered());
        let numbers = Arc::new(Numbers {
            ids,
            drops: index.drops(),
            numbered,
        });
        *self.numbers.lock() = Some(numbers.clone());
        numbers
    }
}

/// Rows of the file that one page of times holds.
struct TimePage {
    first_row: u64,
    end_row: u64,
    min_time: i64,
    max_time: i64,
}

/// Footers that were used lately.
pub struct FooterCache {
    footers: Mutex<LruCache<PathBuf, Arc<Footer>>>,
    /// Of all of them.
    bytes: AtomicUsize,
}

impl FooterCache {
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let entries = NonZeroUsize::new(entries_max).unwrap_or(NonZeroUsize::MIN);
        Self {
            footers: Mutex::new(LruCache::new(entries)),
            bytes: AtomicUsize::new(0),
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
        self.bytes.fetch_add(footer.bytes, Ordering::Relaxed);
        let replaced = self.footers.lock().push(path.to_path_buf(), footer.clone());
        if let Some((_, replaced)) = replaced {
            self.bytes.fetch_sub(replaced.bytes, Ordering::Relaxed);
        }
        Ok(footer)
    }

    /// How many footers there are, and their bytes.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let entries = self.footers.lock().len();
        (entries, self.bytes.load(Ordering::Relaxed))
    }

    /// Forgets a file.
    pub fn forget(&self, path: &Path) {
        if let Some(footer) = self.footers.lock().pop(path) {
            self.bytes.fetch_sub(footer.bytes, Ordering::Relaxed);
        }
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
    let pages = time_pages(metadata.metadata()).unwrap_or_default();
    let sorted = series.is_sorted_by(|a, b| a.key < b.key);
    let of_range = |range: &SeriesRange| range.key.len() + size_of::<SeriesRange>();
    let bytes = metadata.metadata().memory_size()
        + series.iter().map(of_range).sum::<usize>()
        + pages.len() * size_of::<TimePage>();
    Ok(Footer {
        metadata,
        series,
        sorted,
        numbers: Mutex::new(None),
        pages,
        bytes,
    })
}

/// The page index of `time`; `None` when the file has none.
fn time_pages(metadata: &ParquetMetaData) -> Option<Vec<TimePage>> {
    let columns = metadata.file_metadata().schema_descr();
    let time = columns
        .columns()
        .iter()
        .position(|column| column.name() == "time")?;
    let (bounds, places) = (metadata.column_index()?, metadata.offset_index()?);
    let mut pages = Vec::new();
    let mut group_start = 0_u64;
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        let group_end = group_start + row_group.num_rows() as u64;
        let ColumnIndexMetaData::INT64(bounds) = bounds.get(group)?.get(time)? else {
            return None;
        };
        let places = places.get(group)?.get(time)?.page_locations();
        for (page, place) in places.iter().enumerate() {
            let end_row = places
                .get(page + 1)
                .map_or(group_end, |next| group_start + next.first_row_index as u64);
            pages.push(TimePage {
                first_row: group_start + place.first_row_index as u64,
                end_row,
                min_time: *bounds.min_value(page)?,
                max_time: *bounds.max_value(page)?,
            });
        }
        group_start = group_end;
    }
    Some(pages)
}

/// Rows of one series that are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    pub series: SeriesId,
    pub first_row: u64,
    pub rows: u64,
}

/// The rows of some series (of all if none are given), as far as their times may meet
/// the range (both ends included).
pub fn choose(
    footer: &Footer,
    time: (i64, i64),
    index: &SeriesIndex,
    wanted: Option<&SeriesSet>,
) -> Vec<Chosen> {
    let mut chosen = Vec::new();
    footer.visit_ranges(index, wanted, &mut |range, series| {
        if range.max_time < time.0 || range.min_time > time.1 {
            return;
        }
        if range.min_time >= time.0 && range.max_time <= time.1 {
            chosen.push(Chosen {
                series,
                first_row: range.first_row,
                rows: range.rows,
            });
        } else {
            push_pages(footer, range, series, time, &mut chosen);
        }
    });
    chosen
}

/// Leaves out the pages of a series whose times lie outside the range.
fn push_pages(
    footer: &Footer,
    range: &SeriesRange,
    series: SeriesId,
    time: (i64, i64),
    chosen: &mut Vec<Chosen>,
) {
    let end = range.first_row + range.rows;
    let from = footer
        .pages
        .partition_point(|page| page.end_row <= range.first_row);
    let before = chosen.len();
    for page in footer.pages[from..]
        .iter()
        .take_while(|page| page.first_row < end)
    {
        if page.max_time < time.0 || page.min_time > time.1 {
            continue;
        }
        let first_row = page.first_row.max(range.first_row);
        let rows = page.end_row.min(end) - first_row;
        match chosen.last_mut() {
            Some(last) if chosen_ends_at(last, series, first_row) => last.rows += rows,
            _ => chosen.push(Chosen {
                series,
                first_row,
                rows,
            }),
        }
    }
    if footer.pages.is_empty() && chosen.len() == before {
        chosen.push(Chosen {
            series,
            first_row: range.first_row,
            rows: range.rows,
        });
    }
}

fn chosen_ends_at(last: &Chosen, series: SeriesId, row: u64) -> bool {
    last.series == series && last.first_row + last.rows == row
}

/// Reads the chosen rows; some of them may lie outside the time they were chosen for.
///
/// # Errors
/// When the file is missing or damaged.
pub fn read_rows(
    path: &Path,
    entry: &FileEntry,
    footer: &Footer,
    columns: &[(ColumnId, String)],
    chosen: &[Chosen],
) -> Result<Rows> {
    let batches = read_batches(path, entry, footer, columns, chosen)?;
    rows_of(path, entry, columns, chosen, &batches)
}

fn read_batches(
    path: &Path,
    entry: &FileEntry,
    footer: &Footer,
    columns: &[(ColumnId, String)],
    chosen: &[Chosen],
) -> Result<Vec<RecordBatch>> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let mut names: Vec<String> = vec!["time".to_string()];
    names.extend(columns.iter().map(|(_, name)| name.clone()));
    if entry.has_versions {
        names.push(VERSION_COLUMN.to_string());
        names.extend(columns.iter().map(|(_, name)| older_column(name)));
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
    let rows: u64 = chosen.iter().map(|chosen| chosen.rows).sum();
    let reader = builder
        .with_projection(projection)
        .with_row_selection(selected(chosen))
        .with_batch_size(usize::try_from(rows).unwrap_or(usize::MAX).clamp(1, 65_536))
        .build()
        .map_err(|error| damaged(path, error))?;
    reader
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| damaged(path, error))
}

fn selected(chosen: &[Chosen]) -> RowSelection {
    let mut selectors = Vec::with_capacity(chosen.len() * 2);
    let mut at = 0;
    for chosen in chosen {
        if chosen.first_row > at {
            selectors.push(RowSelector::skip((chosen.first_row - at) as usize));
        }
        selectors.push(RowSelector::select(chosen.rows as usize));
        at = chosen.first_row + chosen.rows;
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
        parts => concat(parts)
            .map(Some)
            .map_err(|error| damaged(path, error)),
    }
}

fn versions_of(path: &Path, batches: &[RecordBatch], name: &str) -> Result<Option<Vec<Version>>> {
    Ok(column_of(path, batches, name)?.and_then(|array| {
        let array = array.as_primitive_opt::<UInt64Type>()?;
        Some(
            array
                .iter()
                .map(|version| Version(version.unwrap_or(0)))
                .collect(),
        )
    }))
}

fn rows_of(
    path: &Path,
    entry: &FileEntry,
    wanted: &[(ColumnId, String)],
    chosen: &[Chosen],
    batches: &[RecordBatch],
) -> Result<Rows> {
    let mut series = Vec::new();
    for chosen in chosen {
        series.extend(std::iter::repeat_n(chosen.series, chosen.rows as usize));
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
        return Err(damaged(
            path,
            "it holds fewer rows than its list of series says",
        ));
    }
    let versions = match versions_of(path, batches, VERSION_COLUMN)? {
        Some(versions) if entry.has_versions => Versions::Each(versions),
        _ => Versions::One(entry.max_version),
    };
    let mut columns = Vec::with_capacity(wanted.len());
    for (id, name) in wanted {
        let Some(values) = column_of(path, batches, name)? else {
            continue;
        };
        let older = versions_of(path, batches, &older_column(name))?;
        columns.push(Column {
            id: *id,
            values,
            older,
        });
    }
    columns.sort_by_key(|column| column.id);
    Ok(Rows {
        series,
        times,
        versions,
        columns,
    })
}
