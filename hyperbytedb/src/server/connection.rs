//! One connection, served until it or its time ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tower::{BoxError, Service};

use super::activity::{Activity, Limits, Reason, Verdict};
use super::heads::{HeadLimits, HeadReader, Note, Notes};
use crate::layers::{Busy, Held, LongQuery, PeerCertificate};

/// How long a connection that is to end may take over what is on its way out.
const FAREWELL: Duration = Duration::from_secs(1);

/// What all connections share.
#[derive(Clone)]
pub struct Serving {
    pub protocol: auto::Builder<TokioExecutor>,
    pub limits: Limits,
    pub heads: HeadLimits,
    /// True when the server stops.
    pub stopping: watch::Receiver<bool>,
}

impl Serving {
    /// Serves requests until the client leaves, a limit is reached, or the server stops
    /// and the request that runs is answered.
    pub async fn serve<I, S, B>(
        mut self,
        stream: I,
        service: S,
        activity: Arc<Activity>,
        certificate: Option<PeerCertificate>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let stream = Watched {
            stream,
            activity: activity.clone(),
        };
        let notes = Arc::<Notes>::default();
        let stream = HeadReader::new(stream, self.heads, self.limits.head, notes.clone());
        let service = Attended {
            inner: service,
            activity: activity.clone(),
            notes: notes.clone(),
            certificate,
        };
        let service = TowerToHyperService::new(service);
        let connection = self
            .protocol
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut ending: Option<Instant> = None;
        loop {
            let wait = match (activity.verdict(&self.limits, Instant::now()), ending) {
                // Told why by the reader of heads, which is asked for it as soon as the
                // connection is polled.
                (Verdict::End(Reason::Head), None) if notes.is_in_head() => {
                    notes.expire();
                    ending = Some(Instant::now());
                    FAREWELL
                }
                // Hung up on: there is nothing to be said to who does not read.
                (Verdict::End(reason @ (Reason::Head | Reason::Reader)), _) => {
                    tracing::debug!(?reason, "connection ended");
                    return;
                }
                (Verdict::End(Reason::Idle), None) => Duration::ZERO,
                (_, Some(since)) if !activity.is_busy() && since.elapsed() >= FAREWELL => return,
                (_, Some(_)) => FAREWELL,
                (Verdict::Wait(wait), None) => wait,
            };
            tokio::select! {
                served = connection.as_mut() => {
                    if let Err(error) = served {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
                () = tokio::time::sleep(wait), if ending.is_some() || !wait.is_zero() => continue,
                () = activity.end.notified(), if ending.is_none() => {}
                _ = self.stopping.wait_for(|stopping| *stopping), if ending.is_none() => {}
                () = std::future::ready(()), if ending.is_none() && wait.is_zero() => {}
            }
            connection.as_mut().graceful_shutdown();
            ending = Some(Instant::now());
        }
    }
}

/// Tells the activity of a connection when its requests begin and end.
#[derive(Clone)]
struct Attended<S> {
    inner: S,
    activity: Arc<Activity>,
    notes: Arc<Notes>,
    certificate: Option<PeerCertificate>,
}

impl<S, B> Service<Request<Incoming>> for Attended<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<Held<B, Arc<Running>>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        let running = Running::new(&self.activity, request.version() == Version::HTTP_2);
        let running = Arc::new(running);
        let extensions = request.extensions_mut();
        match self.notes.request_begins() {
            Some(Note::Query(query)) => {
                extensions.insert(LongQuery(query));
            }
            Some(Note::Refused(error)) => {
                extensions.insert(error);
            }
            None => {}
        }
        if !request.body().is_end_stream() {
            request.extensions_mut().insert(Busy::new(running.clone()));
        }
        if let Some(certificate) = &self.certificate {
            request.extensions_mut().insert(certificate.clone());
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Held::new(body, running)))
        })
    }
}

/// A request that runs, until its answer is on its way.
struct Running(Arc<Activity>);

impl Running {
    fn new(activity: &Arc<Activity>, multiplexed: bool) -> Self {
        activity.request_began(multiplexed);
        Self(activity.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.request_ended(Instant::now());
    }
}

/// A transport that tells what it does.
struct Watched<T> {
    stream: T,
    activity: Arc<Activity>,
}

impl<T> Watched<T> {
    fn sent<R>(&self, polled: Poll<R>) -> Poll<R> {
        self.activity.stalled(polled.is_pending(), Instant::now());
        polled
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.received(Instant::now());
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.sent(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.sent(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.sent(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
