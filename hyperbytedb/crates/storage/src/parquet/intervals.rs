//! Times of series that come at regular intervals, as most that are collected do.
//!
//! Where the times of a series are a few arithmetic progressions, the footer says which:
//! the rows of a time are then calculated, and pages of times need not be read. A gap or
//! a change of the interval begins another progression.
//!
//! Encoded for the footer as base64 of zstd of, for each series in the order of rows:
//! number of progressions (varint, 0: the times are not regular), and for each of them
//! how long it begins after the time before it (varint, not for the first), rows (varint),
//! and step (varint, not for a single row).

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::delta::{push_varint, take_varint};
use super::series_ranges::{SeriesList, SeriesRange, Span, unpacked};

/// Series of fewer rows are read with one page anyway, and may be very many.
const ROWS_MIN: usize = 8;
/// Rows a progression has on average, or the times are not regular.
const ROWS_EACH_MIN: usize = 64;

/// Rows of one series whose times are the same step apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progression {
    first_row: u64,
    rows: u64,
    /// Nanoseconds.
    first_time: i64,
    /// Nanoseconds, 0 for a single row.
    step: i64,
}

impl Progression {
    fn end_row(&self) -> u64 {
        self.first_row + self.rows
    }

    /// Of a row that it has.
    fn time_of(&self, row: u64) -> i64 {
        self.first_time + (row - self.first_row) as i64 * self.step
    }

    fn last_time(&self) -> i64 {
        self.time_of(self.end_row() - 1)
    }

    /// How many of its rows have times before this one.
    fn rows_before(&self, time: i64) -> u64 {
        if time <= self.first_time {
            return 0;
        }
        // Later than the first, so the difference is positive and fits.
        let since = time.wrapping_sub(self.first_time) as u64;
        match self.step as u64 {
            0 => self.rows,
            step => since.div_ceil(step).min(self.rows),
        }
    }
}

/// As many rows, so far apart, so long after the last one of those before (nanoseconds).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    gap: i64,
    rows: usize,
    step: i64,
}

/// The progressions of a series' times, which rise; `None` when they are too many.
fn progressions(times: &[i64]) -> Option<Vec<Stretch>> {
    if times.len() < ROWS_MIN {
        return None;
    }
    let most = 1 + times.len() / ROWS_EACH_MIN;
    let later = |time: i64, than: i64| time.checked_sub(than).filter(|step| *step > 0);
    let mut found: Vec<Stretch> = Vec::new();
    let mut at = 0;
    while at < times.len() {
        if found.len() == most {
            return None;
        }
        let gap = if at == 0 {
            0
        } else {
            later(times[at], times[at - 1])?
        };
        let step = match times.get(at + 1) {
            Some(next) => later(*next, times[at])?,
            None => 0,
        };
        let same = times[at..].windows(2);
        let same = same.take_while(|pair| pair[1].wrapping_sub(pair[0]) == step);
        let rows = 1 + same.count();
        found.push(Stretch { gap, rows, step });
        at += rows;
    }
    Some(found)
}

/// The text for the footer, from the times of all rows.
///
/// # Errors
/// When zstd fails.
pub fn encode(ranges: &[SeriesRange], times: &[i64]) -> std::io::Result<String> {
    let mut out = Vec::new();
    for range in ranges {
        let start = range.first_row as usize;
        let times = &times[start..start + range.rows as usize];
        let list = progressions(times).unwrap_or_default();
        push_varint(&mut out, list.len() as u64);
        for (at, stretch) in list.iter().enumerate() {
            if at > 0 {
                push_varint(&mut out, stretch.gap as u64);
            }
            push_varint(&mut out, stretch.rows as u64);
            if stretch.rows > 1 {
                push_varint(&mut out, stretch.step as u64);
            }
        }
    }
    Ok(STANDARD.encode(zstd::bulk::compress(&out, 3)?))
}

/// The times of those series of a file that come at regular intervals.
#[derive(Debug, Default)]
pub struct Intervals {
    /// In the order of rows; of a series all rows or none.
    list: Vec<Progression>,
}

impl Intervals {
    /// Reads the text of a footer; `None` when it is damaged.
    #[must_use]
    pub fn decode(text: &str, series: &SeriesList) -> Option<Self> {
        let bytes = unpacked(text)?;
        let mut rest = bytes.as_slice();
        let mut list = Vec::new();
        for at in 0..series.count() {
            let count = take_varint(&mut rest)?;
            if count > 0 {
                take_series(&mut rest, count, series.span(at), &mut list)?;
            }
        }
        list.shrink_to_fit();
        rest.is_empty().then_some(Self { list })
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.list.len() * size_of::<Progression>()
    }

    /// Those that hold the rows of one series; none when its times are not regular.
    fn of(&self, rows: &Range<u64>) -> &[Progression] {
        let from = self
            .list
            .partition_point(|part| part.end_row() <= rows.start);
        let count = self.list[from..]
            .iter()
            .take_while(|part| part.first_row < rows.end)
            .count();
        let parts = &self.list[from..from + count];
        match parts.first() {
            Some(first) if first.first_row <= rows.start => parts,
            _ => &[],
        }
    }

    /// Whether the times of the series that has this row are regular.
    #[must_use]
    pub fn know(&self, row: u64) -> bool {
        !self.of(&(row..row + 1)).is_empty()
    }

    /// Which rows of a series have times in the range (both ends included), with the times
    /// of the first and the last of them; `None` when its times are not regular.
    #[must_use]
    pub fn rows_in(&self, span: &Span, time: (i64, i64)) -> Option<(Range<u64>, (i64, i64))> {
        let parts = self.of(&(span.first_row..span.first_row + span.rows));
        let row_before = |time: i64| {
            let before = parts.partition_point(|part| part.last_time() < time);
            match parts.get(before) {
                Some(part) => part.first_row + part.rows_before(time),
                None => span.first_row + span.rows,
            }
        };
        let last = parts.last()?;
        let from = row_before(time.0);
        let to = match time.1.checked_add(1) {
            Some(end) => row_before(end),
            None => last.end_row(),
        };
        if from >= to {
            return Some((from..from, time));
        }
        let time_of = |row| {
            let at = parts.partition_point(|part| part.end_row() <= row);
            Some(parts.get(at)?.time_of(row))
        };
        Some((from..to, (time_of(from)?, time_of(to - 1)?)))
    }

    /// Appends the times of rows of one series; `false` when they are not regular.
    pub fn append_times(&self, rows: Range<u64>, out: &mut Vec<i64>) -> bool {
        let parts = self.of(&rows);
        for part in parts {
            let from = rows.start.max(part.first_row);
            let to = rows.end.min(part.end_row());
            out.extend((from..to).map(|row| part.time_of(row)));
        }
        !parts.is_empty()
    }
}

/// The progressions of one series, which must fill its rows and its times.
fn take_series(
    rest: &mut &[u8],
    count: u64,
    span: Span,
    list: &mut Vec<Progression>,
) -> Option<()> {
    let end_row = span.first_row.checked_add(span.rows)?;
    let (mut row, mut time) = (span.first_row, span.min_time);
    for number in 0..count {
        if number > 0 {
            time = time.checked_add(take_positive(rest)?)?;
        }
        let rows = take_varint(rest)?;
        let step = match rows {
            0 => return None,
            1 => 0,
            _ => take_positive(rest)?,
        };
        list.push(Progression {
            first_row: row,
            rows,
            first_time: time,
            step,
        });
        row = row.checked_add(rows).filter(|row| *row <= end_row)?;
        let steps = i64::try_from(rows - 1).ok()?;
        time = time.checked_add(step.checked_mul(steps)?)?;
    }
    (row == end_row && time == span.max_time).then_some(())
}

fn take_positive(rest: &mut &[u8]) -> Option<i64> {
    let value = i64::try_from(take_varint(rest)?).ok()?;
    (value > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet::series_ranges;
    use proptest::prelude::*;

    /// Series of stretches of (rows, step), each a gap after the one before.
    fn times_of(stretches: &[(usize, i64, i64)], first: i64) -> Vec<i64> {
        let mut times = vec![first];
        for (rows, step, gap) in stretches {
            let last = times.last().copied().unwrap_or(first);
            times.extend((0..*rows as i64).map(|row| last + gap + row * step));
        }
        times
    }

    fn ranges_of(series: &[Vec<i64>]) -> Vec<SeriesRange> {
        let mut first_row = 0;
        let range = |(at, times): (usize, &Vec<i64>)| {
            let range = SeriesRange {
                key: at.to_be_bytes().to_vec(),
                first_row,
                rows: times.len() as u64,
                min_time: times[0],
                max_time: times[times.len() - 1],
            };
            first_row += range.rows;
            range
        };
        series.iter().enumerate().map(range).collect()
    }

    fn intervals_of(series: &[Vec<i64>]) -> (Intervals, SeriesList) {
        let ranges = ranges_of(series);
        let list = series_ranges::decode(&series_ranges::encode(&ranges).unwrap()).unwrap();
        let text = encode(&ranges, &series.concat()).unwrap();
        (Intervals::decode(&text, &list).unwrap(), list)
    }

    #[test]
    fn a_gap_begins_another_progression_and_noise_is_none() {
        let regular = |times: &[i64]| {
            let list = progressions(times)?;
            Some(
                list.iter()
                    .map(|part| (part.gap, part.rows, part.step))
                    .collect::<Vec<_>>(),
            )
        };
        let every_ten: Vec<i64> = (0..100).map(|at| at * 10).collect();
        assert_eq!(regular(&every_ten), Some(vec![(0, 100, 10)]));
        let mut gap = every_ten.clone();
        gap.remove(50);
        assert_eq!(regular(&gap), Some(vec![(0, 50, 10), (20, 49, 10)]));
        let noise: Vec<i64> = (0..100).map(|at| at * 10 + at % 3).collect();
        assert_eq!(regular(&noise), None);
        assert_eq!(regular(&every_ten[..7]), None);
        // Steps and gaps that do not fit into 64 bits.
        let ends = [i64::MIN, -3, -2, -1, 0, 1, 2, i64::MAX];
        assert_eq!(regular(&ends), None);
        let far: Vec<i64> = (0..64).map(|at| i64::MIN + at).chain(64..128).collect();
        assert_eq!(regular(&far), None);
    }

    proptest! {
        #[test]
        fn rows_and_times_are_those_of_the_series(
            shapes in prop::collection::vec(
                (prop::collection::vec((1..90_usize, 1..20_i64, 1..60_i64), 0..4), -500..500_i64), 1..6,
            ),
            noisy in any::<prop::sample::Index>(),
            ends in prop::collection::vec(prop_oneof![-600..6_000_i64, Just(i64::MIN), Just(i64::MAX)], 2..20),
        ) {
            let mut series: Vec<Vec<i64>> =
                shapes.iter().map(|(parts, first)| times_of(parts, *first)).collect();
            let at = noisy.index(series.len());
            let mut sum = 0;
            for (row, time) in series[at].iter_mut().enumerate() {
                sum += row as i64 % 3;
                *time += sum;
            }
            let (intervals, list) = intervals_of(&series);
            for (at, times) in series.iter().enumerate() {
                let span = list.span(at);
                let rows = span.first_row..span.first_row + span.rows;
                let mut read = Vec::new();
                let is_regular = intervals.append_times(rows.clone(), &mut read);
                prop_assert_eq!(is_regular, progressions(times).is_some());
                if is_regular {
                    prop_assert_eq!(&read, times);
                }
                for pair in ends.windows(2) {
                    let time = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                    let from = times.partition_point(|at| *at < time.0);
                    let to = times.partition_point(|at| *at <= time.1);
                    let found = intervals.rows_in(&span, time);
                    prop_assert_eq!(found.is_some(), is_regular);
                    let Some((found, bounds)) = found else { continue };
                    prop_assert_eq!(found.end - found.start, (to - from) as u64);
                    if from < to {
                        prop_assert_eq!(found.start - rows.start, from as u64);
                        prop_assert_eq!(bounds, (times[from], times[to - 1]));
                        let mut part = Vec::new();
                        prop_assert!(intervals.append_times(found, &mut part));
                        prop_assert_eq!(part.as_slice(), &times[from..to]);
                    }
                }
            }
        }

        #[test]
        fn damaged_text_gives_none_or_something_but_no_panic(
            bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..60),
        ) {
            let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
            let (_, list) = intervals_of(&[(0..20).collect(), vec![i64::MIN, i64::MAX]]);
            if let Some(intervals) = Intervals::decode(&STANDARD.encode(packed), &list) {
                let _ = intervals.rows_in(&list.span(0), (5, 9));
                let _ = intervals.append_times(0..20, &mut Vec::new());
            }
        }
    }
}
