//! How many series and tag values there may be. Points of series that are there already
//! are always taken.

use std::collections::{BTreeMap, HashSet};

use points::{Batch, Table as PointTable, TagSet};

use crate::catalog::record::TableName;
use crate::series::encode_key;
use crate::state::EngineState;
use crate::table::TableInner;
use crate::table::schema::Schema;
use crate::table::series_bounds::SeriesBounds;
use crate::write::validate::{Dropped, retain, retain_series_of_rows};

/// The limits; 0 = none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Of one database, over all its policies.
    pub series_max: usize,
    /// Of one tag key of a measurement.
    pub tag_values_max: usize,
}

/// Refuses points of measurements that would be more than a database may have.
pub(crate) fn refuse_new_tables(
    state: &EngineState,
    (database, policy): (&str, &str),
    batch: &mut Batch,
    dropped: &mut Dropped,
) {
    let limit = state.config.measurements_max;
    if limit == 0 {
        return;
    }
    let schema = state.schema.read();
    let mut count = schema.table_count(database);
    batch.tables.retain(|part| {
        let name = TableName {
            database: database.to_string(),
            policy: policy.to_string(),
            measurement: part.measurement.clone(),
        };
        let fits = schema.table(&name).is_some() || count < limit;
        if fits {
            count += usize::from(schema.table(&name).is_none());
        } else {
            dropped.add(
                || {
                    format!(
                        "max-measurements-per-database limit exceeded: database \"{database}\" has {count} measurements, measurement \"{}\" was not created",
                        part.measurement
                    )
                },
                part.times.len(),
            );
        }
        fits
    });
}

/// Refuses points of series that would be more than a database may have.
pub(crate) fn refuse_new_series(
    state: &EngineState,
    names: (&str, &str),
    batch: &mut Batch,
    dropped: &mut Dropped,
) {
    let limits = Limits {
        series_max: state.config.series_max,
        tag_values_max: state.config.tag_values_max,
    };
    if limits.series_max == 0 && limits.tag_values_max == 0 {
        return;
    }
    let limits = (limits, &state.series_bounds);
    refuse_series(&state.schema.read(), limits, names, batch, dropped);
}

/// Takes points out of a batch that would need more series or tag values than there may
/// be, in InfluxDB's words. What is written at the same time is not seen: the limits may
/// be passed by as many series as those writes have.
fn refuse_series(
    schema: &Schema,
    (limits, bounds): (Limits, &SeriesBounds),
    (database, policy): (&str, &str),
    batch: &mut Batch,
    dropped: &mut Dropped,
) {
    let more = batch.tables.iter().map(|part| part.series.len()).sum();
    let check_series =
        limits.series_max > 0 && !bounds.surely_fit(schema, database, more, limits.series_max);
    let mut fresh = Fresh {
        limits,
        series: match check_series {
            true => Some(schema.series_count(database)),
            false => None,
        },
        keys: HashSet::new(),
        values: BTreeMap::new(),
    };
    let nothing = TableInner::default();
    for part in &mut batch.tables {
        let name = TableName {
            database: database.to_string(),
            policy: policy.to_string(),
            measurement: part.measurement.clone(),
        };
        let table = schema.table(&name);
        let read = table.map(|table| table.read());
        let inner = read.as_deref().unwrap_or(&nothing);
        let has_room =
            limits.tag_values_max == 0 || inner.series.len() + more <= limits.tag_values_max;
        if has_room && !check_series {
            continue;
        }
        let refused: Vec<Option<String>> = part
            .series
            .iter()
            .map(|tags| fresh.refuse(inner, &part.measurement, tags))
            .collect();
        if refused.iter().any(Option::is_some) {
            drop_series(part, &refused, dropped);
        }
    }
    batch.tables.retain(|part| !part.series.is_empty());
}

/// What a batch adds.
struct Fresh {
    limits: Limits,
    /// Series of the database, those that the batch adds included; `None` when there is
    /// room for all.
    series: Option<usize>,
    keys: HashSet<(String, Vec<u8>)>,
    /// By measurement and tag key.
    values: BTreeMap<(String, String), HashSet<String>>,
}

impl Fresh {
    /// Why a series cannot be taken; `None` when it is there, or counted from now on.
    fn refuse(&mut self, inner: &TableInner, measurement: &str, tags: &TagSet) -> Option<String> {
        let key = encode_key(tags);
        if inner.series.find(&key).is_some() {
            return None;
        }
        let key = (measurement.to_string(), key);
        if self.keys.contains(&key) {
            return None;
        }
        if let Some(reason) = self.refuse_values(inner, measurement, tags) {
            return Some(reason);
        }
        if let Some(series) = &mut self.series {
            if *series >= self.limits.series_max {
                return Some(format!(
                    "max-series-per-database limit exceeded: ({})",
                    self.limits.series_max
                ));
            }
            *series += 1;
        }
        for (tag, value) in &tags.0 {
            let values = self.values.entry((measurement.to_string(), tag.clone()));
            values.or_default().insert(value.clone());
        }
        self.keys.insert(key);
        None
    }

    fn refuse_values(
        &self,
        inner: &TableInner,
        measurement: &str,
        tags: &TagSet,
    ) -> Option<String> {
        let limit = self.limits.tag_values_max;
        if limit == 0 {
            return None;
        }
        tags.0.iter().find_map(|(tag, value)| {
            let stored = inner.series.index().values(tag);
            let added = self.values.get(&(measurement.to_string(), tag.clone()));
            let known = stored.is_some_and(|values| values.get(value).is_some())
                || added.is_some_and(|values| values.contains(value));
            if known {
                return None;
            }
            let is_new = |value: &&String| stored.is_none_or(|values| values.get(value).is_none());
            let count = stored.map_or(0, |values| values.len())
                + added.map_or(0, |values| values.iter().filter(is_new).count());
            (count >= limit).then(|| {
                format!(
                    "max-values-per-tag limit exceeded ({count}/{limit}): measurement={measurement:?} tag={tag:?} value={value:?}"
                )
            })
        })
    }
}

/// Takes out series that were refused, and their points.
fn drop_series(part: &mut PointTable, refused: &[Option<String>], dropped: &mut Dropped) {
    let keep: Vec<bool> = part
        .series_of_row
        .iter()
        .map(|series| refused[*series as usize].is_none())
        .collect();
    let points = keep.iter().filter(|keep| !**keep).count();
    let reason = refused.iter().flatten().next();
    dropped.add(|| reason.cloned().unwrap_or_default(), points);
    retain(part, &keep);
    retain_series_of_rows(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use points::line_protocol::{DecodeOptions, decode};

    fn batch(lines: &str) -> Batch {
        decode(lines.as_bytes(), &DecodeOptions::default()).batch
    }

    /// What is left of a batch written to an empty database, and what is said of the rest.
    fn limited(lines: &str, series_max: usize, tag_values_max: usize) -> (Vec<i64>, Dropped) {
        let mut batch = batch(lines);
        let mut dropped = Dropped::default();
        let limits = Limits {
            series_max,
            tag_values_max,
        };
        refuse_series(
            &Schema::default(),
            (limits, &SeriesBounds::default()),
            ("db", "rp"),
            &mut batch,
            &mut dropped,
        );
        for part in &batch.tables {
            assert!(
                part.series_of_row
                    .iter()
                    .all(|at| (*at as usize) < part.series.len())
            );
        }
        let mut times: Vec<i64> = batch
            .tables
            .iter()
            .flat_map(|part| part.times.clone())
            .collect();
        times.sort_unstable();
        (times, dropped)
    }

    const LINES: &str = "cpu,host=a v=1 1\ncpu,host=b v=1 2\ncpu,host=a v=1 3\nmem,host=c v=1 4\ncpu,host=c v=1 5\ncpu,host=b v=1 6";

    #[test]
    fn without_limits_everything_is_taken() {
        let (times, dropped) = limited(LINES, 0, 0);
        assert_eq!(times, [1, 2, 3, 4, 5, 6]);
        assert_eq!(dropped, Dropped::default());
    }

    #[test]
    fn a_value_too_many_drops_its_points_only() {
        let (times, dropped) = limited(LINES, 0, 2);
        assert_eq!(times, [1, 2, 3, 4, 6]);
        assert_eq!(
            dropped.reason,
            "max-values-per-tag limit exceeded (2/2): measurement=\"cpu\" tag=\"host\" value=\"c\""
        );
        assert_eq!(dropped.points, 1);
    }

    #[test]
    fn series_are_counted_over_all_measurements() {
        let (times, dropped) = limited(LINES, 3, 0);
        assert_eq!(times.len(), 5);
        assert_eq!(
            dropped.reason,
            "max-series-per-database limit exceeded: (3)"
        );
        assert_eq!(dropped.points, 1);
    }
}
