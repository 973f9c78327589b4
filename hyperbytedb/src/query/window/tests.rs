//! Buckets around changes of clocks.

use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// Midnight of 2020-03-25 in UTC; the clocks of Europe change at 01:00 on the 29th.
const MARCH_25: i64 = 18_346 * DAY;
/// Midnight of 2020-10-21 in UTC; the clocks of Europe change at 01:00 on the 25th.
const OCTOBER_21: i64 = 18_556 * DAY;

fn buckets(every: i64, offset: i64, timezone: Tz, ascending: bool) -> Buckets {
    Buckets {
        every,
        offset,
        timezone: Some(timezone),
        time: TimeBounds {
            min: MIN_TIME,
            max: MAX_TIME,
        },
        ascending,
    }
}

/// Hours in each of the buckets from the one that starts at `from`, which must be a start.
fn hours(buckets: &Buckets, from: i64, count: usize) -> Vec<i64> {
    assert_eq!(buckets.label(from), from);
    let mut start = from;
    let mut out = Vec::new();
    for _ in 0..count {
        let next = buckets.next(start);
        out.push((next - start) / HOUR);
        start = next;
    }
    out
}

#[test]
fn a_day_with_a_change_is_an_hour_shorter_or_longer() {
    let rome = chrono_tz::Europe::Rome;
    let from_eight = buckets(DAY, 8 * HOUR, rome, true);
    assert_eq!(
        hours(&from_eight, MARCH_25 + 2 * DAY + 7 * HOUR, 4),
        [24, 23, 24, 24]
    );
    assert_eq!(
        hours(&from_eight, OCTOBER_21 + 2 * DAY + 6 * HOUR, 4),
        [24, 25, 24, 24]
    );
    // Days that begin with the hour that comes twice, and with the one that does not come.
    let from_two = buckets(DAY, 2 * HOUR, rome, true);
    assert_eq!(hours(&from_two, MARCH_25 + 3 * DAY + HOUR, 3), [24, 23, 24]);
    assert_eq!(hours(&from_two, OCTOBER_21 + 3 * DAY, 3), [24, 25, 24]);
    // 2019-11-03: midnight comes twice in Havana.
    let havana = buckets(DAY, 0, chrono_tz::America::Havana, true);
    assert_eq!(hours(&havana, 18_203 * DAY + 4 * HOUR, 3), [25, 24, 24]);
    // 2018-11-04: midnight does not come in São Paulo.
    let sao_paulo = buckets(DAY, 0, chrono_tz::America::Sao_Paulo, true);
    assert_eq!(hours(&sao_paulo, 17_838 * DAY + 3 * HOUR, 3), [24, 23, 24]);
}

#[test]
fn weeks_begin_on_mondays() {
    let rome = chrono_tz::Europe::Rome;
    let weeks = buckets(WEEK, 4 * DAY, rome, true);
    let monday = MARCH_25 - 2 * DAY - HOUR;
    assert_eq!(hours(&weeks, monday, 2), [167, 168]);
    assert_eq!(
        weeks.label(MARCH_25 + 5 * DAY + 8 * HOUR),
        monday + WEEK - HOUR
    );
}

#[test]
fn clocks_that_change_by_whole_buckets_move_nothing() {
    for every in [30 * MINUTE, HOUR] {
        let mut buckets = buckets(every, 7 * MINUTE, chrono_tz::Europe::Rome, true);
        buckets.time = TimeBounds {
            min: MARCH_25,
            max: MARCH_25 + 20 * DAY,
        };
        let window = buckets
            .as_scan_window()
            .flatten()
            .expect("it moves nothing");
        for minutes in 0..14 * 24 * 60 {
            let time = MARCH_25 + minutes * MINUTE;
            let into = (time - window.offset).rem_euclid(window.every);
            assert_eq!(buckets.window(time), (time - into, time - into + every));
        }
    }
}

/// The rule of InfluxDB since 1.8.4 for the start of a bucket.
fn truncated(buckets: &Buckets, zone: Tz, time: i64) -> i64 {
    let clocks = zone_offset(zone, time);
    let start = time - (time + clocks - buckets.offset).rem_euclid(buckets.every);
    let change = clocks - zone_offset(zone, start);
    if change.abs() < buckets.every {
        start + change
    } else {
        start
    }
}

#[test]
fn buckets_are_those_of_influxdb() {
    let rome = chrono_tz::Europe::Rome;
    let offsets = [
        (DAY, 0),
        (DAY, 8 * HOUR),
        (DAY, -8 * HOUR),
        (WEEK, 4 * DAY),
        (WEEK, -3 * DAY),
        (12 * HOUR, 3 * HOUR),
        (6 * HOUR, HOUR),
        (6 * HOUR, -30 * MINUTE),
        (4 * HOUR, HOUR),
        (3 * HOUR, 0),
        (2 * HOUR, HOUR),
        (HOUR, 15 * MINUTE),
        (30 * MINUTE, 10 * MINUTE),
    ];
    for (every, offset) in offsets {
        let buckets = buckets(every, offset, rome, true);
        for from in [MARCH_25, OCTOBER_21] {
            for minutes in 0..14 * 24 * 60 {
                let time = from + minutes * MINUTE;
                let start = truncated(&buckets, rome, time);
                assert_eq!(buckets.label(time), start, "{every} {offset} {time}");
            }
        }
    }
}

const ZONES: &[Tz] = &[
    chrono_tz::Europe::Rome,
    chrono_tz::America::New_York,
    chrono_tz::America::Havana,
    chrono_tz::America::Sao_Paulo,
    chrono_tz::America::St_Johns,
    chrono_tz::Africa::Casablanca,
    chrono_tz::Asia::Kathmandu,
    chrono_tz::Asia::Beirut,
    chrono_tz::Atlantic::Azores,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Pacific::Apia,
    chrono_tz::Pacific::Kwajalein,
];

/// Times near a change of clocks, those of it included.
fn times() -> impl Strategy<Value = (Tz, i64)> {
    let near = (
        prop::sample::select(ZONES),
        0..400_usize,
        prop_oneof![-3 * DAY..3 * DAY, -2 * HOUR..2 * HOUR, -1..=1_i64],
    );
    near.prop_map(|(zone, change, by)| {
        // Since 1800.
        let changes = Zone::of(zone).changes_after(-170 * 366 * DAY);
        let at = changes.get(change % changes.len().max(1));
        (zone, at.map_or(0, |change| change.at) + by)
    })
}

fn intervals() -> impl Strategy<Value = (i64, i64)> {
    let every = prop_oneof![
        prop::sample::select(vec![
            MINUTE,
            7 * MINUTE,
            20 * MINUTE,
            30 * MINUTE,
            40 * MINUTE,
            HOUR,
            61 * MINUTE,
            90 * MINUTE,
            2 * HOUR,
            5 * HOUR,
            12 * HOUR,
            DAY,
            WEEK,
            30 * DAY,
            366 * DAY,
        ]),
        1..40 * DAY,
    ];
    every.prop_flat_map(|every| {
        let offset = prop_oneof![
            Just(0),
            -every + 1..every,
            Just(every / 2),
            Just(every / 24)
        ];
        (Just(every), offset)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn buckets_are_disjoint_and_cover_all_times(
        (zone, time) in times(),
        (every, offset) in intervals(),
        ascending: bool,
    ) {
        let buckets = buckets(every, offset, zone, ascending);
        let (start, end) = buckets.window(time);
        prop_assert!(start <= time && time < end, "{start} {time} {end}");
        prop_assert_eq!(buckets.label(start), start);
        for inside in [start, start + (time - start) / 2, time + (end - time) / 2, end - 1] {
            prop_assert_eq!(buckets.window(inside), (start, end));
        }
        let before = buckets.window(start - 1);
        let after = buckets.window(end);
        prop_assert_eq!(before.1, start);
        prop_assert_eq!(after.0, end);
        prop_assert_eq!(buckets.next(start), if ascending { end } else { before.0 });
    }

    #[test]
    fn buckets_of_a_reader_are_the_same(
        (zone, time) in times(),
        (every, offset) in intervals(),
        range in 0..3 * DAY,
    ) {
        let mut buckets = buckets(every, offset, zone, true);
        buckets.time = TimeBounds { min: time, max: time + range };
        if let Some(Some(window)) = buckets.as_scan_window() {
            for time in [time, time + range / 3, time + range] {
                let into = (time - window.offset).rem_euclid(window.every);
                prop_assert_eq!(buckets.label(time), time - into);
            }
        }
    }
}
