//! Plain records of the catalog: names, columns, deletes, continuous queries,
//! subscriptions, users. The engine only stores the last three; who runs, delivers and
//! checks them is above it.

use std::collections::BTreeMap;

use points::FieldType;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::series::filter::{SeriesFilter, ValuePattern};

/// Names a measurement in a retention policy of a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub database: String,
    pub policy: String,
    pub measurement: String,
}

/// A field of one type, and its column in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDef {
    pub name: String,
    #[serde(with = "field_type")]
    pub field_type: FieldType,
    /// The column's name in files: the field's own, unless a tag or a field of another
    /// type had it before.
    pub physical: String,
}

/// Which measurements of a database a delete is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeasurementScope {
    All,
    One(String),
    /// Those whose name matches the regular expression somewhere.
    Match(String),
}

/// Which series a delete is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeriesPredicate {
    All,
    /// The tag has that value; an absent tag is the empty value.
    Equal(String, String),
    NotEqual(String, String),
    /// The tag's value matches the regular expression somewhere.
    Match(String, String),
    NotMatch(String, String),
    And(Vec<SeriesPredicate>),
    Or(Vec<SeriesPredicate>),
}

impl SeriesPredicate {
    /// The predicate ready to be tried.
    ///
    /// # Errors
    /// When a regular expression is invalid.
    pub fn filter(&self) -> Result<SeriesFilter> {
        let equal = |key: &str, value: &str| SeriesFilter::Equal {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let matching = |key: &str, pattern: &str| match Regex::new(pattern) {
            Ok(regex) => Ok(SeriesFilter::Match {
                key: key.to_owned(),
                pattern: ValuePattern::new(regex),
            }),
            Err(error) => Err(StorageError::Regex {
                pattern: pattern.to_owned(),
                message: error.to_string(),
            }),
        };
        let all =
            |list: &[SeriesPredicate]| list.iter().map(Self::filter).collect::<Result<Vec<_>>>();
        Ok(match self {
            SeriesPredicate::All => SeriesFilter::Const(true),
            SeriesPredicate::Equal(key, value) => equal(key, value),
            SeriesPredicate::NotEqual(key, value) => equal(key, value).negated(),
            SeriesPredicate::Match(key, pattern) => matching(key, pattern)?,
            SeriesPredicate::NotMatch(key, pattern) => matching(key, pattern)?.negated(),
            SeriesPredicate::And(list) => SeriesFilter::And(all(list)?),
            SeriesPredicate::Or(list) => SeriesFilter::Or(all(list)?),
        })
    }
}

/// A delete: hides every value of a matching series in the time range whose version is
/// lower, in all tables that it concerns, those that come later included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    pub version: Version,
    /// `None`: all of the database.
    pub policy: Option<String>,
    pub measurements: MeasurementScope,
    pub series: SeriesPredicate,
    /// Nanoseconds, included.
    pub min_time: i64,
    /// Nanoseconds, included.
    pub max_time: i64,
    /// Rises with each tombstone that this node gets.
    pub seq: u64,
    /// The last entry of the log when this node got it.
    pub log_position: u64,
}

impl Tombstone {
    /// True when it meets whole tables: every series at every time.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        self.series == SeriesPredicate::All && self.is_of_all_times()
    }

    /// True when no time is outside of it.
    #[must_use]
    pub fn is_of_all_times(&self) -> bool {
        self.min_time == i64::MIN && self.max_time == i64::MAX
    }
}

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

/// Field types in catalog records: their InfluxDB names.
mod field_type {
    use points::FieldType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &FieldType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FieldType, D::Error> {
        let text = String::deserialize(deserializer)?;
        [
            FieldType::Float,
            FieldType::Integer,
            FieldType::Unsigned,
            FieldType::String,
            FieldType::Boolean,
        ]
        .into_iter()
        .find(|candidate| candidate.to_string() == text)
        .ok_or_else(|| D::Error::custom(format!("unknown field type {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Privilege::{All, None, Read, Write};
    use super::SeriesPredicate;
    use crate::series::encode_key;
    use points::TagSet;

    #[test]
    fn revoking_takes_away_what_was_granted_and_no_more() {
        assert_eq!(All.without(Read), Write);
        assert_eq!(All.without(Write), Read);
        assert_eq!(Read.without(Write), Read);
        assert_eq!(Read.without(Read), None);
        assert_eq!(Write.without(All), None);
        assert_eq!(All.without(None), All);
    }

    #[test]
    fn an_absent_tag_is_the_empty_value() {
        let key = encode_key(&TagSet(vec![("host".into(), "a".into())]));
        let matches = |predicate: SeriesPredicate| predicate.filter().unwrap().matches_key(&key);
        assert!(matches(SeriesPredicate::Equal(
            "rack".into(),
            String::new()
        )));
        assert!(matches(SeriesPredicate::NotEqual(
            "rack".into(),
            "1".into()
        )));
        assert!(matches(SeriesPredicate::Match("rack".into(), ".*".into())));
        assert!(!matches(SeriesPredicate::NotMatch(
            "host".into(),
            "a".into()
        )));
        assert!(matches(SeriesPredicate::And(vec![
            SeriesPredicate::All,
            SeriesPredicate::Or(vec![SeriesPredicate::Equal("host".into(), "a".into())]),
        ])));
    }
}
