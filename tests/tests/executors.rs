//! Both executors read several files alike, and neither overlooks one that is gone.

use std::time::Duration;

use process_tests::answers::{nearly_equal, same};
use process_tests::random::{Random, seed};
use process_tests::{Node, Sandbox, wait};
use serde_json::Value;

const DAY_NS: i64 = 86_400_000_000_000;
/// 2024-01-01.
const START_NS: i64 = 1_704_067_200_000_000_000;

/// Waits until the points are in so many files, and in nothing else.
fn in_files(node: &Node, files: usize) {
    let known = format!("\nhyperbytedb_parquet_files {files}\n");
    wait::until("the flush", Duration::from_secs(30), || {
        let metrics = node.client().get("/metrics");
        let text = metrics.text();
        (text.contains(&known) && text.contains("\nhyperbytedb_memtable_bytes 0\n")).then_some(())
    });
}

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
    in_files(&node, 3);
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

/// A node with these series in a file.
fn with_every_kind(executor: &str) -> (Sandbox, Node) {
    let sandbox = Sandbox::new()
        .with("flush", "interval_secs", "1")
        .with("write", "unsigned_integers", "true")
        .with("query", "executor", &format!("\"{executor}\""));
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    client.write("db", &series_of_every_kind().join("\n"));
    in_files(&node, 1);
    (sandbox, node)
}

fn answers(executor: &str) -> Vec<Vec<Vec<Value>>> {
    let (_sandbox, node) = with_every_kind(executor);
    let rows = |statement: &str| node.client().rows("db", statement);
    vec![
        rows("SELECT count(i), sum(i), min(i), max(i), last(i) FROM k"),
        rows("SELECT count(rare), sum(rare) FROM k WHERE time >= '2024-01-01T01:00:00Z'"),
        rows(
            "SELECT i, u, d, x, rare FROM k WHERE host = 'b' AND time >= '2024-01-01T03:00:00Z' AND time < '2024-01-01T03:01:00Z'",
        ),
        rows("SELECT i, d FROM k WHERE d > 99.5 AND i > 100 LIMIT 500"),
        rows("SELECT min(d), max(d), max(x) FROM k WHERE host = 'a'"),
        rows("SELECT max(u), min(u) FROM k"),
        // By their numbers alone, where all points have the field and where some have.
        rows("SELECT count(d), count(x) FROM k"),
        rows("SELECT count(u), count(rare) FROM k WHERE host != 'b'"),
        // Of the ends of series alone, where these have a value and where they have none.
        rows("SELECT last(i) FROM k"),
        rows("SELECT last(rare) FROM k"),
        rows("SELECT first(i), first(rare) FROM k WHERE time > '2024-01-01T00:00:01Z'"),
        rows("SELECT last(x) FROM k WHERE time < '2024-01-01T00:10:00Z'"),
    ]
}

/// A statement about these series.
fn statement(random: &mut Random) -> String {
    fn one(random: &mut Random, of: &[&'static str]) -> &'static str {
        of[random.below(of.len())]
    }
    const FUNCTIONS: &[&str] = &[
        "count", "sum", "mean", "min", "max", "first", "last", "spread",
    ];
    const FIELDS: &[&str] = &["i", "u", "d", "x", "rare"];
    let raw = random.below(4) == 0;
    let count = 1 + random.below(3);
    let mut columns = Vec::new();
    for _ in 0..count {
        let field = one(random, FIELDS);
        columns.push(match raw {
            true => field.to_string(),
            false => format!("{}({field})", one(random, FUNCTIONS)),
        });
    }
    let from = random.below(9_000);
    let seconds = [1, 60, 3_600, 20_000][random.below(4)];
    let mut text = format!(
        "SELECT {} FROM k WHERE time >= {}s AND time < {}s",
        columns.join(", "),
        START_NS / 1_000_000_000 + from as i64,
        START_NS / 1_000_000_000 + (from + seconds) as i64,
    );
    text += one(
        random,
        &[
            "",
            " AND host = 'b'",
            " AND host =~ /a|c/",
            " AND d > 90",
            " AND host != 'a' AND i < 60",
        ],
    );
    match raw {
        true => text += one(random, &["", " GROUP BY host"]),
        false => {
            text += one(
                random,
                &[
                    "",
                    " GROUP BY host",
                    " GROUP BY time(7m)",
                    " GROUP BY time(1h), host",
                ],
            );
            if text.contains("time(") {
                text += one(random, &["", " fill(0)", " fill(none)", " fill(previous)"]);
            }
        }
    }
    text += one(random, &["", " ORDER BY time DESC"]);
    text += one(random, &["", " LIMIT 3", " LIMIT 10 OFFSET 5"]);
    text
}

#[test]
fn random_statements_have_one_answer_by_both_executors() {
    let mut random = Random::new(seed("EXECUTORS_SEED"));
    let (_direct, direct) = with_every_kind("direct");
    let (_clickhouse, clickhouse) = with_every_kind("clickhouse");
    let mut answered = 0;
    for _ in 0..300 {
        let statement = statement(&mut random);
        let answer = direct.client().query("db", &statement);
        let other = clickhouse.client().query("db", &statement);
        assert!(
            same(&answer, &other, nearly_equal),
            "{statement}\n{answer}\n{other}"
        );
        answered += usize::from(answer["results"][0].get("series").is_some());
    }
    assert!(answered > 120, "only {answered} statements had an answer");
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

#[test]
fn points_that_pass_a_filter_are_read_in_pieces_that_memory_holds() {
    const BATCHES: i64 = 12;
    const POINTS: i64 = 100_000;
    // A point takes about 50 bytes: a quarter of them fits, all do not.
    let sandbox = Sandbox::new().with("query", "memory_max_mb", "16");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    for batch in 0..BATCHES {
        let line = |at| format!("m,host=h{} v={at}i {}\n", at % 7, START_NS + at);
        let points = batch * POINTS..(batch + 1) * POINTS;
        client.write("db", &points.map(line).collect::<String>());
    }
    let rows = client.rows("db", "SELECT v FROM m WHERE v >= 0");
    let values = rows.iter().filter_map(|row| row[1].as_i64());
    assert!(values.eq(0..BATCHES * POINTS), "{} rows", rows.len());
}
