//! CREATE, ALTER and DROP RETENTION POLICY.

use crate::catalog::CatalogTransaction;
use crate::catalog::database::{Policy, PolicyChange};
use crate::catalog::record::TableName;
use crate::clock::Version;
use crate::ddl::{discard, remove_files, save};
use crate::error::{Result, StorageError};
use crate::state::EngineState;

/// Creates a retention policy; the same one again is no error.
pub(crate) fn create_policy(
    state: &EngineState,
    database: &str,
    name: &str,
    change: &PolicyChange,
    version: Option<Version>,
) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = state.schema.read().database(database)?.clone();
    let policy = Policy::new(name, change, state.version_of(version))?;
    match record
        .policies
        .iter()
        .find(|existing| existing.name == name)
    {
        Some(existing) if existing.same_as(&policy) => {
            if change.default && record.default_policy != name {
                return Err(StorageError::PolicyNotDefault);
            }
            return Ok(());
        }
        Some(_) => return Err(StorageError::PolicyConflict),
        None => record.policies.push(policy),
    }
    if change.default {
        record.default_policy = name.to_string();
    }
    save(state, record)
}

/// Changes a retention policy.
pub(crate) fn alter_policy(
    state: &EngineState,
    database: &str,
    name: &str,
    change: &PolicyChange,
) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = state.schema.read().database(database)?.clone();
    record.alter_policy(name, change)?;
    save(state, record)
}

/// Drops a retention policy with its points; one that does not exist is no error.
pub(crate) fn drop_policy(state: &EngineState, database: &str, name: &str) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = match state.schema.read().databases.get(database) {
        Some(record) => record.clone(),
        None => return Ok(()),
    };
    record.policies.retain(|policy| policy.name != name);
    record
        .subscriptions
        .retain(|subscription| subscription.policy != name);
    let mut changes = CatalogTransaction::default();
    changes.database(&record);
    let of_policy = |table: &TableName| table.database == database && table.policy == name;
    {
        let schema = state.schema.read();
        let mut tables = schema.tables(Some(database));
        tables.retain(|table| of_policy(&table.name));
        for table in &tables {
            changes.remove_table(&table.name);
        }
        remove_files(&mut changes, &tables);
        let stones = schema.tombstones(database).iter();
        for stone in stones.filter(|stone| stone.tombstone.policy.as_deref() == Some(name)) {
            changes.remove_tombstone(database, stone.tombstone.seq);
        }
    }
    state.catalog.commit(changes)?;
    let removed = {
        let mut schema = state.schema.write();
        schema.databases.insert(record.name.clone(), record);
        schema.drop_tombstones(database, Some(name));
        schema.remove_tables(of_policy)
    };
    discard(state, &removed);
    Ok(())
}
