//! Schema changes and deletes. Each happens under the lock of the log's positions, so
//! that every write is wholly before or wholly after it. No file is read or removed under
//! that lock.

pub(crate) mod continuous_query;
pub(crate) mod database;
pub(crate) mod delete;
pub(crate) mod measurement;
pub(crate) mod policy;
pub(crate) mod subscription;
pub(crate) mod user;

use std::sync::Arc;

use crate::catalog::CatalogTransaction;
use crate::catalog::database::Database;
use crate::error::Result;
use crate::state::EngineState;
use crate::table::Table;

pub(crate) fn save(state: &EngineState, database: Database) -> Result<()> {
    let mut changes = CatalogTransaction::default();
    changes.database(&database);
    state.catalog.commit(changes)?;
    state
        .schema
        .write()
        .databases
        .insert(database.name.clone(), database);
    Ok(())
}

/// Notes that the files of tables that go are to be removed.
fn remove_files(changes: &mut CatalogTransaction, tables: &[Arc<Table>]) {
    for table in tables {
        for file in &table.read().files {
            changes.garbage(file);
        }
    }
}

/// Forgets the points of tables that are gone from schema and catalog.
fn discard(state: &EngineState, tables: &[Arc<Table>]) {
    for table in tables {
        let mut inner = table.write();
        state.count_bytes(inner.unflushed_bytes(), 0);
        inner.memtable.take();
        inner.frozen.clear();
        let files = std::mem::take(&mut inner.files);
        drop(inner);
        for file in files {
            file.mark_obsolete();
        }
    }
}
