//! ioBroker: its InfluxDB adapter in the mode for 1.x.

use process_tests::client::encode;
use process_tests::{Client, Sandbox};
use serde_json::json;

use crate::replay::{assert_written, results, rows, send};

fn ask(client: &Client, statement: &str) -> process_tests::Reply {
    let target = format!(
        "/query?db=iobroker&epoch=&q={}&rp=&params=%7B%7D",
        encode(statement)
    );
    send(client, "GET", &target, &[], ())
}

#[test]
fn it_sets_its_retention_and_stores_states() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let create = format!("/query?q={}", encode("create database \"iobroker\""));
    assert_eq!(results(&send(client, "POST", &create, &[], "")).len(), 1);
    // It takes the durations apart by a pattern of hours, minutes and seconds.
    let shown = rows(&ask(client, "show retention policies on \"iobroker\""));
    assert_eq!(shown, [json!(["autogen", "0s", "168h0m0s", 1, true])]);
    let alter = "ALTER RETENTION POLICY autogen ON iobroker DURATION 31536000s REPLICATION 1 SHARD DURATION 604800s DEFAULT";
    assert_eq!(
        results(&send(
            client,
            "POST",
            &format!("/query?q={}", encode(alter)),
            &[],
            ""
        ))
        .len(),
        1
    );
    let shown = rows(&ask(client, "show retention policies on \"iobroker\""));
    assert_eq!(
        shown,
        [json!(["autogen", "8760h0m0s", "168h0m0s", 1, true])]
    );
    let lines =
        "system.adapter.admin.0.memRss value=71.5,from=\"system.adapter.admin.0\",q=0,ack=true";
    assert_written(&send(
        client,
        "POST",
        "/write?db=iobroker&precision=ms&rp=",
        &[],
        lines,
    ));
    let select = "SELECT value FROM \"system.adapter.admin.0.memRss\" WHERE time > '2020-01-01T00:00:00.000Z' ORDER BY time DESC LIMIT 1";
    assert_eq!(rows(&ask(client, select))[0][1], json!(71.5));
    let listed = rows(&ask(
        client,
        "SHOW FIELD KEYS FROM \"system.adapter.admin.0.memRss\"",
    ));
    assert_eq!(listed.len(), 4);
}
