//! Directories that earlier versions wrote are opened, and show what they showed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Value, batch, delete, float, seen, seen_of, table, write};
use storage::{Engine, EngineConfig, SeriesPredicate, StorageError, TableName};

/// A copy of a fixture, which is not to be changed.
fn copy_of(format: &str) -> tempfile::TempDir {
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let directory = tempfile::tempdir().unwrap();
    copy(&from.join(format), directory.path());
    directory
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn open(directory: &Path) -> Engine {
    Engine::open(EngineConfig::in_directory(directory)).unwrap()
}

const AT: i64 = 1_600_000_000_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Written by the builds before the log had segments and deletes a scope: 20 points of
/// hosts a and b in files, of which the first ten of a are deleted; a dropped measurement;
/// then, in the log alone, two points and a delete of the last points of b.
fn check_format_1(engine: &Engine) {
    let points = seen(engine, "m");
    let values = |field: &str| points.keys().filter(|(_, _, own)| own == field).count();
    assert_eq!(values("v:float"), 29);
    assert_eq!((values("n:integer"), values("s:string")), (10, 18));
    let key = |host: &str, at: i64| (host.to_string(), AT + at * SECOND, "v:float".to_string());
    assert_eq!(points.get(&key("a", 10)), None);
    assert_eq!(points.get(&key("a", 11)), Some(&float(11.0)));
    assert_eq!(points.get(&key("a", 100)), Some(&float(100.0)));
    assert_eq!(points.get(&key("b", 18)), Some(&float(18.0)));
    assert_eq!(points.get(&key("b", 19)), None);
    assert_eq!(seen(engine, "late").len(), 1);
    assert_eq!(seen(engine, "many").len(), 20);
    assert!(seen(engine, "gone").is_empty());
    let two = TableName {
        policy: "two".into(),
        ..table("m")
    };
    assert_eq!(seen_of(engine, &two, (i64::MIN, i64::MAX)).len(), 1);
    engine.with_schema(|schema| {
        assert_eq!(schema.databases["db"].continuous_queries.len(), 1);
        assert_eq!(schema.users[0].name, "reader");
    });
}

#[test]
fn a_directory_of_format_1_is_opened_used_and_opened_again() {
    let directory = copy_of("format-1");
    let engine = open(directory.path());
    check_format_1(&engine);
    engine.flush().unwrap();
    check_format_1(&engine);
    drop(engine);
    let engine = open(directory.path());
    check_format_1(&engine);
    write(&engine, batch("gone", &[("c", 1, &[("v", Value::Int(1))])]));
    assert_eq!(seen(&engine, "gone").len(), 1);
    delete(&engine, "m", &SeriesPredicate::All, (i64::MIN, i64::MAX)).unwrap();
    assert!(seen(&engine, "m").is_empty());
}

#[test]
fn a_catalog_of_a_later_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    {
        let meta = directory.path().join("meta");
        let catalog = rocksdb::DB::open_default(meta).unwrap();
        catalog.put(b"v", b"3").unwrap();
    }
    let refused = Engine::open(EngineConfig::in_directory(directory.path()));
    let error = refused.err().unwrap();
    assert!(matches!(error, StorageError::LaterFormat { format: 3, .. }));
    assert!(error.to_string().contains("newer version"));
}
