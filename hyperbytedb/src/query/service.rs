//! The query service: statements in, encoded results out, piece by piece.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use influxql::ast::{DeleteSeries, Query, SelectStatement, Statement};
use storage::Engine;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tower::Service;
use tracing::Span;

use crate::auth::{Forbidden, Identity, authorize};
use crate::layers::{Guarded, RequestId};
use crate::monitor::{Diagnostics, Statistics, collect};
use crate::query::catalog::Catalog;
use crate::query::context::QueryContext;
use crate::query::encode::Encode;
use crate::query::error::QueryError;
use crate::query::execute::execute_select;
use crate::query::into;
use crate::query::out::{Out, PIECES_AHEAD, Piece};
use crate::query::output::{SelectOutput, SeriesChunk};
use crate::query::run::{Listed, Short, may_be_brief, may_be_short, run, run_short};
use crate::query::running::RunningQueries;
use crate::query::scan::Reader;
use crate::query::turns::{QueryLoad, Turns};
use crate::schema;
use crate::schema::shards::ShardIds;
use crate::summary::Statements;

/// A client that takes none of the waiting pieces of its answer for so long counts as gone.
/// Connections end earlier than that when they stand still; a stream of HTTP/2 has no other
/// limit.
const PATIENCE: Duration = Duration::from_secs(300);

/// What one statement may take.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    pub timeout: Option<Duration>,
    pub memory_bytes_max: usize,
    pub buckets_max: usize,
    /// Requests that execute at one time; others wait.
    pub concurrent_max: usize,
}

/// Makes an encoder with nothing in it.
pub type MakeEncoder = Box<dyn Fn() -> Box<dyn Encode> + Send + Sync>;

/// A parsed request.
pub struct QueryRequest {
    pub identity: Identity,
    /// What it is called in logs.
    pub id: Option<RequestId>,
    pub query: Arc<Query>,
    pub database: String,
    pub policy: Option<String>,
    /// Makes the encoder of its results.
    pub encoder: MakeEncoder,
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
    pub(super) engine: Arc<Engine>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) reader: Arc<dyn Reader>,
    pub(super) limits: QueryLimits,
    turns: Turns,
    running: Arc<RunningQueries>,
    pub(super) shards: Arc<ShardIds>,
    pub(super) statistics: Arc<Statistics>,
    diagnostics: Arc<Diagnostics>,
    pub(super) statements: Arc<Statements>,
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

    /// What accompanies a statement of the server itself.
    pub(super) fn context(
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

impl QueryService {
    /// Executes `KILL QUERY`; false for other statements.
    pub(super) fn kill(&self, statement: &Statement) -> Result<bool, QueryError> {
        match statement {
            Statement::KillQuery { id, .. } if self.running.kill(*id) => Ok(true),
            Statement::KillQuery { id, .. } => {
                Err(QueryError::Invalid(format!("no such query id: {id}")))
            }
            _ => Ok(false),
        }
    }

    /// Answers the statements about the server; `None` for others.
    pub(super) fn show(
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

/// Whether a thread of the runtime may block after it has given up its tasks.
fn threads_may_block() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread
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
        let registered =
            service
                .running
                .register(request.query.clone(), &request.database, cancelled.clone());
        let listed = Listed::new(request, cancelled, registered);
        Box::pin(async move {
            let turn = service.turns.turn().await?;
            service.statistics.queries_executed.add(1);
            let (pieces, answer) = mpsc::channel(PIECES_AHEAD);
            if may_be_short(&listed.request.query) && threads_may_block() {
                // To wake another thread, for the query or for what else this one has to
                // do, may take as long as the answer.
                let mut whole = None;
                if may_be_brief(&listed.request.query) {
                    whole = run_short(&service, &listed, Short::BRIEF);
                }
                if whole.is_none() {
                    let run = || run_short(&service, &listed, Short::LONGEST);
                    whole = tokio::task::block_in_place(run);
                }
                if let Some(whole) = whole {
                    // A new channel has room; without a piece the answer is that it failed.
                    let _sent = whole.map(|whole| pieces.try_send(Piece::Last(whole)));
                    return Ok(answer);
                }
            }
            let span = Span::current();
            tokio::task::spawn_blocking(move || {
                let out = Out::new(pieces, listed.cancelled.clone(), PATIENCE, Some(turn));
                span.in_scope(|| run(&service, &listed, out));
                drop(listed);
            });
            Ok(answer)
        })
    }
}
