//! SIGTERM: what runs is finished, within a limit, and memory goes into files or not.

use std::time::Duration;

use process_tests::raw::Raw;
use process_tests::{Sandbox, wait};
use serde_json::json;

/// Time that the node may take to notice.
const NOTICE_LIMIT: Duration = Duration::from_secs(10);

#[test]
fn a_request_that_runs_is_finished_and_no_new_one_is_taken() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    let mut running = Raw::connect(node.address()).unwrap();
    running
        .send(b"POST /write?db=db HTTP/1.1\r\nHost: test\r\nContent-Length: 7\r\n\r\nm v")
        .unwrap();
    let mut idle = Raw::connect(node.address()).unwrap();
    assert_eq!(idle.ask("GET", "/ping", "").unwrap().status, 204);
    node.signal("TERM");
    // The idle connection ends, and nobody listens any more.
    assert_eq!(idle.rest().unwrap(), "");
    wait::until("the port is closed", NOTICE_LIMIT, || {
        Raw::connect(node.address()).is_err().then_some(())
    });
    running.send(b"=1 1").unwrap();
    let reply = running.reply().unwrap();
    assert_eq!(reply.status, 204);
    assert_eq!(reply.header("connection"), "close");
    node.stopped();
    assert!(!sandbox.data_files(".parquet").is_empty());
    let node = sandbox.start();
    let rows = node.client().rows("db", "SELECT v FROM m");
    assert_eq!(rows, [[json!(1), json!(1)]]);
    node.stop();
}

#[test]
fn a_request_that_does_not_end_is_named_and_left() {
    let sandbox = Sandbox::new().with("server", "shutdown_grace_secs", "1");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    let mut running = Raw::connect(node.address()).unwrap();
    let head = "POST /write?db=db&p=secret HTTP/1.1\r\nHost: test\r\nX-Request-Id: slow-1\r\nContent-Length: 7\r\n\r\nm";
    running.send(head.as_bytes()).unwrap();
    // It, and the one that asks.
    wait::until("it runs", NOTICE_LIMIT, || {
        let metrics = node.client().get("/metrics").text();
        metrics
            .contains("\nhyperbytedb_http_requests_in_flight 2\n")
            .then_some(())
    });
    node.signal("TERM");
    node.stopped();
    let log = sandbox.log();
    let line = log.lines().find(|line| line.contains("left running"));
    let line = line.unwrap_or_else(|| panic!("nobody is named:\n{log}"));
    for part in ["slow-1", "POST", "/write", "seconds="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("secret"));
}

#[test]
fn a_hangup_without_certificates_ends_nothing() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.signal("HUP");
    wait::until("the log names it", NOTICE_LIMIT, || {
        sandbox.log().contains("SIGHUP").then_some(())
    });
    assert_eq!(node.client().get("/ping").status, 204);
    node.stop();
}

#[test]
fn without_a_flush_the_log_has_everything() {
    let sandbox = Sandbox::new().with("server", "flush_on_shutdown", "false");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    node.client().write("db", "m v=1 1");
    node.stop();
    assert!(sandbox.data_files(".parquet").is_empty());
    let node = sandbox.start();
    assert_eq!(node.client().rows("db", "SELECT v FROM m").len(), 1);
    node.stop();
}
