//! The engine at its door: a write of 5,000 points into memory, memory into Parquet, one
//! series out of a file: `cargo bench -p storage`.

use std::sync::atomic::{AtomicI64, Ordering};

use divan::Bencher;
use divan::counter::ItemsCount;
use points::{Batch, FieldColumn, Table, TagSet, Values};
use storage::{
    ColumnId, Engine, EngineConfig, Origin, Rows, SeriesSet, Sync, TableName, WriteRequest,
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const HOSTS: usize = 100;
const FIELDS: usize = 10;
/// Points of a host in one write, and in what is flushed at once.
const POINTS_OF_WRITE: usize = 50;
const POINTS_OF_FLUSH: usize = 1_000;
const STEP_NS: i64 = 1_000_000_000;
const START_NS: i64 = 1_704_067_200_000_000_000;

fn main() {
    divan::main();
}

/// An engine in a directory of its own. Nothing waits for a disk but files.
struct Opened {
    engine: Engine,
    runtime: Runtime,
    /// Time of the next point.
    next: AtomicI64,
    _directory: TempDir,
}

impl Opened {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = EngineConfig {
            sync: Sync::Off,
            cache_bytes_max: 4 << 30,
            flush_bytes: 4 << 30,
            ..EngineConfig::in_directory(directory.path())
        };
        let engine = Engine::open(config).expect("an engine");
        engine.create_database("db", None).expect("a database");
        Self {
            engine,
            runtime: Builder::new_current_thread()
                .enable_time()
                .build()
                .expect("a runtime"),
            next: AtomicI64::new(START_NS),
            _directory: directory,
        }
    }

    /// All hosts at the next times.
    fn batch(&self, points: usize) -> Batch {
        let start = self
            .next
            .fetch_add(points as i64 * STEP_NS, Ordering::Relaxed);
        let rows = HOSTS * points;
        let fields = (0..FIELDS).map(|field| FieldColumn {
            name: format!("usage_{field}"),
            values: Values::Integer((0..rows).map(|row| value(row, field)).collect()),
            present: None,
        });
        let tags = |host| TagSet(vec![("hostname".into(), format!("host_{host}"))]);
        Batch {
            tables: vec![Table {
                measurement: "cpu".into(),
                series: (0..HOSTS).map(tags).collect(),
                series_of_row: (0..rows).map(|row| (row % HOSTS) as u32).collect(),
                times: (0..rows)
                    .map(|row| start + (row / HOSTS) as i64 * STEP_NS)
                    .collect(),
                fields: fields.collect(),
            }],
        }
    }

    fn write(&self, batch: Batch) {
        let request = WriteRequest {
            database: "db".into(),
            policy: None,
            batch,
            origin: Origin::Local,
        };
        self.runtime
            .block_on(self.engine.write(request))
            .expect("a write");
    }

    /// The rows of one host in all files.
    fn read_host(&self, host: &str, columns: &[ColumnId]) -> Vec<Rows> {
        let name = TableName {
            database: "db".into(),
            policy: "autogen".into(),
            measurement: "cpu".into(),
        };
        let view = self.engine.read_view(&name, (i64::MIN, i64::MAX));
        let mut view = view.expect("a view").expect("the measurement");
        let mut selected = SeriesSet::new();
        if let Some(values) = view.table.read().series.index().values("hostname")
            && let Some(postings) = values.get(host)
        {
            postings.add_to(&mut selected);
        }
        view.select(selected);
        view.files
            .iter()
            .map(|file| view.read_file(file, view.time, columns).expect("rows"))
            .collect()
    }
}

/// A value that moves a little from row to row, as measurements do.
fn value(row: usize, field: usize) -> i64 {
    let noise = (row as u64 + field as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62;
    ((row / HOSTS + field * 7) % 90) as i64 + noise as i64
}

/// Checked, sorted, appended to the log (without fsync), and visible.
#[divan::bench(sample_count = 100)]
fn write_5000_points(bencher: Bencher) {
    let opened = Opened::new();
    bencher
        .counter(ItemsCount::new(HOSTS * POINTS_OF_WRITE))
        .with_inputs(|| opened.batch(POINTS_OF_WRITE))
        .bench_values(|batch| opened.write(batch));
}

/// Merged, encoded, synced and committed.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn flush_100000_points(bencher: Bencher) {
    let opened = Opened::new();
    bencher
        .counter(ItemsCount::new(HOSTS * POINTS_OF_FLUSH))
        .with_inputs(|| opened.write(opened.batch(POINTS_OF_FLUSH)))
        .bench_values(|()| opened.engine.flush().expect("a flush"));
}

/// One host of a hundred, in a file whose footer is known.
#[divan::bench(args = [1, 10])]
fn read_one_series(bencher: Bencher, columns: u32) {
    let opened = Opened::new();
    opened.write(opened.batch(POINTS_OF_FLUSH));
    opened.engine.flush().expect("a flush");
    let columns: Vec<ColumnId> = (0..columns).collect();
    assert_eq!(
        opened.read_host("host_7", &columns)[0].len(),
        POINTS_OF_FLUSH
    );
    bencher
        .counter(ItemsCount::new(POINTS_OF_FLUSH))
        .bench(|| opened.read_host("host_7", &columns));
}
