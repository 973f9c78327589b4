//! In which times sources overlap, so that their rows must be merged.

use std::sync::Arc;

use crate::clock::Version;
use crate::files::FileHandle;
use crate::memtable::run::Run;
use crate::table::tombstone::ResolvedTombstone;

/// Windows of time that are kept apart at most; more are joined.
const WINDOWS_MAX: usize = 16;

/// Where sources overlap in time, or a tombstone concerns one.
pub fn windows_of<'a>(
    stones: impl Iterator<Item = &'a ResolvedTombstone>,
    files: &[Arc<FileHandle>],
    runs: &[Run],
    time: (i64, i64),
) -> Vec<(i64, i64)> {
    let mut sources: Vec<(i64, i64, Version)> = files
        .iter()
        .map(|file| (file.min_time, file.max_time, file.min_version))
        .collect();
    for run in runs {
        sources.push((run.min_time, run.max_time, run.min_version));
    }
    let mut windows = overlaps(&sources);
    for held in stones {
        let stone = &held.stone.tombstone;
        for (min, max, version) in &sources {
            if held.concerns(*version, *min, *max) {
                windows.push((stone.min_time.max(*min), stone.max_time.min(*max)));
            }
        }
    }
    let clipped = windows
        .into_iter()
        .map(|(from, to)| (from.max(time.0), to.min(time.1)))
        .filter(|(from, to)| from <= to);
    join(clipped.collect())
}

/// The times at which at least two of the ranges hold.
fn overlaps(sources: &[(i64, i64, Version)]) -> Vec<(i64, i64)> {
    let mut sorted: Vec<(i64, i64)> = sources.iter().map(|(min, max, _)| (*min, *max)).collect();
    sorted.sort_unstable();
    let mut windows = Vec::new();
    let mut reach = i64::MIN;
    for (at, (min, max)) in sorted.into_iter().enumerate() {
        if at > 0 && min <= reach {
            windows.push((min, max.min(reach)));
        }
        reach = if at == 0 { max } else { reach.max(max) };
    }
    windows
}

/// Sorted and disjoint ranges, at most [`WINDOWS_MAX`] of them.
fn join(mut windows: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    windows.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in windows {
        match joined.last_mut() {
            Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    while joined.len() > WINDOWS_MAX {
        let gap = |at: usize| i128::from(joined[at + 1].0) - i128::from(joined[at].1);
        let nearest = (0..joined.len() - 1).min_by_key(|at| gap(*at)).unwrap_or(0);
        joined[nearest].1 = joined[nearest + 1].1;
        joined.remove(nearest + 1);
    }
    joined
}

/// A range of time in slices of one length; the last one may be shorter.
pub fn even_slices((low, high): (i64, i64), pieces: u64) -> Vec<(i64, i64)> {
    let span = i128::from(high) - i128::from(low) + 1;
    let step = (span / i128::from(pieces.max(1))).max(1);
    let mut slices = Vec::new();
    let mut from = i128::from(low);
    while from <= i128::from(high) {
        let to = (from + step - 1).min(i128::from(high));
        slices.push((from as i64, to as i64));
        from = to + 1;
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: Version = Version::ZERO;

    #[test]
    fn only_the_times_that_two_sources_share_are_windows() {
        assert!(overlaps(&[(0, 9, V), (10, 19, V)]).is_empty());
        assert_eq!(overlaps(&[(0, 10, V), (10, 19, V)]), [(10, 10)]);
        assert_eq!(
            overlaps(&[(0, 100, V), (20, 30, V), (25, 40, V)]),
            [(20, 30), (25, 40)]
        );
    }

    #[test]
    fn many_windows_become_few_and_lose_nothing() {
        let windows: Vec<(i64, i64)> = (0..100).map(|i| (i * 10, i * 10 + i % 3)).collect();
        let joined = join(windows.clone());
        assert!(joined.len() <= WINDOWS_MAX);
        for (from, to) in windows {
            assert!(joined.iter().any(|(a, b)| *a <= from && to <= *b));
        }
    }
}
