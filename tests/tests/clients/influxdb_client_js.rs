//! The Node.js library `@influxdata/influxdb-client` of InfluxDB 2.x, as it is used with
//! 1.8.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::script;

#[test]
fn the_library_writes_and_is_told_of_influxql() {
    let home = match tools::npm(&["@influxdata/influxdb-client@1.35.0"]) {
        Ok(home) => home,
        Err(reason) => return tools::cannot_run("the Node.js library of 2.x", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE v2");
    let mut command = Command::new("node");
    command
        .env("NODE_PATH", home.join("node_modules"))
        .args([script("influxdb_client.js").as_str(), node.url()]);
    let printed = tools::run(&mut command);
    assert!(printed.ends_with("all good\n"), "{printed}");
    let rows = node
        .client()
        .rows("v2", "SELECT count(v) FROM m GROUP BY host");
    assert_eq!(rows[0][1], serde_json::json!(500));
}
