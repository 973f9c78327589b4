//! The storage engine's schema behind the query side's questions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use points::FieldType;
use storage::{Engine, Table, TableName as StoredName, decode_key};

use crate::query::catalog::{Catalog, PolicyInfo, TableInfo, Tags};
use crate::query::scan::{TableName, TimeBounds};

/// A [`Catalog`] over the storage engine.
pub struct EngineCatalog {
    engine: Arc<Engine>,
}

/// Monday, 1969-12-29: where InfluxDB's shard groups are aligned (Go's zero time is a
/// Monday, too, and this is a whole number of weeks after it).
const SHARD_EPOCH_NS: i64 = -3 * 86_400_000_000_000;

impl EngineCatalog {
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    fn tables(
        &self,
        database: &str,
        policy: Option<&str>,
        measurement: Option<&str>,
    ) -> Vec<Arc<Table>> {
        let mut tables = self
            .engine
            .with_schema(|schema| schema.tables(Some(database)));
        tables.retain(|table| {
            policy.is_none_or(|policy| table.name.policy == policy)
                && measurement.is_none_or(|measurement| table.name.measurement == measurement)
        });
        tables
    }

    fn table_of(&self, name: &TableName) -> Option<Arc<Table>> {
        let stored = StoredName {
            database: name.database.clone(),
            policy: name.policy.clone(),
            measurement: name.measurement.clone(),
        };
        self.engine
            .with_schema(|schema| schema.table(&stored).cloned())
    }

    fn shard_duration(&self, name: &TableName) -> i64 {
        self.engine.with_schema(|schema| {
            let database = schema.databases.get(&name.database);
            let policy = database.and_then(|database| database.policy(Some(&name.policy)).ok());
            policy.map_or(7 * 86_400_000_000_000, |policy| policy.shard_duration_ns)
        })
    }
}

/// The shard groups that a time lies in, as a range without gaps.
pub(super) fn aligned(time: i64, duration: i64) -> (i64, i64) {
    let shifted = time.saturating_sub(SHARD_EPOCH_NS);
    let start = shifted
        .div_euclid(duration)
        .saturating_mul(duration)
        .saturating_add(SHARD_EPOCH_NS);
    (start, start.saturating_add(duration - 1))
}

impl Catalog for EngineCatalog {
    fn databases(&self) -> Vec<String> {
        self.engine
            .with_schema(|schema| schema.databases.keys().cloned().collect())
    }

    fn policies(&self, database: &str) -> Option<Vec<PolicyInfo>> {
        self.engine.with_schema(|schema| {
            let database = schema.databases.get(database)?;
            let policies = database.policies.iter().map(|policy| PolicyInfo {
                name: policy.name.clone(),
                duration_ns: policy.duration_ns,
                shard_duration_ns: policy.shard_duration_ns,
                replication: policy.replication,
                default: policy.name == database.default_policy,
            });
            Some(policies.collect())
        })
    }

    fn measurements(&self, database: &str, policy: Option<&str>) -> Vec<String> {
        let names: BTreeSet<String> = self
            .tables(database, policy, None)
            .into_iter()
            .filter(|table| !table.read().series.is_empty())
            .map(|table| table.name.measurement.clone())
            .collect();
        names.into_iter().collect()
    }

    fn table(&self, name: &TableName) -> Option<TableInfo> {
        let table = self.table_of(name)?;
        let inner = table.read();
        if inner.series.is_empty() && inner.columns.is_empty() {
            return None;
        }
        // InfluxDB's index knows the tags of a measurement over all its policies.
        let fields = inner.resolved_fields();
        drop(inner);
        let mut tag_keys = BTreeSet::new();
        for table in self.tables(&name.database, None, Some(&name.measurement)) {
            tag_keys.extend(table.read().tag_keys.iter().cloned());
        }
        Some(TableInfo {
            fields,
            tag_keys: tag_keys.into_iter().collect(),
        })
    }

    fn fields_in(&self, name: &TableName, time: TimeBounds) -> Vec<(String, FieldType)> {
        let Some(table) = self.table_of(name) else {
            return Vec::new();
        };
        let duration = self.shard_duration(name);
        let (from, to) = (aligned(time.min, duration).0, aligned(time.max, duration).1);
        let inner = table.read();
        let mut present: BTreeMap<String, FieldType> = BTreeMap::new();
        let mut add = |name: &str, field_type: FieldType| {
            let held = present.entry(name.to_string()).or_insert(field_type);
            *held = (*held).min(field_type);
        };
        for file in &inner.files {
            if file.min_time <= to && file.max_time >= from {
                for column in &file.columns {
                    add(&column.name, column.field_type);
                }
            }
        }
        for run in inner.memtable.runs().iter().chain(&inner.frozen) {
            if run.min_time > to || run.max_time < from {
                continue;
            }
            for column in &run.rows.columns {
                let definition = &inner.columns[column.id as usize];
                let within = from <= run.min_time && run.max_time <= to;
                let there = within
                    || (0..run.rows.len()).any(|row| {
                        (from..=to).contains(&run.rows.times[row]) && !column.values.is_null(row)
                    });
                if there {
                    add(&definition.name, definition.field_type);
                }
            }
        }
        present.into_iter().collect()
    }

    fn series(
        &self,
        database: &str,
        policy: Option<&str>,
        measurement: &str,
        visit: &mut dyn FnMut(&Tags) -> bool,
    ) {
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        for table in self.tables(database, policy, Some(measurement)) {
            let inner = table.read();
            keys.extend(inner.series.ids().map(|id| inner.series.key(id).to_vec()));
        }
        for key in keys {
            if !visit(&decode_key(&key).0) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_groups_begin_on_mondays() {
        const DAY: i64 = 86_400_000_000_000;
        // 2024-01-03 is a Wednesday.
        let wednesday = 19_725 * DAY;
        assert_eq!(
            aligned(wednesday, 7 * DAY),
            (19_723 * DAY, 19_730 * DAY - 1)
        );
        assert_eq!(aligned(-1, DAY), (-DAY, -1));
    }
}
