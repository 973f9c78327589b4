//! Both executors read several files alike, and neither overlooks one that is gone.

use std::time::Duration;

use process_tests::{Sandbox, wait};

const DAY_NS: i64 = 86_400_000_000_000;
/// 2024-01-01.
const START_NS: i64 = 1_704_067_200_000_000_000;

fn check(executor: &str) {
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1").with(
        "query",
        "executor",
        &format!("\"{executor}\""),
    );
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let lines: Vec<String> = (0..3)
        .map(|day| format!("m,host=a v={day} {}", START_NS + day * DAY_NS))
        .collect();
    client.write("db", &lines.join("\n"));
    let files = || sandbox.data_files(".parquet");
    wait::until("a file for each day", Duration::from_secs(30), || {
        (files().len() == 3).then_some(())
    });
    let rows = client.rows("db", "SELECT v FROM m");
    let times: Vec<i64> = rows.iter().filter_map(|row| row[0].as_i64()).collect();
    let expected: Vec<i64> = (0..3).map(|day| START_NS + day * DAY_NS).collect();
    assert_eq!(times, expected, "{executor}");
    let sum = client.rows("db", "SELECT sum(v) FROM m");
    assert_eq!(sum[0][1].as_f64(), Some(3.0), "{executor}");

    let gone = files().remove(1);
    std::fs::remove_file(&gone).expect("the file was there");
    let reply = client
        .try_query("db", "SELECT v FROM m")
        .expect("an answer");
    let name = gone
        .file_name()
        .and_then(|name| name.to_str())
        .expect("a name");
    let text = reply.text();
    assert!(
        text.contains("error") && text.contains(name),
        "{executor}: {text}"
    );
}

#[test]
fn the_direct_executor_reads_all_files_or_says_which_is_missing() {
    check("direct");
}

#[test]
fn clickhouse_reads_all_files_or_says_which_is_missing() {
    check("clickhouse");
}

/// Two series with more points than a page has and one with few: a walk, a counter past
/// what is signed, few decimals, full floats, and a field that is only now and then there.
fn series_of_every_kind() -> Vec<String> {
    let mut lines = Vec::new();
    for (host, points) in [("a", 9_000_u64), ("b", 20_000), ("c", 100)] {
        let mut walk = 50_i64;
        for n in 0..points {
            walk += ((n * 7_919) % 5) as i64 - 2 + i64::from(n % 1_000 == 0) * 300;
            let rare = if n % 40 == 0 { ",rare=7i" } else { "" };
            lines.push(format!(
                "k,host={host} i={walk}i,u={}u,d={},x={}{rare} {}",
                u64::MAX - n * n,
                (n * 37 % 10_000) as f64 / 100.0,
                (n as f64).sqrt(),
                START_NS + (n as i64) * 1_000_000_000,
            ));
        }
    }
    lines
}

fn answers(executor: &str) -> Vec<Vec<Vec<serde_json::Value>>> {
    let sandbox = Sandbox::new()
        .with("flush", "interval_secs", "1")
        .with("write", "unsigned_integers", "true")
        .with("query", "executor", &format!("\"{executor}\""));
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    client.write("db", &series_of_every_kind().join("\n"));
    wait::until("the flush", Duration::from_secs(30), || {
        (!sandbox.data_files(".parquet").is_empty()).then_some(())
    });
    let rows = |statement: &str| client.rows("db", statement);
    vec![
        rows("SELECT count(i), sum(i), min(i), max(i), last(i) FROM k"),
        rows("SELECT count(rare), sum(rare) FROM k WHERE time >= '2024-01-01T01:00:00Z'"),
        rows(
            "SELECT i, u, d, x, rare FROM k WHERE host = 'b' AND time >= '2024-01-01T03:00:00Z' AND time < '2024-01-01T03:01:00Z'",
        ),
        rows("SELECT i, d FROM k WHERE d > 99.5 AND i > 100 LIMIT 500"),
        rows("SELECT min(d), max(d), max(x) FROM k WHERE host = 'a'"),
        rows("SELECT max(u), min(u) FROM k"),
    ]
}

#[test]
fn both_executors_read_the_same_values() {
    let direct = answers("direct");
    assert_eq!(direct[0][0][1].as_u64(), Some(29_100));
    assert_eq!(direct[2].len(), 60);
    assert_eq!(
        direct[2][7][3].as_f64(),
        Some(((10_807 * 37) % 10_000) as f64 / 100.0)
    );
    assert_eq!(direct, answers("clickhouse"));
}
