//! Answers recorded from InfluxDB 1.6.7 on the points of [`super::sample`].

use super::{run, sample};

#[test]
fn show_statements_answer_like_influxdb() {
    let memory = sample();
    for (query, expected) in [
        (
            "SHOW SERIES LIMIT 2",
            r#""series":[{"columns":["key"],"values":[["cpu,host=a,region=x"],["cpu,host=a,region=y"]]}]"#,
        ),
        (
            "SHOW SERIES WHERE host = 'a' AND region = ''",
            r#""series":[{"columns":["key"],"values":[["mem,host=a"]]}]"#,
        ),
        (
            "SHOW MEASUREMENTS",
            r#""series":[{"name":"measurements","columns":["name"],"values":[["cpu"],["mem"]]}]"#,
        ),
        ("SHOW MEASUREMENTS ON nodb", ""),
        (
            "SHOW FIELD KEYS FROM mem",
            r#""series":[{"name":"mem","columns":["fieldKey","fieldType"],"values":[["v","float"]]}]"#,
        ),
        (
            "SHOW TAG KEYS LIMIT 1 OFFSET 1",
            r#""series":[{"name":"cpu","columns":["tagKey"],"values":[["region"]]}]"#,
        ),
        (
            "SHOW TAG VALUES WITH KEY = host WHERE region = 'x' LIMIT 1",
            r#""series":[{"name":"cpu","columns":["key","value"],"values":[["host","a"]]}]"#,
        ),
        (
            "SHOW SERIES CARDINALITY",
            r#""series":[{"columns":["cardinality estimation"],"values":[[7]]}]"#,
        ),
        (
            "SHOW SERIES EXACT CARDINALITY",
            r#""series":[{"name":"cpu","columns":["count"],"values":[[5]]},{"name":"mem","columns":["count"],"values":[[2]]}]"#,
        ),
        (
            "SHOW MEASUREMENT EXACT CARDINALITY",
            r#""series":[{"columns":["count"],"values":[[2]]}]"#,
        ),
        (
            "SHOW TAG VALUES CARDINALITY WITH KEY = host",
            r#""series":[{"name":"cpu","columns":["count"],"values":[[3]]},{"name":"mem","columns":["count"],"values":[[2]]}]"#,
        ),
        (
            "SHOW DATABASES",
            r#""series":[{"name":"databases","columns":["name"],"values":[["db"]]}]"#,
        ),
        (
            "SHOW RETENTION POLICIES",
            r#""series":[{"columns":["name","duration","shardGroupDuration","replicaN","default"],"values":[["autogen","0s","168h0m0s",1,true]]}]"#,
        ),
        (
            "SHOW SERIES ON nodb",
            r#""error":"database not found: nodb""#,
        ),
        (
            "SHOW SERIES WHERE v > 2",
            r#""error":"invalid tag comparison operator""#,
        ),
    ] {
        assert_eq!(run(&memory, query), expected, "{query}");
    }
}
