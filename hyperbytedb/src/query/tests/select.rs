//! Answers recorded from InfluxDB 1.6.7 on the points of [`super::sample`].

use super::{run, sample};

fn check(cases: &[(&str, &str)]) {
    let memory = sample();
    for (query, expected) in cases {
        assert_eq!(&run(&memory, query), expected, "{query}");
    }
}

/// One series of `cpu` without tags.
fn cpu(columns: &str, values: &str) -> String {
    format!(r#""series":[{{"name":"cpu","columns":[{columns}],"values":[{values}]}}]"#)
}

#[test]
fn rows_pass_through() {
    check(&[
        (
            "SELECT v, w FROM cpu",
            &cpu(
                r#""time","v","w""#,
                "[0,1,null],[10,2,null],[10,3,null],[30,5,null],[40,7,1.5]",
            ),
        ),
        (
            "SELECT v, w FROM cpu fill(5)",
            &cpu(
                r#""time","v","w""#,
                "[0,1,5],[10,2,5],[10,3,5],[30,5,5],[40,7,1.5]",
            ),
        ),
        (
            "SELECT v, v, v AS x, v AS x FROM cpu LIMIT 1",
            &cpu(r#""time","v","v_1","x","x""#, "[0,1,1,1,1]"),
        ),
        ("SELECT nosuch FROM cpu", ""),
        ("SELECT host FROM cpu", ""),
        (
            "SELECT v FROM cpu GROUP BY host ORDER BY time DESC",
            r#""series":[{"name":"cpu","tags":{"host":"c"},"columns":["time","v"],"values":[[40,7]]},{"name":"cpu","tags":{"host":"b"},"columns":["time","v"],"values":[[30,5],[10,3]]},{"name":"cpu","tags":{"host":"a"},"columns":["time","v"],"values":[[10,2],[0,1]]}]"#,
        ),
        (
            "SELECT v FROM cpu LIMIT 2 OFFSET 3",
            &cpu(r#""time","v""#, "[30,5],[40,7]"),
        ),
    ]);
}

#[test]
fn conditions_know_missing_tags_and_fields() {
    check(&[
        (
            "SELECT v, b FROM cpu WHERE b = false",
            &cpu(r#""time","v","b""#, "[10,2,false]"),
        ),
        (
            "SELECT v, b FROM cpu WHERE b != true",
            &cpu(r#""time","v","b""#, "[10,2,false]"),
        ),
        (
            "SELECT v FROM cpu WHERE region = ''",
            &cpu(r#""time","v""#, "[40,7]"),
        ),
        (
            "SELECT v FROM cpu WHERE nosuch != 'x' LIMIT 1",
            &cpu(r#""time","v""#, "[0,1]"),
        ),
        ("SELECT v FROM cpu WHERE host > 5", ""),
        ("SELECT v FROM cpu WHERE host > 'a'", ""),
        ("SELECT v FROM cpu WHERE v = 'a'", ""),
        (
            "SELECT v FROM cpu WHERE w != 3",
            &cpu(r#""time","v""#, "[40,7]"),
        ),
        (
            "SELECT v FROM cpu WHERE host =~ /^[ac]$/ AND v > 1",
            &cpu(r#""time","v""#, "[10,2],[40,7]"),
        ),
    ]);
}

#[test]
fn expressions_follow_influxdb() {
    check(&[
        (
            "SELECT i / 2 AS x FROM cpu LIMIT 2",
            &cpu(r#""time","x""#, "[0,0.5],[10,2.5]"),
        ),
        (
            "SELECT x FROM (SELECT i / 2 AS x, i FROM cpu) LIMIT 2",
            &cpu(r#""time","x""#, "[0,0],[10,2]"),
        ),
        (
            "SELECT i & 2 FROM cpu LIMIT 3",
            &cpu(r#""time","i""#, "[0,0],[10,0],[10,2]"),
        ),
        (
            "SELECT v / 0 FROM cpu LIMIT 1",
            &cpu(r#""time","v""#, "[0,0]"),
        ),
        (
            "SELECT pow(v, 2), abs(min(v)) FROM cpu",
            &cpu(r#""time","pow","abs""#, "[0,1,1]"),
        ),
        (
            "SELECT s + 1 FROM cpu",
            r#""error":"type error: s::string + 1: incompatible types: string and integer""#,
        ),
        (
            "SELECT v & 2 FROM cpu",
            r#""error":"type error: v::float \u0026 2: incompatible types: float and integer""#,
        ),
        (
            "SELECT sum(s) FROM cpu",
            r#""error":"unsupported sum iterator type: *query.stringInterruptIterator""#,
        ),
    ]);
}

#[test]
fn functions_and_selectors() {
    check(&[
        (
            "SELECT count(nosuch), count(v) FROM cpu",
            &cpu(r#""time","count","count_1""#, "[0,null,5]"),
        ),
        ("SELECT max(v) FROM cpu", &cpu(r#""time","max""#, "[40,7]")),
        (
            "SELECT max(v), min(v) FROM cpu",
            &cpu(r#""time","max","min""#, "[0,7,1]"),
        ),
        (
            "SELECT max(v) + min(v) FROM cpu",
            &cpu(r#""time","max_min""#, "[0,8]"),
        ),
        (
            "SELECT top(v, host, 2) FROM cpu",
            &cpu(r#""time","top","host""#, r#"[30,5,"b"],[40,7,"c"]"#),
        ),
        (
            "SELECT top(v, 2), host FROM cpu",
            &cpu(r#""time","top","host""#, r#"[30,5,"b"],[40,7,"c"]"#),
        ),
        (
            "SELECT bottom(i, 3) FROM cpu GROUP BY time(20s)",
            &cpu(r#""time","bottom""#, "[0,1],[10,3],[10,5],[30,8]"),
        ),
        (
            "SELECT distinct(v) FROM cpu GROUP BY time(20s)",
            &cpu(r#""time","distinct""#, "[0,1],[0,2],[0,3],[20,5],[40,7]"),
        ),
        (
            "SELECT stddev(w) FROM cpu",
            &cpu(r#""time","stddev""#, "[0,null]"),
        ),
        ("SELECT percentile(v, 0) FROM cpu", ""),
        (
            "SELECT count(distinct(v)) FROM cpu GROUP BY time(20s)",
            &cpu(r#""time","count""#, "[0,3],[20,1],[40,1],[60,0]"),
        ),
    ]);
}

#[test]
fn buckets_are_filled() {
    let range = "FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(10s)";
    for (fill, values) in [
        ("", "[0,1],[10,2.5],[20,null],[30,5],[40,7]"),
        ("fill(none)", "[0,1],[10,2.5],[30,5],[40,7]"),
        ("fill(7)", "[0,1],[10,2.5],[20,7],[30,5],[40,7]"),
        ("fill(previous)", "[0,1],[10,2.5],[20,2.5],[30,5],[40,7]"),
        ("fill(linear)", "[0,1],[10,2.5],[20,3.75],[30,5],[40,7]"),
    ] {
        let query = format!("SELECT mean(v) {range} {fill}");
        check(&[(&query, &cpu(r#""time","mean""#, values))]);
    }
    check(&[(
        "SELECT mean(v) FROM cpu WHERE time >= 0 AND time < 50s GROUP BY time(10s) fill(previous) ORDER BY time DESC",
        &cpu(r#""time","mean""#, "[40,7],[30,5],[20,5],[10,2.5],[0,1]"),
    )]);
}

#[test]
fn transformations() {
    let range = "WHERE time >= 10s AND time < 50s GROUP BY time(10s)";
    for (call, name, values) in [
        (
            "derivative(mean(v), 1s)",
            "derivative",
            "[10,0.15],[30,0.125],[40,0.2]",
        ),
        (
            "difference(count(v))",
            "difference",
            "[10,1],[20,-2],[30,1],[40,0]",
        ),
        ("cumulative_sum(sum(i))", "cumulative_sum", "[10,8],[30,16]"),
        (
            "moving_average(max(v), 2)",
            "moving_average",
            "[10,2],[30,4],[40,6]",
        ),
        ("elapsed(max(v), 1s)", "elapsed", "[10,10],[30,20],[40,10]"),
    ] {
        let query = format!("SELECT {call} FROM cpu {range}");
        check(&[(&query, &cpu(&format!(r#""time","{name}""#), values))]);
    }
    check(&[
        (
            "SELECT holt_winters(mean(v), 2, 0) FROM cpu WHERE time >= 0 AND time < 60s GROUP BY time(10s)",
            &cpu(
                r#""time","holt_winters""#,
                "[50,9.831494344219033],[60,13.959547616578739]",
            ),
        ),
        (
            "SELECT integral(v) FROM cpu WHERE host = 'b'",
            &cpu(r#""time","integral""#, "[0,80]"),
        ),
    ]);
}

#[test]
fn subqueries() {
    check(&[
        (
            "SELECT max FROM (SELECT max(v) FROM cpu GROUP BY host)",
            &cpu(r#""time","max""#, "[10,2],[30,5],[40,7]"),
        ),
        (
            "SELECT mean FROM (SELECT mean(v) FROM cpu GROUP BY host, time(20s)) WHERE time >= 0 AND time < 60s",
            &cpu(r#""time","mean""#, "[0,1.5],[0,3],[20,5],[40,7]"),
        ),
        (
            "SELECT host, v FROM (SELECT v FROM cpu GROUP BY host)",
            &cpu(
                r#""time","host","v""#,
                r#"[0,"a",1],[10,"a",2],[10,"b",3],[30,"b",5],[40,"c",7]"#,
            ),
        ),
        (
            "SELECT x FROM (SELECT i / v AS x, i FROM cpu)",
            &cpu(r#""time","x""#, "[0,1],[10,2.5],[10,1],[30,1.6],[40,null]"),
        ),
    ]);
}

#[test]
fn wildcards_are_expanded() {
    check(&[(
        "SELECT count(*) FROM cpu GROUP BY host SLIMIT 1",
        r#""series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","count_b","count_i","count_s","count_v","count_w"],"values":[[0,2,2,2,2,null]]}]"#,
    )]);
}

/// An error in 1.6, an offset in later versions.
#[test]
fn an_absolute_time_is_an_offset() {
    let memory = sample();
    let buckets = |offset: &str| {
        let range = "FROM cpu WHERE time >= 0 AND time < 50s";
        run(
            &memory,
            &format!("SELECT sum(v) {range} GROUP BY time(20s, {offset})"),
        )
    };
    let by_duration = buckets("5s");
    assert_eq!(
        by_duration,
        cpu(r#""time","sum""#, "[-15,1],[5,5],[25,12],[45,null]")
    );
    for offset in [
        "'2000-01-01T00:00:05Z'",
        "'2000-01-01 00:00:25'",
        "'1969-12-31T23:59:45Z'",
    ] {
        assert_eq!(buckets(offset), by_duration, "{offset}");
    }
}
