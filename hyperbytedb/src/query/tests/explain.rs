//! `EXPLAIN` and `EXPLAIN ANALYZE`.

use super::{run, sample};

#[test]
fn every_scan_is_named_once() {
    let text = run(
        &sample(),
        "EXPLAIN SELECT mean(m) FROM (SELECT max(v) AS m FROM cpu WHERE host = 'a' AND time < 50s GROUP BY time(10s), host)",
    );
    assert!(text.contains(r#""columns":["QUERY PLAN"]"#), "{text}");
    assert_eq!(text.matches("SCAN db.autogen.cpu").count(), 1, "{text}");
    for part in [
        "filter: host::tag = 'a'",
        "group by: host",
        "max(v) each 10s",
        "executor: memory",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("delivered"), "{text}");
}

#[test]
fn analyze_counts_what_the_scans_deliver() {
    let memory = sample();
    let select = "SELECT v FROM cpu WHERE host = 'a'";
    let rows = run(&memory, select).matches("],[").count() + 1;
    let text = run(&memory, &format!("EXPLAIN ANALYZE {select}"));
    assert!(text.contains(r#""columns":["EXPLAIN ANALYZE"]"#), "{text}");
    for part in [
        format!("delivered: {rows} rows"),
        format!("result: {rows} rows in 1 series"),
    ] {
        assert!(text.contains(&part), "{part} is not in {text}");
    }
}

#[test]
fn what_cannot_be_selected_cannot_be_explained() {
    let text = run(&sample(), "EXPLAIN SELECT mean(v), i FROM cpu");
    assert!(
        text.contains("mixing aggregate and non-aggregate"),
        "{text}"
    );
    let text = run(&sample(), "EXPLAIN SELECT v FROM nosuch");
    assert!(text.contains("nothing is read"), "{text}");
}
