//! From memory into files.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::files::FileEntry;
use crate::merge::{MergeOptions, merge};
use crate::object::{LocalStore, encode_name};
use crate::parquet::write::{FileContents, write_file};
use crate::rows::Rows;
use crate::run::Run;
use crate::table::{Table, TableName};
use crate::tag_index::SeriesSet;

const DAY_NS: i64 = 86_400_000_000_000;

/// How files are cut and kept.
#[derive(Debug, Clone, Copy)]
pub struct FileLayout {
    /// Nanoseconds of time in one partition.
    pub partition_ns: i64,
    /// Keep the version of every row.
    pub keep_versions: bool,
}

impl Default for FileLayout {
    fn default() -> Self {
        Self {
            partition_ns: DAY_NS,
            keep_versions: false,
        }
    }
}

/// Writes the frozen runs of a table into one file a partition.
///
/// # Errors
/// When a file cannot be written; those written before are orphans then, which the
/// caller or the next start removes.
pub fn write_frozen(
    store: &LocalStore,
    table: &Table,
    runs: &[Run],
    layout: FileLayout,
    mut next_id: impl FnMut() -> u64,
) -> Result<Vec<FileEntry>> {
    let series: SeriesSet = runs
        .iter()
        .flat_map(|run| run.rows.series.chunk_by(|a, b| a == b).map(|part| part[0]))
        .collect();
    let (columns, ranks, tombstones) = {
        let inner = table.read();
        (
            inner.columns.clone(),
            inner.series.ranks(&series),
            inner.tombstones.clone(),
        )
    };
    let sources: Vec<&Rows> = runs.iter().map(|run| run.rows.as_ref()).collect();
    let options = MergeOptions {
        ranks: Some(&ranks),
        // A file without row versions counts as its latest row: what an earlier delete
        // hides must not get into it.
        hide: &tombstones,
        ..MergeOptions::default()
    };
    let rows = merge(&sources, &options);
    let key_of = |id| table.read().series.key(id).to_vec();
    let mut files = Vec::new();
    for (partition, rows) in partitions(rows, layout.partition_ns) {
        let id = next_id();
        let from = partition.saturating_mul(layout.partition_ns);
        let contents = FileContents {
            id,
            path: path_of(&table.name, from, layout.partition_ns, id),
            rows: &rows,
            columns: &columns,
            key_of: &key_of,
            keep_versions: layout.keep_versions,
        };
        files.push(write_file(store, &contents)?);
    }
    Ok(files)
}

/// Cuts rows by partition of time, keeping their order.
fn partitions(rows: Rows, partition_ns: i64) -> Vec<(i64, Rows)> {
    let mut places: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (row, time) in rows.times.iter().enumerate() {
        let partition = time.div_euclid(partition_ns);
        places.entry(partition).or_default().push(row as u32);
    }
    match places.len() {
        0 => Vec::new(),
        1 => places
            .into_keys()
            .map(|partition| (partition, rows.clone()))
            .collect(),
        _ => places
            .into_iter()
            .map(|(partition, places)| (partition, rows.take(&places, None)))
            .collect(),
    }
}

/// `{db}/{rp}/{measurement}/{YYYY-MM-DD}/{HH-}{id}.parquet`
fn path_of(table: &TableName, from_ns: i64, partition_ns: i64, id: u64) -> String {
    let (year, month, day) = civil(from_ns.div_euclid(DAY_NS));
    let hour = if partition_ns < DAY_NS {
        format!("{:02}-", from_ns.rem_euclid(DAY_NS) / 3_600_000_000_000)
    } else {
        String::new()
    };
    format!(
        "{}/{}/{}/{year:04}-{month:02}-{day:02}/{hour}{id:012}.parquet",
        encode_name(&table.database),
        encode_name(&table.policy),
        encode_name(&table.measurement),
    )
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, counted
/// from March in eras of 400 years so that leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Swaps the frozen runs of a table for the files made of them.
pub fn publish(table: &Table, files: &[FileEntry]) {
    let mut inner = table.write();
    inner.frozen.clear();
    inner.files.extend(files.iter().cloned().map(Arc::new));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(-106_752), (1677, 9, 21));
        assert_eq!(civil(106_751), (2262, 4, 11));
    }
}
