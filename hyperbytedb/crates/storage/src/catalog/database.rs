//! Databases and their retention policies, as the catalog holds them.

use serde::{Deserialize, Serialize};

use crate::catalog::record::{ContinuousQuery, Subscription};
use crate::clock::Version;
use crate::error::{Result, StorageError};

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

/// The shard group of `duration` nanoseconds that a time is in; both ends included.
/// InfluxDB's groups are aligned to Monday, 1969-12-29 (Go's zero time is a Monday, too, and
/// this is a whole number of weeks after it).
#[must_use]
pub fn shard_group(time: i64, duration: i64) -> (i64, i64) {
    const EPOCH_NS: i64 = -3 * DAY_NS;
    let into = time.saturating_sub(EPOCH_NS).rem_euclid(duration.max(1));
    let start = time.saturating_sub(into);
    (start, start.saturating_add(duration.max(1) - 1))
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
