//! Home Assistant: its integration stands on the Python libraries.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::replay::{assert_written, send};
use crate::script;

/// Tests its connection by an empty write, then writes one measurement for each unit.
#[test]
fn the_integration_connects_writes_and_reads() {
    let python = match tools::python(&["influxdb==5.3.2"]) {
        Ok(python) => python,
        Err(reason) => return tools::cannot_run("Home Assistant", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE home_assistant");
    let mut command = Command::new(python);
    let printed = tools::run(command.args([script("home_assistant.py").as_str(), node.port()]));
    assert!(printed.ends_with("all good\n"), "{printed}");
    // Names such as these end up in names of files.
    node.stop();
    let node = sandbox.start();
    let rows = node.client().rows(
        "home_assistant",
        "select count(value) as value from \"°C\" where entity_id = 'büro'",
    );
    assert_eq!(rows[0][1], serde_json::json!(2));
}

/// In the mode for version 2 an empty body is the test of the connection.
#[test]
fn the_mode_for_version_2_tests_its_connection() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE home_assistant");
    let target = "/api/v2/write?org=home&bucket=home_assistant&precision=ns";
    let head = [("Authorization", "Token user:password")];
    assert_written(&send(node.client(), "POST", target, &head, ""));
}
