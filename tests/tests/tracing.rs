//! Logs, their level, and spans for an OpenTelemetry collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use process_tests::{Sandbox, wait};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

/// A collector of one's own: its URL, and the spans that it gets.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let (spans, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Some(document) = take(stream) else {
                continue;
            };
            let list = &document["resourceSpans"][0]["scopeSpans"][0]["spans"];
            for span in list.as_array().into_iter().flatten() {
                if spans.send(span.clone()).is_err() {
                    return;
                }
            }
        }
    });
    (url, received)
}

/// Reads one request and answers it.
fn take(stream: TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    assert_eq!(line.trim(), "POST /v1/traces HTTP/1.1");
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    { stream }
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        .ok()?;
    serde_json::from_slice(&body).ok()
}

fn attribute<'a>(span: &'a Value, key: &str) -> Option<&'a Value> {
    let attributes = span["attributes"].as_array()?;
    let found = attributes
        .iter()
        .find(|attribute| attribute["key"] == key)?;
    found["value"].as_object()?.values().next()
}

#[test]
fn the_spans_of_a_request_reach_a_collector() {
    let (url, received) = collector();
    let sandbox = Sandbox::new()
        .with("logging", "otlp_endpoint", &format!("\"{url}\""))
        .with("query", "executor", "\"clickhouse\"");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    node.client().write("d", "m v=1 1");
    let target = "/query?db=d&q=SELECT%20v%20FROM%20m%20WHERE%20v%20%3C%2012345";
    let headers = [("x-request-id", "the-query")];
    let reply = node.client().send("GET", target, &headers, ()).unwrap();
    assert_eq!(reply.json()["results"][0]["series"][0]["values"][0][1], 1);
    let mut spans: Vec<Value> = Vec::new();
    let wanted = [
        "request",
        "statement",
        "scan",
        "chdb",
        "write",
        "wal_commit",
    ];
    wait::until("the spans", LIMIT, || {
        spans.extend(received.try_iter());
        let has = |name: &&str| spans.iter().any(|span| span["name"] == **name);
        let of_query = |span: &Value| attribute(span, "id") == Some(&json!("the-query"));
        (wanted.iter().all(has) && spans.iter().any(of_query)).then_some(())
    });
    let request = spans
        .iter()
        .find(|span| attribute(span, "id") == Some(&json!("the-query")))
        .expect("the request");
    assert_eq!(attribute(request, "path"), Some(&json!("/query")));
    assert_eq!(attribute(request, "status"), Some(&json!("200")));
    let child = |of: &Value, name: &str| {
        let found = spans
            .iter()
            .find(|span| span["name"] == name && span["parentSpanId"] == of["spanId"]);
        let found = found.unwrap_or_else(|| panic!("no {name} below {of} in {spans:?}"));
        assert_eq!(found["traceId"], of["traceId"]);
        found.clone()
    };
    let statement = child(request, "statement");
    assert_eq!(attribute(&statement, "kind"), Some(&json!("select")));
    let digest = attribute(&statement, "digest").and_then(Value::as_str);
    assert_eq!(digest.map(str::len), Some(16));
    let scan = child(&statement, "scan");
    let _chdb = child(&scan, "chdb");
    assert!(!json!(spans).to_string().contains("12345"));
}

#[test]
fn a_collector_that_is_away_does_no_harm() {
    let sandbox = Sandbox::new().with("logging", "otlp_endpoint", "\"http://127.0.0.1:9\"");
    let node = sandbox.start();
    for _ in 0..50 {
        node.client().run("SHOW DATABASES");
    }
    wait::until("a line about it", LIMIT, || {
        sandbox.log().contains("spans not sent").then_some(())
    });
    node.stop();
}

#[test]
fn the_level_changes_while_it_runs() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let put = |level: &str| {
        let target = format!("/debug/log-level?level={level}");
        client.send("PUT", &target, &[], ()).unwrap()
    };
    let quiet = sandbox.log();
    let _answer = client.get("/ping");
    assert_eq!(
        client.get("/debug/log-level").json(),
        json!({ "level": "info" })
    );
    assert_eq!(sandbox.log(), quiet);
    assert_eq!(put("debug").json(), json!({ "level": "debug" }));
    let _answer = client.get("/ping");
    wait::until("a line of a ping", LIMIT, || {
        sandbox.log().contains("path=\"/ping\"").then_some(())
    });
    for wrong in ["", "loud", "hyperbytedb%3Dloud"] {
        assert_eq!(put(wrong).status, 400, "{wrong}");
    }
    assert_eq!(put("warn").status, 200);
    let quiet = sandbox.log();
    let _answer = client.get("/ping");
    node.stop();
    assert_eq!(sandbox.log(), quiet);
}

#[test]
fn a_log_in_json_is_json() {
    let sandbox =
        Sandbox::new()
            .with("logging", "format", "\"json\"")
            .with("logging", "slow_query_ms", "1");
    let node = sandbox.start();
    node.client().run("CREATE USER u WITH PASSWORD 'p'");
    node.stop();
    let log = sandbox.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let slow = lines
        .iter()
        .find(|line| line["fields"]["message"] == "slow statement")
        .expect("a slow statement");
    let text = "CREATE USER u WITH PASSWORD [REDACTED]";
    assert_eq!(slow["fields"]["statement"], text);
    assert!(slow["fields"]["id"].is_string(), "{slow}");
}
