//! k6: its output for InfluxDB 1.x.

use process_tests::Sandbox;
use serde_json::json;

use crate::replay::{FORM, assert_done, assert_written, send};

/// It asks `/health` which API to use: a version that begins with `1.` is ours.
#[test]
fn it_finds_version_1_creates_its_database_and_writes() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let health = send(client, "GET", "/health", &[], ());
    assert_eq!(health.status, 200);
    let health = health.json();
    assert_eq!(
        (&health["name"], &health["status"]),
        (&json!("influxdb"), &json!("pass"))
    );
    assert!(
        health["version"]
            .as_str()
            .is_some_and(|version| version.starts_with("1."))
    );
    assert_done(&send(
        client,
        "POST",
        "/query",
        &[FORM],
        "q=CREATE+DATABASE+k6",
    ));
    let lines = "http_req_duration,expected_response=true,method=GET,status=200,url=http://test.k6.io value=104.6 1700000000000000000\n";
    for target in [
        "/write?consistency=&db=k6&precision=ns&rp=",
        "/api/v2/write?bucket=k6%2F&org=&precision=ns",
    ] {
        assert_written(&send(
            client,
            "POST",
            target,
            &[("Content-Type", "")],
            lines,
        ));
    }
    assert_eq!(
        client
            .rows("k6", "SELECT value FROM http_req_duration")
            .len(),
        1
    );
}
