//! CREATE and DROP CONTINUOUS QUERY.

use crate::catalog::record::ContinuousQuery;
use crate::ddl::save;
use crate::error::{Result, StorageError};
use crate::state::EngineState;

/// Creates a continuous query; the same one again is no error.
pub(crate) fn create_continuous_query(
    state: &EngineState,
    database: &str,
    query: ContinuousQuery,
) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = state.schema.read().database(database)?.clone();
    let existing = record
        .continuous_queries
        .iter()
        .find(|existing| existing.name == query.name);
    match existing {
        Some(existing) if existing.text.to_lowercase() == query.text.to_lowercase() => Ok(()),
        Some(_) => Err(StorageError::ContinuousQueryExists),
        None => {
            record.continuous_queries.push(query);
            save(state, record)
        }
    }
}

/// Drops a continuous query; one that does not exist is no error.
pub(crate) fn drop_continuous_query(state: &EngineState, database: &str, name: &str) -> Result<()> {
    let _positions = state.positions.lock();
    let Some(mut record) = state.schema.read().databases.get(database).cloned() else {
        return Ok(());
    };
    let before = record.continuous_queries.len();
    record.continuous_queries.retain(|query| query.name != name);
    if record.continuous_queries.len() == before {
        return Ok(());
    }
    save(state, record)
}
