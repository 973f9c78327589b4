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

/// As deep as the text is long: statements of InfluxDB know no limit.
#[test]
fn deep_expressions_are_executed() {
    const DEPTH: usize = 10_000;
    let within = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(DEPTH), close.repeat(DEPTH))
    };
    let run = move || {
        let memory = sample();
        let context = context();
        let answer = |query: String| run_with(&memory, &query, &context);
        let v = |rows: &str| {
            format!(r#""series":[{{"name":"cpu","columns":["time","x"],"values":[{rows}]}}]"#)
        };
        let select = |item: String| answer(format!("SELECT {item} AS x FROM cpu WHERE time = 0"));
        assert_eq!(select(within("(", "v", ")")), v("[0,1]"));
        assert_eq!(select(within("abs(", "v", ")")), v("[0,1]"));
        assert_eq!(select(within("(1 + ", "v", ")")), v("[0,10001]"));
        assert_eq!(select(vec!["v"; DEPTH].join(" + ")), v("[0,10000]"));
        assert_eq!(select(vec!["max(v)"; DEPTH].join(" + ")), v("[0,10000]"));
        assert_eq!(select(within("(", "max(v)", ")")), v("[0,1]"));
        let filtered =
            |condition: String| answer(format!("SELECT v AS x FROM cpu WHERE {condition}"));
        assert_eq!(filtered(within("(", "v > 6", ")")), v("[40,7]"));
        assert_eq!(
            filtered(format!("{} = 70000", vec!["v"; DEPTH].join(" + "))),
            v("[40,7]")
        );
        // AND and OR in turns, so that nothing can be put side by side.
        let turns = format!(
            "{}host = 'c'{}",
            "(host = 'x' OR (v > 0 AND ".repeat(DEPTH / 2),
            "))".repeat(DEPTH / 2)
        );
        assert_eq!(filtered(turns.clone()), v("[40,7]"));
        let outer = format!("SELECT x FROM (SELECT v AS x, host FROM cpu) WHERE {turns}");
        assert_eq!(answer(outer.replace("v > 0", "x > 0")), v("[40,7]"));
        let refused = answer(format!(
            "SHOW SERIES WHERE {}",
            turns.replace("v > 0", "a = ''")
        ));
        assert!(refused.contains("more than 500 levels"), "{refused}");
        let shown = answer(format!(
            "SHOW TAG KEYS WHERE {}",
            within("(", "host = 'c'", ")")
        ));
        assert!(shown.contains("host"), "{shown}");
    };
    // No more than a thread of the runtime has.
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(run);
    thread.expect("a thread").join().expect("no panic");
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
