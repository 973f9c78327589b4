//! Who asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use storage::{Privilege, User};

/// A user with the rights held when the request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub admin: bool,
    pub privileges: BTreeMap<String, Privilege>,
}

impl From<&User> for Person {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            admin: user.admin,
            privileges: user.privileges.clone(),
        }
    }
}

/// Whoever a request is answered for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Identity {
    /// Authentication is off, or the server acts by itself.
    Server,
    Person(Arc<Person>),
    /// Nobody could be asked for credentials yet: there is no admin.
    #[default]
    Nobody,
}

impl Identity {
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match self {
            Identity::Server => true,
            Identity::Person(person) => person.admin,
            Identity::Nobody => false,
        }
    }

    #[must_use]
    pub fn reads(&self, database: &str) -> bool {
        self.holds(database, &[Privilege::Read, Privilege::All])
    }

    #[must_use]
    pub fn writes(&self, database: &str) -> bool {
        self.holds(database, &[Privilege::Write, Privilege::All])
    }

    /// Whether the database may appear in a list.
    #[must_use]
    pub fn sees(&self, database: &str) -> bool {
        self.reads(database) || self.writes(database)
    }

    /// The user's name, for continuous queries that act for their creator.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Identity::Person(person) => Some(&person.name),
            Identity::Server | Identity::Nobody => None,
        }
    }

    fn holds(&self, database: &str, enough: &[Privilege]) -> bool {
        match self {
            Identity::Person(person) if !person.admin => person
                .privileges
                .get(database)
                .is_some_and(|held| enough.contains(held)),
            other => other.is_admin(),
        }
    }
}
