//! The storage engine's schema behind the query side's questions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use points::FieldType;
use storage::{
    Engine, SeriesFilter, SeriesId, SeriesSet, Table, TableName as StoredName, pairs_of_key,
};

use crate::query::catalog::{Catalog, PolicyInfo, Selection, TableInfo, Tag, TagValuesWanted};
use crate::query::error::QueryError;
use crate::query::scan::{TableName, TimeBounds};
use crate::query::shard::{WEEK_NS, shard_range};

/// A [`Catalog`] over the storage engine.
pub struct EngineCatalog {
    engine: Arc<Engine>,
}

impl EngineCatalog {
    #[must_use]
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    fn tables(&self, database: &str, policy: Option<&str>) -> Vec<Arc<Table>> {
        let mut tables = self
            .engine
            .with_schema(|schema| schema.tables(Some(database)));
        tables.retain(|table| policy.is_none_or(|policy| table.name.policy == policy));
        tables
    }

    fn tables_of(&self, database: &str, measurement: &str) -> Vec<Arc<Table>> {
        self.engine
            .with_schema(|schema| schema.tables_of(database, measurement))
    }

    /// The meant series of each table that has some.
    fn selected(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<Vec<Selected>, QueryError> {
        let mut all = Vec::new();
        for table in self.tables_of(database, measurement) {
            if selection
                .policy
                .is_some_and(|policy| table.name.policy != policy)
            {
                continue;
            }
            let series = match (selection.filter, selection.time) {
                (SeriesFilter::Const(true), None) => None,
                (filter, None) => Some(table.read().series.select(filter)),
                (filter, Some(time)) => {
                    let view = self.engine.read_view(&table.name, (time.min, time.max))?;
                    let Some(view) = view else {
                        continue;
                    };
                    let series = view.table.read().series.select(filter);
                    Some(view.present(&series)?)
                }
            };
            let is_empty = match &series {
                Some(series) => series.is_empty(),
                None => table.read().series.is_empty(),
            };
            if !is_empty {
                all.push(Selected { table, series });
            }
        }
        Ok(all)
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
            policy.map_or(WEEK_NS, |policy| policy.shard_duration_ns)
        })
    }
}

impl Catalog for EngineCatalog {
    fn databases(&self) -> Vec<String> {
        self.engine
            .with_schema(|schema| schema.databases.keys().cloned().collect())
    }

    fn series_in_all(&self) -> u64 {
        let tables = self.engine.with_schema(|schema| schema.tables(None));
        let series = tables.iter().map(|table| table.read().series.len() as u64);
        series.sum()
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
            .tables(database, policy)
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
        for table in self.tables_of(&name.database, &name.measurement) {
            tag_keys.extend(table.read().series.tag_keys(None));
        }
        Some(TableInfo {
            fields,
            tag_keys: tag_keys.into_iter().collect(),
        })
    }

    fn field_types(&self, name: &TableName) -> Vec<(String, FieldType)> {
        let Some(table) = self.table_of(name) else {
            return Vec::new();
        };
        let inner = table.read();
        let columns = inner.columns.iter();
        let mut types: Vec<_> = columns
            .map(|column| (column.name.clone(), column.field_type))
            .collect();
        types.sort();
        types
    }

    fn fields_in(&self, name: &TableName, time: TimeBounds) -> Vec<(String, FieldType)> {
        let Some(table) = self.table_of(name) else {
            return Vec::new();
        };
        let duration = self.shard_duration(name);
        let TimeBounds { min: from, max: to } = shard_range(time, duration);
        let inner = table.read();
        let mut present: BTreeMap<String, FieldType> = BTreeMap::new();
        let mut add = |name: &str, field_type: FieldType| {
            let held = present.entry(name.to_string()).or_insert(field_type);
            *held = (*held).min(field_type);
        };
        for column in inner.columns_within((from, to)) {
            add(&column.name, column.field_type);
        }
        present.into_iter().collect()
    }

    fn series(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        limit: usize,
        visit: &mut dyn FnMut(&[Tag<'_>]) -> bool,
    ) -> Result<(), QueryError> {
        let mut selected = self.selected(database, measurement, selection)?;
        if selected.len() == 1
            && let Some(only) = selected.pop()
        {
            only.visit(limit, visit);
            return Ok(());
        }
        // The first of all are among the first of each.
        let mut keys: BTreeSet<Vec<u8>> = BTreeSet::new();
        for one in selected {
            let ids = one.first(limit);
            let inner = one.table.read();
            keys.extend(ids.into_iter().map(|id| inner.series.key(id).to_vec()));
        }
        for key in keys.into_iter().take(limit) {
            if !visit(&pairs_of_key(&key).collect::<Vec<_>>()) {
                break;
            }
        }
        Ok(())
    }

    fn series_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<usize, QueryError> {
        let mut selected = self.selected(database, measurement, selection)?;
        // Each counts what none behind it has: the largest last, of which no key is
        // looked at.
        selected.sort_by_key(Selected::len);
        let mut count = 0;
        for (at, one) in selected.iter().enumerate() {
            let others = &selected[at + 1..];
            if others.is_empty() {
                count += one.len();
                continue;
            }
            for id in one.ids() {
                let key = one.table.read().series.key(id).to_vec();
                count += usize::from(!others.iter().any(|other| other.has(&key)));
            }
        }
        Ok(count)
    }

    fn tag_keys(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
    ) -> Result<Vec<String>, QueryError> {
        let selected = self.selected(database, measurement, selection)?;
        Ok(keys_of(&selected).into_iter().collect())
    }

    fn tag_values(
        &self,
        database: &str,
        measurement: &str,
        wanted: &TagValuesWanted<'_>,
    ) -> Result<Vec<(String, String)>, QueryError> {
        let selected = self.selected(database, measurement, wanted.selection)?;
        let (mut pairs, mut skipped) = (Vec::new(), 0);
        for key in keys_of(&selected)
            .into_iter()
            .filter(|key| (wanted.has_key)(key))
        {
            if pairs.len() == wanted.limit {
                break;
            }
            visit_values(&selected, &key, wanted, &mut |value| {
                if skipped < wanted.offset {
                    skipped += 1;
                } else {
                    pairs.push((key.clone(), value.to_owned()));
                }
                pairs.len() < wanted.limit
            });
        }
        Ok(pairs)
    }

    fn tag_value_count(
        &self,
        database: &str,
        measurement: &str,
        selection: Selection<'_>,
        has_key: &dyn Fn(&str) -> bool,
    ) -> Result<usize, QueryError> {
        let selected = self.selected(database, measurement, selection)?;
        let mut keys = keys_of(&selected);
        keys.retain(|key| has_key(key));
        let mut count = 0;
        if let ([only], Some(key)) = (selected.as_slice(), keys.first())
            && keys.len() == 1
        {
            let inner = only.table.read();
            let Some(series) = &only.series else {
                return Ok(inner.series.value_count(key));
            };
            inner.series.visit_values(key, Some(series), &mut |_| {
                count += 1;
                true
            });
            return Ok(count);
        }
        let mut values = BTreeSet::new();
        for (key, one) in keys
            .iter()
            .flat_map(|key| selected.iter().map(move |one| (key, one)))
        {
            let inner = one.table.read();
            inner
                .series
                .visit_values(key, one.series.as_ref(), &mut |value| {
                    if !values.contains(value) {
                        values.insert(value.to_owned());
                    }
                    true
                });
        }
        Ok(values.len())
    }
}

/// The tag keys of all of them.
fn keys_of(selected: &[Selected]) -> BTreeSet<String> {
    let keys = |one: &Selected| one.table.read().series.tag_keys(one.series.as_ref());
    selected.iter().flat_map(keys).collect()
}

/// Calls `visit` for each value of a tag that passes, in order, until it returns false.
fn visit_values(
    selected: &[Selected],
    key: &str,
    wanted: &TagValuesWanted<'_>,
    visit: &mut dyn FnMut(&str) -> bool,
) {
    let mut passing = |value: &str| !(wanted.passes)(value) || visit(value);
    if let [only] = selected {
        let inner = only.table.read();
        let series = only.series.as_ref();
        inner.series.visit_values(key, series, &mut passing);
        return;
    }
    // The first of all are among the first of each.
    let most = wanted.limit.saturating_add(wanted.offset);
    let mut values: BTreeSet<String> = BTreeSet::new();
    for one in selected {
        let mut found = 0;
        let inner = one.table.read();
        let series = one.series.as_ref();
        inner.series.visit_values(key, series, &mut |value| {
            if (wanted.passes)(value) {
                found += 1;
                if !values.contains(value) {
                    values.insert(value.to_owned());
                }
            }
            found < most
        });
    }
    values.iter().all(|value| visit(value));
}

/// Some series of a table; all of them if no set is given.
struct Selected {
    table: Arc<Table>,
    series: Option<SeriesSet>,
}

/// Series whose tags are read under one lock.
const VISITED_AT_ONCE: usize = 1024;

impl Selected {
    fn len(&self) -> usize {
        match &self.series {
            Some(series) => series.len() as usize,
            None => self.table.read().series.len(),
        }
    }

    fn ids(&self) -> SeriesSet {
        match &self.series {
            Some(series) => series.clone(),
            None => self.table.read().series.live().clone(),
        }
    }

    fn has(&self, key: &[u8]) -> bool {
        let id = self.table.read().series.find(key);
        id.is_some_and(|id| self.series.as_ref().is_none_or(|set| set.contains(id)))
    }

    /// The first ones in the order of their keys.
    fn first(&self, limit: usize) -> Vec<SeriesId> {
        let mut ids = Vec::new();
        if limit == 0 {
            return ids;
        }
        let inner = self.table.read();
        let series = self.series.as_ref().unwrap_or(inner.series.live());
        inner.series.visit_sorted(series, &mut |id| {
            ids.push(id);
            ids.len() < limit
        });
        ids
    }

    /// Calls `visit` for the first ones until it returns false.
    fn visit(&self, limit: usize, visit: &mut dyn FnMut(&[Tag<'_>]) -> bool) {
        for part in self.first(limit).chunks(VISITED_AT_ONCE) {
            // The keys end to end: the lock is not held while they are visited.
            let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(part.len()));
            {
                let inner = self.table.read();
                for id in part {
                    keys.extend_from_slice(inner.series.key(*id));
                    ends.push(keys.len());
                }
            }
            let mut start = 0;
            for end in ends {
                let tags: Vec<Tag<'_>> = pairs_of_key(&keys[start..end]).collect();
                if !visit(&tags) {
                    return;
                }
                start = end;
            }
        }
    }
}
