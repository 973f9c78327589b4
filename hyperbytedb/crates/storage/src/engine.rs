//! The storage engine: its public door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use parking_lot::{Condvar, Mutex, RwLock};
use points::Batch;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::cardinality::{Limits, SeriesBounds, refuse_new_series};
use crate::clock::{HybridClock, SystemClock, Version, WallClock};
use crate::config::EngineConfig;
use crate::ddl::{self, DeleteRequest};
use crate::disk::{DiskFull, Disks};
use crate::effects::{AllEffects, Effects};
use crate::error::{Result, StorageError};
use crate::maintenance::{flush_all, flush_loop, merge_loop, wait_for_room};
use crate::meta::Meta;
use crate::object::LocalStore;
use crate::parquet::footer::FooterCache;
use crate::prepare::{Dropped, Origin, drop_conflicts, drop_expired, rows_of};
use crate::recovery::{by_measurement, recover};
use crate::rows::Rows;
use crate::schema::{Policy, PolicyChange, Schema};
use crate::shared::{FlushDemand, Positions, Shared};
use crate::table::{Table, TableName};
use crate::view::ReadView;
use crate::wal::{Wal, decode_entry, encode_entry};
use crate::writer::{Commit, Committed, write_loop};

/// Writes that may wait for the log.
pub(crate) const COMMIT_QUEUE: usize = 1024;
/// Tables that may wait for a merge of their runs.
const MERGE_QUEUE: usize = 1024;
/// How often a write is prepared anew because a measurement was dropped under it.
const ATTEMPTS_MAX: usize = 8;

/// A write.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub database: String,
    /// The default policy when absent or empty.
    pub policy: Option<String>,
    pub batch: Batch,
    pub origin: Origin,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteReport {
    /// Rows stored.
    pub rows: usize,
    /// What was not stored, and why.
    pub dropped: Dropped,
}

/// The storage engine. Dropping it stops its threads; what is acknowledged is in the log.
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    commits: Option<Sender<Commit>>,
    threads: Vec<JoinHandle<()>>,
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
        let (merges, merge_queue) = bounded::<Arc<Table>>(MERGE_QUEUE);
        let (commits, commit_queue) = bounded::<Commit>(COMMIT_QUEUE);
        let effects = doors.effects;
        let shared = Arc::new(Shared {
            clock: HybridClock::new(config.node_id, doors.clock),
            meta: Meta::open(&config.meta_dir, effects.clone())?,
            wal: Wal::open(&config.wal_dir, effects.clone())?,
            store: Arc::new(LocalStore::open(&config.data_dir, effects)?),
            footers: Arc::new(FooterCache::new(config.footers_max)),
            schema: RwLock::new(Schema::default()),
            positions: Mutex::new(Positions::default()),
            flushing: Mutex::new(()),
            unflushed_bytes: AtomicUsize::new(0),
            oldest: Mutex::new(None),
            file_id: AtomicU64::new(0),
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
        });
        recover(&shared)?;
        let mut threads = Vec::new();
        let weak = Arc::downgrade(&shared);
        spawn(&mut threads, "memtable-merge", move || {
            merge_loop(&weak, &merge_queue)
        })?;
        let of_writer = shared.clone();
        spawn(&mut threads, "wal-writer", move || {
            write_loop(&of_writer, &commit_queue)
        })?;
        let of_flush = shared.clone();
        spawn(&mut threads, "flush", move || flush_loop(&of_flush))?;
        Ok(Self {
            shared,
            commits: Some(commits),
            threads,
        })
    }

    /// Stores a batch: durable (as `sync` says) and visible when this returns.
    ///
    /// # Errors
    /// When the database or policy does not exist, memory or a disk is full, or the log
    /// cannot be written. Nothing is stored then.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteReport> {
        if let Some(full) = self.disk_full() {
            return Err(full.into());
        }
        if !wait_for_room(&self.shared).await {
            crate::metrics::write_refused();
            return Err(StorageError::Full {
                bytes: self.unflushed_bytes(),
                limit: self.shared.config.cache_bytes_max,
            });
        }
        let WriteRequest {
            database,
            policy,
            mut batch,
            origin,
        } = request;
        let mut report = WriteReport {
            rows: 0,
            dropped: Dropped::default(),
        };
        for _ in 0..ATTEMPTS_MAX {
            let (created, policy) = self.resolve_policy(&database, policy.as_deref())?;
            if let Origin::Replicated { version, .. } = origin
                && version <= created
            {
                // It was written to a database or policy of this name that was dropped.
                return Ok(report);
            }
            if origin == Origin::Local {
                let now = self.shared.clock.now_ns();
                drop_expired(&mut batch, policy.cutoff(now), &mut report.dropped);
                self.refuse_new_tables(&database, &policy.name, &mut batch, &mut report.dropped);
                self.refuse_new_series(&database, &policy.name, &mut batch, &mut report.dropped);
                self.register_bare_series(&database, &policy.name, &mut batch);
                self.refuse_conflicts(&database, &policy.name, &mut batch, &mut report.dropped);
            }
            if batch.tables.iter().all(|table| table.times.is_empty()) {
                return Ok(report);
            }
            let entry = encode_entry(&database, &policy.name, origin, &batch);
            let rows = self.prepare(&database, &policy.name, std::mem::take(&mut batch));
            let stored: usize = rows.iter().map(|(_, rows)| rows.len()).sum();
            let waiting = tracing::debug_span!("commit", rows = stored, bytes = entry.len());
            let committed = self.commit(entry, origin, rows).instrument(waiting);
            match committed.await {
                Committed::Stored => {
                    report.rows = stored;
                    return Ok(report);
                }
                Committed::Failed(error) => return Err(error),
                Committed::Again(entry) => batch = self.decode_again(&entry)?,
            }
        }
        Err(StorageError::Stopped(
            "the measurement is being dropped over and over".to_string(),
        ))
    }

    fn decode_again(&self, entry: &[u8]) -> Result<Batch> {
        decode_entry(entry)
            .map(|entry| entry.batch)
            .map_err(|message| StorageError::DamagedLog {
                sequence: 0,
                message,
            })
    }

    async fn commit(
        &self,
        entry: Vec<u8>,
        origin: Origin,
        rows: Vec<(Arc<Table>, Rows)>,
    ) -> Committed {
        let stopped = || Committed::Failed(StorageError::Stopped("it is shutting down".into()));
        let Some(commits) = &self.commits else {
            return stopped();
        };
        let (reply, answer) = oneshot::channel();
        let commit = Commit {
            entry,
            origin,
            rows,
            reply,
        };
        // The queue is emptied once per fsync: waiting here is the back-pressure.
        if commits.send(commit).is_err() {
            return stopped();
        }
        answer.await.unwrap_or_else(|_| stopped())
    }

    /// The policy, and the version that created it or its database.
    fn resolve_policy(&self, database: &str, policy: Option<&str>) -> Result<(Version, Policy)> {
        let schema = self.shared.schema.read();
        let database = schema.database(database)?;
        let policy = database.policy(policy)?.clone();
        Ok((policy.created.max(database.created), policy))
    }

    /// Refuses points of measurements that would be more than a database may have.
    fn refuse_new_tables(
        &self,
        database: &str,
        policy: &str,
        batch: &mut Batch,
        dropped: &mut Dropped,
    ) {
        let limit = self.shared.config.measurements_max;
        if limit == 0 {
            return;
        }
        let schema = self.shared.schema.read();
        let mut count = schema.table_count(database);
        batch.tables.retain(|part| {
            let name = name_of(database, policy, &part.measurement);
            let fits = schema.table(&name).is_some() || count < limit;
            if fits {
                count += usize::from(schema.table(&name).is_none());
            } else {
                dropped.add(
                    || {
                        format!(
                            "max-measurements-per-database limit exceeded: database \"{database}\" has {count} measurements, measurement \"{}\" was not created",
                            part.measurement
                        )
                    },
                    part.times.len(),
                );
            }
            fits
        });
    }

    /// Refuses points of series that would be more than a database may have.
    fn refuse_new_series(
        &self,
        database: &str,
        policy: &str,
        batch: &mut Batch,
        dropped: &mut Dropped,
    ) {
        let limits = Limits {
            series_max: self.shared.config.series_max,
            tag_values_max: self.shared.config.tag_values_max,
        };
        let limits = (limits, &self.shared.series_bounds);
        let schema = self.shared.schema.read();
        refuse_new_series(&schema, limits, (database, policy), batch, dropped);
    }

    /// InfluxDB's index knows the series of a point whose only field was called time,
    /// although the point is not stored.
    fn register_bare_series(&self, database: &str, policy: &str, batch: &mut Batch) {
        let is_bare = |part: &points::Table| part.times.is_empty();
        if !batch.tables.iter().any(is_bare) {
            return;
        }
        let (bare, tables) = std::mem::take(&mut batch.tables)
            .into_iter()
            .partition(is_bare);
        batch.tables = tables;
        // What is not stored has no rows to keep.
        let _no_rows = self.prepare(database, policy, Batch { tables: bare });
    }

    fn refuse_conflicts(
        &self,
        database: &str,
        policy: &str,
        batch: &mut Batch,
        dropped: &mut Dropped,
    ) {
        let mut tables = std::mem::take(&mut batch.tables);
        tables.sort_by(|a, b| a.measurement.cmp(&b.measurement));
        for part in tables.chunk_by_mut(|a, b| a.measurement == b.measurement) {
            let name = name_of(database, policy, &part[0].measurement);
            let table = self.shared.schema.read().table(&name).cloned();
            match table {
                Some(table) => drop_conflicts(&table.read(), part, dropped),
                None => drop_conflicts(&crate::table::TableInner::default(), part, dropped),
            }
        }
        tables.retain(|table| !table.times.is_empty());
        batch.tables = tables;
    }

    fn prepare(&self, database: &str, policy: &str, batch: Batch) -> Vec<(Arc<Table>, Rows)> {
        by_measurement(batch)
            .into_iter()
            .map(|(measurement, parts)| {
                let table = self.table_or_new(name_of(database, policy, &measurement));
                let rows = rows_of(&table, parts);
                (table, rows)
            })
            .collect()
    }

    fn table_or_new(&self, name: TableName) -> Arc<Table> {
        if let Some(table) = self.shared.schema.read().table(&name) {
            return table.clone();
        }
        self.shared.schema.write().table_or_new(&name)
    }

    /// What a query reads of a measurement in a range of time (both ends included);
    /// `None` when there is no such measurement. Times past the retention policy are
    /// cut off.
    ///
    /// # Errors
    /// When the policy does not exist.
    pub fn read_view(&self, name: &TableName, time: (i64, i64)) -> Result<Option<ReadView>> {
        let (table, policy) = {
            let schema = self.shared.schema.read();
            let policy = schema
                .database(&name.database)?
                .policy(Some(&name.policy))?
                .clone();
            (schema.table(name).cloned(), policy)
        };
        let Some(table) = table else {
            return Ok(None);
        };
        let from = time.0.max(policy.cutoff(self.shared.clock.now_ns()));
        let (store, footers) = (self.shared.store.clone(), self.shared.footers.clone());
        ReadView::new(table, (from, time.1), store, footers).map(Some)
    }

    /// Looks at the schema.
    pub fn with_schema<T>(&self, look: impl FnOnce(&Schema) -> T) -> T {
        look(&self.shared.schema.read())
    }

    /// Writes everything in memory into files and truncates the log.
    ///
    /// # Errors
    /// When a file or the catalog cannot be written; nothing is lost then.
    pub fn flush(&self) -> Result<()> {
        flush_all(&self.shared)
    }

    /// # Errors
    /// When it exists with another default policy, or the catalog cannot be written.
    pub fn create_database(&self, name: &str, policy: Option<(&str, &PolicyChange)>) -> Result<()> {
        ddl::create_database(&self.shared, name, policy)
    }

    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        ddl::drop_database(&self.shared, name)
    }

    /// # Errors
    /// When the database does not exist, the policy exists otherwise, or is refused.
    pub fn create_policy(&self, database: &str, name: &str, change: &PolicyChange) -> Result<()> {
        ddl::create_policy(&self.shared, database, name, change)
    }

    /// # Errors
    /// When the policy does not exist or the change is refused.
    pub fn alter_policy(&self, database: &str, name: &str, change: &PolicyChange) -> Result<()> {
        ddl::alter_policy(&self.shared, database, name, change)
    }

    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_policy(&self, database: &str, name: &str) -> Result<()> {
        ddl::drop_policy(&self.shared, database, name)
    }

    /// Drops a measurement in all policies; true when there was one.
    ///
    /// # Errors
    /// When the database does not exist.
    pub fn drop_measurement(&self, database: &str, measurement: &str) -> Result<bool> {
        ddl::drop_measurement(&self.shared, database, measurement)
    }

    /// Deletes points of one measurement.
    ///
    /// # Errors
    /// When a regular expression is invalid or the catalog cannot be written.
    pub fn delete(&self, request: &DeleteRequest<'_>) -> Result<()> {
        ddl::delete(&self.shared, request)
    }

    /// Where the log stands.
    #[must_use]
    pub fn positions(&self) -> Positions {
        *self.shared.positions.lock()
    }

    /// Bytes of points that no file holds yet.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.shared
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
        self.shared.flush_error.lock().clone()
    }

    /// The disk that has too little room for writes, if one has.
    #[must_use]
    pub fn disk_full(&self) -> Option<DiskFull> {
        self.shared.disks.full()
    }

    /// Nanoseconds since 1970, as the engine sees it.
    #[must_use]
    pub fn now_ns(&self) -> i64 {
        self.shared.clock.now_ns()
    }
}

fn name_of(database: &str, policy: &str, measurement: &str) -> TableName {
    TableName {
        database: database.to_string(),
        policy: policy.to_string(),
        measurement: measurement.to_string(),
    }
}

fn spawn(
    threads: &mut Vec<JoinHandle<()>>,
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<()> {
    let thread = std::thread::Builder::new()
        .name(name.to_string())
        .spawn(run)
        .map_err(|error| StorageError::Stopped(format!("no thread {name}: {error}")))?;
    threads.push(thread);
    Ok(())
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The writer ends with its queue, the flush thread when told; the merge thread
        // with the last reference to what they share, so it is not waited for.
        self.commits = None;
        self.shared.demand.lock().stop = true;
        self.shared.demanded.notify_all();
        for thread in self.threads.drain(1..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the storage engine panicked");
            }
        }
    }
}
