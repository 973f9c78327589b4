//! When the clocks of a time zone change, and by how much.

use std::sync::{LazyLock, OnceLock};

use chrono::{Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

const SECOND: i64 = 1_000_000_000;
/// Seconds between two looks at a zone's offset: no zone changes twice within that time.
const LOOK_EVERY: i64 = 24 * 3600;

/// The zones that were asked for so far, by their place among all zones.
static ZONES: LazyLock<Vec<OnceLock<Zone>>> =
    LazyLock::new(|| TZ_VARIANTS.iter().map(|_| OnceLock::new()).collect());

/// The offsets of a time zone over all times that InfluxDB knows, nanoseconds.
#[derive(Debug, PartialEq, Eq)]
pub struct Zone {
    /// The offset before the first change.
    first: i64,
    /// In order of time.
    changes: Vec<Change>,
}

/// A change of a zone's offset to UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The first time with the offset `after`, nanoseconds since 1970.
    pub at: i64,
    /// Nanoseconds.
    pub before: i64,
    /// Nanoseconds.
    pub after: i64,
}

impl Zone {
    /// The changes of a zone, found when it is asked for first.
    #[must_use]
    pub fn of(zone: Tz) -> &'static Zone {
        static UTC: Zone = Zone {
            first: 0,
            changes: Vec::new(),
        };
        let place = TZ_VARIANTS.iter().position(|other| *other == zone);
        match place.and_then(|place| ZONES.get(place)) {
            Some(known) => known.get_or_init(|| Zone::searched(zone)),
            None => &UTC,
        }
    }

    fn searched(zone: Tz) -> Zone {
        let (from, to) = (i64::MIN / SECOND, i64::MAX / SECOND);
        let first = seconds_east(zone, from);
        let mut changes = Vec::new();
        let (mut at, mut offset) = (from, first);
        while at < to {
            let next = (at + LOOK_EVERY).min(to);
            let after = seconds_east(zone, next);
            if after != offset {
                let (mut old, mut new) = (at, next);
                while new - old > 1 {
                    let middle = old + (new - old) / 2;
                    if seconds_east(zone, middle) == offset {
                        old = middle;
                    } else {
                        new = middle;
                    }
                }
                changes.push(Change {
                    at: new * SECOND,
                    before: offset * SECOND,
                    after: after * SECOND,
                });
            }
            (at, offset) = (next, after);
        }
        Zone {
            first: first * SECOND,
            changes,
        }
    }

    /// The offset at a time, nanoseconds.
    #[must_use]
    pub fn offset(&self, time: i64) -> i64 {
        self.change_until(time)
            .map_or(self.first, |change| change.after)
    }

    /// The last change at or before a time.
    #[must_use]
    pub fn change_until(&self, time: i64) -> Option<&Change> {
        let later = self.changes.partition_point(|change| change.at <= time);
        self.changes.get(later.checked_sub(1)?)
    }

    /// The changes after a time, in order.
    #[must_use]
    pub fn changes_after(&self, time: i64) -> &[Change] {
        let later = self.changes.partition_point(|change| change.at <= time);
        &self.changes[later..]
    }
}

fn seconds_east(zone: Tz, seconds: i64) -> i64 {
    match zone.timestamp_opt(seconds, 0) {
        chrono::LocalResult::Single(at) => i64::from(at.offset().fix().local_minus_utc()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_those_of_the_library() {
        for zone in [
            chrono_tz::Europe::Rome,
            chrono_tz::America::New_York,
            chrono_tz::Australia::Lord_Howe,
            chrono_tz::Pacific::Apia,
            chrono_tz::Africa::Casablanca,
            chrono_tz::UTC,
        ] {
            let known = Zone::of(zone);
            for change in &known.changes {
                let seconds = change.at / SECOND;
                assert_eq!(seconds_east(zone, seconds) * SECOND, change.after);
                assert_eq!(seconds_east(zone, seconds - 1) * SECOND, change.before);
            }
            for hours in 0..24 * 366 {
                let time = 1_583_000_000 + hours * 3600;
                assert_eq!(
                    known.offset(time * SECOND),
                    seconds_east(zone, time) * SECOND
                );
            }
        }
    }
}
