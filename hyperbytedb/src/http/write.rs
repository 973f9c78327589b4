//! `POST /write` and `POST /api/v2/write`.

use points::line_protocol::Precision;
use storage::Engine;
use tower::{Service, ServiceExt};

use super::Answer;
use super::error::HttpError;
use super::ping::no_content;
use super::request::{Parameters, Received};
use super::target::Target;
use crate::auth::{Identity, may_write};
use crate::layers::Authorize;
use crate::write::{Consistency, WriteError, WriteRequest, WriteService};

/// Stores the points of a request of InfluxDB 1.x.
///
/// # Errors
/// In the order in which InfluxDB checks: database, rights, parameters, then the body.
pub async fn handle(
    service: Authorize<WriteService>,
    request: &mut Received,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let (target, precision) = check(&request.parameters, &request.identity, engine)?;
    store(service, request, target, precision).await
}

/// Where the points of a request of InfluxDB 1.x go, and the unit of their times.
///
/// # Errors
/// For everything that can be said of it before its body is there.
pub fn check(
    parameters: &Parameters,
    identity: &Identity,
    engine: &Engine,
) -> Result<(Target, Precision), HttpError> {
    let target = Target::of_database(parameters)?;
    target.check_database(engine).map_err(WriteError::Storage)?;
    may_write(identity, &target.database)?;
    let precision = Precision::parse(parameters.get("precision").unwrap_or_default())
        .map_err(WriteError::Precision)?;
    Consistency::check(parameters.get("consistency").unwrap_or_default())?;
    Ok((target, precision))
}

/// Stores the points of a request of InfluxDB 2.x; `org` has no meaning.
///
/// # Errors
/// In the order in which InfluxDB 1.8 checks: precision, bucket, database, the rest.
pub async fn handle_v2(
    service: Authorize<WriteService>,
    request: &mut Received,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let (target, precision) = check_v2(&request.parameters, &request.identity, engine)?;
    store(service, request, target, precision).await
}

/// As [`check`], for a request of InfluxDB 2.x.
///
/// # Errors
/// As [`check`].
pub fn check_v2(
    parameters: &Parameters,
    identity: &Identity,
    engine: &Engine,
) -> Result<(Target, Precision), HttpError> {
    let precision = Precision::parse_v2(parameters.get("precision").unwrap_or_default())
        .map_err(WriteError::Precision)?;
    let target = Target::of_bucket(parameters)?;
    target.check_database(engine).map_err(WriteError::Storage)?;
    may_write(identity, &target.database)?;
    Consistency::check(parameters.get("consistency").unwrap_or_default())?;
    Ok((target, precision))
}

async fn store(
    mut service: Authorize<WriteService>,
    request: &mut Received,
    target: Target,
    precision: Precision,
) -> Result<Answer, HttpError> {
    let body = request.plain_body().await?;
    let service = service.ready().await?;
    service
        .call(WriteRequest {
            identity: request.identity.clone(),
            replicated: request.replicated,
            database: target.database,
            policy: target.policy,
            precision,
            body,
        })
        .await?;
    Ok(no_content())
}
