//! The types of fields: one in each shard group, as in InfluxDB, whose answers these are
//! (1.6.7); and none where nothing is left.

use process_tests::{Client, Sandbox};
use serde_json::json;

const CONFLICT: &str = "field type conflict: input field \"v\" on measurement";

/// Writes a line and returns the status, and the error if there is one.
fn write(client: &Client, line: &str) -> (u16, String) {
    let reply = client.try_write("d", line).expect("an answer");
    let error = match reply.status {
        204 => String::new(),
        _ => reply.json()["error"]
            .as_str()
            .unwrap_or_default()
            .to_string(),
    };
    (reply.status, error)
}

fn stored(client: &Client, line: &str) {
    assert_eq!(write(client, line).0, 204, "{line}");
}

fn refused(client: &Client, line: &str, types: &str) {
    let (status, text) = write(client, line);
    assert_eq!(status, 400, "{line}: {text}");
    assert!(text.contains(CONFLICT) && text.contains(types), "{text}");
}

/// Executes a statement that answers nothing.
fn done(client: &Client, statement: &str) {
    let answer = client.query("d", statement);
    assert_eq!(
        answer,
        json!({"results": [{"statement_id": 0}]}),
        "{statement}"
    );
}

#[test]
fn a_field_has_one_type_in_each_shard_group() {
    let sandbox = Sandbox::new().with("flush", "interval_secs", "3600");
    let mut node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    for restart in [false, true] {
        if restart {
            // Once from memory and the log, once from files.
            node.stop();
            node = sandbox.start();
        }
        let client = node.client();
        stored(client, "p v=\"50\" 1600000000000000000");
        stored(client, "p v=43 1610000000000000000");
        refused(
            client,
            "p v=44 1600000000000000001",
            "is type float, already exists as type string",
        );
        stored(client, "p v=1i 1620000000000000000");
        refused(
            client,
            "p v=1i 1610000000000000001",
            "is type integer, already exists as type float",
        );
        let rows = |statement: &str| client.rows("d", statement);
        assert_eq!(
            rows("SHOW FIELD KEYS"),
            [
                [json!("v"), json!("float")],
                [json!("v"), json!("integer")],
                [json!("v"), json!("string")],
            ]
        );
        assert_eq!(rows("SHOW FIELD KEY CARDINALITY"), [[json!(1)]]);
        assert_eq!(
            rows("SELECT v FROM p"),
            [
                [json!(1_610_000_000_000_000_000_u64), json!(43)],
                [json!(1_620_000_000_000_000_000_u64), json!(1)],
            ]
        );
        assert_eq!(
            rows("SELECT v FROM p WHERE time < 1605000000000000000"),
            [[json!(1_600_000_000_000_000_000_u64), json!("50")]]
        );
        assert_eq!(rows("SELECT count(v) FROM p")[0][1], json!(2));
    }
}

#[test]
fn points_of_one_request_have_one_type_in_each_shard_group() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE d");
    stored(
        client,
        "q v=1 1600000000000000000\nq v=\"x\" 1610000000000000000",
    );
    let lines =
        "r v=1 1600000000000000000\nr v=\"x\" 1600000000000000001\nr v=2 1600000000000000002";
    refused(client, lines, "dropped=1");
    assert_eq!(client.rows("d", "SELECT v FROM r").len(), 2);
}

/// InfluxDB 1.6 keeps the types of a shard as long as the shard; later versions forget a
/// measurement that has no series left, and so it is here.
#[test]
fn a_measurement_without_points_forgets_its_types() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE d");
    let wheres = [
        "DELETE FROM m",
        "DROP SERIES FROM m",
        "DELETE FROM m WHERE time <= 10",
        "DELETE FROM /m/",
        "DELETE WHERE time < 100",
        "DROP MEASUREMENT m",
    ];
    for statement in wheres {
        stored(client, "m v=1 1");
        refused(client, "m v=\"x\" 2", "already exists as type float");
        let answer = client.query("d", statement);
        assert_eq!(
            answer,
            json!({"results": [{"statement_id": 0}]}),
            "{statement}"
        );
        assert!(
            client.rows("d", "SHOW FIELD KEYS").is_empty(),
            "{statement}"
        );
        stored(client, "m v=\"x\" 2");
        done(client, "DROP MEASUREMENT m");
    }
    // Of another policy the points and types stay.
    client.run("CREATE RETENTION POLICY two ON d DURATION INF REPLICATION 1");
    stored(client, "m,host=a v=1 1");
    let reply = client.send("POST", "/write?db=d&rp=two", &[], "m,host=b v=1 1");
    assert_eq!(reply.expect("an answer").status, 204);
    done(client, "DELETE FROM m WHERE host = 'a'");
    stored(client, "m,host=a v=\"x\" 1");
    let kept = client.rows("d", "SELECT v FROM two.m");
    assert_eq!(kept, [[json!(1), json!(1)]]);
}
