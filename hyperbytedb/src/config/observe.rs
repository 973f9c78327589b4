//! Keys of what an operator sees.

use serde::{Deserialize, Serialize};

/// `[statement_summary]`: `GET /api/v1/statements`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementSummary {
    pub enabled: bool,
    /// The entry used longest ago goes when there are more.
    pub max_entries: usize,
    /// With authentication on, the list is for those who log in.
    pub require_auth: bool,
}

/// `[metrics]`: `GET /metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pub enabled: bool,
    /// With authentication on, they are for those who log in.
    pub require_auth: bool,
}

/// `[logging]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,storage=debug`.
    pub level: String,
    /// `text` or `json`.
    pub format: String,
    /// Milliseconds from which on a statement gets a line of its own; 0 = never.
    pub slow_query_ms: u64,
    /// Base URL of an OpenTelemetry collector (OTLP over HTTP); empty = none.
    pub otlp_endpoint: String,
    /// The part of the requests whose spans are sent, 0 to 1.
    pub otlp_sample_ratio: f64,
}

impl Default for StatementSummary {
    fn default() -> Self {
        Self {
            enabled: true,
            max_entries: 1000,
            require_auth: true,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            require_auth: false,
        }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: "text".into(),
            slow_query_ms: 0,
            otlp_endpoint: String::new(),
            otlp_sample_ratio: 1.0,
        }
    }
}
