//! Every key with its default.

use serde::{Deserialize, Serialize};

use super::later::{Cluster, Compaction, HintedHandoff};
use super::observe::{Logging, Metrics, StatementSummary};
use crate::query::direct::Executor;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub server: Server,
    pub storage: Storage,
    pub wal: Wal,
    pub flush: Flush,
    pub write: Write,
    pub udp: Udp,
    pub query: Query,
    pub chdb: Chdb,
    pub cardinality: Cardinality,
    pub auth: Auth,
    pub cluster: Cluster,
    pub compaction: Compaction,
    pub statement_summary: StatementSummary,
    pub hinted_handoff: HintedHandoff,
    pub rate_limit: RateLimit,
    pub metrics: Metrics,
    pub logging: Logging,
}

/// `[server]`: the HTTP side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Server {
    pub bind_address: String,
    pub port: u16,
    /// Bytes of a request body, as it is sent.
    pub max_body_size_bytes: usize,
    /// Bytes of a body after decompression; 0 = ten times as many as it may have as it is sent.
    pub max_decompressed_body_size_bytes: usize,
    /// 0 = as many as the body holds.
    pub max_points_per_request: usize,
    /// Seconds after which a write is answered with 503, its outcome unknown; it goes on.
    /// 0 = no limit.
    pub request_timeout_secs: u64,
    /// Seconds that a statement may run, the time not counted in which its client reads;
    /// 0 = no limit.
    pub query_timeout_secs: u64,
    /// Queries at one time; 0 = twice as many as there are connections to the engine.
    pub max_concurrent_queries: usize,
    /// Writes at one time, and as many other requests; 0 = 16 a core, at least 256.
    pub max_concurrent_requests: usize,
    /// Milliseconds that a request waits for its turn before 503.
    pub request_queue_timeout_ms: u64,
    /// Open connections; as many as fit into the limit of open files.
    pub max_connections: usize,
    /// Bytes of the head of a request, its path included.
    pub max_header_bytes: usize,
    /// Seconds for the head of a request, and for a TLS handshake.
    pub header_timeout_secs: u64,
    /// Seconds that a body, or a client that reads an answer, may stand still.
    pub body_timeout_secs: u64,
    /// Seconds that a connection may be without a request.
    pub idle_timeout_secs: u64,
    /// MiB of bodies of requests that are not worked off, as they are sent and after
    /// decompression.
    pub body_memory_max_mb: usize,
    /// Seconds that requests may take to finish after a signal to stop.
    pub shutdown_grace_secs: u64,
    /// Write memory into files before the process ends.
    pub flush_on_shutdown: bool,
    /// HTTPS, and nothing else, on the port.
    pub tls_enabled: bool,
    /// PEM: the certificate, then those that lead to a root.
    pub tls_cert_path: String,
    /// PEM: PKCS#8, PKCS#1 or SEC1.
    pub tls_key_path: String,
    /// PEM: who signs the certificates that clients may show; empty = none are asked for.
    pub tls_client_ca_path: String,
    /// Answer on a unix socket, too.
    pub unix_socket_enabled: bool,
    pub unix_socket_path: String,
}

/// `[storage]`: where things lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// `local`.
    pub backend: String,
    pub data_dir: String,
    pub wal_dir: String,
    pub meta_dir: String,
    /// MiB of points in memory at which writers wait, then get 503.
    pub cache_max_memory_mb: usize,
    /// MiB that must be free on the disks; with less, writes get 503. 0 = no limit.
    pub disk_min_free_mb: u64,
    pub s3: S3,
}

/// `[storage.s3]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct S3 {
    pub bucket: String,
    pub prefix: String,
    pub region: String,
    pub endpoint: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// `[wal]`: the write-ahead log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wal {
    /// `always` (fsync before 204), `interval` or `off`.
    pub sync: String,
    /// Milliseconds, for `interval`.
    pub sync_interval_ms: u64,
}

/// `[flush]`: from memory into files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flush {
    /// Seconds after which a point in memory is written into a file.
    pub interval_secs: u64,
    /// MiB in memory at which a flush begins earlier.
    pub wal_size_threshold_mb: usize,
    /// Time in one directory of files: `1d` or `1h`.
    pub time_bucket_duration: String,
    /// Without effect: a file holds what memory held.
    pub max_points_per_batch: usize,
    /// Without effect: all writes that wait share an append.
    pub wal_batch_size: usize,
    /// Without effect: an append never waits for further writes.
    pub wal_batch_delay_us: u64,
    /// Milliseconds that a write waits for room in memory before it is refused.
    pub wal_enqueue_timeout_ms: u64,
}

/// `[write]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Write {
    /// Take `42u` as an unsigned integer; InfluxDB 1.x refuses it.
    pub unsigned_integers: bool,
}

/// `[udp]`: line protocol in datagrams, which nobody acknowledges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Udp {
    pub enabled: bool,
    /// Address and port.
    pub bind_address: String,
    /// Where points go; it is created when it does not exist.
    pub database: String,
    /// Empty = the default one.
    pub retention_policy: String,
    /// Unit of the times: `n`, `u`, `ms`, `s`, `m` or `h`; empty = `n`.
    pub precision: String,
    /// Points that are written at once.
    pub batch_size: usize,
    /// Batches that may wait to be written; what comes then is dropped.
    pub batch_pending: usize,
    /// How long a point waits for others, such as `1s`.
    pub batch_timeout: String,
    /// Bytes that the system keeps for the socket; 0 = its default.
    pub read_buffer: usize,
}

/// `[query]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// MiB that one query may use.
    pub memory_max_mb: usize,
    /// MiB of parsed footers of files that are kept.
    pub footer_cache_mb: usize,
    /// Buckets of GROUP BY time in one statement; 0 = no limit.
    pub max_select_buckets: usize,
    /// `auto`, or for tests and comparisons `direct` or `clickhouse` for every scan.
    pub executor: String,
}

impl Query {
    /// The executor that is forced, if one is.
    #[must_use]
    pub fn executor(&self) -> Executor {
        match self.executor.as_str() {
            "direct" => Executor::Direct,
            "clickhouse" => Executor::ClickHouse,
            _ => Executor::Auto,
        }
    }
}

/// `[chdb]`: the embedded ClickHouse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chdb {
    /// Connections, that is queries at one time.
    pub pool_size: usize,
    /// Threads of one query; 0 = one a core.
    pub max_threads: usize,
    /// Without effect: the engine keeps nothing.
    pub session_data_path: String,
}

/// `[cardinality]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cardinality {
    /// 0 = no limit.
    pub max_measurements_per_database: usize,
    /// Values of one tag key of a measurement; 0 = no limit.
    pub max_tag_values_per_measurement: usize,
    /// Series of all measurements of a database; 0 = no limit.
    pub max_series_per_database: usize,
}

/// `[rate_limit]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    pub enabled: bool,
    /// Writes, and as many other requests.
    pub max_requests_per_second: u64,
}

/// `[auth]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    /// Ask for credentials; without an admin only `CREATE USER … WITH ALL PRIVILEGES`.
    pub enabled: bool,
    /// What JSON web tokens are signed with (HS256, 384, 512); empty: they are refused.
    pub jwt_secret: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            bind_address: "127.0.0.1".into(),
            port: 8086,
            max_body_size_bytes: 25_000_000,
            max_decompressed_body_size_bytes: 0,
            max_points_per_request: 0,
            request_timeout_secs: 30,
            query_timeout_secs: 0,
            max_concurrent_queries: 0,
            max_concurrent_requests: 0,
            request_queue_timeout_ms: 1000,
            max_connections: 10_000,
            max_header_bytes: 128 << 10,
            header_timeout_secs: 10,
            body_timeout_secs: 20,
            idle_timeout_secs: 180,
            body_memory_max_mb: 512,
            shutdown_grace_secs: 10,
            flush_on_shutdown: true,
            tls_enabled: false,
            tls_cert_path: String::new(),
            tls_key_path: String::new(),
            tls_client_ca_path: String::new(),
            unix_socket_enabled: false,
            unix_socket_path: "/var/run/hyperbytedb.sock".into(),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            backend: "local".into(),
            data_dir: "./data/files".into(),
            wal_dir: "./data/wal".into(),
            meta_dir: "./data/meta".into(),
            cache_max_memory_mb: 512,
            disk_min_free_mb: 256,
            s3: S3::default(),
        }
    }
}

impl Default for Wal {
    fn default() -> Self {
        Self {
            sync: "always".into(),
            sync_interval_ms: 200,
        }
    }
}

impl Default for Flush {
    fn default() -> Self {
        Self {
            interval_secs: 600,
            wal_size_threshold_mb: 128,
            time_bucket_duration: "1d".into(),
            max_points_per_batch: 0,
            wal_batch_size: 64,
            wal_batch_delay_us: 200,
            wal_enqueue_timeout_ms: 5000,
        }
    }
}

impl Default for Udp {
    fn default() -> Self {
        Self {
            enabled: false,
            bind_address: "127.0.0.1:8089".into(),
            database: "udp".into(),
            retention_policy: String::new(),
            precision: String::new(),
            batch_size: 5000,
            batch_pending: 10,
            batch_timeout: "1s".into(),
            read_buffer: 0,
        }
    }
}

impl Default for Query {
    fn default() -> Self {
        Self {
            memory_max_mb: 1024,
            footer_cache_mb: 256,
            max_select_buckets: 0,
            executor: "auto".into(),
        }
    }
}

impl Default for Chdb {
    fn default() -> Self {
        Self {
            pool_size: 4,
            max_threads: 0,
            session_data_path: "./chdb_data".into(),
        }
    }
}

impl Default for Cardinality {
    fn default() -> Self {
        Self {
            max_measurements_per_database: 0,
            max_tag_values_per_measurement: 100_000,
            max_series_per_database: 10_000_000,
        }
    }
}
