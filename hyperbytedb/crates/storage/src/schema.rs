//! Databases, retention policies and the tables below them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::records::{ContinuousQuery, Subscription, User};
use crate::table::{Table, TableName};

const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;

/// The name of the policy that a new database gets.
pub const DEFAULT_POLICY: &str = "autogen";

/// A retention policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    /// Nanoseconds, 0 = for ever.
    pub duration_ns: i64,
    /// Nanoseconds: InfluxDB's shard group duration.
    pub shard_duration_ns: i64,
    pub replication: u64,
    /// Entries of the log below it belong to a dropped predecessor.
    pub created: Version,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub created: Version,
    pub policies: Vec<Policy>,
    /// May name no policy, when the default one was dropped.
    pub default_policy: String,
    /// In the order in which they were created.
    #[serde(default)]
    pub continuous_queries: Vec<ContinuousQuery>,
    /// In the order in which they were created.
    #[serde(default)]
    pub subscriptions: Vec<Subscription>,
}

/// What a statement says of a policy; `None` where it was silent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    pub new_name: Option<String>,
    pub duration_ns: Option<i64>,
    pub shard_duration_ns: Option<i64>,
    pub replication: Option<u64>,
    pub default: bool,
}

/// The shard group duration that InfluxDB gives a policy: 1 h below two days, 1 d up to
/// half a year, else 7 d.
#[must_use]
pub fn shard_duration_for(duration_ns: i64) -> i64 {
    match duration_ns {
        0 => 7 * DAY_NS,
        d if d < 2 * DAY_NS => HOUR_NS,
        d if d <= 180 * DAY_NS => DAY_NS,
        _ => 7 * DAY_NS,
    }
}

/// As asked, but at least an hour and no longer than the policy's own duration would
/// make sense (InfluxDB's normalisation).
#[must_use]
pub fn normalised_shard_duration(asked_ns: i64, duration_ns: i64) -> i64 {
    match asked_ns {
        0 => shard_duration_for(duration_ns),
        asked if asked < HOUR_NS => HOUR_NS,
        asked => asked,
    }
}

impl Policy {
    /// The policy `autogen` of a new database.
    #[must_use]
    pub fn autogen(created: Version) -> Self {
        Self {
            name: DEFAULT_POLICY.to_string(),
            duration_ns: 0,
            shard_duration_ns: shard_duration_for(0),
            replication: 1,
            created,
        }
    }

    /// A policy as a statement describes it.
    ///
    /// # Errors
    /// With InfluxDB's words for durations it refuses.
    pub fn new(name: &str, change: &PolicyChange, created: Version) -> Result<Self> {
        let duration_ns = change.duration_ns.unwrap_or(0);
        check_duration(duration_ns)?;
        let shard = normalised_shard_duration(change.shard_duration_ns.unwrap_or(0), duration_ns);
        check_shard(duration_ns, shard)?;
        Ok(Self {
            name: name.to_string(),
            duration_ns,
            shard_duration_ns: shard,
            replication: change.replication.unwrap_or(1),
            created,
        })
    }

    /// True when creating `other` under the same name changes nothing.
    #[must_use]
    pub fn same_as(&self, other: &Policy) -> bool {
        self.duration_ns == other.duration_ns
            && self.shard_duration_ns == other.shard_duration_ns
            && self.replication == other.replication
    }

    /// Earliest time that a read may return, or a write store.
    #[must_use]
    pub fn cutoff(&self, now_ns: i64) -> i64 {
        match self.duration_ns {
            0 => i64::MIN,
            duration => now_ns.saturating_sub(duration),
        }
    }
}

fn check_duration(duration_ns: i64) -> Result<()> {
    if duration_ns != 0 && duration_ns < HOUR_NS {
        return Err(StorageError::InvalidPolicy(
            "retention policy duration must be at least 1h0m0s".to_string(),
        ));
    }
    Ok(())
}

fn check_shard(duration_ns: i64, shard_ns: i64) -> Result<()> {
    if duration_ns != 0 && duration_ns < shard_ns {
        return Err(StorageError::InvalidPolicy(
            "retention policy duration must be greater than the shard duration".to_string(),
        ));
    }
    Ok(())
}

impl Database {
    /// A policy by name; the default one for an empty name.
    ///
    /// # Errors
    /// When there is none.
    pub fn policy(&self, name: Option<&str>) -> Result<&Policy> {
        let wanted = match name {
            None | Some("") => self.default_policy.as_str(),
            Some(name) => name,
        };
        self.policies
            .iter()
            .find(|policy| policy.name == wanted)
            .ok_or_else(|| StorageError::PolicyNotFound(wanted.to_string()))
    }

    /// Changes a policy.
    ///
    /// # Errors
    /// When there is none of that name, or the change is refused.
    pub fn alter_policy(&mut self, name: &str, change: &PolicyChange) -> Result<()> {
        let at = self
            .policies
            .iter()
            .position(|policy| policy.name == name)
            .ok_or_else(|| StorageError::PolicyNotFound(name.to_string()))?;
        let mut policy = self.policies[at].clone();
        if let Some(duration) = change.duration_ns {
            check_duration(duration)?;
            policy.duration_ns = duration;
        }
        if let Some(replication) = change.replication {
            policy.replication = replication;
        }
        if let Some(shard) = change.shard_duration_ns {
            policy.shard_duration_ns = normalised_shard_duration(shard, policy.duration_ns);
        }
        check_shard(policy.duration_ns, policy.shard_duration_ns)?;
        self.policies[at] = policy;
        if change.default {
            self.default_policy = name.to_string();
        }
        Ok(())
    }
}

/// All databases and tables. Guarded by the engine's lock.
#[derive(Default)]
pub struct Schema {
    pub databases: BTreeMap<String, Database>,
    /// In the order in which they were created.
    pub users: Vec<User>,
    tables: HashMap<String, BTreeMap<(String, String), Arc<Table>>>,
}

impl Schema {
    /// # Errors
    /// When there is no such database.
    pub fn database(&self, name: &str) -> Result<&Database> {
        self.databases
            .get(name)
            .ok_or_else(|| StorageError::DatabaseNotFound(name.to_string()))
    }

    #[must_use]
    pub fn table(&self, name: &TableName) -> Option<&Arc<Table>> {
        // BTreeMap wants the owned key type: two short copies a look-up.
        self.tables
            .get(&name.database)?
            .get(&(name.measurement.clone(), name.policy.clone()))
    }

    /// # Errors
    /// When there is no such user.
    pub fn user(&self, name: &str) -> Result<&User> {
        self.users
            .iter()
            .find(|user| user.name == name)
            .ok_or(StorageError::UserNotFound)
    }

    /// The table of that name, a new one if need be.
    pub fn table_or_new(&mut self, name: &TableName) -> Arc<Table> {
        self.tables
            .entry(name.database.clone())
            .or_default()
            .entry((name.measurement.clone(), name.policy.clone()))
            .or_insert_with(|| Arc::new(Table::new(name.clone())))
            .clone()
    }

    /// Takes tables out; they are marked so that holders of old references notice.
    pub fn remove_tables(&mut self, which: impl Fn(&TableName) -> bool) -> Vec<Arc<Table>> {
        let mut removed = Vec::new();
        for tables in self.tables.values_mut() {
            tables.retain(|_, table| {
                let gone = which(&table.name);
                if gone {
                    table.mark_dropped();
                    removed.push(table.clone());
                }
                !gone
            });
        }
        removed
    }

    /// The tables of one measurement, sorted by policy.
    #[must_use]
    pub fn tables_of(&self, database: &str, measurement: &str) -> Vec<Arc<Table>> {
        let Some(tables) = self.tables.get(database) else {
            return Vec::new();
        };
        tables
            .range((measurement.to_owned(), String::new())..)
            .take_while(|((own, _), _)| own == measurement)
            .map(|(_, table)| table.clone())
            .collect()
    }

    /// How many series a database has, over all its policies.
    #[must_use]
    pub fn series_count(&self, database: &str) -> usize {
        let tables = self.tables.get(database).into_iter();
        tables
            .flat_map(BTreeMap::values)
            .map(|table| table.read().series.len())
            .sum()
    }

    /// How many tables a database has.
    #[must_use]
    pub fn table_count(&self, database: &str) -> usize {
        self.tables.get(database).map_or(0, BTreeMap::len)
    }

    /// All tables, or those of one database, sorted by measurement and policy.
    pub fn tables(&self, database: Option<&str>) -> Vec<Arc<Table>> {
        match database {
            Some(name) => self
                .tables
                .get(name)
                .map(|tables| tables.values().cloned().collect())
                .unwrap_or_default(),
            None => self
                .tables
                .values()
                .flat_map(|tables| tables.values().cloned())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_durations_follow_the_policy() {
        assert_eq!(shard_duration_for(0), 7 * DAY_NS);
        assert_eq!(shard_duration_for(DAY_NS), HOUR_NS);
        assert_eq!(shard_duration_for(30 * DAY_NS), DAY_NS);
        assert_eq!(shard_duration_for(365 * DAY_NS), 7 * DAY_NS);
        assert_eq!(normalised_shard_duration(60_000_000_000, 0), HOUR_NS);
    }

    #[test]
    fn a_policy_shorter_than_its_shards_is_refused() {
        let change = PolicyChange {
            duration_ns: Some(HOUR_NS),
            shard_duration_ns: Some(2 * HOUR_NS),
            ..PolicyChange::default()
        };
        let refused = Policy::new("p", &change, Version::ZERO);
        assert!(matches!(refused, Err(StorageError::InvalidPolicy(_))));
    }
}
