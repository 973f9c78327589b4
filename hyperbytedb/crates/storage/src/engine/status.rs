//! How full the engine is: what an operator watches. Never waits long for a lock that
//! writes or queries may hold.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::engine::{COMMIT_QUEUE, Engine};
use crate::state::Positions;

/// Longest wait for one lock.
const LOCK_WAIT: Duration = Duration::from_millis(5);
/// Longest time for all of them together.
const WAIT_MAX: Duration = Duration::from_millis(25);

/// Numbers of one moment. What is behind a lock that somebody holds is absent.
#[derive(Debug, Clone, Default)]
pub struct EngineStatus {
    pub unflushed_bytes: usize,
    /// Bytes at which writers wait, then are refused.
    pub unflushed_bytes_max: usize,
    pub positions: Option<Positions>,
    /// Writes that wait for the log.
    pub commits_waiting: usize,
    pub commits_waiting_max: usize,
    /// Whether a flush runs.
    pub flushing: bool,
    pub flush_failed: bool,
    pub footers: usize,
    pub footer_bytes: usize,
    pub footer_bytes_max: usize,
    pub contents: Option<Contents>,
}

/// What the engine holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    pub databases: usize,
    /// One for each retention policy that it is in.
    pub measurements: usize,
    pub series: u64,
    pub files: u64,
    pub file_bytes: u64,
    pub tombstones: u64,
}

impl Engine {
    /// How full the engine is now.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let state = &self.state;
        let (footers, footer_bytes) = state.data.footers_kept();
        EngineStatus {
            unflushed_bytes: self.unflushed_bytes(),
            unflushed_bytes_max: state.config.cache_bytes_max,
            positions: state.positions.try_lock_for(LOCK_WAIT).map(|held| *held),
            commits_waiting: self.commits_waiting(),
            commits_waiting_max: COMMIT_QUEUE,
            flushing: state.flushing.try_lock().is_none(),
            flush_failed: state.flush_failed.load(Ordering::Relaxed),
            footers,
            footer_bytes,
            footer_bytes_max: state.config.footer_bytes_max,
            contents: self.contents(),
        }
    }

    fn contents(&self) -> Option<Contents> {
        let until = Instant::now() + WAIT_MAX;
        let (databases, tables, tombstones) = {
            let schema = self.state.schema.try_read_for(LOCK_WAIT)?;
            let tombstones = schema.tombstone_count() as u64;
            (schema.databases.len(), schema.tables(None), tombstones)
        };
        let mut contents = Contents {
            databases,
            tombstones,
            ..Contents::default()
        };
        for table in tables {
            let inner = table.try_read_until(until)?;
            let series = inner.series.len() as u64;
            contents.measurements += usize::from(series > 0);
            contents.series += series;
            contents.files += inner.files.len() as u64;
            contents.file_bytes += inner.files.iter().map(|file| file.bytes).sum::<u64>();
        }
        Some(contents)
    }
}
