//! DROP MEASUREMENT, and measurements that run empty.

use std::sync::Arc;

use crate::catalog::CatalogTransaction;
use crate::catalog::record::{MeasurementScope, SeriesPredicate, TableName};
use crate::clock::Version;
use crate::ddl::delete::{Delete, add_tombstone, settle, tombstone_of};
use crate::ddl::{discard, remove_files};
use crate::error::Result;
use crate::state::EngineState;
use crate::table::Table;

/// Drops a measurement in all policies of a database; true when there was one.
pub(crate) fn drop_measurement(
    state: &EngineState,
    database: &str,
    measurement: &str,
    version: Option<Version>,
) -> Result<bool> {
    let delete = Delete {
        database,
        policy: None,
        measurements: &MeasurementScope::One(measurement.to_string()),
        series: &SeriesPredicate::All,
        time: (i64::MIN, i64::MAX),
        version,
    };
    let (existed, stone, later) = {
        let positions = state.positions.lock();
        state.schema.read().database(database)?;
        let stone = tombstone_of(state, &delete, positions.visible)?;
        let tables = state.schema.read().concerned(database, &stone);
        let existed = tables.iter().any(|table| !table.read().series.is_empty());
        if tables.is_empty() && !state.config.layout.keep_versions {
            return Ok(false);
        }
        // Tables of which another node has written something later stay.
        let version = stone.tombstone.version;
        let (later, whole): (Vec<Arc<Table>>, Vec<Arc<Table>>) = tables
            .into_iter()
            .partition(|table| table.read().max_version() >= version);
        let mut changes = CatalogTransaction::default();
        let covered = add_tombstone(state, &mut changes, database, &stone);
        for table in &whole {
            changes.remove_table(&table.name);
        }
        remove_files(&mut changes, &whole);
        state.catalog.commit(changes)?;
        let removed = {
            let mut schema = state.schema.write();
            schema.forget_tombstones(database, &covered);
            schema.push_tombstone(database, &stone);
            schema.remove_tables(|name| whole.iter().any(|table| table.name == *name))
        };
        discard(state, &removed);
        for table in &later {
            table.write().watch(stone.clone());
        }
        (existed, stone, later)
    };
    settle(state, &stone, &later)?;
    Ok(existed)
}

/// Forgets the columns of a measurement that has no series left in a policy, as InfluxDB
/// does. No tombstone is needed: nothing is hidden that was not deleted before.
pub(crate) fn forget_empty(state: &EngineState, name: &TableName) -> Result<()> {
    if state.config.layout.keep_versions {
        // Other nodes may still bring points, in the types that the columns have.
        return Ok(());
    }
    let _positions = state.positions.lock();
    let Some(table) = state.schema.read().table(name).cloned() else {
        return Ok(());
    };
    if !table.read().series.is_empty() {
        return Ok(());
    }
    let tables = [table];
    let mut changes = CatalogTransaction::default();
    changes.remove_table(name);
    remove_files(&mut changes, &tables);
    state.catalog.commit(changes)?;
    let removed = state.schema.write().remove_tables(|other| other == name);
    discard(state, &removed);
    Ok(())
}
