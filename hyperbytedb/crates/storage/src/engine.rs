//! The storage engine: its public door.

mod recovery;
mod schema_changes;
mod status;
mod write;

pub use schema_changes::OrderedChanges;
pub use status::{Contents, EngineStatus};
pub use write::WriteRequest;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

use crossbeam_channel::{Sender, bounded, unbounded};
use parking_lot::{Condvar, Mutex, RwLock};

use crate::catalog::Catalog;
use crate::catalog::record::TableName;
use crate::clock::{HybridClock, SystemClock, WallClock};
use crate::config::EngineConfig;
use crate::disk::{DiskFull, Disks};
use crate::effects::{AllEffects, Effects};
use crate::error::Result;
use crate::files::{LocalStore, Purge, PurgeQueue};
use crate::flush::flush_all;
use crate::flush::merger::merge_loop;
use crate::flush::worker::flush_loop;
use crate::parquet::access::DataFiles;
use crate::purge::purge_loop;
use crate::read::view::ReadView;
use crate::state::{EngineState, FlushDemand, Positions};
use crate::table::Table;
use crate::table::schema::Schema;
use crate::table::series_bounds::SeriesBounds;
use crate::wal::Wal;
use crate::worker::{Deaths, Worker};
use crate::write::group_commit::{Commit, write_loop};

/// Writes that may wait for the log.
pub(crate) const COMMIT_QUEUE: usize = 1024;
/// Tables that may wait for a merge of their runs.
const MERGE_QUEUE: usize = 1024;

/// The storage engine. Dropping it stops its threads; what is acknowledged is in the log.
pub struct Engine {
    pub(crate) state: Arc<EngineState>,
    commits: Option<Sender<Commit>>,
    workers: Vec<Worker>,
    deaths: Deaths,
}

/// What a test may bring of its own.
pub struct Doors {
    pub clock: Arc<dyn WallClock>,
    pub effects: Arc<dyn Effects>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            effects: Arc::new(AllEffects),
        }
    }
}

impl Engine {
    /// Opens the engine: reads the catalog, replays the log, starts the threads.
    ///
    /// # Errors
    /// When a directory cannot be used, or the catalog or the log is damaged.
    pub fn open(config: EngineConfig) -> Result<Self> {
        Self::open_with(config, Doors::default())
    }

    /// As [`Engine::open`], with other doors to the world.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_with(config: EngineConfig, doors: Doors) -> Result<Self> {
        let (merges, merge_queue) = bounded(MERGE_QUEUE);
        let (commits, commit_queue) = bounded(COMMIT_QUEUE);
        let (purge, purge_queue) = unbounded();
        let state = Arc::new(state_of(config, doors, merges, purge)?);
        recovery::recover(&state)?;
        let deaths = Deaths::default();
        let mut engine = Self {
            state,
            commits: Some(commits),
            workers: Vec::new(),
            deaths,
        };
        engine.start("memtable-merge", move |state| {
            merge_loop(state, &merge_queue)
        })?;
        engine.start("wal-writer", move |state| write_loop(state, &commit_queue))?;
        engine.start("flush", flush_loop)?;
        engine.start("file-purger", move |state| purge_loop(state, &purge_queue))?;
        Ok(engine)
    }

    fn start(
        &mut self,
        name: &'static str,
        run: impl FnOnce(&EngineState) + Send + 'static,
    ) -> Result<()> {
        let state = self.state.clone();
        let worker = Worker::start(name, &self.deaths, move || run(&state))?;
        self.workers.push(worker);
        Ok(())
    }

    /// What a query reads of a measurement in a range of time (both ends included);
    /// `None` when there is no such measurement. Times past the retention policy are
    /// cut off.
    ///
    /// # Errors
    /// When the policy does not exist.
    pub fn read_view(&self, name: &TableName, time: (i64, i64)) -> Result<Option<ReadView>> {
        let (table, policy) = {
            let schema = self.state.schema.read();
            let policy = schema
                .database(&name.database)?
                .policy(Some(&name.policy))?
                .clone();
            (schema.table(name).cloned(), policy)
        };
        let Some(table) = table else {
            return Ok(None);
        };
        let from = time.0.max(policy.cutoff(self.state.clock.now_ns()));
        let data = self.state.data.clone();
        Ok(Some(ReadView::new(table, (from, time.1), data)))
    }

    /// Looks at the schema.
    pub fn with_schema<T>(&self, look: impl FnOnce(&Schema) -> T) -> T {
        look(&self.state.schema.read())
    }

    /// Writes everything in memory into files and truncates the log.
    ///
    /// # Errors
    /// When a file or the catalog cannot be written; nothing is lost then.
    pub fn flush(&self) -> Result<()> {
        flush_all(&self.state)
    }

    /// Where the log stands.
    #[must_use]
    pub fn positions(&self) -> Positions {
        *self.state.positions.lock()
    }

    /// Bytes of points that no file holds yet.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.state
            .unflushed_bytes
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Writes that wait for the log.
    pub(crate) fn commits_waiting(&self) -> usize {
        self.commits.as_ref().map_or(0, Sender::len)
    }

    /// Why the last flush failed, until one succeeds.
    #[must_use]
    pub fn flush_error(&self) -> Option<String> {
        self.state.flush_error.lock().clone()
    }

    /// The disk that has too little room for writes, if one has.
    #[must_use]
    pub fn disk_full(&self) -> Option<DiskFull> {
        self.state.disks.full()
    }

    /// Nanoseconds since 1970, as the engine sees it.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        self.state.clock.now_ns()
    }

    /// The threads of the engine that ended by a panic: it needs a restart.
    #[must_use]
    pub fn dead_workers(&self) -> Vec<&'static str> {
        self.deaths.names()
    }
}

/// What all threads share, before anything was recovered.
fn state_of(
    config: EngineConfig,
    doors: Doors,
    merges: Sender<Option<Arc<Table>>>,
    purge: PurgeQueue,
) -> Result<EngineState> {
    let effects = doors.effects;
    let store = LocalStore::open(&config.data_dir, effects.clone())?;
    Ok(EngineState {
        clock: HybridClock::new(config.node_id, doors.clock),
        catalog: Catalog::open(&config.meta_dir, effects.clone())?,
        wal: Wal::open(&config.wal_dir, effects)?,
        data: Arc::new(DataFiles::new(store, config.footer_bytes_max)),
        purge,
        schema: RwLock::new(Schema::default()),
        positions: Mutex::new(Positions::default()),
        flushing: Mutex::new(()),
        unflushed_bytes: AtomicUsize::new(0),
        oldest: Mutex::new(None),
        file_id: AtomicU64::new(0),
        tombstone_seq: AtomicU64::new(0),
        flushed_for_delete: Mutex::new(None),
        demand: Mutex::new(FlushDemand::default()),
        demanded: Condvar::new(),
        disks: Disks::new(
            vec![config.wal_dir.clone(), config.data_dir.clone()],
            config.disk_free_bytes_min,
        ),
        series_bounds: SeriesBounds::default(),
        flushed: tokio::sync::Notify::new(),
        merges,
        flush_error: Mutex::new(None),
        flush_failed: AtomicBool::new(false),
        config,
    })
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The writer ends with its queue, the others when they are told.
        self.commits = None;
        self.state.demand.lock().stop = true;
        self.state.demanded.notify_all();
        let _ended = self.state.merges.send(None);
        let _ended = self.state.purge.send(Purge::Stop);
        for worker in self.workers.drain(..) {
            worker.join();
        }
    }
}
