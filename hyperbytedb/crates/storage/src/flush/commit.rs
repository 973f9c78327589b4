//! Makes files of a flush the truth: one transaction, then memory lets go.

use std::collections::BTreeMap;

use crate::catalog::file::FileEntry;
use crate::catalog::{CatalogTransaction, TableRecord};
use crate::error::Result;
use crate::flush::freeze::Frozen;
use crate::series::SeriesId;
use crate::state::EngineState;
use crate::table::Table;
use crate::table::schema::Schema;
use crate::table::tombstone::DatabaseTombstone;

/// New series of one flush from which on the catalog is asked to give its memory back.
const SERIES_MANY: usize = 32_768;

/// Bytes of new series that wait for the transaction. More go ahead of it in parts: one
/// batch of very many is held by RocksDB whole, twice, in memory that it keeps.
const SERIES_BATCH_BYTES: usize = 1 << 20;

/// Adds the series that the catalog lacks, and writes them ahead when they are many: the
/// log, which still has their points, would bring them back after a crash in any case.
/// Returns up to which number the catalog has them then.
fn add_series(
    state: &EngineState,
    changes: &mut CatalogTransaction,
    table: &Table,
) -> Result<usize> {
    let inner = table.read();
    for id in inner.series.persisted..inner.series.numbered() {
        let id = id as SeriesId;
        if inner.series.is_live(id) {
            changes.series(&table.name, inner.series.key(id));
        }
        if changes.bytes() >= SERIES_BATCH_BYTES {
            state.catalog.prepare(std::mem::take(changes))?;
        }
    }
    Ok(inner.series.numbered())
}

/// One transaction: files, the series and columns they need, and the position.
pub(crate) fn commit(
    state: &EngineState,
    position: u64,
    written: &[(Frozen, Vec<FileEntry>)],
) -> Result<()> {
    // Under this lock no table can be dropped between the check and the commit.
    let mut positions = state.positions.lock();
    let mut changes = CatalogTransaction::default();
    let mut persisted: Vec<usize> = Vec::with_capacity(written.len());
    let mut new_series = 0;
    for (frozen, _) in written {
        let mut numbered = 0;
        if !frozen.table.is_dropped() {
            let before = frozen.table.read().series.persisted;
            numbered = add_series(state, &mut changes, &frozen.table)?;
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
        changes.replace_files(&table.name, std::iter::empty(), files.iter());
    }
    changes.position(&state.position_record(position));
    state.catalog.commit(changes)?;
    positions.flushed = position;
    for ((frozen, files), persisted) in written.iter().zip(persisted) {
        if frozen.table.is_dropped() {
            for file in files {
                state.handle_of(file.clone()).mark_obsolete();
            }
            continue;
        }
        publish(state, &frozen.table, files, persisted);
    }
    forget_tombstones(state, position)?;
    drop(positions);
    if new_series >= SERIES_MANY {
        state.catalog.release_memory()?;
    }
    Ok(())
}

/// Swaps the frozen runs of a table for the files made of them.
fn publish(state: &EngineState, table: &Table, files: &[FileEntry], persisted: usize) {
    for file in files {
        crate::metrics::file_written(file.bytes, file.rows);
    }
    let handles = files.iter().map(|file| state.handle_of(file.clone()));
    let handles = handles.collect();
    let mut inner = table.write();
    let before = inner.unflushed_bytes();
    inner.frozen.clear();
    inner.replace_files(&[], handles);
    inner.series.persisted = persisted;
    inner.schema_changed = false;
    state.count_bytes(before, inner.unflushed_bytes());
}

/// Forgets deletes that nothing can meet any more: all that is older than they are left
/// the log, memory and files. Where other nodes may bring older points, none is forgotten.
fn forget_tombstones(state: &EngineState, position: u64) -> Result<()> {
    if state.config.layout.keep_versions {
        return Ok(());
    }
    let mut forgotten: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    {
        let schema = state.schema.read();
        for database in schema.databases.keys() {
            let stones = schema.tombstones(database).iter();
            let seqs: Vec<u64> = stones
                .filter(|stone| {
                    stone.is_settled()
                        && stone.tombstone.log_position <= position
                        && !meets_a_file(&schema, database, stone)
                })
                .map(|stone| stone.tombstone.seq)
                .collect();
            if !seqs.is_empty() {
                forgotten.insert(database.clone(), seqs);
            }
        }
    }
    if forgotten.is_empty() {
        return Ok(());
    }
    let mut changes = CatalogTransaction::default();
    for (database, seqs) in &forgotten {
        for seq in seqs {
            changes.remove_tombstone(database, *seq);
        }
    }
    // A crash that loses this leaves deletes that hide nothing.
    state.catalog.prepare(changes)?;
    let mut schema = state.schema.write();
    for (database, seqs) in &forgotten {
        schema.forget_tombstones(database, seqs);
    }
    Ok(())
}

/// Whether a file may hold something that the tombstone hides.
fn meets_a_file(schema: &Schema, database: &str, stone: &DatabaseTombstone) -> bool {
    let tombstone = &stone.tombstone;
    let meets = |file: &FileEntry| {
        file.min_version < tombstone.version
            && file.min_time <= tombstone.max_time
            && file.max_time >= tombstone.min_time
    };
    let tables = schema.concerned(database, stone);
    tables
        .iter()
        .any(|table| table.read().files.iter().any(|file| meets(file)))
}
