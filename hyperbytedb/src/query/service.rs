//! The query service: statements in, encoded results out, piece by piece.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use influxql::ast::{Query, Statement};
use storage::Engine;
use tokio::sync::{Semaphore, mpsc};
use tower::Service;

use crate::query::catalog::Catalog;
use crate::query::context::QueryContext;
use crate::query::encode::{Encode, Message};
use crate::query::error::QueryError;
use crate::query::execute::execute_statement;
use crate::query::into;
use crate::query::output::StatementOutput;
use crate::query::scan::Reader;
use crate::schema::{self, Applied};

/// Bytes that are collected before they are handed on.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that may wait for a slow client.
const PIECES_AHEAD: usize = 4;

/// What one statement may take.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    pub timeout: Option<Duration>,
    pub memory_bytes_max: usize,
    pub buckets_max: usize,
    /// Requests that execute at one time; others wait.
    pub concurrent_max: usize,
}

/// A parsed request.
pub struct QueryRequest {
    pub query: Query,
    pub database: String,
    pub policy: Option<String>,
    pub encoder: Box<dyn Encode>,
    /// Hand on every document at once instead of collecting (`chunked=true`).
    pub chunked: bool,
    /// It came by GET, where InfluxDB frowns on changes.
    pub read_only: bool,
}

/// A part of the encoded answer.
#[derive(Debug)]
pub enum Piece {
    Part(Bytes),
    Last(Bytes),
}

/// Executes queries.
#[derive(Clone)]
pub struct QueryService {
    engine: Arc<Engine>,
    catalog: Arc<dyn Catalog>,
    reader: Arc<dyn Reader>,
    limits: QueryLimits,
    permits: Arc<Semaphore>,
}

impl QueryService {
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        catalog: Arc<dyn Catalog>,
        reader: Arc<dyn Reader>,
        limits: QueryLimits,
    ) -> Self {
        Self {
            engine,
            catalog,
            reader,
            limits,
            permits: Arc::new(Semaphore::new(limits.concurrent_max.max(1))),
        }
    }
}

impl Service<QueryRequest> for QueryService {
    type Response = mpsc::Receiver<Piece>;
    type Error = QueryError;
    type Future = Pin<Box<dyn Future<Output = Result<mpsc::Receiver<Piece>, QueryError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), QueryError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: QueryRequest) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let permit = service.permits.clone().acquire_owned();
            let permit = match service.limits.timeout {
                Some(limit) => tokio::time::timeout(limit, permit)
                    .await
                    .map_err(|_| QueryError::Timeout)?,
                None => permit.await,
            };
            let permit = permit.map_err(|_| QueryError::Killed)?;
            let (pieces, answer) = mpsc::channel(PIECES_AHEAD);
            tokio::task::spawn_blocking(move || {
                Run {
                    service: &service,
                    out: Out {
                        buffer: Vec::with_capacity(4096),
                        pieces,
                        cancelled: Arc::new(AtomicBool::new(false)),
                    },
                    request,
                }
                .run();
                drop(permit);
            });
            Ok(answer)
        })
    }
}

/// Where encoded bytes go.
struct Out {
    buffer: Vec<u8>,
    pieces: mpsc::Sender<Piece>,
    cancelled: Arc<AtomicBool>,
}

impl Out {
    fn send_if(&mut self, full: bool) {
        if full && !self.buffer.is_empty() {
            let piece = Bytes::from(std::mem::take(&mut self.buffer));
            self.buffer = Vec::with_capacity(PIECE_BYTES + 4096);
            if self.pieces.blocking_send(Piece::Part(piece)).is_err() {
                // The client has gone: nothing more needs to be computed.
                self.cancelled.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// One request being executed.
struct Run<'a> {
    service: &'a QueryService,
    out: Out,
    request: QueryRequest,
}

impl Run<'_> {
    fn run(mut self) {
        let statements = std::mem::take(&mut self.request.query.statements);
        let mut failed = false;
        for (id, statement) in statements.iter().enumerate() {
            if failed {
                self.begin(id, None, &[]);
                self.end(Some("not executed"));
                continue;
            }
            failed = !self.statement(id, statement);
        }
        self.request.encoder.finish(&mut self.out.buffer);
        let last = Piece::Last(Bytes::from(std::mem::take(&mut self.out.buffer)));
        // A client that has gone gets no answer.
        let _gone = self.out.pieces.blocking_send(last);
    }

    fn context(&self) -> QueryContext {
        let limits = &self.service.limits;
        QueryContext {
            database: self.request.database.clone(),
            policy: self.request.policy.clone(),
            now_ns: self.service.engine.now_ns(),
            deadline: limits.timeout.map(|timeout| Instant::now() + timeout),
            memory_bytes_max: limits.memory_bytes_max,
            buckets_max: limits.buckets_max,
            cancelled: self.out.cancelled.clone(),
        }
    }

    /// Executes one statement; false when it failed before its first row, after which
    /// InfluxDB executes no other.
    fn statement(&mut self, id: usize, statement: &Statement) -> bool {
        let context = self.context();
        let messages = self.messages(statement);
        match self.execute(id, statement, &context, &messages) {
            Ok(()) => true,
            Err(error) => {
                self.begin(id, None, &messages);
                self.end(Some(&error.to_string()));
                false
            }
        }
    }

    fn execute(
        &mut self,
        id: usize,
        statement: &Statement,
        context: &QueryContext,
        messages: &[Message],
    ) -> Result<(), QueryError> {
        let service = self.service;
        if schema::apply(statement, &service.engine, context)? == Applied::Done {
            self.begin(id, None, messages);
            self.end(None);
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
        self.begin(id, output.timezone(), messages);
        let mut error = None;
        for chunk in output.into_chunks() {
            match chunk {
                Ok(chunk) => {
                    self.request.encoder.chunk(&chunk, &mut self.out.buffer);
                    let limit = if self.request.chunked { 0 } else { PIECE_BYTES };
                    self.out.send_if(self.out.buffer.len() > limit);
                }
                Err(failure) => {
                    error = Some(failure.to_string());
                    break;
                }
            }
        }
        self.end(error.as_deref());
        Ok(())
    }

    fn begin(&mut self, id: usize, timezone: Option<chrono_tz::Tz>, messages: &[Message]) {
        self.request
            .encoder
            .begin_statement(id, timezone, messages, &mut self.out.buffer);
    }

    fn end(&mut self, error: Option<&str>) {
        self.request
            .encoder
            .end_statement(error, &mut self.out.buffer);
        self.out.send_if(self.request.chunked);
    }

    /// InfluxDB warns when a change comes by GET.
    fn messages(&self, statement: &Statement) -> Vec<Message> {
        if !self.request.read_only || !changes(statement) {
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

/// True for statements that change something.
fn changes(statement: &Statement) -> bool {
    match statement {
        Statement::Select(select) => select.target.is_some(),
        Statement::Explain { .. } => false,
        Statement::AlterRetentionPolicy(_)
        | Statement::CreateContinuousQuery(_)
        | Statement::CreateDatabase(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::CreateSubscription(_)
        | Statement::CreateUser(_)
        | Statement::Delete(_)
        | Statement::DropContinuousQuery { .. }
        | Statement::DropDatabase { .. }
        | Statement::DropMeasurement { .. }
        | Statement::DropRetentionPolicy { .. }
        | Statement::DropSeries(_)
        | Statement::DropShard { .. }
        | Statement::DropSubscription { .. }
        | Statement::DropUser { .. }
        | Statement::Grant(_)
        | Statement::KillQuery { .. }
        | Statement::Revoke(_)
        | Statement::SetPassword { .. } => true,
        _ => false,
    }
}
