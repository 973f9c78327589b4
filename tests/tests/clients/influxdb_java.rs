//! The library influxdb-java, which openHAB and many Spring applications use.

use process_tests::Sandbox;
use serde_json::json;

use crate::replay::{FORM, assert_done, assert_error, assert_written, results, rows, send};

/// The version decides whether it may ask for MessagePack: 1.4 or later.
#[test]
fn it_pings_writes_and_asks() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let agent = ("User-Agent", "okhttp/4.12.0");
    let ping = send(client, "GET", "/ping", &[agent], ());
    assert_eq!(ping.status, 204);
    let version = ping.header("X-Influxdb-Version");
    let numbers: Vec<u32> = version
        .split('.')
        .take(2)
        .map(|n| n.parse().unwrap_or(0))
        .collect();
    assert!(numbers[0] == 1 && numbers[1] >= 4, "{version}");

    let create = "q=CREATE%20DATABASE%20%22java%22";
    assert_done(&send(client, "POST", "/query", &[FORM, agent], create));
    let text = ("Content-Type", "text/plain; charset=utf-8");
    let target = "/write?db=java&rp=autogen&precision=n&consistency=one";
    let lines = "cpu,atag=test1 idle=90i,system=5.0 1600000000000000000\n";
    assert_written(&send(client, "POST", target, &[text, agent], lines));

    let select = "/query?db=java&epoch=ns&q=SELECT%20%2A%20FROM%20cpu";
    let answer = send(client, "GET", select, &[agent], ());
    assert_eq!(
        rows(&answer),
        [json!([1_600_000_000_000_000_000_i64, "test1", 90, 5])]
    );
    let packed = send(
        client,
        "GET",
        select,
        &[("Accept", "application/x-msgpack")],
        (),
    );
    assert_eq!(packed.header("Content-Type"), "application/x-msgpack");
    assert!(
        packed.body.starts_with(b"\x81\xa7results"),
        "{:?}",
        packed.text()
    );
    let bound = "q=SELECT%20idle%20FROM%20cpu%20WHERE%20atag%20%3D%20%24t&params=%7B%22t%22%3A%22test1%22%7D";
    let answer = send(client, "POST", "/query?db=java&epoch=ms", &[FORM], bound);
    assert_eq!(rows(&answer), [json!([1_600_000_000_000_i64, 90])]);
    let drop = send(
        client,
        "POST",
        "/query",
        &[FORM],
        "q=DROP%20DATABASE%20%22java%22",
    );
    assert_eq!(results(&drop).len(), 1);
}

/// Words in the text decide whether the batch is sent again.
#[test]
fn the_texts_of_errors_decide_what_is_sent_again() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run(
        "CREATE DATABASE java; CREATE RETENTION POLICY hour ON java DURATION 1h REPLICATION 1",
    );
    client.write("java", "m v=1 1");
    for (target, body, status, text) in [
        ("/write?db=nodb", "m v=1", 404, "database not found"),
        ("/write?db=java", "m v=1i 2", 400, "field type conflict"),
        ("/write?db=java", "nonsense", 400, "unable to parse"),
        (
            "/write?db=java&rp=hour",
            "m v=1 1",
            400,
            "points beyond retention policy",
        ),
    ] {
        let reply = send(client, "POST", target, &[], body);
        let error = reply.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_string();
        assert!(error.contains(text), "{error}");
        assert_error(&reply, status, &error);
    }
}
