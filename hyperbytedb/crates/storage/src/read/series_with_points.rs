//! Which series have a point in a range of time.

use std::sync::Arc;

use crate::catalog::file::FileEntry;
use crate::error::Result;
use crate::files::FileHandle;
use crate::memtable::run::Run;
use crate::parquet::access::DataFiles;
use crate::parquet::footer::Footer;
use crate::parquet::read::select_rows;
use crate::rows::Rows;
use crate::rows::merge::Hide;
use crate::series::SeriesId;
use crate::series::tag_index::SeriesSet;
use crate::table::Table;
use crate::table::tombstone::Tombstones;

/// Where the points of a measurement are.
pub(crate) struct Sources<'a> {
    pub table: &'a Table,
    pub runs: &'a [Run],
    pub files: &'a [Arc<FileHandle>],
    pub tombstones: &'a Tombstones,
    pub data: &'a DataFiles,
    /// Nanoseconds, both ends included.
    pub time: (i64, i64),
}

impl Sources<'_> {
    /// Those of the series that have a visible point in the time. Points in memory are
    /// looked at, of files the bounds of a series' times, and its times themselves only
    /// where neither bound is a visible point in the range.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn present(&self, series: &SeriesSet) -> Result<SeriesSet> {
        let mut found = SeriesSet::new();
        for run in self.runs {
            if self.meets(run.min_time, run.max_time) {
                self.add_run(run, series, &mut found);
            }
        }
        for file in self.files {
            if found.len() == series.len() {
                break;
            }
            if self.meets(file.min_time, file.max_time) {
                self.add_file(file, &(series - &found), &mut found)?;
            }
        }
        Ok(found)
    }

    fn meets(&self, min: i64, max: i64) -> bool {
        min <= self.time.1 && max >= self.time.0
    }

    /// Adds those of the wanted series that have a row in the time.
    fn add_run(&self, run: &Run, wanted: &SeriesSet, found: &mut SeriesSet) {
        // Few are looked up, of many the run is gone through.
        let few = wanted.len() < run.rows.len() as u64 / 32;
        for stretch in run.stretches(few.then_some(wanted)) {
            let (id, part) = (stretch.series, stretch.rows());
            if wanted.contains(id) && self.has_visible(&run.rows, id, part.start, part.end) {
                found.insert(id);
            }
        }
    }

    /// Whether one of the rows, which are of one series and sorted by time, is in the
    /// time and not deleted.
    fn has_visible(&self, rows: &Rows, id: SeriesId, from: usize, to: usize) -> bool {
        let first = from + rows.times[from..to].partition_point(|at| *at < self.time.0);
        let mut places = (first..to).take_while(|row| rows.times[*row] <= self.time.1);
        places.any(|row| {
            let at = rows.times[row];
            !self.tombstones.any() || !self.tombstones.hides(id, at, rows.version(row))
        })
    }

    fn add_file(&self, file: &FileEntry, wanted: &SeriesSet, found: &mut SeriesSet) -> Result<()> {
        let footer = self.data.footer(file)?;
        let unsure = self.add_ranges(file, &footer, wanted, found);
        if unsure.is_empty() {
            return Ok(());
        }
        let chosen = select_rows(&footer, self.time, &self.table.read().series, Some(&unsure));
        let rows = self.data.read(file, &footer, &[], &chosen, self.time)?;
        // In the order of the file, where numbers do not rise.
        for (id, part) in rows.stretches() {
            if self.has_visible(&rows, id, part.start, part.end) {
                found.insert(id);
            }
        }
        Ok(())
    }

    /// Adds the series of a file whose first or last row decides, and returns those of
    /// which the rows must be read.
    fn add_ranges(
        &self,
        file: &FileEntry,
        footer: &Footer,
        wanted: &SeriesSet,
        found: &mut SeriesSet,
    ) -> SeriesSet {
        let concerned = self
            .tombstones
            .iter()
            .any(|stone| stone.concerns(file.min_version, file.min_time, file.max_time));
        // Without versions in the file all rows count as the highest one; with them a
        // row that would be visible as the oldest is so in any case.
        let version = if file.has_versions {
            file.min_version
        } else {
            file.max_version
        };
        let mut present = Vec::new();
        let mut unsure = SeriesSet::new();
        let inner = self.table.read();
        footer.visit_ranges(&inner.series, Some(wanted), &mut |range, id| {
            if !self.meets(range.min_time, range.max_time) {
                return;
            }
            let decides = |at: i64| {
                self.meets(at, at) && !(concerned && self.tombstones.hides(id, at, version))
            };
            if decides(range.min_time) || decides(range.max_time) {
                present.push(id);
            } else {
                unsure.insert(id);
            }
        });
        present.sort_unstable();
        found.extend(present);
        unsure
    }
}
