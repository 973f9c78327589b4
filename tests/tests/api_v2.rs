//! The part of the API of InfluxDB 2.x that InfluxDB 1.8 and later have.

use process_tests::client::encode;
use process_tests::{Node, Reply, Sandbox};
use serde_json::json;

fn post(node: &Node, target: &str, body: &str) -> Reply {
    let head = [("Authorization", "Token user:password")];
    let reply = node.client().send("POST", target, &head, body);
    reply.unwrap_or_else(|error| panic!("{target}: {error}"))
}

fn assert_error(reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.json(), json!({ "error": text }));
    assert_eq!(reply.header("X-Influxdb-Error"), text);
    assert_eq!(reply.header("Content-Type"), "application/json");
}

#[test]
fn a_write_goes_to_the_bucket_in_its_precision() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db; CREATE RETENTION POLICY long ON db DURATION INF REPLICATION 1");
    for (precision, time) in [
        ("", "1600000001000000000"),
        ("ns", "1600000002000000000"),
        ("us", "1600000003000000"),
        ("ms", "1600000004000"),
        ("s", "1600000005"),
    ] {
        let target = format!("/api/v2/write?org=o&bucket=db&precision={precision}");
        let reply = post(&node, &target, &format!("m v=1 {time}"));
        assert_eq!(reply.status, 204, "{}", reply.text());
    }
    let rows = client.rows("db", "SELECT v FROM autogen.m");
    let seconds: Vec<_> = rows
        .iter()
        .map(|row| row[0].as_i64().unwrap_or(0) / 1_000_000_000)
        .collect();
    assert_eq!(
        seconds,
        [
            1_600_000_001,
            1_600_000_002,
            1_600_000_003,
            1_600_000_004,
            1_600_000_005
        ]
    );
    assert_eq!(
        post(&node, "/api/v2/write?bucket=db/long", "m v=2 1").status,
        204
    );
    assert_eq!(client.rows("db", "SELECT v FROM long.m").len(), 1);
}

#[test]
fn errors_of_a_write_are_those_of_version_1_8() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    for (target, body, status, text) in [
        (
            "/api/v2/write?bucket=db&precision=m",
            "m v=1",
            400,
            "invalid precision \"m\" (use ns, us, ms or s)",
        ),
        (
            "/api/v2/write?org=o",
            "m v=1",
            404,
            "bucket name \"\" is missing a slash; not in \"database/retention-policy\" format",
        ),
        (
            "/api/v2/write?bucket=/rp",
            "m v=1",
            404,
            "bucket name \"/rp\" is in db/rp form but has an empty database",
        ),
        (
            "/api/v2/write?bucket=nodb",
            "m v=1",
            404,
            "database not found: \"nodb\"",
        ),
        (
            "/api/v2/write?bucket=db/nope",
            "m v=1",
            500,
            "retention policy not found: nope",
        ),
        (
            "/api/v2/write?bucket=db&consistency=x",
            "m v=1",
            400,
            "invalid consistency level",
        ),
        (
            "/api/v2/write?bucket=db",
            "m v=",
            400,
            "unable to parse 'm v=': missing field value",
        ),
    ] {
        assert_error(&post(&node, target, body), status, text);
    }
}

#[test]
fn flux_is_refused_with_the_way_out() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let flux = json!({"query": "from(bucket:\"db\")", "type": "flux"}).to_string();
    let reply = post(&node, "/api/v2/query?org=o", &flux);
    assert_eq!(reply.status, 403);
    let text = reply.json()["error"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    assert!(text.starts_with("Flux query service disabled."), "{text}");
    assert!(
        text.contains("InfluxQL") && text.contains("/query"),
        "{text}"
    );
    let options = node
        .client()
        .send("OPTIONS", "/api/v2/query", &[("Origin", "http://x")], ())
        .unwrap();
    assert_eq!(options.status, 200);
    assert_eq!(options.header("Access-Control-Allow-Origin"), "http://x");
}

fn filled() -> (Sandbox, Node) {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db; CREATE RETENTION POLICY long ON db DURATION INF REPLICATION 1");
    let lines: String = (0..10)
        .flat_map(|n| {
            ["a", "b"].map(|host| {
                format!("m,host={host} v={n} {n}000000000\nother,host={host} v={n} {n}000000000\n")
            })
        })
        .collect();
    client.write("db", &lines);
    assert_eq!(
        post(&node, "/api/v2/write?bucket=db/long", &lines).status,
        204
    );
    (sandbox, node)
}

fn count(node: &Node, from: &str) -> u64 {
    let rows = node
        .client()
        .rows("db", &format!("SELECT count(v) FROM {from}"));
    rows.first().and_then(|row| row[1].as_u64()).unwrap_or(0)
}

fn delete(node: &Node, bucket: &str, start: &str, stop: &str, predicate: &str) -> Reply {
    let body = json!({"start": start, "stop": stop, "predicate": predicate}).to_string();
    post(
        node,
        &format!("/api/v2/delete?org=o&bucket={}", encode(bucket)),
        &body,
    )
}

const BEGIN: &str = "1970-01-01T00:00:00Z";
const END: &str = "2100-01-01T00:00:00Z";

#[test]
fn a_delete_takes_what_it_names_and_nothing_else() {
    let (_sandbox, node) = filled();
    // The stop stays, the start goes.
    let reply = delete(
        &node,
        "db/long",
        "1970-01-01T00:00:02Z",
        "1970-01-01T00:00:05Z",
        "_measurement=\"m\" AND host=\"a\"",
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.body.is_empty());
    assert_eq!(count(&node, "long.m"), 17);
    assert_eq!(count(&node, "autogen.m"), 20);
    assert_eq!(count(&node, "long.other"), 20);
    assert_eq!(delete(&node, "db/long", BEGIN, END, "host='b'").status, 200);
    assert_eq!(
        (count(&node, "long.m"), count(&node, "long.other")),
        (7, 10)
    );
    // Without a policy all of them, as `DELETE` has it.
    assert_eq!(
        delete(&node, "db", BEGIN, END, "_measurement='m'").status,
        200
    );
    assert_eq!((count(&node, "long.m"), count(&node, "autogen.m")), (0, 0));
    assert_eq!(count(&node, "autogen.other"), 20);
    assert_eq!(
        delete(
            &node,
            "db/autogen",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            ""
        )
        .status,
        200
    );
    assert_eq!(
        (count(&node, "autogen.other"), count(&node, "long.other")),
        (0, 10)
    );
}

#[test]
fn a_delete_that_is_not_understood_takes_nothing() {
    let (_sandbox, node) = filled();
    for (bucket, start, stop, predicate, status, text) in [
        (
            "nodb",
            BEGIN,
            END,
            "",
            404,
            "delete - database not found: \"nodb\"",
        ),
        (
            "db/no",
            BEGIN,
            END,
            "",
            404,
            "delete - retention policy not found in \"db\": \"no\"",
        ),
        (
            "",
            BEGIN,
            END,
            "",
            404,
            "delete - bucket: bucket name \"\" is missing a slash; not in \"database/retention-policy\" format",
        ),
        (
            "db",
            "",
            END,
            "",
            400,
            "delete - start field in RFC3339Nano format required",
        ),
        (
            "db",
            BEGIN,
            "",
            "",
            400,
            "delete - stop field in RFC3339Nano format required",
        ),
    ] {
        assert_error(&delete(&node, bucket, start, stop, predicate), status, text);
    }
    nothing_is_gone(&node);
}

/// Every policy still has its points.
fn nothing_is_gone(node: &Node) {
    for from in ["autogen.m", "long.m", "autogen.other", "long.other"] {
        assert_eq!(count(node, from), 20, "{from}");
    }
}

#[test]
fn a_delete_whose_texts_are_not_understood_takes_nothing() {
    let (_sandbox, node) = filled();
    for (start, predicate, text) in [
        (
            "yesterday",
            "",
            "delete - invalid format for start field \"yesterday\", please use RFC3339Nano: ",
        ),
        (
            BEGIN,
            "host=\"a\" OR host=\"b\"",
            "delete - predicate only supports equality operators and conjunctions.",
        ),
        (
            BEGIN,
            "host!=\"a\"",
            "delete - predicate only supports equality operators and conjunctions.",
        ),
        (
            BEGIN,
            "host=",
            "delete - cannot parse predicate \"host=\": ",
        ),
        (
            BEGIN,
            "host=\"a\"; DROP DATABASE db",
            "delete - cannot parse predicate ",
        ),
        (
            BEGIN,
            "v=1",
            "delete - database: \"db\", retention policy: \"\", start: ",
        ),
    ] {
        let reply = delete(&node, "db", start, END, predicate);
        assert_eq!(reply.status, 400, "{}", reply.text());
        let error = reply.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_string();
        assert!(error.starts_with(text), "{error}");
    }
    let reply = post(&node, "/api/v2/delete?bucket=db", "no JSON");
    assert_eq!(reply.status, 400);
    assert!(
        reply
            .text()
            .contains("delete - cannot parse request body: "),
        "{}",
        reply.text()
    );
    nothing_is_gone(&node);
}

#[test]
fn buckets_are_policies_of_databases() {
    let (_sandbox, node) = filled();
    node.client().run("CREATE DATABASE second WITH DURATION 7d");
    let names = |parameters: &str| -> Vec<String> {
        let reply = node.client().get(&format!("/api/v2/buckets{parameters}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let buckets = reply.json()["buckets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        buckets
            .iter()
            .map(|bucket| bucket["name"].as_str().unwrap_or_default().to_string())
            .collect()
    };
    assert_eq!(names(""), ["db/autogen", "db/long", "second/autogen"]);
    assert_eq!(names("?limit=1&offset=1"), ["db/long"]);
    assert_eq!(names("?name=second"), ["second/autogen"]);
    assert_eq!(names("?name=db/nope"), [""; 0]);
    let reply = node.client().get("/api/v2/buckets?name=second");
    assert_eq!(
        reply.json()["buckets"][0]["retentionRules"][0]["everySeconds"],
        json!(604_800)
    );
    assert_eq!(node.client().get("/api/v2/buckets?limit=x").status, 400);
}

#[test]
fn ready_tells_since_when() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let reply = node.client().get("/ready");
    assert_eq!(reply.status, 200);
    let ready = reply.json();
    assert_eq!(ready["status"], json!("ready"));
    assert!(
        ready["started"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{ready}"
    );
    assert!(
        ready["up"].as_str().is_some_and(|up| up.ends_with('s')),
        "{ready}"
    );
}
