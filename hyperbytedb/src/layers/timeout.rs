//! Bounds how long a client waits for what changes something. Only the wait: the work
//! goes on, since nobody could tell how much of it is done.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Request;
use tower::{BoxError, Layer, Service};
use tracing::Instrument;

use super::{Class, Classify};

/// The answer took too long; what was asked for may happen yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "timeout: no answer within {} s (server.request_timeout_secs); the outcome is unknown: the points may be stored or may not. Sending them again does no harm", .0.as_secs_f64()
)]
pub struct OutcomeUnknown(pub Duration);

/// Wraps services in [`Timeout`].
#[derive(Clone)]
pub struct TimeoutLayer {
    limit: Option<Duration>,
    classify: Classify,
}

impl TimeoutLayer {
    /// Writes are answered within `limit`, if there is one. Everything else is left
    /// alone: queries have a limit of their own, which stops them.
    #[must_use]
    pub fn new(limit: Option<Duration>, classify: Classify) -> Self {
        Self { limit, classify }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout {
            inner,
            settings: self.clone(),
        }
    }
}

/// See [`TimeoutLayer`].
#[derive(Clone)]
pub struct Timeout<S> {
    inner: S,
    settings: TimeoutLayer,
}

impl<S, B> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let class = (self.settings.classify)(request.uri().path());
        let answer = self.inner.call(request);
        let answer = async move { answer.await.map_err(Into::into) };
        match (self.settings.limit, class) {
            (Some(limit), Class::Write) => {
                let answer = Outlive(Some(Box::pin(answer.in_current_span())));
                Box::pin(async move {
                    match tokio::time::timeout(limit, answer).await {
                        Ok(answer) => answer,
                        Err(_elapsed) => Err(OutcomeUnknown(limit).into()),
                    }
                })
            }
            _ => Box::pin(answer),
        }
    }
}

/// Work that goes on, on a task of its own, when nobody waits for it any more: it keeps its
/// place among the requests that run until it has ended. As long as somebody waits it needs
/// no task.
struct Outlive<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Future for Outlive<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else {
            // Only after it was ready, when nobody polls.
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Outlive<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::Arc;
    use tokio::sync::{Notify, oneshot};

    const CLASSIFY: Classify = |path| match path {
        "/write" => Class::Write,
        _ => Class::Other,
    };

    fn request(path: &str) -> Request<()> {
        Request::get(path).body(()).unwrap()
    }

    /// A service that answers once the gate is notified, and says when it has ended.
    #[allow(clippy::type_complexity)]
    fn gated(
        limit: Duration,
    ) -> (
        Timeout<impl Service<Request<()>, Response = (), Error = Infallible, Future: Send> + Clone>,
        Arc<Notify>,
        oneshot::Receiver<()>,
    ) {
        let gate = Arc::new(Notify::new());
        let (done, ended) = oneshot::channel();
        let done = Arc::new(parking_lot::Mutex::new(Some(done)));
        let inner = {
            let gate = gate.clone();
            tower::service_fn(move |_request: Request<()>| {
                let (gate, done) = (gate.clone(), done.clone());
                async move {
                    gate.notified().await;
                    if let Some(done) = done.lock().take() {
                        let _heard = done.send(());
                    }
                    Ok::<_, Infallible>(())
                }
            })
        };
        let service = TimeoutLayer::new(Some(limit), CLASSIFY).layer(inner);
        (service, gate, ended)
    }

    #[tokio::test]
    async fn a_slow_write_is_answered_and_still_ends() {
        let (mut service, gate, ended) = gated(Duration::from_millis(1));
        let refused = service.call(request("/write")).await.unwrap_err();
        assert!(refused.to_string().contains("outcome is unknown"));
        gate.notify_one();
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_write_whose_client_goes_ends_as_well() {
        let (mut service, gate, ended) = gated(Duration::from_secs(60));
        let mut answer = service.call(request("/write"));
        let polled = polled_once(answer.as_mut()).await;
        assert!(polled.is_none());
        drop(answer);
        gate.notify_one();
        ended.await.unwrap();
    }

    /// Polls once.
    async fn polled_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            Poll::Ready(match future.as_mut().poll(context) {
                Poll::Ready(output) => Some(output),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn others_are_cancelled_with_their_client_and_have_no_limit() {
        let (kept, gone) = oneshot::channel::<()>();
        let kept = Arc::new(parking_lot::Mutex::new(Some(kept)));
        let inner = tower::service_fn(move |_request: Request<()>| {
            let kept = kept.lock().take();
            async move {
                std::future::pending::<()>().await;
                drop(kept);
                Ok::<_, Infallible>(())
            }
        });
        let mut service = TimeoutLayer::new(Some(Duration::ZERO), CLASSIFY).layer(inner);
        let answer = service.call(request("/query"));
        drop(answer);
        assert!(gone.await.is_err());
    }
}
