//! Requests as clients send them, and what every client relies on in the answers.

use process_tests::{Client, Reply};
use serde_json::{Value, json};
use ureq::AsSendBody;

/// The headers of a form.
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// Sends a request and checks what no answer may lack: the version that clients test,
/// the build, and the same id twice.
pub fn send(
    client: &Client,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl AsSendBody,
) -> Reply {
    let reply = client
        .send(method, target, headers, body)
        .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
    let version = reply.header("X-Influxdb-Version");
    assert!(version.starts_with("1.8."), "{method} {target}: {version}");
    assert!(!version.contains("-c") && !version.contains("relay"));
    assert_eq!(reply.header("X-Influxdb-Build"), "OSS", "{target}");
    assert_eq!(reply.header("Request-Id"), reply.header("X-Request-Id"));
    assert!(!reply.header("Request-Id").is_empty(), "{target}");
    reply
}

/// Asserts a write that was taken: 204 and nothing else will do for most clients.
pub fn assert_written(reply: &Reply) {
    assert_eq!(reply.status, 204, "{}", reply.text());
    assert!(reply.body.is_empty());
    assert_eq!(reply.header("Content-Type"), "application/json");
}

/// Asserts an error: status, JSON with the text, and the text as a header.
pub fn assert_error(reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("Content-Type"), "application/json");
    assert_eq!(reply.json(), json!({ "error": text }));
    assert_eq!(reply.header("X-Influxdb-Error"), text);
}

/// The results of a query that went well.
pub fn results(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("Content-Type"), "application/json");
    let document = reply.json();
    let results = document["results"].as_array().cloned().unwrap_or_default();
    assert!(!results.is_empty(), "{document}");
    for (id, result) in results.iter().enumerate() {
        assert_eq!(result["statement_id"], json!(id), "{document}");
        assert!(result.get("error").is_none(), "{document}");
    }
    results
}

/// What a statement without rows answers.
pub fn assert_done(reply: &Reply) {
    assert_eq!(results(reply), [json!({ "statement_id": 0 })]);
}

/// The rows of the only series of the first result.
pub fn rows(reply: &Reply) -> Vec<Value> {
    let series = results(reply)[0]["series"].clone();
    assert_eq!(series.as_array().map(Vec::len), Some(1), "{series}");
    series[0]["values"].as_array().cloned().unwrap_or_default()
}
