//! Where a request reads or writes: a database and one of its policies.

use storage::{Engine, StorageError};

use super::error::HttpError;
use super::request::Parameters;
use crate::write::WriteError;

/// A database, and a policy unless it is the default one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub database: String,
    pub policy: Option<String>,
}

impl Target {
    /// The parameters `db` and `rp` of InfluxDB 1.x.
    ///
    /// # Errors
    /// Without `db`.
    pub fn of_database(parameters: &Parameters) -> Result<Self, HttpError> {
        let database = parameters.get("db").ok_or(WriteError::DatabaseRequired)?;
        Ok(Self {
            database: database.to_string(),
            policy: parameters.get("rp").map(str::to_string),
        })
    }

    /// The parameter `bucket` of InfluxDB 2.x: `database` or `database/policy`.
    ///
    /// # Errors
    /// When it names no database.
    pub fn of_bucket(parameters: &Parameters) -> Result<Self, HttpError> {
        Self::of_bucket_name(parameters.get("bucket").unwrap_or_default())
    }

    /// As [`Target::of_bucket`], from the name itself.
    ///
    /// # Errors
    /// As [`Target::of_bucket`].
    pub fn of_bucket_name(bucket: &str) -> Result<Self, HttpError> {
        let (database, policy) = match bucket.split_once('/') {
            Some(("", _)) => {
                return Err(HttpError::Bucket(format!(
                    "bucket name {bucket:?} is in db/rp form but has an empty database"
                )));
            }
            Some((database, policy)) => (database, policy),
            None if bucket.is_empty() => {
                return Err(HttpError::Bucket(format!(
                    "bucket name {bucket:?} is missing a slash; not in \"database/retention-policy\" format"
                )));
            }
            None => (bucket, ""),
        };
        Ok(Self {
            database: database.to_string(),
            policy: (!policy.is_empty()).then(|| policy.to_string()),
        })
    }

    /// # Errors
    /// When the database does not exist.
    pub fn check_database(&self, engine: &Engine) -> Result<(), StorageError> {
        engine.with_schema(|schema| schema.database(&self.database).map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_database_with_or_without_a_policy() {
        let of = |name: &str| Target::of_bucket_name(name).map(|t| (t.database, t.policy));
        let pair = |database: &str, policy: Option<&str>| {
            (database.to_string(), policy.map(str::to_string))
        };
        assert_eq!(of("db").unwrap(), pair("db", None));
        assert_eq!(of("db/").unwrap(), pair("db", None));
        assert_eq!(of("db/week").unwrap(), pair("db", Some("week")));
        assert_eq!(of("db/a/b").unwrap(), pair("db", Some("a/b")));
        assert!(of("").unwrap_err().to_string().contains("missing a slash"));
        assert!(
            of("/rp")
                .unwrap_err()
                .to_string()
                .contains("empty database")
        );
    }
}
