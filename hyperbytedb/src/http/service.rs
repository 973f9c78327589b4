//! The whole stack as one type that the server clones for every connection.

use std::convert::Infallible;

use hyper::Request;
use hyper::body::Incoming;
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::Answer;

/// The boxed stack: the seam between `app`, which knows its layers, and the server.
#[derive(Clone)]
pub struct HttpService(BoxCloneSyncService<Request<Incoming>, Answer, Infallible>);

impl HttpService {
    /// Boxes a stack.
    pub fn new<S>(stack: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Answer, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        Self(BoxCloneSyncService::new(stack))
    }
}

impl Service<Request<Incoming>> for HttpService {
    type Response = Answer;
    type Error = Infallible;
    type Future = <BoxCloneSyncService<Request<Incoming>, Answer, Infallible> as Service<
        Request<Incoming>,
    >>::Future;

    fn poll_ready(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        self.0.call(request)
    }
}
