//! One measurement in one retention policy: its schema, series, memtable and files.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use points::FieldType;

use crate::catalog::file::VERSION_COLUMN;
use crate::catalog::record::{ColumnDef, TableName};
use crate::clock::Version;
use crate::files::FileHandle;
use crate::memtable::Memtable;
use crate::memtable::run::Run;
use crate::rows::ColumnId;
use crate::series::tag_index::SeriesSet;
use crate::series::{SeriesId, SeriesIndex};
use crate::table::tombstone::{DatabaseTombstone, Tombstones};

pub mod schema;
pub mod series_bounds;
pub mod tombstone;

/// A measurement.
pub struct Table {
    pub name: TableName,
    /// Set when the measurement is dropped: who still holds this must look it up anew.
    dropped: AtomicBool,
    inner: RwLock<TableInner>,
}

/// What the lock of a table guards.
#[derive(Default)]
pub struct TableInner {
    pub columns: Vec<ColumnDef>,
    by_name: HashMap<String, Vec<ColumnId>>,
    pub series: SeriesIndex,
    pub memtable: Memtable,
    /// Runs on their way into files.
    pub frozen: Vec<Run>,
    pub files: Vec<Arc<FileHandle>>,
    pub tombstones: Tombstones,
    /// The catalog's record of the columns is behind.
    pub schema_changed: bool,
    /// Deletes that are looking for series without points.
    watches: Vec<Watch>,
}

/// What a delete wants to know of writes that come while it looks for series without
/// points.
struct Watch {
    stone: Arc<DatabaseTombstone>,
    /// Whether all that there was is older than the delete.
    all_older: bool,
    /// Series that got a row which the delete does not hide.
    written: SeriesSet,
}

impl Table {
    #[must_use]
    pub fn new(name: TableName) -> Self {
        Self {
            name,
            dropped: AtomicBool::new(false),
            inner: RwLock::new(TableInner::default()),
        }
    }

    /// One that is in no schema any more.
    #[must_use]
    pub fn dropped(name: TableName) -> Self {
        let table = Self::new(name);
        table.mark_dropped();
        table
    }

    pub fn read(&self) -> RwLockReadGuard<'_, TableInner> {
        self.inner.read()
    }

    /// As [`Table::read`], unless somebody writes until then.
    pub fn try_read_until(&self, until: Instant) -> Option<RwLockReadGuard<'_, TableInner>> {
        self.inner.try_read_until(until)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, TableInner> {
        self.inner.write()
    }

    #[must_use]
    pub fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    pub(crate) fn mark_dropped(&self) {
        self.dropped.store(true, Ordering::Release);
    }
}

impl TableInner {
    /// The columns of a field, one for each type it was written with.
    #[must_use]
    pub fn columns_of(&self, field: &str) -> &[ColumnId] {
        self.by_name.get(field).map_or(&[], Vec::as_slice)
    }

    /// The column of a field in one type.
    #[must_use]
    pub fn column_of(&self, field: &str, field_type: FieldType) -> Option<ColumnId> {
        self.columns_of(field)
            .iter()
            .copied()
            .find(|id| self.columns[*id as usize].field_type == field_type)
    }

    /// Adds a column for a field, or finds it.
    pub fn add_column(&mut self, field: &str, field_type: FieldType) -> ColumnId {
        if let Some(id) = self.column_of(field, field_type) {
            return id;
        }
        let physical = self.free_name(field, field_type);
        self.schema_changed = true;
        self.restore_column(ColumnDef {
            name: field.to_string(),
            field_type,
            physical,
        })
    }

    /// Puts back a column as the catalog has it.
    pub(crate) fn restore_column(&mut self, column: ColumnDef) -> ColumnId {
        let id = self.columns.len() as ColumnId;
        self.by_name
            .entry(column.name.clone())
            .or_default()
            .push(id);
        self.columns.push(column);
        id
    }

    fn free_name(&self, field: &str, field_type: FieldType) -> String {
        let taken = |name: &str| {
            name == "time"
                || name.starts_with(VERSION_COLUMN)
                || name.starts_with("__tag__")
                || self.has_tag(name)
                || self.columns.iter().any(|column| column.physical == name)
        };
        let mut name = field.to_string();
        if taken(&name) {
            name = format!("{field}::{field_type}");
        }
        while taken(&name) {
            name.push('_');
        }
        name
    }

    /// Whether a tag of that name is in memory or in a file.
    fn has_tag(&self, key: &str) -> bool {
        let in_file = |file: &Arc<FileHandle>| file.tag_keys.iter().any(|other| other == key);
        self.series.index().values(key).is_some() || self.files.iter().any(in_file)
    }

    /// The type in which a field is read when it has several: the first in the order
    /// float, integer, unsigned, string, boolean (InfluxDB across shards).
    #[must_use]
    pub fn resolved_fields(&self) -> Vec<(String, FieldType)> {
        let mut fields: Vec<(String, FieldType)> = self
            .by_name
            .iter()
            .filter_map(|(name, ids)| {
                let types = ids.iter().map(|id| self.columns[*id as usize].field_type);
                Some((name.clone(), types.min()?))
            })
            .collect();
        fields.sort();
        fields
    }

    /// Bytes of points that no file holds yet.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.memtable.bytes() + self.frozen.iter().map(|run| run.bytes).sum::<usize>()
    }

    /// The numbers of some series by their keys, new ones where need be, which meet the
    /// tombstones from then on.
    pub fn register_series(&mut self, keys: &[Vec<u8>]) -> Vec<SeriesId> {
        let numbers = keys.iter().map(|key| self.series.insert(key).0).collect();
        self.tombstones.extend(&self.series);
        numbers
    }

    /// Adds a run of rows of one version; true when there is something to merge.
    pub fn push_run(&mut self, run: Run) -> bool {
        for watch in &mut self.watches {
            if run.max_version > watch.stone.tombstone.version {
                watch
                    .written
                    .extend(run.stretches(None).map(|of| of.series));
            }
        }
        self.memtable.push(run)
    }

    /// Adds a tombstone of the database.
    pub fn push_tombstone(&mut self, stone: Arc<DatabaseTombstone>) {
        self.tombstones.push(stone, &self.series);
    }

    /// Begins to note which series are written after a delete.
    pub fn watch(&mut self, stone: Arc<DatabaseTombstone>) {
        self.watches.push(Watch {
            all_older: self.max_version() < stone.tombstone.version,
            stone,
            written: SeriesSet::new(),
        });
    }

    fn watch_of(&self, stone: &Arc<DatabaseTombstone>) -> Option<&Watch> {
        let mut watches = self.watches.iter();
        watches.find(|watch| Arc::ptr_eq(&watch.stone, stone))
    }

    /// Whether all that there was at [`TableInner::watch`] was older than the delete.
    #[must_use]
    pub fn was_older(&self, stone: &Arc<DatabaseTombstone>) -> bool {
        self.watch_of(stone).is_some_and(|watch| watch.all_older)
    }

    /// The series that were written since [`TableInner::watch`].
    #[must_use]
    pub fn written_since(&self, stone: &Arc<DatabaseTombstone>) -> SeriesSet {
        let written = self.watch_of(stone).map(|watch| watch.written.clone());
        written.unwrap_or_default()
    }

    /// Ends [`TableInner::watch`].
    pub fn unwatch(&mut self, stone: &Arc<DatabaseTombstone>) {
        self.watches
            .retain(|watch| !Arc::ptr_eq(&watch.stone, stone));
    }

    /// Puts files in the place of others, which go when their last reader is gone.
    pub fn replace_files(&mut self, removed: &[u64], added: Vec<Arc<FileHandle>>) {
        self.files.retain(|file| {
            let goes = removed.contains(&file.id);
            if goes {
                file.mark_obsolete();
            }
            !goes
        });
        self.files.extend(added);
    }

    /// Whether memory or a file may have a value of a column in a range of time (both ends
    /// included).
    #[must_use]
    pub fn has_values(&self, column: ColumnId, time: (i64, i64)) -> bool {
        let physical = &self.columns[column as usize].physical;
        let in_file = |file: &Arc<FileHandle>| {
            file.min_time <= time.1
                && file.max_time >= time.0
                && file.columns.iter().any(|own| own.physical == *physical)
        };
        let mut runs = self.memtable.runs().iter().chain(&self.frozen);
        self.files.iter().any(in_file) || runs.any(|run| run.has_values(column, time))
    }

    /// The columns that may have a value in a range of time (both ends included).
    #[must_use]
    pub fn columns_within(&self, time: (i64, i64)) -> Vec<&ColumnDef> {
        let met = |file: &&Arc<FileHandle>| file.min_time <= time.1 && file.max_time >= time.0;
        let files = self.files.iter().filter(met);
        let in_files: HashSet<&str> = files
            .flat_map(|file| file.columns.iter().map(|own| own.physical.as_str()))
            .collect();
        let columns = self.columns.iter().enumerate();
        let within = columns.filter(|(id, column)| {
            let mut runs = self.memtable.runs().iter().chain(&self.frozen);
            in_files.contains(column.physical.as_str())
                || runs.any(|run| run.has_values(*id as ColumnId, time))
        });
        within.map(|(_, column)| column).collect()
    }

    /// The highest version of any value.
    #[must_use]
    pub fn max_version(&self) -> Version {
        let runs = self.memtable.runs().iter().chain(&self.frozen);
        let of_runs = runs.map(|run| run.max_version).max();
        let of_files = self.files.iter().map(|file| file.max_version).max();
        of_runs.max(of_files).unwrap_or(Version::ZERO)
    }
}
