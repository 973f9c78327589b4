//! What is read at the moment of a scrape: levels of queues, caches, pools and memory, and
//! counters that are counted elsewhere.

use std::sync::Arc;

use chdb::Pool;
use metrics::{counter, gauge as level};
use metrics_exporter_prometheus::PrometheusHandle;
use storage::{Contents, Engine, EngineStatus};

use crate::monitor::statistics::resident_bytes;
use crate::monitor::{Diagnostics, Statistics};
use crate::query::service::QueryService;
use crate::summary::Statements;

/// The names of what is read at a scrape.
pub(super) mod gauge {
    pub const INFO: &str = "hyperbytedb_info";
    pub const UPTIME: &str = "hyperbytedb_uptime_seconds";
    pub const RESIDENT: &str = "hyperbytedb_memory_resident_bytes";
    pub const HEALTHY: &str = "hyperbytedb_healthy";
    pub const WRITE_REQUESTS: &str = "hyperbytedb_write_requests_total";
    pub const WRITE_ERRORS: &str = "hyperbytedb_write_errors_total";
    pub const POINTS: &str = "hyperbytedb_ingestion_points_total";
    pub const POINTS_DROPPED: &str = "hyperbytedb_ingestion_points_dropped_total";
    pub const PROMETHEUS_WRITES: &str = "hyperbytedb_prometheus_write_requests_total";
    pub const PROMETHEUS_READS: &str = "hyperbytedb_prometheus_read_requests_total";
    pub const WAL_LAST: &str = "hyperbytedb_wal_last_sequence";
    pub const WAL_FLUSHED: &str = "hyperbytedb_wal_flushed_sequence";
    pub const WAL_BACKLOG: &str = "hyperbytedb_wal_backlog_entries";
    pub const COMMITS_WAITING: &str = "hyperbytedb_wal_queue_entries";
    pub const COMMITS_WAITING_MAX: &str = "hyperbytedb_wal_queue_limit_entries";
    pub const MEMTABLE: &str = "hyperbytedb_memtable_bytes";
    pub const MEMTABLE_MAX: &str = "hyperbytedb_memtable_limit_bytes";
    pub const FLUSHING: &str = "hyperbytedb_flush_running";
    pub const FILES: &str = "hyperbytedb_parquet_files";
    pub const FILE_BYTES: &str = "hyperbytedb_parquet_bytes";
    pub const DATABASES: &str = "hyperbytedb_databases";
    pub const MEASUREMENTS: &str = "hyperbytedb_measurements";
    pub const SERIES: &str = "hyperbytedb_series";
    pub const TOMBSTONES: &str = "hyperbytedb_tombstones";
    pub const FOOTERS: &str = "hyperbytedb_footer_cache_entries";
    pub const FOOTER_BYTES_MAX: &str = "hyperbytedb_footer_cache_limit_bytes";
    pub const FOOTER_BYTES: &str = "hyperbytedb_footer_cache_bytes";
    pub const QUERY_REQUESTS: &str = "hyperbytedb_query_requests_total";
    pub const QUERIES_RUNNING: &str = "hyperbytedb_queries_running";
    pub const QUERIES_MAX: &str = "hyperbytedb_queries_limit";
    pub const QUERIES_WAITING: &str = "hyperbytedb_queries_waiting";
    pub const CHDB_SIZE: &str = "hyperbytedb_chdb_connections";
    pub const CHDB_BUSY: &str = "hyperbytedb_chdb_connections_busy";
    pub const CHDB_WAITING: &str = "hyperbytedb_chdb_scans_waiting";
    pub const STATEMENTS: &str = "hyperbytedb_statement_digests";
    pub const STATEMENTS_MAX: &str = "hyperbytedb_statement_digests_limit";
    pub const CQ_RUNS: &str = "hyperbytedb_cq_executions_total";
    pub const CQ_ERRORS: &str = "hyperbytedb_cq_errors_total";
    pub const UDP_BYTES: &str = "hyperbytedb_udp_received_bytes_total";
    pub const UDP_POINTS: &str = "hyperbytedb_udp_points_total";
    pub const UDP_DROPPED: &str = "hyperbytedb_udp_points_dropped_total";
    pub const UDP_WAITING: &str = "hyperbytedb_udp_batches_waiting";
}

/// Where it is read.
#[derive(Clone)]
pub struct Sources {
    pub engine: Arc<Engine>,
    pub pool: Arc<Pool>,
    pub query: QueryService,
    pub statements: Arc<Statements>,
    pub statistics: Arc<Statistics>,
    pub diagnostics: Arc<Diagnostics>,
    pub node_id: u64,
}

/// Answers scrapes.
#[derive(Clone)]
pub struct Scrape {
    handle: PrometheusHandle,
    sources: Sources,
}

impl Scrape {
    #[must_use]
    pub fn new(handle: PrometheusHandle, sources: Sources) -> Self {
        Self { handle, sources }
    }

    /// All metrics in Prometheus' text format, version 0.0.4. Takes no permit, no thread
    /// and waits for no lock longer than some milliseconds.
    #[must_use]
    pub fn text(&self) -> String {
        let sources = &self.sources;
        process(sources);
        counters(&sources.statistics);
        engine(&sources.engine.status());
        queries(sources);
        self.handle.render()
    }
}

fn process(sources: &Sources) {
    let labels = [
        ("version", env!("CARGO_PKG_VERSION").to_string()),
        ("node_id", sources.node_id.to_string()),
    ];
    level!(gauge::INFO, &labels).set(1.0);
    set(gauge::UPTIME, sources.diagnostics.uptime_seconds());
    set(gauge::RESIDENT, resident_bytes());
}

fn counters(s: &Statistics) {
    for (name, value) in [
        (gauge::WRITE_REQUESTS, &s.write_requests),
        (gauge::WRITE_ERRORS, &s.writes_failed),
        (gauge::POINTS, &s.points_written),
        (gauge::POINTS_DROPPED, &s.points_dropped),
        (gauge::PROMETHEUS_WRITES, &s.prometheus_writes),
        (gauge::PROMETHEUS_READS, &s.prometheus_reads),
        (gauge::QUERY_REQUESTS, &s.query_requests),
        (gauge::CQ_ERRORS, &s.continuous_failed),
        (gauge::UDP_BYTES, &s.udp.bytes_received),
        (gauge::UDP_POINTS, &s.udp.points_received),
        (gauge::UDP_DROPPED, &s.udp.points_dropped),
    ] {
        counter!(name).absolute(value.get());
    }
    let runs = s.continuous_succeeded.get() + s.continuous_failed.get();
    counter!(gauge::CQ_RUNS).absolute(runs);
    set(gauge::UDP_WAITING, s.udp.batches_waiting.get());
}

fn engine(status: &EngineStatus) {
    set(gauge::HEALTHY, u64::from(!status.flush_failed));
    set(gauge::MEMTABLE, status.unflushed_bytes as u64);
    set(gauge::MEMTABLE_MAX, status.unflushed_bytes_max as u64);
    set(gauge::COMMITS_WAITING, status.commits_waiting as u64);
    set(
        gauge::COMMITS_WAITING_MAX,
        status.commits_waiting_max as u64,
    );
    set(gauge::FLUSHING, u64::from(status.flushing));
    set(gauge::FOOTERS, status.footers as u64);
    set(gauge::FOOTER_BYTES_MAX, status.footer_bytes_max as u64);
    set(gauge::FOOTER_BYTES, status.footer_bytes as u64);
    if let Some(positions) = status.positions {
        set(gauge::WAL_LAST, positions.visible);
        set(gauge::WAL_FLUSHED, positions.flushed);
        let backlog = positions.visible.saturating_sub(positions.flushed);
        set(gauge::WAL_BACKLOG, backlog);
    }
    if let Some(contents) = &status.contents {
        held(contents);
    }
}

fn held(contents: &Contents) {
    set(gauge::DATABASES, contents.databases as u64);
    set(gauge::MEASUREMENTS, contents.measurements as u64);
    set(gauge::SERIES, contents.series);
    set(gauge::FILES, contents.files);
    set(gauge::FILE_BYTES, contents.file_bytes);
    set(gauge::TOMBSTONES, contents.tombstones);
}

fn queries(sources: &Sources) {
    let load = sources.query.load();
    set(gauge::QUERIES_RUNNING, load.running as u64);
    set(gauge::QUERIES_MAX, load.running_max as u64);
    set(gauge::QUERIES_WAITING, load.waiting as u64);
    let pool = sources.pool.status();
    set(gauge::CHDB_SIZE, pool.connections as u64);
    set(gauge::CHDB_BUSY, pool.busy as u64);
    set(gauge::CHDB_WAITING, pool.waiting as u64);
    let (entries, limit) = match sources.statements.entries() {
        Some(entries) => (entries.len(), entries.len_max()),
        None => (0, 0),
    };
    set(gauge::STATEMENTS, entries as u64);
    set(gauge::STATEMENTS_MAX, limit as u64);
}

fn set(name: &'static str, value: u64) {
    level!(name).set(value as f64);
}
