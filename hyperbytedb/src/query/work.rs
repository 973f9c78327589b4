//! What a statement has read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of rows and bytes that executors read for a statement. Bytes are those of
/// decoded columns; of files that ClickHouse reads by itself, those of the files.
#[derive(Debug, Default)]
pub struct Work {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Work {
    /// Adds what was read.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
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
