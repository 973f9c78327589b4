//! Shards as InfluxDB shows them. This engine has none: they are what the policies'
//! shard durations make of the times that there are points for.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat};
use parking_lot::Mutex;
use storage::{Delete, Engine, MeasurementScope, SeriesPredicate, Table};

use super::rows::{Rows, count, text};
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::scan::TimeBounds;
use crate::query::shard::shard_range;

/// One shard group with its one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    pub id: u64,
    pub database: String,
    pub policy: String,
    /// Nanoseconds, included.
    pub start: i64,
    /// Nanoseconds, excluded.
    pub end: i64,
    /// When the policy lets go of it, if it ever does.
    pub expiry: Option<i64>,
}

/// Gives shards numbers that stay the same while the process runs.
#[derive(Debug, Default)]
pub struct ShardIds(Mutex<BTreeMap<(String, String, i64), u64>>);

/// Shards that one file or run of memory may lie in at most; a file holds about a day.
const SHARDS_OF_ONE_MAX: usize = 10_000;

impl ShardIds {
    /// All shards that hold points, by number.
    pub fn list(&self, engine: &Engine) -> Vec<Shard> {
        let mut shards = Vec::new();
        let policies: Vec<_> = engine.with_schema(|schema| {
            let databases = schema.databases.values();
            let policies = databases.flat_map(|database| {
                let tables = schema.tables(Some(&database.name));
                let policies = database.policies.iter();
                policies.map(move |policy| (database.name.clone(), policy.clone(), tables.clone()))
            });
            policies.collect()
        });
        for (database, policy, tables) in policies {
            let mut starts = BTreeSet::new();
            for table in tables.iter().filter(|t| t.name.policy == policy.name) {
                collect_starts(table, policy.shard_duration_ns, &mut starts);
            }
            for start in starts {
                let end = start.saturating_add(policy.shard_duration_ns);
                let expires = policy.duration_ns != 0;
                shards.push(Shard {
                    id: self.id(&database, &policy.name, start),
                    database: database.clone(),
                    policy: policy.name.clone(),
                    start,
                    end,
                    expiry: expires.then(|| end.saturating_add(policy.duration_ns)),
                });
            }
        }
        shards.sort_by_key(|shard| shard.id);
        shards
    }

    fn id(&self, database: &str, policy: &str, start: i64) -> u64 {
        let mut ids = self.0.lock();
        let next = ids.len() as u64 + 1;
        let key = (database.to_string(), policy.to_string(), start);
        *ids.entry(key).or_insert(next)
    }

    /// The first shard of a database's policy, which errors name.
    pub fn first(&self, engine: &Engine, database: &str, policy: &str) -> u64 {
        let shards = self.list(engine);
        let mut of_policy = shards
            .iter()
            .filter(|shard| shard.database == database && shard.policy == policy);
        of_policy.next().map_or(1, |shard| shard.id)
    }

    /// Deletes all points of a shard; one that does not exist is no error.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn drop_shard(&self, id: u64, engine: &Engine) -> Result<(), QueryError> {
        let shards = self.list(engine);
        let Some(shard) = shards.into_iter().find(|shard| shard.id == id) else {
            return Ok(());
        };
        engine.delete(&Delete {
            database: &shard.database,
            policy: Some(&shard.policy),
            measurements: &MeasurementScope::All,
            series: &SeriesPredicate::All,
            time: (shard.start, shard.end.saturating_sub(1)),
            version: None,
        })?;
        Ok(())
    }

    /// `SHOW SHARDS`: a table for each database.
    pub fn show(&self, engine: &Engine) -> Vec<SeriesChunk> {
        const COLUMNS: [&str; 8] = [
            "id",
            "database",
            "retention_policy",
            "shard_group",
            "start_time",
            "end_time",
            "expiry_time",
            "owners",
        ];
        let shards = self.list(engine);
        let databases: Vec<String> =
            engine.with_schema(|schema| schema.databases.keys().cloned().collect());
        let tables = databases.iter().map(|database| {
            let mut rows = Rows::new(database, &COLUMNS);
            for shard in shards.iter().filter(|shard| shard.database == *database) {
                rows.push(vec![
                    count(shard.id),
                    text(database),
                    text(&shard.policy),
                    count(shard.id),
                    text(rfc3339(Some(shard.start))),
                    text(rfc3339(Some(shard.end))),
                    text(rfc3339(shard.expiry)),
                    text(""),
                ]);
            }
            rows.finish()
        });
        tables.collect()
    }

    /// `SHOW SHARD GROUPS`.
    pub fn show_groups(&self, engine: &Engine) -> Vec<SeriesChunk> {
        const COLUMNS: [&str; 6] = [
            "id",
            "database",
            "retention_policy",
            "start_time",
            "end_time",
            "expiry_time",
        ];
        let mut rows = Rows::new("shard groups", &COLUMNS);
        for shard in self.list(engine) {
            rows.push(vec![
                count(shard.id),
                text(&shard.database),
                text(&shard.policy),
                text(rfc3339(Some(shard.start))),
                text(rfc3339(Some(shard.end))),
                text(rfc3339(shard.expiry)),
            ]);
        }
        vec![rows.finish()]
    }
}

fn collect_starts(table: &Table, duration: i64, starts: &mut BTreeSet<i64>) {
    let inner = table.read();
    for file in &inner.files {
        let last = shard_start(file.max_time, duration);
        let mut start = shard_start(file.min_time, duration);
        for _ in 0..SHARDS_OF_ONE_MAX {
            starts.insert(start);
            if start >= last {
                break;
            }
            start = start.saturating_add(duration);
        }
    }
    for run in inner.memtable.runs().iter().chain(&inner.frozen) {
        let first = shard_start(run.min_time, duration);
        starts.insert(first);
        if first != shard_start(run.max_time, duration) {
            let times = run.rows.times.iter();
            starts.extend(times.map(|time| shard_start(*time, duration)));
        }
    }
}

/// The start of the shard group that a time lies in.
fn shard_start(time: i64, duration: i64) -> i64 {
    let at = TimeBounds {
        min: time,
        max: time,
    };
    shard_range(at, duration).min
}

/// A time to the second; nothing for none.
fn rfc3339(time: Option<i64>) -> String {
    time.map_or_else(String::new, |time| {
        DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_keeps_its_number() {
        let ids = ShardIds::default();
        let first = ids.id("db", "p", 0);
        let second = ids.id("db", "p", 7);
        assert_ne!(first, second);
        assert_eq!(ids.id("db", "p", 0), first);
        assert_eq!(rfc3339(Some(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(None), "");
    }
}
