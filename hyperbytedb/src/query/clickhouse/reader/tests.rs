//! How long a scan keeps what it reads.

use std::sync::Weak;

use points::{Batch, FieldColumn, Table, TagSet, Values};
use storage::{EngineConfig, Origin, WriteRequest};

use super::*;
use crate::query::scan::{FieldRef, FieldType, TableName, TimeBounds};

/// More rows than the batches that wait for their reader have.
const ROWS: usize = 600_000;

fn engine_with_rows(directory: &std::path::Path) -> Arc<Engine> {
    let engine = Arc::new(Engine::open(EngineConfig::in_directory(directory)).expect("an engine"));
    engine.create_database("db", None).expect("a database");
    let request = WriteRequest {
        database: "db".to_owned(),
        policy: None,
        batch: Batch {
            tables: vec![Table {
                measurement: "m".to_owned(),
                series: vec![TagSet::default()],
                series_of_row: vec![0; ROWS],
                times: (0..ROWS as i64).collect(),
                fields: vec![FieldColumn {
                    name: "v".to_owned(),
                    values: Values::Integer((0..ROWS as i64).collect()),
                    present: None,
                }],
            }],
        },
        origin: Origin::Local,
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(engine.write(request)).expect("written");
    engine.flush().expect("flushed");
    engine
}

fn scan() -> Scan {
    Scan {
        table: TableName {
            database: "db".to_owned(),
            policy: "autogen".to_owned(),
            measurement: "m".to_owned(),
        },
        time: TimeBounds {
            min: 0,
            max: ROWS as i64,
        },
        filter: None,
        dimensions: Vec::new(),
        descending: false,
        output: Output::Rows {
            fields: vec![FieldRef {
                name: "v".to_owned(),
                field_type: FieldType::Integer,
            }],
            tags: Vec::new(),
            limit: None,
        },
    }
}

#[test]
fn a_view_stays_until_its_batches_are_dropped_and_the_engine_has_ended() {
    let directory = tempfile::tempdir().expect("a directory");
    let engine = engine_with_rows(directory.path());
    let pool = Arc::new(Pool::open(1, &directory.path().join("chdb")).expect("a pool"));
    let reader = ClickHouseReader::new(engine, pool, 1);
    let context = crate::query::tests::context();

    let start = || -> (Weak<ReadView>, Batches) {
        let prepared = reader.prepare(&scan(), &context).expect("prepared");
        let prepared = prepared.expect("there is such a table");
        let view = Arc::downgrade(&prepared.view);
        (
            view,
            reader
                .execute(prepared, &scan(), &context)
                .expect("batches"),
        )
    };
    let (kept, mut batches) = start();
    let mut rows = 0;
    for batch in batches.by_ref() {
        rows += batch.expect("a batch").num_rows();
        assert!(kept.upgrade().is_some(), "let go after {rows} rows");
    }
    assert_eq!(rows, ROWS);
    assert!(kept.upgrade().is_some());
    drop(batches);

    // Nobody wants the rest of this one.
    let (left, mut batches) = start();
    assert!(batches.next().is_some_and(|batch| batch.is_ok()));
    assert!(left.upgrade().is_some());
    drop(batches);
    // Ends the engine's threads, and what they hold with them.
    drop(reader);
    assert!(kept.upgrade().is_none() && left.upgrade().is_none());
}
