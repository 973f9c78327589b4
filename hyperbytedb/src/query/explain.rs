//! `EXPLAIN` and `EXPLAIN ANALYZE`: which scans a `SELECT` needs and how they are answered.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat};
use influxql::ast::SelectStatement;
use influxql::format_duration;
use parking_lot::Mutex;

use super::catalog::Catalog;
use super::context::QueryContext;
use super::error::QueryError;
use super::execute::execute_select;
use super::output::SeriesChunk;
use super::scan::{Aggregate, Batches, Output, Reader, Scan, ScanPlan};
use super::show::{chunk, strings};

/// The lines of `EXPLAIN`, in InfluxDB's columns. The statement is executed: with
/// `analyze` in earnest, its rows thrown away, otherwise upon scans that give nothing.
///
/// # Errors
/// Those of the statement.
pub fn explain(
    select: &SelectStatement,
    analyze: bool,
    catalog: &dyn Catalog,
    reader: &dyn Reader,
    context: &QueryContext,
) -> Result<Vec<SeriesChunk>, QueryError> {
    let recorder = Recorder {
        reader,
        analyze,
        scans: Mutex::default(),
    };
    let began = Instant::now();
    let output = execute_select(select, catalog, &recorder, context)?;
    let planned = began.elapsed();
    let (mut rows, mut series) = (0, 0);
    let mut last: Option<SeriesChunk> = None;
    for chunk in output.chunks {
        let chunk = chunk?;
        rows += chunk.rows();
        series += usize::from(last.as_ref().is_none_or(|last| !last.continues(&chunk)));
        last = Some(chunk);
    }
    let mut lines: Vec<String> = Vec::new();
    for scan in recorder.scans.lock().iter() {
        lines.extend(scan.lines(analyze));
    }
    if lines.is_empty() {
        lines.push("nothing is read".to_owned());
    }
    if analyze {
        lines.push(format!(
            "read: {} rows, {} bytes",
            context.work.rows(),
            context.work.bytes()
        ));
        lines.push(format!(
            "result: {rows} rows in {series} series, planned in {planned:.1?}, all after {:.1?}",
            began.elapsed()
        ));
    }
    let column = strings(lines.iter().map(String::as_str));
    let title = if analyze {
        "EXPLAIN ANALYZE"
    } else {
        "QUERY PLAN"
    };
    Ok(vec![chunk("", &[title], vec![column])])
}

/// A reader that notes every scan.
struct Recorder<'a> {
    reader: &'a dyn Reader,
    analyze: bool,
    scans: Mutex<Vec<Recorded>>,
}

struct Recorded {
    scan: Scan,
    plan: Option<ScanPlan>,
    delivered: Arc<Delivered>,
}

/// What a scan gave.
#[derive(Default)]
struct Delivered {
    rows: AtomicU64,
    batches: AtomicU64,
    /// Time spent inside of the reader.
    nanos: AtomicU64,
}

impl Delivered {
    /// Runs a step of the reader.
    fn timed<T>(&self, step: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = step();
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        result
    }
}

impl Reader for Recorder<'_> {
    fn scan(&self, scan: &Scan, context: &QueryContext) -> Result<Batches, QueryError> {
        let plan = self.reader.explain(scan, context)?;
        let delivered = Arc::<Delivered>::default();
        self.scans.lock().push(Recorded {
            scan: scan.clone(),
            plan,
            delivered: Arc::clone(&delivered),
        });
        if !self.analyze {
            return Ok(Box::new(std::iter::empty()));
        }
        let mut batches = delivered.timed(|| self.reader.scan(scan, context))?;
        Ok(Box::new(std::iter::from_fn(move || {
            let batch = delivered.timed(|| batches.next())?;
            if let Ok(batch) = &batch {
                delivered.batches.fetch_add(1, Ordering::Relaxed);
                let rows = batch.num_rows() as u64;
                delivered.rows.fetch_add(rows, Ordering::Relaxed);
            }
            Some(batch)
        })))
    }

    fn explain(&self, scan: &Scan, context: &QueryContext) -> Result<Option<ScanPlan>, QueryError> {
        self.reader.explain(scan, context)
    }
}

impl Recorded {
    fn lines(&self, analyze: bool) -> Vec<String> {
        let scan = &self.scan;
        let table = &scan.table;
        let mut lines = vec![format!(
            "SCAN {}.{}.{}",
            table.database, table.policy, table.measurement
        )];
        let mut line = |text: String| lines.push(format!("  {text}"));
        line(format!(
            "time: {} to {}",
            rfc3339(scan.time.min),
            rfc3339(scan.time.max)
        ));
        if let Some(filter) = &scan.filter {
            line(format!("filter: {filter}"));
        }
        if !scan.dimensions.is_empty() {
            line(format!("group by: {}", scan.dimensions.join(", ")));
        }
        let order = if scan.descending { "falling" } else { "rising" };
        line(format!("output: {}, {order} in time", output(&scan.output)));
        match &self.plan {
            None => line("nothing is stored under this name".to_owned()),
            Some(plan) => {
                line(format!("executor: {} ({})", plan.executor, plan.reason));
                line(format!("series: {} of {}", plan.series, plan.series_all));
                line(format!(
                    "sources: {} files of {} bytes, {} runs in memory, about {} rows; merged in {} stretches of time",
                    plan.files, plan.file_bytes, plan.runs, plan.rows, plan.windows
                ));
                if let Some(sql) = plan.sql.as_ref().filter(|sql| !sql.is_empty()) {
                    line(format!("sql: {sql}"));
                }
            }
        }
        if analyze {
            let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            line(format!(
                "delivered: {} rows in {} batches, {:.1?} in the executor",
                get(&self.delivered.rows),
                get(&self.delivered.batches),
                Duration::from_nanos(get(&self.delivered.nanos))
            ));
        }
        lines
    }
}

fn rfc3339(time: i64) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn output(output: &Output) -> String {
    match output {
        Output::Rows {
            fields,
            tags,
            limit,
        } => {
            let names = fields.iter().map(|field| &field.name).chain(tags);
            let mut text = format!(
                "points with {}",
                names.cloned().collect::<Vec<_>>().join(", ")
            );
            if let Some(limit) = limit {
                // Writing to a string cannot fail.
                let _infallible = write!(text, ", at most {limit} of a group");
            }
            text
        }
        Output::Aggregates { window, calls } => {
            let call = |call: &Aggregate| {
                let function = format!("{:?}", call.function).to_lowercase();
                format!("{function}({})", call.field.name)
            };
            let mut text = calls.iter().map(call).collect::<Vec<_>>().join(", ");
            if let Some(window) = window {
                let every = format_duration(window.every);
                let _infallible = write!(text, " each {every}");
            }
            text
        }
    }
}
