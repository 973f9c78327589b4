//! What accompanies a query on its way: limits, cancellation, the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::QueryError;
use super::work::Work;
use crate::auth::Identity;

/// Limits and circumstances of one running statement.
#[derive(Debug, Clone)]
pub struct QueryContext {
    /// Whose statement it is.
    pub identity: Identity,
    /// `db` of the request; statements may name others.
    pub database: String,
    /// `rp` of the request.
    pub policy: Option<String>,
    /// `now()`, nanoseconds since 1970.
    pub now_ns: i64,
    /// When the statement must have ended, if it has never waited for its client.
    pub deadline: Option<Instant>,
    /// Most bytes that the statement's operators and the engine may hold.
    pub memory_bytes_max: usize,
    /// Most buckets of GROUP BY time over all groups; 0 = no limit.
    pub buckets_max: usize,
    /// Set when the client is gone or the query was killed.
    pub cancelled: Arc<AtomicBool>,
    /// What was read so far.
    pub work: Arc<Work>,
}

impl QueryContext {
    /// Fails when the time is over or the query was stopped: to be called now and
    /// then in every long loop.
    ///
    /// # Errors
    /// [`QueryError::Timeout`] or [`QueryError::Killed`].
    pub fn check(&self) -> Result<(), QueryError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(QueryError::Killed);
        }
        match self.time_left() {
            Some(Duration::ZERO) => Err(QueryError::Timeout),
            _ => Ok(()),
        }
    }

    /// Time left, if there is a limit.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some((deadline + self.work.waited()).saturating_duration_since(Instant::now()))
    }
}
