//! Every metric: name, kind, labels and meaning.

use std::fmt::Write;

use storage::metrics as engine;

use super::name;
use super::scrape::gauge;

/// What a metric is; a histogram with the upper bounds of its buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// Seconds of requests and statements.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Seconds of an fsync.
const SYNC_SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];
/// Seconds of background work.
const LONG_SECONDS: &[f64] = &[
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];
const BYTES: &[f64] = &[
    100.0, 1e3, 1e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7,
];
const ENTRIES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const fn counter(name: &'static str, help: &'static str) -> Metric {
    metric(name, Kind::Counter, &[], help)
}

const fn level(name: &'static str, help: &'static str) -> Metric {
    metric(name, Kind::Gauge, &[], help)
}

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        help,
    }
}

/// All of them, in the order of the documentation.
pub const TABLE: &[Metric] = &[
    metric(
        gauge::INFO,
        Kind::Gauge,
        &["version", "node_id"],
        "Always 1; the labels say which version this is and which node.",
    ),
    level(gauge::UPTIME, "Seconds since the start."),
    level(gauge::RESIDENT, "Bytes of memory that the process has."),
    level(
        gauge::HEALTHY,
        "1 when the node can store and answer, 0 when a flush has failed and none has succeeded since.",
    ),
    metric(
        name::HTTP_REQUESTS,
        Kind::Counter,
        &["route", "method", "status"],
        "Requests that were answered. route: one of the paths that exist, or other; status: 2xx, 4xx, 5xx and so on.",
    ),
    metric(
        name::HTTP_SECONDS,
        Kind::Histogram(SECONDS),
        &["route"],
        "Seconds from a request to the head of its answer; a large result is still on its way then.",
    ),
    level(name::HTTP_IN_FLIGHT, "Requests that are being answered."),
    level(
        name::HTTP_RUNNING_MAX,
        "Writes that may run at once, and as many other requests.",
    ),
    level(
        name::HTTP_WAITING,
        "Requests that wait for others to end, so that they may run.",
    ),
    metric(
        name::HTTP_REFUSED,
        Kind::Counter,
        &["reason"],
        "Requests that a limit or a check has refused before anything was done. reason: credentials, privileges, rate_limit, overloaded, body_too_large, body_too_slow, body_memory, body_broken, head, head_too_slow; a timeout is none, its outcome being unknown: timeout.",
    ),
    level(
        name::BODY_BYTES,
        "Bytes of bodies of requests that are in memory.",
    ),
    level(
        name::BODY_BYTES_MAX,
        "Bytes that bodies of requests may take together.",
    ),
    level(name::CONNECTIONS, "Connections that are open."),
    level(name::CONNECTIONS_MAX, "Connections that may be open."),
    counter(
        gauge::WRITE_REQUESTS,
        "Requests to /write and /api/v2/write.",
    ),
    counter(gauge::WRITE_ERRORS, "Writes that failed as a whole."),
    counter(gauge::POINTS, "Points that were stored."),
    counter(
        gauge::POINTS_DROPPED,
        "Points that were refused: past their retention policy, of another type than their field, beyond a limit.",
    ),
    counter(
        engine::WRITES_REFUSED,
        "Writes that were answered with 503 because points in memory could not be written into files fast enough.",
    ),
    metric(
        name::WRITE_BYTES,
        Kind::Histogram(BYTES),
        &[],
        "Bytes of the line protocol of a write, without compression.",
    ),
    metric(
        name::WRITE_SECONDS,
        Kind::Histogram(SECONDS),
        &[],
        "Seconds of a write: decoding, waiting for the log, making visible.",
    ),
    counter(gauge::PROMETHEUS_WRITES, "Requests to /api/v1/prom/write."),
    counter(gauge::PROMETHEUS_READS, "Requests to /api/v1/prom/read."),
    counter(
        engine::WAL_APPENDS,
        "Entries appended to the log, one a write.",
    ),
    counter(engine::WAL_BYTES, "Bytes of these entries."),
    counter(
        engine::WAL_ERRORS,
        "Group commits that failed; none of their writes was stored.",
    ),
    metric(
        engine::WAL_COMMIT_SECONDS,
        Kind::Histogram(SYNC_SECONDS),
        &[],
        "Seconds of a group commit: the append and, with wal.sync = \"always\", the fsync.",
    ),
    metric(
        engine::WAL_COMMIT_ENTRIES,
        Kind::Histogram(ENTRIES),
        &[],
        "Writes that shared a group commit.",
    ),
    level(
        gauge::WAL_LAST,
        "Number of the last entry of the log; queries see its points.",
    ),
    level(
        gauge::WAL_FLUSHED,
        "Number of the last entry whose points are all in files.",
    ),
    level(
        gauge::WAL_BACKLOG,
        "Entries of the log that would be replayed at a start.",
    ),
    level(gauge::COMMITS_WAITING, "Writes that wait for the log."),
    level(
        gauge::COMMITS_WAITING_MAX,
        "Writes that can wait for the log.",
    ),
    level(gauge::MEMTABLE, "Bytes of points that no file holds yet."),
    level(
        gauge::MEMTABLE_MAX,
        "Bytes at which writers wait and then get 503 (storage.cache_max_memory_mb).",
    ),
    counter(engine::FLUSH_RUNS, "Flushes from memory into files."),
    counter(
        engine::FLUSH_ERRORS,
        "Flushes that failed and are tried again; nothing is lost by them.",
    ),
    metric(
        engine::FLUSH_SECONDS,
        Kind::Histogram(LONG_SECONDS),
        &[],
        "Seconds of a flush.",
    ),
    counter(
        engine::FLUSH_POINTS,
        "Points that were written into files, after those of one series and time were merged.",
    ),
    level(gauge::FLUSHING, "1 while a flush runs."),
    counter(engine::FILES_WRITTEN, "Parquet files written."),
    counter(engine::FILE_BYTES_WRITTEN, "Bytes of these files."),
    level(gauge::FILES, "Parquet files that hold points."),
    level(gauge::FILE_BYTES, "Bytes of these files."),
    level(gauge::DATABASES, "Databases."),
    level(
        gauge::MEASUREMENTS,
        "Measurements, counted in each retention policy that has points of them.",
    ),
    level(gauge::SERIES, "Series, counted in the same way."),
    level(
        gauge::TOMBSTONES,
        "Deletes that queries still have to look at.",
    ),
    level(gauge::FOOTERS, "Footers of files that are kept in memory."),
    level(
        gauge::FOOTER_BYTES_MAX,
        "Bytes of footers that can be kept (query.footer_cache_mb).",
    ),
    level(gauge::FOOTER_BYTES, "Bytes of these footers, about."),
    counter(gauge::QUERY_REQUESTS, "Requests to /query."),
    metric(
        name::QUERIES,
        Kind::Counter,
        &["statement"],
        "Statements executed. statement: the kind, such as select or show_tag_values.",
    ),
    metric(
        name::QUERY_ERRORS,
        Kind::Counter,
        &["statement"],
        "Statements that failed; invalid: a text that is no statement.",
    ),
    metric(
        name::QUERY_SECONDS,
        Kind::Histogram(SECONDS),
        &["statement"],
        "Seconds of a statement, until its last row is encoded.",
    ),
    counter(name::QUERY_ROWS, "Rows that statements returned."),
    counter(
        name::QUERY_BYTES,
        "Bytes that statements read: of decoded columns, or of the files that the embedded engine reads.",
    ),
    level(gauge::QUERIES_RUNNING, "Query requests that execute."),
    level(
        gauge::QUERIES_MAX,
        "Query requests that can execute at one time (server.max_concurrent_queries).",
    ),
    level(
        gauge::QUERIES_WAITING,
        "Query requests that wait for their turn.",
    ),
    level(
        gauge::CHDB_SIZE,
        "Connections to the embedded engine (chdb.pool_size).",
    ),
    level(
        gauge::CHDB_BUSY,
        "Connections to the embedded engine that execute a scan.",
    ),
    level(
        gauge::CHDB_WAITING,
        "Scans that wait for a connection to the embedded engine.",
    ),
    metric(
        name::SCAN_SECONDS,
        Kind::Histogram(SECONDS),
        &[],
        "Seconds of a scan in the embedded engine, waiting and reading its result included.",
    ),
    level(gauge::STATEMENTS, "Entries of the statement summary."),
    level(
        gauge::STATEMENTS_MAX,
        "Entries that the statement summary can have (statement_summary.max_entries).",
    ),
    counter(gauge::CQ_RUNS, "Runs of continuous queries."),
    counter(gauge::CQ_ERRORS, "Runs of continuous queries that failed."),
    counter(gauge::UDP_BYTES, "Bytes that came in datagrams."),
    counter(gauge::UDP_POINTS, "Points that came in datagrams."),
    counter(
        gauge::UDP_DROPPED,
        "Points of datagrams that were not stored.",
    ),
    level(
        gauge::UDP_WAITING,
        "Batches of datagrams that wait to be written (at most udp.batch_pending).",
    ),
];

/// `docs/metrics.md`.
#[must_use]
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         `GET /metrics` answers in the text format of Prometheus (`[metrics]`: `enabled`, `require_auth`):\n\n\
         \x20   scrape_configs:\n\
         \x20     - job_name: hyperbytedb\n\
         \x20       static_configs: [{targets: ['127.0.0.1:8086']}]\n\n\
         Labels have few values, which do not depend on what clients send: no name of a database\n\
         or measurement and no text of a query is in any of them. Levels are those at the moment\n\
         of the scrape; one that cannot be read at once, since a lock is held, keeps its last value.\n\
         This file is made from the table in `hyperbytedb/src/monitor/metrics/table.rs`; a test\n\
         compares it with that table and with what a node answers.\n\n\
         | Name | Kind | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for metric in TABLE {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels: Vec<String> = metric
            .labels
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        // Writing to a text does not fail.
        let _written = writeln!(
            text,
            "| `{}` | {kind} | {} | {} |",
            metric.name,
            labels.join(", "),
            metric.help
        );
    }
    text.push_str("\n## Buckets\n\n");
    for metric in TABLE {
        if let Kind::Histogram(buckets) = metric.kind {
            let bounds: Vec<String> = buckets.iter().map(ToString::to_string).collect();
            let _written = writeln!(text, "- `{}`: {}", metric.name, bounds.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let names: BTreeSet<&str> = TABLE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), TABLE.len(), "a name stands there twice");
        for metric in TABLE {
            let name = metric.name;
            assert!(name.starts_with("hyperbytedb_"), "{name}");
            let total = name.ends_with("_total");
            assert_eq!(total, metric.kind == Kind::Counter, "{name}");
            assert!(metric.help.ends_with('.'), "{name}");
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(buckets.is_sorted() && buckets.len() < 20, "{name}");
                assert!(name.ends_with("_seconds") || !name.contains("duration"));
            }
        }
    }

    /// `HYPERBYTEDB_WRITE_DOCS=1 cargo test --release --workspace` writes it anew.
    #[test]
    fn the_documentation_is_that_of_the_table() {
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
        if std::env::var_os("HYPERBYTEDB_WRITE_DOCS").is_some() {
            std::fs::write(place, document()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(place).unwrap(), document());
    }
}
