//! Points in UDP datagrams.

use std::net::UdpSocket;
use std::time::Duration;

use process_tests::{Client, Sandbox, wait};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(10);

fn listening() -> Sandbox {
    Sandbox::new()
        .with("udp", "enabled", "true")
        .with("udp", "bind_address", "\"127.0.0.1:0\"")
        .with("udp", "batch_timeout", "\"20ms\"")
}

fn sender(sandbox: &Sandbox) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(sandbox.udp_address()).expect("the listener");
    socket
}

/// A counter of the listener.
fn counted(client: &Client, name: &str) -> u64 {
    let vars = client.get("/debug/vars").json();
    let group = vars
        .as_object()
        .and_then(|vars| vars.iter().find(|(key, _)| key.starts_with("udp:")));
    let (_, group) = group.expect("the counters of the listener");
    group["values"][name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {group}"))
}

fn rows(client: &Client, database: &str, query: &str) -> Vec<Value> {
    let reply = client.try_query(database, query).expect("a reply");
    let rows = reply.json()["results"][0]["series"][0]["values"].clone();
    rows.as_array().cloned().unwrap_or_default()
}

#[test]
fn datagrams_become_points_of_a_database_made_for_them() {
    let sandbox = listening();
    let node = sandbox.start();
    let (client, socket) = (node.client(), sender(&sandbox));
    for n in 0..200 {
        let lines = format!("m,host=a v={n} {n}\nm,host=b v={n},text=\"x\" {n}\n");
        socket.send(lines.as_bytes()).unwrap();
        // A full buffer of the system would drop what comes next.
        wait::until("the datagram", LIMIT, || {
            (counted(client, "pointsRx") == 2 * (n + 1)).then_some(())
        });
    }
    let found = wait::until("the points", LIMIT, || {
        let found = rows(client, "udp", "SELECT count(v), count(text), sum(v) FROM m");
        (found.first()?[1] == json!(400)).then_some(found)
    });
    assert_eq!(found, [json!([0, 400, 200, 39_800])]);
    wait::until("the counters", LIMIT, || {
        (counted(client, "pointsTx") == 400).then_some(())
    });
    assert!(counted(client, "batchesTx") <= 200);
    assert_eq!(counted(client, "pointsDropped"), 0);
    let shown = client.query("", "SHOW STATS FOR 'udp'")["results"][0]["series"][0].clone();
    assert_eq!(shown["name"], json!("udp"));
    assert_eq!(shown["tags"]["bind"], json!(sandbox.udp_address()));
}

/// A point without a time gets that of its arrival, so that two of them stay two.
#[test]
fn points_without_a_time_stay_apart() {
    let sandbox = listening();
    let node = sandbox.start();
    let socket = sender(&sandbox);
    for n in 0..5 {
        socket.send(format!("m v={n}").as_bytes()).unwrap();
    }
    wait::until("five points", LIMIT, || {
        (rows(node.client(), "udp", "SELECT v FROM m").len() == 5).then_some(())
    });
}

#[test]
fn bad_datagrams_are_counted_and_stop_nothing() {
    let sandbox = listening();
    let node = sandbox.start();
    let (client, socket) = (node.client(), sender(&sandbox));
    client.run("CREATE DATABASE udp");
    client.write("udp", "m v=1 1");
    let bad: [&[u8]; 6] = [
        b"",
        b"nonsense",
        b"m v=\"never closed",
        &[0xff; 1400],
        b"m v=\"text\" 2",
        b"m,time=x v=1",
    ];
    for datagram in bad {
        socket.send(datagram).unwrap();
    }
    // The good lines of a datagram count.
    socket.send(b"m v=\nm v=3 3").unwrap();
    wait::until("the good point", LIMIT, || {
        (rows(client, "udp", "SELECT v FROM m").len() == 2).then_some(())
    });
    assert_eq!(counted(client, "pointsParseFail"), 4);
    // A type conflict and a tag that is called time.
    wait::until("two dropped points", LIMIT, || {
        (counted(client, "pointsDropped") == 2).then_some(())
    });
    client.run("DROP DATABASE udp");
    wait::until("a new database", LIMIT, || {
        socket.send(b"m v=4 4").unwrap();
        (rows(client, "udp", "SELECT v FROM m") == [json!([4, 4])]).then_some(())
    });
}

#[test]
fn precision_and_policy_come_from_the_configuration() {
    let sandbox = listening()
        .with("udp", "precision", "\"s\"")
        .with("udp", "database", "\"db\"")
        .with("udp", "retention_policy", "\"week\"");
    let node = sandbox.start();
    let (client, socket) = (node.client(), sender(&sandbox));
    client
        .run("CREATE DATABASE db; CREATE RETENTION POLICY week ON db DURATION 5200w REPLICATION 1");
    socket.send(b"m v=1 1700000000").unwrap();
    let found = wait::until("the point", LIMIT, || {
        Some(rows(client, "db", "SELECT v FROM week.m")).filter(|rows| !rows.is_empty())
    });
    assert_eq!(found, [json!([1_700_000_000_000_000_000_i64, 1])]);
}

/// What has arrived when the node is asked to stop is stored.
#[test]
fn a_stop_stores_what_has_arrived() {
    let sandbox = listening().with("udp", "batch_timeout", "\"1h\"");
    let node = sandbox.start();
    let socket = sender(&sandbox);
    for n in 0..50 {
        socket.send(format!("m v={n} {n}").as_bytes()).unwrap();
    }
    node.stop();
    let node = sandbox.start();
    assert_eq!(
        rows(node.client(), "udp", "SELECT count(v) FROM m"),
        [json!([0, 50])]
    );
}

#[test]
fn mistakes_of_the_section_are_told() {
    let sandbox = Sandbox::new()
        .with("udp", "bind_address", "\"nowhere\"")
        .with("udp", "precision", "\"x\"")
        .with("udp", "batch_timeout", "\"soon\"")
        .with("udp", "batch_size", "0");
    let output = sandbox.run_to_end().output;
    for key in ["bind_address", "precision", "batch_timeout", "batch_size"] {
        assert!(output.contains(&format!("udp.{key}: ")), "{key}: {output}");
    }
}
