//! Makes the errors of layers answers, by the one table.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::header::{CONNECTION, HeaderValue, ORIGIN};
use hyper::{Request, Uri, Version};
use tower::{BoxError, Layer, Service};

use super::error::HttpError;
use super::format::Format;
use super::{Answer, cors};
use crate::layers::{OutcomeUnknown, Overloaded, RateLimited, ReceiveError};

/// Wraps services in [`Rescue`].
#[derive(Debug, Clone, Copy)]
pub struct RescueLayer;

impl<S> Layer<S> for RescueLayer {
    type Service = Rescue<S>;

    fn layer(&self, inner: S) -> Rescue<S> {
        Rescue { inner }
    }
}

/// See [`RescueLayer`].
#[derive(Debug, Clone)]
pub struct Rescue<S> {
    inner: S,
}

/// Whether the client wants to read the answer.
fn asks_pretty(uri: &Uri) -> bool {
    // Nobody asks for it behind 64 KiB of other things.
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name == "pretty" && value == "true")
}

impl<S, B> Service<Request<B>> for Rescue<S>
where
    S: Service<Request<B>, Response = Answer>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // An error of readiness comes again with the call, which has a request to answer.
        self.inner.poll_ready(context).map(|_| Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let plain = Format::of(request.headers(), false);
        let pretty = Format::of(request.headers(), true);
        let uri = request.uri().clone();
        // HTTP/2 has no such header: what comes later there is another stream.
        let in_order = request.version() <= Version::HTTP_11;
        let origin = request.headers().get(ORIGIN).cloned();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let error = match answer.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error.into(),
            };
            let error = HttpError::of_layer(error);
            let format = if asks_pretty(&uri) { pretty } else { plain };
            let mut answer = error.answer(format);
            if in_order && matches!(error, HttpError::Receive(ReceiveError::Slow)) {
                // What comes later is the rest of this body, not another request.
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            if let Some(origin) = origin {
                cors::allow(origin, answer.headers_mut());
            }
            Ok(answer)
        })
    }
}

impl HttpError {
    /// What a layer failed with.
    fn of_layer(error: BoxError) -> HttpError {
        let error = match error.downcast::<ReceiveError>() {
            Ok(error) => return HttpError::Receive(*error),
            Err(error) => error,
        };
        if let Some(error) = error.downcast_ref::<RateLimited>() {
            return HttpError::RateLimited(*error);
        }
        if let Some(error) = error.downcast_ref::<Overloaded>() {
            return HttpError::Overloaded(*error);
        }
        if let Some(error) = error.downcast_ref::<OutcomeUnknown>() {
            return HttpError::OutcomeUnknown(*error);
        }
        tracing::error!(%error, "a request failed in a way that has no answer of its own");
        HttpError::Broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn answer(error: impl Into<BoxError>) -> Answer {
        let mut error = Some(error.into());
        let inner = tower::service_fn(move |_request: Request<()>| {
            std::future::ready(Err::<Answer, BoxError>(error.take().unwrap()))
        });
        let mut service = RescueLayer.layer(inner);
        service.call(Request::new(())).await.unwrap()
    }

    #[tokio::test]
    async fn what_can_succeed_later_is_503_in_json_with_a_time_to_try_again() {
        let retry_after = Duration::from_secs(7);
        let errors: [(BoxError, &str); 5] = [
            (Overloaded.into(), "1"),
            (RateLimited { retry_after }.into(), "7"),
            (OutcomeUnknown(retry_after).into(), "1"),
            (ReceiveError::NoRoom.into(), "1"),
            (ReceiveError::Slow.into(), "1"),
        ];
        for (error, after) in errors {
            let text = error.to_string();
            let answer = answer(error).await;
            assert_eq!(answer.status(), 503, "{text}");
            assert_eq!(answer.headers()["content-type"], "application/json");
            assert_eq!(answer.headers()["retry-after"], after, "{text}");
            assert_eq!(answer.headers()["x-influxdb-error"], text);
        }
    }

    #[tokio::test]
    async fn a_body_that_can_never_be_taken_is_4xx() {
        assert_eq!(answer(ReceiveError::TooLarge).await.status(), 413);
        let broken = ReceiveError::Broken("x".into());
        assert_eq!(answer(broken).await.status(), 400);
        assert_eq!(answer("anything else").await.status(), 500);
    }
}
