//! Takes in what nobody has read of a request's body when its answer is there. Many clients
//! send all of a request before they look at the answer, and would see a broken connection
//! instead; the answer itself waits for nothing.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::{Request, Response, Version};
use tokio::time::Instant;
use tower::{Layer, Service};

use super::receive::ReceiveLimits;

/// Bytes a second that a body must have on average; slower ones use up the time that
/// they may stand still, once.
const RATE_BYTES_MIN: u64 = 1024;

/// Among a request's extensions: its connection has something to do as long as somebody holds
/// this.
#[derive(Clone)]
pub struct Busy(
    /// Held, never looked at.
    #[allow(dead_code)]
    Arc<dyn Any + Send + Sync>,
);

impl Busy {
    #[must_use]
    pub fn new(kept: Arc<dyn Any + Send + Sync>) -> Self {
        Self(kept)
    }
}

/// How fast a body must come.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    started: Instant,
    /// How long it may stand still.
    stall: Duration,
}

impl Pace {
    #[must_use]
    pub fn new(stall: Duration) -> Self {
        Self {
            started: Instant::now(),
            stall,
        }
    }

    /// When the next bytes must be there, after so many.
    #[must_use]
    pub fn deadline(&self, bytes: usize) -> Instant {
        let earned = Duration::from_secs(bytes as u64 / RATE_BYTES_MIN);
        (self.started + self.stall + earned).min(Instant::now() + self.stall)
    }
}

/// Wraps services in [`Drain`].
#[derive(Debug, Clone)]
pub struct DrainLayer {
    limits: ReceiveLimits,
}

impl DrainLayer {
    /// Takes in what is left of a body up to the size that one may have.
    #[must_use]
    pub fn new(limits: ReceiveLimits) -> Self {
        Self { limits }
    }
}

impl<S> Layer<S> for DrainLayer {
    type Service = Drain<S>;

    fn layer(&self, inner: S) -> Drain<S> {
        Drain {
            inner,
            limits: self.limits,
        }
    }
}

/// See [`DrainLayer`].
#[derive(Debug, Clone)]
pub struct Drain<S> {
    inner: S,
    limits: ReceiveLimits,
}

impl<S, In, Out> Service<Request<In>> for Drain<S>
where
    S: Service<Request<Unread<In>>, Response = Response<Out>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    In: Body<Data = Bytes> + Unpin + Send + 'static,
{
    type Response = Response<Out>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Out>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let (head, body) = request.into_parts();
        let mut body = Unread::new(body, self.limits);
        body.busy = head.extensions.get::<Busy>().cloned();
        // HTTP/2 answers without the rest of a request.
        let waits = head.headers.contains_key(EXPECT) && head.version <= Version::HTTP_11;
        if !waits {
            return Box::pin(self.inner.call(Request::from_parts(head, body)));
        }
        let begun = Arc::new(AtomicBool::new(false));
        body.leave = Some(begun.clone());
        let answer = self.inner.call(Request::from_parts(head, body));
        Box::pin(async move {
            let mut answer = answer.await?;
            if !begun.load(Ordering::Relaxed) {
                // Whether the client sends the body after such an answer, nobody knows.
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok(answer)
        })
    }
}

/// A body, the rest of which is taken in and forgotten when it is dropped.
pub struct Unread<B: Body<Data = Bytes> + Unpin + Send + 'static> {
    body: Option<B>,
    limits: ReceiveLimits,
    busy: Option<Busy>,
    /// The client waits for leave to send the body until this is true. To ask for the body is
    /// to give leave.
    leave: Option<Arc<AtomicBool>>,
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Unread<B> {
    #[must_use]
    pub fn new(body: B, limits: ReceiveLimits) -> Self {
        Self {
            body: Some(body),
            limits,
            busy: None,
            leave: None,
        }
    }

    /// Nothing more will come, or nothing that can be used.
    pub fn give_up(&mut self) {
        self.body = None;
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Body for Unread<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if let Some(leave) = this.leave.take() {
            leave.store(true, Ordering::Relaxed);
        }
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            this.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_default()
    }
}

impl<B: Body<Data = Bytes> + Unpin + Send + 'static> Drop for Unread<B> {
    fn drop(&mut self) {
        let Some(body) = self.body.take() else {
            return;
        };
        if body.is_end_stream() || self.leave.is_some() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(discard(body, self.limits, self.busy.take()));
        }
    }
}

/// Takes a body in up to its end or the limits.
async fn discard<B>(mut body: B, limits: ReceiveLimits, _busy: Option<Busy>)
where
    B: Body<Data = Bytes> + Unpin,
{
    let pace = Pace::new(limits.stall);
    let mut bytes = 0;
    while bytes <= limits.body_bytes_max {
        let frame = tokio::time::timeout_at(pace.deadline(bytes), body.frame()).await;
        let Ok(Some(Ok(frame))) = frame else {
            return;
        };
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tokio::sync::mpsc;

    const LIMITS: ReceiveLimits = ReceiveLimits {
        body_bytes_max: 8,
        memory_bytes_max: 8,
        stall: Duration::from_secs(60),
    };

    /// A body that comes through a channel.
    struct Coming(mpsc::Receiver<&'static str>);

    impl Body for Coming {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let piece = self.0.poll_recv(context);
            piece.map(|piece| Some(Ok(Frame::data(Bytes::from(piece?)))))
        }
    }

    /// Answers without a look at the body, which may come through the channel.
    async fn answered(expect: bool) -> (Response<()>, mpsc::Sender<&'static str>) {
        let inner = tower::service_fn(|_request: Request<Unread<Coming>>| async move {
            Ok::<_, Infallible>(Response::new(()))
        });
        let (send, receive) = mpsc::channel(1);
        let mut request = Request::post("/");
        if expect {
            request = request.header(EXPECT, "100-continue");
        }
        let request = request.body(Coming(receive)).unwrap();
        let answer = DrainLayer::new(LIMITS).layer(inner).call(request).await;
        (answer.unwrap(), send)
    }

    #[tokio::test]
    async fn the_rest_of_a_body_is_taken_in_within_bounds_after_the_answer() {
        let (answer, send) = answered(false).await;
        assert!(!answer.headers().contains_key(CONNECTION));
        for _ in 0..3 {
            send.send("four").await.unwrap();
        }
        // Nine bytes and more: nobody takes them in any longer.
        send.closed().await;
    }

    #[tokio::test]
    async fn nobody_asks_for_a_body_that_waits_for_leave() {
        let (answer, send) = answered(true).await;
        assert_eq!(answer.headers()[CONNECTION], "close");
        assert!(send.is_closed());
    }
}
