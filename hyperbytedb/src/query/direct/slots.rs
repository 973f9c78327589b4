//! Where the state of a (group, bucket) is kept: a dense table when that is small, a
//! hash table when buckets are many and mostly empty.

use std::collections::HashMap;

use crate::query::scan::Window;

/// Entries of a dense table at most.
const DENSE_MAX: usize = 1 << 22;
const EMPTY: u32 = u32::MAX;

/// Numbers (group, bucket) pairs in the order in which they occur.
pub struct Slots {
    window: Option<Window>,
    /// Start of the first bucket.
    origin: i64,
    buckets: usize,
    dense: Vec<u32>,
    sparse: HashMap<(u32, i64), u32>,
    /// Group and bucket start of each slot.
    keys: Vec<(u32, i64)>,
}

/// The start of the bucket of a time.
#[must_use]
pub fn bucket_start(window: Window, time: i64) -> i64 {
    let shifted = i128::from(time) - i128::from(window.offset);
    let start = time as i128 - shifted.rem_euclid(i128::from(window.every));
    start.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl Slots {
    /// For that many groups and times within `bounds`; without a window all times of a
    /// group are one bucket, which starts at `min_time`.
    #[must_use]
    pub fn new(groups: usize, window: Option<Window>, bounds: (i64, i64), min_time: i64) -> Self {
        let (origin, buckets) = match window {
            None => (min_time, 1),
            Some(window) => {
                let origin = bucket_start(window, bounds.0);
                let span = i128::from(bounds.1) - i128::from(origin);
                let buckets = (span / i128::from(window.every) + 1).max(1);
                (origin, usize::try_from(buckets).unwrap_or(usize::MAX))
            }
        };
        let cells = groups
            .checked_mul(buckets)
            .filter(|cells| *cells <= DENSE_MAX);
        Self {
            window,
            origin,
            buckets,
            dense: vec![EMPTY; cells.unwrap_or(0)],
            sparse: HashMap::new(),
            keys: Vec::new(),
        }
    }

    /// The start of the bucket of a time, and the last time that belongs to it.
    #[must_use]
    pub fn bucket(&self, time: i64) -> (i64, i64) {
        match self.window {
            None => (self.origin, i64::MAX),
            Some(window) => {
                let start = bucket_start(window, time);
                (start, start.saturating_add(window.every - 1))
            }
        }
    }

    /// The slot of a group and a bucket that starts at `start`.
    pub fn slot(&mut self, group: u32, start: i64) -> usize {
        let fresh = self.keys.len() as u32;
        let slot = if self.dense.is_empty() {
            *self.sparse.entry((group, start)).or_insert(fresh)
        } else {
            let bucket = match self.window {
                None => 0,
                Some(window) => ((start - self.origin) / window.every) as usize,
            };
            let cell = &mut self.dense[group as usize * self.buckets + bucket];
            if *cell == EMPTY {
                *cell = fresh;
            }
            *cell
        };
        if slot == fresh {
            self.keys.push((group, start));
        }
        slot as usize
    }

    /// Group and bucket start of each slot.
    #[must_use]
    pub fn keys(&self) -> &[(u32, i64)] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_start_below_their_times_before_1970_too() {
        let window = Window {
            every: 10,
            offset: 3,
        };
        assert_eq!(bucket_start(window, 13), 13);
        assert_eq!(bucket_start(window, 12), 3);
        assert_eq!(bucket_start(window, -8), -17);
        assert_eq!(bucket_start(window, -7), -7);
    }

    #[test]
    fn dense_and_sparse_number_alike() {
        let window = Some(Window {
            every: 10,
            offset: 0,
        });
        let mut dense = Slots::new(2, window, (0, 99), 0);
        let mut sparse = Slots::new(2, window, (0, i64::MAX), 0);
        for (group, time) in [(0, 5), (1, 5), (0, 17), (1, 9), (0, 3)] {
            let (a, b) = (dense.bucket(time).0, sparse.bucket(time).0);
            assert_eq!(dense.slot(group, a), sparse.slot(group, b));
        }
        assert_eq!(dense.keys(), [(0, 0), (1, 0), (0, 10)]);
    }
}
