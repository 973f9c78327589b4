//! Limits that InfluxDB does not have lose nothing at default settings, and those that are set
//! count what they say.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use process_tests::client::encode;
use process_tests::node::quoted;
use process_tests::raw::Raw;
use process_tests::{Client, Sandbox, wait};
use serde_json::json;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Sends a compressed body; the status and what was said.
fn write_gzip(client: &Client, text: &str) -> (u16, String) {
    let headers = [("Content-Encoding", "gzip")];
    let body = gzip(text);
    let reply = client
        .send("POST", "/write?db=db", &headers, &body)
        .expect("an answer");
    (reply.status, reply.text())
}

#[test]
fn what_influxdb_takes_is_taken_at_default_settings() {
    // Files of ten thousand measurements are not what this is about.
    let sandbox = Sandbox::new().with("server", "flush_on_shutdown", "false");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let measurements: String = (0..10_050).map(|n| format!("m{n} v=1 1\n")).collect();
    client.write("db", &measurements);
    let names = client.rows("db", "SHOW MEASUREMENT EXACT CARDINALITY");
    assert_eq!(names, [[json!(10_050)]]);
    let points: String = (0..600_000).map(|n| format!("p v={n} {n}\n")).collect();
    client.write("db", &points);
    let count = client.rows("db", "SELECT count(v) FROM p");
    assert_eq!(count[0][1], json!(600_000));
    // More than a body may have as it is sent.
    let line = format!("t s=\"{}\" ", "x".repeat(400));
    let points: String = (0..100_000).map(|n| format!("{line}{n}\n")).collect();
    assert!(points.len() > 40_000_000);
    let told = write_gzip(client, &points);
    assert_eq!(told, (204, String::new()));
    node.stop();
}

#[test]
fn a_compressed_body_has_a_limit_of_its_own() {
    let sandbox = Sandbox::new().with("server", "max_body_size_bytes", "10000");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let points = |count: usize| "m v=1 000000001\n".repeat(count);
    assert_eq!(points(1).len(), 16);
    let told = |count: usize| write_gzip(client, &points(count)).0;
    assert_eq!(told(6_000), 204);
    assert_eq!(told(6_260), 413);
    let plain = client.try_write("db", &points(700)).unwrap();
    assert_eq!(plain.status, 413);
    node.stop();
    let sandbox = Sandbox::new()
        .with("server", "max_body_size_bytes", "10000")
        .with("server", "max_decompressed_body_size_bytes", "20000");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    assert_eq!(write_gzip(client, &points(1_200)).0, 204);
    assert_eq!(write_gzip(client, &points(1_300)).0, 413);
    node.stop();
}

/// Rows of the export below, and bytes of the text in each.
const ROWS: u32 = 200_000;
const TEXT: usize = 150;

/// A client that reads slowly is not what the time limit is about, whichever executor reads
/// the rows; more bytes than the buffers between node and client take in.
#[test]
fn the_time_of_a_query_is_not_that_of_its_reader() {
    for executor in ["direct", "clickhouse"] {
        let sandbox = Sandbox::new()
            .with("server", "query_timeout_secs", "2")
            .with("query", "executor", &quoted(Path::new(executor)));
        let node = sandbox.start();
        let client = node.client();
        client.run("CREATE DATABASE db");
        let text = "x".repeat(TEXT);
        for part in 0..10 {
            let rows = part * ROWS / 10..(part + 1) * ROWS / 10;
            let lines: String = rows.map(|n| format!("m s=\"{text}\" {n}\n")).collect();
            client.write("db", &lines);
        }
        let mut export = std::net::TcpStream::connect(node.address()).unwrap();
        let target = format!("/query?db=db&q={}", encode("SELECT s FROM m"));
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        export.write_all(request.as_bytes()).unwrap();
        let began = Instant::now();
        let mut other = Raw::connect(node.address()).unwrap();
        let mut answer = Vec::new();
        let mut space = vec![0; 1 << 20];
        loop {
            let read = export.read(&mut space).unwrap();
            if read == 0 {
                break;
            }
            answer.extend_from_slice(&space[..read]);
            // It reads on when others were served, until twice the limit is over.
            let due = Duration::from_secs(5).mul_f64(answer.len() as f64 / 20e6);
            while began.elapsed() < due.min(Duration::from_secs(5)) {
                assert_eq!(other.ask("GET", "/ping", "").unwrap().status, 204);
            }
        }
        assert!(began.elapsed() > Duration::from_secs(4), "{executor}");
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer.matches(&text).count(), ROWS as usize, "{executor}");
        assert!(!answer.contains("interrupted"), "{executor}");
        node.stop();
    }
}

/// Without a time limit a client may take as long as it likes, but nobody waits for it.
#[test]
fn a_client_that_reads_slowly_holds_up_no_other_query() {
    let sandbox = Sandbox::new().with("server", "max_concurrent_queries", "1");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let text = "x".repeat(TEXT);
    let lines = |part: u32| -> String {
        let rows = part * ROWS / 10..(part + 1) * ROWS / 10;
        rows.map(|n| format!("m s=\"{text}\" {n}\n")).collect()
    };
    (0..10).for_each(|part| client.write("db", &lines(part)));
    let mut export = Raw::connect(node.address()).unwrap();
    let target = format!("/query?db=db&q={}", encode("SELECT s FROM m"));
    export.send_request("GET", &target, "").unwrap();
    let is_running = || {
        let rows = client.rows("", "SHOW QUERIES");
        rows.iter().any(|row| row[1] == json!("SELECT s FROM m"))
    };
    // That it is shown at all took a turn.
    wait::until("the export", Duration::from_secs(30), || {
        is_running().then_some(())
    });
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(
            client.rows("db", "SELECT count(s) FROM m")[0][1],
            json!(ROWS)
        );
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
    }
    assert!(is_running());
    node.stop();
}

#[test]
fn a_query_that_works_for_longer_than_its_time_is_stopped() {
    let sandbox = Sandbox::new().with("server", "query_timeout_secs", "1");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let lines: String = (0..200_000)
        .map(|n| format!("m v={} {n}\n", n % 97))
        .collect();
    client.write("db", &lines);
    // A search of a minute.
    let statement = "SELECT holt_winters(first(v), 10, 50) FROM m WHERE time >= 0 AND time < 200u GROUP BY time(1ns)";
    let asked = Instant::now();
    let reply = client.try_query("db", statement).unwrap();
    assert!(
        reply.text().contains("server.query_timeout_secs"),
        "{}",
        reply.text()
    );
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "{:?}",
        asked.elapsed()
    );
    node.stop();
}
