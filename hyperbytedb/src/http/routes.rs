//! Which path leads where.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::header::ORIGIN;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use storage::Engine;
use tower::Service;

use super::Answer;
use super::error::HttpError;
use super::format::Format;
use super::request::{Parameters, Received};
use super::{buckets, cors, delete, operate, ping, prometheus, query, write};
use crate::auth::Identity;
use crate::layers::{Authorize, Class, query_of};
use crate::monitor::metrics::Scrape;
use crate::monitor::{Diagnostics, Statistics, vars};
use crate::query::service::QueryService;
use crate::summary::Statements;
use crate::write::WriteService;

/// Leads requests to what answers them.
#[derive(Clone)]
pub struct Routes(Arc<Backends>);

/// What stands behind the routes.
pub struct Backends {
    pub write: Authorize<WriteService>,
    pub query: Authorize<QueryService>,
    pub engine: Arc<Engine>,
    pub statistics: Arc<Statistics>,
    pub diagnostics: Arc<Diagnostics>,
    pub statements: Arc<Statements>,
    /// `None` when there are no metrics.
    pub scrape: Option<Scrape>,
    /// Bytes of a body after decompression.
    pub plain_body_bytes_max: usize,
}

/// All paths, with their methods as the header `Allow` has them.
const PATHS: &[(&str, &str)] = &[
    ("/write", "POST, OPTIONS"),
    ("/query", "OPTIONS, GET, POST"),
    ("/ping", "GET, HEAD"),
    ("/status", "GET, HEAD"),
    ("/ready", "GET, HEAD"),
    ("/health", "GET, HEAD, OPTIONS"),
    ("/api/v2/write", "POST, OPTIONS"),
    ("/api/v2/query", "POST, OPTIONS"),
    ("/api/v2/delete", "POST"),
    ("/api/v2/buckets", "GET"),
    ("/api/v1/prom/write", "POST"),
    ("/api/v1/prom/read", "POST"),
    ("/api/v1/statements", "GET, DELETE"),
    ("/metrics", "GET"),
    ("/debug/vars", "GET"),
    ("/debug/log-level", "GET, PUT"),
];

/// The methods of a path; nothing for unknown paths.
fn methods_of(path: &str) -> Option<&'static str> {
    let (_, methods) = PATHS.iter().find(|(name, _)| *name == path)?;
    Some(methods)
}

/// A path that exists, or `other`.
#[must_use]
pub fn route_of(path: &str) -> &'static str {
    let found = PATHS.iter().find(|(name, _)| *name == path);
    found.map_or("other", |(name, _)| name)
}

/// What the path of a request is to the limits of layers.
#[must_use]
pub fn class_of(path: &str) -> Class {
    match path {
        "/ping" | "/health" | "/ready" | "/status" | "/metrics" => Class::Probe,
        "/write" | "/api/v2/write" | "/api/v1/prom/write" => Class::Write,
        _ => Class::Other,
    }
}

fn check_method(path: &str, method: &Method) -> Result<(), HttpError> {
    let allowed = methods_of(path).ok_or(HttpError::NotFound)?;
    if allowed.split(", ").any(|name| name == method.as_str()) {
        return Ok(());
    }
    Err(HttpError::Method(allowed))
}

/// Whether a request can be answered, as far as its head says: what is refused for its head
/// alone is refused before its body comes. The routes look again, since databases and rights
/// may change meanwhile.
///
/// # Errors
/// As the route itself would refuse it.
pub fn check_head(request: &Parts, identity: &Identity, engine: &Engine) -> Result<(), HttpError> {
    let path = request.uri.path();
    check_method(path, &request.method)?;
    if request.method != Method::POST {
        return Ok(());
    }
    // Nobody else pays for reading them twice.
    let parameters = || Parameters::of_url(query_of(&request.uri, &request.extensions));
    match path {
        "/write" => write::check(&parameters(), identity, engine).map(|_| ()),
        "/api/v2/write" => write::check_v2(&parameters(), identity, engine).map(|_| ()),
        "/api/v2/query" => Err(HttpError::Flux),
        "/api/v2/delete" => delete::check(&parameters(), identity, engine).map(|_| ()),
        "/api/v1/prom/write" => {
            prometheus::check_write(&parameters(), identity, engine).map(|_| ())
        }
        "/api/v1/prom/read" => prometheus::check_read(&parameters(), identity).map(|_| ()),
        _ => Ok(()),
    }
}

/// Counts a request for what its path is.
pub fn count_request(path: &str, method: &Method, statistics: &Statistics) {
    statistics.requests.add(1);
    match path {
        _ if method == Method::OPTIONS || check_method(path, method).is_err() => {}
        "/write" | "/api/v2/write" => statistics.write_requests.add(1),
        "/query" => statistics.query_requests.add(1),
        "/api/v1/prom/write" => statistics.prometheus_writes.add(1),
        "/api/v1/prom/read" => statistics.prometheus_reads.add(1),
        "/status" => statistics.status_requests.add(1),
        "/ping" => statistics.ping_requests.add(1),
        _ => {}
    }
}

/// Counts an answer that says that something went wrong.
pub fn count_answer(status: StatusCode, statistics: &Statistics) {
    if status.is_client_error() {
        statistics.client_errors.add(1);
    } else if status.is_server_error() {
        statistics.server_errors.add(1);
    }
}

impl Routes {
    /// Routes to what is given.
    #[must_use]
    pub fn new(backends: Backends) -> Self {
        Self(Arc::new(backends))
    }
}

impl Backends {
    async fn route(&self, request: Request<Bytes>) -> Result<Answer, HttpError> {
        let path = request.uri().path().to_string();
        let mut request = Received::new(request, self.plain_body_bytes_max);
        check_method(&path, &request.method)?;
        let origin = request.headers.get(ORIGIN).cloned();
        let format = Format::of(&request.headers, request.asks("pretty"));
        let mut answer = if request.method == Method::OPTIONS {
            ping::options()
        } else {
            let answer = self.answer(&path, &mut request).await;
            answer.unwrap_or_else(|error| error.answer(format))
        };
        if let Some(origin) = origin {
            cors::allow(origin, answer.headers_mut());
        }
        Ok(answer)
    }

    async fn answer(&self, path: &str, request: &mut Received) -> Result<Answer, HttpError> {
        let (statistics, engine) = (&self.statistics, &self.engine);
        match path {
            "/write" => write::handle(self.write.clone(), request, engine).await,
            "/api/v2/write" => write::handle_v2(self.write.clone(), request, engine).await,
            "/api/v2/query" => Err(HttpError::Flux),
            "/api/v2/delete" => delete::handle(self.query.unguarded(), request, engine).await,
            "/api/v2/buckets" => buckets::list(&request.parameters, &request.identity, engine),
            "/query" => query::handle(self.query.clone(), request, &self.statements).await,
            "/api/v1/prom/write" => {
                prometheus::write(self.write.unguarded(), request, engine).await
            }
            "/api/v1/prom/read" => prometheus::read_samples(self.query.unguarded(), request).await,
            "/debug/vars" => {
                let vars = vars(statistics, engine, &self.diagnostics);
                Ok(ping::json(StatusCode::OK, &vars))
            }
            "/metrics" => operate::metrics(self.scrape.as_ref()),
            "/api/v1/statements" => {
                operate::statements(&request.method, &request.parameters, &self.statements)
            }
            "/debug/log-level" => operate::log_level(&request.method, &request.parameters),
            "/health" => Ok(ping::health(engine)),
            "/ready" => Ok(ping::ready(engine, &self.diagnostics)),
            "/status" => Ok(ping::no_content()),
            _ => Ok(ping::ping(&request.parameters)),
        }
    }
}

impl Service<Request<Bytes>> for Routes {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let backends = self.0.clone();
        Box::pin(async move {
            let statistics = &backends.statistics;
            count_request(request.uri().path(), request.method(), statistics);
            statistics.requests_active.add(1);
            let answer = backends.route(request).await;
            let answer = answer.unwrap_or_else(|error| error.answer(Format::default()));
            statistics.requests_active.end();
            count_answer(answer.status(), statistics);
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::methods_of;

    #[test]
    fn unknown_paths_have_no_methods() {
        assert_eq!(methods_of("/write"), Some("POST, OPTIONS"));
        assert_eq!(methods_of("/writes"), None);
        assert_eq!(methods_of("/"), None);
    }
}
