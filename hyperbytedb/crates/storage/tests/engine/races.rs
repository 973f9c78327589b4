//! Writes beside deletes and drops of what they write to: none fails for it, and what is
//! stored and not deleted is seen.
//!
//! `RACE_SECONDS` sets how long, `RACE_SEED` repeats the choices (not the interleaving).

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::common::{Value, batch, delete, of_host, open, table, write_from};
use storage::{Engine, Origin, SeriesPredicate};

const WRITERS: u64 = 5;
const DROPPERS: u64 = 3;
/// How long writers and droppers run before all stand still and are looked at.
const ROUND: Duration = Duration::from_millis(200);
const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

fn seconds() -> u64 {
    let text = std::env::var("RACE_SECONDS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(2)
}

fn seed() -> u64 {
    let text = std::env::var("RACE_SEED").ok();
    let seed = text.and_then(|text| text.parse().ok()).unwrap_or(1);
    eprintln!("RACE_SEED={seed}");
    seed
}

/// Runs `write` in some threads and `drop` in others, and `check` whenever all stand still.
fn race(
    write: impl Fn(u64, u64) + Sync,
    drop: impl Fn(u64, u64) + Sync,
    check: impl Fn() + Sync,
) -> u64 {
    let until = Instant::now() + Duration::from_secs(seconds());
    let (seed, done, next) = (seed(), AtomicBool::new(false), AtomicU64::new(1));
    let gate = Barrier::new((WRITERS + DROPPERS) as usize);
    std::thread::scope(|scope| {
        for thread in 0..WRITERS + DROPPERS {
            let (write, drop, check) = (&write, &drop, &check);
            let (done, next, gate) = (&done, &next, &gate);
            scope.spawn(move || {
                let mut dice = seed.wrapping_mul(1_000_003) + thread;
                while !done.load(Ordering::SeqCst) {
                    let round = Instant::now() + ROUND;
                    while Instant::now() < round {
                        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        match thread < WRITERS {
                            true => write(thread, next.fetch_add(1, Ordering::SeqCst)),
                            false => drop(thread, dice >> 33),
                        }
                    }
                    if gate.wait().is_leader() {
                        check();
                        done.store(Instant::now() >= until, Ordering::SeqCst);
                    }
                    gate.wait();
                }
            });
        }
    });
    next.load(Ordering::SeqCst) - 1
}

fn point(engine: &Engine, measurement: &str, host: &str, number: u64) {
    let fields = [("v", Value::Int(number as i64))];
    let points = [(host, number as i64, fields.as_slice())];
    let written = write_from(engine, batch(measurement, &points), Origin::Local);
    assert_eq!(written.expect("a write beside drops").rows, 1);
}

/// Every row that is not deleted is of a series that the index knows.
fn all_rows_are_of_live_series(engine: &Engine) {
    for measurement in ["m", "n"] {
        let Some(view) = engine.read_view(&table(measurement), ALWAYS).unwrap() else {
            continue;
        };
        let columns: Vec<u32> = (0..view.columns.len() as u32).collect();
        let inner = view.table.read();
        for rows in view.rows(&columns) {
            for series in rows.unwrap().series {
                assert!(
                    inner.series.is_live(series),
                    "points of {measurement} are hidden"
                );
            }
        }
    }
}

#[test]
fn writes_beside_drops_of_their_measurement_never_fail() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |config| config.sync = storage::Sync::Off);
    let written = race(
        |writer, number| {
            let measurement = if number % 2 == 0 { "m" } else { "n" };
            point(&engine, measurement, &format!("w{writer}"), number);
        },
        |_, dice| match dice % 50 {
            0 => engine.flush().unwrap(),
            _ => {
                engine.drop_measurement("db", "m").unwrap();
            }
        },
        || all_rows_are_of_live_series(&engine),
    );
    assert!(written > 100);
    let kept = crate::common::seen(&engine, "n").len() as u64;
    assert_eq!(
        kept,
        written.div_ceil(2),
        "points of another measurement are gone"
    );
}

#[test]
fn writes_beside_deletes_of_their_series_are_seen() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |config| config.sync = storage::Sync::Off);
    race(
        |_, number| point(&engine, "m", &format!("h{}", number % 4), number),
        |_, dice| {
            let host = of_host(&format!("h{}", dice % 4));
            match dice % 40 {
                0 => engine.flush().unwrap(),
                1 => delete(&engine, "m", &SeriesPredicate::All, ALWAYS).unwrap(),
                _ => delete(&engine, "m", &host, ALWAYS).unwrap(),
            }
        },
        || all_rows_are_of_live_series(&engine),
    );
}
