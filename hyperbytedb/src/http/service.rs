//! The whole stack as one type that the server clones for every connection.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt};

/// A body of any layer's making.
pub type BoxedBody = UnsyncBoxBody<Bytes, BoxError>;

type Boxed = BoxCloneSyncService<Request<Incoming>, Response<BoxedBody>, Infallible>;

/// The boxed stack: the seam between `app`, which knows its layers, and the server.
#[derive(Clone)]
pub struct HttpService(Boxed);

impl HttpService {
    /// Boxes a stack.
    pub fn new<S, B>(stack: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let boxed = stack.map_response(|response: Response<B>| {
            response.map(|body| body.map_err(Into::into).boxed_unsync())
        });
        Self(BoxCloneSyncService::new(boxed))
    }
}

impl Service<Request<Incoming>> for HttpService {
    type Response = Response<BoxedBody>;
    type Error = Infallible;
    type Future = <Boxed as Service<Request<Incoming>>>::Future;

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
