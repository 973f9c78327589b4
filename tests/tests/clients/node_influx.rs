//! The Node.js library `influx`, on which Node-RED and ioBroker stand.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::script;

#[test]
fn the_library_works() {
    let home = match tools::npm(&["influx@5.12.0"]) {
        Ok(home) => home,
        Err(reason) => return tools::cannot_run("the Node.js library", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let mut command = Command::new("node");
    command
        .env("NODE_PATH", home.join("node_modules"))
        .args([script("node_influx.js").as_str(), node.port()]);
    let printed = tools::run(&mut command);
    assert!(printed.ends_with("all good\n"), "{printed}");
}
