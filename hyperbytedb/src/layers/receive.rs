//! Takes in the body of a request before anything else is done for it: what waits for a
//! slow client then waits here, where it costs the bytes that came and nothing more.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Request;
use hyper::body::Body;
use hyper::header::CONTENT_ENCODING;
use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{BoxError, Layer, Service};

use super::drain::{Pace, Unread};
use crate::monitor::metrics::name;

/// Bytes that are counted as one.
const UNIT_BYTES: usize = 1024;
/// Room that is made for a body before it has come.
const ROOM_BYTES_MAX: usize = 256 << 10;

/// Why a body was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveError {
    /// In InfluxDB's words.
    #[error("Request Entity Too Large")]
    TooLarge,
    #[error("the body came too slowly (server.body_timeout_secs); try again")]
    Slow,
    /// The bodies of all requests together use all memory there is for them.
    #[error(
        "the server is overloaded: bodies of requests fill server.body_memory_max_mb; try again"
    )]
    NoRoom,
    /// The client broke off, or sent what is no body.
    #[error("{0}")]
    Broken(String),
}

/// What bodies may take.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveLimits {
    /// Bytes of one, as it is sent.
    pub body_bytes_max: usize,
    /// Bytes of all together that are not worked off.
    pub memory_bytes_max: usize,
    /// How long one may stand still.
    pub stall: Duration,
}

/// Wraps services in [`Receive`].
#[derive(Debug, Clone)]
pub struct ReceiveLayer {
    limits: ReceiveLimits,
    memory: BodyMemory,
}

impl ReceiveLayer {
    #[must_use]
    pub fn new(limits: ReceiveLimits) -> Self {
        gauge!(name::BODY_BYTES_MAX).set(limits.memory_bytes_max as f64);
        Self {
            limits,
            memory: BodyMemory::new(limits.memory_bytes_max),
        }
    }
}

impl<S> Layer<S> for ReceiveLayer {
    type Service = Receive<S>;

    fn layer(&self, inner: S) -> Receive<S> {
        Receive {
            inner,
            settings: self.clone(),
        }
    }
}

/// See [`ReceiveLayer`].
#[derive(Debug, Clone)]
pub struct Receive<S> {
    inner: S,
    settings: ReceiveLayer,
}

impl<S, In> Service<Request<Unread<In>>> for Receive<S>
where
    S: Service<Request<Bytes>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    In: Body<Data = Bytes> + Unpin + Send + 'static,
    In::Error: std::fmt::Display,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Unread<In>>) -> Self::Future {
        // The one that said it is ready goes with the request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let settings = self.settings.clone();
        Box::pin(async move {
            let (mut head, mut body) = request.into_parts();
            if body.is_end_stream() {
                let request = Request::from_parts(head, Bytes::new());
                return inner.call(request).await.map_err(Into::into);
            }
            if head.headers.contains_key(CONTENT_ENCODING) {
                head.extensions.insert(settings.memory.clone());
            }
            let mut intake = Intake::new(settings);
            let received = match intake.take(&mut body).await {
                Ok(received) => intake.held.keep(received),
                Err(error) => {
                    if matches!(error, ReceiveError::Slow | ReceiveError::Broken(_)) {
                        body.give_up();
                    }
                    return Err(error.into());
                }
            };
            let request = Request::from_parts(head, received);
            inner.call(request).await.map_err(Into::into)
        })
    }
}

/// The memory that the bodies of all requests have; among the extensions of each, for what a
/// body becomes after decompression.
#[derive(Debug, Clone)]
pub struct BodyMemory(Arc<Semaphore>);

impl BodyMemory {
    fn new(bytes_max: usize) -> Self {
        let units = (bytes_max / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// Room for nothing, which can grow.
    #[must_use]
    pub fn nothing(&self) -> HeldMemory {
        HeldMemory {
            memory: self.clone(),
            permit: None,
        }
    }
}

/// Memory that a body has, in the gauge of what all have.
#[derive(Debug)]
pub struct HeldMemory {
    memory: BodyMemory,
    permit: Option<OwnedSemaphorePermit>,
}

impl HeldMemory {
    fn units(&self) -> usize {
        let permit = self.permit.as_ref();
        permit.map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Takes room for so many bytes in all.
    ///
    /// # Errors
    /// [`ReceiveError::NoRoom`].
    pub fn grow(&mut self, bytes: usize) -> Result<(), ReceiveError> {
        let more = bytes.div_ceil(UNIT_BYTES).saturating_sub(self.units());
        if more == 0 {
            return Ok(());
        }
        let permits = u32::try_from(more).unwrap_or(u32::MAX);
        let taken = self.memory.0.clone().try_acquire_many_owned(permits);
        let taken = taken.map_err(|_| ReceiveError::NoRoom)?;
        gauge!(name::BODY_BYTES).increment((more * UNIT_BYTES) as f64);
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            None => self.permit = Some(taken),
        }
        Ok(())
    }

    /// The bytes that it is for, which give it back when the last who reads them is done.
    #[must_use]
    pub fn keep(self, bytes: Bytes) -> Bytes {
        struct Counted {
            bytes: Bytes,
            _held: HeldMemory,
        }
        impl AsRef<[u8]> for Counted {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }
        match self.permit {
            Some(_) => Bytes::from_owner(Counted { bytes, _held: self }),
            None => bytes,
        }
    }
}

impl Drop for HeldMemory {
    fn drop(&mut self) {
        gauge!(name::BODY_BYTES).decrement((self.units() * UNIT_BYTES) as f64);
    }
}

/// A body on its way in.
struct Intake {
    settings: ReceiveLayer,
    pace: Pace,
    bytes: usize,
    /// What it holds of the memory.
    held: HeldMemory,
}

impl Intake {
    fn new(settings: ReceiveLayer) -> Self {
        Self {
            pace: Pace::new(settings.limits.stall),
            held: settings.memory.nothing(),
            settings,
            bytes: 0,
        }
    }

    async fn take<B>(&mut self, body: &mut B) -> Result<Bytes, ReceiveError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let limit = self.settings.limits.body_bytes_max;
        let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if expected > limit {
            return Err(ReceiveError::TooLarge);
        }
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(data) = self.next(body).await? {
            if self.bytes > limit {
                return Err(ReceiveError::TooLarge);
            }
            self.held.grow(self.bytes)?;
            if first.is_empty() && rest.is_empty() {
                first = data;
                continue;
            }
            if rest.is_empty() {
                // Most bodies come in one piece and are never copied.
                rest.reserve(expected.min(ROOM_BYTES_MAX).max(first.len() + data.len()));
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
        let whole = if rest.is_empty() {
            first
        } else {
            rest.freeze()
        };
        Ok(whole)
    }

    /// The next bytes, within their time.
    async fn next<B>(&mut self, body: &mut B) -> Result<Option<Bytes>, ReceiveError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        loop {
            let deadline = self.pace.deadline(self.bytes);
            let frame = tokio::time::timeout_at(deadline, body.frame()).await;
            let Some(frame) = frame.map_err(|_| ReceiveError::Slow)? else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| ReceiveError::Broken(error.to_string()))?;
            // Trailers have no meaning here.
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                self.bytes += data.len();
                return Ok(Some(data));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use hyper::body::Frame;
    use std::collections::VecDeque;
    use std::convert::Infallible;

    /// A body in pieces, which then ends or, without an end, says nothing more.
    struct Pieces {
        pieces: VecDeque<&'static str>,
        ends: bool,
    }

    fn pieces(pieces: Vec<&'static str>, ends: bool) -> Pieces {
        Pieces {
            pieces: pieces.into(),
            ends,
        }
    }

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.pieces.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    fn limits(body_bytes_max: usize, memory_bytes_max: usize) -> ReceiveLimits {
        ReceiveLimits {
            body_bytes_max,
            memory_bytes_max,
            stall: Duration::from_millis(1),
        }
    }

    async fn received(
        layer: &ReceiveLayer,
        body: impl Body<Data = Bytes, Error = Infallible> + Unpin + Send + 'static,
    ) -> Result<Bytes, ReceiveError> {
        let inner = tower::service_fn(|request: Request<Bytes>| async move {
            Ok::<_, Infallible>(request.into_body())
        });
        let request = Request::new(Unread::new(body, layer.limits));
        let answer = layer.layer(inner).call(request).await;
        answer.map_err(|error| *error.downcast::<ReceiveError>().unwrap())
    }

    #[tokio::test]
    async fn bodies_come_whole_and_give_back_their_memory() {
        let layer = ReceiveLayer::new(limits(5, UNIT_BYTES));
        let one = received(&layer, pieces(vec!["abc"], true)).await.unwrap();
        assert_eq!(one, "abc");
        let other = received(&layer, pieces(vec!["a"], true)).await;
        assert_eq!(other, Err(ReceiveError::NoRoom));
        drop(one);
        let two = received(&layer, pieces(vec!["abc", "", "de"], true)).await;
        assert_eq!(two.unwrap(), "abcde");
        let none = received(&layer, Full::default()).await;
        assert_eq!(none.unwrap(), "");
    }

    #[tokio::test]
    async fn too_large_and_too_slow_are_told_apart() {
        let layer = ReceiveLayer::new(limits(4, 1 << 20));
        let large = received(&layer, pieces(vec!["abc", "de"], true)).await;
        assert_eq!(large, Err(ReceiveError::TooLarge));
        let declared = received(&layer, Full::new(Bytes::from("abcde"))).await;
        assert_eq!(declared, Err(ReceiveError::TooLarge));
        let slow = received(&layer, pieces(vec!["abc"], false)).await;
        assert_eq!(slow, Err(ReceiveError::Slow));
    }
}
