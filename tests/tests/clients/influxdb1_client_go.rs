//! The Go library `influxdb1-client`, which many exporters are built with.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::script;

#[test]
fn the_library_works() {
    let program = match tools::go(&script("influxdb1_client.go")) {
        Ok(program) => program,
        Err(reason) => return tools::cannot_run("the Go library", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let printed = tools::run(Command::new(program).arg(node.url()));
    assert!(printed.ends_with("all good\n"), "{printed}");
}
