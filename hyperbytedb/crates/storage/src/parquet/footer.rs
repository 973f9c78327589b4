//! Footers of Parquet files, parsed once and kept: where each series' rows are, and what
//! times the pages have.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;

use super::chunks::Chunks;
use super::dictionaries::Dictionaries;
use super::intervals::Intervals;
use super::series_ranges::{self, SeriesList, Span};
use super::{INTERVALS_KEY, SERIES_KEY};
use crate::error::{Result, StorageError};
use crate::files::LocalStore;
use crate::series::tag_index::SeriesSet;
use crate::series::{SeriesId, SeriesIndex};

/// A file's footer, parsed once.
pub struct Footer {
    pub metadata: ArrowReaderMetadata,
    series: SeriesList,
    /// The series stand in the order of their keys.
    sorted: bool,
    numbers: Mutex<Option<Arc<Numbers>>>,
    /// The pages of the column `time`, over all row groups.
    pub pages: Vec<TimePage>,
    pub intervals: Intervals,
    /// Of this file and others.
    pub dictionaries: Arc<Dictionaries>,
    /// Of the file, in `dictionaries`.
    pub number: u64,
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
        visit: &mut dyn FnMut(Span, SeriesId),
    ) {
        match wanted {
            Some(wanted) if self.sorted && wanted.len() < self.series.count() as u64 / 32 => {
                let place = |id| Some((self.series.find(index.key(id))?, id));
                let live = wanted.iter().filter(|id| index.is_live(*id));
                let mut places: Vec<(usize, SeriesId)> = live.filter_map(place).collect();
                places.sort_unstable();
                for (at, id) in places {
                    visit(self.series.span(at), id);
                }
            }
            wanted => {
                let numbers = self.numbers(index);
                for (at, id) in numbers.ids.iter().enumerate() {
                    if *id != NO_SERIES && wanted.is_none_or(|wanted| wanted.contains(*id)) {
                        visit(self.series.span(at), *id);
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
        let find = |at| index.find(self.series.key(at)).unwrap_or(NO_SERIES);
        let ids: Vec<SeriesId> = (0..self.series.count()).map(find).collect();
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
pub struct TimePage {
    pub first_row: u64,
    pub end_row: u64,
    pub min_time: i64,
    pub max_time: i64,
}

/// Footers that were used lately, by the paths that the catalog has.
pub struct FooterCache {
    footers: Mutex<LruCache<String, Arc<Footer>>>,
    /// Bytes that all of them may take. One that is larger by itself is kept alone.
    bytes_max: usize,
    /// Of all of them.
    bytes: AtomicUsize,
    dictionaries: Arc<Dictionaries>,
}

impl FooterCache {
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            footers: Mutex::new(LruCache::unbounded()),
            bytes_max,
            bytes: AtomicUsize::new(0),
            dictionaries: Arc::default(),
        }
    }

    /// The footer of a file.
    ///
    /// # Errors
    /// When the file is missing or damaged; the text names it.
    pub fn get(&self, store: &LocalStore, path: &str) -> Result<Arc<Footer>> {
        if let Some(footer) = self.footers.lock().get(path) {
            return Ok(footer.clone());
        }
        let footer = Arc::new(read_footer(store, path, &self.dictionaries)?);
        let mut footers = self.footers.lock();
        let mut bytes = self.bytes.load(Ordering::Relaxed) + footer.bytes;
        if let Some((_, replaced)) = footers.push(path.to_owned(), footer.clone()) {
            bytes -= replaced.bytes;
        }
        while bytes > self.bytes_max && footers.len() > 1 {
            let Some((_, oldest)) = footers.pop_lru() else {
                break;
            };
            bytes -= oldest.bytes;
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(footer)
    }

    /// How many footers there are, and their bytes with those of dictionaries.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let entries = self.footers.lock().len();
        let bytes = self.bytes.load(Ordering::Relaxed) + self.dictionaries.bytes();
        (entries, bytes)
    }

    /// Forgets a file.
    pub fn forget(&self, path: &str) {
        let mut footers = self.footers.lock();
        if let Some(footer) = footers.pop(path) {
            self.bytes.fetch_sub(footer.bytes, Ordering::Relaxed);
        }
    }
}

pub(super) fn damaged(path: &Path, message: impl std::fmt::Display) -> StorageError {
    StorageError::Damaged {
        path: path.to_path_buf(),
        message: message.to_string(),
    }
}

fn read_footer(
    store: &LocalStore,
    relative: &str,
    dictionaries: &Arc<Dictionaries>,
) -> Result<Footer> {
    let path = &store.path(relative);
    let file = Chunks::new(store.open_file(relative)?)
        .map_err(|error| StorageError::io("cannot read", path, error))?;
    // Without the Arrow schema that is kept for others: Parquet's own types suffice, and
    // the library panics on one that is damaged.
    let options = ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_page_index_policy(PageIndexPolicy::Optional);
    let metadata =
        ArrowReaderMetadata::load(&file, options).map_err(|error| damaged(path, error))?;
    let series = text_of(&metadata, SERIES_KEY)
        .and_then(series_ranges::decode)
        .ok_or_else(|| damaged(path, "its list of series is missing or unreadable"))?;
    let intervals = match text_of(&metadata, INTERVALS_KEY) {
        Some(text) => Intervals::decode(text, &series)
            .ok_or_else(|| damaged(path, "its list of intervals is unreadable"))?,
        // Files of before have none.
        None => Intervals::default(),
    };
    let pages = time_pages(metadata.metadata()).unwrap_or_default();
    let sorted = series.is_sorted();
    let bytes = metadata.metadata().memory_size()
        + series.bytes()
        + intervals.bytes()
        + pages.len() * size_of::<TimePage>()
        // The numbers of its series, which the first read looks up.
        + series.count() * size_of::<SeriesId>();
    Ok(Footer {
        metadata,
        series,
        sorted,
        numbers: Mutex::new(None),
        pages,
        intervals,
        dictionaries: dictionaries.clone(),
        number: dictionaries.number(),
        bytes,
    })
}

/// What the footer says under a key.
fn text_of<'a>(metadata: &'a ArrowReaderMetadata, key: &str) -> Option<&'a str> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata()?;
    let pair = pairs.iter().find(|pair| pair.key == key)?;
    pair.value.as_deref()
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
