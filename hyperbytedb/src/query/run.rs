//! One request being executed: its statements in their order, each encoded as it comes.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use bytes::Bytes;
use influxql::ast::{MeasurementName, Query, Source, Statement};

use super::service::{QueryRequest, QueryService};
use crate::query::context::QueryContext;
use crate::query::encode::{Encode, Message};
use crate::query::error::QueryError;
use crate::query::execute::execute_statement;
use crate::query::into;
use crate::query::kind::{Effect, kind_of};
use crate::query::out::{Out, PIECE_BYTES};
use crate::query::output::{SeriesChunk, StatementOutput};
use crate::query::running::Registered;
use crate::query::work::Work;
use crate::schema::{self, Applied, complete_names};

/// What a request may read and answer that is executed where it came in.
pub struct Short {
    /// Rows; of values that it aggregates, more.
    rows_max: u64,
    /// Bytes of its answer.
    bytes_max: usize,
}

impl Short {
    /// About a millisecond or two: other tasks of the thread may wait for it.
    pub const BRIEF: Short = Short {
        rows_max: 6_000,
        bytes_max: 256 << 10,
    };
    /// About twenty milliseconds.
    pub const LONGEST: Short = Short {
        rows_max: 50_000,
        bytes_max: 1 << 20,
    };
}

/// Rows that are encoded before it is looked whether they make a piece, so that pieces are
/// of about one size and none is copied while it grows.
const SLICE_ROWS: usize = 256;

/// A request that is listed as running.
pub struct Listed {
    pub request: QueryRequest,
    /// Set when it is to stop.
    pub cancelled: Arc<AtomicBool>,
    _registered: Registered,
}

impl Listed {
    /// Listed until it is dropped.
    pub fn new(request: QueryRequest, cancelled: Arc<AtomicBool>, registered: Registered) -> Self {
        Self {
            request,
            cancelled,
            _registered: registered,
        }
    }
}

/// One request being executed.
struct Run<'a> {
    service: &'a QueryService,
    request: &'a QueryRequest,
    encoder: Box<dyn Encode>,
    out: Out,
    answered: Answered,
    /// What short requests may read; `None` for those that may be long.
    rows_max: Option<u64>,
}

/// What a statement has answered.
#[derive(Default)]
struct Answered {
    rows: u64,
    /// The error that ended its rows.
    error: Option<String>,
}

/// A request was given up: it is not short.
struct Long;

/// Executes a request; its answer goes out piece by piece.
pub fn run(service: &QueryService, listed: &Listed, out: Out) {
    let mut run = Run::new(service, &listed.request, out, None);
    // Nothing limits it.
    let _long = run.statements();
    run.out.finish();
}

/// Whether a request may be executed by [`run_short`]: it changes nothing, so that it may
/// be given up and begun again.
pub fn may_be_short(query: &Query) -> bool {
    let mut statements = query.statements.iter();
    statements.all(|statement| kind_of(statement).effect == Effect::Reads)
}

/// Whether a request that may be short may be [`Short::BRIEF`]: there is one statement,
/// about one measurement, so that its scans are few.
pub fn may_be_brief(query: &Query) -> bool {
    match query.statements.as_slice() {
        [Statement::Select(select)] => match select.sources.as_slice() {
            [Source::Measurement(measurement)] => {
                matches!(measurement.name, MeasurementName::Name(_))
            }
            _ => false,
        },
        [_show] => true,
        _ => false,
    }
}

/// Executes a request as long as it turns out to be short; the whole answer, or `None`
/// when it is not. A request that panics has an empty answer, which is none at all.
pub fn run_short(service: &QueryService, listed: &Listed, short: Short) -> Option<Option<Bytes>> {
    // Statements that are given up have a place of their own in a trace.
    let _short = tracing::debug_span!("short").entered();
    let out = Out::collecting(short.bytes_max, listed.cancelled.clone());
    let mut run = Run::new(service, &listed.request, out, Some(short.rows_max));
    let done = catch_unwind(AssertUnwindSafe(|| run.statements().is_ok()));
    match done {
        Ok(true) => Some(Some(Bytes::from(std::mem::take(&mut run.out.buffer)))),
        Ok(false) => None,
        Err(_panic) => Some(None),
    }
}

impl<'a> Run<'a> {
    fn new(
        service: &'a QueryService,
        request: &'a QueryRequest,
        out: Out,
        rows_max: Option<u64>,
    ) -> Self {
        Self {
            service,
            request,
            encoder: (request.encoder)(),
            out,
            answered: Answered::default(),
            rows_max,
        }
    }

    fn statements(&mut self) -> Result<(), Long> {
        let statistics = &self.service.statistics;
        let began = Instant::now();
        let request = self.request;
        let mut failed = false;
        for (id, statement) in request.query.statements.iter().enumerate() {
            if failed {
                self.begin(id, None, &[]);
                self.end(Some("not executed"));
                continue;
            }
            failed = !self.statement(id, statement)?;
        }
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        statistics.query_duration.add(nanos);
        statistics.queries_finished.add(1);
        self.encoder.finish(&mut self.out.buffer);
        Ok(())
    }

    fn context(&self) -> QueryContext {
        let (database, policy) = (self.request.database.clone(), self.request.policy.clone());
        let cancelled = self.out.cancelled.clone();
        QueryContext {
            identity: self.request.identity.clone(),
            work: Arc::new(Work::new(self.rows_max)),
            ..self.service.context(database, policy, cancelled)
        }
    }

    /// Executes one statement; false when it failed before its first row, after which
    /// InfluxDB executes no other.
    fn statement(&mut self, id: usize, statement: &Statement) -> Result<bool, Long> {
        let context = self.context();
        let watched = self.service.statements.begin(statement, &context.database);
        let watched = watched.of(self.request.id.as_ref());
        let executed = watched
            .span()
            .in_scope(|| self.execute(id, statement, &context));
        let mut answered = std::mem::take(&mut self.answered);
        if context.work.is_too_much() {
            return Err(Long);
        }
        if let Err(error) = &executed {
            let error = error.to_string();
            self.begin(id, None, &[]);
            self.end(Some(&error));
            answered.error = Some(error);
        }
        watched.end(
            answered.rows,
            context.work.bytes(),
            answered.error.as_deref(),
        );
        Ok(executed.is_ok())
    }

    fn execute(
        &mut self,
        id: usize,
        statement: &Statement,
        context: &QueryContext,
    ) -> Result<(), QueryError> {
        let service = self.service;
        context.check()?;
        let completed = self.completed(statement, context)?;
        let statement = completed.as_ref();
        let messages = &self.messages(statement);
        let applied = schema::apply(statement, &service.engine, &service.shards, context)?;
        if applied == Applied::Done || service.kill(statement)? {
            self.begin(id, None, messages);
            self.end(None);
            return Ok(());
        }
        if let Some(tables) = service.show(statement, &context.identity)? {
            self.answer(
                id,
                StatementOutput::Series(tables),
                messages,
                true,
                &context.work,
            );
            return Ok(());
        }
        let (catalog, reader) = (service.catalog.as_ref(), service.reader.as_ref());
        let output = execute_statement(statement, catalog, reader, context)?;
        if matches!(output, StatementOutput::Unhandled) {
            return Err(QueryError::Invalid(
                "this version does not execute such statements".to_string(),
            ));
        }
        let output = match (statement, output) {
            (Statement::Select(select), StatementOutput::Select(selected))
                if select.target.is_some() =>
            {
                let runtime = tokio::runtime::Handle::current();
                into::store(select, selected, context, &service.engine, &runtime)?
            }
            (_, output) => output,
        };
        let selected = matches!(
            statement,
            Statement::Select(_) | Statement::ShowSeries(_) | Statement::ShowFieldKeys(_)
        );
        self.answer(id, output, messages, !selected, &context.work);
        Ok(())
    }

    /// `whole`: the rows are not divided into chunks.
    fn answer(
        &mut self,
        id: usize,
        output: StatementOutput<'_>,
        messages: &[Message],
        whole: bool,
        work: &Work,
    ) {
        self.begin(id, output.timezone(), messages);
        if whole {
            self.encoder.keep_whole();
        }
        let mut error = None;
        for chunk in output.into_chunks() {
            match chunk {
                Ok(chunk) => {
                    self.answered.rows += chunk.rows() as u64;
                    self.encode(&chunk);
                    work.add_wait(self.out.take_waited());
                    if self.out.is_full() {
                        return work.give_up();
                    }
                }
                Err(failure) => {
                    error = Some(failure.to_string());
                    break;
                }
            }
        }
        self.end(error.as_deref());
        self.answered.error = error;
    }

    /// Encodes rows and hands them on as soon as they are enough.
    fn encode(&mut self, chunk: &SeriesChunk) {
        let (rows_max, bytes_min) = match self.request.chunked {
            true => (usize::MAX, 0),
            false => (SLICE_ROWS, PIECE_BYTES),
        };
        let mut hand_on = |slice: &SeriesChunk| {
            self.encoder.chunk(slice, &mut self.out.buffer);
            self.out.send_if(self.out.buffer.len() > bytes_min);
        };
        if chunk.rows() <= rows_max {
            return hand_on(chunk);
        }
        for from in (0..chunk.rows()).step_by(rows_max) {
            hand_on(&chunk.slice(from, rows_max.min(chunk.rows() - from)));
        }
    }

    fn begin(&mut self, id: usize, timezone: Option<chrono_tz::Tz>, messages: &[Message]) {
        self.encoder
            .begin_statement(id, timezone, messages, &mut self.out.buffer);
    }

    fn end(&mut self, error: Option<&str>) {
        self.encoder.end_statement(error, &mut self.out.buffer);
        self.out.send_if(self.request.chunked);
    }

    /// A `SELECT … INTO` with its names completed, which InfluxDB looks up before it
    /// begins; other statements as they are.
    fn completed<'s>(
        &self,
        statement: &'s Statement,
        context: &QueryContext,
    ) -> Result<Cow<'s, Statement>, QueryError> {
        match statement {
            Statement::Select(select) if select.target.is_some() => {
                let mut select = select.clone();
                let policy = context.policy.as_deref();
                self.service.engine.with_schema(|schema| {
                    complete_names(&mut select, &context.database, policy, schema)
                })?;
                Ok(Cow::Owned(Statement::Select(select)))
            }
            other => Ok(Cow::Borrowed(other)),
        }
    }

    /// InfluxDB warns when a change comes by GET.
    fn messages(&self, statement: &Statement) -> Vec<Message> {
        if !self.request.read_only || kind_of(statement).effect != Effect::Changes {
            return Vec::new();
        }
        vec![Message {
            level: "warning".to_string(),
            text: format!(
                "deprecated use of '{statement}' in a read only context, please use a POST request instead"
            ),
        }]
    }
}
