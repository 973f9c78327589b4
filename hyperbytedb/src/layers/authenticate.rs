//! Lets nobody past whom a gate does not admit, and tells the services below who asks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::http::request::Parts;
use hyper::{Request, Response};
use tower::{Layer, Service};

/// Looks at the head of a request.
pub trait Gate<Out>: Clone + Send + 'static {
    /// What the services below find among the request's extensions.
    type Pass: Clone + Send + Sync + 'static;

    /// Who asks, or the answer for somebody who may not.
    fn admit(
        &self,
        request: &Parts,
    ) -> impl Future<Output = Result<Self::Pass, Response<Out>>> + Send;
}

/// Wraps services in [`Authenticate`].
#[derive(Debug, Clone)]
pub struct AuthenticateLayer<G>(pub G);

impl<S, G: Clone> Layer<S> for AuthenticateLayer<G> {
    type Service = Authenticate<S, G>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate {
            inner,
            gate: self.0.clone(),
        }
    }
}

/// See [`AuthenticateLayer`].
#[derive(Debug, Clone)]
pub struct Authenticate<S, G> {
    inner: S,
    gate: G,
}

impl<S, G, In, Out> Service<Request<In>> for Authenticate<S, G>
where
    S: Service<Request<In>, Response = Response<Out>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    G: Gate<Out> + Sync,
    In: Send + 'static,
    Out: Send + 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        // The one that was made ready is called; a clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            match gate.admit(&head).await {
                Ok(pass) => {
                    head.extensions.insert(pass);
                    inner.call(Request::from_parts(head, body)).await
                }
                Err(refusal) => Ok(refusal),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use tower::ServiceExt;

    /// Admits whoever brings a ticket.
    #[derive(Clone)]
    struct Tickets;

    #[derive(Debug, Clone, PartialEq)]
    struct Ticket(String);

    impl Gate<()> for Tickets {
        type Pass = Ticket;

        async fn admit(&self, request: &Parts) -> Result<Ticket, Response<()>> {
            let ticket = request.headers.get("ticket").and_then(|t| t.to_str().ok());
            let refusal = || Response::builder().status(401).body(()).unwrap();
            ticket.map(|t| Ticket(t.into())).ok_or_else(refusal)
        }
    }

    fn request(ticket: Option<&str>) -> Request<Full<&'static [u8]>> {
        let mut request = Request::builder();
        if let Some(ticket) = ticket {
            request = request.header("ticket", ticket);
        }
        request.body(Full::new(b"body".as_slice())).unwrap()
    }

    #[tokio::test]
    async fn only_the_admitted_come_through_and_are_known() {
        let (inner, mut handle) =
            tower_test::mock::pair::<Request<Full<&'static [u8]>>, Response<()>>();
        let service = AuthenticateLayer(Tickets).layer(inner);
        let refused = service.clone().oneshot(request(None));
        handle.allow(2);
        assert_eq!(refused.await.unwrap().status(), 401);
        let admitted = tokio::spawn(service.oneshot(request(Some("mine"))));
        let (seen, send) = handle.next_request().await.unwrap();
        assert_eq!(seen.extensions().get(), Some(&Ticket("mine".into())));
        send.send_response(Response::new(()));
        assert_eq!(admitted.await.unwrap().unwrap().status(), 200);
    }

    #[tokio::test]
    async fn it_is_ready_when_the_service_below_is() {
        let (inner, mut handle) =
            tower_test::mock::pair::<Request<Full<&'static [u8]>>, Response<()>>();
        let mut service = tower_test::mock::Spawn::new(AuthenticateLayer(Tickets).layer(inner));
        handle.allow(0);
        assert!(service.poll_ready().is_pending());
        handle.allow(1);
        assert!(service.poll_ready().is_ready());
    }
}
