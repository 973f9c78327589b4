//! Where the pages of a row group end.

use std::ops::Range;

use super::PAGE_ROWS;
use super::series_ranges::SeriesRange;

/// Cuts the rows from `start` to `end` of a file into pages, counted from `start`: a
/// series with many rows has pages of its own, which hold neither a jump to other
/// values nor other times; those with few share pages.
#[must_use]
pub fn pages(ranges: &[SeriesRange], start: usize, end: usize) -> Vec<Range<usize>> {
    let mut list: Vec<Range<usize>> = Vec::new();
    // Whether the last page may take up more series.
    let mut open = false;
    let first = ranges.partition_point(|range| range.first_row + range.rows <= start as u64);
    for range in &ranges[first..] {
        let from = (range.first_row as usize).max(start);
        let to = ((range.first_row + range.rows) as usize).min(end);
        if from >= to {
            break;
        }
        let (from, to) = (from - start, to - start);
        let rows = to - from;
        match list.last_mut() {
            Some(page) if open && rows < PAGE_ROWS / 2 && page.len() + rows <= PAGE_ROWS => {
                page.end = to;
            }
            _ => {
                let parts = ((rows + PAGE_ROWS / 2) / PAGE_ROWS).max(1);
                let part = rows.div_ceil(parts);
                let cuts = (from..to).step_by(part);
                list.extend(cuts.map(|cut| cut..(cut + part).min(to)));
                open = rows < PAGE_ROWS / 2;
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges_of(lengths: &[usize]) -> Vec<SeriesRange> {
        let mut first_row = 0;
        let range = |rows: &usize| {
            let range = SeriesRange {
                key: Vec::new(),
                first_row,
                rows: *rows as u64,
                min_time: 0,
                max_time: 0,
            };
            first_row += *rows as u64;
            range
        };
        lengths.iter().map(range).collect()
    }

    #[test]
    fn long_series_have_their_own_pages_and_short_ones_share() {
        let ranges = ranges_of(&[8_640, 100, 8_000, 100, 20_000]);
        let pages = super::pages(&ranges, 0, 36_840);
        let lengths: Vec<usize> = pages.iter().map(Range::len).collect();
        assert_eq!(lengths, [8_640, 100, 8_000, 100, 10_000, 10_000]);
        let many = super::pages(&ranges_of(&[60; 1_000]), 0, 60_000);
        assert_eq!(many[0], 0..8_160);
    }

    proptest! {
        #[test]
        fn pages_hold_every_row_once(
            lengths in prop::collection::vec(prop_oneof![1..100_usize, 1..30_000_usize], 1..40),
            cuts in (0.0..1.0_f64, 0.0..1.0_f64),
        ) {
            let ranges = ranges_of(&lengths);
            let rows: usize = lengths.iter().sum();
            let at = |part: f64| (part * rows as f64) as usize;
            let (start, end) = (at(cuts.0.min(cuts.1)), at(cuts.0.max(cuts.1)));
            let pages = super::pages(&ranges, start, end);
            let mut next = 0;
            for page in pages {
                prop_assert_eq!(page.start, next);
                prop_assert!(!page.is_empty() && page.len() <= PAGE_ROWS + PAGE_ROWS / 2);
                next = page.end;
            }
            prop_assert_eq!(next, end - start);
        }
    }
}
