//! The area below a group's values.

use crate::query::window::Buckets;

/// Sums up trapezia; where a bucket ends between two values the curve is taken to
/// be straight there.
///
/// As in InfluxDB, integers differ from floats (`floats` tells): behind the end of a
/// bucket the curve of integers goes on from the value before it to the one at the end,
/// and without buckets their result has the lower bound of the range, that of floats
/// the time 0.
pub(super) fn integral(
    points: &[(i64, f64)],
    floats: bool,
    unit: i64,
    buckets: &Buckets,
) -> Vec<(i64, f64)> {
    let Some((first, rest)) = points.split_first() else {
        return Vec::new();
    };
    let windowed = buckets.every != 0;
    let bucket = |time: i64| -> (i64, i64) {
        let (start, end) = buckets.window(time);
        match (windowed, buckets.ascending) {
            (false, _) if floats => (0, 0),
            (false, _) => (buckets.label(time), end),
            (true, true) => (start, end),
            (true, false) => (end, start),
        }
    };
    let area = |from: (i64, f64), to: (i64, f64)| {
        0.5 * (to.1 + from.1) * (to.0.wrapping_sub(from.0) as f64 / unit as f64)
    };
    let mut out = Vec::new();
    let (mut start, mut end) = bucket(first.0);
    let (mut before, mut sum) = (*first, 0.0);
    for point in rest {
        if before.0 == point.0 {
            before = *point;
            continue;
        }
        let passed = if buckets.ascending {
            point.0 >= end
        } else {
            point.0 <= end
        };
        let mut to = *point;
        if windowed && passed {
            if before.0 != end {
                let slope = (point.1 - before.1) / (point.0 - before.0) as f64;
                let edge = (end, slope * (end - before.0) as f64 + before.1);
                sum += area(before, edge);
                if floats {
                    before = edge;
                } else {
                    before.0 = end;
                    to.1 = edge.1;
                }
            }
            out.push((start, sum));
            (start, end) = bucket(point.0);
            sum = 0.0;
        }
        sum += area(before, to);
        before = *point;
    }
    if before.0 != start {
        out.push((start, sum));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::scan::TimeBounds;

    fn buckets(every: i64) -> Buckets {
        Buckets {
            every,
            offset: 0,
            timezone: None,
            time: TimeBounds { min: 5, max: 99 },
            ascending: true,
        }
    }

    #[test]
    fn integers_differ_from_floats_as_in_influxdb() {
        let points = [(5, 0.0), (15, 10.0)];
        let of = |floats, every| integral(&points, floats, 1, &buckets(every));
        assert_eq!(of(true, 10), vec![(0, 12.5), (10, 37.5)]);
        assert_eq!(of(false, 10), vec![(0, 12.5), (10, 12.5)]);
        assert_eq!(of(true, 0), vec![(0, 50.0)]);
        assert_eq!(of(false, 0), vec![(5, 50.0)]);
    }
}
