//! Gives every request an id and every answer InfluxDB's headers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use tower::{Layer, Service};

use super::RequestId;

/// What clients read to decide how to talk; they test for the prefix `1.`.
pub const VERSION: &str = concat!("1.8.10-hyperbytedb.", env!("CARGO_PKG_VERSION"));
/// Longest id that is taken over from a client.
const ID_BYTES_MAX: usize = 128;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Wraps services in [`Identify`].
#[derive(Debug, Clone, Copy)]
pub struct IdentifyLayer;

impl<S> Layer<S> for IdentifyLayer {
    type Service = Identify<S>;

    fn layer(&self, inner: S) -> Identify<S> {
        Identify { inner }
    }
}

/// See [`IdentifyLayer`].
#[derive(Debug, Clone)]
pub struct Identify<S> {
    inner: S,
}

impl<S, In, Out> Service<Request<In>> for Identify<S>
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

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        let id = given_id(request.headers()).unwrap_or_else(fresh_id);
        request.extensions_mut().insert(RequestId(id.clone()));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            mark(response.headers_mut(), &id);
            Ok(response)
        })
    }
}

/// The client's own id, if it sent one that is fit for a header and a log.
fn given_id(headers: &HeaderMap) -> Option<Arc<str>> {
    let value = headers
        .get(X_REQUEST_ID)
        .or_else(|| headers.get(REQUEST_ID))?;
    let text = value.to_str().ok()?;
    (!text.is_empty() && text.len() <= ID_BYTES_MAX).then(|| Arc::from(text))
}

fn fresh_id() -> Arc<str> {
    let mut text = uuid::Uuid::encode_buffer();
    Arc::from(&*uuid::Uuid::new_v4().hyphenated().encode_lower(&mut text))
}

fn mark(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id.clone());
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert("x-influxdb-version", HeaderValue::from_static(VERSION));
    headers.insert("x-influxdb-build", HeaderValue::from_static("OSS"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_kept_and_a_missing_or_huge_one_replaced() {
        let mut headers = HeaderMap::new();
        assert_eq!(given_id(&headers), None);
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("abc"));
        assert_eq!(given_id(&headers).as_deref(), Some("abc"));
        headers.insert(
            X_REQUEST_ID,
            HeaderValue::from_str(&"x".repeat(200)).unwrap(),
        );
        assert_eq!(given_id(&headers), None);
    }

    #[tokio::test]
    async fn every_answer_carries_version_and_id() {
        let inner = tower::service_fn(|request: Request<()>| async move {
            let seen = request
                .extensions()
                .get::<RequestId>()
                .map(|id| id.0.clone());
            assert_eq!(seen.as_deref(), Some("mine"));
            Ok::<_, std::convert::Infallible>(Response::new(()))
        });
        let mut service = IdentifyLayer.layer(inner);
        let request = Request::builder()
            .header("x-request-id", "mine")
            .body(())
            .unwrap();
        let response = service.call(request).await.unwrap();
        assert_eq!(response.headers()["request-id"], "mine");
        assert!(
            response.headers()["x-influxdb-version"]
                .to_str()
                .unwrap()
                .starts_with("1.8.10-")
        );
    }
}
