//! Users: CREATE, DROP, and changes of passwords and rights.

use std::collections::BTreeMap;

use crate::catalog::CatalogTransaction;
use crate::catalog::record::User;
use crate::error::{Result, StorageError};
use crate::state::EngineState;
use crate::table::schema::Schema;

pub(crate) fn create_user(
    state: &EngineState,
    name: &str,
    hash: String,
    admin: bool,
) -> Result<()> {
    let _positions = state.positions.lock();
    if state.schema.read().user(name).is_ok() {
        return Err(StorageError::UserExists);
    }
    let user = User {
        name: name.to_string(),
        hash,
        admin,
        privileges: BTreeMap::new(),
        created: state.clock.next(),
    };
    let mut changes = CatalogTransaction::default();
    changes.user(&user);
    state.catalog.commit(changes)?;
    state.schema.write().users.push(user);
    Ok(())
}

pub(crate) fn drop_user(state: &EngineState, name: &str) -> Result<()> {
    let _positions = state.positions.lock();
    state.schema.read().user(name)?;
    let mut changes = CatalogTransaction::default();
    changes.remove_user(name);
    state.catalog.commit(changes)?;
    state.schema.write().users.retain(|user| user.name != name);
    Ok(())
}

pub(crate) fn change_user(
    state: &EngineState,
    name: &str,
    change: impl FnOnce(&Schema, &mut User) -> Result<()>,
) -> Result<()> {
    let _positions = state.positions.lock();
    let user = {
        let schema = state.schema.read();
        let mut user = schema.user(name)?.clone();
        change(&schema, &mut user)?;
        user
    };
    let mut changes = CatalogTransaction::default();
    changes.user(&user);
    state.catalog.commit(changes)?;
    let mut schema = state.schema.write();
    if let Some(held) = schema.users.iter_mut().find(|held| held.name == name) {
        *held = user;
    }
    Ok(())
}
