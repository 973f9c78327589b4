//! What the catalog keeps beside points: continuous queries, subscriptions, users. The
//! engine only stores them; who runs, delivers and checks them is above it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::ddl::save;
use crate::engine::Engine;
use crate::error::{Result, StorageError};
use crate::meta::Changes;
use crate::schema::Schema;
use crate::shared::Shared;

/// A query that runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinuousQuery {
    pub name: String,
    /// The whole `CREATE CONTINUOUS QUERY …`, names completed.
    pub text: String,
    /// The user with whose rights it runs; nobody's when authentication was off.
    #[serde(default)]
    pub owner: Option<String>,
}

/// Where the points of a policy are to be sent, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub name: String,
    pub policy: String,
    /// `ALL` or `ANY`.
    pub mode: String,
    pub destinations: Vec<String>,
}

/// What a user may do with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Privilege {
    /// Once granted and revoked again: InfluxDB goes on to list the database.
    None,
    Read,
    Write,
    All,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub name: String,
    /// Of the password; never the password.
    pub hash: String,
    pub admin: bool,
    /// By database.
    pub privileges: BTreeMap<String, Privilege>,
    pub created: Version,
}

impl Privilege {
    /// What is left when `revoked` is taken away.
    #[must_use]
    pub fn without(self, revoked: Privilege) -> Privilege {
        match (self, revoked) {
            (kept, Privilege::None) => kept,
            (Privilege::All, Privilege::Read) => Privilege::Write,
            (Privilege::All, Privilege::Write) => Privilege::Read,
            (kept, revoked) if revoked != Privilege::All && kept != revoked => kept,
            _ => Privilege::None,
        }
    }
}

impl Engine {
    /// # Errors
    /// When the database does not exist, or has another query of that name.
    pub fn create_continuous_query(&self, database: &str, query: ContinuousQuery) -> Result<()> {
        create_continuous_query(&self.shared, database, query)
    }

    /// One that does not exist is no error.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_continuous_query(&self, database: &str, name: &str) -> Result<()> {
        drop_continuous_query(&self.shared, database, name)
    }

    /// # Errors
    /// When database or policy do not exist, or the policy has one of that name.
    pub fn create_subscription(&self, database: &str, subscription: Subscription) -> Result<()> {
        create_subscription(&self.shared, database, subscription)
    }

    /// # Errors
    /// When it does not exist.
    pub fn drop_subscription(&self, database: &str, policy: &str, name: &str) -> Result<()> {
        drop_subscription(&self.shared, database, policy, name)
    }

    /// # Errors
    /// When there is a user of that name.
    pub fn create_user(&self, name: &str, hash: String, admin: bool) -> Result<()> {
        create_user(&self.shared, name, hash, admin)
    }

    /// # Errors
    /// When there is no such user.
    pub fn drop_user(&self, name: &str) -> Result<()> {
        drop_user(&self.shared, name)
    }

    /// Changes a user's hash, admin right or privileges.
    ///
    /// # Errors
    /// When there is no such user, or the error of `change`.
    pub fn change_user(
        &self,
        name: &str,
        change: impl FnOnce(&Schema, &mut User) -> Result<()>,
    ) -> Result<()> {
        change_user(&self.shared, name, change)
    }
}

/// Creates a continuous query; the same one again is no error.
pub(crate) fn create_continuous_query(
    shared: &Shared,
    database: &str,
    query: ContinuousQuery,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = shared.schema.read().database(database)?.clone();
    let existing = record
        .continuous_queries
        .iter()
        .find(|existing| existing.name == query.name);
    match existing {
        Some(existing) if existing.text.to_lowercase() == query.text.to_lowercase() => Ok(()),
        Some(_) => Err(StorageError::ContinuousQueryExists),
        None => {
            record.continuous_queries.push(query);
            save(shared, record)
        }
    }
}

/// Drops a continuous query; one that does not exist is no error.
pub(crate) fn drop_continuous_query(shared: &Shared, database: &str, name: &str) -> Result<()> {
    let _positions = shared.positions.lock();
    let Some(mut record) = shared.schema.read().databases.get(database).cloned() else {
        return Ok(());
    };
    let before = record.continuous_queries.len();
    record.continuous_queries.retain(|query| query.name != name);
    if record.continuous_queries.len() == before {
        return Ok(());
    }
    save(shared, record)
}

pub(crate) fn create_subscription(
    shared: &Shared,
    database: &str,
    subscription: Subscription,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = shared.schema.read().database(database)?.clone();
    record.policy(Some(&subscription.policy))?;
    let is_same = |existing: &Subscription| {
        existing.policy == subscription.policy && existing.name == subscription.name
    };
    if record.subscriptions.iter().any(is_same) {
        return Err(StorageError::SubscriptionExists);
    }
    record.subscriptions.push(subscription);
    save(shared, record)
}

pub(crate) fn drop_subscription(
    shared: &Shared,
    database: &str,
    policy: &str,
    name: &str,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = shared.schema.read().database(database)?.clone();
    record.policy(Some(policy))?;
    let before = record.subscriptions.len();
    record
        .subscriptions
        .retain(|existing| existing.policy != policy || existing.name != name);
    if record.subscriptions.len() == before {
        return Err(StorageError::SubscriptionNotFound);
    }
    save(shared, record)
}

pub(crate) fn create_user(shared: &Shared, name: &str, hash: String, admin: bool) -> Result<()> {
    let _positions = shared.positions.lock();
    if shared.schema.read().user(name).is_ok() {
        return Err(StorageError::UserExists);
    }
    let user = User {
        name: name.to_string(),
        hash,
        admin,
        privileges: BTreeMap::new(),
        created: shared.clock.next(),
    };
    let mut changes = Changes::default();
    changes.user(&user);
    shared.meta.commit(changes)?;
    shared.schema.write().users.push(user);
    Ok(())
}

pub(crate) fn drop_user(shared: &Shared, name: &str) -> Result<()> {
    let _positions = shared.positions.lock();
    shared.schema.read().user(name)?;
    let mut changes = Changes::default();
    changes.remove_user(name);
    shared.meta.commit(changes)?;
    shared.schema.write().users.retain(|user| user.name != name);
    Ok(())
}

pub(crate) fn change_user(
    shared: &Shared,
    name: &str,
    change: impl FnOnce(&Schema, &mut User) -> Result<()>,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let user = {
        let schema = shared.schema.read();
        let mut user = schema.user(name)?.clone();
        change(&schema, &mut user)?;
        user
    };
    let mut changes = Changes::default();
    changes.user(&user);
    shared.meta.commit(changes)?;
    let mut schema = shared.schema.write();
    if let Some(held) = schema.users.iter_mut().find(|held| held.name == name) {
        *held = user;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Privilege::{All, None, Read, Write};

    #[test]
    fn revoking_takes_away_what_was_granted_and_no_more() {
        assert_eq!(All.without(Read), Write);
        assert_eq!(All.without(Write), Read);
        assert_eq!(Read.without(Write), Read);
        assert_eq!(Read.without(Read), None);
        assert_eq!(Write.without(All), None);
        assert_eq!(All.without(None), All);
    }
}
