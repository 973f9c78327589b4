//! Telegraf: `outputs.influxdb`, `outputs.influxdb_v2`, `inputs.influxdb`.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use process_tests::{Client, Reply, Sandbox};
use serde_json::{Value, json};
use ureq::SendBody;

use crate::replay::{FORM, assert_done, assert_error, assert_written, send};

/// A body as the output sends it: gzip, of unknown length.
fn packed(text: &str) -> SendBody<'static> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    SendBody::from_owned_reader(Cursor::new(encoder.finish().expect("memory")))
}

fn write(client: &Client, target: &str, lines: &str) -> Reply {
    let headers = [
        ("User-Agent", "Telegraf/1.30.0 Go/1.22.2"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Encoding", "gzip"),
        ("Authorization", "Basic dGVsZWdyYWY6bWV0cmljcw=="),
    ];
    send(client, "POST", target, &headers, packed(lines))
}

#[test]
fn the_output_creates_its_database_and_writes() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let create = "q=CREATE+DATABASE+%22telegraf%22";
    for _ in 0..2 {
        assert_done(&send(client, "POST", "/query", &[FORM], create));
    }
    let lines = "cpu,cpu=cpu0,host=a\\ b usage_idle=98.5,usage_user=1 1700000000000000000\n\
                 mem,host=a\\ b free=123i,total=456i 1700000000000000000\n";
    for target in [
        "/write?db=telegraf",
        "/write?db=telegraf&rp=autogen",
        "/write?consistency=any&db=telegraf",
    ] {
        assert_written(&write(client, target, lines));
    }
    let rows = client.rows("telegraf", "SELECT usage_idle, host FROM cpu");
    assert_eq!(
        rows,
        [[
            json!(1_700_000_000_000_000_000_i64),
            json!(98.5),
            json!("a b")
        ]]
    );
}

/// What the output reads in an answer decides whether it creates the database, drops the
/// batch, or sends it again for ever.
#[test]
fn every_error_is_json_that_the_output_understands() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let missing = write(client, "/write?db=telegraf", "m v=1\n");
    assert_error(&missing, 404, "database not found: \"telegraf\"");
    client.run("CREATE DATABASE telegraf; CREATE RETENTION POLICY hour ON telegraf DURATION 1h REPLICATION 1");
    assert_written(&write(
        client,
        "/write?db=telegraf",
        "m v=1 1700000000000000000\n",
    ));
    assert_error(
        &write(client, "/write?db=telegraf&rp=nope", "m v=1\n"),
        500,
        "retention policy not found: nope",
    );
    assert_error(
        &write(client, "/write?db=telegraf", "m v=1i 1700000000000000001\n"),
        400,
        "partial write: field type conflict: input field \"v\" on measurement \"m\" is type integer, already exists as type float dropped=1",
    );
    assert_error(
        &write(client, "/write?db=telegraf", "m v=\n"),
        400,
        "unable to parse 'm v=': missing field value",
    );
    let old = write(client, "/write?db=telegraf&rp=hour", "m v=1 1000000000\n");
    assert_error(
        &old,
        400,
        "partial write: points beyond retention policy dropped=1",
    );
    // Not gzip although the head says so.
    let head = [("Content-Encoding", "gzip")];
    let torn = send(client, "POST", "/write?db=telegraf", &head, "m v=1 1\n");
    assert_error(&torn, 400, "unexpected EOF");
}

#[test]
fn the_output_for_version_2_writes() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE telegraf WITH DURATION 5200w NAME year");
    let headers = [
        ("User-Agent", "Telegraf"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Encoding", "gzip"),
        ("Authorization", "Token telegraf:metrics"),
    ];
    for (number, bucket) in ["telegraf", "telegraf%2Fyear"].iter().enumerate() {
        let target = format!("/api/v2/write?bucket={bucket}&org=influxdata");
        let lines = format!("cpu,host=a v={number} 17{number}0000000000000000\n");
        assert_written(&send(client, "POST", &target, &headers, packed(&lines)));
    }
    assert_eq!(client.rows("telegraf", "SELECT v FROM year.cpu").len(), 2);
    let target = "/api/v2/write?bucket=nowhere&org=influxdata";
    let missing = send(client, "POST", target, &headers, packed("m v=1\n"));
    assert_error(&missing, 404, "database not found: \"nowhere\"");
}

/// The input takes an object of objects; all but five names must be a point.
#[test]
fn the_input_reads_the_counters() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE telegraf");
    client.write("telegraf", "m v=1");
    let reply = send(
        client,
        "GET",
        "/debug/vars",
        &[("Accept", "application/json")],
        (),
    );
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("Content-Type"), "application/json");
    let vars = reply.json();
    let mut names = Vec::new();
    for (key, value) in vars.as_object().expect("an object") {
        if ["system", "memstats", "cmdline", "build", "crypto"].contains(&key.as_str()) {
            continue;
        }
        let name = value["name"]
            .as_str()
            .unwrap_or_else(|| panic!("{key}: {value}"));
        assert!(value["tags"].is_object(), "{key}: {value}");
        let values = value["values"]
            .as_object()
            .unwrap_or_else(|| panic!("{key}: {value}"));
        assert!(values.values().all(Value::is_number), "{key}: {value}");
        names.push(name.to_string());
    }
    for name in ["httpd", "write", "database", "queryExecutor"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    assert!(
        vars["memstats"]["Sys"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0)
    );
}
