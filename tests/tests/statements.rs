//! The statement summary, the log of slow statements, and what must be in neither.

use process_tests::client::encode;
use process_tests::{Client, Node, Sandbox};
use serde_json::{Value, json};

fn list(node: &Node, parameters: &str) -> Vec<Value> {
    let reply = node
        .client()
        .get(&format!("/api/v1/statements?{parameters}"));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    document["statements"].as_array().expect("a list").clone()
}

fn prepared(sandbox: &Sandbox) -> Node {
    let node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    node.client().write("d", "m,t=a v=1 1\nm,t=b v=2 2");
    node
}

/// Every scan by ClickHouse is: it is given up as a short one and begun again.
#[test]
fn a_query_that_turns_out_to_be_long_is_one_statement() {
    let node = prepared(&Sandbox::new().with("query", "executor", "\"clickhouse\""));
    let rows = node
        .client()
        .rows("d", "SELECT v FROM m; SELECT v FROM m LIMIT 1");
    assert_eq!(rows.len(), 2);
    let entries = list(&node, "db=d&stmt_type=select");
    let counts: Vec<&Value> = entries.iter().map(|entry| &entry["exec_count"]).collect();
    assert_eq!(counts, [&json!(1), &json!(1)], "{entries:?}");
    let metrics = node.client().get("/metrics");
    let counted = "hyperbytedb_query_statements_total{statement=\"select\"} 2\n";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

#[test]
fn statements_of_one_shape_are_one_entry_with_their_numbers() {
    let node = prepared(&Sandbox::new());
    let client = node.client();
    for tag in ["a", "b", "c"] {
        let _rows = client.query("d", &format!("SELECT v FROM m WHERE t = '{tag}'"));
    }
    let entries = list(&node, "db=d&stmt_type=select");
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!(entry["normalized_query"], "SELECT v FROM m WHERE t = ?");
    assert_eq!(entry["sample_query"], "SELECT v FROM m WHERE t = 'a'");
    assert_eq!(
        (&entry["exec_count"], &entry["error_count"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(entry["rows_returned"], 2);
    assert!(entry["bytes_read"].as_u64() > Some(0));
    let number = |key: &str| entry[key].as_u64().expect("a number");
    assert!(number("min_latency_us") <= number("avg_latency_us"));
    assert!(number("avg_latency_us") <= number("max_latency_us"));
    assert!(number("max_latency_us") <= number("sum_latency_us"));
    assert!(number("first_seen") > 1_600_000_000 && number("last_seen") >= number("first_seen"));
    assert_eq!(entry["digest"].as_str().map(str::len), Some(16));
    // The database makes a difference.
    client.run("CREATE DATABASE e");
    let _none = client.query("e", "SELECT v FROM m WHERE t = 'a'");
    assert_eq!(list(&node, "stmt_type=select").len(), 2);
    assert_eq!(list(&node, "sort_by=count&limit=1")[0]["exec_count"], 3);
    let wrong = client.get("/api/v1/statements?sort_by=colour");
    assert_eq!(wrong.status, 400);
    let reset = client
        .send("DELETE", "/api/v1/statements", &[], ())
        .unwrap();
    assert_eq!((reset.status, reset.text()), (200, "reset".into()));
    assert!(list(&node, "").is_empty());
}

#[test]
fn failures_are_counted_with_their_last_error() {
    let node = prepared(&Sandbox::new());
    let client = node.client();
    for name in ["x", "y"] {
        let text = format!("SELECT v FROM nosuch..m WHERE t = '{name}'");
        let _failed = client.try_query("d", &text).unwrap();
    }
    let failed = &list(&node, "sort_by=errors")[0];
    assert_eq!(
        (&failed["exec_count"], &failed["error_count"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(failed["last_error"], "database not found: nosuch");
    // Texts that are no statements: one entry for each kind of mistake.
    for text in [
        "SELEKT 1",
        "SHOW NOSUCH",
        "DROP 5",
        "SELECT v FROM m GROUP BY time(",
    ] {
        assert_eq!(client.try_query("d", text).unwrap().status, 400);
    }
    let invalid = list(&node, "stmt_type=invalid");
    assert!((1..=4).contains(&invalid.len()), "{invalid:?}");
    let text = json!(invalid).to_string();
    assert!(
        !text.contains("SELEKT") && !text.contains("NOSUCH"),
        "{text}"
    );
}

#[test]
fn many_distinct_statements_stay_within_bounds() {
    let node = prepared(&Sandbox::new());
    for hundred in 0..1000 {
        let statements: Vec<String> = (0..100)
            .map(|one| format!("SELECT v FROM m{hundred}_{one}"))
            .collect();
        let _empty = node.client().query("d", &statements.join(";"));
    }
    let entries = list(&node, "limit=1000000");
    assert!((900..=1000).contains(&entries.len()), "{}", entries.len());
    assert_eq!(list(&node, "").len(), 100);
    // The last ones are there.
    let texts = json!(entries).to_string();
    assert!(texts.contains("FROM m999_99"));
}

#[test]
fn switched_off_the_list_is_empty() {
    let node = prepared(&Sandbox::new().with("statement_summary", "enabled", "false"));
    let _rows = node.client().query("d", "SELECT v FROM m");
    assert!(list(&node, "").is_empty());
    let reset = node.client().send("DELETE", "/api/v1/statements", &[], ());
    assert_eq!(reset.unwrap().status, 200);
}

#[test]
fn slow_statements_are_logged_without_their_literals() {
    let sandbox = Sandbox::new().with("logging", "slow_query_ms", "1");
    let node = prepared(&sandbox);
    let slow = "SELECT count(v) FROM m WHERE t = 'a' AND time >= 0 AND time < 300000s GROUP BY time(1s) fill(0)";
    let _rows = node.client().query("d", slow);
    let digest = list(&node, "stmt_type=select")[0]["digest"].clone();
    node.stop();
    let log = sandbox.log();
    let line = log
        .lines()
        .find(|line| line.contains("slow statement") && line.contains("count(v)"))
        .unwrap_or_else(|| panic!("no line in {log}"));
    for part in [
        "WARN",
        "id=\"",
        digest.as_str().unwrap(),
        "database=\"d\"",
        "rows=300000",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(!line.contains("'a'") && !line.contains("300000s"), "{line}");
}

/// Every form that brings a password, whole and damaged.
const SECRETS: &[&str] = &[
    "CREATE USER u1 WITH PASSWORD 'hunter2'",
    "CREATE USER u2 WITH PASSWORD 'hunter2' WITH ALL PRIVILEGES",
    "create user \"u3\" with password 'hunter2'",
    "CREATE USER u1 WITH PASSWORD 'hunter2'; SHOW QUERIES",
    "SET PASSWORD FOR u1 = 'hunter2'",
    "SET PASSWORD FOR nobody = 'hunter2'",
    "set password for \"u1\"='hunter2'; SHOW QUERIES",
    "EXPLAIN CREATE USER u1 WITH PASSWORD 'hunter2'",
    "CREATE USER u1 WITH PASSWORD hunter2",
    "CREATE USER u1 WITH PASSWORD \"hunter2\"",
    "CREATE USER u1 WITH PASSWORD 'hunter2",
    "CREATE USER u1 WITH PASSWORD = 'hunter2'",
    "CREATE USER u1 PASSWORD 'hunter2'",
    "CREATE USER u1 WITH PASSWORD /* x */ 'hunter2' AND",
    "CREATE USER u1 WITH PASSWORD 'it\\'s hunter2' WITH",
    "CREATE USER u1 WITH\nPASSWORD\t'hunter2' x",
    "CREATE USER 'hunter2' WITH PASSWORD u1",
    "CREATE USR u1 WITH PASSWORD 'hunter2'",
    "SET PASSWORD FOR u1 = hunter2",
    "SET PASSWORD FOR u1 'hunter2'",
    "SET PASSWORD u1 = 'hunter2'",
    "SET PASSWORD FOR u1 = \"hunter2\"",
    "CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ALL 'http://u:hunter2@127.0.0.1:9'",
];

#[test]
fn no_password_is_kept_or_logged() {
    let sandbox =
        Sandbox::new()
            .with("logging", "slow_query_ms", "1")
            .with("logging", "level", "\"debug\"");
    let node = prepared(&sandbox);
    for text in SECRETS {
        for method in ["POST", "GET"] {
            let target = format!("/query?db=d&q={}&u=root&p=hunter2", encode(text));
            let reply = Client::new(node.url())
                .send(method, &target, &[], ())
                .unwrap();
            if text.contains("SHOW QUERIES") && reply.status == 200 {
                assert!(!reply.text().contains("hunter2"), "{}", reply.text());
            }
        }
    }
    let entries = list(&node, "limit=1000");
    let kinds: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry["stmt_type"].as_str())
        .collect();
    for kind in ["create_user", "set_password", "invalid"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(!json!(entries).to_string().contains("hunter2"));
    let metrics = node.client().get("/metrics");
    assert!(!metrics.text().contains("hunter2"));
    let vars = node.client().get("/debug/vars");
    assert!(!vars.text().contains("hunter2"));
    node.stop();
    let log = sandbox.log();
    assert!(log.contains("slow statement"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}
