//! What happens when the engine opens: catalog, log, orphans.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::catalog::file::FileEntry;
use crate::catalog::record::{TableName, Tombstone};
use crate::catalog::{TableRecord, Visit};
use crate::clock::Version;
use crate::ddl::delete::forget_deleted_series;
use crate::error::Result;
use crate::files::{FileHandle, Purge, PurgeQueue};
use crate::rows::merge::Hide;
use crate::state::EngineState;
use crate::table::schema::Schema;
use crate::table::tombstone::DatabaseTombstone;
use crate::wal::Entry;
use crate::write::admit::created;
use crate::write::group_commit::apply;
use crate::write::prepare::prepare;

/// Reads the catalog, replays what of the log is not in files, removes orphans.
pub(crate) fn recover(state: &EngineState) -> Result<()> {
    let position = state.catalog.position()?;
    let log_position = position.flushed.max(state.wal.last().unwrap_or(0));
    state.catalog.upgrade(log_position)?;
    state.clock.observe(position.version);
    state.file_id.store(position.file_id, Ordering::Relaxed);
    let mut load = Load {
        schema: Schema::default(),
        newest: Version::ZERO,
        highest_file: 0,
        highest_seq: 0,
        purge: state.purge.clone(),
    };
    for database in state.catalog.databases()? {
        let policies = database.policies.iter().map(|policy| policy.created);
        load.newest = policies.fold(load.newest.max(database.created), Version::max);
        load.schema
            .databases
            .insert(database.name.clone(), database);
    }
    load.schema.users = state.catalog.users()?;
    for user in &load.schema.users {
        load.newest = load.newest.max(user.created);
    }
    state.catalog.visit(&mut load)?;
    state.clock.observe(load.newest);
    state
        .file_id
        .fetch_max(load.highest_file, Ordering::Relaxed);
    state
        .tombstone_seq
        .store(load.highest_seq, Ordering::Relaxed);
    *state.schema.write() = load.schema;
    replay(state, position.flushed)?;
    let tables = state.schema.read().tables(None);
    for table in tables.iter().filter(|table| table.read().tombstones.any()) {
        forget_deleted_series(state, table)?;
    }
    let schema = state.schema.read();
    for database in schema.databases.keys() {
        for stone in schema.tombstones(database) {
            stone.settle();
        }
    }
    drop(schema);
    sweep(state)
}

struct Load {
    schema: Schema,
    newest: Version,
    highest_file: u64,
    highest_seq: u64,
    purge: PurgeQueue,
}

impl Visit for Load {
    fn table(&mut self, table: TableName, record: TableRecord) -> Result<()> {
        let table = self.schema.table_or_new(&table);
        let mut inner = table.write();
        for column in record.columns {
            inner.restore_column(column);
        }
        Ok(())
    }

    fn series(&mut self, table: TableName, key: &[u8]) -> Result<()> {
        let table = self.schema.table_or_new(&table);
        let mut inner = table.write();
        inner.series.insert(key);
        inner.series.persisted = inner.series.numbered();
        Ok(())
    }

    fn file(&mut self, table: TableName, file: FileEntry) -> Result<()> {
        self.newest = self.newest.max(file.max_version);
        self.highest_file = self.highest_file.max(file.id);
        let table = self.schema.table_or_new(&table);
        let handle = FileHandle::new(file, self.purge.clone());
        table.write().files.push(Arc::new(handle));
        Ok(())
    }

    fn tombstone(&mut self, database: &str, tombstone: Tombstone) -> Result<()> {
        self.newest = self.newest.max(tombstone.version);
        self.highest_seq = self.highest_seq.max(tombstone.seq);
        let stone = Arc::new(DatabaseTombstone::new(tombstone)?);
        self.schema.push_tombstone(database, &stone);
        Ok(())
    }

    fn garbage(&mut self, file: FileEntry) -> Result<()> {
        self.highest_file = self.highest_file.max(file.id);
        // The purger begins when all is recovered.
        let _stopped = self.purge.send(Purge::File(file));
        Ok(())
    }
}

/// Applies the log from the flushed position on.
fn replay(state: &EngineState, flushed: u64) -> Result<()> {
    let mut last = flushed;
    let mut entries = 0_u64;
    state.wal.replay(flushed + 1, |sequence, entry| {
        last = sequence;
        entries += 1;
        state.clock.observe(entry.version);
        replay_entry(state, entry);
        Ok(())
    })?;
    let last = last.max(state.wal.last().unwrap_or(0));
    // What the last run could not remove any more.
    state.wal.truncate(flushed)?;
    let mut positions = state.positions.lock();
    positions.visible = last;
    positions.flushed = flushed;
    positions.truncated = flushed;
    if entries > 0 {
        tracing::info!(entries, "log replayed");
    }
    Ok(())
}

/// Applies one entry, unless its database or policy was dropped after it; what of it was
/// deleted after it stays away.
fn replay_entry(state: &EngineState, entry: Entry) {
    let created = created(state, &entry.database, &entry.policy);
    if created.is_none_or(|created| created >= entry.version) {
        return;
    }
    let names = (entry.database.as_str(), entry.policy.as_str());
    for prepared in prepare(state, names, entry.batch, Some(entry.version)) {
        apply(state, &prepared.table, prepared.rows, entry.version);
    }
}

/// Removes files that no record of the catalog names: what a crash left between writing
/// a file and committing it, or between dropping it and removing it.
fn sweep(state: &EngineState) -> Result<()> {
    let mut known = HashSet::new();
    for table in state.schema.read().tables(None) {
        known.extend(table.read().files.iter().map(|file| file.path.clone()));
    }
    for path in state.data.store().list()? {
        let ours = path.ends_with(".parquet") || path.ends_with(".parquet.tmp");
        if ours && !known.contains(&path) {
            tracing::info!(path, "orphan removed");
            state.data.store().remove(&path)?;
        }
    }
    Ok(())
}
