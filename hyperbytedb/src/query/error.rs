//! What can go wrong with a query, in the words InfluxDB uses for it.

use crate::auth::Forbidden;

/// The error of one statement; its text is what the client sees in the result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QueryError {
    #[error("database name required")]
    DatabaseRequired,
    #[error("database not found: {0}")]
    DatabaseNotFound(String),
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    /// Whoever asks may not have this; nothing was executed.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// The statement cannot be executed as written.
    #[error("{0}")]
    Invalid(String),
    #[error("query interrupted: it ran longer than the limit (server.query_timeout_secs)")]
    Timeout,
    #[error("query interrupted")]
    Killed,
    #[error(
        "query stopped: it needs more than {limit_bytes} bytes of memory (query.memory_max_mb); narrow the time range or the select list"
    )]
    Memory { limit_bytes: usize },
    #[error("max-select-buckets limit exceeded: ({buckets}/{limit})")]
    Buckets { buckets: usize, limit: usize },
    /// It reads more than a short query may: it is begun again as a long one.
    #[error("the query is long")]
    Long,
    /// The engine or the storage failed; the text names the file or the cause.
    #[error("{0}")]
    Engine(String),
}
