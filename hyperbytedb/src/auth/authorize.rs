//! Whether a request may do what it asks for.

use influxql::ast::{Query, Statement};

use super::Identity;
use super::privileges::{Need, needs};

/// A refusal, in InfluxDB's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// Nothing can be done before there is an admin.
    #[error("error authorizing query: create admin user first or disable authentication")]
    NoAdmin,
    #[error(
        "error authorizing query: {user} not authorized to execute statement '{statement}', requires {right}"
    )]
    Statement {
        user: String,
        /// With passwords left out.
        statement: String,
        /// Such as `READ on db`.
        right: String,
    },
    #[error("user is required to {verb} database {database:?}")]
    UserRequired {
        /// `write to` or `read from`.
        verb: &'static str,
        database: String,
    },
    #[error("{user:?} user is not authorized to {verb} database {database:?}")]
    Database {
        user: String,
        verb: &'static str,
        database: String,
    },
}

/// Looks at all statements of a request before the first one is executed.
///
/// # Errors
/// For the first right that is missing.
pub fn authorize(identity: &Identity, query: &Query, database: &str) -> Result<(), Forbidden> {
    let person = match identity {
        Identity::Server => return Ok(()),
        Identity::Person(person) => person,
        Identity::Nobody => {
            return match query.statements.first() {
                Some(Statement::CreateUser(create)) if create.admin => Ok(()),
                _ => Err(Forbidden::NoAdmin),
            };
        }
    };
    for statement in &query.statements {
        for need in needs(statement, database) {
            let (held, right) = match &need {
                Need::Admin => (identity.is_admin(), "admin privilege".to_string()),
                Need::Read(name) => (identity.reads(name), format!("READ on {name}")),
                Need::Write(name) => (identity.writes(name), format!("WRITE on {name}")),
            };
            if !held {
                return Err(Forbidden::Statement {
                    user: person.name.clone(),
                    statement: statement.to_string(),
                    right,
                });
            }
        }
    }
    Ok(())
}

/// Whether points may be written into a database.
///
/// # Errors
/// When not.
pub fn may_write(identity: &Identity, database: &str) -> Result<(), Forbidden> {
    may(identity, identity.writes(database), "write to", database)
}

/// Whether points may be read from a database.
///
/// # Errors
/// When not.
pub fn may_read(identity: &Identity, database: &str) -> Result<(), Forbidden> {
    may(identity, identity.reads(database), "read from", database)
}

fn may(
    identity: &Identity,
    held: bool,
    verb: &'static str,
    database: &str,
) -> Result<(), Forbidden> {
    let database = database.to_string();
    match identity {
        _ if held => Ok(()),
        Identity::Person(person) => Err(Forbidden::Database {
            user: person.name.clone(),
            verb,
            database,
        }),
        _ => Err(Forbidden::UserRequired { verb, database }),
    }
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
