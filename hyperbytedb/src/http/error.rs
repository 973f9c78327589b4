//! The one table that turns errors into HTTP.

use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use storage::StorageError;

use super::Answer;
use super::body::AnswerBody;
use crate::query::error::QueryError;
use crate::write::WriteError;

/// Why a request got no answer of its own. Always JSON, as clients decide by it
/// whether to try again.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("Request Entity Too Large")]
    BodyTooLarge,
    #[error("cannot read the request body: {0}")]
    Body(String),
    #[error("missing required parameter \"q\"")]
    MissingQuery,
    #[error("error parsing query: {0}")]
    Parse(String),
    #[error("{0}")]
    Parameter(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("method {0} is not allowed here")]
    Method(Method),
    /// The thread of the query ended without an answer.
    #[error("the query failed inside the server; its log tells where")]
    Broken,
    #[error("{0}")]
    Write(#[from] WriteError),
    #[error("{0}")]
    Query(#[from] QueryError),
}

/// Bytes of an error that are repeated in a header: a write with many bad lines tells of
/// each.
const HEADER_BYTES_MAX: usize = 2048;
/// Seconds after which a client may try again.
const RETRY_SECONDS: &str = "1";

impl HttpError {
    /// The status. What can succeed later is 5xx: Telegraf drops a batch on any 4xx.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            HttpError::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            HttpError::Body(_)
            | HttpError::MissingQuery
            | HttpError::Parse(_)
            | HttpError::Parameter(_) => StatusCode::BAD_REQUEST,
            HttpError::NotFound(_) => StatusCode::NOT_FOUND,
            HttpError::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            HttpError::Broken => StatusCode::INTERNAL_SERVER_ERROR,
            HttpError::Write(error) => write_status(error),
            HttpError::Query(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let status = self.status();
        let text = self.to_string();
        let mut body = serde_json::json!({ "error": text }).to_string();
        body.push('\n');
        let mut answer = Response::new(AnswerBody::from(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(value) = header_of(&text) {
            headers.insert("x-influxdb-error", value);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        answer
    }
}

/// The text fit for a header: on one line, and cut where clients would refuse the whole
/// answer for it. The body has all of it.
fn header_of(text: &str) -> Option<HeaderValue> {
    let end = text.floor_char_boundary(HEADER_BYTES_MAX);
    let line = text[..end].replace(|c: char| c.is_control(), " ");
    HeaderValue::from_bytes(line.as_bytes()).ok()
}

fn write_status(error: &WriteError) -> StatusCode {
    match error {
        WriteError::DatabaseRequired
        | WriteError::Precision(_)
        | WriteError::Consistency
        | WriteError::Parse(_)
        | WriteError::Partial { .. } => StatusCode::BAD_REQUEST,
        WriteError::TooManyPoints(_) => StatusCode::PAYLOAD_TOO_LARGE,
        WriteError::Interrupted => StatusCode::INTERNAL_SERVER_ERROR,
        WriteError::Storage(error) => match error {
            StorageError::DatabaseNotFound(_) => StatusCode::NOT_FOUND,
            StorageError::Full { .. } | StorageError::Stopped(_) => StatusCode::SERVICE_UNAVAILABLE,
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
        let answer = error.answer();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], RETRY_SECONDS);
        let text = answer.headers()["x-influxdb-error"].to_str().unwrap();
        assert!(text.contains("cache-max-memory-size exceeded"));
    }

    #[test]
    fn a_long_text_does_not_make_a_long_header() {
        let text = format!("{}\né", "x".repeat(100_000));
        let answer = HttpError::Write(WriteError::Parse(text)).answer();
        assert_eq!(answer.headers()["x-influxdb-error"].len(), HEADER_BYTES_MAX);
        let answer = HttpError::Write(WriteError::Parse("a\nü".into())).answer();
        assert_eq!(
            answer.headers()["x-influxdb-error"].as_bytes(),
            "a ü".as_bytes()
        );
    }

    #[test]
    fn a_missing_database_is_404_in_influxdbs_words() {
        let error = WriteError::Storage(StorageError::DatabaseNotFound("nodb".into()));
        let error = HttpError::Write(error);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(error.to_string(), "database not found: \"nodb\"");
    }
}
