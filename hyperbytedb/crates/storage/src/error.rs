//! What can go wrong in the storage engine. Every text names the thing.

use std::path::PathBuf;

use crate::clock::Version;
use crate::disk::DiskFull;

/// An error of the storage engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    #[error("database not found: \"{0}\"")]
    DatabaseNotFound(String),
    #[error("retention policy not found: {0}")]
    PolicyNotFound(String),
    #[error("retention policy already exists")]
    PolicyConflict,
    /// It exists as described, but is not the default one as asked.
    #[error("retention policy conflicts with an existing policy")]
    PolicyNotDefault,
    #[error("continuous query already exists")]
    ContinuousQueryExists,
    #[error("subscription already exists")]
    SubscriptionExists,
    #[error("subscription not found")]
    SubscriptionNotFound,
    #[error("user already exists")]
    UserExists,
    #[error("user not found")]
    UserNotFound,
    #[error("{0}")]
    InvalidPolicy(String),
    /// The memory for unflushed points is full and the flush has not caught up;
    /// clients know this text and try again.
    #[error(
        "engine: cache-max-memory-size exceeded: ({bytes}/{limit}); the flush to files is behind, try again"
    )]
    Full { bytes: usize, limit: usize },
    #[error("{0}")]
    DiskFull(#[from] DiskFull),
    #[error("{door} {path}: {message}")]
    Io {
        /// What was being done.
        door: &'static str,
        path: PathBuf,
        message: String,
    },
    #[error(
        "file {path} is damaged: {message}; restore it from a backup, or remove it with what it holds"
    )]
    Damaged { path: PathBuf, message: String },
    #[error("the log entry {sequence} is damaged: {message}")]
    DamagedLog { sequence: u64, message: String },
    #[error("the record of {what} is damaged: {message}")]
    DamagedRecord { what: String, message: String },
    #[error(
        "the catalog has format {format}, and this version knows formats up to {known}: it was written by a newer version of HyperbyteDB, start that one"
    )]
    LaterFormat { format: u64, known: u64 },
    #[error("the storage engine has stopped: {0}")]
    Stopped(String),
    #[error("invalid regular expression {pattern}: {message}")]
    Regex { pattern: String, message: String },
    #[error("version {0} lies too far in the future")]
    FutureVersion(Version),
}

pub type Result<T> = std::result::Result<T, StorageError>;

impl StorageError {
    /// An I/O error at one of the two doors.
    pub fn io(door: &'static str, path: impl Into<PathBuf>, error: impl std::fmt::Display) -> Self {
        StorageError::Io {
            door,
            path: path.into(),
            message: error.to_string(),
        }
    }
}
