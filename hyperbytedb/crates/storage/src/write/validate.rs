//! Which points of a write are taken: those that are not too old and of the types that
//! their fields have.

use std::collections::{BTreeMap, BTreeSet};

use points::{Batch, FieldColumn, FieldType, Strings, Table as PointTable, Values};

use crate::catalog::database::shard_group;
use crate::table::TableInner;

const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// Why some points of a write were not stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// In InfluxDB's words; the first reason met, but for the retention policy.
    pub reason: String,
    pub points: usize,
    /// Points past the retention policy, which are not among the others.
    pub expired: usize,
}

impl Dropped {
    /// Points that were not stored.
    #[must_use]
    pub fn all(&self) -> usize {
        self.points + self.expired
    }

    /// The reason that a client is told, and of how many points. As InfluxDB has it, points
    /// past the retention policy are told of only when nothing else is wrong, and never
    /// counted with others: a client can do something about the others.
    #[must_use]
    pub fn told(&self) -> Option<(&str, usize)> {
        match (self.points, self.expired) {
            (0, 0) => None,
            (0, expired) => Some(("points beyond retention policy", expired)),
            (points, _) => Some((&self.reason, points)),
        }
    }

    pub(crate) fn add(&mut self, reason: impl FnOnce() -> String, points: usize) {
        if points > 0 && self.reason.is_empty() {
            self.reason = reason();
        }
        self.points += points;
    }
}

/// The type of a column of values.
#[must_use]
pub fn type_of(values: &Values) -> FieldType {
    match values {
        Values::Float(_) => FieldType::Float,
        Values::Integer(_) => FieldType::Integer,
        Values::Unsigned(_) => FieldType::Unsigned,
        Values::Boolean(_) => FieldType::Boolean,
        Values::String(_) => FieldType::String,
    }
}

/// Drops the points whose time is below `cutoff`.
pub fn drop_expired(batch: &mut Batch, cutoff: i64, dropped: &mut Dropped) {
    if cutoff == i64::MIN {
        return;
    }
    let mut expired = 0;
    for table in &mut batch.tables {
        let keep: Vec<bool> = table.times.iter().map(|time| *time >= cutoff).collect();
        expired += keep.iter().filter(|keep| !**keep).count();
        retain(table, &keep);
    }
    batch.tables.retain(|table| !table.times.is_empty());
    dropped.expired += expired;
}

/// Drops the points of which a field has another type in their shard group, as InfluxDB
/// does, where each shard has types of its own. A field that is new there takes the type of
/// its first point.
pub fn drop_conflicts(
    inner: &TableInner,
    shard_duration_ns: i64,
    tables: &mut [PointTable],
    dropped: &mut Dropped,
) {
    let unsure = unsure_fields(inner, tables);
    if unsure.is_empty() {
        return;
    }
    let mut types = GroupTypes {
        inner,
        shard_duration_ns,
        known: BTreeMap::new(),
    };
    for table in tables {
        let mut keep = vec![true; table.times.len()];
        for name in &unsure {
            types.refuse(name, table, &mut keep, dropped);
        }
        retain(table, &keep);
    }
}

/// The fields that have, or would get, more than the one type that they have everywhere.
fn unsure_fields(inner: &TableInner, tables: &[PointTable]) -> BTreeSet<String> {
    let fields = tables.iter().flat_map(|table| &table.fields);
    let is_unsure = |field: &&FieldColumn| match inner.columns_of(&field.name) {
        [id] => inner.columns[*id as usize].field_type != type_of(&field.values),
        _ => true,
    };
    let unsure = fields.filter(is_unsure);
    unsure.map(|field| field.name.clone()).collect()
}

/// The types that fields have in shard groups.
struct GroupTypes<'a> {
    inner: &'a TableInner,
    shard_duration_ns: i64,
    /// By field and start of the group.
    known: BTreeMap<(String, i64), FieldType>,
}

impl GroupTypes<'_> {
    /// Marks the rows whose value of a field has another type than the group's.
    fn refuse(&mut self, name: &str, table: &PointTable, keep: &mut [bool], dropped: &mut Dropped) {
        let fields: Vec<&FieldColumn> = table
            .fields
            .iter()
            .filter(|field| field.name == name)
            .collect();
        for (row, keep) in keep.iter_mut().enumerate() {
            for field in &fields {
                let is_there = field.present.as_ref().is_none_or(|present| present[row]);
                if !is_there || !*keep {
                    continue;
                }
                let own = type_of(&field.values);
                let existing = self.type_at(name, table.times[row], own);
                if existing != own {
                    *keep = false;
                    dropped.add(
                        || {
                            format!(
                                "field type conflict: input field \"{name}\" on measurement \"{}\" is type {own}, already exists as type {existing}",
                                table.measurement
                            )
                        },
                        1,
                    );
                }
            }
        }
    }

    /// The type of a field in the group of a time; `own` when it is new there.
    fn type_at(&mut self, name: &str, time: i64, own: FieldType) -> FieldType {
        let group = shard_group(time, self.shard_duration_ns);
        let key = (name.to_string(), group.0);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let columns = self.inner.columns_of(name).iter();
        let there = columns.filter(|id| {
            // What no source has is on its way to one, or was deleted: it holds everywhere.
            self.inner.has_values(**id, group) || !self.inner.has_values(**id, ALWAYS)
        });
        let types = there.map(|id| self.inner.columns[*id as usize].field_type);
        let found = types.min().unwrap_or(own);
        self.known.insert(key, found);
        found
    }
}

/// Keeps the rows for which `keep` says so, and the fields that some row still has.
pub fn retain(table: &mut PointTable, keep: &[bool]) {
    if !keep.contains(&false) {
        return;
    }
    fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        values.retain(|_| keep.next() == Some(&true));
    }
    filter(&mut table.series_of_row, keep);
    filter(&mut table.times, keep);
    for field in &mut table.fields {
        match &mut field.values {
            Values::Float(values) => filter(values, keep),
            Values::Integer(values) => filter(values, keep),
            Values::Unsigned(values) => filter(values, keep),
            Values::Boolean(values) => filter(values, keep),
            Values::String(strings) => *strings = filtered(strings, keep),
        }
        if let Some(present) = &mut field.present {
            filter(present, keep);
        }
    }
    table.fields.retain(|field| {
        field
            .present
            .as_ref()
            .is_none_or(|present| present.contains(&true))
    });
}

fn filtered(strings: &Strings, keep: &[bool]) -> Strings {
    let mut out = Strings {
        offsets: vec![0],
        data: Vec::new(),
    };
    for (row, keep) in keep.iter().enumerate() {
        if *keep {
            let range = strings.offsets[row] as usize..strings.offsets[row + 1] as usize;
            out.data.extend_from_slice(&strings.data[range]);
            out.offsets.push(out.data.len() as i32);
        }
    }
    out
}

/// Takes series without a row out of a table of points.
pub fn retain_series_of_rows(table: &mut PointTable) {
    let mut places: Vec<Option<u32>> = vec![None; table.series.len()];
    for series in &table.series_of_row {
        places[*series as usize] = Some(0);
    }
    if places.iter().all(Option::is_some) {
        return;
    }
    for (place, used) in places.iter_mut().flatten().zip(0..) {
        *place = used;
    }
    let mut kept = places.iter();
    table
        .series
        .retain(|_| kept.next().is_some_and(Option::is_some));
    for series in &mut table.series_of_row {
        *series = places[*series as usize].unwrap_or_default();
    }
}
