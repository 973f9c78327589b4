//! `POST /write`.

use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use hyper::header::CONTENT_ENCODING;
use points::line_protocol::Precision;
use tower::{Service, ServiceExt};

use super::Answer;
use super::body::{inflate, read};
use super::error::HttpError;
use super::ping::no_content;
use super::request::Parameters;
use crate::write::{Consistency, WriteError, WriteRequest, WriteService};

/// Reads a write off the wire and passes it on.
///
/// # Errors
/// In the order in which InfluxDB checks: database, then parameters, then the body.
pub async fn handle<B>(
    mut service: WriteService,
    request: Request<B>,
    body_bytes_max: usize,
    database_exists: impl FnOnce(&str) -> Result<(), storage::StorageError>,
) -> Result<Answer, HttpError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let parameters = Parameters::of_url(request.uri().query());
    let database = parameters
        .get("db")
        .ok_or(WriteError::DatabaseRequired)?
        .to_string();
    database_exists(&database).map_err(WriteError::Storage)?;
    let precision = Precision::parse(parameters.get("precision").unwrap_or_default())
        .map_err(WriteError::Precision)?;
    Consistency::check(parameters.get("consistency").unwrap_or_default())?;
    let gzip = request
        .headers()
        .get(CONTENT_ENCODING)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let policy = parameters.get("rp").map(str::to_string);
    let mut body = read(request.into_body(), body_bytes_max).await?;
    if gzip {
        body = inflate(&body, body_bytes_max)?;
    }
    let service = service.ready().await?;
    service
        .call(WriteRequest {
            database,
            policy,
            precision,
            body,
        })
        .await?;
    Ok(no_content())
}
