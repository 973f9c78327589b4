//! What all threads of the engine share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;
use parking_lot::{Condvar, Mutex, RwLock};

use crate::catalog::file::FileEntry;
use crate::catalog::record::TableName;
use crate::catalog::{Catalog, Position};
use crate::clock::{HybridClock, Version};
use crate::config::EngineConfig;
use crate::disk::Disks;
use crate::files::{FileHandle, PurgeQueue};
use crate::memtable::run::Run;
use crate::parquet::access::DataFiles;
use crate::table::Table;
use crate::table::schema::Schema;
use crate::table::series_bounds::SeriesBounds;
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

pub(crate) struct EngineState {
    pub config: EngineConfig,
    pub clock: HybridClock,
    pub catalog: Catalog,
    pub wal: Wal,
    pub data: Arc<DataFiles>,
    /// Files that are to be removed.
    pub purge: PurgeQueue,
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
    /// The number of the last tombstone.
    pub tombstone_seq: AtomicU64,
    /// When a flush was last asked for because of a delete.
    pub flushed_for_delete: Mutex<Option<Instant>>,
    pub demand: Mutex<FlushDemand>,
    pub demanded: Condvar,
    pub disks: Disks,
    pub series_bounds: SeriesBounds,
    /// Woken after each flush.
    pub flushed: tokio::sync::Notify,
    /// Tables with runs to merge.
    pub merges: Sender<Option<Arc<Table>>>,
    /// The error that stopped the last flush, until one succeeds.
    pub flush_error: Mutex<Option<String>>,
    /// Whether there is such an error.
    pub flush_failed: AtomicBool,
}

impl EngineState {
    /// Puts a run into its table.
    pub fn apply(&self, table: &Arc<Table>, run: Run) {
        self.unflushed_bytes.fetch_add(run.bytes, Ordering::Relaxed);
        let full_tier = table.write().push_run(run);
        if full_tier {
            // A full queue only delays the merge to the next write.
            let _later = self.merges.try_send(Some(table.clone()));
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

    /// The table of that name, a new one if need be. One of a policy that does not exist
    /// is dropped from the start.
    pub fn table_or_new(&self, name: &TableName) -> Arc<Table> {
        if let Some(table) = self.schema.read().table(name) {
            return table.clone();
        }
        let mut schema = self.schema.write();
        let database = schema.databases.get(&name.database);
        match database.is_some_and(|database| database.policy(Some(&name.policy)).is_ok()) {
            true => schema.table_or_new(name),
            // Its policy was dropped meanwhile: so is the table.
            false => Arc::new(Table::dropped(name.clone())),
        }
    }

    /// The version of a change: the one that another node gave it, else the next one.
    pub fn version_of(&self, given: Option<Version>) -> Version {
        match given {
            Some(version) => {
                self.clock.observe(version);
                version
            }
            None => self.clock.next(),
        }
    }

    /// A file as tables hold it.
    pub fn handle_of(&self, file: FileEntry) -> Arc<FileHandle> {
        Arc::new(FileHandle::new(file, self.purge.clone()))
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
