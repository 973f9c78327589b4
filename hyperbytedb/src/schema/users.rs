//! The statements about users and their privileges.

use influxql::ast::{CreateUser, Grant, Privilege as Granted};
use storage::{Engine, Privilege, StorageError};

use super::rows::{Rows, text};
use crate::auth;
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::value::Value;

/// Creates a user; the same one again is no error.
///
/// # Errors
/// For an empty name, and when there is one with another password or other rights.
pub fn create(create: &CreateUser, engine: &Engine) -> Result<(), QueryError> {
    if create.name.is_empty() {
        return Err(QueryError::Invalid("username required".to_string()));
    }
    let existing = engine.with_schema(|schema| schema.user(&create.name).cloned());
    if let Ok(user) = existing {
        let same = user.admin == create.admin && auth::verify(&create.password, &user.hash);
        return if same {
            Ok(())
        } else {
            Err(StorageError::UserExists.into())
        };
    }
    let hash = hash(&create.password)?;
    Ok(engine.create_user(&create.name, hash, create.admin)?)
}

/// # Errors
/// When there is no such user.
pub fn set_password(user: &str, password: &str, engine: &Engine) -> Result<(), QueryError> {
    engine.with_schema(|schema| schema.user(user).map(|_| ()))?;
    let hash = hash(password)?;
    engine.change_user(user, |_, user| {
        user.hash = hash;
        Ok(())
    })?;
    Ok(())
}

/// Gives a user a privilege on a database, in place of the one it had, or all rights.
///
/// # Errors
/// When there is no such user or database.
pub fn grant(grant: &Grant, engine: &Engine) -> Result<(), QueryError> {
    engine.change_user(&grant.user, |schema, user| {
        match &grant.database {
            None => user.admin = true,
            Some(database) => {
                schema.database(database)?;
                let privilege = stored(grant.privilege);
                user.privileges.insert(database.clone(), privilege);
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Takes a privilege on a database, or the right to everything, away.
///
/// # Errors
/// When there is no such user or database.
pub fn revoke(revoke: &Grant, engine: &Engine) -> Result<(), QueryError> {
    engine.change_user(&revoke.user, |schema, user| {
        match &revoke.database {
            None => user.admin = false,
            Some(database) => {
                schema.database(database)?;
                let held = user.privileges.get(database).copied();
                let left = held
                    .unwrap_or(Privilege::None)
                    .without(stored(revoke.privilege));
                user.privileges.insert(database.clone(), left);
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// `SHOW USERS`.
pub fn show(engine: &Engine) -> Vec<SeriesChunk> {
    let mut rows = Rows::new("", &["user", "admin"]);
    engine.with_schema(|schema| {
        for user in &schema.users {
            rows.push(vec![text(&user.name), Value::Boolean(user.admin)]);
        }
    });
    vec![rows.finish()]
}

/// `SHOW GRANTS FOR …`.
///
/// # Errors
/// When there is no such user.
pub fn show_grants(user: &str, engine: &Engine) -> Result<Vec<SeriesChunk>, QueryError> {
    let mut rows = Rows::new("", &["database", "privilege"]);
    engine.with_schema(|schema| {
        for (database, privilege) in &schema.user(user)?.privileges {
            let name = match privilege {
                Privilege::None => "NO PRIVILEGES",
                Privilege::Read => "READ",
                Privilege::Write => "WRITE",
                Privilege::All => "ALL PRIVILEGES",
            };
            rows.push(vec![text(database), text(name)]);
        }
        Ok::<(), StorageError>(())
    })?;
    Ok(vec![rows.finish()])
}

fn stored(privilege: Granted) -> Privilege {
    match privilege {
        Granted::Read => Privilege::Read,
        Granted::Write => Privilege::Write,
        Granted::All => Privilege::All,
    }
}

fn hash(password: &str) -> Result<String, QueryError> {
    auth::hash(password)
        .map_err(|error| QueryError::Engine(format!("cannot hash the password: {error}")))
}
