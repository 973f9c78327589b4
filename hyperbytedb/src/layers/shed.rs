//! Refuses requests that would wait for too long: an early answer is better than a
//! late one, and what waits costs memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Request;
use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{BoxError, Layer, Service, ServiceExt};

use super::{Classify, PerClass};
use crate::monitor::metrics::name;

/// There are as many requests as the node can work on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is overloaded (server.max_concurrent_requests); try again")]
pub struct Overloaded;

/// How many requests may run and wait, of each class.
#[derive(Debug, Clone, Copy)]
pub struct ShedLimits {
    /// That run.
    pub running_max: usize,
    /// That wait to run.
    pub waiting_max: usize,
    /// How long one waits.
    pub wait: Duration,
}

#[derive(Debug)]
struct Places {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    wait: Duration,
}

impl Places {
    fn new(limits: ShedLimits) -> Self {
        Self {
            running: Arc::new(Semaphore::new(limits.running_max)),
            waiting: Arc::new(Semaphore::new(limits.waiting_max)),
            wait: limits.wait,
        }
    }

    async fn enter(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        if let Ok(place) = self.running.clone().try_acquire_owned() {
            return Ok(place);
        }
        let _waiting = self.waiting.try_acquire().map_err(|_| Overloaded)?;
        let _counted = Counted::one();
        let place = tokio::time::timeout(self.wait, self.running.clone().acquire_owned()).await;
        place.map_err(|_| Overloaded)?.map_err(|_| Overloaded)
    }
}

/// One request that waits, in the gauge of those that do.
struct Counted;

impl Counted {
    fn one() -> Self {
        gauge!(name::HTTP_WAITING).increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(name::HTTP_WAITING).decrement(1.0);
    }
}

/// Wraps services in [`Shed`].
#[derive(Clone)]
pub struct ShedLayer {
    classify: Classify,
    places: Arc<PerClass<Places>>,
}

impl ShedLayer {
    /// The same limits for each class that has some.
    #[must_use]
    pub fn new(limits: ShedLimits, classify: Classify) -> Self {
        gauge!(name::HTTP_RUNNING_MAX).set(limits.running_max as f64);
        Self {
            classify,
            places: Arc::new(PerClass::new(|| Places::new(limits))),
        }
    }
}

impl<S> Layer<S> for ShedLayer {
    type Service = Shed<S>;

    fn layer(&self, inner: S) -> Shed<S> {
        Shed {
            inner,
            limits: self.clone(),
        }
    }
}

/// See [`ShedLayer`].
#[derive(Clone)]
pub struct Shed<S> {
    inner: S,
    limits: ShedLayer,
}

impl<S, B> Service<Request<B>> for Shed<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    /// Always ready: one that waited here would wait without bound.
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // A clone that was never asked whether it is ready: asked below, with the place.
        let inner = self.inner.clone();
        let class = (self.limits.classify)(request.uri().path());
        let places = self.limits.places.clone();
        Box::pin(async move {
            let Some(places) = places.of(class) else {
                return inner.oneshot(request).await.map_err(Into::into);
            };
            let _place = places.enter().await?;
            inner.oneshot(request).await.map_err(Into::into)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Class;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    const CLASSIFY: Classify = |path| match path {
        "/ping" => Class::Probe,
        "/write" => Class::Write,
        _ => Class::Other,
    };

    /// A service whose requests run until the test lets them go on, one by one.
    fn gated() -> (
        mpsc::UnboundedReceiver<String>,
        Arc<Semaphore>,
        impl Service<Request<()>, Response = (), Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
    ) {
        let (began, seen) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        let own = gate.clone();
        let service = tower::service_fn(move |request: Request<()>| {
            let _open = began.send(request.uri().path().to_string());
            let gate = own.clone();
            async move {
                if let Ok(pass) = gate.acquire().await {
                    pass.forget();
                }
                Ok::<_, Infallible>(())
            }
        });
        (seen, gate, service)
    }

    fn request(path: &str) -> Request<()> {
        Request::get(path).body(()).unwrap()
    }

    fn limits(wait: Duration) -> ShedLimits {
        ShedLimits {
            running_max: 1,
            waiting_max: 1,
            wait,
        }
    }

    #[tokio::test]
    async fn one_runs_one_waits_and_the_next_is_refused() {
        let (mut seen, gate, inner) = gated();
        let mut service = ShedLayer::new(limits(Duration::from_secs(60)), CLASSIFY).layer(inner);
        let first = tokio::spawn(service.call(request("/write")));
        assert_eq!(seen.recv().await.unwrap(), "/write");
        let mut second = std::pin::pin!(service.call(request("/write")));
        assert!(futures_poll(second.as_mut()).await.is_none());
        let third = service.call(request("/write")).await.unwrap_err();
        assert!(third.is::<Overloaded>());
        assert!(seen.try_recv().is_err());
        gate.add_permits(2);
        first.await.unwrap().unwrap();
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_wait_has_an_end() {
        let (mut seen, _gate, inner) = gated();
        let mut service = ShedLayer::new(limits(Duration::from_millis(1)), CLASSIFY).layer(inner);
        let _first = tokio::spawn(service.call(request("/query")));
        seen.recv().await.unwrap();
        let second = service.call(request("/query")).await.unwrap_err();
        assert!(second.is::<Overloaded>());
    }

    #[tokio::test]
    async fn queries_leave_room_for_writes_and_probes_always_pass() {
        let (mut seen, gate, inner) = gated();
        let mut service = ShedLayer::new(limits(Duration::ZERO), CLASSIFY).layer(inner);
        let mut running = Vec::new();
        for path in ["/query", "/write", "/ping", "/ping", "/ping"] {
            running.push(tokio::spawn(service.call(request(path))));
            assert_eq!(seen.recv().await.unwrap(), path);
        }
        assert!(service.call(request("/write")).await.is_err());
        gate.add_permits(running.len());
        for request in running {
            request.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_frees_its_place() {
        let (mut seen, gate, inner) = gated();
        let mut service = ShedLayer::new(limits(Duration::ZERO), CLASSIFY).layer(inner);
        let mut first = std::pin::pin!(service.call(request("/write")));
        assert!(futures_poll(first.as_mut()).await.is_none());
        seen.recv().await.unwrap();
        first.set(Box::pin(async { Err(Overloaded.into()) }));
        gate.add_permits(1);
        service.call(request("/write")).await.unwrap();
    }

    #[tokio::test]
    async fn the_service_inside_is_called_only_when_it_is_ready() {
        /// Fails when it is called without having said that it is ready.
        #[derive(Clone)]
        struct Strict {
            asked: usize,
            ready: bool,
        }

        impl Service<Request<()>> for Strict {
            type Response = ();
            type Error = BoxError;
            type Future = std::future::Ready<Result<(), BoxError>>;

            fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
                self.asked += 1;
                if self.asked < 3 {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.ready = true;
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, _request: Request<()>) -> Self::Future {
                let ready = std::mem::take(&mut self.ready);
                std::future::ready(ready.then_some(()).ok_or_else(|| "not ready".into()))
            }
        }

        let inner = Strict {
            asked: 0,
            ready: false,
        };
        let mut service = ShedLayer::new(limits(Duration::ZERO), CLASSIFY).layer(inner);
        for path in ["/write", "/ping"] {
            service.call(request(path)).await.unwrap();
        }
    }

    /// What a future has now, polled once.
    async fn futures_poll<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            Poll::Ready(match future.as_mut().poll(context) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }
}
