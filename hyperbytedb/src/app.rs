//! Where everything is put together: config in, a running node out.

#[cfg(test)]
mod cost;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chdb::{ChdbError, Pool};
use hyper::body::Body;
use hyper::http::Extensions;
use hyper::{HeaderMap, Request, Response, StatusCode, Version};
use storage::{Engine, StorageError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::{BoxError, Layer, Service, ServiceBuilder};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

use crate::auth::Users;
use crate::config::Config;
use crate::continuous;
use crate::http::{
    Backends, Format, HttpError, HttpGate, HttpService, RescueLayer, Routes, class_of, route_of,
};
use crate::layers::{
    AuthenticateLayer, AuthorizeLayer, DrainLayer, IdentifyLayer, InFlight, InFlightLayer,
    LoopGuardLayer, MetricsLayer, PeerCertificate, RateLimitLayer, ReceiveLayer, ShedLayer,
    TimeoutLayer, TraceLayer,
};
use crate::monitor::metrics::{self, Scrape, Sources};
use crate::monitor::{Diagnostics, Statistics};
use crate::query::clickhouse::ClickHouseReader;
use crate::query::direct::DirectReader;
use crate::query::service::{QueryLimits, QueryService};
use crate::schema::EngineCatalog;
use crate::server::{Listeners, Server, ServerError, UnixSocket, listen, raise_open_files};
use crate::summary::Statements;
use crate::udp;
use crate::write::WriteService;

/// Requests that a shutdown names when it does not wait for them any longer.
const NAMED_MAX: usize = 20;

/// A node, ready to answer.
pub struct App {
    server: Server,
    engine: Arc<Engine>,
    http: HttpService,
    in_flight: InFlight,
    /// How long requests may take to finish after a signal to stop.
    grace: Duration,
    flush_on_shutdown: bool,
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
    #[error("{0}")]
    Server(#[from] ServerError),
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
        let server = server(&config)?;
        let services = Services::open(&config)?;
        let Services {
            shared,
            users,
            write,
            query,
        } = &services;
        let (engine, statistics) = (&shared.engine, &shared.statistics);
        let udp = start_udp(&config, engine, write, statistics).await?;
        let in_flight = InFlight::default();
        let routes = services.routes(&config)?;
        let gate = services.gate(&config);
        let http = HttpService::new(stack(&config, in_flight.clone(), gate, routes));
        let continuous = continuous::run::run(
            engine.clone(),
            query.clone(),
            users.clone(),
            statistics.clone(),
        );
        let continuous = tokio::spawn(continuous);
        tokio::spawn(crate::memory::give_back());
        Ok(Self {
            server,
            engine: engine.clone(),
            http,
            in_flight,
            grace: Duration::from_secs(config.server.shutdown_grace_secs),
            flush_on_shutdown: config.server.flush_on_shutdown,
            continuous,
            udp,
        })
    }

    /// Answers until a signal to stop comes, then finishes what runs and flushes.
    pub async fn run(self) {
        tracing::info!("listening on {}", self.server.url());
        let stop = observability::shutdown::signalled();
        let draining = self.server.run(self.http, stop).await;
        self.continuous.abort();
        tracing::info!("stopping: finishing requests");
        let udp = async {
            if let Some((udp, stop)) = self.udp {
                // It may have ended by itself.
                let _ended = stop.send(());
                let _ended = udp.await;
            }
        };
        let finished = async { tokio::join!(draining.finished(), udp) };
        if tokio::time::timeout(self.grace, finished).await.is_err() {
            name_unfinished(&self.in_flight, self.grace);
        }
        if !self.flush_on_shutdown {
            return;
        }
        tracing::info!("stopping: writing memory into files");
        let engine = self.engine;
        let flushed = tokio::task::spawn_blocking(move || engine.flush()).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(%error, "not flushed; the log has everything");
        }
    }
}

/// Says which requests a shutdown has waited for in vain.
fn name_unfinished(in_flight: &InFlight, grace: Duration) {
    let left = in_flight.list();
    tracing::warn!(
        requests = left.len(),
        "requests still run after {grace:?} (server.shutdown_grace_secs); leaving them"
    );
    for request in left.iter().take(NAMED_MAX) {
        tracing::warn!(
            id = request.id,
            method = request.method,
            path = request.path,
            seconds = request.age.as_secs_f64(),
            "left running"
        );
    }
}

/// Binds what connections come from and loads the certificates.
fn server(config: &Config) -> Result<Server, AppError> {
    let keys = &config.server;
    let settings = keys.settings(raise_open_files());
    if settings.connections_max < keys.max_connections {
        tracing::warn!(
            connections = settings.connections_max,
            "server.max_connections: the limit of open files allows no more"
        );
    }
    let address = format!("{}:{}", keys.bind_address, keys.port);
    let bound = match keys.bind_address.parse::<IpAddr>() {
        Ok(ip) => listen(SocketAddr::new(ip, keys.port)),
        Err(_) => Err(io::ErrorKind::InvalidInput.into()),
    };
    let tcp = bound.map_err(|error| AppError::Listen { address, error })?;
    let unix = match keys.unix_socket_enabled {
        true => Some(unix_socket(&keys.unix_socket_path)?),
        false => None,
    };
    Ok(Server::new(Listeners { tcp, unix }, &settings)?)
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

/// InfluxDB compresses results, never errors.
fn is_success(
    status: StatusCode,
    _version: Version,
    _headers: &HeaderMap,
    _extensions: &Extensions,
) -> bool {
    status.is_success()
}

/// What a node's services share.
struct Shared {
    engine: Arc<Engine>,
    pool: Arc<Pool>,
    statistics: Arc<Statistics>,
    diagnostics: Arc<Diagnostics>,
    statements: Arc<Statements>,
}

/// What answers once a request has come through all layers.
struct Services {
    shared: Shared,
    users: Arc<Users>,
    write: WriteService,
    query: QueryService,
}

impl Services {
    /// Opens the storage engine and the embedded ClickHouse.
    fn open(config: &Config) -> Result<Self, AppError> {
        let engine = Arc::new(Engine::open(config.engine())?);
        // Inside of a directory that the engine holds locked: no other process comes there.
        let scratch = Path::new(&config.storage.meta_dir).join("chdb");
        let pool = Arc::new(Pool::open(config.chdb.pool_size, &scratch)?);
        let shared = Shared {
            engine,
            pool,
            statistics: Arc::default(),
            diagnostics: Arc::default(),
            statements: Arc::new(config.statements()),
        };
        let write = WriteService::new(
            shared.engine.clone(),
            config.server.max_points_per_request,
            config.write.unsigned_integers,
            shared.statistics.clone(),
        );
        Ok(Self {
            users: Arc::new(Users::new(shared.engine.clone(), config.auth())),
            query: query_service(config, &shared),
            write,
            shared,
        })
    }

    fn gate(&self, config: &Config) -> HttpGate {
        HttpGate {
            users: self.users.clone(),
            engine: self.shared.engine.clone(),
            exposed: config.exposed(),
            statistics: self.shared.statistics.clone(),
        }
    }

    fn routes(&self, config: &Config) -> Result<Routes, AppError> {
        let shared = &self.shared;
        let scrape = scrape(config, |node_id| Sources {
            engine: shared.engine.clone(),
            pool: shared.pool.clone(),
            query: self.query.clone(),
            statements: shared.statements.clone(),
            statistics: shared.statistics.clone(),
            diagnostics: shared.diagnostics.clone(),
            node_id,
        })?;
        Ok(Routes::new(Backends {
            write: AuthorizeLayer.layer(self.write.clone()),
            query: AuthorizeLayer.layer(self.query.clone()),
            engine: shared.engine.clone(),
            statistics: shared.statistics.clone(),
            diagnostics: shared.diagnostics.clone(),
            statements: shared.statements.clone(),
            scrape,
            plain_body_bytes_max: config.server.plain_body_bytes_max(),
        }))
    }
}

/// The query service, its reader and its limits.
fn query_service(config: &Config, shared: &Shared) -> QueryService {
    let engine = &shared.engine;
    let threads_max = config.chdb.max_threads;
    let wide = ClickHouseReader::new(engine.clone(), shared.pool.clone(), threads_max);
    let executor = config.query.executor();
    let reader = DirectReader::new(engine.clone(), wide, executor, threads_max);
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
    QueryService::new(
        engine.clone(),
        Arc::new(EngineCatalog::new(engine.clone())),
        Arc::new(reader),
        limits,
        shared.statistics.clone(),
        shared.diagnostics.clone(),
        shared.statements.clone(),
    )
}

/// The layers of a request, outermost first.
fn stack<In>(
    config: &Config,
    in_flight: InFlight,
    gate: HttpGate,
    routes: Routes,
) -> impl Service<
    Request<In>,
    Response = Response<impl Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ Sync
+ 'static
where
    In: Body<Data = Bytes, Error: std::fmt::Display> + Unpin + Send + 'static,
{
    ServiceBuilder::new()
        // Outermost, so that every answer, errors of the layers below included, carries
        // the version that clients look for and an id to ask about.
        .layer(IdentifyLayer)
        .layer(InFlightLayer(in_flight))
        .layer(TraceLayer)
        .layer(MetricsLayer::new(route_of))
        // Below these, so that what they see and set is not compressed.
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(DefaultPredicate::new().and(is_success)),
        )
        // Above whatever may answer a request whose body is still on its way.
        .layer(DrainLayer::new(config.server.bodies()))
        // What the layers below fail with becomes an answer here, and nowhere else.
        .layer(RescueLayer)
        .layer(RateLimitLayer::new(
            config.rate_limit.per_second(),
            class_of,
        ))
        // Above what takes the body in: who may not send one is told so before.
        .layer(AuthenticateLayer(gate))
        // Inside of authentication: who it is decides whether the mark is believed.
        .layer(LoopGuardLayer::<_, PeerCertificate>::new(
            config.peers(),
            |forged| HttpError::from(forged).answer(Format::default()),
        ))
        // Above the limits of requests: a slow sender must not take the place of a
        // request that is ready to run.
        .layer(ReceiveLayer::new(config.server.bodies()))
        // Above the shedding: a write that nobody waits for any more keeps its place.
        .layer(TimeoutLayer::new(config.server.write_timeout(), class_of))
        .layer(ShedLayer::new(config.server.concurrency(), class_of))
        .service(routes)
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
