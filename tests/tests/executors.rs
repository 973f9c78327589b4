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
