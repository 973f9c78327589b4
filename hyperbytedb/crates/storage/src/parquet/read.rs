//! Reads rows of chosen series and times back out of a Parquet file.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray};
use arrow::compute::concat;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};

use super::chunks::Chunks;
use super::column;
use super::footer::{Footer, damaged};
use super::page::Scratch;
use super::series_ranges::Span;
use crate::catalog::file::{FileEntry, VERSION_COLUMN, older_column};
use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::files::ReadAt;
use crate::rows::{Column, ColumnId, Rows, Versions};
use crate::series::tag_index::SeriesSet;
use crate::series::{SeriesId, SeriesIndex};

/// Rows of one series that are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRange {
    pub series: SeriesId,
    pub first_row: u64,
    pub rows: u64,
    /// Of the first and the last of them, where that is known without reading.
    pub times: Option<(i64, i64)>,
}

/// The rows of some series (of all if none are given), as far as their times may meet
/// the range (both ends included).
pub fn select_rows(
    footer: &Footer,
    time: (i64, i64),
    index: &SeriesIndex,
    wanted: Option<&SeriesSet>,
) -> Vec<RowRange> {
    let mut chosen = Vec::new();
    footer.visit_ranges(index, wanted, &mut |range, series| {
        if range.max_time < time.0 || range.min_time > time.1 {
            return;
        }
        if range.min_time >= time.0 && range.max_time <= time.1 {
            chosen.push(RowRange {
                series,
                first_row: range.first_row,
                rows: range.rows,
                times: Some((range.min_time, range.max_time)),
            });
        } else if let Some((rows, times)) = footer.intervals.rows_in(&range, time) {
            if !rows.is_empty() {
                chosen.push(RowRange {
                    series,
                    first_row: rows.start,
                    rows: rows.end - rows.start,
                    times: Some(times),
                });
            }
        } else {
            push_pages(footer, range, series, time, &mut chosen);
        }
    });
    chosen
}

/// Leaves out the pages of a series whose times lie outside the range.
fn push_pages(
    footer: &Footer,
    range: Span,
    series: SeriesId,
    time: (i64, i64),
    chosen: &mut Vec<RowRange>,
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
            _ => chosen.push(RowRange {
                series,
                first_row,
                rows,
                times: None,
            }),
        }
    }
    if footer.pages.is_empty() && chosen.len() == before {
        chosen.push(RowRange {
            series,
            first_row: range.first_row,
            rows: range.rows,
            times: None,
        });
    }
}

fn chosen_ends_at(last: &RowRange, series: SeriesId, row: u64) -> bool {
    last.series == series && last.first_row + last.rows == row
}

/// Reads those of the chosen rows whose times are in the range (both ends included).
///
/// # Errors
/// When the file is missing or damaged.
pub fn read_rows(
    (path, file): (&Path, Arc<dyn ReadAt>),
    entry: &FileEntry,
    footer: &Footer,
    columns: &[(ColumnId, String)],
    chosen: &[RowRange],
    time: (i64, i64),
) -> Result<Rows> {
    let mut scratch = Scratch::take();
    let mut reader = FileReader {
        path,
        file,
        footer,
        scratch: &mut scratch,
    };
    let rows = reader.rows(entry, columns, chosen, time);
    scratch.give_back();
    rows
}

/// A file that is open.
struct FileReader<'a> {
    path: &'a Path,
    file: Arc<dyn ReadAt>,
    footer: &'a Footer,
    scratch: &'a mut Scratch,
}

impl FileReader<'_> {
    fn rows(
        &mut self,
        entry: &FileEntry,
        wanted: &[(ColumnId, String)],
        chosen: &[RowRange],
        time: (i64, i64),
    ) -> Result<Rows> {
        let (chosen, times) = self.narrowed(chosen, time)?;
        let mut series = Vec::with_capacity(times.len());
        for chosen in &chosen {
            series.extend(std::iter::repeat_n(chosen.series, chosen.rows as usize));
        }
        let mut names: Vec<String> = wanted.iter().map(|(_, name)| name.clone()).collect();
        if entry.has_versions {
            names.push(VERSION_COLUMN.to_string());
            names.extend(wanted.iter().map(|(_, name)| older_column(name)));
        }
        let arrays = self.arrays(&names, &chosen)?;
        let find = |name: &str| {
            let at = names.iter().position(|other| other == name)?;
            arrays[at].clone()
        };
        let versions = match find(VERSION_COLUMN).as_ref().and_then(versions_of) {
            Some(versions) if entry.has_versions => Versions::Each(versions),
            _ => Versions::One(entry.max_version),
        };
        let mut columns = Vec::with_capacity(wanted.len());
        for (id, name) in wanted {
            let Some(values) = find(name) else {
                continue;
            };
            columns.push(Column {
                id: *id,
                values,
                older: find(&older_column(name)).as_ref().and_then(versions_of),
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

    /// Those of the chosen rows that are in the time, and their times.
    fn narrowed(
        &mut self,
        chosen: &[RowRange],
        time: (i64, i64),
    ) -> Result<(Vec<RowRange>, Vec<i64>)> {
        let is_unknown = |chosen: &&RowRange| !self.is_known(chosen);
        let unknown: Vec<RowRange> = chosen.iter().filter(is_unknown).copied().collect();
        let read = self.read_times(&unknown)?;
        let mut unknown = read.as_ref().map_or(&[][..], |read| read.values());
        let mut narrowed = Vec::with_capacity(chosen.len());
        let mut times = Vec::new();
        for chosen in chosen {
            let start = times.len();
            if !self.append_known(chosen, &mut times) {
                let (own, others) = unknown.split_at(chosen.rows as usize);
                times.extend_from_slice(own);
                unknown = others;
            }
            // Of one series, so they rise.
            let from = times[start..].partition_point(|at| *at < time.0);
            let to = times[start..].partition_point(|at| *at <= time.1);
            times.truncate(start + to);
            times.drain(start..start + from);
            if from < to {
                narrowed.push(RowRange {
                    series: chosen.series,
                    first_row: chosen.first_row + from as u64,
                    rows: (to - from) as u64,
                    times: None,
                });
            }
        }
        Ok((narrowed, times))
    }

    /// Whether the footer tells the times of the rows.
    fn is_known(&self, chosen: &RowRange) -> bool {
        single_time(chosen).is_some() || self.footer.intervals.know(chosen.first_row)
    }

    /// Appends the times of the rows if the footer tells them.
    fn append_known(&self, chosen: &RowRange, times: &mut Vec<i64>) -> bool {
        if let Some(time) = single_time(chosen) {
            times.push(time);
            return true;
        }
        let rows = chosen.first_row..chosen.first_row + chosen.rows;
        self.footer.intervals.append_times(rows, times)
    }

    /// The times of the rows from the column; `None` of no rows.
    fn read_times(&mut self, chosen: &[RowRange]) -> Result<Option<TimestampNanosecondArray>> {
        let expected: u64 = chosen.iter().map(|chosen| chosen.rows).sum();
        if expected == 0 {
            return Ok(None);
        }
        let Some(array) = self.arrays(&["time".to_string()], chosen)?.pop().flatten() else {
            return Err(damaged(self.path, "its column time is missing"));
        };
        let times = array
            .as_primitive_opt::<TimestampNanosecondType>()
            .ok_or_else(|| damaged(self.path, "its column time is no timestamp"))?;
        if times.len() as u64 != expected {
            let message = "it holds fewer rows than its list of series says";
            return Err(damaged(self.path, message));
        }
        Ok(Some(times.clone()))
    }

    /// The chosen rows of columns; `None` for those that the file lacks.
    fn arrays(&mut self, names: &[String], chosen: &[RowRange]) -> Result<Vec<Option<ArrayRef>>> {
        let metadata = self.footer.metadata.metadata();
        let descriptions = metadata.file_metadata().schema_descr().columns();
        let mut rows: Vec<Range<u64>> = Vec::with_capacity(chosen.len());
        for chosen in chosen {
            let end = chosen.first_row + chosen.rows;
            match rows.last_mut() {
                Some(last) if last.end == chosen.first_row => last.end = end,
                _ => rows.push(chosen.first_row..end),
            }
        }
        if rows.is_empty() {
            return Ok(vec![None; names.len()]);
        }
        let mut arrays = Vec::with_capacity(names.len());
        let mut others = Vec::new();
        for (at, name) in names.iter().enumerate() {
            arrays.push(None);
            let Some(leaf) = descriptions.iter().position(|column| column.name() == name) else {
                continue;
            };
            let read = column::read(self.file.as_ref(), self.footer, leaf, &rows, self.scratch);
            match read.map_err(|error| damaged(self.path, error))? {
                Some(array) => arrays[at] = Some(array),
                None => others.push((at, leaf)),
            }
        }
        if !others.is_empty() {
            let leaves = others.iter().map(|(_, leaf)| *leaf).collect();
            let batches = self.batches(leaves, &rows)?;
            for (at, _) in others {
                arrays[at] = column_of(self.path, &batches, &names[at])?;
            }
        }
        Ok(arrays)
    }

    /// Columns as the Parquet library reads them.
    fn batches(&self, leaves: Vec<usize>, rows: &[Range<u64>]) -> Result<Vec<RecordBatch>> {
        let file = Chunks::new(self.file.clone())
            .map_err(|error| StorageError::io("cannot read", self.path, error))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.footer.metadata.clone());
        let projection = ProjectionMask::leaves(builder.parquet_schema(), leaves);
        let count: u64 = rows.iter().map(|rows| rows.end - rows.start).sum();
        let reader = builder
            .with_projection(projection)
            .with_row_selection(selected(rows))
            .with_batch_size(
                usize::try_from(count)
                    .unwrap_or(usize::MAX)
                    .clamp(1, 65_536),
            )
            .build()
            .map_err(|error| damaged(self.path, error))?;
        reader
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| damaged(self.path, error))
    }
}

/// The time of a single row that is known to be in the time of the query.
fn single_time(chosen: &RowRange) -> Option<i64> {
    let (first, last) = chosen.times?;
    (chosen.rows == 1 && first == last).then_some(first)
}

fn selected(rows: &[Range<u64>]) -> RowSelection {
    let mut selectors = Vec::with_capacity(rows.len() * 2);
    let mut at = 0;
    for rows in rows {
        if rows.start > at {
            selectors.push(RowSelector::skip((rows.start - at) as usize));
        }
        selectors.push(RowSelector::select((rows.end - rows.start) as usize));
        at = rows.end;
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

fn versions_of(array: &ArrayRef) -> Option<Vec<Version>> {
    let array = array.as_primitive_opt::<UInt64Type>()?;
    let versions = array.iter().map(|version| Version(version.unwrap_or(0)));
    Some(versions.collect())
}
