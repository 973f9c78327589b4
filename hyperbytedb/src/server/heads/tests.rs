//! The reader of heads against bytes of any kind, cut in any way, and against the HTTP
//! library, which must find the same requests in what is handed on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{HeadLimits, HeadReader, Note, Notes};
use crate::layers::HeadError;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 8 << 10,
    headers: 100,
};

/// Gives its pieces one at a time, then the end.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(mut piece) = self.0.pop_front() else {
            return Poll::Ready(Ok(()));
        };
        let rest = piece.split_off(piece.len().min(out.remaining()));
        out.put_slice(&piece);
        if !rest.is_empty() {
            self.0.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

/// What the HTTP library gets to read, how that ends, and what is noted.
#[derive(Debug, PartialEq)]
struct Told {
    bytes: Vec<u8>,
    end: &'static str,
    notes: Vec<String>,
}

/// Reads everything, into buffers of so many bytes.
fn told(pieces: Vec<Vec<u8>>, room: usize) -> Told {
    let notes = Arc::<Notes>::default();
    let pieces = Pieces(pieces.into());
    let mut reader = HeadReader::new(pieces, LIMITS, Duration::from_secs(1), notes.clone());
    let mut context = Context::from_waker(Waker::noop());
    let mut bytes = Vec::new();
    let mut space = vec![0; room];
    let end = loop {
        let mut out = ReadBuf::new(&mut space);
        match Pin::new(&mut reader).poll_read(&mut context, &mut out) {
            Poll::Pending => break "refused",
            Poll::Ready(Err(_)) => break "broken",
            Poll::Ready(Ok(())) if out.filled().is_empty() => break "end",
            Poll::Ready(Ok(())) => bytes.extend_from_slice(out.filled()),
        }
    };
    // More requests than there can be heads in so few bytes.
    let noted = (0..bytes.len() + 2).filter_map(|_| notes.request_begins());
    let notes = noted.map(|note| format!("{note:?}")).collect();
    Told { bytes, end, notes }
}

fn whole(bytes: &[u8]) -> Told {
    told(vec![bytes.to_vec()], 64 << 10)
}

/// Cuts bytes behind the given places.
fn cut(bytes: &[u8], mut places: Vec<usize>) -> Vec<Vec<u8>> {
    places
        .iter_mut()
        .for_each(|place| *place %= bytes.len() + 1);
    places.sort_unstable();
    places.dedup();
    let mut pieces = Vec::new();
    let mut begin = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        if place > begin {
            pieces.push(bytes[begin..place].to_vec());
            begin = place;
        }
    }
    pieces
}

/// A request as a library sends it, with a body of any bytes.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..60);
    let fields = prop::collection::vec("[A-Za-z-]{1,8}: [ -~]{0,20}", 0..4);
    let target = "/[a-zA-Z0-9/._~-]{0,12}(\\?[a-z]{1,3}=([a-z0-9+]|%2[0-9A-F]){0,20})?";
    (target, fields, body, 0..3_u8).prop_map(|(target, fields, body, framing)| {
        let mut text = format!("POST {target} HTTP/1.1\r\nHost: x\r\n").into_bytes();
        for field in fields {
            text.extend_from_slice(format!("X-{field}\r\n").as_bytes());
        }
        match framing {
            0 => text.extend_from_slice(b"\r\n"),
            1 => {
                let length = format!("Content-Length: {}\r\n\r\n", body.len());
                text.extend_from_slice(length.as_bytes());
                text.extend(body);
            }
            _ => {
                text.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(7) {
                    text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    text.extend_from_slice(chunk);
                    text.extend_from_slice(b"\r\n");
                }
                text.extend_from_slice(b"0\r\n\r\n");
            }
        }
        text
    })
}

/// Parts of which requests and their forgeries are made.
fn part() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "GET /n HTTP/1.1\r\n",
        "POST /n?q=\"a b\"<\u{e4}> HTTP/1.1\r\n",
        "POST /n HTTP/1.0\r\n",
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length:\t30 \r\n",
        "content-length : 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "transfer-encoding: Chunked\r\n",
        "Transfer-Encoding: x, chunked\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        " folded\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        "5\r\nabcde\r\n",
        "1e\r\nGET /smuggled HTTP/1.1\r\n\r\nabcd\r\n",
        "0\r\n\r\n",
        "0\r\nTrailer: x\r\n\r\n",
        "abcde",
        "GET /smuggled HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\0",
        ":",
        ";",
    ];
    prop_oneof![
        12 => prop::sample::select(PARTS).prop_map(|part| part.as_bytes().to_vec()),
        2 => valid(),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn parts() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(part(), 1..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn valid_requests_pass_byte_for_byte(
        requests in prop::collection::vec(valid(), 1..4),
        places in prop::collection::vec(any::<usize>(), 0..12),
        room in 1_usize..200,
    ) {
        let bytes = requests.concat();
        let told = told(cut(&bytes, places), room);
        prop_assert_eq!(told.end, "end");
        prop_assert!(told.notes.is_empty());
        prop_assert_eq!(told.bytes, bytes);
    }

    #[test]
    fn how_bytes_are_cut_changes_nothing(
        bytes in parts(),
        places in prop::collection::vec(any::<usize>(), 0..20),
        room in 1_usize..200,
    ) {
        prop_assert_eq!(told(cut(&bytes, places), room), whole(&bytes));
    }

    #[test]
    fn any_bytes_end_somehow(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        whole(&bytes);
    }
}

/// Both sides of a connection: pieces to read, and nothing that is written.
struct Connection(HeadReader<Pieces>);

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, out)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The requests that the HTTP library finds: each its path, its note and its body.
async fn served(pieces: Vec<Vec<u8>>) -> Vec<(String, Option<String>, Vec<u8>)> {
    let notes = Arc::<Notes>::default();
    let pieces = Pieces(pieces.into());
    let reader = HeadReader::new(pieces, LIMITS, Duration::from_secs(1), notes.clone());
    let found = Arc::new(Mutex::new(Vec::new()));
    let service = {
        let found = found.clone();
        hyper::service::service_fn(move |request: Request<Incoming>| {
            let note = notes.request_begins().map(|note| format!("{note:?}"));
            let found = found.clone();
            async move {
                let path = request.uri().path().to_string();
                let body = request.into_body().collect().await;
                if let Ok(body) = body {
                    found.lock().push((path, note, body.to_bytes().to_vec()));
                }
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        })
    };
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(Connection(reader)), service);
    // It ends with an error where the bytes do.
    let _ended = connection.await;
    found.lock().clone()
}

/// What a simple reader finds, which knows nothing but whole requests that are framed in one
/// way: as [`served`], up to the first that is not.
fn expected(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(stripped) = rest.strip_prefix(b"\r\n") {
        rest = stripped;
    }
    while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let mut body = &rest[end + 4..];
        let path = head
            .split([' ', '?'])
            .nth(1)
            .unwrap_or_default()
            .to_string();
        let field = |name: &str| {
            let lines = head.lines().skip(1);
            let mut named = lines.filter_map(|line| line.split_once(':'));
            let found = named.find(|(own, _)| own.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        let mut whole = Vec::new();
        if field("transfer-encoding").is_some() {
            loop {
                let Some(line) = body.windows(2).position(|window| window == b"\r\n") else {
                    return found;
                };
                let size = String::from_utf8_lossy(&body[..line]).into_owned();
                let size = size
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_string();
                let Ok(size) = usize::from_str_radix(&size, 16) else {
                    return found;
                };
                body = &body[line + 2..];
                if size == 0 {
                    break;
                }
                if body.len() < size + 2 {
                    return found;
                }
                whole.extend_from_slice(&body[..size]);
                body = &body[size + 2..];
            }
            // The fields behind the last chunk.
            loop {
                let Some(line) = body.windows(2).position(|window| window == b"\r\n") else {
                    return found;
                };
                body = &body[line + 2..];
                if line == 0 {
                    break;
                }
            }
        } else if let Some(length) = field("content-length") {
            let Ok(length) = length.parse::<usize>() else {
                return found;
            };
            if body.len() < length {
                return found;
            }
            whole.extend_from_slice(&body[..length]);
            body = &body[length..];
        }
        found.push((path, whole));
        rest = body;
        while let Some(stripped) = rest.strip_prefix(b"\r\n") {
            rest = stripped;
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// What is answered as a request is one for every reader: the library finds no other
    /// requests than a reader that knows only one way, and none in a body.
    #[test]
    fn the_library_finds_no_request_where_none_was_sent(
        bytes in parts(),
        places in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let found = runtime.block_on(async {
            // A refused head leaves the connection to its answer, which nobody reads here.
            let served = served(cut(&bytes, places));
            tokio::time::timeout(Duration::from_secs(20), served).await
        });
        let found = found.map_err(|_| TestCaseError::fail("the connection never ended"))?;
        let expected = expected(&bytes);
        for (at, (path, note, body)) in found.iter().enumerate() {
            if note.is_some() {
                // The last: it stands for a head that was refused.
                prop_assert_eq!(at + 1, found.len());
                continue;
            }
            prop_assert_eq!(Some(&(path.clone(), body.clone())), expected.get(at));
        }
    }
}

fn is_refused(told: &Told, error: HeadError) -> bool {
    told.end == "refused"
        && told
            .bytes
            .ends_with(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        && told.notes == [format!("{:?}", Note::Refused(error))]
}

#[test]
fn a_refused_head_keeps_its_place_and_nothing_is_read_behind_it() {
    let told =
        whole(b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nA : b\r\n\r\nGET /c HTTP/1.1\r\n\r\n");
    assert!(told.bytes.starts_with(b"GET /a HTTP/1.1\r\n\r\nGET / HTTP"));
    assert!(is_refused(
        &told,
        HeadError::Malformed("a header without a name, or with a character that no name may have")
    ));
}

#[test]
fn a_head_without_an_end_is_refused_at_the_limit() {
    for bytes in [vec![b'a'; LIMITS.bytes], b"\r\n".repeat(LIMITS.bytes)] {
        let told = whole(&bytes);
        assert_eq!(told.end, "refused");
    }
    let long = format!("GET /?{} HTTP/1.1\r\n\r\n", "x".repeat(LIMITS.bytes));
    let told = told(cut(long.as_bytes(), (0..long.len()).collect()), 10);
    assert!(is_refused(&told, HeadError::TooLarge(LIMITS.bytes)));
}

#[test]
fn http2_passes_untouched() {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0, b'\n', b'\n', 0xff]);
    for room in [1, 7, 100] {
        let told = told(cut(&bytes, vec![1, 5, 23, 24, 30]), room);
        assert_eq!((told.bytes, told.end), (bytes.clone(), "end"));
    }
}

#[tokio::test]
async fn a_connection_that_ends_takes_in_what_is_still_sent() {
    let (mut client, server) = tokio::io::duplex(64);
    let notes = Arc::<Notes>::default();
    let mut reader = HeadReader::new(server, LIMITS, Duration::from_secs(1), notes);
    client.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let mut refused = [0; 8];
    reader.read_exact(&mut refused).await.unwrap();
    let send = async {
        client.write_all(&[b'x'; 10_000]).await.unwrap();
        drop(client);
    };
    let (shut, ()) = tokio::join!(reader.shutdown(), send);
    shut.unwrap();
}
