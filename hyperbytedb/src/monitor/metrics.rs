//! What the process measures as it works, and where Prometheus reads it. Every name is
//! in [`table`], which is also what `docs/metrics.md` is made of.

mod scrape;
pub mod table;

use std::time::Duration;

use metrics::{Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use self::table::{Kind, Metric, TABLE};
use crate::summary::Outcome;

pub use scrape::{Scrape, Sources};

/// How often what was observed is taken into the buckets, which bounds the memory of
/// histograms that nobody reads.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// The names that the process emits, each where something happens; those of the engine are in
/// `storage::metrics`.
pub(crate) mod name {
    pub const HTTP_REQUESTS: &str = "hyperbytedb_http_requests_total";
    pub const HTTP_SECONDS: &str = "hyperbytedb_http_request_duration_seconds";
    pub const HTTP_IN_FLIGHT: &str = "hyperbytedb_http_requests_in_flight";
    pub const HTTP_RUNNING_MAX: &str = "hyperbytedb_http_requests_limit";
    pub const HTTP_WAITING: &str = "hyperbytedb_http_requests_waiting";
    pub const HTTP_REFUSED: &str = "hyperbytedb_http_requests_refused_total";
    pub const BODY_BYTES: &str = "hyperbytedb_http_body_bytes";
    pub const BODY_BYTES_MAX: &str = "hyperbytedb_http_body_limit_bytes";
    pub const CONNECTIONS: &str = "hyperbytedb_http_connections";
    pub const CONNECTIONS_MAX: &str = "hyperbytedb_http_connections_limit";
    pub const QUERIES: &str = "hyperbytedb_query_statements_total";
    pub const QUERY_ERRORS: &str = "hyperbytedb_query_errors_total";
    pub const QUERY_SECONDS: &str = "hyperbytedb_query_duration_seconds";
    pub const QUERY_ROWS: &str = "hyperbytedb_query_rows_returned_total";
    pub const QUERY_BYTES: &str = "hyperbytedb_query_bytes_read_total";
    pub const WRITE_SECONDS: &str = "hyperbytedb_write_duration_seconds";
    pub const WRITE_BYTES: &str = "hyperbytedb_write_payload_bytes";
    pub const SCAN_SECONDS: &str = "hyperbytedb_chdb_query_seconds";
}

/// Sets up the recorder of the process, with every metric described and, unless it has
/// labels, at zero.
///
/// # Errors
/// When the process has a recorder already.
pub fn install() -> Result<PrometheusHandle, String> {
    let mut builder = PrometheusBuilder::new();
    for metric in TABLE {
        if let Kind::Histogram(buckets) = metric.kind {
            let name = Matcher::Full(metric.name.to_string());
            builder = builder
                .set_buckets_for_metric(name, buckets)
                .map_err(|error| format!("{}: {error}", metric.name))?;
        }
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    TABLE.iter().for_each(register);
    Ok(handle)
}

fn register(metric: &Metric) {
    match metric.kind {
        Kind::Counter => {
            metrics::describe_counter!(metric.name, Unit::Count, metric.help);
            if metric.labels.is_empty() {
                counter!(metric.name).increment(0);
            }
        }
        Kind::Gauge => {
            metrics::describe_gauge!(metric.name, Unit::Count, metric.help);
            if metric.labels.is_empty() {
                gauge!(metric.name).set(0.0);
            }
        }
        Kind::Histogram(_) => {
            metrics::describe_histogram!(metric.name, Unit::Count, metric.help);
            if metric.labels.is_empty() {
                // Being known is enough for it to be shown.
                let _known = histogram!(metric.name);
            }
        }
    }
}

/// Keeps histograms small for as long as its task runs.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// A statement has ended.
pub fn statement(kind: &'static str, outcome: &Outcome<'_>) {
    counter!(name::QUERIES, "statement" => kind).increment(1);
    histogram!(name::QUERY_SECONDS, "statement" => kind).record(outcome.took);
    counter!(name::QUERY_ROWS).increment(outcome.rows);
    counter!(name::QUERY_BYTES).increment(outcome.bytes);
    if outcome.error.is_some() {
        statement_failed(kind);
    }
}

/// A statement, or what was to be one, has failed.
pub fn statement_failed(kind: &'static str) {
    counter!(name::QUERY_ERRORS, "statement" => kind).increment(1);
}

/// A write has ended, whatever became of it.
pub fn write(body_bytes: usize, took: Duration) {
    histogram!(name::WRITE_BYTES).record(body_bytes as f64);
    histogram!(name::WRITE_SECONDS).record(took);
}

/// The embedded engine has answered, or its reader has gone.
pub fn chdb_query(took: Duration) {
    histogram!(name::SCAN_SECONDS).record(took);
}
