//! Answers scans through the embedded ClickHouse.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chdb::{ChdbError, Pool, Query, TableReader};
use storage::{Engine, ReadView, StorageError};
use tracing::Span;

use super::layout::{Layout, arrow_type};
use super::series::open;
use super::sources::{Sources, sources_of};
use super::sql::query_of;
use crate::monitor::metrics;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{AggregateFunction, Batches, Output, Reader, Scan, ScanPlan};

/// A [`Reader`] over the storage engine and the embedded ClickHouse.
pub struct ClickHouseReader {
    engine: Arc<Engine>,
    pool: Arc<Pool>,
    /// Threads of one query, 0 = one a core.
    threads_max: usize,
}

/// A scan that the engine executes.
struct Running {
    span: Span,
    since: Instant,
}

impl Running {
    fn begin(streamed: bool) -> Self {
        Self {
            span: tracing::debug_span!("chdb", streamed),
            since: Instant::now(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        metrics::chdb_query(self.since.elapsed());
    }
}

/// Rows of the sources up to which one thread is quicker than several.
const ROWS_FOR_ONE_THREAD: u64 = 100_000;

impl ClickHouseReader {
    #[must_use]
    pub fn new(engine: Arc<Engine>, pool: Arc<Pool>, threads_max: usize) -> Self {
        Self {
            engine,
            pool,
            threads_max,
        }
    }
}

impl From<StorageError> for QueryError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::DatabaseNotFound(name) => QueryError::DatabaseNotFound(name),
            StorageError::PolicyNotFound(name) => QueryError::PolicyNotFound(name),
            StorageError::InvalidPolicy(text) => QueryError::Invalid(text),
            other => QueryError::Engine(other.to_string()),
        }
    }
}

/// Whether batches are read while the engine works.
fn is_streamed(scan: &Scan) -> bool {
    matches!(scan.output, Output::Rows { limit: None, .. })
}

/// A scan ready to be executed.
struct Prepared {
    sql: String,
    tables: Vec<(String, TableReader)>,
    plan: ScanPlan,
    /// The files that the SQL names stay as long as this does.
    view: Arc<ReadView>,
}

impl Reader for ClickHouseReader {
    fn scan(&self, scan: &Scan, context: &QueryContext) -> Result<Batches, QueryError> {
        context.check()?;
        let prepared = self.prepare(scan, context)?;
        match prepared.filter(|p| !p.sql.is_empty()) {
            Some(prepared) => self.execute(prepared, scan, context),
            None => Ok(Box::new(std::iter::empty())),
        }
    }

    fn explain(&self, scan: &Scan, context: &QueryContext) -> Result<Option<ScanPlan>, QueryError> {
        let prepared = self.prepare(scan, context)?;
        Ok(prepared.map(|prepared| ScanPlan {
            sql: Some(prepared.sql),
            ..prepared.plan
        }))
    }
}

impl ClickHouseReader {
    /// The batches, and the engine until it has ended the query, own the view.
    fn execute(
        &self,
        prepared: Prepared,
        scan: &Scan,
        context: &QueryContext,
    ) -> Result<Batches, QueryError> {
        let Prepared {
            sql,
            tables,
            plan,
            view,
        } = prepared;
        tracing::debug!(sql, "scan");
        context.work.add(plan.rows, plan.file_bytes);
        let streamed = is_streamed(scan);
        let running = Running::begin(streamed);
        let mut batches = self
            .pool
            .query(Query {
                sql,
                tables,
                streamed,
                held: Some(view.clone()),
            })
            .map_err(|error| query_error(&error, context))?;
        let schema = schema_of(scan);
        let context = context.clone();
        Ok(Box::new(std::iter::from_fn(move || {
            // It runs until its last batch is read, or nobody wants more.
            let _reading = running.span.enter();
            let _files = &view;
            let batch = batches.next_within(context.time_left())?;
            Some(context.check().and_then(|()| {
                let batch = batch.map_err(|error| query_error(&error, &context))?;
                conform(&batch, &schema)
            }))
        })))
    }
}

/// What a view says of a scan, whoever answers it.
#[must_use]
pub fn plan_of(view: &ReadView) -> ScanPlan {
    let series_all = view.table.read().series.len() as u64;
    ScanPlan {
        series: view.selection().map_or(series_all, storage::SeriesSet::len),
        series_all,
        files: view.files.len() as u64,
        file_bytes: view.files.iter().map(|file| file.bytes).sum(),
        runs: view.runs.len() as u64,
        windows: view.windows.len() as u64,
        ..ScanPlan::default()
    }
}

impl ClickHouseReader {
    /// The SQL of a scan, empty when there is nothing to read.
    fn prepare(&self, scan: &Scan, context: &QueryContext) -> Result<Option<Prepared>, QueryError> {
        let Some((view, _settled)) = open(&self.engine, scan, &context.work)? else {
            return Ok(None);
        };
        let view = Arc::new(view);
        let mut layout = Layout::new(scan, &view)?;
        if matches!(scan.output, Output::Rows { .. }) {
            layout = layout.with_every_tag(&view);
        }
        let layout = Arc::new(layout);
        let Sources {
            selects,
            tables,
            rows,
        } = sources_of(&view, &layout)?;
        let plan = ScanPlan {
            executor: "clickhouse",
            reason: "query.executor is clickhouse",
            rows,
            ..plan_of(&view)
        };
        let sql = if selects.is_empty() {
            String::new()
        } else {
            let settings = self.settings(rows, context, is_streamed(scan));
            format!("{} SETTINGS {settings}", query_of(scan, &layout, &selects)?)
        };
        Ok(Some(Prepared {
            sql,
            tables,
            plan,
            view,
        }))
    }
}

impl ClickHouseReader {
    fn settings(&self, rows: u64, context: &QueryContext, streamed: bool) -> String {
        let threads = match self.threads_max {
            _ if rows <= ROWS_FOR_ONE_THREAD => 1,
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        let mut settings = format!(
            "max_threads = {threads}, max_memory_usage = {}, max_bytes_before_external_sort = {}",
            context.memory_bytes_max,
            // A sort that spills to disk needs memory to merge, too.
            context.memory_bytes_max / 3
        );
        // The engine would count the time in which a client reads, too.
        if let Some(left) = context.time_left().filter(|_| !streamed) {
            // Zero would mean no limit.
            let seconds = left.as_secs_f64().max(0.001);
            settings.push_str(&format!(", max_execution_time = {seconds:.3}"));
        }
        settings
    }
}

fn query_error(error: &ChdbError, context: &QueryContext) -> QueryError {
    match error {
        ChdbError::Timeout => QueryError::Timeout,
        ChdbError::Memory => QueryError::Memory {
            limit_bytes: context.memory_bytes_max,
        },
        other => QueryError::Engine(other.to_string()),
    }
}

/// The columns that [`Output`] promises.
fn schema_of(scan: &Scan) -> SchemaRef {
    let mut fields: Vec<Field> = (0..scan.dimensions.len())
        .map(|at| Field::new(format!("d{at}"), DataType::Utf8, true))
        .collect();
    fields.push(Field::new("time", DataType::Int64, true));
    match &scan.output {
        Output::Rows {
            fields: wanted,
            tags,
            ..
        } => {
            for (at, field) in wanted.iter().enumerate() {
                fields.push(Field::new(
                    format!("v{at}"),
                    arrow_type(field.field_type),
                    true,
                ));
            }
            for at in 0..tags.len() {
                fields.push(Field::new(format!("w{at}"), DataType::Utf8, true));
            }
        }
        Output::Aggregates { calls, .. } => {
            for (at, call) in calls.iter().enumerate() {
                let data_type = match call.function {
                    AggregateFunction::Count => DataType::Int64,
                    AggregateFunction::Mean => DataType::Float64,
                    _ => arrow_type(call.field.field_type),
                };
                fields.push(Field::new(format!("v{at}"), data_type, true));
                if call.with_time {
                    fields.push(Field::new(format!("w{at}"), DataType::Int64, true));
                }
            }
        }
    }
    Arc::new(Schema::new(fields))
}

/// The engine's batch in the promised types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, QueryError> {
    let fail = |error: arrow::error::ArrowError| {
        QueryError::Engine(format!(
            "the engine's answer has an unexpected form: {error}"
        ))
    };
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns());
    for (array, field) in batch.columns().iter().zip(schema.fields()) {
        if array.data_type() == field.data_type() {
            arrays.push(array.clone());
        } else {
            arrays.push(cast(array, field.data_type()).map_err(fail)?);
        }
    }
    RecordBatch::try_new(schema.clone(), arrays).map_err(fail)
}

#[cfg(test)]
mod tests;
