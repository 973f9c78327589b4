//! Errors of the engine, sorted by what the caller can do.

/// An error of the embedded engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChdbError {
    #[error("the embedded engine did not start: {0}")]
    Start(String),
    /// `max_execution_time` was over; the engine stopped the query.
    #[error("the query ran longer than its limit")]
    Timeout,
    /// `max_memory_usage` was reached; the engine stopped the query.
    #[error("the query needed more memory than its limit")]
    Memory,
    /// The engine refused or failed; its own words.
    #[error("{0}")]
    Query(String),
    #[error("the embedded engine has stopped")]
    Stopped,
}

const TIMEOUT_EXCEEDED: &str = "Code: 159.";
const MEMORY_LIMIT_EXCEEDED: &str = "Code: 241.";

impl From<chdb_rust::error::Error> for ChdbError {
    fn from(error: chdb_rust::error::Error) -> Self {
        ChdbError::of_text(error.to_string())
    }
}

impl From<arrow::error::ArrowError> for ChdbError {
    fn from(error: arrow::error::ArrowError) -> Self {
        ChdbError::of_text(error.to_string())
    }
}

impl ChdbError {
    fn of_text(text: String) -> Self {
        if text.contains(TIMEOUT_EXCEEDED) {
            ChdbError::Timeout
        } else if text.contains(MEMORY_LIMIT_EXCEEDED) {
            ChdbError::Memory
        } else {
            ChdbError::Query(text)
        }
    }
}
