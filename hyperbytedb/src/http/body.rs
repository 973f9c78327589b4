//! Bodies: requests read within bounds, answers whole or in pieces.

use std::convert::Infallible;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use super::error::HttpError;
use crate::layers::BodyMemory;
use crate::query::out::Piece;

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody {
    Whole(Option<Bytes>),
    Pieces {
        ready: Option<Bytes>,
        pieces: mpsc::Receiver<Piece>,
    },
}

impl AnswerBody {
    #[must_use]
    pub fn empty() -> Self {
        AnswerBody::Whole(None)
    }
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> Self {
        AnswerBody::Whole(Some(bytes))
    }
}

impl From<Vec<u8>> for AnswerBody {
    fn from(bytes: Vec<u8>) -> Self {
        AnswerBody::Whole(Some(Bytes::from(bytes)))
    }
}

impl From<String> for AnswerBody {
    fn from(text: String) -> Self {
        AnswerBody::Whole(Some(Bytes::from(text)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(bytes) => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            AnswerBody::Pieces { ready, pieces } => {
                if let Some(bytes) = ready.take() {
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                pieces.poll_recv(context).map(|piece| {
                    piece.map(|piece| match piece {
                        Piece::Part(bytes) | Piece::Last(bytes) => Ok(Frame::data(bytes)),
                    })
                })
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            AnswerBody::Pieces { .. } => SizeHint::default(),
        }
    }
}

/// A gzip header without anything optional.
const GZIP_HEADER_BYTES: usize = 10;
/// What Go says of data that is cut off.
const UNEXPECTED_EOF: &str = "unexpected EOF";

/// Bytes that are inflated before it is looked whether there is memory for more.
const INFLATED_BYTES: usize = 256 << 10;

/// Inflates a gzip body into at most `limit` bytes, which take their room of the memory that
/// all bodies have. An empty body stays empty: some clients label it gzip, too.
///
/// # Errors
/// When it is no gzip, inflates beyond the limit, or there is no memory for it now.
pub fn inflate(
    body: &Bytes,
    limit: usize,
    memory: Option<&BodyMemory>,
) -> Result<Bytes, HttpError> {
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    if body.len() < GZIP_HEADER_BYTES {
        return Err(HttpError::Body(UNEXPECTED_EOF.to_string()));
    }
    if !body.starts_with(&[0x1f, 0x8b, 8]) {
        return Err(HttpError::Body("gzip: invalid header".to_string()));
    }
    let mut plain = Vec::with_capacity(body.len().saturating_mul(4).min(INFLATED_BYTES));
    let mut held = memory.map(BodyMemory::nothing);
    let mut decoder = MultiGzDecoder::new(body.as_ref());
    loop {
        let room = (limit - plain.len()).saturating_add(1).min(INFLATED_BYTES);
        let part = decoder.by_ref().take(room as u64).read_to_end(&mut plain);
        let inflated = part.map_err(|error| {
            HttpError::Body(match error.kind() {
                std::io::ErrorKind::UnexpectedEof => UNEXPECTED_EOF.to_string(),
                _ => format!("gzip: {error}"),
            })
        })?;
        if plain.len() > limit {
            return Err(HttpError::BodyTooLarge);
        }
        if let Some(held) = &mut held {
            held.grow(plain.len())?;
        }
        if inflated < room {
            break;
        }
    }
    let plain = Bytes::from(plain);
    Ok(match held {
        Some(held) => held.keep(plain),
        None => plain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        Bytes::from(encoder.finish().unwrap())
    }

    #[test]
    fn gzip_is_inflated_within_the_limit_only() {
        let packed = gzip(&vec![b'x'; 100_000]);
        assert_eq!(inflate(&packed, 100_000, None).unwrap().len(), 100_000);
        assert!(matches!(
            inflate(&packed, 99_999, None),
            Err(HttpError::BodyTooLarge)
        ));
        assert!(matches!(
            inflate(&Bytes::from("cpu v=1"), 10, None),
            Err(HttpError::Body(_))
        ));
        assert!(inflate(&Bytes::new(), 10, None).unwrap().is_empty());
    }
}
