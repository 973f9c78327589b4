//! Rows of some series out of files that overlap in time with other sources: each file is
//! read once, and where they overlap its rows are merged with those of the others.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::files::FileHandle;
use crate::memtable::run::stretches_of;
use crate::parquet::PAGE_ROWS;
use crate::parquet::read::RowRange;
use crate::read::file_part::FilePart;
use crate::read::view::ReadView;
use crate::rows::merge::{MergeOptions, merge};
use crate::rows::{ColumnId, Rows, push_range};
use crate::series::SeriesId;
use crate::series::tag_index::SeriesSet;

/// Rows that one series may have, for it is read as a whole.
const SERIES_ROWS_MAX: u64 = 1 << 20;
/// Parts that may read the same page for different series.
const SHARED_PARTS_MAX: u64 = 4;

/// Some series of sources that overlap.
#[derive(Debug, Clone)]
pub struct MergePart {
    files: Vec<FilePart>,
    /// The same; rows of runs within the windows are merged with those of the files.
    series: SeriesSet,
    windows: Vec<(i64, i64)>,
    /// In the files.
    pub rows: u64,
}

/// A view's files and windows, by how they are to be read.
#[derive(Debug, Default)]
pub struct Overlaps {
    /// Files that overlap with others, in parts that are read and merged one by one.
    pub parts: Vec<MergePart>,
    /// Files that are read by themselves, outside of the windows.
    pub files: Vec<Arc<FileHandle>>,
    /// Windows whose rows are merged by themselves.
    pub windows: Vec<(i64, i64)>,
    /// Rows of runs that are merged with those of `parts`, about.
    pub run_rows: u64,
}

/// Windows that follow each other, and all files that meet one of them.
#[derive(Default)]
struct Chain {
    windows: Vec<(i64, i64)>,
    files: Vec<Arc<FileHandle>>,
}

/// Rows of a series in one of the files of a chain.
struct Found {
    /// Of the series, in the order in which they are read.
    place: u32,
    file: u32,
    chosen: RowRange,
}

impl ReadView {
    /// Whether all rows of a source are merged, since one window covers its times.
    #[must_use]
    pub fn is_merged(&self, min_time: i64, max_time: i64) -> bool {
        let covers = |(from, to): &(i64, i64)| *from <= min_time && max_time <= *to;
        self.windows.iter().any(covers)
    }

    /// Every file by itself, and the windows by themselves.
    #[must_use]
    pub fn apart(&self) -> Overlaps {
        let files = self.files.iter();
        let read = files.filter(|file| !self.is_merged(file.min_time, file.max_time));
        Overlaps {
            files: read.cloned().collect(),
            windows: self.windows.clone(),
            ..Overlaps::default()
        }
    }

    /// Divides what is read of files into parts of about `rows_max` rows.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn overlaps(&self, rows_max: u64) -> Result<Overlaps> {
        let (chains, alone) = self.chains();
        let mut overlaps = Overlaps {
            files: alone,
            ..Overlaps::default()
        };
        for chain in chains {
            match chain.files.is_empty() {
                true => overlaps.windows.extend(chain.windows),
                false => self.add_chain(chain, rows_max, &mut overlaps)?,
            }
        }
        Ok(overlaps)
    }

    /// The windows with the files that meet them, and the files that meet none.
    fn chains(&self) -> (Vec<Chain>, Vec<Arc<FileHandle>>) {
        let mut met = Vec::new();
        let mut alone = Vec::new();
        for file in &self.files {
            let from = self
                .windows
                .partition_point(|window| window.1 < file.min_time);
            let to = self
                .windows
                .partition_point(|window| window.0 <= file.max_time);
            if from < to {
                met.push((from, to, file));
            } else {
                alone.push(file.clone());
            }
        }
        met.sort_unstable_by_key(|(from, to, _)| (*from, *to));
        let mut met = met.into_iter().peekable();
        let mut chains = Vec::new();
        let mut next = 0;
        while next < self.windows.len() {
            let first = next;
            next += 1;
            let mut chain = Chain::default();
            while let Some((_, to, file)) = met.next_if(|(from, _, _)| *from < next) {
                next = next.max(to);
                chain.files.push(file.clone());
            }
            chain.windows = self.windows[first..next].to_vec();
            chains.push(chain);
        }
        (chains, alone)
    }

    fn add_chain(&self, chain: Chain, rows_max: u64, overlaps: &mut Overlaps) -> Result<()> {
        let Chain { windows, mut files } = chain;
        // Series are read in the order in which most of them lie in the largest file.
        files.sort_unstable_by_key(|file| (Reverse(file.rows), file.id));
        let (series, found) = self.found_in(&files)?;
        let of_series = || found.chunk_by(|a, b| a.place == b.place);
        let rows = |found: &[Found]| found.iter().map(|found| found.chosen.rows).sum::<u64>();
        // Out of many small files each part would take a few rows of pages that hold more.
        let parts = rows(&found) / rows_max.max(1);
        let wastes = parts > SHARED_PARTS_MAX && rows_max / (files.len() as u64) < PAGE_ROWS as u64;
        if wastes || of_series().any(|found| rows(found) > SERIES_ROWS_MAX) {
            files.retain(|file| !self.is_merged(file.min_time, file.max_time));
            overlaps.files.extend(files);
            overlaps.windows.extend(windows);
            return Ok(());
        }
        let run_rows: u64 = windows
            .iter()
            .map(|window| self.rows_of_runs(*window))
            .sum();
        let run_rows_each = run_rows / series.len().max(1);
        overlaps.run_rows += run_rows;
        let (mut start, mut end, mut held) = (0, 0, 0);
        for series in of_series() {
            let more = rows(series) + run_rows_each;
            if held > 0 && held + more > rows_max {
                let part = part_of(&found[start..end], &files, &windows);
                overlaps.parts.push(part);
                (start, held) = (end, 0);
            }
            end += series.len();
            held += more;
        }
        if start < end {
            let part = part_of(&found[start..end], &files, &windows);
            overlaps.parts.push(part);
        }
        let others = self.series() - series;
        if run_rows > 0 && !others.is_empty() {
            let slices = self.slices_of(&windows).into_iter();
            overlaps.parts.extend(slices.map(|slice| MergePart {
                files: Vec::new(),
                series: others.clone(),
                windows: vec![slice],
                rows: 0,
            }));
        }
        Ok(())
    }

    /// The series of some files, and the rows of each in the order in which they are read.
    fn found_in(&self, files: &[Arc<FileHandle>]) -> Result<(SeriesSet, Vec<Found>)> {
        let mut places: HashMap<SeriesId, u32> = HashMap::new();
        let mut found = Vec::new();
        for (number, file) in files.iter().enumerate() {
            let (_, chosen) = self.rows_in_file(file, self.time)?;
            for chosen in chosen {
                let next = places.len() as u32;
                found.push(Found {
                    place: *places.entry(chosen.series).or_insert(next),
                    file: number as u32,
                    chosen,
                });
            }
        }
        found.sort_unstable_by_key(|found| (found.place, found.file));
        Ok((places.into_keys().collect(), found))
    }

    /// About how many rows of runs are within a slice of time.
    pub(crate) fn rows_of_runs(&self, slice: (i64, i64)) -> u64 {
        let runs = self.runs.iter();
        runs.map(|run| self.rows_of_run(run, slice)).sum()
    }

    /// The rows of a part in the view's time, each once: of the files outside of the
    /// windows, and merged inside.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn read_merge_part(&self, part: &MergePart, columns: &[ColumnId]) -> Result<Vec<Rows>> {
        let (mut apart, mut shared) = (Vec::new(), Vec::new());
        for file in &part.files {
            let rows = self.read_part(file, columns)?;
            let inside = ranges_within(&rows, &part.windows);
            if !inside.is_empty() {
                shared.push(rows.ranges(&inside, None));
            }
            apart.push(self.outside_windows(rows));
        }
        let runs = self.runs.iter();
        for run in runs.filter(|run| meets(&part.windows, run.min_time, run.max_time)) {
            let mut ranges = Vec::new();
            for stretch in run.stretches(Some(&part.series)) {
                stretch.within(&run.rows, &part.windows, &mut |range| {
                    push_range(&mut ranges, range);
                });
            }
            shared.push(run.rows.ranges(&ranges, Some(columns)));
        }
        let sources: Vec<&Rows> = shared.iter().filter(|rows| !rows.is_empty()).collect();
        if !sources.is_empty() {
            apart.push(merge(
                &sources,
                &MergeOptions {
                    ranks: None,
                    columns: Some(columns),
                    time: self.time,
                    hide: &self.tombstones,
                },
            ));
        }
        apart.retain(|rows| !rows.is_empty());
        Ok(apart)
    }

    /// Those of the rows, in stretches of one series, that are in the time and in no window.
    #[must_use]
    pub fn outside_windows(&self, rows: Rows) -> Rows {
        match ranges_within(&rows, &self.outside()).as_slice() {
            [all] if *all == (0..rows.len()) => rows,
            ranges => rows.ranges(ranges, None),
        }
    }
}

/// The rows of some series that follow each other.
fn part_of(found: &[Found], files: &[Arc<FileHandle>], windows: &[(i64, i64)]) -> MergePart {
    let mut by_row: Vec<&Found> = found.iter().collect();
    by_row.sort_unstable_by_key(|found| (found.file, found.chosen.first_row));
    let of_file = |found: &[&Found]| {
        let file = files[found[0].file as usize].clone();
        let mut part = FilePart::new(file, found[0].chosen);
        for other in &found[1..] {
            part.push(other.chosen);
        }
        part
    };
    let files = by_row.chunk_by(|a, b| a.file == b.file).map(of_file);
    MergePart {
        files: files.collect(),
        series: found.iter().map(|found| found.chosen.series).collect(),
        windows: windows.to_vec(),
        rows: found.iter().map(|found| found.chosen.rows).sum(),
    }
}

fn meets(windows: &[(i64, i64)], min_time: i64, max_time: i64) -> bool {
    let from = windows.partition_point(|window| window.1 < min_time);
    windows.get(from).is_some_and(|window| window.0 <= max_time)
}

/// The rows whose times are in one of the ranges of time.
fn ranges_within(rows: &Rows, times: &[(i64, i64)]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    for stretch in stretches_of(rows) {
        stretch.within(rows, times, &mut |range| push_range(&mut ranges, range));
    }
    ranges
}
