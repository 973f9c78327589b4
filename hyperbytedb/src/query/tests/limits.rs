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
