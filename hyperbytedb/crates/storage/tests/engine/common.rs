//! What the tests at the engine's door share: small batches, and everything that a
//! reader would see.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use points::{Batch, FieldColumn, Table, TagSet, Values};
use storage::{
    Delete, Doors, Engine, EngineConfig, MeasurementScope, Origin, Result, SeriesPredicate,
    TableName, WallClock, WriteReport, WriteRequest,
};

/// A clock that the test moves.
pub struct HandClock(pub AtomicI64);

impl WallClock for HandClock {
    fn now_ns(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub fn hand_clock(now_ns: i64) -> Arc<HandClock> {
    Arc::new(HandClock(AtomicI64::new(now_ns)))
}

/// Opens an engine with database `db` below a directory.
pub fn open(directory: &Path, change: impl FnOnce(&mut EngineConfig)) -> Engine {
    let mut config = EngineConfig::in_directory(directory);
    change(&mut config);
    let doors = Doors {
        clock: hand_clock(1_700_000_000_000_000_000),
        ..Doors::default()
    };
    let engine = Engine::open_with(config, doors).unwrap();
    engine.create_database("db", None).unwrap();
    engine
}

pub fn table(measurement: &str) -> TableName {
    TableName {
        database: "db".into(),
        policy: "autogen".into(),
        measurement: measurement.into(),
    }
}

/// One point: host, time, fields.
pub type Point<'a> = (&'a str, i64, &'a [(&'a str, Value)]);

/// A field's value; floats compare by their bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Int(i64),
    Float(u64),
    Text(String),
}

pub fn float(value: f64) -> Value {
    Value::Float(value.to_bits())
}

/// A batch of points of one measurement, each a table of its own where fields differ.
pub fn batch(measurement: &str, points: &[Point<'_>]) -> Batch {
    let mut tables = Vec::new();
    for (host, time, fields) in points {
        let tags = match *host {
            "" => TagSet::default(),
            host => TagSet(vec![("host".into(), host.into())]),
        };
        tables.push(Table {
            measurement: measurement.into(),
            series: vec![tags],
            series_of_row: vec![0],
            times: vec![*time],
            fields: fields
                .iter()
                .map(|(name, value)| column(name, value))
                .collect(),
        });
    }
    Batch { tables }
}

fn column(name: &str, value: &Value) -> FieldColumn {
    FieldColumn {
        name: name.into(),
        values: match value {
            Value::Int(value) => Values::Integer(vec![*value]),
            Value::Float(bits) => Values::Float(vec![f64::from_bits(*bits)]),
            Value::Text(text) => Values::String(points::Strings {
                offsets: vec![0, text.len() as i32],
                data: text.clone().into_bytes(),
            }),
        },
        present: None,
    }
}

/// Deletes points of one measurement in all policies.
pub fn delete(
    engine: &Engine,
    measurement: &str,
    series: &SeriesPredicate,
    time: (i64, i64),
) -> Result<()> {
    engine.delete(&Delete {
        database: "db",
        policy: None,
        measurements: &MeasurementScope::One(measurement.into()),
        series,
        time,
        version: None,
    })
}

/// The tag of a host.
pub fn of_host(host: &str) -> SeriesPredicate {
    SeriesPredicate::Equal("host".into(), host.into())
}

/// Writes and waits.
pub fn write_from(engine: &Engine, batch: Batch, origin: Origin) -> Result<WriteReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(engine.write(WriteRequest {
        database: "db".into(),
        policy: None,
        batch,
        origin,
    }))
}

pub fn write(engine: &Engine, batch: Batch) -> WriteReport {
    write_from(engine, batch, Origin::Local).unwrap()
}

/// All that a reader sees of a measurement: (host, time, field) → value.
pub type Seen = BTreeMap<(String, i64, String), Value>;

pub fn seen(engine: &Engine, measurement: &str) -> Seen {
    seen_between(engine, measurement, i64::MIN, i64::MAX)
}

pub fn seen_between(engine: &Engine, measurement: &str, from: i64, to: i64) -> Seen {
    seen_of(engine, &table(measurement), (from, to))
}

/// All that a reader sees of a measurement in one policy and a range of time.
pub fn seen_of(engine: &Engine, name: &TableName, time: (i64, i64)) -> Seen {
    let mut seen = Seen::new();
    let Some(view) = engine.read_view(name, time).unwrap() else {
        return seen;
    };
    let columns: Vec<u32> = (0..view.columns.len() as u32).collect();
    let is_merged = |time: i64| {
        let mut windows = view.windows.iter();
        windows.any(|(from, to)| *from <= time && time <= *to)
    };
    // Inside the windows the merged rows count, outside them the sources as they are.
    for rows in view.merged(&columns) {
        collect(&view, &rows.unwrap(), is_merged, &mut seen);
    }
    for file in &view.files {
        let rows = view.read_file(file, view.time, &columns).unwrap();
        collect(&view, &rows, |time| !is_merged(time), &mut seen);
    }
    for run in &view.runs {
        collect(&view, &run.rows, |time| !is_merged(time), &mut seen);
    }
    for rows_max in [4, 16, 1_000] {
        assert_eq!(seen_in_parts(&view, &columns, rows_max), seen);
    }
    seen
}

/// The same, of files that overlap read once each.
fn seen_in_parts(view: &storage::ReadView, columns: &[u32], rows_max: u64) -> Seen {
    let mut seen = Seen::new();
    let overlaps = view.overlaps(rows_max).unwrap();
    for part in &overlaps.parts {
        for rows in view.read_merge_part(part, columns).unwrap() {
            collect(view, &rows, |_| true, &mut seen);
        }
    }
    for file in &overlaps.files {
        for part in view.file_parts(file, rows_max).unwrap() {
            let rows = view.read_part(&part, columns).unwrap();
            let is_merged = |time| view.is_merged(time, time);
            collect(view, &rows, |time| !is_merged(time), &mut seen);
        }
    }
    for run in &view.runs {
        for part in view.run_parts(run, rows_max) {
            collect(view, &part.read(columns), |_| true, &mut seen);
        }
    }
    for slice in view.slices_of(&overlaps.windows) {
        let rows = view.merge_slice(slice, columns).unwrap();
        collect(view, &rows, |_| true, &mut seen);
    }
    seen
}

/// The host of a series, and other tags if there are any.
pub fn host_of(tags: &TagSet) -> String {
    let texts = tags.0.iter().map(|(key, value)| match key.as_str() {
        "host" => value.clone(),
        key => format!("{key}={value}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

fn collect(
    view: &storage::ReadView,
    rows: &storage::Rows,
    is_meant: impl Fn(i64) -> bool,
    seen: &mut Seen,
) {
    let inner = view.table.read();
    for row in 0..rows.len() {
        let time = rows.times[row];
        if time < view.time.0 || time > view.time.1 || !is_meant(time) {
            continue;
        }
        let host = host_of(&inner.series.tags(rows.series[row]));
        for column in &rows.columns {
            if column.values.is_null(row) {
                continue;
            }
            let value = match column.values.data_type() {
                DataType::Int64 => Value::Int(column.values.as_primitive::<Int64Type>().value(row)),
                DataType::Float64 => Value::Float(
                    column
                        .values
                        .as_primitive::<Float64Type>()
                        .value(row)
                        .to_bits(),
                ),
                DataType::UInt64 => {
                    Value::Int(column.values.as_primitive::<UInt64Type>().value(row) as i64)
                }
                _ => Value::Text(column.values.as_string::<i32>().value(row).to_string()),
            };
            let definition = &view.columns[column.id as usize];
            let field = format!("{}:{}", definition.name, definition.field_type);
            let twice = seen.insert((host.clone(), time, field), value);
            assert!(twice.is_none(), "a point is seen twice at {time}");
        }
    }
}
