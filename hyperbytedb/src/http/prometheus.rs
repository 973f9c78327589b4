//! `POST /api/v1/prom/write` and `/api/v1/prom/read`.

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response};

use super::Answer;
use super::body::{AnswerBody, read};
use super::error::HttpError;
use super::ping::no_content;
use super::request::Parameters;
use crate::prometheus::{ReadRequest, WriteRequest, answer, batch_of, decode, encode};
use crate::query::error::QueryError;
use crate::query::service::QueryService;
use crate::write::{WriteError, WriteService};

/// Stores the samples of a remote write; NaN and infinite ones are left out, as
/// Prometheus would send the request for ever otherwise.
///
/// # Errors
/// When the database is missing or the body cannot be read.
pub async fn write<B>(
    service: WriteService,
    request: Request<B>,
    body_bytes_max: usize,
) -> Result<Answer, HttpError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let parameters = Parameters::of_url(request.uri().query());
    let database = database_of(&parameters)?;
    let body = read(request.into_body(), body_bytes_max).await?;
    let (batch, dropped) = batch_of(decode::<WriteRequest>(&body)?);
    if dropped > 0 {
        tracing::debug!(dropped, "samples without a number or time left out");
    }
    let policy = parameters.get("rp").map(str::to_string);
    service.store(database, policy, batch).await?;
    Ok(no_content())
}

/// Answers a remote read.
///
/// # Errors
/// When the database is missing, the body cannot be read, or a query fails.
pub async fn read_samples<B>(
    service: QueryService,
    request: Request<B>,
    body_bytes_max: usize,
) -> Result<Answer, HttpError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let parameters = Parameters::of_url(request.uri().query());
    let database = database_of(&parameters)?;
    let policy = parameters.get("rp").map(str::to_string);
    let body = read(request.into_body(), body_bytes_max).await?;
    let request: ReadRequest = decode(&body)?;
    let packed = service
        .blocking(move |service| {
            let answered = answer(&request, &database, policy.as_deref(), service);
            Ok::<_, QueryError>(answered.and_then(|response| encode(&response)))
        })
        .await??;
    let mut answer = Response::new(AnswerBody::from(packed));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-protobuf"),
    );
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    Ok(answer)
}

fn database_of(parameters: &Parameters) -> Result<String, HttpError> {
    let database = parameters.get("db").ok_or(WriteError::DatabaseRequired)?;
    Ok(database.to_string())
}
