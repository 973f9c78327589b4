//! A statement that asks for too much ends with an error.

use std::sync::atomic::Ordering;

use super::{SECOND, context, run_with, sample};

#[test]
fn filling_without_end_is_refused() {
    let memory = sample();
    let mut context = context();
    context.now_ns = 1_700_000_000 * SECOND;
    let answer = run_with(
        &memory,
        "SELECT mean(v) FROM cpu GROUP BY time(1ms)",
        &context,
    );
    assert!(
        answer.contains("query stopped: it needs more than"),
        "{answer}"
    );
}

/// Buckets of a millisecond since 1970 are a million million.
#[test]
fn buckets_that_a_limit_leaves_out_are_not_made() {
    let memory = sample();
    let mut context = context();
    context.now_ns = 1_700_000_000 * SECOND;
    context.memory_bytes_max = 1 << 16;
    let buckets = |select: &str, rest: &str| {
        let query = format!("SELECT {select} FROM cpu WHERE time >= 0 GROUP BY time(1ms){rest}");
        run_with(&memory, &query, &context)
    };
    let values = |rows: &str, column: &str| {
        format!(r#""series":[{{"name":"cpu","columns":["time","{column}"],"values":[{rows}]}}]"#)
    };
    assert_eq!(
        buckets("mean(v)", " LIMIT 2"),
        values("[0,1],[0,null]", "mean")
    );
    assert_eq!(
        buckets("count(v)", " LIMIT 2 OFFSET 9999"),
        values("[9,0],[10,2]", "count")
    );
    assert_eq!(
        buckets("count(v)", " ORDER BY time DESC LIMIT 2"),
        values("[1700000000,0],[1699999999,0]", "count")
    );
    assert_eq!(
        buckets("max(v)", " fill(previous) LIMIT 1 OFFSET 500"),
        values("[0,1]", "max")
    );
    assert_eq!(
        buckets("cumulative_sum(count(v))", " fill(0) LIMIT 1 OFFSET 10000"),
        values("[10,3]", "cumulative_sum")
    );
    assert_eq!(
        buckets("difference(max(v))", " LIMIT 2"),
        values("[10,2],[30,2]", "difference")
    );
    let both = buckets("min(v), count(v)", ", host LIMIT 1");
    assert_eq!(both.matches("\"values\":[[0,").count(), 3, "{both}");
}

#[test]
fn buckets_are_limited() {
    let memory = sample();
    let mut context = context();
    context.buckets_max = 3;
    let query = "SELECT mean(v) FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(10s)";
    assert_eq!(
        run_with(&memory, query, &context),
        r#""error":"max-select-buckets limit exceeded: (5/3)""#
    );
}

#[test]
fn rows_that_are_kept_count() {
    let memory = sample();
    let mut context = context();
    context.memory_bytes_max = 40;
    let answer = run_with(&memory, "SELECT median(v) FROM cpu", &context);
    assert!(answer.contains("query stopped"), "{answer}");
}

#[test]
fn killed_queries_stop() {
    let memory = sample();
    let context = context();
    context.cancelled.store(true, Ordering::Relaxed);
    let answer = run_with(&memory, "SELECT v FROM cpu", &context);
    assert_eq!(answer, r#""error":"query interrupted""#);
}
