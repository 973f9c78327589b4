//! Sorted rows of one measurement: the form of everything in memory, from a written
//! batch to what a merge hands to the file writer.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::take;

use crate::clock::Version;
use crate::series::SeriesId;

pub mod merge;

/// Numbers a field column (a name with a type) within its measurement.
pub type ColumnId = u32;

/// Rows sorted by (series, time), each (series, time) once.
#[derive(Debug, Clone)]
pub struct Rows {
    pub series: Vec<SeriesId>,
    /// Nanoseconds since 1970.
    pub times: Vec<i64>,
    pub versions: Versions,
    /// Sorted by column number.
    pub columns: Vec<Column>,
}

/// Of which write each row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Versions {
    /// All rows of one write.
    One(Version),
    /// For each row the highest version that it was merged from.
    Each(Vec<Version>),
}

/// One field of one type.
#[derive(Debug, Clone)]
pub struct Column {
    pub id: ColumnId,
    /// Float64, Int64, UInt64, Utf8 or Boolean; null where the row lacks the field.
    pub values: ArrayRef,
    /// For rows merged from several writes: the version of this value where it is not
    /// the row's, else zero.
    pub older: Option<Vec<Version>>,
}

/// Adds a range of rows to rising ones, as part of the last where it follows that.
pub fn push_range(ranges: &mut Vec<Range<usize>>, range: Range<usize>) {
    match ranges.last_mut() {
        _ if range.is_empty() => {}
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

impl Rows {
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The version of a row.
    #[must_use]
    pub fn version(&self, row: usize) -> Version {
        match &self.versions {
            Versions::One(version) => *version,
            Versions::Each(versions) => versions[row],
        }
    }

    /// The version of one value: its own if it is older than its row.
    #[must_use]
    pub fn value_version(&self, column: &Column, row: usize) -> Version {
        match &column.older {
            Some(older) if older[row] != Version::ZERO => older[row],
            _ => self.version(row),
        }
    }

    /// The column with that number.
    #[must_use]
    pub fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns
            .binary_search_by_key(&id, |column| column.id)
            .ok()
            .map(|at| &self.columns[at])
    }

    /// The lowest and highest version of any value.
    #[must_use]
    pub fn version_bounds(&self) -> (Version, Version) {
        let (mut low, high) = match &self.versions {
            Versions::One(version) => (*version, *version),
            Versions::Each(versions) => (
                versions.iter().copied().min().unwrap_or_default(),
                versions.iter().copied().max().unwrap_or_default(),
            ),
        };
        for older in self
            .columns
            .iter()
            .filter_map(|column| column.older.as_ref())
        {
            for version in older.iter().filter(|version| **version != Version::ZERO) {
                low = low.min(*version);
            }
        }
        (low, high)
    }

    /// Bytes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let columns: usize = self
            .columns
            .iter()
            .map(|column| {
                column.values.get_array_memory_size()
                    + column.older.as_ref().map_or(0, |older| older.len() * 8)
            })
            .sum();
        let versions = match &self.versions {
            Versions::One(_) => 0,
            Versions::Each(versions) => versions.len() * 8,
        };
        self.len() * 12 + versions + columns + 256
    }

    /// Bytes of the rows' data, whatever buffers they share with others.
    #[must_use]
    pub fn data_bytes(&self) -> usize {
        let of = |column: &Column| {
            let data = column.values.to_data();
            data.get_slice_memory_size().unwrap_or(0)
        };
        self.len() * 12 + self.columns.iter().map(of).sum::<usize>()
    }

    /// The series in the order of the rows, with the rows that each has.
    pub fn stretches(&self) -> impl Iterator<Item = (SeriesId, Range<usize>)> + '_ {
        self.stretches_in(0..self.len())
    }

    /// The series in the order of some rows.
    pub fn stretches_in(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (SeriesId, Range<usize>)> + '_ {
        let mut from = rows.start;
        std::iter::from_fn(move || {
            let rest = &self.series[from..rows.end];
            let series = *rest.first()?;
            // Stretches are short or very long: the end is looked for in growing steps.
            let mut reach = 1;
            while reach < rest.len() && rest[reach] == series {
                reach *= 2;
            }
            let sure = reach / 2;
            let unsure = &rest[sure..reach.min(rest.len())];
            let rows = from..from + sure + unsure.partition_point(|other| *other == series);
            from = rows.end;
            Some((series, rows))
        })
    }

    /// The rows of some ranges, which rise and do not overlap; all columns, or those that
    /// are wanted and have a value among them. What lies in one piece is not copied.
    #[must_use]
    pub fn ranges(&self, ranges: &[Range<usize>], wanted: Option<&[ColumnId]>) -> Rows {
        match ranges {
            [] => self.slice(0..0, wanted),
            [range] => self.slice(range.clone(), wanted),
            ranges => {
                let rows = ranges.iter().cloned().flatten();
                let places: Vec<u32> = rows.map(|row| row as u32).collect();
                self.take(&places, wanted)
            }
        }
    }

    fn slice(&self, range: Range<usize>, wanted: Option<&[ColumnId]>) -> Rows {
        let columns = self.columns.iter().filter_map(|column| {
            if wanted.is_some_and(|wanted| !wanted.contains(&column.id)) {
                return None;
            }
            let values = column.values.slice(range.start, range.len());
            if values.null_count() == values.len() && !values.is_empty() {
                return None;
            }
            let older = column.older.as_ref();
            Some(Column {
                id: column.id,
                values,
                older: older.map(|older| older[range.clone()].to_vec()),
            })
        });
        Rows {
            series: self.series[range.clone()].to_vec(),
            times: self.times[range.clone()].to_vec(),
            versions: match &self.versions {
                Versions::One(version) => Versions::One(*version),
                Versions::Each(versions) => Versions::Each(versions[range.clone()].to_vec()),
            },
            columns: columns.collect(),
        }
    }

    /// Some of the rows, in the given order, with some of the columns or all; columns
    /// without a value among them are left out.
    #[must_use]
    pub fn take(&self, places: &[u32], wanted: Option<&[ColumnId]>) -> Rows {
        let indices = UInt32Array::from(places.to_vec());
        let pick = |versions: &Vec<Version>| -> Vec<Version> {
            places.iter().map(|row| versions[*row as usize]).collect()
        };
        let is_wanted = |column: &&Column| wanted.is_none_or(|wanted| wanted.contains(&column.id));
        let columns = self.columns.iter().filter(is_wanted).filter_map(|column| {
            // Places are rows of this very array, the only thing take can refuse.
            let values = take(&column.values, &indices, None).ok()?;
            (values.null_count() < values.len()).then(|| Column {
                id: column.id,
                values,
                older: column.older.as_ref().map(pick),
            })
        });
        Rows {
            series: places
                .iter()
                .map(|row| self.series[*row as usize])
                .collect(),
            times: places.iter().map(|row| self.times[*row as usize]).collect(),
            versions: match &self.versions {
                Versions::One(version) => Versions::One(*version),
                Versions::Each(versions) => Versions::Each(pick(versions)),
            },
            columns: columns.collect(),
        }
    }

    /// Earliest and latest time; `None` without rows.
    #[must_use]
    pub fn time_bounds(&self) -> Option<(i64, i64)> {
        let min = self.times.iter().min()?;
        let max = self.times.iter().max()?;
        Some((*min, *max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use std::sync::Arc;

    fn rows() -> Rows {
        let values = Int64Array::from(vec![None, None, Some(3), Some(4), None]);
        Rows {
            series: vec![1, 1, 1, 2, 2],
            times: vec![10, 20, 30, 10, 20],
            versions: Versions::Each((1..=5).map(Version).collect()),
            columns: vec![Column {
                id: 7,
                values: Arc::new(values),
                older: Some(vec![Version::ZERO; 5]),
            }],
        }
    }

    /// What `ranges` gives is what `take` gives for the same rows.
    #[test]
    fn ranges_are_rows_taken_one_by_one() {
        let rows = rows();
        for bounds in [&[][..], &[(1, 4)], &[(0, 2)], &[(0, 1), (2, 5)]] {
            let ranges: Vec<Range<usize>> = bounds.iter().map(|(from, to)| *from..*to).collect();
            let places: Vec<u32> = ranges
                .iter()
                .cloned()
                .flatten()
                .map(|at| at as u32)
                .collect();
            let (one, other) = (
                rows.ranges(&ranges, Some(&[7])),
                rows.take(&places, Some(&[7])),
            );
            assert_eq!((&one.series, &one.times), (&other.series, &other.times));
            assert_eq!(one.versions, other.versions);
            let values = |rows: &Rows| rows.column(7).map(|column| column.values.clone());
            if !places.is_empty() {
                assert_eq!(values(&one), values(&other), "{ranges:?}");
            }
        }
    }

    #[test]
    fn stretches_are_the_chunks_of_one_series() {
        for lengths in [vec![], vec![1], vec![1, 2, 1], vec![7, 64, 1, 100]] {
            let series = lengths.iter().enumerate();
            let series: Vec<SeriesId> = series
                .flat_map(|(id, length)| std::iter::repeat_n(9 - id as SeriesId, *length))
                .collect();
            let rows = Rows {
                times: vec![0; series.len()],
                series: series.clone(),
                versions: Versions::One(Version(1)),
                columns: Vec::new(),
            };
            let expected = series
                .chunk_by(|a, b| a == b)
                .map(|part| (part[0], part.len()));
            let found = rows.stretches().map(|(id, rows)| (id, rows.len()));
            assert!(found.eq(expected), "{lengths:?}");
        }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut ranges = Vec::new();
        for range in [0..2, 2..2, 2..3, 5..6] {
            push_range(&mut ranges, range);
        }
        assert_eq!(ranges, [0..3, 5..6]);
    }
}
