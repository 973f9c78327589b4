//! What all threads of the engine share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;
use parking_lot::{Condvar, Mutex, RwLock};

use crate::cardinality::SeriesBounds;
use crate::clock::HybridClock;
use crate::config::EngineConfig;
use crate::disk::Disks;
use crate::meta::{Meta, Position};
use crate::object::LocalStore;
use crate::parquet::footer::FooterCache;
use crate::run::Run;
use crate::schema::Schema;
use crate::table::Table;
use crate::wal::Wal;

/// Where the log stands. The order that always holds:
/// `truncated <= flushed <= visible <= durable <= appended`; here appending, syncing and
/// making visible are one step under one lock, so one number stands for the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Positions {
    /// The last entry that is appended, on disk and seen by queries.
    pub visible: u64,
    /// The last entry whose points are all in files.
    pub flushed: u64,
    /// The last entry that was removed.
    pub truncated: u64,
}

/// A request to the flush thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FlushDemand {
    pub wanted: bool,
    pub stop: bool,
}

pub(crate) struct Shared {
    pub config: EngineConfig,
    pub clock: HybridClock,
    pub meta: Meta,
    pub wal: Wal,
    pub store: Arc<LocalStore>,
    pub footers: Arc<FooterCache>,
    pub schema: RwLock<Schema>,
    /// Held over each group commit, each schema change and each freeze: what happens
    /// under it happens before or after a write, never in the middle.
    pub positions: Mutex<Positions>,
    /// Held over a whole flush; two never run at once.
    pub flushing: Mutex<()>,
    pub unflushed_bytes: AtomicUsize,
    /// When the oldest unflushed point came.
    pub oldest: Mutex<Option<Instant>>,
    pub file_id: AtomicU64,
    pub demand: Mutex<FlushDemand>,
    pub demanded: Condvar,
    pub disks: Disks,
    pub series_bounds: SeriesBounds,
    /// Woken after each flush.
    pub flushed: tokio::sync::Notify,
    /// Tables with runs to merge.
    pub merges: Sender<Arc<Table>>,
    /// The error that stopped the last flush, until one succeeds.
    pub flush_error: Mutex<Option<String>>,
    /// Whether there is such an error.
    pub flush_failed: AtomicBool,
}

impl Shared {
    /// Puts a run into its table.
    pub fn apply(&self, table: &Arc<Table>, run: Run) {
        self.unflushed_bytes.fetch_add(run.bytes, Ordering::Relaxed);
        let full_tier = table.write().memtable.push(run);
        if full_tier {
            // A full queue only delays the merge to the next write.
            let _later = self.merges.try_send(table.clone());
        }
        let mut oldest = self.oldest.lock();
        if oldest.is_none() {
            *oldest = Some(Instant::now());
        }
    }

    /// Corrects the count of unflushed bytes after a change of that many.
    pub fn count_bytes(&self, before: usize, after: usize) {
        if after >= before {
            self.unflushed_bytes
                .fetch_add(after - before, Ordering::Relaxed);
        } else {
            let less = before - after;
            let subtract = |bytes: usize| Some(bytes.saturating_sub(less));
            let _always =
                self.unflushed_bytes
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract);
        }
    }

    /// Asks for a flush without waiting for it.
    pub fn demand_flush(&self) {
        self.demand.lock().wanted = true;
        self.demanded.notify_all();
    }

    /// The position record as of now.
    pub fn position_record(&self, flushed: u64) -> Position {
        Position {
            flushed,
            version: self.clock.next(),
            file_id: self.file_id.load(Ordering::Relaxed),
        }
    }
}
