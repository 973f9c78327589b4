//! Schema changes and deletes at the engine's door.

use crate::catalog::database::PolicyChange;
use crate::catalog::record::{ContinuousQuery, Subscription, User};
use crate::clock::Version;
use crate::ddl::{self, delete::Delete};
use crate::engine::Engine;
use crate::error::Result;
use crate::table::schema::Schema;

impl Engine {
    /// # Errors
    /// When it exists with another default policy, or the catalog cannot be written.
    pub fn create_database(&self, name: &str, policy: Option<(&str, &PolicyChange)>) -> Result<()> {
        ddl::database::create_database(&self.state, name, policy, None)
    }

    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        ddl::database::drop_database(&self.state, name)
    }

    /// # Errors
    /// When the database does not exist, the policy exists otherwise, or is refused.
    pub fn create_policy(&self, database: &str, name: &str, change: &PolicyChange) -> Result<()> {
        ddl::policy::create_policy(&self.state, database, name, change, None)
    }

    /// # Errors
    /// When the policy does not exist or the change is refused.
    pub fn alter_policy(&self, database: &str, name: &str, change: &PolicyChange) -> Result<()> {
        ddl::policy::alter_policy(&self.state, database, name, change)
    }

    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_policy(&self, database: &str, name: &str) -> Result<()> {
        ddl::policy::drop_policy(&self.state, database, name)
    }

    /// Drops a measurement in all policies; true when there was one.
    ///
    /// # Errors
    /// When the database does not exist.
    pub fn drop_measurement(&self, database: &str, measurement: &str) -> Result<bool> {
        ddl::measurement::drop_measurement(&self.state, database, measurement, None)
    }

    /// Deletes points; series of which none is left leave the index. Measurements without
    /// a series forget the types of their fields.
    ///
    /// # Errors
    /// When a regular expression is invalid or the catalog cannot be written.
    pub fn delete(&self, request: &Delete<'_>) -> Result<()> {
        ddl::delete::delete(&self.state, request)
    }

    /// # Errors
    /// When the database does not exist, or has another query of that name.
    pub fn create_continuous_query(&self, database: &str, query: ContinuousQuery) -> Result<()> {
        ddl::continuous_query::create_continuous_query(&self.state, database, query)
    }

    /// One that does not exist is no error.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_continuous_query(&self, database: &str, name: &str) -> Result<()> {
        ddl::continuous_query::drop_continuous_query(&self.state, database, name)
    }

    /// # Errors
    /// When database or policy do not exist, or the policy has one of that name.
    pub fn create_subscription(&self, database: &str, subscription: Subscription) -> Result<()> {
        ddl::subscription::create_subscription(&self.state, database, subscription)
    }

    /// # Errors
    /// When it does not exist.
    pub fn drop_subscription(&self, database: &str, policy: &str, name: &str) -> Result<()> {
        ddl::subscription::drop_subscription(&self.state, database, policy, name)
    }

    /// # Errors
    /// When there is a user of that name.
    pub fn create_user(&self, name: &str, hash: String, admin: bool) -> Result<()> {
        ddl::user::create_user(&self.state, name, hash, admin)
    }

    /// # Errors
    /// When there is no such user.
    pub fn drop_user(&self, name: &str) -> Result<()> {
        ddl::user::drop_user(&self.state, name)
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
        ddl::user::change_user(&self.state, name, change)
    }
}

/// Schema changes to which another node gave their version.
pub struct OrderedChanges<'a> {
    engine: &'a Engine,
    version: Version,
}

impl Engine {
    /// The changes of another node, which has ordered them.
    #[must_use]
    pub fn ordered(&self, version: Version) -> OrderedChanges<'_> {
        OrderedChanges {
            engine: self,
            version,
        }
    }
}

impl OrderedChanges<'_> {
    /// # Errors
    /// As [`Engine::create_database`].
    pub fn create_database(&self, name: &str, policy: Option<(&str, &PolicyChange)>) -> Result<()> {
        let (state, version) = (&self.engine.state, Some(self.version));
        ddl::database::create_database(state, name, policy, version)
    }

    /// # Errors
    /// As [`Engine::create_policy`].
    pub fn create_policy(&self, database: &str, name: &str, change: &PolicyChange) -> Result<()> {
        let (state, version) = (&self.engine.state, Some(self.version));
        ddl::policy::create_policy(state, database, name, change, version)
    }

    /// # Errors
    /// As [`Engine::drop_measurement`].
    pub fn drop_measurement(&self, database: &str, measurement: &str) -> Result<bool> {
        let (state, version) = (&self.engine.state, Some(self.version));
        ddl::measurement::drop_measurement(state, database, measurement, version)
    }
}
