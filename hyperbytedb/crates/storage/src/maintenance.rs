//! The background threads: flush and memtable merges.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::error::Result;
use crate::files::FileEntry;
use crate::flush;
use crate::memtable::merge_runs;
use crate::meta::{Changes, TableRecord};
use crate::run::Run;
use crate::series::SeriesId;
use crate::shared::Shared;
use crate::table::Table;

/// How often the flush thread looks at age and size.
const TICK: Duration = Duration::from_millis(250);
/// How long it waits after a flush that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Runs flushes when memory is full, points are old, or somebody asks.
pub(crate) fn flush_loop(shared: &Shared) {
    loop {
        {
            let mut demand = shared.demand.lock();
            if !demand.wanted && !demand.stop {
                shared.demanded.wait_for(&mut demand, TICK);
            }
            if demand.stop {
                return;
            }
            if !std::mem::take(&mut demand.wanted) && !is_due(shared) {
                continue;
            }
        }
        if let Err(error) = flush_all(shared) {
            tracing::error!(%error, "flush failed; the points stay in memory and in the log");
            let mut demand = shared.demand.lock();
            if !demand.stop {
                shared.demanded.wait_for(&mut demand, RETRY);
            }
        }
    }
}

fn is_due(shared: &Shared) -> bool {
    let bytes = shared.unflushed_bytes.load(Ordering::Relaxed);
    let oldest = *shared.oldest.lock();
    bytes >= shared.config.flush_bytes
        || oldest.is_some_and(|since| since.elapsed() >= shared.config.flush_age)
}

/// A table whose runs are on their way into files.
struct Frozen {
    table: Arc<Table>,
    runs: Vec<Run>,
}

/// Writes everything that is in memory now into files and truncates the log.
///
/// # Errors
/// When a file or the catalog cannot be written; memory and log then stay as they are.
pub(crate) fn flush_all(shared: &Shared) -> Result<()> {
    let _one_at_a_time = shared.flushing.lock();
    let started = Instant::now();
    let result = tracing::debug_span!("flush").in_scope(|| flush_locked(shared));
    crate::metrics::flush(started.elapsed(), result.is_ok());
    shared
        .flush_failed
        .store(result.is_err(), Ordering::Relaxed);
    if result.is_err() {
        // What could not be written is as old as ever: it is tried again.
        shared.oldest.lock().get_or_insert_with(Instant::now);
    }
    *shared.flush_error.lock() = result.as_ref().err().map(ToString::to_string);
    shared.flushed.notify_waiters();
    result
}

fn flush_locked(shared: &Shared) -> Result<()> {
    let (position, frozen) = freeze(shared)?;
    let mut written: Vec<(Frozen, Vec<FileEntry>)> = Vec::new();
    for frozen in frozen {
        let next_id = || shared.file_id.fetch_add(1, Ordering::Relaxed) + 1;
        match flush::write_frozen(
            &shared.store,
            &frozen.table,
            &frozen.runs,
            shared.config.layout,
            next_id,
        ) {
            Ok(files) => written.push((frozen, files)),
            Err(error) => {
                remove_files(shared, written.iter().flat_map(|(_, files)| files));
                return Err(error);
            }
        }
    }
    let files = || written.iter().flat_map(|(_, files)| files);
    let names = files().map(|file| file.path.as_str());
    if let Err(error) = shared.store.sync_directories(names) {
        remove_files(shared, files());
        return Err(error);
    }
    commit(shared, position, &written)?;
    let truncated = shared.wal.truncate(position);
    if truncated.is_ok() {
        shared.positions.lock().truncated = position;
    }
    truncated
}

/// Moves all memtables aside, at one position of the log. What an earlier, failed flush
/// had moved aside is taken again.
fn freeze(shared: &Shared) -> Result<(u64, Vec<Frozen>)> {
    let positions = shared.positions.lock();
    *shared.oldest.lock() = None;
    let tables = shared.schema.read().tables(None);
    let mut frozen = Vec::new();
    for table in tables {
        let mut inner = table.write();
        let fresh = inner.memtable.take();
        inner.frozen.extend(fresh);
        let has_schema = inner.schema_changed || inner.series.persisted < inner.series.numbered();
        if !inner.frozen.is_empty() || has_schema {
            inner.extend_tombstones()?;
            let runs = inner.frozen.clone();
            drop(inner);
            frozen.push(Frozen { table, runs });
        }
    }
    Ok((positions.visible, frozen))
}

/// New series of one flush from which on the catalog is asked to give its memory back.
const SERIES_MANY: usize = 32_768;

/// Bytes of new series that wait for the transaction. More go ahead of it in parts: one
/// batch of very many is held by RocksDB whole, twice, in memory that it keeps.
const SERIES_BATCH_BYTES: usize = 1 << 20;

/// Adds the series that the catalog lacks, and writes them ahead when they are many: the
/// log, which still has their points, would bring them back after a crash in any case.
/// Returns up to which number the catalog has them then.
fn add_series(shared: &Shared, changes: &mut Changes, table: &Table) -> Result<usize> {
    let inner = table.read();
    for id in inner.series.persisted..inner.series.numbered() {
        let id = id as SeriesId;
        if inner.series.is_live(id) {
            changes.series(&table.name, inner.series.key(id));
        }
        if changes.bytes() >= SERIES_BATCH_BYTES {
            shared.meta.prepare(std::mem::take(changes))?;
        }
    }
    Ok(inner.series.numbered())
}

/// One transaction: files, the series and columns they need, and the position.
fn commit(shared: &Shared, position: u64, written: &[(Frozen, Vec<FileEntry>)]) -> Result<()> {
    // Under this lock no table can be dropped between the check and the commit.
    let mut positions = shared.positions.lock();
    let mut changes = Changes::default();
    let mut persisted: Vec<usize> = Vec::with_capacity(written.len());
    let mut new_series = 0;
    for (frozen, _) in written {
        let mut numbered = 0;
        if !frozen.table.is_dropped() {
            let before = frozen.table.read().series.persisted;
            numbered = add_series(shared, &mut changes, &frozen.table)?;
            new_series += numbered - before;
        }
        persisted.push(numbered);
    }
    for (frozen, files) in written {
        let table = &frozen.table;
        if table.is_dropped() {
            continue;
        }
        let columns = table.read().columns.clone();
        changes.table(&table.name, &TableRecord { columns });
        for file in files {
            changes.file(&table.name, file);
        }
    }
    changes.position(&shared.position_record(position));
    shared.meta.commit(changes)?;
    positions.flushed = position;
    for ((frozen, files), persisted) in written.iter().zip(persisted) {
        if frozen.table.is_dropped() {
            remove_files(shared, files.iter());
            continue;
        }
        crate::metrics::files_written(files.iter());
        let before = frozen.table.read().unflushed_bytes();
        flush::publish(&frozen.table, files);
        let mut inner = frozen.table.write();
        inner.series.persisted = persisted;
        inner.schema_changed = false;
        shared.count_bytes(before, inner.unflushed_bytes());
    }
    drop(positions);
    if new_series >= SERIES_MANY {
        shared.meta.release_memory()?;
    }
    Ok(())
}

/// Removes files that the catalog does not hold (any more). One that cannot be removed
/// is an orphan, which the next start sweeps.
pub(crate) fn remove_files<'a>(shared: &Shared, files: impl Iterator<Item = &'a FileEntry>) {
    for file in files {
        shared.footers.forget(&shared.store.path(&file.path));
        if let Err(error) = shared.store.remove(&file.path) {
            tracing::warn!(%error, "file stays until the next start");
        }
    }
}

/// Merges the runs of tables that ask for it, until the engine is gone.
pub(crate) fn merge_loop(shared: &std::sync::Weak<Shared>, tables: &Receiver<Arc<Table>>) {
    while let Ok(table) = tables.recv() {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        loop {
            let mergeable = table.read().memtable.mergeable();
            let Some(runs) = mergeable else {
                break;
            };
            let merged = merge_runs(&runs);
            let mut inner = table.write();
            let before = inner.memtable.bytes();
            inner.memtable.replace(&runs, merged);
            shared.count_bytes(before, inner.memtable.bytes());
        }
    }
}

/// Waits until a flush has ended or the time is over.
pub(crate) async fn wait_for_room(shared: &Shared) -> bool {
    let deadline = Instant::now() + shared.config.write_wait;
    loop {
        let flushed = shared.flushed.notified();
        let bytes = shared.unflushed_bytes.load(Ordering::Relaxed);
        if bytes < shared.config.cache_bytes_max {
            return true;
        }
        shared.demand_flush();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || tokio::time::timeout(left, flushed).await.is_err() {
            return shared.unflushed_bytes.load(Ordering::Relaxed) < shared.config.cache_bytes_max;
        }
    }
}
