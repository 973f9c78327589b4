//! From frozen runs to files.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::catalog::file::FileEntry;
use crate::error::Result;
use crate::files::path_of;
use crate::flush::freeze::Frozen;
use crate::parquet::write::FileContents;
use crate::rows::Rows;
use crate::rows::merge::{MergeOptions, merge};
use crate::series::tag_index::SeriesSet;
use crate::state::EngineState;

/// Writes the frozen runs of a table into one file a partition.
///
/// # Errors
/// When a file cannot be written; those written before are orphans then, which the
/// caller or the next start removes.
pub(crate) fn write_frozen(state: &EngineState, frozen: &Frozen) -> Result<Vec<FileEntry>> {
    let Frozen { table, runs } = frozen;
    let layout = state.config.layout;
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
        let id = state.file_id.fetch_add(1, Ordering::Relaxed) + 1;
        let from = partition.saturating_mul(layout.partition_ns);
        let contents = FileContents {
            id,
            path: path_of(&table.name, from, layout.partition_ns, id),
            rows: &rows,
            columns: &columns,
            key_of: &key_of,
            keep_versions: layout.keep_versions,
        };
        files.push(state.data.write(&contents)?);
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
