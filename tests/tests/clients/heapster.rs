//! heapster: its InfluxDB sink.

use process_tests::Sandbox;
use serde_json::json;

use crate::replay::{assert_done, assert_error, assert_written, send};

/// It names the policy `default`, which only InfluxDB before 1.0 made by itself: one that
/// is called so must be created first, here as there.
#[test]
fn it_writes_to_the_policy_it_names() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    let client = node.client();
    let create = "/query?q=CREATE%20DATABASE%20k8s&params=null";
    for _ in 0..2 {
        assert_done(&send(client, "POST", create, &[("Content-Type", "")], ""));
    }
    let target = "/write?consistency=&db=k8s&precision=&rp=default";
    let lines = "cpu/usage_rate,nodename=n1,type=node value=5i 1700000000000000000\n";
    let refused = send(client, "POST", target, &[("Content-Type", "")], lines);
    assert_error(&refused, 500, "retention policy not found: default");
    client.run("CREATE RETENTION POLICY \"default\" ON k8s DURATION 0d REPLICATION 1 DEFAULT");
    assert_written(&send(
        client,
        "POST",
        target,
        &[("Content-Type", "")],
        lines,
    ));
    let rows = client.rows("k8s", "SELECT value FROM \"cpu/usage_rate\"");
    assert_eq!(rows, [[json!(1_700_000_000_000_000_000_i64), json!(5)]]);
}
