//! What every HTTP client may rely on.

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use process_tests::client::encode;
use process_tests::{Client, Reply, Sandbox};
use serde_json::json;
use ureq::SendBody;

fn request(client: &Client, method: &str, target: &str, body: &str) -> Reply {
    client
        .send(method, target, &[], body)
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
}

#[test]
fn every_reply_has_the_headers() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let mut ids = HashSet::new();
    for (method, target, body, status) in [
        ("GET", "/ping", "", 204),
        ("HEAD", "/ping", "", 204),
        ("GET", "/ping?wait_for_leader=2s", "", 204),
        ("GET", "/ping?verbose=true", "", 200),
        ("GET", "/health", "", 200),
        ("POST", "/write?db=db", "m v=1 1", 204),
        ("POST", "/write?db=db", "m v=", 400),
        ("POST", "/write?db=db", "", 204),
        ("POST", "/write", "m v=1 1", 400),
        ("POST", "/write?db=nowhere", "m v=1 1", 404),
        ("GET", "/query?db=db&q=SELECT%20v%20FROM%20m", "", 200),
        ("GET", "/query?db=db&q=SELEKT", "", 400),
        ("GET", "/query", "", 400),
        ("GET", "/nothing/here", "", 404),
        ("PUT", "/write?db=db", "m v=1 1", 405),
    ] {
        let reply = request(client, method, target, body);
        let what = format!(
            "{method} {target}: {} {:?} {}",
            reply.status,
            reply.headers,
            reply.text()
        );
        assert_eq!(reply.status, status, "{what}");
        let version = reply.header("X-Influxdb-Version");
        assert!(version.starts_with("1.8.10-hyperbytedb."), "{what}");
        assert_eq!(reply.header("X-Influxdb-Build"), "OSS", "{what}");
        let id = reply.header("Request-Id").to_string();
        assert_eq!(id, reply.header("X-Request-Id"), "{what}");
        assert!(!id.is_empty() && ids.insert(id), "{what}");
    }
}

#[test]
fn ping_and_health_tell_the_version() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let verbose = node.client().get("/ping?verbose=true").json();
    let health = node.client().get("/health").json();
    assert_eq!(health["status"], "pass");
    for version in [&verbose["version"], &health["version"]] {
        let version = version.as_str().unwrap_or_default();
        assert!(version.starts_with("1.8.10-hyperbytedb."), "{version}");
    }
}

#[test]
fn errors_are_json_with_the_text_of_influxdb() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    client.write("db", "m v=1 1");
    for (method, target, body, status, text) in [
        ("POST", "/write", "m v=1", 400, "database is required"),
        (
            "POST",
            "/write?db=nodb",
            "m v=1",
            404,
            "database not found: \"nodb\"",
        ),
        (
            "POST",
            "/write?db=db&rp=nope",
            "m v=1",
            500,
            "retention policy not found: nope",
        ),
        (
            "POST",
            "/write?db=db",
            "m v=",
            400,
            "unable to parse 'm v=': missing field value",
        ),
        (
            "POST",
            "/write?db=db",
            "m v=5 5\nbad line\nm v=6 6",
            400,
            "partial write: unable to parse 'bad line': invalid field format dropped=0",
        ),
        (
            "POST",
            "/write?db=db",
            "m v=1i 7\nm w=8 8",
            400,
            "partial write: field type conflict: input field \"v\" on measurement \"m\" is type integer, already exists as type float dropped=1",
        ),
        ("GET", "/query", "", 400, "missing required parameter \"q\""),
    ] {
        let reply = request(client, method, target, body);
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
        assert_eq!(reply.json(), json!({ "error": text }), "{target}");
        assert!(reply.text().ends_with('\n'), "{target}");
        assert_eq!(reply.header("X-InfluxDB-Error"), text, "{target}");
        assert_eq!(reply.header("Content-Type"), "application/json", "{target}");
    }
    // What was good in a request that was not is stored.
    let rows = client.rows("db", "SELECT v, w FROM m");
    let times: Vec<_> = rows
        .iter()
        .map(|row| row[0].as_i64().unwrap_or(0))
        .collect();
    assert_eq!(times, [1, 5, 6, 8]);
    // Errors of statements come with a 200.
    let reply = client.try_query("nodb", "SELECT v FROM m").unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.json(),
        json!({"results": [{"statement_id": 0, "error": "database not found: nodb"}]})
    );
    let reply = client.try_query("db", "SELECT v FROM").unwrap();
    assert_eq!(reply.status, 400);
    let error = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    assert!(
        error.starts_with("error parsing query: found EOF"),
        "{error}"
    );
}

/// Answers of InfluxDB 1.6.7: what a client can do something about comes first, and is counted
/// alone.
#[test]
fn points_beyond_retention_do_not_hide_what_else_is_wrong() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db WITH DURATION 1h");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs() * 1_000_000_000;
    let old = now - 36_000_000_000_000;
    client.write("db", &format!("m v=1 {now}"));
    let conflict = "field type conflict: input field \"v\" on measurement \"m\" is type integer, already exists as type float";
    let time = "invalid tag key: input tag \"time\" on measurement \"m\" is invalid";
    for (lines, reason, dropped) in [
        (format!("m v=2 {old}"), "points beyond retention policy", 1),
        (
            format!("m v=1i {now}\nm v=2 {old}\nm v=2 {old}"),
            conflict,
            1,
        ),
        (
            format!("m v=2 {old}\nm v=1i {now}\nm v=2i {now}"),
            conflict,
            2,
        ),
        (format!("m v=2 {old}\nm v=1i {now}\nbad line"), conflict, 1),
        (format!("m v=2 {old}\nm,time=a v=1 {now}"), time, 1),
        (
            format!("m v=2 {old}\nm,time=a v=1 {now}\nm v=3i {now}"),
            time,
            2,
        ),
    ] {
        let reply = client.try_write("db", &lines).unwrap();
        assert_eq!(reply.status, 400, "{lines}");
        let text = format!("partial write: {reason} dropped={dropped}");
        assert_eq!(reply.json()["error"], json!(text), "{lines}");
    }
}

#[test]
fn bodies_may_be_compressed_and_chunked() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let lines = |from: u32| -> String {
        (from..from + 20_000)
            .map(|n| format!("m,host=h{} v={n} {n}\n", n % 10))
            .collect()
    };
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let gzip = [("Content-Encoding", "gzip")];
    let whole = packed(&lines(0));
    let reply = client.send("POST", "/write?db=db", &gzip, &whole).unwrap();
    assert_eq!(reply.status, 204, "{}", reply.text());
    // A reader without a known length travels in chunks, as Telegraf sends it.
    let plain = std::io::Cursor::new(lines(20_000));
    let body = SendBody::from_owned_reader(plain);
    let reply = client.send("POST", "/write?db=db", &[], body).unwrap();
    assert_eq!(reply.status, 204, "{}", reply.text());
    let both = std::io::Cursor::new(packed(&lines(40_000)));
    let body = SendBody::from_owned_reader(both);
    let reply = client.send("POST", "/write?db=db", &gzip, body).unwrap();
    assert_eq!(reply.status, 204, "{}", reply.text());
    let rows = client.rows("db", "SELECT count(v), sum(v) FROM m");
    assert_eq!(rows, [[json!(0), json!(60_000), json!(1_799_970_000_i64)]]);

    let torn = &whole[..whole.len() / 2];
    let reply = client.send("POST", "/write?db=db", &gzip, torn).unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text());
    let reply = client
        .send("POST", "/write?db=db", &gzip, "this is no gzip")
        .unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text());
}

/// A client that sends everything before it reads must hear why it was refused, and may
/// go on with the connection.
#[test]
fn a_refusal_waits_for_the_body() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let address = node.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let body = "m v=1\n".repeat(1_000_000);
    for _ in 0..2 {
        let head = format!(
            "POST /write?db=nodb HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(answer.ends_with("\n"), "{answer}");
    }
}

#[test]
fn replies_are_compressed_when_asked() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let lines: String = (0..25_000).map(|n| format!("m v={n} {n}\n")).collect();
    client.write("db", &lines);
    let target = format!("/query?db=db&epoch=ns&q={}", encode("SELECT v FROM m"));
    let plain = client.get(&target);
    let reply = client
        .send("GET", &target, &[("Accept-Encoding", "gzip")], ())
        .unwrap();
    assert_eq!(reply.header("Content-Encoding"), "gzip");
    let mut unpacked = Vec::new();
    GzDecoder::new(reply.body.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain.body, "the compressed reply differs");
    assert!(reply.body.len() < plain.body.len() / 2);
}

#[test]
fn replies_come_in_chunks_when_asked() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let lines: String = (0..25_000).map(|n| format!("m v={n} {n}\n")).collect();
    client.write("db", &lines);
    let target = format!("/query?db=db&epoch=ns&q={}", encode("SELECT v FROM m"));
    let chunked = client.get(&format!("{target}&chunked=true"));
    let mut rows = 0;
    let documents: Vec<_> = serde_json::Deserializer::from_slice(&chunked.body)
        .into_iter::<serde_json::Value>()
        .map(|document| document.unwrap())
        .collect();
    let sizes: Vec<_> = documents
        .iter()
        .map(|document| {
            let series = &document["results"][0]["series"][0];
            let values = series["values"].as_array().map_or(0, Vec::len);
            rows += values;
            (values, document["results"][0]["partial"] == true)
        })
        .collect();
    assert_eq!(sizes, [(10_000, true), (10_000, true), (5_000, false)]);
    assert_eq!(rows, 25_000);
}

#[test]
fn a_query_sees_what_was_written_just_before() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    for n in 1..=50 {
        client.write("db", &format!("m,host=h{} v={n}i {n}", n % 5));
        let rows = client.rows("db", "SELECT count(v), last(v) FROM m");
        assert_eq!(rows[0][1..], [json!(n), json!(n)]);
    }
}

/// While files cannot be written, memory fills; then writers are told to wait, and
/// nothing that was accepted is lost.
#[test]
fn a_full_memory_holds_writers_back_and_loses_nothing() {
    let sandbox = Sandbox::new()
        .with("storage", "cache_max_memory_mb", "1")
        .with("flush", "wal_size_threshold_mb", "1")
        .with("flush", "wal_enqueue_timeout_ms", "50");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    // A file where the database's directory has to be.
    let obstacle = sandbox.data_dir().join("db");
    fs::write(&obstacle, "in the way").unwrap();
    let batch = |number: u32| -> String {
        (0..1000)
            .map(|n| format!("m,host=h{n} v={number} {}\n", number * 1000 + n))
            .collect()
    };
    let mut accepted = 0;
    let refusal = loop {
        assert!(accepted < 500, "memory never became full");
        let reply = client.try_write("db", &batch(accepted)).unwrap();
        if reply.status != 204 {
            break reply;
        }
        accepted += 1;
    };
    assert!(accepted > 0);
    assert_eq!(refusal.status, 503, "{}", refusal.text());
    let error = refusal.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    assert!(error.contains("cache-max-memory-size exceeded"), "{error}");
    let wait: u32 = refusal.header("Retry-After").parse().unwrap_or(0);
    assert!(wait > 0, "Retry-After: {:?}", refusal.header("Retry-After"));
    let count = || client.rows("db", "SELECT count(v) FROM m")[0][1].clone();
    assert_eq!(count(), json!(accepted * 1000));

    fs::remove_file(&obstacle).unwrap();
    process_tests::wait::until("writes go on", std::time::Duration::from_secs(30), || {
        let reply = client.try_write("db", &batch(accepted)).unwrap();
        (reply.status == 204).then_some(())
    });
    assert_eq!(count(), json!((accepted + 1) * 1000));
    assert!(!sandbox.data_files(".parquet").is_empty());
}
