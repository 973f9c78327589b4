//! `POST /api/v1/prom/write` and `/api/v1/prom/read`.

use hyper::Response;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use storage::Engine;

use super::Answer;
use super::body::AnswerBody;
use super::error::HttpError;
use super::ping::no_content;
use super::request::{Parameters, Received};
use super::target::Target;
use crate::auth::{Identity, may_read, may_write};
use crate::prometheus::{ReadRequest, WriteRequest, answer, batch_of, decode, encode};
use crate::query::error::QueryError;
use crate::query::service::QueryService;
use crate::write::{WriteError, WriteService};

/// Stores the samples of a remote write; NaN and infinite ones are left out, as
/// Prometheus would send the request for ever otherwise.
///
/// # Errors
/// When the database is missing or the body cannot be read.
pub async fn write(
    service: &WriteService,
    request: &mut Received,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let target = check_write(&request.parameters, &request.identity, engine)?;
    let body = request.body();
    let (batch, dropped) = batch_of(decode::<WriteRequest>(&body, request.plain_bytes_max())?);
    if dropped > 0 {
        tracing::debug!(dropped, "samples without a number or time left out");
    }
    service.store(target.database, target.policy, batch).await?;
    Ok(no_content())
}

/// Where the samples of a remote write go.
///
/// # Errors
/// For everything that can be said of it before its body is there.
pub fn check_write(
    parameters: &Parameters,
    identity: &Identity,
    engine: &Engine,
) -> Result<Target, HttpError> {
    let target = Target::of_database(parameters)?;
    target.check_database(engine).map_err(WriteError::Storage)?;
    may_write(identity, &target.database)?;
    Ok(target)
}

/// Where a remote read reads.
///
/// # Errors
/// As [`check_write`].
pub fn check_read(parameters: &Parameters, identity: &Identity) -> Result<Target, HttpError> {
    let target = Target::of_database(parameters)?;
    may_read(identity, &target.database)?;
    Ok(target)
}

/// Answers a remote read.
///
/// # Errors
/// When the database is missing, the body cannot be read, or a query fails.
pub async fn read_samples(
    service: &QueryService,
    request: &mut Received,
) -> Result<Answer, HttpError> {
    let target = check_read(&request.parameters, &request.identity)?;
    let body = request.body();
    let request: ReadRequest = decode(&body, request.plain_bytes_max())?;
    let packed = service
        .blocking(move |service| {
            let answered = answer(
                &request,
                &target.database,
                target.policy.as_deref(),
                service,
            );
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
