//! The transport of a connection with the reader of heads in it.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::time::Sleep;

use super::framing::{Framing, HeadLimits, Stop};
use super::notes::{Note, Notes};
use crate::layers::HeadError;

/// Bytes that are read at one time behind a head that did not come whole.
const READ_BYTES: usize = 8 << 10;
/// Bytes that are read at one time into the library's buffer, which has room for the largest
/// head and what encoding adds to it: more would leave the processor's cache before it is
/// taken from there (large bodies took 5 to 10 % longer).
const PASSED_BYTES: u64 = 64 << 10;
/// What is handed on in place of a head that is refused; the answer ends the connection.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n";
/// How long, and for how many bytes, a connection that ends takes in what its client is still
/// sending. Without that the system would throw the answer away with it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 16 << 20;

/// Hands on what it reads when the HTTP library can take it, and something else otherwise.
pub struct HeadReader<T> {
    /// Its limit is set before each read that goes straight into the library's buffer.
    stream: Take<T>,
    framing: Framing,
    notes: Arc<Notes>,
    header_timeout: Duration,
    /// Read and not looked through: a head that is not complete, or what follows one that was
    /// replaced.
    raw: BytesMut,
    /// To be handed on before anything else.
    ready: BytesMut,
    end: End,
    linger: Linger,
}

/// Whether anything more is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// A head was refused.
    Refused,
    /// A body was no body.
    Broken,
}

#[derive(Default)]
struct Linger {
    is_shut: bool,
    timer: Option<Pin<Box<Sleep>>>,
    bytes: usize,
}

impl<T: AsyncRead> HeadReader<T> {
    /// Reads heads within limits; `header_timeout` is named when one took too long.
    pub fn new(stream: T, limits: HeadLimits, header_timeout: Duration, notes: Arc<Notes>) -> Self {
        Self {
            stream: stream.take(PASSED_BYTES),
            framing: Framing::new(limits),
            notes,
            header_timeout,
            raw: BytesMut::new(),
            ready: BytesMut::new(),
            end: End::Open,
            linger: Linger::default(),
        }
    }

    /// Goes on behind the bytes that passed as they were.
    fn stopped(&mut self, rest: &[u8], stop: Stop) {
        match stop {
            Stop::Incomplete => self.raw.extend_from_slice(rest),
            Stop::Replaced { length, by } => {
                self.raw.extend_from_slice(&rest[length..]);
                self.ready.extend_from_slice(&by.head);
                if let Some(query) = by.query {
                    self.notes.add(self.framing.heads(), Note::Query(query));
                }
            }
            Stop::Refused(error) => self.refuse(error),
            Stop::Broken => self.end = End::Broken,
        }
        let in_head = self.framing.is_in_head() && !self.raw.is_empty();
        self.notes.set_in_head(in_head);
    }

    fn refuse(&mut self, error: HeadError) {
        self.framing.end();
        self.notes.add(self.framing.heads(), Note::Refused(error));
        self.ready.extend_from_slice(REFUSED);
        self.raw.clear();
        self.end = End::Refused;
    }

    /// Looks through what was read before; false when that is not enough.
    fn look_through_raw(&mut self) -> bool {
        let raw = std::mem::take(&mut self.raw);
        let pass = self.framing.pass(&raw);
        if pass.bytes == 0 && pass.stop == Stop::Incomplete {
            // As it was.
            self.raw = raw;
            return false;
        }
        let mut rest = raw;
        let passed = rest.split_to(pass.bytes);
        match self.ready.is_empty() {
            true => self.ready = passed,
            false => self.ready.extend_from_slice(&passed),
        }
        self.stopped(&rest, pass.stop);
        true
    }

    /// Hands on what is ready.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) {
        let count = self.ready.len().min(out.remaining());
        out.put_slice(&self.ready[..count]);
        self.ready.advance(count);
    }
}

impl<T: AsyncRead + Unpin> HeadReader<T> {
    /// Reads straight into the library's buffer and takes back what must not pass.
    fn poll_read_through(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = out.filled().len();
        self.stream.set_limit(PASSED_BYTES);
        ready!(Pin::new(&mut self.stream).poll_read(context, out))?;
        let read = &out.filled()[before..];
        if read.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let pass = self.framing.pass(read);
        if pass.bytes < read.len() || pass.stop != Stop::Incomplete {
            self.stopped(&read[pass.bytes..], pass.stop);
            out.set_filled(before + pass.bytes);
        }
        Poll::Ready(Ok(pass.bytes > 0))
    }

    /// Reads more of a head that is not complete; false at the end of the stream.
    fn poll_read_more(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        ready!(Pin::new(self.stream.get_mut()).poll_read(context, &mut read))?;
        self.raw.extend_from_slice(read.filled());
        Poll::Ready(Ok(!read.filled().is_empty()))
    }

    /// Takes in what the client is still sending, to its end or for a while.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let linger = &mut self.linger;
        let timer = linger
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_BYTES];
        while timer.as_mut().poll(context).is_pending() && linger.bytes < LINGER_BYTES_MAX {
            let mut read = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(self.stream.get_mut()).poll_read(context, &mut read)) {
                Ok(()) if read.filled().is_empty() => break,
                Ok(()) => linger.bytes += read.filled().len(),
                // Nobody is there any more.
                Err(_gone) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HeadReader<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.ready.is_empty() {
                this.hand_on(out);
                return Poll::Ready(Ok(()));
            }
            match this.end {
                End::Open => {}
                // The answer ends the connection; the end of the stream would be taken for a
                // client that has gone.
                End::Refused => return Poll::Pending,
                End::Broken => {
                    let text = "the body is no chunked body";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
            }
            if this.raw.is_empty() {
                if ready!(this.poll_read_through(context, out))? {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            if this.look_through_raw() {
                continue;
            }
            if this.notes.is_expired() && this.framing.is_in_head() {
                this.refuse(HeadError::Slow(this.header_timeout));
                continue;
            }
            if !ready!(this.poll_read_more(context))? {
                // The client has gone in the middle of a head.
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeadReader<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.linger.is_shut {
            ready!(Pin::new(this.stream.get_mut()).poll_shutdown(context))?;
            this.linger.is_shut = true;
        }
        if this.end != End::Open || this.framing.is_in_body() {
            ready!(this.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }
}
