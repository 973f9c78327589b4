//! Writing and reading back, through memory, files and restarts.

use crate::common::{Value, batch, float, open, seen, seen_between, table, write, write_from};
use storage::{DeleteRequest, Origin, SeriesPredicate, StorageError, Version};

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
    let delete = |host: &str, time| {
        let series = SeriesPredicate::Equal("host".into(), host.into());
        let name = table("cpu");
        let request = DeleteRequest {
            table: &name,
            series: &series,
            time,
            drop_series: false,
            version: None,
        };
        engine.delete(&request).unwrap();
    };
    delete("a", (2, 3));
    delete("b", (i64::MIN, i64::MAX));
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
    let series = SeriesPredicate::Equal("host".into(), "a".into());
    let name = table("cpu");
    let request = DeleteRequest {
        table: &name,
        series: &series,
        time: (i64::MIN, i64::MAX),
        drop_series: true,
        version: None,
    };
    engine.delete(&request).unwrap();
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
