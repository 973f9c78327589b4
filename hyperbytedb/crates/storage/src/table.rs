//! One measurement in one retention policy: its schema, series, memtable and files.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use points::FieldType;
use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::delete::{ResolvedTombstone, Tombstones};
use crate::error::Result;
use crate::files::{FileEntry, VERSION_COLUMN};
use crate::memtable::Memtable;
use crate::rows::ColumnId;
use crate::run::Run;
use crate::series::SeriesIndex;

/// Names a measurement in a retention policy of a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableName {
    pub database: String,
    pub policy: String,
    pub measurement: String,
}

/// A field of one type, and its column in files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDef {
    pub name: String,
    #[serde(with = "field_type")]
    pub field_type: FieldType,
    /// The column's name in files: the field's own, unless a tag or a field of another
    /// type had it before.
    pub physical: String,
}

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
    pub files: Vec<Arc<FileEntry>>,
    pub tombstones: Tombstones,
    /// The catalog's record of the columns is behind.
    pub schema_changed: bool,
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
                || self.series.index().values(name).is_some()
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

    /// The version below which nothing was ever merged in place: of all in memory.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        self.memtable.bytes() + self.frozen.iter().map(|run| run.bytes).sum::<usize>()
    }

    /// Resolves tombstones for series that came since.
    ///
    /// # Errors
    /// When a regular expression is invalid.
    pub fn extend_tombstones(&mut self) -> Result<()> {
        for stone in &mut self.tombstones.0 {
            match Arc::get_mut(stone) {
                Some(stone) => stone.extend(&self.series),
                None => {
                    *stone = Arc::new(ResolvedTombstone::new(
                        stone.tombstone.clone(),
                        &self.series,
                    )?);
                }
            }
        }
        Ok(())
    }

    /// The highest version of any tombstone over the whole measurement.
    #[must_use]
    pub fn dropped_at(&self) -> Version {
        self.tombstones
            .0
            .iter()
            .filter(|stone| {
                stone.tombstone.series == crate::delete::SeriesPredicate::All
                    && stone.tombstone.min_time == i64::MIN
                    && stone.tombstone.max_time == i64::MAX
            })
            .map(|stone| stone.tombstone.version)
            .max()
            .unwrap_or(Version::ZERO)
    }
}

/// Field types in catalog records: their InfluxDB names.
mod field_type {
    use points::FieldType;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &FieldType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FieldType, D::Error> {
        let text = String::deserialize(deserializer)?;
        [
            FieldType::Float,
            FieldType::Integer,
            FieldType::Unsigned,
            FieldType::String,
            FieldType::Boolean,
        ]
        .into_iter()
        .find(|candidate| candidate.to_string() == text)
        .ok_or_else(|| D::Error::custom(format!("unknown field type {text}")))
    }
}
