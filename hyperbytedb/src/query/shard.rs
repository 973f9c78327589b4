//! Shard groups: the stretches of time by which InfluxDB divides a retention policy.
//! What a statement sees of the schema depends on the ones that its range touches.

use storage::shard_group;

use super::scan::TimeBounds;

/// Duration of a shard group where nothing else is known.
pub const WEEK_NS: i64 = 7 * 86_400_000_000_000;

/// All shard groups of `duration` nanoseconds that a range touches, as one range.
#[must_use]
pub fn shard_range(time: TimeBounds, duration: i64) -> TimeBounds {
    TimeBounds {
        min: shard_group(time.min, duration).0,
        max: shard_group(time.max, duration).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_groups_begin_on_mondays() {
        const DAY: i64 = 86_400_000_000_000;
        let range = |min, max, duration| {
            let time = shard_range(TimeBounds { min, max }, duration);
            (time.min, time.max)
        };
        // 2024-01-03 is a Wednesday.
        let wednesday = 19_725 * DAY;
        assert_eq!(
            range(wednesday, wednesday, WEEK_NS),
            (19_723 * DAY, 19_730 * DAY - 1)
        );
        assert_eq!(range(-1, 0, DAY), (-DAY, DAY - 1));
    }
}
