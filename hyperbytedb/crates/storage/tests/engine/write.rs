//! Writing and reading back, through memory, files and restarts.

use crate::common::{
    Value, batch, delete, float, of_host, open, seen, seen_between, table, write, write_from,
};
use storage::{Origin, StorageError, Version};

const HOUR: i64 = 3_600_000_000_000;
const DAY: i64 = 24 * HOUR;

#[test]
fn what_was_written_is_seen_at_once_after_a_flush_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(
        &engine,
        batch(
            "cpu",
            &[
                ("a", 1, &[("v", float(1.5))]),
                ("b", 2 * DAY, &[("n", Value::Int(7))]),
            ],
        ),
    );
    let before = seen(&engine, "cpu");
    assert_eq!(before.len(), 2);
    engine.flush().unwrap();
    assert_eq!(seen(&engine, "cpu"), before);
    assert_eq!(engine.positions().flushed, engine.positions().visible);
    assert_eq!(engine.unflushed_bytes(), 0);
    write(&engine, batch("cpu", &[("a", 3, &[("v", float(2.5))])]));
    let before = seen(&engine, "cpu");
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert_eq!(seen(&engine, "cpu"), before);
    assert_eq!(seen_between(&engine, "cpu", 2, 3).len(), 1);
}

#[test]
fn fields_of_one_point_merge_and_the_later_value_wins() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(
        &engine,
        batch(
            "m",
            &[("a", 5, &[("x", Value::Int(1)), ("y", Value::Int(1))])],
        ),
    );
    engine.flush().unwrap();
    write(&engine, batch("m", &[("a", 5, &[("y", Value::Int(2))])]));
    write(
        &engine,
        batch(
            "m",
            &[
                ("a", 5, &[("z", Value::Int(3))]),
                ("a", 5, &[("z", Value::Int(4))]),
            ],
        ),
    );
    let values: Vec<Value> = seen(&engine, "m").into_values().collect();
    assert_eq!(values, [Value::Int(1), Value::Int(2), Value::Int(4)]);
    engine.flush().unwrap();
    let values: Vec<Value> = seen(&engine, "m").into_values().collect();
    assert_eq!(values, [Value::Int(1), Value::Int(2), Value::Int(4)]);
}

#[test]
fn a_point_of_another_type_is_refused_and_the_others_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("cpu", &[("a", 1, &[("v", float(1.0))])]));
    let report = write(
        &engine,
        batch(
            "cpu",
            &[
                ("a", 2, &[("v", Value::Int(1))]),
                ("a", 3, &[("v", float(2.0))]),
            ],
        ),
    );
    assert_eq!((report.rows, report.dropped.points), (1, 1));
    assert_eq!(
        report.dropped.reason,
        "field type conflict: input field \"v\" on measurement \"cpu\" is type integer, already exists as type float"
    );
    // A replicated batch is never refused: its type gets a column of its own.
    let origin = Origin::Replicated {
        node: 2,
        version: Version(1_700_000_001_000 << 22),
    };
    let report = write_from(
        &engine,
        batch("cpu", &[("a", 4, &[("v", Value::Int(9))])]),
        origin,
    )
    .unwrap();
    assert_eq!((report.rows, report.dropped.points), (1, 0));
    let fields: Vec<String> = seen(&engine, "cpu")
        .into_keys()
        .map(|(_, _, field)| field)
        .collect();
    assert_eq!(fields, ["v:float", "v:float", "v:integer"]);
}

#[test]
fn an_unknown_database_or_policy_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    engine.drop_database("db").unwrap();
    let refused = write_from(
        &engine,
        batch("cpu", &[("a", 1, &[("v", Value::Int(1))])]),
        Origin::Local,
    );
    assert!(matches!(refused, Err(StorageError::DatabaseNotFound(name)) if name == "db"));
}

#[test]
fn a_dropped_database_does_not_come_back_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("cpu", &[("a", 1, &[("v", Value::Int(1))])]));
    engine.flush().unwrap();
    write(&engine, batch("cpu", &[("a", 2, &[("v", Value::Int(1))])]));
    engine.create_database("db2", None).unwrap();
    engine.drop_database("db").unwrap();
    engine.create_database("db", None).unwrap();
    assert!(seen(&engine, "cpu").is_empty());
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert!(seen(&engine, "cpu").is_empty());
    assert_eq!(engine.with_schema(|schema| schema.databases.len()), 2);
}

#[test]
fn deletes_hide_older_points_only_and_survive_flush_and_restart() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    let points = [("a", 1), ("a", 2), ("b", 1), ("b", 2)];
    for (host, time) in points {
        write(
            &engine,
            batch("cpu", &[(host, time, &[("v", Value::Int(time))])]),
        );
    }
    engine.flush().unwrap();
    write(&engine, batch("cpu", &[("a", 3, &[("v", Value::Int(3))])]));
    let delete_of = |host: &str, time| {
        delete(&engine, "cpu", &of_host(host), time).unwrap();
    };
    delete_of("a", (2, 3));
    delete_of("b", (i64::MIN, i64::MAX));
    write(&engine, batch("cpu", &[("a", 2, &[("v", Value::Int(20))])]));
    let times: Vec<(String, i64)> = seen(&engine, "cpu")
        .into_keys()
        .map(|(h, t, _)| (h, t))
        .collect();
    assert_eq!(times, [("a".to_string(), 1), ("a".to_string(), 2)]);
    let series =
        engine.with_schema(|schema| schema.table(&table("cpu")).unwrap().read().series.len());
    assert_eq!(series, 1);
    engine.flush().unwrap();
    let before = seen(&engine, "cpu");
    assert_eq!(before.len(), 2);
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert_eq!(seen(&engine, "cpu"), before);
    engine.drop_measurement("db", "cpu").unwrap();
    assert!(seen(&engine, "cpu").is_empty());
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert!(seen(&engine, "cpu").is_empty());
}

#[test]
fn a_series_without_points_stays_away_when_the_log_is_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    let points = batch(
        "cpu",
        &[
            ("a", 1, &[("v", Value::Int(1))]),
            ("b", 1, &[("v", Value::Int(1))]),
        ],
    );
    write(&engine, points);
    let name = table("cpu");
    delete(&engine, "cpu", &of_host("a"), (i64::MIN, i64::MAX)).unwrap();
    // Without a flush: the log still has the write.
    drop(engine);
    let engine = open(directory.path(), |_| ());
    let left = engine.with_schema(|schema| schema.table(&name).unwrap().read().series.len());
    assert_eq!(left, 1);
    assert_eq!(seen(&engine, "cpu").len(), 1);
}

#[test]
fn full_memory_refuses_with_the_text_that_clients_retry_on() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |config| {
        config.cache_bytes_max = 1;
        config.flush_bytes = usize::MAX;
        config.write_wait = std::time::Duration::ZERO;
    });
    write(&engine, batch("cpu", &[("a", 1, &[("v", Value::Int(1))])]));
    let refused = write_from(
        &engine,
        batch("cpu", &[("a", 2, &[("v", Value::Int(1))])]),
        Origin::Local,
    );
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("cache-max-memory-size exceeded"), "{text}");
    engine.flush().unwrap();
    write(&engine, batch("cpu", &[("a", 2, &[("v", Value::Int(1))])]));
}

#[test]
fn a_damaged_or_missing_file_is_named_and_hides_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("cpu", &[("a", 1, &[("v", Value::Int(1))])]));
    write(&engine, batch("mem", &[("a", 1, &[("v", Value::Int(1))])]));
    engine.flush().unwrap();
    let view = engine
        .read_view(&table("cpu"), (i64::MIN, i64::MAX))
        .unwrap()
        .unwrap();
    let path = view.path(&view.files[0]);
    std::fs::write(&path, b"PAR1 no parquet PAR1").unwrap();
    let error = view.read_file(&view.files[0], view.time, &[0]).unwrap_err();
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    std::fs::remove_file(&path).unwrap();
    let error = view.read_file(&view.files[0], view.time, &[0]).unwrap_err();
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    assert_eq!(seen(&engine, "mem").len(), 1);
    drop(view);
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert_eq!(seen(&engine, "mem").len(), 1);
}

#[test]
fn many_small_writes_become_few_runs() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |config| config.sync = storage::Sync::Off);
    for time in 0..500 {
        write(
            &engine,
            batch("cpu", &[("a", time % 400, &[("v", Value::Int(time))])]),
        );
    }
    let all = seen(&engine, "cpu");
    assert_eq!(all.len(), 400);
    assert_eq!(
        all[&("a".to_string(), 99, "v:integer".to_string())],
        Value::Int(499)
    );
}

#[test]
fn a_tag_named_like_an_earlier_field_has_a_column_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("m", &[("", 1, &[("host", Value::Int(7))])]));
    engine.flush().unwrap();
    write(&engine, batch("m", &[("a", 2, &[("host", Value::Int(8))])]));
    write(
        &engine,
        batch("m", &[("a", 3, &[("other", Value::Int(9))])]),
    );
    engine.flush().unwrap();
    let expected: Vec<(String, i64, Value)> = vec![
        (String::new(), 1, Value::Int(7)),
        ("a".into(), 2, Value::Int(8)),
        ("a".into(), 3, Value::Int(9)),
    ];
    let seen = seen(&engine, "m").into_iter();
    let seen: Vec<(String, i64, Value)> = seen.map(|((host, at, _), v)| (host, at, v)).collect();
    assert_eq!(seen, expected);
    let files =
        engine.with_schema(|schema| schema.table(&table("m")).unwrap().read().files.clone());
    for file in &files {
        let mut names: Vec<String> = file
            .columns
            .iter()
            .map(|own| own.physical.clone())
            .collect();
        names.extend(file.tag_keys.iter().map(|key| file.tag_column(key)));
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "two columns of one name: {names:?}");
    }
}

/// One engine works on a view while others delete and drop what it reads.
#[test]
fn a_view_reads_its_files_to_the_end_and_then_they_go() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("m", &[("a", 1, &[("v", Value::Int(1))])]));
    engine.flush().unwrap();
    let view = engine.read_view(&table("m"), (0, 9)).unwrap().unwrap();
    let path = view.path(&view.files[0]);
    engine.drop_measurement("db", "m").unwrap();
    assert!(seen(&engine, "m").is_empty());
    assert!(path.exists(), "a reader still has it");
    let rows = view.read_file(&view.files[0], (0, 9), &[0]).unwrap();
    assert_eq!(rows.len(), 1);
    drop(view);
    // The engine's end waits for the purger.
    drop(engine);
    assert!(!path.exists(), "the file stays for ever");
}

#[test]
fn what_a_crash_left_to_be_removed_goes_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    write(&engine, batch("m", &[("a", 1, &[("v", Value::Int(1))])]));
    engine.flush().unwrap();
    let view = engine.read_view(&table("m"), (0, 9)).unwrap().unwrap();
    let path = view.path(&view.files[0]);
    engine.drop_measurement("db", "m").unwrap();
    // The view outlives the engine, so that nobody removes the file.
    drop(engine);
    drop(view);
    assert!(path.exists());
    let engine = open(directory.path(), |_| ());
    drop(engine);
    assert!(!path.exists());
}

#[test]
fn deletes_are_forgotten_when_nothing_can_meet_them() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    let stones = |engine: &storage::Engine| engine.with_schema(|schema| schema.tombstone_count());
    for round in 0..20 {
        write(
            &engine,
            batch("m", &[("a", round, &[("v", Value::Int(1))])]),
        );
        write(
            &engine,
            batch("n", &[("a", round, &[("v", Value::Int(1))])]),
        );
        engine.drop_measurement("db", "m").unwrap();
    }
    assert_eq!(stones(&engine), 1, "the last drop covers those before it");
    engine.flush().unwrap();
    assert_eq!(
        stones(&engine),
        0,
        "all that they hide has left the log and memory"
    );
    delete(&engine, "n", &of_host("a"), (0, 3)).unwrap();
    engine.flush().unwrap();
    assert_eq!(stones(&engine), 1, "a file still has what it hides");
    assert_eq!(seen(&engine, "n").len(), 16);
    drop(engine);
    let engine = open(directory.path(), |_| ());
    assert_eq!((stones(&engine), seen(&engine, "n").len()), (1, 16));
    assert!(seen(&engine, "m").is_empty());
}

#[test]
fn a_delete_of_one_series_makes_no_other_merge() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| ());
    for host in ["a", "b"] {
        for at in 0..9 {
            write(&engine, batch("m", &[(host, at, &[("v", Value::Int(1))])]));
        }
    }
    engine.flush().unwrap();
    delete(&engine, "m", &of_host("a"), (0, 4)).unwrap();
    let view = engine.read_view(&table("m"), (0, 9)).unwrap().unwrap();
    let windows = |host: &str| {
        let filter = of_host(host).filter().unwrap();
        let series = view.table.read().series.select(&filter);
        view.of(series).windows
    };
    assert_eq!(windows("b"), []);
    assert_eq!(windows("a"), [(0, 4)]);
    assert_eq!(view.windows, [(0, 4)]);
}
