//! What the catalog knows of a Parquet file.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::record::ColumnDef;
use crate::clock::Version;

/// A Parquet file of one measurement and one partition of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// The columns of those tags whose column is not named as [`tag_column`] has it, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tag_columns: BTreeMap<String, String>,
    pub series: u64,
}

/// The version column, present only where rows of different versions may meet.
pub const VERSION_COLUMN: &str = "_version";

/// How columns of tags begin whose key has another meaning.
pub const TAG_PREFIX: &str = "__tag__";

/// The column with the versions of a field's values that are older than their rows.
#[must_use]
pub fn older_column(physical: &str) -> String {
    format!("{VERSION_COLUMN}:{physical}")
}

impl FileEntry {
    /// The column of one of its tags.
    #[must_use]
    pub fn tag_column(&self, key: &str) -> String {
        let renamed = self.tag_columns.get(key);
        renamed.map_or_else(|| tag_column(key), Clone::clone)
    }
}

/// The columns of tags that would have the name of a field's column, by key: a field that
/// was there before a tag of its name keeps its column, in all files of the table.
#[must_use]
pub fn renamed_tags(tag_keys: &[String], fields: &[ColumnDef]) -> BTreeMap<String, String> {
    let fields: BTreeSet<&str> = fields.iter().map(|field| field.physical.as_str()).collect();
    let renamed = tag_keys.iter().filter(|key| fields.contains(key.as_str()));
    renamed
        .map(|key| (key.clone(), format!("{TAG_PREFIX}{key}")))
        .collect()
}

/// The column of a tag: its key, unless the row's time or bookkeeping has that name.
#[must_use]
pub fn tag_column(key: &str) -> String {
    if key == "time" || key.starts_with(VERSION_COLUMN) || key.starts_with(TAG_PREFIX) {
        format!("{TAG_PREFIX}{key}")
    } else {
        key.to_string()
    }
}
