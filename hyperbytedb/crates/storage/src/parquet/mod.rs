//! Parquet files: one measurement, one partition of time, rows sorted by tag set and
//! time.
//!
//! Columns: `time` (timestamp in ns, UTC), one dictionary string column a tag ('' where
//! a row lacks it), one nullable column a field. The footer's key-value metadata says
//! which is which (`hyperbytedb.columns`) and where each series' rows are
//! (`hyperbytedb.series`), so that a reader can go straight to them.

pub mod encoding;
pub mod read;
pub mod series_ranges;
pub mod write;

/// Rows of a row group: enough for two cores to share a day of a small measurement.
pub const ROW_GROUP_ROWS: usize = 131_072;
/// Rows of a data page: what a reader of one series has to decode at least.
pub const PAGE_ROWS: usize = 4_096;
/// Metadata key: the roles of the columns, JSON.
pub const COLUMNS_KEY: &str = "hyperbytedb.columns";
/// Metadata key: the rows of each series, see [`series_ranges`].
pub const SERIES_KEY: &str = "hyperbytedb.series";
/// Metadata key: lowest and highest version, JSON.
pub const VERSIONS_KEY: &str = "hyperbytedb.versions";
