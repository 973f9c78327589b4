//! What the accepting side says of the head of a request: that it refuses it, or where the
//! part of it is that the HTTP library has no room for.

use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use hyper::http::Extensions;

/// Why the head of a request was refused. The accepting side puts it among the extensions of
/// a request that stands for the refused one, so that the answer has its place among the
/// others of its connection and passes the same layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Says what is wrong with it.
    #[error("malformed HTTP request: {0}")]
    Malformed(&'static str),
    #[error("unsupported HTTP version: this server speaks HTTP/1.0, HTTP/1.1 and HTTP/2")]
    Version,
    /// Bytes that it may have.
    #[error("the head of the request is longer than {0} bytes (server.max_header_bytes)")]
    TooLarge(usize),
    /// How many there may be.
    #[error("the request has more than {0} headers")]
    TooManyHeaders(usize),
    /// Bytes that a path may have.
    #[error("the path of the request is longer than {0} bytes")]
    PathTooLong(usize),
    #[error(
        "timeout: the head of the request did not come to its end within {} s (server.header_timeout_secs)", .0.as_secs_f64()
    )]
    Slow(Duration),
}

/// The query of a URL that is longer than the HTTP library takes; that of the request's URI is
/// empty.
#[derive(Debug, Clone)]
pub struct LongQuery(pub Arc<str>);

/// The query of a request's URL, wherever it is kept.
#[must_use]
pub fn query_of<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a str {
    match extensions.get::<LongQuery>() {
        Some(LongQuery(query)) => query,
        None => uri.query().unwrap_or_default(),
    }
}
