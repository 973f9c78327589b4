//! A power loss before the N-th durable effect, for every N of a scenario: what was
//! written and not synced may be lost, file by file and name by name, any part of it. What
//! was acknowledged is there all the same.
//!
//! `POWER_SEED` repeats one choice of what is lost, `POWER_LOSSES` sets how many are tried
//! at each effect.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use storage::effects::{Effects, Synced};
use storage::{Doors, Engine, EngineConfig, Result};

use crate::common::hand_clock;
use crate::crash::{both, check, scenario};

/// A disk that knows what of it is durable, and that stops after so many effects.
struct Disk(Mutex<Durable>);

#[derive(Default)]
struct Durable {
    effects_left: i64,
    /// Inodes whose content is synced.
    files: BTreeSet<u64>,
    /// The names in directories when they were last synced, with their inodes.
    names: BTreeMap<PathBuf, BTreeMap<PathBuf, u64>>,
    /// The lengths of RocksDB's own logs when their database was last synced. All else of
    /// a database RocksDB syncs by itself.
    logs: BTreeMap<PathBuf, u64>,
}

impl Effects for Disk {
    fn before(&self, effect: &'static str) -> io::Result<()> {
        let mut durable = self.0.lock();
        durable.effects_left -= 1;
        if durable.effects_left < 0 {
            return Err(io::Error::other(format!("stopped before a {effect}")));
        }
        Ok(())
    }

    fn synced(&self, what: Synced<'_>) {
        let mut durable = self.0.lock();
        match what {
            Synced::File(path) => {
                durable.files.insert(fs::metadata(path).unwrap().ino());
            }
            Synced::Directory(path) => {
                let names = entries(path).into_iter();
                let names = names.map(|path| (path.clone(), inode(&path))).collect();
                durable.names.insert(path.to_path_buf(), names);
            }
            Synced::Database(path) => {
                for log in logs(path) {
                    let length = fs::metadata(&log).map_or(0, |metadata| metadata.len());
                    durable.logs.insert(log, length);
                }
            }
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn inode(path: &Path) -> u64 {
    // One that is gone by now is no other's.
    fs::symlink_metadata(path).map_or(0, |metadata| metadata.ino())
}

fn logs(database: &Path) -> Vec<PathBuf> {
    let mut logs = entries(database);
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs
}

/// Numbers without a pattern, from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    /// A length between two, often one of both.
    fn length(&mut self, durable: u64, written: u64) -> u64 {
        match self.below(3) {
            0 => durable,
            1 => written,
            _ => durable + self.below(written - durable + 1),
        }
    }
}

impl Durable {
    /// Takes from the disk what is not durable, or a part of it.
    fn lose(&self, config: &EngineConfig, dice: &mut Dice) {
        self.lose_names(&config.data_dir, dice);
        for database in [&config.wal_dir, &config.meta_dir] {
            for log in logs(database) {
                let written = fs::metadata(&log).unwrap().len();
                let durable = self.logs.get(&log).copied().unwrap_or(0);
                cut(&log, dice.length(durable.min(written), written));
            }
        }
    }

    fn lose_names(&self, directory: &Path, dice: &mut Dice) {
        let synced = self.names.get(directory);
        for path in entries(directory) {
            let is_durable = synced.is_some_and(|names| names.get(&path) == Some(&inode(&path)));
            if !is_durable && dice.below(2) == 0 {
                match path.is_dir() {
                    true => fs::remove_dir_all(&path).unwrap(),
                    false => fs::remove_file(&path).unwrap(),
                }
            } else if path.is_dir() {
                self.lose_names(&path, dice);
            } else if !self.files.contains(&inode(&path)) {
                let written = fs::metadata(&path).unwrap().len();
                cut(&path, dice.length(0, written));
            }
        }
    }
}

fn cut(path: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length).unwrap();
}

fn config(directory: &Path) -> EngineConfig {
    // The paths that the engine reports are without links.
    let directory = directory.canonicalize().unwrap();
    let mut config = EngineConfig::in_directory(&directory);
    config.flush_age = Duration::from_secs(3600);
    config
}

fn open(directory: &Path, effects: i64) -> (Result<Engine>, Arc<Disk>) {
    let disk = Arc::new(Disk(Mutex::new(Durable {
        effects_left: effects,
        ..Durable::default()
    })));
    let doors = Doors {
        clock: hand_clock(1_700_000_000_000_000_000),
        effects: disk.clone(),
    };
    (Engine::open_with(config(directory), doors), disk)
}

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_power_loss_before_any_effect_loses_nothing_acknowledged() {
    let first = number("POWER_SEED", 1);
    for seed in first..first + number("POWER_LOSSES", 2) {
        let mut after = 0;
        while !survives(after, seed) {
            after += 1;
        }
        assert!(after > 40, "the scenario has only {after} effects");
    }
}

/// Runs the scenario up to so many effects and cuts the power; true when all happened.
fn survives(after: i64, seed: u64) -> bool {
    eprintln!("POWER_SEED={seed}, {after} effects");
    let directory = tempfile::tempdir().unwrap();
    let mut expected = both();
    let (engine, disk) = open(directory.path(), after);
    if let Ok(engine) = engine {
        scenario(&engine, &mut expected);
        drop(engine);
    }
    let mut dice = Dice(seed.wrapping_mul(1_000_003) + after as u64);
    let complete = disk.0.lock().effects_left > 0;
    disk.0.lock().lose(&config(directory.path()), &mut dice);
    for _ in 0..2 {
        let (engine, _) = open(directory.path(), i64::MAX);
        let engine = engine.unwrap();
        engine.create_database("db", None).unwrap();
        check(&expected, &engine, after);
        expected[0].write(&engine, 9);
        engine.flush().unwrap();
        check(&expected, &engine, after);
    }
    complete
}
