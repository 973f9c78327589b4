//! What the engine measures as it works. The names are used here and described by the
//! process, which alone knows where they are read.

use std::time::Duration;

use metrics::{counter, histogram};

pub const WAL_APPENDS: &str = "hyperbytedb_wal_appends_total";
pub const WAL_BYTES: &str = "hyperbytedb_wal_appended_bytes_total";
pub const WAL_ERRORS: &str = "hyperbytedb_wal_errors_total";
pub const WAL_COMMIT_SECONDS: &str = "hyperbytedb_wal_commit_seconds";
pub const WAL_COMMIT_ENTRIES: &str = "hyperbytedb_wal_commit_entries";
pub const WRITES_REFUSED: &str = "hyperbytedb_writes_refused_total";
pub const FLUSH_RUNS: &str = "hyperbytedb_flush_runs_total";
pub const FLUSH_ERRORS: &str = "hyperbytedb_flush_errors_total";
pub const FLUSH_SECONDS: &str = "hyperbytedb_flush_duration_seconds";
pub const FLUSH_POINTS: &str = "hyperbytedb_flush_points_total";
pub const FILES_WRITTEN: &str = "hyperbytedb_parquet_files_written_total";
pub const FILE_BYTES_WRITTEN: &str = "hyperbytedb_parquet_bytes_written_total";

/// A group of entries was appended to the log.
pub(crate) fn wal_commit(entries: usize, bytes: usize, took: Duration, stored: bool) {
    if !stored {
        counter!(WAL_ERRORS).increment(1);
        return;
    }
    counter!(WAL_APPENDS).increment(entries as u64);
    counter!(WAL_BYTES).increment(bytes as u64);
    histogram!(WAL_COMMIT_SECONDS).record(took);
    histogram!(WAL_COMMIT_ENTRIES).record(entries as f64);
}

/// A write found no room in memory.
pub(crate) fn write_refused() {
    counter!(WRITES_REFUSED).increment(1);
}

/// A flush ended.
pub(crate) fn flush(took: Duration, succeeded: bool) {
    counter!(FLUSH_RUNS).increment(1);
    histogram!(FLUSH_SECONDS).record(took);
    if !succeeded {
        counter!(FLUSH_ERRORS).increment(1);
    }
}

/// A file of so many bytes and rows is the catalog's from now on.
pub(crate) fn file_written(bytes: u64, rows: u64) {
    counter!(FILES_WRITTEN).increment(1);
    counter!(FILE_BYTES_WRITTEN).increment(bytes);
    counter!(FLUSH_POINTS).increment(rows);
}
