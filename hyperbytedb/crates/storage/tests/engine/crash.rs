//! A crash before the N-th durable effect, for every N of a scenario: what was
//! acknowledged is there after a restart, nothing is there twice, and what was not
//! acknowledged is there wholly or not at all.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::common::{Value, batch, delete, hand_clock, seen, write_from};
use points::{Batch, TagSet, Values};
use storage::effects::Effects;
use storage::{Doors, Engine, EngineConfig, Origin, Result, SeriesPredicate};

/// Lets so many effects happen and none after.
struct StopAfter(AtomicI64);

impl Effects for StopAfter {
    fn before(&self, effect: &'static str) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other(format!("stopped before a {effect}")));
        }
        Ok(())
    }
}

fn open(directory: &Path, effects: i64) -> (Result<Engine>, Arc<StopAfter>) {
    let mut config = EngineConfig::in_directory(directory);
    config.flush_age = Duration::from_secs(3600);
    let effects = Arc::new(StopAfter(AtomicI64::new(effects)));
    let doors = Doors {
        clock: hand_clock(1_700_000_000_000_000_000),
        effects: effects.clone(),
    };
    (Engine::open_with(config, doors), effects)
}

/// Points of a measurement by their time; every write has two, so that halves of it would
/// show.
pub struct Expected {
    measurement: &'static str,
    acknowledged: BTreeSet<i64>,
    attempted: BTreeSet<i64>,
    /// Deleted for certain, and perhaps.
    deleted: BTreeSet<i64>,
    maybe_deleted: BTreeSet<i64>,
}

const DAY: i64 = 86_400_000_000_000;

impl Expected {
    pub fn of(measurement: &'static str) -> Self {
        Self {
            measurement,
            acknowledged: BTreeSet::new(),
            attempted: BTreeSet::new(),
            deleted: BTreeSet::new(),
            maybe_deleted: BTreeSet::new(),
        }
    }

    fn drop_measurement(&mut self, engine: &Engine) {
        let gone = match engine.drop_measurement("db", self.measurement) {
            Ok(_) => &mut self.deleted,
            Err(_) => &mut self.maybe_deleted,
        };
        gone.extend(&self.attempted);
    }

    pub fn write(&mut self, engine: &Engine, at: i64) {
        let points = [at, at + DAY];
        self.attempted.extend(points);
        let fields = [("v", Value::Int(at))];
        let batch = batch(
            self.measurement,
            &[("a", points[0], &fields), ("a", points[1], &fields)],
        );
        if write_from(engine, batch, Origin::Local).is_ok() {
            self.acknowledged.extend(points);
        }
    }

    fn delete(&mut self, engine: &Engine, at: i64) {
        match delete(engine, self.measurement, &SeriesPredicate::All, (at, at)) {
            Ok(()) => self.deleted.insert(at),
            Err(_) => self.maybe_deleted.insert(at),
        };
    }

    pub fn check(&self, engine: &Engine, after: i64) {
        let there: BTreeSet<i64> = seen(engine, self.measurement)
            .into_keys()
            .map(|(_, time, _)| time)
            .collect();
        for time in &self.acknowledged {
            let gone = self.deleted.contains(time) || self.maybe_deleted.contains(time);
            assert!(
                there.contains(time) || gone,
                "{time} is lost after {after} effects"
            );
        }
        for time in &there {
            assert!(self.attempted.contains(time), "{time} came from nowhere");
            assert!(
                !self.deleted.contains(time),
                "{time} came back after {after} effects"
            );
        }
        for time in self.attempted.iter().filter(|time| **time < DAY) {
            let pair = time + DAY;
            let touched = |time| self.deleted.contains(time) || self.maybe_deleted.contains(time);
            if !touched(time) && !touched(&pair) {
                assert_eq!(
                    there.contains(time),
                    there.contains(&pair),
                    "half of a write"
                );
            }
        }
    }
}

/// Writes, deletes, a drop and flushes, until effects are refused. `expected` are two
/// measurements; the second is dropped, which lets its files go.
pub fn scenario(engine: &Engine, expected: &mut [Expected; 2]) {
    if engine.create_database("db", None).is_err() {
        return;
    }
    let [kept, dropped] = expected;
    kept.write(engine, 1);
    kept.write(engine, 2);
    dropped.write(engine, 1);
    let _stopped = engine.flush();
    kept.write(engine, 3);
    kept.delete(engine, 2);
    dropped.write(engine, 2);
    dropped.drop_measurement(engine);
    dropped.write(engine, 3);
    let _stopped = engine.flush();
    kept.write(engine, 4);
    kept.delete(engine, 4);
    kept.write(engine, 5);
    let _stopped = engine.flush();
}

pub fn both() -> [Expected; 2] {
    ["m", "d"].map(Expected::of)
}

pub fn check(expected: &[Expected; 2], engine: &Engine, after: i64) {
    for one in expected {
        one.check(engine, after);
    }
}

#[test]
fn a_crash_before_any_effect_loses_nothing_acknowledged() {
    let mut after = 0;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let mut expected = both();
        let (engine, effects) = open(directory.path(), after);
        if let Ok(engine) = engine {
            scenario(&engine, &mut expected);
            drop(engine);
        }
        let complete = effects.0.load(Ordering::SeqCst) > 0;
        let (engine, _) = open(directory.path(), i64::MAX);
        let engine = engine.unwrap();
        engine.create_database("db", None).unwrap();
        check(&expected, &engine, after);
        // And it goes on from there.
        expected[0].write(&engine, 9);
        engine.flush().unwrap();
        check(&expected, &engine, after);
        drop(engine);
        let (engine, _) = open(directory.path(), i64::MAX);
        let engine = engine.unwrap();
        check(&expected, &engine, after);
        files_are_those_of_the_catalog(&engine, directory.path());
        if complete {
            break;
        }
        after += 1;
    }
    assert!(after > 20, "the scenario has only {after} effects");
}

/// No file stays on the disk that no measurement has.
fn files_are_those_of_the_catalog(engine: &Engine, directory: &Path) {
    let tables = engine.with_schema(|schema| schema.tables(None));
    let known: BTreeSet<PathBuf> = tables
        .iter()
        .flat_map(|table| table.read().files.clone())
        .map(|file| directory.join("data").join(&file.path))
        .collect();
    assert_eq!(files_below(&directory.join("data")), known);
}

fn files_below(directory: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => {
                files.insert(path);
            }
        }
    }
    files
}

/// Writes down what becomes durable.
#[derive(Default)]
struct Recorded(parking_lot::Mutex<Vec<&'static str>>);

impl Effects for Recorded {
    fn before(&self, effect: &'static str) -> io::Result<()> {
        self.0.lock().push(effect);
        Ok(())
    }
}

#[test]
fn the_catalog_names_no_file_before_its_directories_are_synced() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::in_directory(directory.path());
    config.flush_age = Duration::from_secs(3600);
    let recorded = Arc::new(Recorded::default());
    let doors = Doors {
        clock: hand_clock(1_700_000_000_000_000_000),
        effects: recorded.clone(),
    };
    let engine = Engine::open_with(config, doors).unwrap();
    engine.create_database("db", None).unwrap();
    let fields = [("v", Value::Int(1))];
    for measurement in ["m", "n"] {
        let points = [("a", 1, &fields[..]), ("a", 1 + DAY, &fields[..])];
        write_from(&engine, batch(measurement, &points), Origin::Local).unwrap();
    }
    recorded.0.lock().clear();
    engine.flush().unwrap();
    let effects = recorded.0.lock().clone();
    let of_file = ["file create", "file sync", "file rename"];
    let mut wanted = of_file.repeat(4);
    // Two days of two measurements, these two, the policy, the database and the root.
    wanted.extend(["directory sync"; 9]);
    wanted.push("kv write");
    assert_eq!(effects[..wanted.len()], wanted);
}

/// The catalog takes them in several parts.
#[test]
fn a_crash_while_many_series_become_durable_loses_none() {
    const SERIES: i64 = 3_000;
    // A file takes three and its directories five, which the other test stops before.
    const OF_FILE: i64 = 3 + 5;
    let mut after = OF_FILE;
    loop {
        let directory = tempfile::tempdir().unwrap();
        let (engine, effects) = open(directory.path(), i64::MAX);
        let engine = engine.unwrap();
        engine.create_database("db", None).unwrap();
        write_from(&engine, many_series(SERIES), Origin::Local).unwrap();
        effects.0.store(after, Ordering::SeqCst);
        let flushed = engine.flush().is_ok();
        drop(engine);
        for _ in 0..2 {
            let (engine, _) = open(directory.path(), i64::MAX);
            let engine = engine.unwrap();
            assert_eq!(
                seen(&engine, "m").len() as i64,
                SERIES,
                "after {after} effects"
            );
            engine.flush().unwrap();
        }
        if flushed {
            break;
        }
        after += 1;
    }
    // One part and the log would take two.
    assert!(after > OF_FILE + 2, "all in one part: {after} effects");
}

/// A point for each of so many series with long names.
fn many_series(count: i64) -> Batch {
    let name = |n: i64| format!("{n:0400}");
    let mut one = batch("m", &[("a", 1, &[("v", Value::Int(1))])]);
    let table = &mut one.tables[0];
    let tags = |n| TagSet(vec![("host".into(), name(n))]);
    table.series = (0..count).map(tags).collect();
    table.series_of_row = (0..count as u32).collect();
    table.times = vec![1; count as usize];
    table.fields[0].values = Values::Integer((0..count).collect());
    one
}
