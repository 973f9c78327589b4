//! Chronograf: its host page, its data explorer, its annotations.

use process_tests::client::encode;
use process_tests::{Client, Sandbox};
use serde_json::{Value, json};

use crate::replay::{assert_written, results, send};

/// Everything in the URL, `rp` empty, a body that is none.
fn ask(client: &Client, database: &str, statements: &str) -> Vec<Value> {
    let target = format!("/query?db={database}&epoch=ms&rp=&q={}", encode(statements));
    results(&send(
        client,
        "POST",
        &target,
        &[("Content-Type", "application/json")],
        "",
    ))
}

#[test]
fn it_takes_the_server_for_an_open_source_influxdb() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let ping = send(node.client(), "GET", "/ping", &[], ());
    assert_eq!(ping.status, 204);
    assert_eq!(ping.header("X-Influxdb-Build"), "OSS");
}

#[test]
fn the_host_page_asks_for_seven_things_at_once() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE telegraf");
    client.write("telegraf", "cpu,host=a,cpu=cpu-total usage_user=1,usage_system=2\nsystem,host=a load1=0.5,uptime=60i\nsystem,host=b load1=0.5,uptime=60i");
    let statements = "SELECT mean(\"usage_user\") + mean(\"usage_system\") FROM \"telegraf\".\"autogen\".\"cpu\" WHERE \"cpu\" = 'cpu-total' AND time > now() - 10m GROUP BY host;\
        SELECT mean(\"load1\") FROM \"telegraf\".\"autogen\".\"system\" WHERE time > now() - 10m GROUP BY host;\
        SELECT non_negative_derivative(mean(uptime)) AS deltaUptime FROM \"telegraf\".\"autogen\".\"system\" WHERE time > now() - 10m GROUP BY host, time(1m) fill(0);\
        SELECT mean(\"Percent_Processor_Time\") FROM win_cpu WHERE time > now() - 10m GROUP BY host;\
        SELECT mean(\"Processor_Queue_Length\") FROM win_system WHERE time > now() - 10m GROUP BY host;\
        SELECT non_negative_derivative(mean(\"System_Up_Time\")) AS deltaUptime FROM win_system WHERE time > now() - 10m GROUP BY host, time(1m) fill(0);\
        SHOW TAG VALUES WITH KEY = \"host\"";
    let answer = ask(client, "telegraf", statements);
    assert_eq!(answer.len(), 7);
    assert_eq!(answer[0]["series"][0]["values"][0][1], json!(3));
    assert_eq!(answer[1]["series"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer[3], json!({"statement_id": 3}));
    assert_eq!(answer[6]["series"].as_array().map(Vec::len), Some(2));
    let layouts = ask(
        client,
        "telegraf",
        "show series from /^cpu$|^mem$/ where host = 'a'",
    );
    assert_eq!(
        layouts[0]["series"][0]["values"],
        json!([["cpu,cpu=cpu-total,host=a"]])
    );
}

#[test]
fn the_administration_page_lists_and_changes() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    for statement in [
        "CREATE DATABASE \"my db\"",
        "CREATE RETENTION POLICY \"week\" ON \"my db\" DURATION 1w REPLICATION 1 DEFAULT",
        "ALTER RETENTION POLICY \"week\" ON \"my db\" DURATION 2w REPLICATION 1",
        "CREATE USER \"u\" WITH PASSWORD 'p' WITH ALL PRIVILEGES",
        "DROP USER \"u\"",
    ] {
        assert_eq!(
            ask(client, "", statement),
            [json!({"statement_id": 0})],
            "{statement}"
        );
    }
    let policies = ask(client, "", "SHOW RETENTION POLICIES ON \"my db\"");
    let values = &policies[0]["series"][0]["values"];
    assert_eq!(values[1], json!(["week", "336h0m0s", "24h0m0s", 1, true]));
    for statement in [
        "SHOW DATABASES",
        "SHOW USERS",
        "SHOW QUERIES",
        "SHOW STATS",
        "SHOW DIAGNOSTICS",
        "SHOW SHARDS",
        "SHOW SHARD GROUPS",
        "SHOW MEASUREMENT CARDINALITY ON \"my db\"",
        "SHOW SERIES CARDINALITY ON \"my db\"",
        "SHOW CONTINUOUS QUERIES",
        "SHOW SUBSCRIPTIONS",
    ] {
        assert_eq!(ask(client, "", statement).len(), 1, "{statement}");
    }
    let queries = ask(client, "", "SHOW QUERIES");
    assert_eq!(
        queries[0]["series"][0]["columns"],
        json!(["qid", "query", "database", "duration", "status"])
    );
}

/// They are points of a database of its own.
#[test]
fn annotations_are_written_and_found() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let _created = ask(client, "", "CREATE DATABASE chronograf");
    let line = "annotations,id=ea0aa94b deleted=false,modified_time_ns=1700000000000000001i,start_time=1700000000000000000i,text=\"my\\\"thing\",type=\"\" 1700000000000000000\n";
    assert_written(&send(
        client,
        "POST",
        "/write?db=chronograf&ns=&precision=ns&rp=autogen",
        &[("Content-Type", "application/octet-stream")],
        line,
    ));
    let query = "SELECT * FROM \"annotations\" WHERE \"deleted\" = false AND time >= 1600000000000000000ns AND \"start_time\" <= 1800000000000000000 ORDER BY time DESC";
    let found = ask(client, "chronograf", query);
    assert_eq!(found[0]["series"][0]["values"][0][5], json!("my\"thing"));
}
