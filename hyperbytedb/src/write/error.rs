//! What can go wrong with a write, in InfluxDB's words.

use points::line_protocol::InvalidPrecision;
use storage::StorageError;

use crate::auth::Forbidden;

/// Why a write was refused, wholly or in part.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("database is required")]
    DatabaseRequired,
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    #[error("{0}")]
    Precision(#[from] InvalidPrecision),
    #[error("invalid consistency level")]
    Consistency,
    /// No line could be read.
    #[error("{0}")]
    Parse(String),
    /// Some points were stored, others not.
    #[error("partial write: {reason} dropped={dropped}")]
    Partial { reason: String, dropped: usize },
    #[error("a request may hold {0} points (server.max_points_per_request); send it in parts")]
    TooManyPoints(usize),
    #[error("{0}")]
    Storage(#[from] StorageError),
    #[error("the write was interrupted; its outcome is unknown")]
    Interrupted,
}
