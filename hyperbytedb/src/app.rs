//! Where everything is put together: config in, a running node out.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chdb::{ChdbError, Pool};
use hyper::http::Extensions;
use hyper::{HeaderMap, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use storage::{Engine, StorageError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::{Layer, ServiceBuilder};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

use crate::auth::Users;
use crate::config::Config;
use crate::continuous;
use crate::http::{Format, HttpError, HttpGate, HttpService, Routes, UnixSocket, route_of};
use crate::layers::{
    AuthenticateLayer, AuthorizeLayer, IdentifyLayer, LoopGuardLayer, MetricsLayer,
    PeerCertificate, TraceLayer,
};
use crate::monitor::metrics::{self, Scrape, Sources};
use crate::monitor::{Diagnostics, Statistics};
use crate::query::clickhouse::ClickHouseReader;
use crate::query::direct::DirectReader;
use crate::query::service::{QueryLimits, QueryService};
use crate::schema::EngineCatalog;
use crate::udp;
use crate::write::WriteService;

/// How long requests may take to finish after a signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// A node, ready to answer.
pub struct App {
    listener: TcpListener,
    unix: Option<UnixSocket>,
    engine: Arc<Engine>,
    http: HttpService,
    /// Runs the continuous queries.
    continuous: JoinHandle<()>,
    /// Takes datagrams until it is told to stop.
    udp: Option<(JoinHandle<()>, oneshot::Sender<()>)>,
}

/// Why a node did not start or stopped.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error("{0}")]
    Storage(#[from] StorageError),
    #[error("{0}")]
    Chdb(#[from] ChdbError),
    #[error("no metrics: {0}")]
    Metrics(String),
    #[error("cannot listen on {address}: {error}")]
    Listen {
        address: String,
        error: std::io::Error,
    },
}

impl App {
    /// Opens the storage engine and the embedded ClickHouse and binds the port.
    ///
    /// # Errors
    /// When one of them cannot be used; the text says which and why.
    pub async fn start(config: Config) -> Result<Self, AppError> {
        let address = format!("{}:{}", config.server.bind_address, config.server.port);
        let listener = TcpListener::bind(&address)
            .await
            .map_err(|error| AppError::Listen { address, error })?;
        let unix = match config.server.unix_socket_enabled {
            true => Some(unix_socket(&config.server.unix_socket_path)?),
            false => None,
        };
        let engine = Arc::new(Engine::open(config.engine())?);
        // Inside of a directory that the engine holds locked: no other process comes there.
        let scratch = Path::new(&config.storage.meta_dir).join("chdb");
        let pool = Arc::new(Pool::open(config.chdb.pool_size, &scratch)?);
        let statistics = Arc::new(Statistics::default());
        let write = WriteService::new(
            engine.clone(),
            config.server.max_points_per_request,
            config.write.unsigned_integers,
            statistics.clone(),
        );
        let udp = start_udp(&config, &engine, &write, &statistics).await?;
        let users = Arc::new(Users::new(engine.clone(), config.auth()));
        let (http, query) = http_service(
            &config,
            &engine,
            pool,
            write,
            users.clone(),
            statistics.clone(),
        )?;
        let continuous = continuous::run::run(engine.clone(), query, users, statistics);
        let continuous = tokio::spawn(continuous);
        Ok(Self {
            listener,
            unix,
            engine,
            http,
            continuous,
            udp,
        })
    }

    /// Answers until a signal to stop comes, then finishes what runs and flushes.
    ///
    /// # Errors
    /// When the port fails.
    pub async fn run(self) -> Result<(), AppError> {
        let address = self.local_address();
        tracing::info!("listening on http://{address}");
        let connections = GracefulShutdown::new();
        let server = server();
        let mut stop = std::pin::pin!(observability::shutdown::signalled());
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted.map(|(stream, _peer)| {
                    let _unsupported = stream.set_nodelay(true);
                    serve(&server, &self.http, &connections, stream);
                }),
                accepted = UnixSocket::accept(self.unix.as_ref()) => accepted.map(|stream| {
                    serve(&server, &self.http, &connections, stream);
                }),
                () = &mut stop => break,
            };
            if let Err(error) = accepted {
                // Out of file descriptors, for instance: others may close theirs.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        self.continuous.abort();
        drop(self.unix);
        tracing::info!("stopping: finishing requests, writing memory into files");
        let udp = async {
            if let Some((udp, stop)) = self.udp {
                // It may have ended by itself.
                let _ended = stop.send(());
                let _ended = udp.await;
            }
        };
        let finished = async { tokio::join!(connections.shutdown(), udp) };
        if tokio::time::timeout(GRACE, finished).await.is_err() {
            tracing::warn!("requests still run after {GRACE:?}; leaving them");
        }
        let engine = self.engine;
        let flushed = tokio::task::spawn_blocking(move || engine.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "not flushed; the log has everything");
        }
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.listener
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
    }
}

/// Answers on a connection, in a task of its own.
fn serve(
    server: &auto::Builder<TokioExecutor>,
    http: &HttpService,
    connections: &GracefulShutdown,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) {
    let service = TowerToHyperService::new(http.clone());
    let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let connection = connections.watch(connection.into_owned());
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
}

fn unix_socket(path: &str) -> Result<UnixSocket, AppError> {
    let socket = UnixSocket::bind(path).map_err(|error| AppError::Listen {
        address: format!("unix://{path}"),
        error,
    })?;
    tracing::info!("listening on unix://{path}");
    Ok(socket)
}

/// Starts to take datagrams, when the configuration asks for it.
async fn start_udp(
    config: &Config,
    engine: &Arc<Engine>,
    write: &WriteService,
    statistics: &Arc<Statistics>,
) -> Result<Option<(JoinHandle<()>, oneshot::Sender<()>)>, AppError> {
    let Some(settings) = config.udp() else {
        return Ok(None);
    };
    let address = format!("udp://{}", settings.address);
    let listener = udp::Listener::bind(settings, statistics.clone())
        .await
        .map_err(|error| AppError::Listen { address, error })?;
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(listener.run(engine.clone(), write.clone(), stopped));
    Ok(Some((running, stop)))
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(Duration::from_secs(30));
    server
}

/// InfluxDB compresses results, never errors.
fn is_success(
    status: StatusCode,
    _version: Version,
    _headers: &HeaderMap,
    _extensions: &Extensions,
) -> bool {
    status.is_success()
}

/// The layers of a request, outermost first, and the query service at their end.
fn http_service(
    config: &Config,
    engine: &Arc<Engine>,
    pool: Arc<Pool>,
    write: WriteService,
    users: Arc<Users>,
    statistics: Arc<Statistics>,
) -> Result<(HttpService, QueryService), AppError> {
    let catalog = Arc::new(EngineCatalog::new(engine.clone()));
    let wide = ClickHouseReader::new(engine.clone(), pool.clone(), config.chdb.max_threads);
    let executor = config.query.executor();
    let reader = DirectReader::new(engine.clone(), wide, executor, config.chdb.max_threads);
    let reader = Arc::new(reader);
    let limits = QueryLimits {
        timeout: match config.server.query_timeout_secs {
            0 => None,
            seconds => Some(Duration::from_secs(seconds)),
        },
        memory_bytes_max: config.query.memory_max_mb << 20,
        buckets_max: config.query.max_select_buckets,
        concurrent_max: match config.server.max_concurrent_queries {
            0 => config.chdb.pool_size * 2,
            limit => limit,
        },
    };
    let diagnostics = Arc::new(Diagnostics::default());
    let statements = Arc::new(config.statements());
    let query = QueryService::new(
        engine.clone(),
        catalog,
        reader,
        limits,
        statistics.clone(),
        diagnostics.clone(),
        statements.clone(),
    );
    let gate = HttpGate {
        users,
        exposed: config.exposed(),
        statistics: statistics.clone(),
    };
    let scrape = scrape(config, |node_id| Sources {
        engine: engine.clone(),
        pool: pool.clone(),
        query: query.clone(),
        statements: statements.clone(),
        statistics: statistics.clone(),
        diagnostics: diagnostics.clone(),
        node_id,
    })?;
    let routes = Routes {
        write: AuthorizeLayer.layer(write),
        query: AuthorizeLayer.layer(query.clone()),
        engine: engine.clone(),
        statistics,
        diagnostics,
        statements,
        scrape,
        body_bytes_max: config.server.max_body_size_bytes,
    };
    let stack = ServiceBuilder::new()
        // Outermost, so that every answer, errors of the layers below included, carries
        // the version that clients look for and an id to ask about.
        .layer(IdentifyLayer)
        .layer(TraceLayer)
        .layer(MetricsLayer::new(route_of))
        // Below both, so that what they see and set is not compressed.
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(DefaultPredicate::new().and(is_success)),
        )
        .layer(AuthenticateLayer(gate))
        // Inside of authentication: who it is decides whether the mark is believed.
        .layer(LoopGuardLayer::<_, PeerCertificate>::new(
            config.peers(),
            |forged| HttpError::from(forged).answer(Format::default()),
        ))
        .service(routes);
    Ok((HttpService::new(stack), query))
}

/// Sets up metrics, when the configuration asks for them.
fn scrape(
    config: &Config,
    sources: impl FnOnce(u64) -> Sources,
) -> Result<Option<Scrape>, AppError> {
    if !config.metrics.enabled {
        return Ok(None);
    }
    let handle = metrics::install().map_err(AppError::Metrics)?;
    tokio::spawn(metrics::upkeep(handle.clone()));
    Ok(Some(Scrape::new(handle, sources(config.cluster.node_id))))
}
