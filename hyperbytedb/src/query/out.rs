//! Hands an encoded answer on, piece by piece, to a client that may be slow, or gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::turns::Turn;

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
    patience: Duration,
    /// How long it was waited for a client.
    waited: Duration,
    /// Of the request; given back while it waits for its client, so that clients that read
    /// slowly hold up no other query.
    turn: Option<Turn>,
}

impl Out {
    #[must_use]
    pub fn new(
        pieces: mpsc::Sender<Piece>,
        cancelled: Arc<AtomicBool>,
        patience: Duration,
        turn: Option<Turn>,
    ) -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            cancelled,
            pieces: Some(pieces),
            bytes_max: usize::MAX,
            patience,
            waited: Duration::ZERO,
            turn,
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
            patience: Duration::MAX,
            waited: Duration::ZERO,
            turn: None,
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

    /// How long it was waited for the client since this was asked last.
    pub fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }

    fn send(&mut self, piece: Piece) {
        let Some(pieces) = self.pieces.clone() else {
            return;
        };
        let Err(mpsc::error::TrySendError::Full(piece)) = pieces.try_send(piece) else {
            if pieces.is_closed() {
                self.stop();
            }
            return;
        };
        let since = Instant::now();
        self.wait_for_room(&pieces, piece, since);
        self.waited += since.elapsed();
    }

    fn wait_for_room(&mut self, pieces: &mpsc::Sender<Piece>, piece: Piece, since: Instant) {
        let runtime = Handle::current();
        while !self.cancelled.load(Ordering::Relaxed) {
            let place = async { tokio::time::timeout(LOOK_EVERY, pieces.reserve()).await };
            match runtime.block_on(place) {
                Ok(Ok(place)) => {
                    place.send(piece);
                    return self.resume(&runtime);
                }
                Ok(Err(_closed)) => self.stop(),
                Err(_waited) if since.elapsed() > self.patience => self.stop(),
                Err(_waited) => self.turn.iter_mut().for_each(Turn::pause),
            }
        }
    }

    /// Waits for the turn that was given back, unless the query is stopped.
    fn resume(&mut self, runtime: &Handle) {
        let Some(turn) = &mut self.turn else {
            return;
        };
        while !self.cancelled.load(Ordering::Relaxed) {
            let resumed = async { tokio::time::timeout(LOOK_EVERY, turn.resume()).await };
            if runtime.block_on(resumed).is_ok() {
                return;
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
    use crate::query::turns::Turns;

    fn out(patience: Duration) -> (Out, mpsc::Receiver<Piece>) {
        let (pieces, answer) = mpsc::channel(1);
        (Out::new(pieces, Arc::default(), patience, None), answer)
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
        let (out, mut answer) = out(Duration::MAX);
        let sent = tokio::spawn(send_twice(out));
        let mut pieces = 0;
        while answer.recv().await.is_some() {
            pieces += 1;
        }
        assert_eq!((pieces, sent.await.unwrap()), (2, false));
    }

    #[tokio::test]
    async fn a_turn_is_given_back_while_the_client_reads_and_taken_again() {
        let turns = Turns::new(1, None);
        let turn = turns.turn().await.unwrap();
        let (pieces, mut answer) = mpsc::channel(1);
        let out = Out::new(pieces, Arc::default(), Duration::MAX, Some(turn));
        let sent = tokio::spawn(send_twice(out));
        // The second piece has no room: another request has its turn meanwhile.
        let other = turns.turn().await.unwrap();
        assert!(answer.recv().await.is_some());
        assert!(answer.recv().await.is_some());
        assert!(!sent.is_finished());
        drop(other);
        assert!(!sent.await.unwrap());
        assert_eq!(turns.load().running, 0);
    }

    #[tokio::test]
    async fn a_killed_query_does_not_wait_for_its_client() {
        let (out, _unread) = out(Duration::MAX);
        let cancelled = out.cancelled.clone();
        let sent = tokio::spawn(send_twice(out));
        cancelled.store(true, Ordering::Relaxed);
        assert!(sent.await.unwrap());
    }

    #[tokio::test]
    async fn patience_with_a_client_ends() {
        let (out, _unread) = out(Duration::ZERO);
        assert!(send_twice(out).await);
    }

    #[tokio::test]
    async fn a_client_that_is_gone_stops_the_query() {
        let (out, answer) = out(Duration::MAX);
        drop(answer);
        assert!(send_twice(out).await);
    }
}
