//! What a statement has read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::error::QueryError;

/// Counts of rows and bytes that executors read for a statement. Bytes are those of
/// decoded columns; of files that ClickHouse reads by itself, those of the files.
#[derive(Debug, Default)]
pub struct Work {
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Rows that one scan may read.
    rows_max: Option<u64>,
    /// Set when there is more to be read, or to be answered, than may be.
    too_much: AtomicBool,
    /// Nanoseconds in which the client read and the statement waited for it.
    waited_ns: AtomicU64,
}

impl Work {
    /// Scans of at most so many rows; of any number without a limit.
    #[must_use]
    pub fn new(rows_max: Option<u64>) -> Self {
        Self {
            rows_max,
            ..Self::default()
        }
    }

    /// To be called before `rows` rows, about, are read and answered.
    ///
    /// # Errors
    /// [`QueryError::Long`] when these are too many; nothing more is to be done then.
    pub fn check(&self, rows: u64) -> Result<(), QueryError> {
        if self.rows_max.is_some_and(|limit| rows > limit) {
            self.give_up();
            return Err(QueryError::Long);
        }
        Ok(())
    }

    /// Notes that there is too much to do.
    pub fn give_up(&self) {
        self.too_much.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn is_too_much(&self) -> bool {
        self.too_much.load(Ordering::Relaxed)
    }

    /// Adds what was read.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds time in which nothing was done because the client had not read what there was.
    pub fn add_wait(&self, waited: Duration) {
        let nanoseconds = u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Time that does not count as the statement's.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_ns.load(Ordering::Relaxed))
    }

    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_rows_are_refused_before_they_are_read() {
        let short = Work::new(Some(10));
        assert_eq!(short.check(10), Ok(()));
        assert!(!short.is_too_much());
        assert_eq!(short.check(11), Err(QueryError::Long));
        assert!(short.is_too_much());
        assert_eq!(Work::new(None).check(u64::MAX), Ok(()));
    }
}
