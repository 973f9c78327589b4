//! Listeners, and the loop that takes connections from them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use metrics::gauge;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::{BoxError, Service};

use super::activity::Limits;
use super::connection::Serving;
use super::heads::{HeadLimits, TARGET_BYTES_MAX};
use super::reload::{self, Certificates};
use super::room::{Place, Room};
use super::tls::{TlsError, TlsFiles};
use super::unix::UnixSocket;
use crate::layers::PeerCertificate;
use crate::monitor::metrics::name;

/// Requests at one time on one connection of HTTP/2.
const STREAMS_MAX: u32 = 256;
/// Connections that the system keeps until they are taken; it may allow fewer. The usual
/// 128 are too few when thousands of agents come back at once.
const BACKLOG: u32 = 4096;
/// Bytes of bodies that a connection of HTTP/2 may send ahead of their being read.
const WINDOW_BYTES: u32 = 1 << 20;
/// Headers of a request: as many as the HTTP library has room for.
const HEADERS_MAX: usize = 100;
/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;
/// What a client of plain HTTP is told; no JSON, on which agents would drop a batch.
const PLAIN_REFUSED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 62\r\nconnection: close\r\n\r\nthis port speaks HTTPS; the request was plain HTTP: use https\n";

/// Where connections come from.
pub struct Listeners {
    pub tcp: TcpListener,
    /// Never encrypted: it does not leave the machine.
    pub unix: Option<UnixSocket>,
}

/// How connections are taken.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Places of connections.
    pub connections_max: usize,
    /// Bytes of the head of a request.
    pub head_bytes_max: usize,
    pub limits: Limits,
    /// HTTPS, and nothing else, on the TCP listener.
    pub tls: Option<TlsFiles>,
}

/// Listens on a port; 0 picks a free one.
///
/// # Errors
/// When the address is in use, or none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As every server does: a port is free again as soon as its owner has gone.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Why the server cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0}")]
    Tls(#[from] TlsError),
}

/// The accepting side, ready to run.
pub struct Server {
    listeners: Listeners,
    certificates: Option<Arc<Certificates>>,
    room: Arc<Room>,
    serving: Serving,
    stop: watch::Sender<bool>,
}

/// A server that takes no connections any more.
pub struct Draining {
    room: Arc<Room>,
}

impl Draining {
    /// Waits until the last connection has ended.
    pub async fn finished(self) {
        self.room.emptied().await;
    }
}

impl Server {
    /// Loads the certificates, if there are to be any.
    ///
    /// # Errors
    /// Naming the file that cannot be used.
    pub fn new(listeners: Listeners, settings: &Settings) -> Result<Self, ServerError> {
        let certificates = settings.tls.clone().map(Certificates::load).transpose()?;
        let (stop, stopping) = watch::channel(false);
        Ok(Self {
            listeners,
            certificates: certificates.map(Arc::new),
            room: Room::new(settings.connections_max),
            serving: Serving {
                protocol: protocol(settings.head_bytes_max),
                limits: settings.limits,
                heads: HeadLimits {
                    bytes: settings.head_bytes_max,
                    headers: HEADERS_MAX,
                },
                stopping,
            },
            stop,
        })
    }

    /// Where it listens, with the scheme.
    #[must_use]
    pub fn url(&self) -> String {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = self.listeners.tcp.local_addr().unwrap_or(unknown);
        match self.certificates {
            Some(_) => format!("https://{address}"),
            None => format!("http://{address}"),
        }
    }

    /// Takes connections until `stop`; those that are open then finish what runs.
    pub async fn run<S, B>(self, service: S, stop: impl Future<Output = ()>) -> Draining
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        gauge!(name::CONNECTIONS_MAX).set(self.room.places() as f64);
        let reloading = tokio::spawn(reload::watch(self.certificates.clone()));
        let mut stop = std::pin::pin!(stop);
        loop {
            let place = tokio::select! {
                place = self.room.place() => place,
                () = &mut stop => break,
            };
            let accepted = tokio::select! {
                accepted = self.listeners.tcp.accept() => accepted.map(|(stream, _peer)| {
                    tokio::spawn(self.serve_tcp(stream, place.taken(), service.clone()));
                }),
                accepted = UnixSocket::accept(self.listeners.unix.as_ref()) => accepted.map(|stream| {
                    tokio::spawn(self.serve_unix(stream, place.taken(), service.clone()));
                }),
                () = &mut stop => break,
            };
            if let Err(error) = accepted {
                // Out of file descriptors, for instance.
                tracing::warn!(%error, "connection not accepted");
                self.room.end_idle();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        reloading.abort();
        // All tasks that serve hold a receiver; without any there is nobody to tell.
        let _nobody = self.stop.send(true);
        Draining { room: self.room }
    }

    fn serve_unix<S, B>(
        &self,
        stream: UnixStream,
        place: Place,
        service: S,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let serving = self.serving.clone();
        async move {
            let activity = place.activity.clone();
            serving.serve(stream, service, activity, None).await;
        }
    }

    fn serve_tcp<S, B>(
        &self,
        stream: TcpStream,
        place: Place,
        service: S,
    ) -> impl Future<Output = ()> + Send + use<S, B>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let serving = self.serving.clone();
        let config = self.certificates.as_ref().map(|files| files.config());
        async move {
            let _unsupported = stream.set_nodelay(true);
            let activity = place.activity.clone();
            let Some(config) = config else {
                serving.serve(stream, service, activity, None).await;
                return;
            };
            let shaken = tokio::select! {
                shaken = tokio::time::timeout(serving.limits.head, encrypt(stream, config)) => shaken,
                () = activity.end.notified() => return,
            };
            match shaken {
                Ok(Ok(Some(stream))) => {
                    let certificate = certificate_of(&stream);
                    if certificate.is_some() {
                        tracing::debug!("a client showed a certificate that is believed");
                    }
                    serving.serve(stream, service, activity, certificate).await;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "no TLS connection"),
                Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
}

/// Makes a connection an encrypted one; `None` when the client speaks plain HTTP, which
/// it is told.
async fn encrypt(
    mut stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? > 0 && first[0] != TLS_HANDSHAKE {
        stream.write_all(PLAIN_REFUSED).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    TlsAcceptor::from(config).accept(stream).await.map(Some)
}

/// The certificate that a client showed; rustls has checked it.
fn certificate_of(stream: &TlsStream<TcpStream>) -> Option<PeerCertificate> {
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates()?.first()?;
    Some(PeerCertificate(Arc::from(shown.as_ref())))
}

fn protocol(head_bytes_max: usize) -> auto::Builder<TokioExecutor> {
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        .timer(TokioTimer::new())
        // The connection's own watch does this, for the first bytes, TLS and HTTP/2, too.
        .header_read_timeout(None)
        // The reader of heads holds them to their limit; what it encodes takes more room.
        .max_buf_size(head_bytes_max + TARGET_BYTES_MAX);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    protocol
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_of_plain_http_is_as_long_as_it_says() {
        let text = std::str::from_utf8(PLAIN_REFUSED).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
