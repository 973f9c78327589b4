//! The buckets of `GROUP BY time(every, offset)` in a time zone.

use chrono::{Offset, TimeZone};
use chrono_tz::Tz;

use super::scan::{TimeBounds, Window};

/// The earliest time InfluxDB knows; also stands for "no lower bound".
pub const MIN_TIME: i64 = i64::MIN + 2;
/// The latest time InfluxDB knows; also stands for "no upper bound".
pub const MAX_TIME: i64 = i64::MAX - 1;

/// Nanoseconds between two looks at a zone's offset when a range is searched for
/// clock changes: no zone changes twice within that time.
const ZONE_STEP: i64 = 7 * 24 * 3_600_000_000_000;
/// Longest range that is searched.
const ZONE_RANGE_MAX: i64 = 60 * 366 * 24 * 3_600_000_000_000;

/// How rows are put into buckets.
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

/// The offset of a zone at a time, nanoseconds.
pub fn zone_offset(zone: Tz, time: i64) -> i64 {
    let seconds = time.div_euclid(1_000_000_000);
    match zone.timestamp_opt(seconds, 0) {
        chrono::LocalResult::Single(at) => {
            i64::from(at.offset().fix().local_minus_utc()) * 1_000_000_000
        }
        _ => 0,
    }
}

impl Buckets {
    fn zone(&self, time: i64) -> i64 {
        self.timezone.map_or(0, |zone| zone_offset(zone, time))
    }

    /// Start (included) and end (excluded) of the bucket of a time. Around a clock
    /// change a bucket is longer or shorter by the change, as long as that is less
    /// than the bucket itself.
    #[must_use]
    pub fn window(&self, time: i64) -> (i64, i64) {
        if self.every == 0 {
            return (self.time.min, self.time.max.saturating_add(1));
        }
        let time = time.saturating_sub(self.offset);
        let zone = self.zone(time);
        let into = time.saturating_add(zone).rem_euclid(self.every);
        let mut start = if MIN_TIME.saturating_add(into) >= time {
            MIN_TIME
        } else {
            time - into
        };
        start = start.saturating_add(self.offset);
        if self.timezone.is_some() {
            let change = zone - self.zone(start);
            if change != 0 && change.abs() < self.every {
                start = start.saturating_add(change);
            }
        }
        let left = self.every - into;
        let mut end = if MAX_TIME - left <= time {
            MAX_TIME
        } else {
            time + left
        };
        if self.timezone.is_some() {
            let at_end = self.zone(end);
            let change = zone - at_end;
            let counts = change != 0 && change.abs() < self.every;
            if counts && (change > 0 || self.zone(end.saturating_add(change)) == at_end) {
                end = end.saturating_add(change);
            }
        }
        (start, end.saturating_add(self.offset))
    }

    /// The time printed for a bucket: 0 for the one without a lower bound.
    #[must_use]
    pub fn label(&self, time: i64) -> i64 {
        match self.window(time).0 {
            MIN_TIME => 0,
            start => start,
        }
    }

    /// The bucket after (or, descending, before) the one at `time`; `zone_before`
    /// is the zone's offset there and is brought up to date.
    pub fn step(&self, time: i64, zone_before: &mut i64) -> i64 {
        let mut next = if self.ascending {
            time.saturating_add(self.every)
        } else {
            time.saturating_sub(self.every)
        };
        if self.timezone.is_some() {
            let zone = self.zone(next.saturating_sub(1));
            if zone != *zone_before {
                let change = *zone_before - zone;
                if change.abs() < self.every {
                    next = next.saturating_add(change);
                }
                *zone_before = zone;
            }
        }
        next
    }

    /// The offset of the zone at a time, nanoseconds.
    #[must_use]
    pub fn zone_at(&self, time: i64) -> i64 {
        self.zone(time)
    }

    /// The same buckets for a reader, which knows no zones. `None` when a clock
    /// change within the range moves the buckets.
    #[must_use]
    pub fn as_scan_window(&self) -> Option<Option<Window>> {
        if self.every == 0 {
            return Some(None);
        }
        let mut shift = 0;
        if let Some(zone) = self.timezone {
            let min = self.time.min.saturating_sub(self.every);
            let max = self.time.max.saturating_add(self.every);
            if max
                .checked_sub(min)
                .is_none_or(|range| range > ZONE_RANGE_MAX)
            {
                return None;
            }
            shift = zone_offset(zone, min);
            let mut at = min;
            while at < max {
                at = at.saturating_add(ZONE_STEP).min(max);
                let other = zone_offset(zone, at);
                let moved = other - shift;
                if moved != 0 && (moved % self.every != 0 || moved.abs() < self.every) {
                    return None;
                }
            }
        }
        Some(Some(Window {
            every: self.every,
            offset: (self.offset - shift).rem_euclid(self.every),
        }))
    }
}
