//! The query service: statements in, encoded results out, piece by piece.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use influxql::ast::{DeleteSeries, Query, SelectStatement, Statement};
use storage::Engine;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tower::Service;
use tracing::Span;

use crate::auth::{Forbidden, Identity, authorize};
use crate::layers::Guarded;
use crate::monitor::{Diagnostics, Statistics, collect};
use crate::query::catalog::Catalog;
use crate::query::context::QueryContext;
use crate::query::encode::{Encode, Message};
use crate::query::error::QueryError;
use crate::query::execute::{execute_select, execute_statement};
use crate::query::into;
use crate::query::out::{Out, PIECE_BYTES, PIECES_AHEAD, Piece};
use crate::query::output::{SelectOutput, SeriesChunk, StatementOutput};
use crate::query::running::{Registered, RunningQueries};
use crate::query::scan::Reader;
use crate::query::turns::{QueryLoad, Turns};
use crate::schema::shards::ShardIds;
use crate::schema::{self, Applied, complete_names};
use crate::summary::Statements;

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
    pub identity: Identity,
    pub query: Query,
    pub database: String,
    pub policy: Option<String>,
    pub encoder: Box<dyn Encode>,
    /// Hand on every document at once instead of collecting (`chunked=true`).
    pub chunked: bool,
    /// It came by GET, where InfluxDB frowns on changes.
    pub read_only: bool,
}

impl Guarded for QueryRequest {
    type Refusal = Forbidden;

    fn check(&self) -> Result<(), Forbidden> {
        authorize(&self.identity, &self.query, &self.database)
    }
}

/// Executes queries.
#[derive(Clone)]
pub struct QueryService {
    engine: Arc<Engine>,
    catalog: Arc<dyn Catalog>,
    reader: Arc<dyn Reader>,
    limits: QueryLimits,
    turns: Turns,
    running: Arc<RunningQueries>,
    shards: Arc<ShardIds>,
    statistics: Arc<Statistics>,
    diagnostics: Arc<Diagnostics>,
    statements: Arc<Statements>,
}

impl QueryService {
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        catalog: Arc<dyn Catalog>,
        reader: Arc<dyn Reader>,
        limits: QueryLimits,
        statistics: Arc<Statistics>,
        diagnostics: Arc<Diagnostics>,
        statements: Arc<Statements>,
    ) -> Self {
        Self {
            engine,
            catalog,
            reader,
            limits,
            turns: Turns::new(limits.concurrent_max, limits.timeout),
            running: Arc::default(),
            shards: Arc::default(),
            statistics,
            diagnostics,
            statements,
        }
    }

    /// How many requests there are now.
    #[must_use]
    pub fn load(&self) -> QueryLoad {
        self.turns.load()
    }

    /// Runs something in a thread that may block, among the queries that run at one
    /// time.
    ///
    /// # Errors
    /// When it takes too long until its turn comes, or its own.
    pub async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce(&QueryService) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let permit = self.turns.turn().await?;
        let service = self.clone();
        let span = Span::current();
        let task = tokio::task::spawn_blocking(move || {
            let result = span.in_scope(|| run(&service));
            drop(permit);
            result
        });
        task.await.unwrap_or(Err(QueryError::Killed))
    }

    /// Executes a `SELECT` in the calling thread and gives its rows to `visit`.
    ///
    /// # Errors
    /// As any other statement, and those of `visit`.
    pub fn select(
        &self,
        select: &SelectStatement,
        database: &str,
        visit: &mut dyn FnMut(SeriesChunk) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        self.selected(select, database, |selected, _| {
            for chunk in selected.chunks {
                visit(chunk?)?;
            }
            Ok(())
        })
    }

    /// Executes a `SELECT … INTO` in the calling thread.
    ///
    /// # Errors
    /// As any other statement.
    pub fn write_select(
        &self,
        select: &SelectStatement,
        database: &str,
        runtime: &Handle,
    ) -> Result<(), QueryError> {
        self.selected(select, database, |selected, context| {
            into::store(select, selected, context, &self.engine, runtime).map(|_| ())
        })
    }

    /// Executes a `DELETE` in the calling thread.
    ///
    /// # Errors
    /// As any other statement.
    pub fn delete(&self, delete: &DeleteSeries, database: String) -> Result<(), QueryError> {
        let context = self.context(database, None, Arc::default());
        let statement = Statement::Delete(delete.clone());
        schema::apply(&statement, &self.engine, &self.shards, &context).map(|_| ())
    }

    /// Executes a `SELECT` that is listed as running meanwhile.
    fn selected(
        &self,
        select: &SelectStatement,
        database: &str,
        take: impl FnOnce(SelectOutput<'_>, &QueryContext) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let query = Arc::new(Query {
            statements: vec![Statement::Select(Box::new(select.clone()))],
        });
        let cancelled = Arc::new(AtomicBool::new(false));
        let listed = self
            .running
            .register(query.clone(), database, cancelled.clone());
        let context = self.context(database.to_string(), None, cancelled);
        let watched = self.statements.begin(&query.statements[0], database);
        let rows = Arc::new(AtomicU64::new(0));
        let result = watched.span().in_scope(|| {
            let (catalog, reader) = (self.catalog.as_ref(), self.reader.as_ref());
            let selected = execute_select(select, catalog, reader, &context)?;
            take(selected.counted(rows.clone()), &context)
        });
        let error = result.as_ref().err().map(ToString::to_string);
        let (rows, bytes) = (rows.load(Ordering::Relaxed), context.work.bytes());
        watched.end(rows, bytes, error.as_deref());
        drop(listed);
        result
    }

    fn context(
        &self,
        database: String,
        policy: Option<String>,
        cancelled: Arc<AtomicBool>,
    ) -> QueryContext {
        QueryContext {
            identity: Identity::Server,
            database,
            policy,
            now_ns: self.engine.now_ns(),
            deadline: self.limits.timeout.map(|timeout| Instant::now() + timeout),
            memory_bytes_max: self.limits.memory_bytes_max,
            buckets_max: self.limits.buckets_max,
            cancelled,
            work: Arc::default(),
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
        let cancelled = Arc::new(AtomicBool::new(false));
        let query = Arc::new(request.query);
        let listed = service
            .running
            .register(query.clone(), &request.database, cancelled.clone());
        let request = Request {
            identity: request.identity,
            query,
            database: request.database,
            policy: request.policy,
            encoder: request.encoder,
            chunked: request.chunked,
            read_only: request.read_only,
            _listed: listed,
        };
        Box::pin(async move {
            let permit = service.turns.turn().await?;
            let (pieces, answer) = mpsc::channel(PIECES_AHEAD);
            let span = Span::current();
            tokio::task::spawn_blocking(move || {
                let run = Run {
                    service: &service,
                    out: Out::new(pieces, cancelled, service.limits.timeout),
                    request,
                    answered: Answered::default(),
                };
                span.in_scope(|| run.run());
                drop(permit);
            });
            Ok(answer)
        })
    }
}

/// A request that is listed as running.
struct Request {
    identity: Identity,
    query: Arc<Query>,
    database: String,
    policy: Option<String>,
    encoder: Box<dyn Encode>,
    chunked: bool,
    read_only: bool,
    _listed: Registered,
}

/// One request being executed.
struct Run<'a> {
    service: &'a QueryService,
    out: Out,
    request: Request,
    answered: Answered,
}

/// What a statement has answered.
#[derive(Default)]
struct Answered {
    rows: u64,
    /// The error that ended its rows.
    error: Option<String>,
}

impl Run<'_> {
    fn run(mut self) {
        let statistics = self.service.statistics.clone();
        let began = Instant::now();
        statistics.queries_executed.add(1);
        let query = self.request.query.clone();
        let mut failed = false;
        for (id, statement) in query.statements.iter().enumerate() {
            if failed {
                self.begin(id, None, &[]);
                self.end(Some("not executed"));
                continue;
            }
            failed = !self.statement(id, statement);
        }
        let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        statistics.query_duration.add(nanos);
        statistics.queries_finished.add(1);
        self.request.encoder.finish(&mut self.out.buffer);
        self.out.finish();
    }

    fn context(&self) -> QueryContext {
        let (database, policy) = (self.request.database.clone(), self.request.policy.clone());
        let cancelled = self.out.cancelled.clone();
        QueryContext {
            identity: self.request.identity.clone(),
            ..self.service.context(database, policy, cancelled)
        }
    }

    /// Executes one statement; false when it failed before its first row, after which
    /// InfluxDB executes no other.
    fn statement(&mut self, id: usize, statement: &Statement) -> bool {
        let context = self.context();
        let watched = self.service.statements.begin(statement, &context.database);
        let executed = watched
            .span()
            .in_scope(|| self.execute(id, statement, &context));
        let mut answered = std::mem::take(&mut self.answered);
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
        executed.is_ok()
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
            self.answer(id, StatementOutput::Series(tables), messages, true);
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
        self.answer(id, output, messages, !selected);
        Ok(())
    }

    /// `whole`: the rows are not divided into chunks.
    fn answer(
        &mut self,
        id: usize,
        output: StatementOutput<'_>,
        messages: &[Message],
        whole: bool,
    ) {
        self.begin(id, output.timezone(), messages);
        if whole {
            self.request.encoder.keep_whole();
        }
        let mut error = None;
        for chunk in output.into_chunks() {
            match chunk {
                Ok(chunk) => {
                    self.answered.rows += chunk.rows() as u64;
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
        self.answered.error = error;
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

impl QueryService {
    /// Executes `KILL QUERY`; false for other statements.
    fn kill(&self, statement: &Statement) -> Result<bool, QueryError> {
        match statement {
            Statement::KillQuery { id, .. } if self.running.kill(*id) => Ok(true),
            Statement::KillQuery { id, .. } => {
                Err(QueryError::Invalid(format!("no such query id: {id}")))
            }
            _ => Ok(false),
        }
    }

    /// Answers the statements about the server; `None` for others.
    fn show(
        &self,
        statement: &Statement,
        identity: &Identity,
    ) -> Result<Option<Vec<SeriesChunk>>, QueryError> {
        Ok(Some(match statement {
            Statement::ShowQueries => self.running.show(identity),
            Statement::ShowDiagnostics { module } => self.diagnostics.show(module.as_deref()),
            Statement::ShowStats { module } => {
                let groups = collect(&self.statistics, &self.engine);
                let module = module.as_deref();
                let wanted = groups
                    .iter()
                    .filter(|group| module.is_none_or(|module| group.name == module));
                wanted.map(|group| group.chunk()).collect()
            }
            other => return schema::show(other, &self.engine, &self.shards, identity),
        }))
    }
}

/// True for statements that change something and that InfluxDB warns of: `DELETE` is
/// not among them.
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
