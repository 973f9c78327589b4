//! Counters since the start, under InfluxDB's names.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use storage::Engine;

use crate::query::output::SeriesChunk;
use crate::schema::{Rows, count};

/// A number that only grows, or one of things going on now.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// One thing less that goes on.
    pub fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of a process.
#[derive(Debug, Default)]
pub struct Statistics {
    pub requests: Counter,
    pub requests_active: Counter,
    /// Requests whose credentials did not do.
    pub authentication_failures: Counter,
    pub query_requests: Counter,
    pub write_requests: Counter,
    pub write_bytes: Counter,
    pub ping_requests: Counter,
    pub status_requests: Counter,
    pub prometheus_reads: Counter,
    pub prometheus_writes: Counter,
    /// Answers with 4xx.
    pub client_errors: Counter,
    /// Answers with 5xx.
    pub server_errors: Counter,
    pub points_written: Counter,
    pub points_dropped: Counter,
    /// Writes that failed as a whole.
    pub writes_failed: Counter,
    pub queries_executed: Counter,
    pub queries_finished: Counter,
    /// Nanoseconds.
    pub query_duration: Counter,
    pub continuous_succeeded: Counter,
    pub continuous_failed: Counter,
    pub udp: Udp,
}

/// What came in datagrams.
#[derive(Debug, Default)]
pub struct Udp {
    /// Where they are taken, when they are.
    address: OnceLock<SocketAddr>,
    pub bytes_received: Counter,
    pub points_received: Counter,
    /// Lines that could not be read.
    pub parse_failed: Counter,
    pub read_failed: Counter,
    pub batches_written: Counter,
    pub batches_failed: Counter,
    /// Batches that wait to be written.
    pub batches_waiting: Counter,
    pub points_written: Counter,
    pub points_dropped: Counter,
}

impl Udp {
    /// Datagrams are taken from now on.
    pub fn bound(&self, address: SocketAddr) {
        // A process has one such listener.
        let _second = self.address.set(address);
    }

    fn group(&self) -> Option<Group> {
        let address = self.address.get()?;
        let mut group = Group::new(
            "udp",
            vec![
                ("batchesTx", self.batches_written.get()),
                ("batchesTxFail", self.batches_failed.get()),
                ("bytesRx", self.bytes_received.get()),
                ("pointsDropped", self.points_dropped.get()),
                ("pointsParseFail", self.parse_failed.get()),
                ("pointsRx", self.points_received.get()),
                ("pointsTx", self.points_written.get()),
                ("readFail", self.read_failed.get()),
            ],
        );
        group.tags.push(("bind", address.to_string()));
        Some(group)
    }
}

/// One group of numbers.
pub struct Group {
    pub name: &'static str,
    pub tags: Vec<(&'static str, String)>,
    pub values: Vec<(&'static str, u64)>,
}

impl Group {
    fn new(name: &'static str, values: Vec<(&'static str, u64)>) -> Self {
        Self {
            name,
            tags: Vec::new(),
            values,
        }
    }

    /// The group as a table with one row.
    #[must_use]
    pub fn chunk(&self) -> SeriesChunk {
        let columns: Vec<&str> = self.values.iter().map(|(name, _)| *name).collect();
        let mut rows = Rows::new(self.name, &columns);
        for (key, value) in &self.tags {
            rows = rows.tagged(key, value);
        }
        rows.push(self.values.iter().map(|(_, value)| count(*value)).collect());
        rows.finish()
    }
}

/// Everything as groups, in InfluxDB's order: the process, queries, databases, writes,
/// subscriptions, continuous queries, HTTP, UDP.
#[must_use]
pub fn collect(statistics: &Statistics, engine: &Engine) -> Vec<Group> {
    let s = statistics;
    let (executed, finished) = (s.queries_executed.get(), s.queries_finished.get());
    let mut groups = vec![
        Group::new("runtime", vec![("Sys", resident_bytes())]),
        Group::new(
            "queryExecutor",
            vec![
                ("queriesActive", executed.saturating_sub(finished)),
                ("queriesExecuted", executed),
                ("queriesFinished", finished),
                ("queryDurationNs", s.query_duration.get()),
                ("recoveredPanics", 0),
            ],
        ),
    ];
    groups.extend(databases(engine));
    let (points, dropped) = (s.points_written.get(), s.points_dropped.get());
    groups.push(Group::new(
        "write",
        vec![
            ("pointReq", points + dropped),
            ("pointReqLocal", points + dropped),
            ("req", s.write_requests.get() + s.prometheus_writes.get()),
            ("subWriteDrop", 0),
            ("subWriteOk", 0),
            ("writeDrop", dropped),
            ("writeError", s.writes_failed.get()),
            ("writeOk", points),
            ("writeTimeout", 0),
        ],
    ));
    // Subscriptions are kept, nothing is delivered to them.
    groups.push(Group::new(
        "subscriber",
        vec![
            ("createFailures", 0),
            ("pointsWritten", 0),
            ("writeFailures", 0),
        ],
    ));
    groups.push(Group::new(
        "cq",
        vec![
            ("queryFail", s.continuous_failed.get()),
            ("queryOk", s.continuous_succeeded.get()),
        ],
    ));
    groups.push(Group::new("httpd", http(s)));
    groups.extend(s.udp.group());
    groups
}

fn http(s: &Statistics) -> Vec<(&'static str, u64)> {
    vec![
        ("authFail", s.authentication_failures.get()),
        ("clientError", s.client_errors.get()),
        ("pingReq", s.ping_requests.get()),
        ("pointsWrittenDropped", s.points_dropped.get()),
        ("pointsWrittenFail", s.writes_failed.get()),
        ("pointsWrittenOK", s.points_written.get()),
        ("promReadReq", s.prometheus_reads.get()),
        ("promWriteReq", s.prometheus_writes.get()),
        ("queryReq", s.query_requests.get()),
        ("req", s.requests.get()),
        ("reqActive", s.requests_active.get()),
        ("serverError", s.server_errors.get()),
        ("statusReq", s.status_requests.get()),
        ("writeReq", s.write_requests.get()),
        ("writeReqBytes", s.write_bytes.get()),
    ]
}

fn databases(engine: &Engine) -> Vec<Group> {
    engine.with_schema(|schema| {
        let databases = schema.databases.keys().map(|name| {
            let tables = schema.tables(Some(name));
            let mut measurements = std::collections::BTreeSet::new();
            let mut series = 0;
            for table in &tables {
                let held = table.read().series.len() as u64;
                series += held;
                if held > 0 {
                    measurements.insert(&table.name.measurement);
                }
            }
            let mut group = Group::new(
                "database",
                vec![
                    ("numMeasurements", measurements.len() as u64),
                    ("numSeries", series),
                ],
            );
            group.tags.push(("database", name.clone()));
            group
        });
        databases.collect()
    })
}

/// Memory that the process has, where the system tells; else 0.
#[must_use]
pub fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_table_with_one_row() {
        let statistics = Statistics::default();
        statistics.queries_executed.add(3);
        statistics.queries_finished.add(2);
        let group = Group::new("httpd", http(&statistics));
        let chunk = group.chunk();
        assert_eq!((chunk.key.name.as_str(), chunk.rows()), ("httpd", 1));
        assert_eq!(chunk.columns.len(), chunk.values.len());
    }
}
