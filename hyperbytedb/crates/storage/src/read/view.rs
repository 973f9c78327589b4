//! What a query reads of one measurement: a fixed set of files and runs, and which
//! parts of them must be merged under the law.

use std::ops::Range;
use std::sync::Arc;

use crate::catalog::file::FileEntry;
use crate::catalog::record::ColumnDef;
use crate::error::Result;
use crate::files::FileHandle;
use crate::memtable::run::Run;
use crate::parquet::access::DataFiles;
use crate::parquet::footer::Footer;
use crate::parquet::read::{RowRange, select_rows};
use crate::read::file_part::FilePart;
use crate::read::overlap::{even_slices, windows_of};
use crate::read::run_part::{self, RunPart};
use crate::read::series_with_points::Sources;
use crate::rows::merge::Hide;
use crate::rows::merge::{MergeOptions, merge};
use crate::rows::{ColumnId, Rows, push_range};
use crate::series::tag_index::SeriesSet;
use crate::table::Table;
use crate::table::tombstone::Tombstones;

/// Rows that one merge of a window takes up at once, about.
const MERGE_ROWS: u64 = 500_000;

/// A consistent look at one measurement, good for as long as it is held.
#[derive(Clone)]
pub struct ReadView {
    pub table: Arc<Table>,
    /// All columns of the measurement, by number.
    pub columns: Vec<ColumnDef>,
    pub tag_keys: Vec<String>,
    /// Both included; no point outside is to be returned.
    pub time: (i64, i64),
    pub files: Vec<Arc<FileHandle>>,
    pub runs: Vec<Run>,
    /// Sorted and disjoint: within them rows must be taken from
    /// [`ReadView::merged`], outside them from files and runs as they are.
    pub windows: Vec<(i64, i64)>,
    pub(crate) tombstones: Tombstones,
    selection: Option<SeriesSet>,
    pub(crate) data: Arc<DataFiles>,
}

impl ReadView {
    pub(crate) fn new(table: Arc<Table>, time: (i64, i64), data: Arc<DataFiles>) -> Self {
        let inner = table.read();
        let overlaps = |min: i64, max: i64| min <= time.1 && max >= time.0;
        let files: Vec<Arc<FileHandle>> = inner
            .files
            .iter()
            .filter(|file| overlaps(file.min_time, file.max_time))
            .cloned()
            .collect();
        let runs: Vec<Run> = inner
            .memtable
            .runs()
            .iter()
            .chain(&inner.frozen)
            .filter(|run| overlaps(run.min_time, run.max_time))
            .cloned()
            .collect();
        let mut view = Self {
            columns: inner.columns.clone(),
            tag_keys: inner.series.tag_keys(None),
            tombstones: inner.tombstones.clone(),
            selection: None,
            time,
            files,
            runs,
            windows: Vec::new(),
            data,
            table: table.clone(),
        };
        drop(inner);
        view.windows = view.overlaps_in_time();
        view
    }

    /// The rows of the windows, merged under the law, in portions that each hold whole
    /// ranges of time. Only the given columns are read.
    pub fn merged<'a>(
        &'a self,
        columns: &'a [ColumnId],
    ) -> impl Iterator<Item = Result<Rows>> + 'a {
        self.merge_slices()
            .into_iter()
            .map(move |slice| self.merge_slice(slice, columns))
    }

    /// The windows, cut so that merging one slice takes bounded memory.
    #[must_use]
    pub fn merge_slices(&self) -> Vec<(i64, i64)> {
        self.slices_of(&self.windows)
    }

    /// The same for some of the windows.
    #[must_use]
    pub fn slices_of(&self, windows: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let windows = windows.iter();
        windows.flat_map(|window| self.slices(*window)).collect()
    }

    /// All rows of the view, merged, in portions: for tests and repairs.
    pub fn rows<'a>(&'a self, columns: &'a [ColumnId]) -> impl Iterator<Item = Result<Rows>> + 'a {
        self.slices(self.time)
            .into_iter()
            .map(move |slice| self.merge_slice(slice, columns))
    }

    /// Splits a window so that no slice holds too many rows, as far as the sources'
    /// bounds tell.
    fn slices(&self, window: (i64, i64)) -> Vec<(i64, i64)> {
        let (bounds, rows) = self.extent(window);
        bounds.map_or(Vec::new(), |bounds| {
            even_slices(bounds, rows / MERGE_ROWS + 1)
        })
    }

    /// From when to when there are rows within a window, and how many, as far as the
    /// sources' bounds tell.
    fn extent(&self, window: (i64, i64)) -> (Option<(i64, i64)>, u64) {
        let files = self
            .files
            .iter()
            .map(|file| (file.min_time, file.max_time, file.rows));
        let runs = self
            .runs
            .iter()
            .map(|run| (run.min_time, run.max_time, run.rows.len() as u64));
        let (mut low, mut high, mut rows) = (i64::MAX, i64::MIN, 0_u64);
        for (min, max, count) in files.chain(runs) {
            let (from, to) = (min.max(window.0), max.min(window.1));
            if from > to {
                continue;
            }
            low = low.min(from);
            high = high.max(to);
            let length = |from: i64, to: i64| (i128::from(to) - i128::from(from)) as f64;
            let part = length(from, to) / length(min, max).max(1.0);
            rows += (count as f64 * part.clamp(0.0, 1.0)) as u64 + 1;
        }
        ((low <= high).then_some((low, high)), rows)
    }

    /// How many rows of all series the view has, as far as the sources' bounds tell.
    #[must_use]
    pub fn rows_about(&self) -> u64 {
        self.extent(self.time).1
    }

    /// The times at which the view has rows, cut into that many slices of one length.
    #[must_use]
    pub fn cut(&self, pieces: u64) -> Vec<(i64, i64)> {
        let (bounds, _) = self.extent(self.time);
        bounds.map_or(Vec::new(), |bounds| even_slices(bounds, pieces))
    }

    /// The rows of one slice, merged under the law.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn merge_slice(&self, slice: (i64, i64), columns: &[ColumnId]) -> Result<Rows> {
        let mut owned = Vec::new();
        for file in &self.files {
            if file.min_time <= slice.1 && file.max_time >= slice.0 {
                owned.push(self.read_file(file, slice, columns)?);
            }
        }
        let mut whole: Vec<&Rows> = Vec::new();
        for run in &self.runs {
            if run.min_time <= slice.1 && run.max_time >= slice.0 {
                match self.part_of_run(run, slice, columns) {
                    Some(part) => owned.push(part),
                    None => whole.push(&run.rows),
                }
            }
        }
        let sources: Vec<&Rows> = owned.iter().chain(whole).collect();
        Ok(merge(
            &sources,
            &MergeOptions {
                ranks: None,
                columns: Some(columns),
                time: slice,
                hide: &self.tombstones,
            },
        ))
    }

    /// Rows of one file, as it is, of the selected series and in the time.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn read_file(
        &self,
        file: &FileEntry,
        time: (i64, i64),
        columns: &[ColumnId],
    ) -> Result<Rows> {
        let wanted = self.in_file(file, columns);
        let (footer, chosen) = self.rows_in_file(file, time)?;
        self.data.read(file, &footer, &wanted, &chosen, time)
    }

    /// The selected rows of a file, cut into parts of about `rows_max` rows that can be
    /// read one by one.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn file_parts(&self, file: &Arc<FileHandle>, rows_max: u64) -> Result<Vec<FilePart>> {
        let (_, chosen) = self.rows_in_file(file, self.time)?;
        let mut parts: Vec<FilePart> = Vec::new();
        for chosen in chosen {
            match parts.last_mut() {
                Some(part) if part.rows + chosen.rows <= rows_max => part.push(chosen),
                _ => parts.push(FilePart::new(file.clone(), chosen)),
            }
        }
        Ok(parts)
    }

    /// Rows of one part in the view's time, as the file has them.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn read_part(&self, part: &FilePart, columns: &[ColumnId]) -> Result<Rows> {
        let footer = self.data.footer(&part.file)?;
        self.data.read(
            &part.file,
            &footer,
            &self.in_file(&part.file, columns),
            &part.chosen,
            self.time,
        )
    }

    /// A file's footer, and where in the file the selected series have rows in a time. The
    /// table's lock is held no longer than that takes: not while the file is read.
    pub(crate) fn rows_in_file(
        &self,
        file: &FileEntry,
        time: (i64, i64),
    ) -> Result<(Arc<Footer>, Vec<RowRange>)> {
        let footer = self.data.footer(file)?;
        let rows = select_rows(&footer, time, &self.table.read().series, self.selection());
        Ok((footer, rows))
    }

    /// Those of the columns that a file has, with their names in it.
    pub(crate) fn in_file(
        &self,
        file: &FileEntry,
        columns: &[ColumnId],
    ) -> Vec<(ColumnId, String)> {
        columns
            .iter()
            .filter_map(|id| {
                let column = self.columns.get(*id as usize)?;
                let there = file
                    .columns
                    .iter()
                    .any(|other| other.physical == column.physical);
                there.then(|| (*id, column.physical.clone()))
            })
            .collect()
    }

    /// About how many rows the selected series have in a file.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn selected_rows(&self, file: &FileEntry) -> Result<u64> {
        if self.selection.is_none() {
            return Ok(file.rows);
        }
        let (_, chosen) = self.rows_in_file(file, self.time)?;
        Ok(chosen.iter().map(|chosen| chosen.rows).sum())
    }

    /// Those of the series that have a point in the view.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn present(&self, series: &SeriesSet) -> Result<SeriesSet> {
        let sources = Sources {
            table: &self.table,
            runs: &self.runs,
            files: &self.files,
            tombstones: &self.tombstones,
            data: &self.data,
            time: self.time,
        };
        sources.present(series)
    }

    /// The same look, at some series.
    #[must_use]
    pub fn of(&self, series: SeriesSet) -> ReadView {
        let mut view = self.clone();
        view.select(series);
        view
    }

    /// All series that the view may have rows of.
    #[must_use]
    pub fn series(&self) -> SeriesSet {
        match &self.selection {
            Some(selection) => selection.clone(),
            None => self.table.read().series.live().clone(),
        }
    }

    /// Narrows the view to some series.
    pub fn select(&mut self, series: SeriesSet) {
        self.selection = Some(series);
        if self.tombstones.any() {
            self.windows = self.overlaps_in_time();
        }
    }

    /// Where sources overlap in time, or a tombstone hides something of the selected
    /// series.
    fn overlaps_in_time(&self) -> Vec<(i64, i64)> {
        let selection = self.selection.as_ref();
        let meets = |met: &SeriesSet| selection.is_none_or(|series| !met.is_disjoint(series));
        let stones = self.tombstones.iter().filter(|stone| meets(stone.met()));
        windows_of(stones, &self.files, &self.runs, self.time)
    }

    /// The selected series, `None` when all are.
    #[must_use]
    pub fn selection(&self) -> Option<&SeriesSet> {
        self.selection.as_ref()
    }

    /// The selected rows of a run within a range of time, with the given columns;
    /// `None` for all of them, which need no copy.
    #[must_use]
    pub fn part_of_run(&self, run: &Run, time: (i64, i64), columns: &[ColumnId]) -> Option<Rows> {
        let ranges = self.ranges_of_run(run, time)?;
        Some(run.rows.ranges(&ranges, Some(columns)))
    }

    /// The selected rows of a run within the view's time and outside of its windows, in
    /// parts of about `rows_max` rows.
    #[must_use]
    pub fn run_parts(&self, run: &Run, rows_max: u64) -> Vec<RunPart> {
        let outside = self.outside();
        let mut parts = Vec::new();
        for stretch in run.stretches(self.selection()) {
            stretch.within(&run.rows, &outside, &mut |range| {
                run_part::push(&mut parts, run, range, rows_max);
            });
        }
        parts
    }

    /// The times of the view that are in none of its windows.
    #[must_use]
    pub fn outside(&self) -> Vec<(i64, i64)> {
        let mut outside = Vec::with_capacity(self.windows.len() + 1);
        let mut from = Some(self.time.0);
        for (first, last) in &self.windows {
            if let Some(from) = from
                && from < *first
            {
                outside.push((from, first - 1));
            }
            from = last.checked_add(1);
        }
        if let Some(from) = from
            && from <= self.time.1
        {
            outside.push((from, self.time.1));
        }
        outside
    }

    /// About how many rows are merged for a slice.
    #[must_use]
    pub fn rows_of_slice(&self, slice: (i64, i64)) -> u64 {
        let meets = |min: i64, max: i64| min <= slice.1 && slice.0 <= max;
        let selected = self.selection.as_ref().map(SeriesSet::len);
        let of_file = |file: &Arc<FileHandle>| match selected {
            Some(selected) if selected < file.series => file.rows / file.series * selected,
            _ => file.rows,
        };
        let files = self.files.iter();
        let files = files.filter(|file| meets(file.min_time, file.max_time));
        files.map(of_file).sum::<u64>() + self.rows_of_runs(slice)
    }

    /// About how many rows of a run are within a slice of time.
    pub(crate) fn rows_of_run(&self, run: &Run, slice: (i64, i64)) -> u64 {
        if slice.1 < run.min_time || slice.0 > run.max_time {
            return 0;
        }
        match &self.selection {
            Some(_) => {
                let ranges = self.ranges_of_run(run, slice);
                ranges.map_or(run.rows.len(), |ranges| {
                    ranges.iter().map(ExactSizeIterator::len).sum()
                }) as u64
            }
            // To count those of each series would take longer than many a query.
            None => share(run, slice),
        }
    }

    /// Where these rows are; `None` for all of them.
    fn ranges_of_run(&self, run: &Run, time: (i64, i64)) -> Option<Vec<Range<usize>>> {
        let inside = time.0 <= run.min_time && run.max_time <= time.1;
        if inside && self.selection.is_none() {
            return None;
        }
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for stretch in run.stretches(self.selection()) {
            stretch.within(&run.rows, &[time], &mut |range| {
                push_range(&mut ranges, range);
            });
        }
        Some(ranges)
    }

    /// Fails when a file is not there, for readers that would overlook it.
    ///
    /// # Errors
    /// The text names the file.
    pub fn check_file(&self, file: &FileEntry) -> Result<()> {
        self.data.check(file)
    }

    /// The data directory.
    #[must_use]
    pub fn root(&self) -> std::path::PathBuf {
        self.data.store().path("")
    }

    /// Where a file lies.
    #[must_use]
    pub fn path(&self, file: &FileEntry) -> std::path::PathBuf {
        self.data.local_path(file)
    }
}
/// About how many rows of a run are within a slice of time, as if they were spread evenly.
fn share(run: &Run, slice: (i64, i64)) -> u64 {
    let length = |(from, to): (i64, i64)| i128::from(to) - i128::from(from) + 1;
    let common = length((slice.0.max(run.min_time), slice.1.min(run.max_time)));
    let rows = run.rows.len() as i128 * common.max(0) / length((run.min_time, run.max_time));
    rows.clamp(1, run.rows.len() as i128) as u64
}
