//! When a continuous query runs, and over which times.
//!
//! As InfluxDB has it: a query runs at the end of each interval of its `GROUP BY time`
//! (`RESAMPLE EVERY` says otherwise) over the interval that has just ended (`FOR` makes
//! it longer). Times are aligned like the intervals of the query itself.

use influxql::utc_offset;

/// How a query is to run. Nanoseconds throughout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Length of the intervals of `GROUP BY time`, above 0.
    pub interval: i64,
    /// Their offset.
    pub offset: i64,
    /// `RESAMPLE EVERY`.
    pub every: Option<i64>,
    /// `RESAMPLE FOR`.
    pub span: Option<i64>,
    /// Whose days the intervals follow.
    pub zone: Option<chrono_tz::Tz>,
}

/// A run that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// To be given back as `last` the next time.
    pub ran: i64,
    /// From (included) and to (excluded); nothing when no interval has ended yet.
    pub range: Option<(i64, i64)>,
}

impl Schedule {
    /// What to do at `now`, the last run having been at `last`; nothing when it is not
    /// yet time. The first run only begins to count.
    #[must_use]
    pub fn due(&self, last: Option<i64>, now: i64) -> Option<Due> {
        let every = self.every.unwrap_or(self.interval);
        let next = match last {
            None => now,
            Some(last) => last.saturating_add(every),
        };
        if next > now {
            return None;
        }
        let ran = self
            .aligned(now.saturating_sub(self.offset), every)
            .saturating_add(self.offset);
        let span = match self.span {
            Some(span) => span,
            None => self.interval.max(every),
        };
        let shortest = every.min(self.interval);
        // Intervals that were missed since the last run are made up for.
        let start = next
            .saturating_add(self.interval)
            .saturating_sub(span)
            .saturating_sub(self.offset)
            .saturating_sub(1);
        let end = now
            .saturating_add(self.interval)
            .saturating_sub(shortest)
            .saturating_sub(self.offset);
        let start = self
            .aligned(start, self.interval)
            .saturating_add(self.offset);
        let end = self.aligned(end, self.interval).saturating_add(self.offset);
        Some(Due {
            ran,
            range: (end > start).then_some((start, end)),
        })
    }

    /// The beginning of the interval that a time lies in.
    fn aligned(&self, time: i64, length: i64) -> i64 {
        let shift = self.zone.map_or(0, |zone| {
            utc_offset(zone, time.div_euclid(1_000_000_000)).saturating_mul(1_000_000_000)
        });
        time.saturating_add(shift)
            .div_euclid(length)
            .saturating_mul(length)
            .saturating_sub(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000_000;

    fn schedule(every: Option<i64>, span: Option<i64>) -> Schedule {
        Schedule {
            interval: 10 * MINUTE,
            offset: 0,
            every,
            span,
            zone: None,
        }
    }

    #[test]
    fn an_interval_is_computed_once_when_it_has_ended() {
        let plain = schedule(None, None);
        let first = plain.due(None, 12 * MINUTE).unwrap();
        assert_eq!((first.ran, first.range), (10 * MINUTE, None));
        assert_eq!(plain.due(Some(first.ran), 19 * MINUTE), None);
        let second = plain.due(Some(first.ran), 20 * MINUTE + 3).unwrap();
        assert_eq!(second.ran, 20 * MINUTE);
        assert_eq!(second.range, Some((10 * MINUTE, 20 * MINUTE)));
        assert_eq!(plain.due(Some(second.ran), 21 * MINUTE), None);
    }

    #[test]
    fn intervals_that_were_missed_are_made_up_for() {
        let plain = schedule(None, None);
        let due = plain.due(Some(10 * MINUTE), 51 * MINUTE).unwrap();
        assert_eq!(due.range, Some((10 * MINUTE, 50 * MINUTE)));
    }

    #[test]
    fn every_computes_the_running_interval_more_often() {
        let often = schedule(Some(2 * MINUTE), None);
        let due = often.due(Some(10 * MINUTE), 12 * MINUTE).unwrap();
        assert_eq!(due.ran, 12 * MINUTE);
        assert_eq!(due.range, Some((10 * MINUTE, 20 * MINUTE)));
        // At the end of the interval it is computed for the last time.
        let due = often.due(Some(18 * MINUTE), 20 * MINUTE).unwrap();
        assert_eq!(due.range, Some((10 * MINUTE, 20 * MINUTE)));
    }

    #[test]
    fn for_reaches_further_back() {
        let long = schedule(None, Some(30 * MINUTE));
        let due = long.due(Some(50 * MINUTE), 60 * MINUTE).unwrap();
        assert_eq!(due.range, Some((30 * MINUTE, 60 * MINUTE)));
    }

    #[test]
    fn an_offset_moves_the_intervals() {
        let moved = Schedule {
            offset: 3 * MINUTE,
            ..schedule(None, None)
        };
        let due = moved.due(Some(13 * MINUTE), 23 * MINUTE).unwrap();
        assert_eq!(due.ran, 23 * MINUTE);
        assert_eq!(due.range, Some((13 * MINUTE, 23 * MINUTE)));
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let day = 24 * 60 * MINUTE;
        let daily = Schedule {
            interval: day,
            zone: influxql::find_zone("Asia/Tokyo"),
            ..schedule(None, None)
        };
        // 15:00 UTC is midnight in Tokyo.
        let midnight = 15 * 60 * MINUTE;
        let due = daily.due(Some(midnight), midnight + day).unwrap();
        assert_eq!(due.range, Some((midnight, midnight + day)));
    }
}
