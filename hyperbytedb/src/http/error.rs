//! The one table that turns errors into HTTP.

use bytes::Bytes;
use hyper::header::{
    ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use storage::StorageError;

use super::Answer;
use super::body::AnswerBody;
use super::format::Format;
use crate::auth::{AuthError, Forbidden};
use crate::layers::{Forged, HeadError, OutcomeUnknown, Overloaded, RateLimited, ReceiveError};
use crate::monitor::metrics::name;
use crate::prometheus::PrometheusError;
use crate::query::error::QueryError;
use crate::write::WriteError;

/// Why a request got no answer of its own. Clients decide by status and text whether
/// to try again.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("Request Entity Too Large")]
    BodyTooLarge,
    #[error("{0}")]
    Body(String),
    #[error("missing required parameter \"q\"")]
    MissingQuery,
    #[error("error parsing query: {0}")]
    Parse(String),
    #[error("{0}")]
    Parameter(String),
    #[error("404 page not found")]
    NotFound,
    /// With the methods that are.
    #[error("Method Not Allowed")]
    Method(&'static str),
    /// A bucket whose name says nothing.
    #[error("{0}")]
    Bucket(String),
    /// What a `POST /api/v2/delete` names does not exist.
    #[error("delete - {0}")]
    DeleteTarget(String),
    /// What it says is refused.
    #[error("delete - {0}")]
    Delete(String),
    /// Clients know the beginning of InfluxDB's text.
    #[error(
        "Flux query service disabled. This server has no Flux: send InfluxQL to /query, where a bucket is the parameters db and rp."
    )]
    Flux,
    /// Snappy or protobuf that cannot be read.
    #[error("{0}")]
    Prometheus(#[from] PrometheusError),
    /// The thread of the query ended without an answer.
    #[error("the query failed inside the server; its log tells where")]
    Broken,
    /// The credentials do not do.
    #[error("{0}")]
    Auth(#[from] AuthError),
    /// They do, but not for this.
    #[error("{0}")]
    Forbidden(#[from] Forbidden),
    /// A mark of peers on a request of somebody else.
    #[error("{0}")]
    Forged(#[from] Forged),
    /// The accepting side has refused the head.
    #[error("{0}")]
    Head(#[from] HeadError),
    #[error("{0}")]
    Receive(#[from] ReceiveError),
    #[error("{0}")]
    Overloaded(#[from] Overloaded),
    #[error("{0}")]
    RateLimited(#[from] RateLimited),
    #[error("{0}")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("{0}")]
    Write(#[from] WriteError),
    #[error("{0}")]
    Query(#[from] QueryError),
}

/// How a client is asked for credentials, as InfluxDB does it.
const REALM: &str = "Basic realm=\"InfluxDB\"";
/// Seconds after which a client may try again.
const RETRY_SECONDS: &str = "1";

/// Bytes of a text that go into the header; many clients refuse headers beyond 64 KiB.
const HEADER_BYTES_MAX: usize = 16 << 10;

impl HttpError {
    /// The status. What can succeed later is 5xx: Telegraf drops a batch on any 4xx.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            HttpError::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            HttpError::Body(_)
            | HttpError::MissingQuery
            | HttpError::Parse(_)
            | HttpError::Parameter(_)
            | HttpError::Delete(_) => StatusCode::BAD_REQUEST,
            HttpError::Bucket(_) | HttpError::DeleteTarget(_) => StatusCode::NOT_FOUND,
            HttpError::Auth(AuthError::AdminRequired { .. })
            | HttpError::Flux
            | HttpError::Forbidden(_)
            | HttpError::Forged(_)
            | HttpError::Query(QueryError::Forbidden(_))
            | HttpError::Write(WriteError::Forbidden(_)) => StatusCode::FORBIDDEN,
            HttpError::Auth(AuthError::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            HttpError::Auth(_) => StatusCode::UNAUTHORIZED,
            HttpError::Prometheus(error) => match error {
                PrometheusError::Query(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            },
            HttpError::NotFound => StatusCode::NOT_FOUND,
            HttpError::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            HttpError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            HttpError::Head(error) => match error {
                HeadError::Malformed(_) => StatusCode::BAD_REQUEST,
                HeadError::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                HeadError::TooLarge(_) | HeadError::TooManyHeaders(_) => {
                    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
                }
                HeadError::PathTooLong(_) => StatusCode::URI_TOO_LONG,
                HeadError::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            },
            HttpError::Receive(error) => match error {
                ReceiveError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                ReceiveError::Broken(_) => StatusCode::BAD_REQUEST,
                ReceiveError::Slow | ReceiveError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            },
            HttpError::Overloaded(_) | HttpError::RateLimited(_) | HttpError::OutcomeUnknown(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            HttpError::Write(error) => write_status(error),
            HttpError::Query(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Which limit or check has refused a request, for the metric of refusals.
    fn refusal(&self) -> Option<&'static str> {
        Some(match self {
            HttpError::Auth(AuthError::AdminRequired { .. })
            | HttpError::Forbidden(_)
            | HttpError::Forged(_)
            | HttpError::Query(QueryError::Forbidden(_))
            | HttpError::Write(WriteError::Forbidden(_)) => "privileges",
            HttpError::Auth(_) => "credentials",
            HttpError::Head(HeadError::Slow(_)) => "head_too_slow",
            HttpError::Head(_) => "head",
            HttpError::RateLimited(_) => "rate_limit",
            HttpError::Overloaded(_) => "overloaded",
            HttpError::OutcomeUnknown(_) => "timeout",
            HttpError::BodyTooLarge | HttpError::Receive(ReceiveError::TooLarge) => {
                "body_too_large"
            }
            HttpError::Receive(ReceiveError::Slow) => "body_too_slow",
            HttpError::Receive(ReceiveError::NoRoom) => "body_memory",
            HttpError::Receive(ReceiveError::Broken(_)) => "body_broken",
            _ => return None,
        })
    }

    fn retry_after(&self) -> HeaderValue {
        match self {
            HttpError::RateLimited(error) => HeaderValue::from(error.retry_after.as_secs()),
            _ => HeaderValue::from_static(RETRY_SECONDS),
        }
    }

    /// The answer, in the format that the client asked for.
    #[must_use]
    pub fn answer(&self, format: Format) -> Answer {
        if let Some(reason) = self.refusal() {
            metrics::counter!(name::HTTP_REFUSED, "reason" => reason).increment(1);
        }
        match self {
            HttpError::NotFound => return plain(StatusCode::NOT_FOUND, "404 page not found\n"),
            HttpError::Method(allowed) => {
                let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
                answer
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(allowed));
                return answer;
            }
            _ => {}
        }
        let status = self.status();
        let text = self.to_string();
        let (content_type, body) = format.error(&text);
        let mut answer = Response::new(AnswerBody::from(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Ok(value) = HeaderValue::from_bytes(header_text(&text).as_bytes()) {
            headers.insert("x-influxdb-error", value);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(REALM));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, self.retry_after());
        }
        answer
    }
}

/// The text for a header: on one line, and not longer than clients take. The body has
/// all of it.
fn header_text(text: &str) -> String {
    let end = text.floor_char_boundary(HEADER_BYTES_MAX);
    let line = text[..end].replace(|c: char| c.is_control(), " ");
    line.trim_end().to_string()
}

/// What Go's router says of paths and methods that nobody serves.
fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(AnswerBody::from(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn write_status(error: &WriteError) -> StatusCode {
    match error {
        WriteError::DatabaseRequired
        | WriteError::Precision(_)
        | WriteError::Consistency
        | WriteError::Parse(_)
        | WriteError::Partial { .. } => StatusCode::BAD_REQUEST,
        WriteError::TooManyPoints(_) => StatusCode::PAYLOAD_TOO_LARGE,
        WriteError::Forbidden(_) => StatusCode::FORBIDDEN,
        WriteError::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        WriteError::Storage(error) => match error {
            StorageError::DatabaseNotFound(_) => StatusCode::NOT_FOUND,
            StorageError::Full { .. } | StorageError::DiskFull(_) | StorageError::Stopped(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_pressure_is_503_with_the_text_that_clients_retry_on() {
        let error = HttpError::Write(WriteError::Storage(StorageError::Full {
            bytes: 2,
            limit: 1,
        }));
        let answer = error.answer(Format::default());
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], RETRY_SECONDS);
        let text = answer.headers()["x-influxdb-error"].to_str().unwrap();
        assert!(text.contains("cache-max-memory-size exceeded"));
    }

    #[test]
    fn a_long_text_is_whole_in_the_body_only() {
        let text = format!("a\n{}", "é".repeat(HEADER_BYTES_MAX));
        let header = header_text(&text);
        assert!(header.starts_with("a é"));
        assert!(header.len() <= HEADER_BYTES_MAX);
        let answer = HttpError::Parse(text.clone()).answer(Format::default());
        assert!(hyper::body::Body::size_hint(answer.body()).lower() > text.len() as u64);
    }

    #[test]
    fn a_missing_database_is_404_in_influxdbs_words() {
        let error = WriteError::Storage(StorageError::DatabaseNotFound("nodb".into()));
        let error = HttpError::Write(error);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(error.to_string(), "database not found: \"nodb\"");
    }
}
