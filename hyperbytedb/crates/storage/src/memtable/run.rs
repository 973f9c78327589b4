//! A sorted run of a memtable, and where each of its series is.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;

use crate::clock::Version;
use crate::rows::{ColumnId, Rows};
use crate::series::SeriesId;
use crate::series::tag_index::SeriesSet;

/// Rows that a series has on average, from which it pays to note where each begins: to
/// find that out again for every read would touch memory all over the run.
const NOTED_ROWS: usize = 8;

/// Rows that belong to a memtable, with what a reader needs to leave them alone.
#[derive(Debug, Clone)]
pub struct Run {
    pub rows: Arc<Rows>,
    pub min_time: i64,
    pub max_time: i64,
    /// The lowest version of any value.
    pub min_version: Version,
    /// The highest version of any value.
    pub max_version: Version,
    pub bytes: usize,
    /// All of them, if series have many rows each.
    noted: Option<Arc<[Stretch]>>,
}

/// The rows of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub series: SeriesId,
    from: u32,
    to: u32,
    /// Of the first and of the last of them.
    times: (i64, i64),
}

impl Stretch {
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }

    /// Hands on those of the rows that lie in `ranges` of time (rising and apart, both
    /// ends included).
    pub fn within(
        &self,
        rows: &Rows,
        ranges: &[(i64, i64)],
        hand_on: &mut dyn FnMut(Range<usize>),
    ) {
        let (first, last) = self.times;
        let from = ranges.partition_point(|(_, to)| *to < first);
        let met = ranges[from..].iter().take_while(|range| range.0 <= last);
        for range in met {
            let mut part = self.rows();
            if first < range.0 {
                part.start += first_not_before(&rows.times[self.rows()], range.0);
            }
            if last > range.1 {
                part.end = part.start
                    + first_not_before(&rows.times[part.clone()], range.1.saturating_add(1));
            }
            if !part.is_empty() {
                hand_on(part);
            }
        }
    }
}

impl Run {
    /// `None` when there are no rows.
    #[must_use]
    pub fn new(rows: Rows) -> Option<Self> {
        let (min_time, max_time) = rows.time_bounds()?;
        let noted = noted(&rows);
        let bytes = rows.bytes() + noted.as_deref().map_or(0, size_of_val::<[Stretch]>);
        let (min_version, max_version) = rows.version_bounds();
        Some(Self {
            rows: Arc::new(rows),
            min_time,
            max_time,
            min_version,
            max_version,
            bytes,
            noted,
        })
    }

    /// Whether a column has a value in a range of time (both ends included).
    #[must_use]
    pub fn has_values(&self, column: ColumnId, time: (i64, i64)) -> bool {
        if self.min_time > time.1 || self.max_time < time.0 {
            return false;
        }
        let Some(column) = self.rows.column(column) else {
            return false;
        };
        let within = time.0 <= self.min_time && self.max_time <= time.1;
        let mut rows = self.rows.times.iter().enumerate();
        within
            || rows.any(|(row, at)| time.0 <= *at && *at <= time.1 && !column.values.is_null(row))
    }

    /// The series in the order of the rows: all, or those that are selected.
    pub fn stretches<'a>(
        &'a self,
        selected: Option<&'a SeriesSet>,
    ) -> Box<dyn Iterator<Item = Stretch> + 'a> {
        match (selected, &self.noted) {
            (None, Some(noted)) => Box::new(noted.iter().copied()),
            (None, None) => Box::new(stretches_of(&self.rows)),
            (Some(selected), Some(noted)) => {
                let mut rest = &noted[..];
                Box::new(selected.iter().filter_map(move |series| {
                    rest = &rest[rest.partition_point(|stretch| stretch.series < series)..];
                    rest.first()
                        .filter(|stretch| stretch.series == series)
                        .copied()
                }))
            }
            (Some(selected), None) => {
                let ids = &self.rows.series;
                let mut from = 0;
                Box::new(selected.iter().filter_map(move |series| {
                    from += ids[from..].partition_point(|other| *other < series);
                    let to = from + ids[from..].partition_point(|other| *other == series);
                    (from < to).then(|| stretch(&self.rows, series, from..to))
                }))
            }
        }
    }

    /// The series in the order of some rows, with those of these rows that each has.
    pub fn stretches_in(
        &self,
        rows: Range<usize>,
    ) -> Box<dyn Iterator<Item = (SeriesId, Range<usize>)> + '_> {
        let Some(noted) = &self.noted else {
            return Box::new(self.rows.stretches_in(rows));
        };
        let first = noted.partition_point(|stretch| stretch.rows().end <= rows.start);
        let met = noted[first..]
            .iter()
            .take_while({
                let end = rows.end;
                move |stretch| stretch.rows().start < end
            })
            .map(move |stretch| {
                let own = stretch.rows();
                let range = own.start.max(rows.start)..own.end.min(rows.end);
                (stretch.series, range)
            });
        Box::new(met)
    }
}

/// The series of sorted rows, in their order.
pub fn stretches_of(rows: &Rows) -> impl Iterator<Item = Stretch> + '_ {
    let stretches = rows.stretches();
    stretches.map(|(series, range)| stretch(rows, series, range))
}

fn stretch(all: &Rows, series: SeriesId, rows: Range<usize>) -> Stretch {
    Stretch {
        series,
        from: rows.start as u32,
        to: rows.end as u32,
        times: (all.times[rows.start], all.times[rows.end - 1]),
    }
}

fn noted(rows: &Rows) -> Option<Arc<[Stretch]>> {
    let most = rows.len() / NOTED_ROWS;
    let mut noted = Vec::new();
    for stretch in stretches_of(rows) {
        if noted.len() == most {
            return None;
        }
        noted.push(stretch);
    }
    Some(noted.into())
}

/// How many of the rising times are before `time`. Looks first where it would be if they
/// were spread evenly, as measured points mostly are, and from there in growing steps.
#[must_use]
pub fn first_not_before(times: &[i64], time: i64) -> usize {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return 0;
    };
    if time <= *first {
        return 0;
    }
    if time > *last {
        return times.len();
    }
    let length = |from: i64, to: i64| i128::from(to) - i128::from(from);
    let share = length(*first, time) as f64 / length(*first, *last) as f64;
    let guess = ((share * (times.len() - 1) as f64) as usize).min(times.len() - 1);
    // All before `low` are before the time, and none from `high` on is.
    let (mut low, mut high) = (1, times.len() - 1);
    let mut step = 1;
    if times[guess] < time {
        low = low.max(guess + 1);
        while low + step < high && times[low + step] < time {
            low += step + 1;
            step *= 2;
        }
        high = high.min(low + step);
    } else {
        high = high.min(guess);
        while high > low + step && times[high - step] >= time {
            high -= step;
            step *= 2;
        }
        low = low.max(high.saturating_sub(step));
    }
    low + times[low..high].partition_point(|at| *at < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Versions;
    use proptest::prelude::*;

    fn run(series: &[(SeriesId, usize)]) -> Run {
        let ids = series
            .iter()
            .flat_map(|(id, count)| std::iter::repeat_n(*id, *count));
        let times = series.iter().flat_map(|(_, count)| 0..*count as i64);
        Run::new(Rows {
            series: ids.collect(),
            times: times.map(|time| time * 10).collect(),
            versions: Versions::One(Version(1)),
            columns: Vec::new(),
        })
        .expect("rows")
    }

    /// Whether it is noted or looked for where series are, it is the same.
    #[test]
    fn series_are_found_in_runs_of_any_kind() {
        for counts in [vec![(1, 1), (3, 2), (4, 1)], vec![(1, 20), (3, 9), (4, 70)]] {
            let run = run(&counts);
            assert_eq!(run.noted.is_some(), counts[0].1 > NOTED_ROWS);
            let found = |selected: Option<&SeriesSet>| -> Vec<(SeriesId, Range<usize>)> {
                run.stretches(selected)
                    .map(|stretch| (stretch.series, stretch.rows()))
                    .collect()
            };
            let all: Vec<_> = run.rows.stretches().collect();
            assert_eq!(found(None), all);
            let selected: SeriesSet = [0, 1, 2, 4, 9].into();
            assert_eq!(found(Some(&selected)), [all[0].clone(), all[2].clone()]);
            let within = 1..run.rows.len() - 1;
            let (some, expected) = (
                run.stretches_in(within.clone()),
                run.rows.stretches_in(within),
            );
            assert!(some.eq(expected));
        }
    }

    #[test]
    fn rows_are_cut_where_ranges_of_time_end() {
        let run = run(&[(1, 10), (2, 20)]);
        let within = |ranges: &[(i64, i64)]| {
            let mut parts = Vec::new();
            for stretch in run.stretches(None) {
                stretch.within(&run.rows, ranges, &mut |part| parts.push(part));
            }
            parts
        };
        assert_eq!(within(&[(i64::MIN, i64::MAX)]), [0..10, 10..30]);
        assert_eq!(
            within(&[(-5, -1), (0, 20), (41, 49), (85, 120), (300, 400)]),
            [0..3, 9..10, 10..13, 19..23]
        );
        assert!(within(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_place_in_time_is_found_however_times_are_spread(
            times in prop::collection::btree_set(prop_oneof![any::<i64>(), 0..300_i64], 0..200),
            times_asked in prop::collection::vec(prop_oneof![any::<i64>(), 0..300_i64], 1..20),
        ) {
            let times: Vec<i64> = times.into_iter().collect();
            for asked in times_asked.iter().chain(&times) {
                let expected = times.partition_point(|at| at < asked);
                prop_assert_eq!(first_not_before(&times, *asked), expected);
            }
        }
    }
}
