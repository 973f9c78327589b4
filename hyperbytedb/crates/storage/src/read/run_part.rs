//! Rows of a run in memory that are looked at in one go.

use std::ops::Range;

use crate::memtable::run::Run;
use crate::rows::{ColumnId, Rows, push_range};
use crate::series::SeriesId;

/// Some rows of some series of a run.
#[derive(Debug, Clone)]
pub struct RunPart {
    /// All rows are in it.
    pub run: Run,
    /// Those that are meant; they rise.
    pub ranges: Vec<Range<usize>>,
    pub rows: u64,
}

impl RunPart {
    fn new(run: &Run) -> Self {
        Self {
            run: run.clone(),
            ranges: Vec::new(),
            rows: 0,
        }
    }

    fn push(&mut self, range: Range<usize>) {
        self.rows += range.len() as u64;
        push_range(&mut self.ranges, range);
    }

    /// The series in the order of the rows, with the rows that each has.
    pub fn stretches(&self) -> impl Iterator<Item = (SeriesId, Range<usize>)> + '_ {
        let ranges = self.ranges.iter();
        ranges.flat_map(|range| self.run.stretches_in(range.clone()))
    }

    /// The rows by themselves, with the given columns.
    #[must_use]
    pub fn read(&self, columns: &[ColumnId]) -> Rows {
        self.run.rows.ranges(&self.ranges, Some(columns))
    }

    /// The first row of each series, or the last.
    #[must_use]
    pub fn ends(&self, last: bool, columns: &[ColumnId]) -> Rows {
        let mut places: Vec<(SeriesId, u32)> = Vec::new();
        for (series, rows) in self.stretches() {
            match places.last_mut() {
                // A series may have several ranges, where one in between is not meant.
                Some((before, place)) if *before == series => {
                    if last {
                        *place = rows.end as u32 - 1;
                    }
                }
                _ if last => places.push((series, rows.end as u32 - 1)),
                _ => places.push((series, rows.start as u32)),
            }
        }
        let places: Vec<u32> = places.into_iter().map(|(_, place)| place).collect();
        self.run.rows.take(&places, Some(columns))
    }
}

/// Adds a range of one series of a run to the last of its parts, or as a new one when that
/// has `rows_max` rows.
pub(crate) fn push(parts: &mut Vec<RunPart>, run: &Run, range: Range<usize>, rows_max: u64) {
    match parts.last_mut() {
        Some(part) if part.rows + range.len() as u64 <= rows_max => part.push(range),
        _ => {
            let mut part = RunPart::new(run);
            part.push(range);
            parts.push(part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Column, Versions};
    use arrow::array::Int64Array;
    use std::sync::Arc;

    #[test]
    fn parts_hold_whole_ranges_and_know_the_ends() {
        let rows = Rows {
            series: vec![1, 1, 1, 2, 2, 3],
            times: vec![1, 2, 3, 1, 2, 9],
            versions: Versions::One(crate::clock::Version(1)),
            columns: vec![Column {
                id: 0,
                values: Arc::new(Int64Array::from_iter_values(0..6)),
                older: None,
            }],
        };
        let run = Run::new(rows).expect("rows");
        let mut parts = Vec::new();
        for range in [0..1, 2..3, 3..5, 5..6] {
            push(&mut parts, &run, range, 3);
        }
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].ranges, [0..1, 2..3]);
        assert_eq!(parts[1].ranges.first(), Some(&(3..6)));
        assert_eq!(parts[0].read(&[0]).times, [1, 3]);
        assert_eq!(parts[0].ends(true, &[0]).times, [3]);
        assert_eq!(parts[0].ends(false, &[0]).times, [1]);
        assert_eq!(parts[1].ends(true, &[0]).times, [2, 9]);
        let stretches: Vec<_> = parts[1].stretches().collect();
        assert_eq!(stretches, [(2, 3..5), (3, 5..6)]);
    }
}
