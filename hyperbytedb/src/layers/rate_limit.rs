//! Refuses what comes faster than a number of requests a second.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::Request;
use parking_lot::Mutex;
use tower::{BoxError, Layer, Service};

use super::{Classify, PerClass};

/// There were too many requests lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rate limit exceeded (rate_limit.max_requests_per_second); try again in {} s", .retry_after.as_secs())]
pub struct RateLimited {
    /// When there will be room: whole seconds, at least one.
    pub retry_after: Duration,
}

/// A token bucket: as many requests at once as a second has, then one at a time.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    /// Tokens, and when there were that many.
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second as f64;
        Self {
            per_second,
            level: Mutex::new((per_second, now)),
        }
    }

    fn take(&self, now: Instant) -> Result<(), RateLimited> {
        let mut level = self.level.lock();
        let gained = now.saturating_duration_since(level.1).as_secs_f64() * self.per_second;
        let tokens = (level.0 + gained).min(self.per_second);
        if tokens >= 1.0 {
            *level = (tokens - 1.0, now);
            return Ok(());
        }
        *level = (tokens, now);
        let seconds = ((1.0 - tokens) / self.per_second).ceil().max(1.0);
        Err(RateLimited {
            retry_after: Duration::from_secs(seconds as u64),
        })
    }
}

/// Wraps services in [`RateLimit`].
#[derive(Clone)]
pub struct RateLimitLayer {
    classify: Classify,
    buckets: Option<Arc<PerClass<Bucket>>>,
}

impl RateLimitLayer {
    /// At most `per_second` requests of each class, averaged over a second; all with
    /// `None`.
    #[must_use]
    pub fn new(per_second: Option<u64>, classify: Classify) -> Self {
        let now = Instant::now();
        let buckets = |per_second: u64| {
            let bucket = || Bucket::new(per_second.max(1), now);
            Arc::new(PerClass::new(bucket))
        };
        Self {
            classify,
            buckets: per_second.map(buckets),
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit {
            inner,
            limits: self.clone(),
        }
    }
}

/// See [`RateLimitLayer`].
#[derive(Clone)]
pub struct RateLimit<S> {
    inner: S,
    limits: RateLimitLayer,
}

impl<S, B> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>>,
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
        let class = (self.limits.classify)(request.uri().path());
        let bucket = self.limits.buckets.as_ref().and_then(|all| all.of(class));
        if let Some(bucket) = bucket
            && let Err(refused) = bucket.take(Instant::now())
        {
            return Box::pin(async move { Err(refused.into()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move { answer.await.map_err(Into::into) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::Class;
    use std::convert::Infallible;

    #[test]
    fn a_bucket_gives_a_second_at_once_and_then_fills_evenly() {
        let start = Instant::now();
        let bucket = Bucket::new(4, start);
        for _ in 0..4 {
            bucket.take(start).unwrap();
        }
        let refused = bucket.take(start).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        let later = |milliseconds| start + Duration::from_millis(milliseconds);
        bucket.take(later(250)).unwrap();
        bucket.take(later(400)).unwrap_err();
        bucket.take(later(500)).unwrap();
        for _ in 0..4 {
            bucket.take(later(60_000)).unwrap();
        }
        bucket.take(later(60_000)).unwrap_err();
    }

    #[tokio::test]
    async fn writes_and_others_have_limits_of_their_own_and_probes_none() {
        let classify: Classify = |path| match path {
            "/write" => Class::Write,
            "/ping" => Class::Probe,
            _ => Class::Other,
        };
        let inner = tower::service_fn(|_request: Request<()>| async { Ok::<_, Infallible>(()) });
        let mut service = RateLimitLayer::new(Some(1), classify).layer(inner);
        let mut ask = |path: &str| service.call(Request::get(path).body(()).unwrap());
        assert!(ask("/write").await.is_ok());
        let refused = ask("/write").await.unwrap_err();
        assert!(refused.is::<RateLimited>());
        assert!(ask("/query").await.is_ok());
        assert!(ask("/query").await.is_err());
        for _ in 0..10 {
            assert!(ask("/ping").await.is_ok());
        }
    }
}
