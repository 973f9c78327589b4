//! HTTP on a unix socket, as Telegraf writes to `unix://`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use process_tests::{Sandbox, node};
use serde_json::json;

#[test]
fn a_write_on_the_socket_is_a_write() {
    let sandbox = Sandbox::new();
    let path = sandbox.path().join("run/db.sock");
    let sandbox = sandbox.with("server", "unix_socket_enabled", "true").with(
        "server",
        "unix_socket_path",
        &node::quoted(&path),
    );
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    let mut stream = UnixStream::connect(&path).unwrap();
    let request = "POST /write?db=db HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nm v=1 1\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!(
        node.client().rows("db", "SELECT v FROM m"),
        [[json!(1), json!(1)]]
    );
    // A killed node leaves the file, and the next one takes its place.
    node.kill();
    assert!(path.exists());
    let node = sandbox.start();
    assert!(UnixStream::connect(&path).is_ok());
    node.stop();
    assert!(!path.exists());
}
