//! DELETE and DROP SERIES.
//!
//! A delete is a tombstone of the database: it hides at once, whatever there is to hide.
//! Then the series that have no point left leave the index; to find them, memory and
//! files are looked at under no lock, while writes go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::catalog::CatalogTransaction;
use crate::catalog::record::{MeasurementScope, SeriesPredicate, Tombstone};
use crate::clock::Version;
use crate::ddl::measurement::forget_empty;
use crate::error::Result;
use crate::read::series_with_points::Sources;
use crate::series::SeriesId;
use crate::series::tag_index::SeriesSet;
use crate::state::EngineState;
use crate::table::Table;
use crate::table::tombstone::DatabaseTombstone;

/// Series that leave the index under one hold of the lock of positions.
const SERIES_AT_ONCE: usize = 10_000;
/// Deletes make reads merge memory until it is flushed: how often they ask for that.
const FLUSH_EACH: Duration = Duration::from_secs(60);

/// What a delete is about.
#[derive(Debug, Clone)]
pub struct Delete<'a> {
    pub database: &'a str,
    /// `None`: all retention policies.
    pub policy: Option<&'a str>,
    pub measurements: &'a MeasurementScope,
    pub series: &'a SeriesPredicate,
    /// Nanoseconds, both included.
    pub time: (i64, i64),
    /// Of a delete that another node ordered; its own version is the next one.
    pub version: Option<Version>,
}

/// Deletes points; series of which none is left leave the index.
pub(crate) fn delete(state: &EngineState, delete: &Delete<'_>) -> Result<()> {
    let (stone, tables) = {
        let positions = state.positions.lock();
        state.schema.read().database(delete.database)?;
        let stone = tombstone_of(state, delete, positions.visible)?;
        let tables = state.schema.read().concerned(delete.database, &stone);
        let meets = |table: &Arc<Table>| !table.read().series.select(stone.filter()).is_empty();
        // Where writes of other nodes may come late, a delete must wait for them, whatever
        // is there now.
        if !state.config.layout.keep_versions && !tables.iter().any(meets) {
            return Ok(());
        }
        let mut changes = CatalogTransaction::default();
        let covered = add_tombstone(state, &mut changes, delete.database, &stone);
        state.catalog.commit(changes)?;
        let mut schema = state.schema.write();
        schema.forget_tombstones(delete.database, &covered);
        schema.push_tombstone(delete.database, &stone);
        for table in &tables {
            table.write().watch(stone.clone());
        }
        (stone, tables)
    };
    ask_for_flush(state);
    settle(state, &stone, &tables)
}

/// The tombstone of a delete, at a position of the log.
///
/// # Errors
/// When a regular expression is invalid.
pub(crate) fn tombstone_of(
    state: &EngineState,
    delete: &Delete<'_>,
    log_position: u64,
) -> Result<Arc<DatabaseTombstone>> {
    let tombstone = Tombstone {
        version: state.version_of(delete.version),
        policy: delete.policy.map(str::to_string),
        measurements: delete.measurements.clone(),
        series: delete.series.clone(),
        min_time: delete.time.0,
        max_time: delete.time.1,
        seq: state.tombstone_seq.fetch_add(1, Ordering::Relaxed) + 1,
        log_position,
    };
    Ok(Arc::new(DatabaseTombstone::new(tombstone)?))
}

/// Adds a tombstone to the changes of the catalog, and takes out those that it covers,
/// whose numbers it returns: a measurement that is dropped again and again has one.
pub(crate) fn add_tombstone(
    state: &EngineState,
    changes: &mut CatalogTransaction,
    database: &str,
    stone: &DatabaseTombstone,
) -> Vec<u64> {
    let covered = state.schema.read().covered_by(database, stone);
    for seq in &covered {
        changes.remove_tombstone(database, *seq);
    }
    changes.tombstone(database, &stone.tombstone);
    covered
}

fn ask_for_flush(state: &EngineState) {
    let mut asked = state.flushed_for_delete.lock();
    if asked.is_none_or(|at| at.elapsed() >= FLUSH_EACH) {
        *asked = Some(Instant::now());
        state.demand_flush();
    }
}

/// Takes the series of which a delete left nothing out of the index of tables that watch
/// for it.
pub(crate) fn settle(
    state: &EngineState,
    stone: &Arc<DatabaseTombstone>,
    tables: &[Arc<Table>],
) -> Result<()> {
    let mut outcome = Ok(());
    for table in tables {
        if outcome.is_ok() {
            outcome = settle_table(state, stone, table);
        }
        table.write().unwatch(stone);
    }
    if outcome.is_ok() {
        stone.settle();
    }
    outcome
}

fn settle_table(state: &EngineState, stone: &Arc<DatabaseTombstone>, table: &Table) -> Result<()> {
    let (met, is_older) = {
        let inner = table.read();
        let met = inner.series.select(stone.filter());
        (met, inner.was_older(stone))
    };
    let empty = if stone.tombstone.is_of_all_times() && is_older {
        met
    } else {
        without_points(state, table, met)?
    };
    let empty: Vec<SeriesId> = empty.iter().collect();
    for some in empty.chunks(SERIES_AT_ONCE) {
        let _positions = state.positions.lock();
        let written = table.read().written_since(stone);
        let some = some.iter().filter(|id| !written.contains(**id));
        forget_series(state, table, some.copied())?;
    }
    forget_empty(state, &table.name)
}

/// Takes out of the index what a crash left there although all its points are deleted.
pub(crate) fn forget_deleted_series(state: &EngineState, table: &Arc<Table>) -> Result<()> {
    let met = {
        let inner = table.read();
        let mut met = SeriesSet::new();
        for held in inner.tombstones.iter() {
            met |= held.met();
        }
        met & inner.series.live()
    };
    if met.is_empty() {
        return Ok(());
    }
    let empty = without_points(state, table, met)?;
    forget_series(state, table, empty.iter())?;
    forget_empty(state, &table.name)
}

/// Takes series out of the index, and of the catalog.
fn forget_series(
    state: &EngineState,
    table: &Table,
    series: impl Iterator<Item = SeriesId>,
) -> Result<()> {
    let mut changes = CatalogTransaction::default();
    let series: Vec<SeriesId> = {
        let inner = table.read();
        series.filter(|id| inner.series.is_live(*id)).collect()
    };
    if series.is_empty() || table.is_dropped() {
        return Ok(());
    }
    {
        let mut inner = table.write();
        for id in &series {
            changes.remove_series(&table.name, inner.series.key(*id));
            inner.series.drop_series(*id);
        }
    }
    state.catalog.commit(changes)
}

/// Those of the series that have no visible point any more.
fn without_points(state: &EngineState, table: &Table, candidates: SeriesSet) -> Result<SeriesSet> {
    let (runs, files, tombstones) = {
        let inner = table.read();
        let runs: Vec<_> = inner
            .memtable
            .runs()
            .iter()
            .chain(&inner.frozen)
            .cloned()
            .collect();
        (runs, inner.files.clone(), inner.tombstones.clone())
    };
    let sources = Sources {
        table,
        runs: &runs,
        files: &files,
        tombstones: &tombstones,
        data: &state.data,
        time: (i64::MIN, i64::MAX),
    };
    let present = sources.present(&candidates)?;
    Ok(candidates - present)
}
