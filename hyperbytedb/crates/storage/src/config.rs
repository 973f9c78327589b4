//! The engine's settings.

use std::path::PathBuf;
use std::time::Duration;

const DAY_NS: i64 = 86_400_000_000_000;

/// How files are cut and kept.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// Nanoseconds of time in one partition.
    pub partition_ns: i64,
    /// Keep the version of every row.
    pub keep_versions: bool,
}

impl Default for FileLayout {
    fn default() -> Self {
        Self {
            partition_ns: DAY_NS,
            keep_versions: false,
        }
    }
}

/// When an accepted write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Before it is acknowledged; waiting writes share one fsync.
    Always,
    /// At this interval: a power loss may take what came since the last one. A crash of
    /// the process alone takes nothing.
    Interval(Duration),
    /// When the operating system likes: a power loss may take minutes.
    Off,
}

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    pub data_dir: PathBuf,
    pub wal_dir: PathBuf,
    pub meta_dir: PathBuf,
    /// The node's part of versions.
    pub node_id: u64,
    pub sync: Sync,
    /// Bytes of unflushed points at which writers wait, then are refused.
    pub cache_bytes_max: usize,
    /// Bytes of unflushed points at which a flush begins.
    pub flush_bytes: usize,
    /// Age of the oldest unflushed point at which a flush begins.
    pub flush_age: Duration,
    /// How long a write waits for a flush before it is refused.
    pub write_wait: Duration,
    pub layout: FileLayout,
    /// Measurements of one database, over all its policies; 0 = no limit.
    pub measurements_max: usize,
    /// Series of one database, over all its policies; 0 = no limit.
    pub series_max: usize,
    /// Values of one tag key of a measurement; 0 = no limit.
    pub tag_values_max: usize,
    /// Bytes that must be free on the disks of the log and the files; with less, writes
    /// are refused. 0 = no limit.
    pub disk_free_bytes_min: u64,
    /// Bytes of parsed file footers that are kept.
    pub footer_bytes_max: usize,
}

impl EngineConfig {
    /// The defaults, below one directory.
    #[must_use]
    pub fn in_directory(directory: &std::path::Path) -> Self {
        Self {
            data_dir: directory.join("data"),
            wal_dir: directory.join("wal"),
            meta_dir: directory.join("meta"),
            node_id: 1,
            sync: Sync::Always,
            cache_bytes_max: 512 << 20,
            flush_bytes: 128 << 20,
            flush_age: Duration::from_secs(600),
            write_wait: Duration::from_secs(5),
            layout: FileLayout::default(),
            measurements_max: 0,
            series_max: 0,
            tag_values_max: 0,
            disk_free_bytes_min: 0,
            footer_bytes_max: 256 << 20,
        }
    }
}
