//! Proxmox VE: its metric server in HTTP mode and by UDP.

use std::net::UdpSocket;
use std::time::Duration;

use process_tests::{Sandbox, wait};
use serde_json::json;

use crate::replay::{assert_error, assert_written, send};

const LINES: &str = "system,object=nodes,host=pve cpu=0.25,maxcpu=4 1700000000000000000\n\
                     memory,object=nodes,host=pve memfree=123,memtotal=456 1700000000000000000\n\
                     system,object=qemu,vmid=100,nodename=pve,host=my\\ vm,status=running cpu=0.5,name=\"my vm\" 1700000000000000000\n";

#[test]
fn the_metric_server_by_http() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let token = ("Authorization", "Token proxmox:secret");
    // The test of the connection; it waits for a second.
    let health = send(client, "GET", "/health", &[token], ());
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["status"], json!("pass"));
    let target = "/api/v2/write?org=proxmox&bucket=proxmox";
    let missing = send(client, "POST", target, &[token], LINES);
    assert_error(&missing, 404, "database not found: \"proxmox\"");
    client.run("CREATE DATABASE proxmox");
    assert_written(&send(client, "POST", target, &[token], LINES));
    let rows = client.rows(
        "proxmox",
        "SELECT cpu FROM system WHERE vmid = '100' AND host = 'my vm'",
    );
    assert_eq!(rows, [[json!(1_700_000_000_000_000_000_i64), json!(0.5)]]);
}

#[test]
fn the_metric_server_by_udp() {
    let sandbox = Sandbox::new()
        .with("udp", "enabled", "true")
        .with("udp", "bind_address", "\"127.0.0.1:0\"")
        .with("udp", "database", "\"proxmox\"")
        .with("udp", "batch_timeout", "\"20ms\"");
    let node = sandbox.start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // It cuts what it has into datagrams of whole lines.
    for line in LINES.split_inclusive('\n') {
        socket
            .send_to(line.as_bytes(), sandbox.udp_address())
            .unwrap();
    }
    let rows = wait::until("the points", Duration::from_secs(10), || {
        let reply = node
            .client()
            .try_query("proxmox", "SELECT cpu FROM system, memory")
            .unwrap();
        let series = reply.json()["results"][0]["series"][0]["values"].clone();
        series.as_array().filter(|rows| rows.len() == 2).cloned()
    });
    assert_eq!(rows.len(), 2);
}
