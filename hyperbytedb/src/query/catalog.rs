//! What the query side asks of the schema.

use std::borrow::Cow;

use storage::SeriesFilter;

use super::error::QueryError;
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

/// The key of a tag and its value. A series is a list of them sorted by key.
pub type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Which series of a measurement are meant.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    pub filter: &'a SeriesFilter,
    /// Only series with a point in that time.
    pub time: Option<TimeBounds>,
    /// Only series of that retention policy.
    pub policy: Option<&'a str>,
}

impl<'a> Selection<'a> {
    /// Series by their tags alone.
    #[must_use]
    pub fn of(filter: &'a SeriesFilter) -> Self {
        Self {
            filter,
            time: None,
            policy: None,
        }
    }
}

/// A consistent look at the schema. Names are compared bytewise; lists are sorted.
pub trait Catalog: Send + Sync {
    fn databases(&self) -> Vec<String>;
    /// `None` when there is no such database.
    fn policies(&self, database: &str) -> Option<Vec<PolicyInfo>>;
    /// Measurements with at least one series, in any policy (`None`) or in one.
    fn measurements(&self, database: &str, policy: Option<&str>) -> Vec<String>;
    fn table(&self, table: &TableName) -> Option<TableInfo>;
    /// All fields with all types that they have in one shard group or another, sorted.
    fn field_types(&self, table: &TableName) -> Vec<(String, FieldType)> {
        self.table(table).map_or(Vec::new(), |info| info.fields)
    }
    /// Fields that have values in a shard group overlapping `time` (InfluxDB lists
    /// only those for wildcards).
    fn fields_in(&self, table: &TableName, time: TimeBounds) -> Vec<(String, FieldType)>;
    /// Calls `visit` for each of the series in the order of their keys, for the first
    /// `limit` ones and until it returns false. A series that several policies have is
    /// visited once.
    ///
    /// # Errors
    /// When points cannot be read.
    fn series(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        limit: usize,
        visit: &mut dyn FnMut(&[Tag<'_>]) -> bool,
    ) -> Result<(), QueryError>;
    /// How many series all measurements of all databases have.
    fn series_in_all(&self) -> u64;
    /// How many of the series there are; one that several policies have counts once.
    ///
    /// # Errors
    /// When points cannot be read.
    fn series_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<usize, QueryError>;
    /// The tag keys that one of the series has.
    ///
    /// # Errors
    /// When points cannot be read.
    fn tag_keys(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<Vec<String>, QueryError>;
    /// The pairs of a wanted tag key and a wanted value that one of the series has, in
    /// order.
    ///
    /// # Errors
    /// When points cannot be read.
    fn tag_values(
        &self,
        database: &str,
        measurement: &str,
        wanted: &TagValuesWanted<'_>,
    ) -> Result<Vec<(String, String)>, QueryError>;
    /// How many different values the series have of the wanted tag keys together.
    ///
    /// # Errors
    /// When points cannot be read.
    fn tag_value_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        has_key: &dyn Fn(&str) -> bool,
    ) -> Result<usize, QueryError>;
}

/// Which values of tags are meant.
pub struct TagValuesWanted<'a> {
    pub selection: Selection<'a>,
    pub has_key: &'a dyn Fn(&str) -> bool,
    pub passes: &'a dyn Fn(&str) -> bool,
    /// How many of the first ones are left out.
    pub offset: usize,
    pub limit: usize,
}
