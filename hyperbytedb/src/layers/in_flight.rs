//! Knows which requests run, so that a shutdown can say what it waits for.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::{Method, Request, Response};
use parking_lot::Mutex;
use tower::{Layer, Service};

use super::{Held, RequestId};

/// The requests that run, by the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    next: AtomicU64,
    running: Mutex<BTreeMap<u64, Running>>,
}

#[derive(Debug)]
struct Running {
    id: Arc<str>,
    method: Method,
    path: String,
    since: Instant,
}

/// A request that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRequest {
    pub id: String,
    pub method: String,
    /// Without the query string, which may hold passwords.
    pub path: String,
    pub age: Duration,
}

impl InFlight {
    /// The requests whose answers are not wholly on their way, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<RunningRequest> {
        let running = self.0.running.lock();
        let shown = |request: &Running| RunningRequest {
            id: request.id.to_string(),
            method: request.method.to_string(),
            path: request.path.clone(),
            age: request.since.elapsed(),
        };
        running.values().map(shown).collect()
    }

    fn enter<B>(&self, request: &Request<B>) -> Entry {
        let id = request.extensions().get::<RequestId>();
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let running = Running {
            id: id.map_or_else(|| Arc::from(""), |id| id.0.clone()),
            method: request.method().clone(),
            path: request.uri().path().to_string(),
            since: Instant::now(),
        };
        self.0.running.lock().insert(number, running);
        Entry {
            requests: self.0.clone(),
            number,
        }
    }
}

/// Takes the request out when it is dropped.
#[derive(Debug)]
pub struct Entry {
    requests: Arc<Requests>,
    number: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.requests.running.lock().remove(&self.number);
    }
}

/// Wraps services in [`InFlightService`].
#[derive(Debug, Clone)]
pub struct InFlightLayer(pub InFlight);

impl<S> Layer<S> for InFlightLayer {
    type Service = InFlightService<S>;

    fn layer(&self, inner: S) -> InFlightService<S> {
        InFlightService {
            inner,
            in_flight: self.0.clone(),
        }
    }
}

/// See [`InFlightLayer`].
#[derive(Debug, Clone)]
pub struct InFlightService<S> {
    inner: S,
    in_flight: InFlight,
}

impl<S, In, Out> Service<Request<In>> for InFlightService<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Held<Out, Entry>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let entry = self.in_flight.enter(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Held::new(body, entry)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_listed_until_its_answer_is_gone() {
        let in_flight = InFlight::default();
        let seen = in_flight.clone();
        let inner = tower::service_fn(move |_request: Request<()>| {
            let listed = seen.list();
            async move {
                assert_eq!(listed.len(), 1);
                assert_eq!(
                    (listed[0].id.as_str(), listed[0].path.as_str()),
                    ("a", "/write")
                );
                Ok::<_, std::convert::Infallible>(Response::new(()))
            }
        });
        let mut service = InFlightLayer(in_flight.clone()).layer(inner);
        let mut request = Request::post("/write?p=secret").body(()).unwrap();
        request.extensions_mut().insert(RequestId("a".into()));
        let answer = service.call(request).await.unwrap();
        assert_eq!(in_flight.list().len(), 1);
        drop(answer);
        assert!(in_flight.list().is_empty());
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_is_not_listed() {
        let in_flight = InFlight::default();
        let inner = tower::service_fn(|_request: Request<()>| {
            std::future::pending::<Result<Response<()>, std::convert::Infallible>>()
        });
        let mut service = InFlightLayer(in_flight.clone()).layer(inner);
        let answer = service.call(Request::new(()));
        assert_eq!(in_flight.list().len(), 1);
        drop(answer);
        assert!(in_flight.list().is_empty());
    }
}
