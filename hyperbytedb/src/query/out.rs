//! Hands an encoded answer on, piece by piece, to a client that may be slow, or gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Bytes that are collected before they are handed on.
pub const PIECE_BYTES: usize = 64 << 10;
/// Pieces that may wait for a slow client.
pub const PIECES_AHEAD: usize = 4;
/// How often a query that waits for its client looks whether it was stopped.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A part of the encoded answer.
#[derive(Debug)]
pub enum Piece {
    Part(Bytes),
    Last(Bytes),
}

/// Where encoded bytes go. Used on threads that may block.
pub struct Out {
    pub buffer: Vec<u8>,
    pub cancelled: Arc<AtomicBool>,
    /// `None` when everything is collected.
    pieces: Option<mpsc::Sender<Piece>>,
    /// Bytes that may be collected.
    bytes_max: usize,
    /// A client that takes nothing for so long counts as gone.
    patience: Option<Duration>,
}

impl Out {
    #[must_use]
    pub fn new(
        pieces: mpsc::Sender<Piece>,
        cancelled: Arc<AtomicBool>,
        patience: Option<Duration>,
    ) -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            cancelled,
            pieces: Some(pieces),
            bytes_max: usize::MAX,
            patience,
        }
    }

    /// Collects about `bytes_max` bytes and hands nothing on.
    #[must_use]
    pub fn collecting(bytes_max: usize, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            cancelled,
            pieces: None,
            bytes_max,
            patience: None,
        }
    }

    /// Whether there is more than may be collected.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.buffer.len() > self.bytes_max
    }

    /// Hands on what is collected, when it is enough.
    pub fn send_if(&mut self, full: bool) {
        if full && self.pieces.is_some() && !self.buffer.is_empty() {
            let piece = Bytes::from(std::mem::take(&mut self.buffer));
            self.buffer = Vec::with_capacity(PIECE_BYTES + 4096);
            self.send(Piece::Part(piece));
        }
    }

    /// Hands on the rest.
    pub fn finish(&mut self) {
        let rest = Bytes::from(std::mem::take(&mut self.buffer));
        self.send(Piece::Last(rest));
    }

    fn send(&self, piece: Piece) {
        let Some(pieces) = &self.pieces else {
            return;
        };
        let Err(mpsc::error::TrySendError::Full(piece)) = pieces.try_send(piece) else {
            if pieces.is_closed() {
                self.stop();
            }
            return;
        };
        let since = Instant::now();
        let runtime = Handle::current();
        while !self.cancelled.load(Ordering::Relaxed) {
            let place = async { tokio::time::timeout(LOOK_EVERY, pieces.reserve()).await };
            match runtime.block_on(place) {
                Ok(Ok(place)) => return place.send(piece),
                Ok(Err(_closed)) => self.stop(),
                Err(_waited) if self.patience.is_some_and(|most| since.elapsed() > most) => {
                    self.stop();
                }
                Err(_waited) => {}
            }
        }
    }

    /// Nobody reads on: nothing more needs to be computed.
    fn stop(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(patience: Option<Duration>) -> (Out, mpsc::Receiver<Piece>) {
        let (pieces, answer) = mpsc::channel(1);
        (Out::new(pieces, Arc::default(), patience), answer)
    }

    async fn send_twice(mut out: Out) -> bool {
        let sent = tokio::task::spawn_blocking(move || {
            for _ in 0..2 {
                out.buffer.push(1);
                out.send_if(true);
            }
            out.cancelled.load(Ordering::Relaxed)
        });
        sent.await.unwrap()
    }

    #[test]
    fn what_is_collected_is_not_handed_on_and_has_a_limit() {
        let mut out = Out::collecting(2, Arc::default());
        out.buffer.extend_from_slice(b"ab");
        out.send_if(true);
        assert!(!out.is_full());
        out.buffer.push(b'c');
        assert!(out.is_full());
        assert_eq!(out.buffer, b"abc");
    }

    #[tokio::test]
    async fn a_client_that_reads_gets_everything() {
        let (out, mut answer) = out(None);
        let sent = tokio::spawn(send_twice(out));
        let mut pieces = 0;
        while answer.recv().await.is_some() {
            pieces += 1;
        }
        assert_eq!((pieces, sent.await.unwrap()), (2, false));
    }

    #[tokio::test]
    async fn a_killed_query_does_not_wait_for_its_client() {
        let (out, _unread) = out(None);
        let cancelled = out.cancelled.clone();
        let sent = tokio::spawn(send_twice(out));
        cancelled.store(true, Ordering::Relaxed);
        assert!(sent.await.unwrap());
    }

    #[tokio::test]
    async fn patience_with_a_client_ends() {
        let (out, _unread) = out(Some(Duration::ZERO));
        assert!(send_twice(out).await);
    }

    #[tokio::test]
    async fn a_client_that_is_gone_stops_the_query() {
        let (out, answer) = out(None);
        drop(answer);
        assert!(send_twice(out).await);
    }
}
