//! `GROUP BY time(every, offset) tz(…)` over days on which the clocks change: a row's time is
//! the start of the bucket that its points are in, whatever is computed and whoever reads.

use process_tests::{Client, Sandbox};
use serde_json::Value;

const HOUR_NS: i64 = 3_600_000_000_000;

/// Hours around a change of the clocks in Rome, and the points in each bucket of a day that
/// begins at eight.
const CHANGES: &[(&str, &str, i64, [i64; 4])] = &[
    (
        "2020-03-26T07:00:00Z",
        "2020-03-30T06:00:00Z",
        95,
        [24, 24, 23, 24],
    ),
    (
        "2020-10-22T06:00:00Z",
        "2020-10-26T07:00:00Z",
        97,
        [24, 24, 25, 24],
    ),
];

/// Functions over the field `v`; what of them gives one row for each bucket.
const FUNCTIONS: &[&str] = &[
    "count(v)",
    "sum(v)",
    "mean(v)",
    "min(v)",
    "max(v)",
    "first(v)",
    "last(v)",
    "spread(v)",
    "median(v)",
    "mode(v)",
    "stddev(v)",
    "percentile(v, 50)",
    "integral(v)",
    "cumulative_sum(count(v))",
    "max(v) - min(v), count(v)",
    "count(distinct(v))",
];

fn nanos(time: &str) -> i64 {
    let hours_of = |day: i64, hour: i64| (day * 24 + hour) * HOUR_NS;
    match time {
        "2020-03-26T07:00:00Z" => hours_of(18_347, 7),
        "2020-10-22T06:00:00Z" => hours_of(18_557, 6),
        other => panic!("{other}"),
    }
}

fn times(rows: &[Vec<Value>]) -> Vec<i64> {
    rows.iter().filter_map(|row| row[0].as_i64()).collect()
}

fn counts(rows: &[Vec<Value>]) -> Vec<i64> {
    rows.iter().filter_map(|row| row[1].as_i64()).collect()
}

fn load(client: &Client) {
    client.run("CREATE DATABASE db");
    client.write("db", "a v=1 1585555200000000000");
    for (from, _, hours, _) in CHANGES {
        let lines: Vec<String> = (0..*hours)
            .map(|hour| format!("m v={hour} {}", nanos(from) + hour * HOUR_NS))
            .collect();
        client.write("db", &lines.join("\n"));
    }
}

fn weeks(client: &Client, how: &str) {
    let rows = client.rows(
        "db",
        "SELECT count(v) FROM a WHERE time >= '2020-03-22T23:00:00Z' AND \
         time < '2020-04-05T22:00:00Z' GROUP BY time(1w,4d) tz('Europe/Rome')",
    );
    let mondays = [1_584_918_000_000_000_000, 1_585_519_200_000_000_000];
    assert_eq!(
        (times(&rows), counts(&rows)),
        (mondays.to_vec(), vec![0, 1]),
        "{how}"
    );
}

fn days(client: &Client, how: &str) {
    for (from, to, hours, in_each) in CHANGES {
        let of = |select: &str, rest: &str| {
            let statement = format!(
                "SELECT {select} FROM m WHERE time >= '{from}' AND time < '{to}' \
                 GROUP BY time(1d, 8h) {rest} tz('Europe/Rome')"
            );
            (client.rows("db", &statement), format!("{how}: {statement}"))
        };
        let mut start = nanos(from);
        let mut starts = Vec::new();
        for hours in in_each {
            starts.push(start);
            start += hours * HOUR_NS;
        }
        let (rows, what) = of("count(v)", "");
        assert_eq!(
            (times(&rows), counts(&rows)),
            (starts.clone(), in_each.to_vec()),
            "{what}"
        );
        for function in FUNCTIONS {
            for fill in [
                "",
                "fill(none)",
                "fill(0)",
                "fill(previous)",
                "fill(linear)",
            ] {
                let (rows, what) = of(function, fill);
                assert_eq!(times(&rows), starts, "{what}");
            }
        }
        let (mut rows, what) = of("count(v)", "ORDER BY time DESC");
        rows.reverse();
        assert_eq!(
            (times(&rows), counts(&rows)),
            (starts.clone(), in_each.to_vec()),
            "{what}"
        );
        // Buckets of a subquery are whole buckets of the outer statement.
        let statement = format!(
            "SELECT sum(n) FROM (SELECT count(v) AS n FROM m WHERE time >= '{from}' AND \
             time < '{to}' GROUP BY time(1d, 8h) tz('Europe/Rome')) WHERE time >= '{from}' AND \
             time < '{to}' GROUP BY time(1d, 8h) tz('Europe/Rome')"
        );
        let rows = client.rows("db", &statement);
        let sums: Vec<i64> = rows
            .iter()
            .filter_map(|row| row[1].as_f64())
            .map(|sum| sum as i64)
            .collect();
        assert_eq!(
            (times(&rows), sums),
            (starts.clone(), in_each.to_vec()),
            "{how}: {statement}"
        );
        assert_eq!(in_each.iter().sum::<i64>(), *hours);
    }
}

fn check(executor: &str) {
    let sandbox = Sandbox::new().with("query", "executor", &format!("\"{executor}\""));
    let node = sandbox.start();
    load(node.client());
    weeks(node.client(), &format!("{executor}, memory"));
    days(node.client(), &format!("{executor}, memory"));
    // Stopping writes what is in memory into files.
    node.stop();
    let node = sandbox.start();
    weeks(node.client(), &format!("{executor}, files"));
    days(node.client(), &format!("{executor}, files"));
}

#[test]
fn direct_executor_counts_and_labels_alike() {
    check("direct");
}

#[test]
fn clickhouse_executor_counts_and_labels_alike() {
    check("clickhouse");
}
