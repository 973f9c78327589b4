//! `/debug/vars`: the counters as Go's `expvar` prints them, which Telegraf reads.

use serde_json::{Map, Value, json};
use storage::Engine;

use super::diagnostics::Diagnostics;
use super::statistics::{Statistics, collect, resident_bytes};

/// The whole document: `system`, `cmdline`, `memstats`, and each group of counters
/// under its name, and that of its database where it has one.
#[must_use]
pub fn vars(statistics: &Statistics, engine: &Engine, diagnostics: &Diagnostics) -> Value {
    let mut document = Map::new();
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
    document.insert(
        "system".to_string(),
        json!({
            "currentTime": now,
            "started": diagnostics.started(),
            "uptime": diagnostics.uptime_seconds(),
        }),
    );
    let command: Vec<String> = std::env::args().collect();
    document.insert("cmdline".to_string(), json!(command));
    let bytes = resident_bytes();
    document.insert(
        "memstats".to_string(),
        json!({ "Alloc": bytes, "Sys": bytes, "HeapAlloc": bytes, "HeapSys": bytes }),
    );
    for group in collect(statistics, engine) {
        let tags: Map<String, Value> = group
            .tags
            .iter()
            .map(|(key, value)| ((*key).to_string(), json!(value)))
            .collect();
        let values: Map<String, Value> = group
            .values
            .iter()
            .map(|(name, value)| ((*name).to_string(), json!(value)))
            .collect();
        let key = match group.tags.first() {
            Some((_, value)) => format!("{}:{value}", group.name),
            None => group.name.to_string(),
        };
        let body = json!({ "name": group.name, "tags": tags, "values": values });
        document.insert(key, body);
    }
    Value::Object(document)
}
