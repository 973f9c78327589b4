//! What happens when the engine opens: catalog, log, orphans.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use points::{Batch, Table as PointTable};

use crate::clock::Version;
use crate::ddl::forget_deleted_series;
use crate::delete::{ResolvedTombstone, Tombstone};
use crate::error::Result;
use crate::files::FileEntry;
use crate::merge::Hide;
use crate::meta::{TableRecord, Visit};
use crate::prepare::rows_of;
use crate::schema::Schema;
use crate::shared::Shared;
use crate::table::{Table, TableName};
use crate::wal::Entry;
use crate::writer::apply;

/// Reads the catalog, replays what of the log is not in files, removes orphans.
pub(crate) fn recover(shared: &Shared) -> Result<()> {
    let position = shared.meta.position()?;
    shared.clock.observe(position.version);
    shared.file_id.store(position.file_id, Ordering::Relaxed);
    let mut load = Load {
        schema: Schema::default(),
        tombstones: Vec::new(),
        newest: Version::ZERO,
        highest_file: 0,
    };
    for database in shared.meta.databases()? {
        load.newest = load.newest.max(database.created);
        load.schema
            .databases
            .insert(database.name.clone(), database);
    }
    load.schema.users = shared.meta.users()?;
    for user in &load.schema.users {
        load.newest = load.newest.max(user.created);
    }
    shared.meta.visit(&mut load)?;
    for (table, tombstone) in load.tombstones {
        load.newest = load.newest.max(tombstone.version);
        let mut inner = table.write();
        let resolved = ResolvedTombstone::new(tombstone, &inner.series)?;
        inner.tombstones.0.push(Arc::new(resolved));
    }
    shared.clock.observe(load.newest);
    shared
        .file_id
        .fetch_max(load.highest_file, Ordering::Relaxed);
    *shared.schema.write() = load.schema;
    replay(shared, position.flushed)?;
    let tables = shared.schema.read().tables(None);
    for table in tables.iter().filter(|table| table.read().tombstones.any()) {
        forget_deleted_series(shared, table)?;
    }
    sweep(shared)
}

struct Load {
    schema: Schema,
    tombstones: Vec<(Arc<Table>, Tombstone)>,
    newest: Version,
    highest_file: u64,
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
        table.write().files.push(Arc::new(file));
        Ok(())
    }

    fn tombstone(&mut self, table: TableName, tombstone: Tombstone) -> Result<()> {
        let table = self.schema.table_or_new(&table);
        self.tombstones.push((table, tombstone));
        Ok(())
    }
}

/// Applies the log from the flushed position on.
fn replay(shared: &Shared, flushed: u64) -> Result<()> {
    let mut last = flushed;
    let mut entries = 0_u64;
    shared.wal.replay(flushed + 1, |sequence, entry| {
        last = sequence;
        entries += 1;
        shared.clock.observe(entry.version);
        replay_entry(shared, entry);
        Ok(())
    })?;
    let last = last.max(shared.wal.last()?.unwrap_or(0));
    let mut positions = shared.positions.lock();
    positions.visible = last;
    positions.flushed = flushed;
    positions.truncated = flushed;
    if entries > 0 {
        tracing::info!(entries, "log replayed");
    }
    Ok(())
}

/// Applies one entry, unless its database, policy or measurement was dropped after it.
fn replay_entry(shared: &Shared, entry: Entry) {
    let alive = {
        let schema = shared.schema.read();
        schema
            .databases
            .get(&entry.database)
            .is_some_and(|database| {
                database.created < entry.version
                    && database
                        .policies
                        .iter()
                        .any(|policy| policy.name == entry.policy && policy.created < entry.version)
            })
    };
    if !alive {
        return;
    }
    for (measurement, parts) in by_measurement(entry.batch) {
        let name = TableName {
            database: entry.database.clone(),
            policy: entry.policy.clone(),
            measurement,
        };
        let table = shared.schema.write().table_or_new(&name);
        if table.read().dropped_at() > entry.version {
            continue;
        }
        let rows = rows_of(&table, parts);
        apply(shared, &table, rows, entry.version);
    }
}

/// A batch's tables, those of one measurement together.
pub(crate) fn by_measurement(batch: Batch) -> BTreeMap<String, Vec<PointTable>> {
    let mut parts: BTreeMap<String, Vec<PointTable>> = BTreeMap::new();
    for table in batch.tables {
        parts
            .entry(table.measurement.clone())
            .or_default()
            .push(table);
    }
    parts
}

/// Removes files that no record of the catalog names: what a crash left between writing
/// a file and committing it, or between dropping it and removing it.
fn sweep(shared: &Shared) -> Result<()> {
    let mut known = HashSet::new();
    for table in shared.schema.read().tables(None) {
        known.extend(table.read().files.iter().map(|file| file.path.clone()));
    }
    for path in shared.store.list()? {
        let ours = path.ends_with(".parquet") || path.ends_with(".parquet.tmp");
        if ours && !known.contains(&path) {
            tracing::info!(path, "orphan removed");
            shared.store.remove(&path)?;
        }
    }
    Ok(())
}
