//! CREATE and DROP DATABASE.

use crate::catalog::CatalogTransaction;
use crate::catalog::database::{Database, Policy, PolicyChange};
use crate::catalog::record::User;
use crate::clock::Version;
use crate::ddl::{discard, remove_files, save};
use crate::error::{Result, StorageError};
use crate::state::EngineState;

/// Creates a database; one that exists already is left as it is, unless `policy`
/// describes another default policy.
pub(crate) fn create_database(
    state: &EngineState,
    name: &str,
    policy: Option<(&str, &PolicyChange)>,
    version: Option<Version>,
) -> Result<()> {
    let _positions = state.positions.lock();
    let existing = state.schema.read().databases.get(name).cloned();
    if let Some(existing) = existing {
        let Some((policy_name, change)) = policy else {
            return Ok(());
        };
        let wanted = Policy::new(policy_name, change, existing.created)?;
        let same = existing
            .policy(None)
            .is_ok_and(|current| current.name == wanted.name && current.same_as(&wanted));
        return if same {
            Ok(())
        } else {
            Err(StorageError::PolicyConflict)
        };
    }
    let created = state.version_of(version);
    let policy = match policy {
        None => Policy::autogen(created),
        Some((policy_name, change)) => Policy::new(policy_name, change, created)?,
    };
    let database = Database {
        name: name.to_string(),
        created,
        default_policy: policy.name.clone(),
        policies: vec![policy],
        continuous_queries: Vec::new(),
        subscriptions: Vec::new(),
    };
    save(state, database)
}

/// Drops a database with all its points; one that does not exist is no error.
pub(crate) fn drop_database(state: &EngineState, name: &str) -> Result<()> {
    let _positions = state.positions.lock();
    let mut changes = CatalogTransaction::default();
    changes.remove_database(name);
    let users = users_without(state, name);
    for user in users.iter().filter(|(_, changed)| *changed) {
        changes.user(&user.0);
    }
    remove_files(&mut changes, &state.schema.read().tables(Some(name)));
    state.catalog.commit(changes)?;
    let removed = {
        let mut schema = state.schema.write();
        schema.databases.remove(name);
        schema.drop_tombstones(name, None);
        schema.users = users.into_iter().map(|(user, _)| user).collect();
        schema.remove_tables(|table| table.database == name)
    };
    discard(state, &removed);
    Ok(())
}

/// All users without their privileges on a database, and whether they had any.
fn users_without(state: &EngineState, database: &str) -> Vec<(User, bool)> {
    let users = state.schema.read().users.clone();
    let without = |mut user: User| {
        let had = user.privileges.remove(database).is_some();
        (user, had)
    };
    users.into_iter().map(without).collect()
}
