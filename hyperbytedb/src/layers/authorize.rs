//! Passes a request on only when whoever sent it may ask for what it asks for. The
//! request itself knows both, so this layer knows no service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::{Layer, Service};

/// A request that carries who asks and what for.
pub trait Guarded {
    type Refusal;

    /// # Errors
    /// When they do not go together.
    fn check(&self) -> Result<(), Self::Refusal>;
}

/// Wraps services in [`Authorize`].
#[derive(Debug, Clone, Copy)]
pub struct AuthorizeLayer;

impl<S> Layer<S> for AuthorizeLayer {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize { inner }
    }
}

/// See [`AuthorizeLayer`].
#[derive(Debug, Clone)]
pub struct Authorize<S> {
    inner: S,
}

impl<S> Authorize<S> {
    /// The service below, for requests that are checked in another way.
    pub fn unguarded(&self) -> &S {
        &self.inner
    }
}

impl<S, R> Service<R> for Authorize<S>
where
    R: Guarded,
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: From<R::Refusal> + Send,
    R::Refusal: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match request.check() {
            Ok(()) => Box::pin(self.inner.call(request)),
            Err(refusal) => Box::pin(async move { Err(refusal.into()) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt;

    #[derive(Debug, PartialEq)]
    struct Wish {
        may: bool,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no")]
    struct No;

    impl Guarded for Wish {
        type Refusal = No;

        fn check(&self) -> Result<(), No> {
            self.may.then_some(()).ok_or(No)
        }
    }

    #[tokio::test]
    async fn what_is_refused_never_reaches_the_service() {
        let (inner, mut handle) = tower_test::mock::pair::<Wish, &str>();
        let service = AuthorizeLayer.layer(inner);
        handle.allow(2);
        let refused = service.clone().oneshot(Wish { may: false }).await;
        assert_eq!(refused.unwrap_err().to_string(), "no");
        let granted = tokio::spawn(service.oneshot(Wish { may: true }));
        let (seen, send) = handle.next_request().await.unwrap();
        assert_eq!(seen, Wish { may: true });
        send.send_response("done");
        assert_eq!(granted.await.unwrap().unwrap(), "done");
    }
}
