//! The Python library `influxdb-client` of InfluxDB 2.x, as it is used with 1.8.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::script;

#[test]
fn the_library_writes_deletes_and_is_told_of_influxql() {
    let python = match tools::python(&["influxdb-client==1.50.0"]) {
        Ok(python) => python,
        Err(reason) => return tools::cannot_run("the Python library of 2.x", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client()
        .run("CREATE DATABASE v2; CREATE RETENTION POLICY week ON v2 DURATION 5200w REPLICATION 1");
    let mut command = Command::new(python);
    let printed =
        tools::run(command.args([script("influxdb_client_python.py").as_str(), node.url()]));
    assert!(printed.ends_with("all good\n"), "{printed}");
    let count = |from: &str| {
        node.client()
            .rows("v2", &format!("SELECT count(v) FROM {from}"))
    };
    assert_eq!(count("m")[0][1], serde_json::json!(500));
    assert_eq!(count("week.m")[0][1], serde_json::json!(10));
}
