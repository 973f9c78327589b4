//! The buckets of `GROUP BY time(every, offset)` in a time zone.
//!
//! [`Buckets::window`] alone says where a bucket begins and ends. Points are put into
//! buckets by it, rows get their times from it, and missing rows are filled in by it, so
//! that these cannot disagree.

use chrono_tz::Tz;

use super::scan::{TimeBounds, Window};
use super::zone::{Change, Zone};

/// The earliest time InfluxDB knows; also stands for "no lower bound".
pub const MIN_TIME: i64 = i64::MIN + 2;
/// The latest time InfluxDB knows; also stands for "no upper bound".
pub const MAX_TIME: i64 = i64::MAX - 1;

/// How rows are put into buckets.
///
/// In a zone a bucket begins where the clocks on the wall show a multiple of `every` plus
/// `offset`: at the first of two times that show it, and where none does, as late as it
/// would have been by the clocks before the change. So a bucket with a change is longer or
/// shorter by it. This is InfluxDB's rule since 1.8.4 for changes below `every`. Clocks that
/// change by a multiple of `every` move nothing; what else moves them by `every` or more ends
/// a bucket and begins another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buckets {
    /// Nanoseconds; 0 means one bucket for the whole range.
    pub every: i64,
    /// Nanoseconds, below `every` in size, may be negative.
    pub offset: i64,
    pub timezone: Option<Tz>,
    pub time: TimeBounds,
    pub ascending: bool,
}

/// What a change of clocks does to buckets.
enum Across {
    /// They go on as if there was none.
    Nothing,
    /// One ends and another one begins there.
    Cut,
    /// So many nanoseconds of local time come a second time, and begin no bucket.
    Repeated(i64),
    /// So many nanoseconds of local time do not come.
    Skipped(i64),
}

/// The offset of a zone at a time, nanoseconds.
pub fn zone_offset(zone: Tz, time: i64) -> i64 {
    Zone::of(zone).offset(time)
}

impl Buckets {
    /// Start (included) and end (excluded) of the bucket of a time, the range being one
    /// bucket where there is no interval. The bucket of its start is the same one.
    #[must_use]
    pub fn window(&self, time: i64) -> (i64, i64) {
        if self.every == 0 {
            return (self.time.min, self.time.max.saturating_add(1));
        }
        match self.timezone.map(Zone::of) {
            Some(zone) => (self.start_in(zone, time), self.end_in(zone, time)),
            None => self.without_zone(time),
        }
    }

    fn without_zone(&self, time: i64) -> (i64, i64) {
        let time = time.saturating_sub(self.offset);
        let into = time.rem_euclid(self.every);
        let start = if MIN_TIME.saturating_add(into) >= time {
            MIN_TIME
        } else {
            time - into
        };
        let left = self.every - into;
        let end = if MAX_TIME - left <= time {
            MAX_TIME
        } else {
            time + left
        };
        (
            start.saturating_add(self.offset),
            end.saturating_add(self.offset),
        )
    }

    /// Nanoseconds since the last multiple of the interval, by clocks with an offset.
    fn since_multiple(&self, time: i64, clocks: i64) -> i64 {
        let local = i128::from(time) + i128::from(clocks) - i128::from(self.offset);
        // Below `every`, which fits.
        local.rem_euclid(i128::from(self.every)) as i64
    }

    /// The start of a bucket by clocks that never change.
    fn start_by(&self, clocks: i64, time: i64) -> i64 {
        let into = self.since_multiple(time, clocks);
        time.saturating_sub(into).max(MIN_TIME)
    }

    /// The end of a bucket by clocks that never change.
    fn end_by(&self, clocks: i64, time: i64) -> i64 {
        let left = self.every - self.since_multiple(time, clocks);
        time.saturating_add(left).min(MAX_TIME)
    }

    fn across(&self, change: &Change) -> Across {
        let by = change.after - change.before;
        if by % self.every == 0 {
            Across::Nothing
        } else if by.abs() >= self.every {
            Across::Cut
        } else if by < 0 {
            Across::Repeated(-by)
        } else {
            Across::Skipped(by)
        }
    }

    fn start_in(&self, zone: &Zone, time: i64) -> i64 {
        let mut at = time;
        loop {
            let Some(change) = zone.change_until(at) else {
                return self.start_by(zone.offset(at), at);
            };
            let start = self.start_by(change.after, at);
            match self.across(change) {
                Across::Nothing | Across::Skipped(_) if start >= change.at => return start,
                Across::Cut => return start.max(change.at),
                Across::Repeated(by) if start >= change.at.saturating_add(by) => return start,
                Across::Skipped(by) => {
                    let moved = start.saturating_add(by);
                    if (change.at..=at).contains(&moved) {
                        return moved;
                    }
                }
                Across::Nothing | Across::Repeated(_) => {}
            }
            // The bucket began before the change.
            at = change.at - 1;
        }
    }

    fn end_in(&self, zone: &Zone, time: i64) -> i64 {
        let mut end = self.end_behind(zone, time);
        for change in zone.changes_after(time) {
            if end < change.at {
                break;
            }
            match self.across(change) {
                Across::Cut => return change.at,
                Across::Nothing if end == change.at => break,
                Across::Skipped(by) if end <= change.at.saturating_add(by) => {
                    // What the clocks after the change show at once begins a bucket there.
                    let shown = end == change.at.saturating_add(by);
                    return if shown { change.at } else { end };
                }
                Across::Nothing | Across::Skipped(_) | Across::Repeated(_) => {}
            }
            end = self.end_behind(zone, change.at);
        }
        end
    }

    /// The end of the bucket of a time, if the clocks did not change after it.
    fn end_behind(&self, zone: &Zone, time: i64) -> i64 {
        let end = self.end_by(zone.offset(time), time);
        let Some(change) = zone.change_until(time) else {
            return end;
        };
        match self.across(change) {
            Across::Repeated(by) if end < change.at.saturating_add(by) => {
                end.saturating_add(self.every).min(MAX_TIME)
            }
            Across::Skipped(by) => {
                let before = end.saturating_sub(self.every);
                let moved = before.saturating_add(by);
                // The time that does not come would begin a bucket, and is yet to come.
                if before < change.at && moved >= change.at && moved > time {
                    moved
                } else {
                    end
                }
            }
            _ => end,
        }
    }

    /// The time printed for a bucket: 0 for the one without a lower bound.
    #[must_use]
    pub fn label(&self, time: i64) -> i64 {
        match self.window(time).0 {
            MIN_TIME => 0,
            start => start,
        }
    }

    /// The start of the bucket after (or, descending, before) the one that starts at
    /// `start`.
    #[must_use]
    pub fn next(&self, start: i64) -> i64 {
        if self.ascending {
            self.window(start).1
        } else {
            self.window(start.saturating_sub(1)).0
        }
    }

    /// The same buckets for a reader, which knows no zones. `None` when a clock
    /// change within the range moves the buckets.
    #[must_use]
    pub fn as_scan_window(&self) -> Option<Option<Window>> {
        if self.every == 0 {
            return Some(None);
        }
        let mut clocks = 0;
        if let Some(zone) = self.timezone.map(Zone::of) {
            // The bucket of the first time may have begun so long ago.
            let longest = self.every.saturating_mul(2);
            let min = self.time.min.saturating_sub(longest);
            clocks = zone.offset(min);
            let moves = zone
                .changes_after(min)
                .iter()
                .take_while(|change| change.at <= self.time.max)
                .any(|change| !matches!(self.across(change), Across::Nothing));
            if moves {
                return None;
            }
        }
        Some(Some(Window {
            every: self.every,
            offset: (self.offset - clocks).rem_euclid(self.every),
        }))
    }
}

#[cfg(test)]
mod tests;
