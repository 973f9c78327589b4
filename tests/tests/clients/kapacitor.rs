//! Kapacitor: it subscribes to what is written.

use process_tests::client::encode;
use process_tests::{Client, Sandbox};
use serde_json::{Value, json};

use crate::replay::{results, rows, send};

fn ask(client: &Client, statement: &str) -> process_tests::Reply {
    let target = format!("/query?db=&q={}&params=null", encode(statement));
    send(
        client,
        "POST",
        &target,
        &[
            ("User-Agent", "KapacitorInfluxDBClient"),
            ("Content-Type", ""),
        ],
        "",
    )
}

#[test]
fn it_links_subscribes_and_finds_its_subscriptions() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let ping = send(client, "GET", "/ping?wait_for_leader=10s", &[], ());
    assert_eq!(ping.status, 204);
    client.run("CREATE DATABASE telegraf");
    assert_eq!(rows(&ask(client, "SHOW DATABASES")), [json!(["telegraf"])]);
    let policies = rows(&ask(client, "SHOW RETENTION POLICIES ON \"telegraf\""));
    assert_eq!(policies[0][0], json!("autogen"));
    assert_eq!(results(&ask(client, "SHOW SUBSCRIPTIONS")).len(), 1);
    let name = "kapacitor-3a5f1ee2-8b38-4c26-a2a7-c0b1d3e4f5a6";
    let create = format!(
        "CREATE SUBSCRIPTION \"{name}\" ON \"telegraf\".\"autogen\" DESTINATIONS ANY 'http://127.0.0.1:9092', 'udp://127.0.0.1:9100'"
    );
    assert_eq!(results(&ask(client, &create)), [json!({"statement_id": 0})]);
    // It takes the destinations as a list and refuses a text.
    let shown = ask(client, "SHOW SUBSCRIPTIONS");
    let series: Value = results(&shown)[0]["series"].clone();
    assert_eq!(
        series,
        json!([{
            "name": "telegraf",
            "columns": ["retention_policy", "name", "mode", "destinations"],
            "values": [["autogen", name, "ANY", ["http://127.0.0.1:9092", "udp://127.0.0.1:9100"]]],
        }])
    );
    let drop = format!("DROP SUBSCRIPTION \"{name}\" ON \"telegraf\".\"autogen\"");
    assert_eq!(results(&ask(client, &drop)), [json!({"statement_id": 0})]);
    assert!(
        results(&ask(client, "SHOW SUBSCRIPTIONS"))[0]
            .get("series")
            .is_none()
    );
}

/// The list in the other formats: an array in MessagePack, a cell with commas in CSV.
#[test]
fn destinations_are_a_list_in_every_format() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db; CREATE SUBSCRIPTION s ON db.autogen DESTINATIONS ALL 'http://h1:1', 'udp://h2:2'");
    let shown = |accept: &str| {
        let target = "/query?q=SHOW%20SUBSCRIPTIONS";
        send(client, "GET", target, &[("Accept", accept)], ())
    };
    assert_eq!(
        shown("application/csv").text(),
        "name,tags,retention_policy,name,mode,destinations\ndb,,autogen,s,ALL,\"http://h1:1,udp://h2:2\"\n"
    );
    let packed = shown("application/x-msgpack").body;
    let list = b"\x00\x00\x00\x02\xabhttp://h1:1\xaaudp://h2:2";
    assert!(
        packed.windows(list.len()).any(|part| part == list),
        "{packed:?}"
    );
    let pretty = client
        .get("/query?pretty=true&q=SHOW%20SUBSCRIPTIONS")
        .text();
    let indented = "[\n                                \"http://h1:1\",\n                                \"udp://h2:2\"\n                            ]";
    assert!(pretty.contains(indented), "{pretty}");
}
