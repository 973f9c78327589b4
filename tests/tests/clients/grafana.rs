//! Grafana's InfluxQL data source. What its queries answer is in `tests/compat`.

use process_tests::client::encode;
use process_tests::{Client, Node, Sandbox};
use serde_json::json;

use crate::replay::{FORM, assert_error, results, rows, send};

const PANEL: &str = "SELECT mean(\"usage\") FROM \"cpu\" WHERE (\"host\"::tag =~ /^a$/) AND time >= 1700000000000ms and time <= 1700000060000ms GROUP BY time(30s), \"host\"::tag fill(null)";

fn filled(sandbox: &Sandbox) -> Node {
    let node = sandbox.start();
    node.client().run("CREATE DATABASE graf");
    node.client().write(
        "graf",
        "cpu,host=a usage=1 1700000000000000000\ncpu,host=a usage=2 1700000040000000000\n\
         cpu,host=b usage=3 1700000000000000000\nnotes,host=a text=\"deploy\",tags=\"x,y\" 1700000001000000000\n",
    );
    node
}

fn get(client: &Client, parameters: &str, query: &str) -> process_tests::Reply {
    let target = format!("/query?{parameters}&q={}", encode(query));
    send(
        client,
        "GET",
        &target,
        &[("User-Agent", "Grafana/11.1.0")],
        (),
    )
}

#[test]
fn the_health_check_wants_measurements() {
    let sandbox = Sandbox::new();
    let node = filled(&sandbox);
    let client = node.client();
    let reply = get(client, "db=graf&epoch=ms", "SHOW measurements");
    assert_eq!(rows(&reply), [json!(["cpu"]), json!(["notes"])]);
    client.run("CREATE DATABASE empty");
    let reply = get(client, "db=empty&epoch=ms", "SHOW measurements");
    assert_eq!(results(&reply), [json!({"statement_id": 0})]);
    // A wrong database is told with the text of InfluxDB.
    let reply = get(client, "db=nodb&epoch=ms", "SHOW FIELD KEYS");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json()["results"][0]["error"],
        json!("database not found: nodb")
    );
}

#[test]
fn the_editor_lists_policies() {
    let sandbox = Sandbox::new();
    let node = filled(&sandbox);
    let reply = get(
        node.client(),
        "db=graf&epoch=ms",
        "SHOW RETENTION POLICIES on \"graf\"",
    );
    assert_eq!(
        reply.text(),
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"columns\":[\"name\",\"duration\",\"shardGroupDuration\",\"replicaN\",\"default\"],\"values\":[[\"autogen\",\"0s\",\"168h0m0s\",1,true]]}]}]}\n"
    );
}

/// The streaming parser reads the document in its order.
#[test]
fn a_panel_gets_columns_before_values_in_each_way_it_asks() {
    let sandbox = Sandbox::new();
    let node = filled(&sandbox);
    let client = node.client();
    let answer = get(client, "db=graf&epoch=ms", PANEL);
    assert_eq!(
        answer.text(),
        "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"cpu\",\"tags\":{\"host\":\"a\"},\"columns\":[\"time\",\"mean\"],\"values\":[[1699999980000,1],[1700000010000,null],[1700000040000,2]]}]}]}\n"
    );
    // POST has the statement in a form, the rest in the URL.
    let form = format!("q={}", encode(PANEL));
    let posted = send(
        client,
        "POST",
        "/query?db=graf&epoch=ms",
        &[FORM],
        form.as_str(),
    );
    assert_eq!(posted.body, answer.body);
    let chunked = send(
        client,
        "POST",
        "/query?chunked=true&db=graf&epoch=ms",
        &[FORM],
        form.as_str(),
    );
    assert_eq!(chunked.body, answer.body);
    // The browser access of old versions: credentials as parameters, several statements.
    let both = format!("{PANEL};{PANEL}");
    let reply = get(client, "u=root&p=root&db=graf&epoch=ms", &both);
    assert_eq!(results(&reply).len(), 2);
    // Alerts of old versions ask for seconds.
    let reply = get(client, "db=graf&epoch=s", "SELECT last(\"usage\") FROM cpu");
    assert_eq!(rows(&reply), [json!([1_700_000_040, 2])]);
}

#[test]
fn annotations_are_rows_with_texts() {
    let sandbox = Sandbox::new();
    let node = filled(&sandbox);
    let query = "select text, tags from notes where time >= 1700000000000ms and time <= 1700000060000ms order by time desc limit 100";
    let reply = get(node.client(), "db=graf&epoch=ms", query);
    assert_eq!(
        rows(&reply),
        [json!([1_700_000_001_000_i64, "deploy", "x,y"])]
    );
}

/// The panel shows `error` of what is no success.
#[test]
fn a_faulty_query_says_what_is_wrong_with_it() {
    let sandbox = Sandbox::new();
    let node = filled(&sandbox);
    let reply = get(node.client(), "db=graf&epoch=ms", "SELECT mean( FROM cpu");
    let text = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    assert!(text.starts_with("error parsing query: "), "{text}");
    assert_error(&reply, 400, &text);
    let reply = get(
        node.client(),
        "db=graf&epoch=ms&rp=default",
        "SELECT last(usage) FROM cpu",
    );
    assert_eq!(
        reply.json()["results"][0]["error"],
        json!("retention policy not found: default")
    );
}
