//! What the catalog knows of a Parquet file.

use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::table::ColumnDef;

/// A Parquet file of one measurement and one partition of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Unique on this node, rising.
    pub id: u64,
    /// Below the data directory.
    pub path: String,
    pub rows: u64,
    pub bytes: u64,
    /// Nanoseconds, included.
    pub min_time: i64,
    /// Nanoseconds, included.
    pub max_time: i64,
    pub min_version: Version,
    pub max_version: Version,
    /// The file has the column `_version`; else all its rows count as `max_version`.
    pub has_versions: bool,
    /// Field columns with a value in the file.
    pub columns: Vec<ColumnDef>,
    /// Tag columns of the file.
    pub tag_keys: Vec<String>,
    pub series: u64,
}

/// The version column, present only where rows of different versions may meet.
pub const VERSION_COLUMN: &str = "_version";

/// The column with the versions of a field's values that are older than their rows.
#[must_use]
pub fn older_column(physical: &str) -> String {
    format!("{VERSION_COLUMN}:{physical}")
}

/// The column of a tag: its key, unless the row's time or bookkeeping has that name.
#[must_use]
pub fn tag_column(key: &str) -> String {
    if key == "time" || key.starts_with(VERSION_COLUMN) || key.starts_with("__tag__") {
        format!("__tag__{key}")
    } else {
        key.to_string()
    }
}
