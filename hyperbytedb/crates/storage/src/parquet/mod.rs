//! Parquet files: one measurement, one partition of time, rows sorted by tag set and
//! time.
//!
//! Columns: `time` (timestamp in ns, UTC), one dictionary string column a tag ('' where
//! a row lacks it), one nullable column a field. The footer's key-value metadata says
//! which is which (`hyperbytedb.columns`), where each series' rows are
//! (`hyperbytedb.series`), so that a reader can go straight to them, and the times of
//! series that come at regular intervals (`hyperbytedb.intervals`).
//!
//! Numbers are in pages of our own making, which end where a series ends; the pages of
//! all other columns are the Parquet library's.

pub mod access;
pub mod chunk;
pub mod chunks;
pub mod column;
pub mod delta;
pub mod dictionaries;
pub mod encoding;
pub mod footer;
pub mod hybrid;
pub mod intervals;
pub mod layout;
pub mod page;
pub mod read;
pub mod series_ranges;
#[cfg(test)]
mod tests;
pub mod write;

/// Rows of a row group: each has its own dictionaries, so they are to be large.
pub const ROW_GROUP_ROWS: usize = 1 << 20;
/// Rows of a data page, about: what a reader of one series has to decode at least.
pub const PAGE_ROWS: usize = 8_192;
/// Rows of a data page of a tag, which readers of few series do not read.
pub const TAG_PAGE_ROWS: usize = 65_536;
/// Metadata key: the roles of the columns, JSON.
pub const COLUMNS_KEY: &str = "hyperbytedb.columns";
/// Metadata key: the rows of each series, see [`series_ranges`].
pub const SERIES_KEY: &str = "hyperbytedb.series";
/// Metadata key: the times of series at regular intervals, see [`intervals`].
pub const INTERVALS_KEY: &str = "hyperbytedb.intervals";
/// Metadata key: lowest and highest version, JSON.
pub const VERSIONS_KEY: &str = "hyperbytedb.versions";
