//! The real engine: limits that stop it, Arrow in and out, errors as values.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, RecordBatchIterator, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use chdb::{ChdbError, Pool, Query};

fn run(pool: &Pool, sql: &str, streamed: bool) -> Result<Vec<RecordBatch>, ChdbError> {
    pool.query(Query {
        sql: sql.to_string(),
        tables: Vec::new(),
        streamed,
        held: None,
    })?
    .collect()
}

fn first(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

// One test, because there is one engine in a process.
#[test]
fn the_engine_answers_and_stops_at_its_limits() {
    let scratch = std::env::temp_dir().join(format!("chdb-test-{}", std::process::id()));
    let pool = Pool::open(2, &scratch).unwrap();
    assert_eq!(first(&run(&pool, "SELECT toInt64(7)", false).unwrap()), 7);
    limits(&pool);
    arrow_tables(&pool);
    errors(&pool);
    a_reader_that_leaves_stops_its_query(&pool);
    assert_eq!(first(&run(&pool, "SELECT toInt64(8)", true).unwrap()), 8);
    drop(pool);
    std::fs::remove_dir_all(scratch).unwrap();
}

fn limits(pool: &Pool) {
    for streamed in [false, true] {
        let slow = "SELECT count() FROM numbers(1e12) WHERE NOT ignore(sipHash64(number)) \
                    SETTINGS max_execution_time = 0.2";
        assert_eq!(run(pool, slow, streamed).unwrap_err(), ChdbError::Timeout);
        let large = "SELECT length(groupArray(number)) FROM numbers(100000000) \
                     SETTINGS max_memory_usage = 20000000";
        assert_eq!(run(pool, large, streamed).unwrap_err(), ChdbError::Memory);
    }
}

fn arrow_tables(pool: &Pool) {
    let schema = Arc::new(Schema::new(vec![
        Field::new("t", DataType::Int64, false),
        Field::new("s", DataType::Utf8, true),
    ]));
    let batch = RecordBatch::try_new(
        schema.clone(),
        vec![
            Arc::new(Int64Array::from(vec![i64::MIN, -1, 5])),
            Arc::new(StringArray::from(vec![Some("a'b"), None, Some("ü")])),
        ],
    )
    .unwrap();
    let reader = RecordBatchIterator::new(vec![Ok(batch)], schema);
    let sql = format!(
        "SELECT t, s FROM ArrowStream({}) WHERE t < 0 ORDER BY t",
        chdb::literal("mine")
    );
    let batches: Vec<RecordBatch> = pool
        .query(Query {
            sql,
            tables: vec![("mine".to_string(), Box::new(reader))],
            streamed: false,
            held: None,
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let times = batches[0].column(0).as_primitive::<Int64Type>();
    assert_eq!(times.values(), &[i64::MIN, -1]);
}

fn errors(pool: &Pool) {
    let text = run(pool, "SELEC 1", false).unwrap_err().to_string();
    assert!(text.contains("Syntax error"), "{text}");
    let missing = "SELECT * FROM file('/nowhere/f.parquet', Parquet, 'a Int64')";
    let text = run(pool, missing, false).unwrap_err().to_string();
    assert!(text.contains("/nowhere/f.parquet"), "{text}");
}

fn a_reader_that_leaves_stops_its_query(pool: &Pool) {
    // As many as there are connections: a query that went on would hold one for ever.
    for _ in 0..3 {
        let mut batches = pool
            .query(Query {
                sql: "SELECT toInt64(number) FROM numbers(1e12)".to_string(),
                tables: Vec::new(),
                streamed: true,
                held: None,
            })
            .unwrap();
        assert!(batches.next().unwrap().unwrap().num_rows() > 0);
    }
}
