//! Node-RED: node-red-contrib-influxdb, over the library `influx` (see `node_influx.rs`)
//! or, in its mode for 1.8-flux and 2.0, over the library for version 2.

use process_tests::Sandbox;
use serde_json::json;

use crate::replay::{assert_written, rows, send};

#[test]
fn its_nodes_write_and_ask_in_both_modes() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE home");
    let target = "/write?db=home&precision=n&rp=&u=&p=";
    assert_written(&send(client, "POST", target, &[], "room,x=y temp=21"));
    let target = "/api/v2/write?org=&bucket=home&precision=ms";
    let head = [
        ("Authorization", "Token "),
        ("Content-Type", "text/plain; charset=utf-8"),
    ];
    assert_written(&send(
        client,
        "POST",
        target,
        &head,
        "room,x=y temp=22 1700000000000",
    ));
    let ask = "/query?db=home&epoch=&q=select%20temp%20from%20room%20order%20by%20time%20limit%201&rp=&params=%7B%7D";
    let answer = send(client, "GET", ask, &[("Accept", "application/json")], ());
    assert_eq!(rows(&answer), [json!(["2023-11-14T22:13:20Z", 22])]);
}
