//! Counts requests and answers and measures the time between them.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::{Method, Request, Response, StatusCode};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use parking_lot::RwLock;
use tower::{Layer, Service};

use crate::monitor::metrics::name;

/// Route, method and class of status.
type Labels = [&'static str; 3];

/// The metrics of each combination of labels that there was: to find them by their names
/// costs more than to count. There are as many as names of routes, methods and classes.
#[derive(Default)]
struct Answers(RwLock<HashMap<Labels, (Counter, Histogram)>>);

impl Answers {
    fn count(&self, labels: Labels, took: Duration) {
        let known = self.0.read().get(&labels).cloned();
        let (requests, seconds) = known.unwrap_or_else(|| self.add(labels));
        requests.increment(1);
        seconds.record(took);
    }

    fn add(&self, labels: Labels) -> (Counter, Histogram) {
        let [route, method, status] = labels;
        let requests =
            counter!(name::HTTP_REQUESTS, "route" => route, "method" => method, "status" => status);
        let seconds = histogram!(name::HTTP_SECONDS, "route" => route);
        let added = (requests, seconds);
        self.0.write().insert(labels, added.clone());
        added
    }
}

/// Wraps services in [`Metrics`].
#[derive(Clone)]
pub struct MetricsLayer {
    in_flight: Gauge,
    answers: Arc<Answers>,
    route_of: fn(&str) -> &'static str,
}

impl MetricsLayer {
    /// `route_of` names the route of a path, with one name for all paths that are none: a
    /// client must not be able to make labels.
    #[must_use]
    pub fn new(route_of: fn(&str) -> &'static str) -> Self {
        Self {
            in_flight: gauge!(name::HTTP_IN_FLIGHT),
            answers: Arc::default(),
            route_of,
        }
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Metrics<S> {
        Metrics {
            inner,
            settings: self.clone(),
        }
    }
}

/// See [`MetricsLayer`].
#[derive(Clone)]
pub struct Metrics<S> {
    inner: S,
    settings: MetricsLayer,
}

/// A request that is not answered yet; one whose client goes away is neither.
struct InFlight(Gauge);

impl InFlight {
    fn begin(gauge: Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl<S, In, Out> Service<Request<In>> for Metrics<S>
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
        let route = (self.settings.route_of)(request.uri().path());
        let method = method_name(request.method());
        let in_flight = InFlight::begin(self.settings.in_flight.clone());
        let answers = self.settings.answers.clone();
        let started = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            drop(in_flight);
            answers.count([route, method, class(response.status())], started.elapsed());
            Ok(response)
        })
    }
}

/// Clients may invent methods.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[tokio::test]
    async fn requests_are_counted_by_route_method_and_class() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let seen = handle.clone();
        let inner = tower::service_fn(move |request: Request<()>| {
            assert!(seen.render().contains("requests_in_flight 1"));
            let mut response = Response::new(());
            if request.uri().path() == "/nosuch" {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let route_of = |path: &str| if path == "/write" { "/write" } else { "other" };
        let mut service = MetricsLayer::new(route_of).layer(inner);
        for (method, path) in [
            ("POST", "/write"),
            ("BREW", "/nosuch"),
            ("GET", "/nosuch?x"),
        ] {
            let request = Request::builder().method(method).uri(path);
            let _answer = service.call(request.body(()).unwrap()).await;
        }
        let text = handle.render();
        for line in [
            r#"hyperbytedb_http_requests_total{route="/write",method="POST",status="2xx"} 1"#,
            r#"hyperbytedb_http_requests_total{route="other",method="other",status="4xx"} 1"#,
            r#"hyperbytedb_http_requests_total{route="other",method="GET",status="4xx"} 1"#,
            r#"hyperbytedb_http_requests_in_flight 0"#,
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(!text.contains("nosuch"));
    }

    #[tokio::test]
    async fn a_request_whose_client_has_gone_is_in_flight_no_longer() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        let _recording = metrics::set_default_local_recorder(&recorder);
        let inner = tower::service_fn(|_: Request<()>| {
            std::future::pending::<Result<Response<()>, Infallible>>()
        });
        let mut service = MetricsLayer::new(|_| "other").layer(inner);
        let waiting = service.call(Request::new(()));
        assert!(handle.render().contains("requests_in_flight 1"));
        drop(waiting);
        assert!(handle.render().contains("requests_in_flight 0"));
    }
}
