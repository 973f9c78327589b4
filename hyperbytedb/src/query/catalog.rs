//! What the query side asks of the schema.

use super::scan::{FieldType, TableName, TimeBounds};

/// A retention policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInfo {
    pub name: String,
    /// Nanoseconds, 0 = infinite.
    pub duration_ns: i64,
    pub shard_duration_ns: i64,
    pub replication: u64,
    pub default: bool,
}

/// Fields and tags of one measurement in one retention policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableInfo {
    /// Sorted by name; the type is the one InfluxDB resolves.
    pub fields: Vec<(String, FieldType)>,
    /// Sorted.
    pub tag_keys: Vec<String>,
}

/// One series: tag keys and values sorted by key.
pub type Tags = Vec<(String, String)>;

/// A consistent look at the schema. Names are compared bytewise; lists are sorted.
pub trait Catalog: Send + Sync {
    fn databases(&self) -> Vec<String>;
    /// `None` when there is no such database.
    fn policies(&self, database: &str) -> Option<Vec<PolicyInfo>>;
    /// Measurements with at least one series, in any policy (`None`) or in one.
    fn measurements(&self, database: &str, policy: Option<&str>) -> Vec<String>;
    fn table(&self, table: &TableName) -> Option<TableInfo>;
    /// Fields that have values in a shard group overlapping `time` (InfluxDB lists
    /// only those for wildcards).
    fn fields_in(&self, table: &TableName, time: TimeBounds) -> Vec<(String, FieldType)>;
    /// Calls `visit` for each series of the measurement, in the order of their keys,
    /// until it returns false. A series that several policies have is visited once.
    fn series(
        &self,
        database: &str,
        policy: Option<&str>,
        measurement: &str,
        visit: &mut dyn FnMut(&Tags) -> bool,
    );
}
