//! The Python library `influxdb`.

use std::process::Command;

use process_tests::{Sandbox, tools};

use crate::script;

#[test]
fn the_library_works() {
    let python = match tools::python(&["influxdb==5.3.2"]) {
        Ok(python) => python,
        Err(reason) => return tools::cannot_run("the Python library", &reason),
    };
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let printed =
        tools::run(Command::new(python).args([script("influxdb_python.py").as_str(), node.port()]));
    assert!(printed.ends_with("all good\n"), "{printed}");
}
