//! A span for every request and a line for every answer. No query text and no body goes
//! into either.
//!
//! Spans are of level debug: where nobody looks at them, making one for each request would be
//! a third of what the layers cost. Lines therefore say themselves whose they are.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::{Request, Response};
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::RequestId;

/// Wraps services in [`Trace`].
#[derive(Debug, Clone, Copy)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// See [`TraceLayer`].
#[derive(Debug, Clone)]
pub struct Trace<S> {
    inner: S,
}

impl<S, In, Out> Service<Request<In>> for Trace<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let id = request.extensions().get::<RequestId>().cloned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let span = tracing::debug_span!(
            "request",
            id = id.as_ref().map(|id| &*id.0),
            method = method.as_str(),
            path = uri.path(),
            status = tracing::field::Empty,
        );
        let started = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(
            async move {
                let response = answer.await?;
                let status = response.status().as_u16();
                let milliseconds = started.elapsed().as_secs_f64() * 1e3;
                if response.status().is_server_error() {
                    let id = id.as_ref().map(|id| &*id.0);
                    let (method, path) = (method.as_str(), uri.path());
                    tracing::warn!(id, method, path, status, milliseconds, "answered");
                } else {
                    tracing::debug!(status, milliseconds, "answered");
                }
                // Behind the line, which need not say it twice.
                Span::current().record("status", status);
                Ok(response)
            }
            .instrument(span),
        )
    }
}
