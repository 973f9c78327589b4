//! Which path leads where.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Method, Request};
use storage::Engine;
use tower::Service;

use super::Answer;
use super::error::HttpError;
use super::request::Parameters;
use super::{ping, query, write};
use crate::query::service::QueryService;
use crate::write::WriteService;

/// The routes of the database, innermost in the stack.
#[derive(Clone)]
pub struct Routes {
    write: WriteService,
    query: QueryService,
    engine: Arc<Engine>,
    body_bytes_max: usize,
}

impl Routes {
    #[must_use]
    pub fn new(
        write: WriteService,
        query: QueryService,
        engine: Arc<Engine>,
        body_bytes_max: usize,
    ) -> Self {
        Self {
            write,
            query,
            engine,
            body_bytes_max,
        }
    }

    async fn route<B>(self, request: Request<B>) -> Result<Answer, HttpError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let allowed: &[Method] = match request.uri().path() {
            "/write" => &[Method::POST, Method::OPTIONS],
            "/query" => &[Method::GET, Method::POST, Method::OPTIONS],
            "/ping" | "/status" | "/health" | "/ready" => {
                &[Method::GET, Method::HEAD, Method::OPTIONS]
            }
            path => return Err(HttpError::NotFound(path.to_string())),
        };
        if !allowed.contains(request.method()) {
            return Err(HttpError::Method(request.method().clone()));
        }
        if request.method() == Method::OPTIONS {
            return Ok(ping::options(allowed));
        }
        match request.uri().path() {
            "/write" => {
                let engine = self.engine;
                let exists =
                    |name: &str| engine.with_schema(|schema| schema.database(name).map(|_| ()));
                write::handle(self.write, request, self.body_bytes_max, exists).await
            }
            "/query" => query::handle(self.query, request, self.body_bytes_max).await,
            "/health" | "/ready" => Ok(ping::health(&self.engine)),
            "/status" => Ok(ping::no_content()),
            _ => Ok(ping::ping(&Parameters::of_url(request.uri().query()))),
        }
    }
}

impl<B> Service<Request<B>> for Routes
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::fmt::Display + Send,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let routes = self.clone();
        Box::pin(async move {
            Ok(routes
                .route(request)
                .await
                .unwrap_or_else(|error| error.answer()))
        })
    }
}
