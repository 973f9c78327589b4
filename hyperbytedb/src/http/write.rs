//! `POST /write` and `POST /api/v2/write`.

use points::line_protocol::Precision;
use storage::Engine;
use tower::{Service, ServiceExt};

use super::Answer;
use super::error::HttpError;
use super::ping::no_content;
use super::request::Received;
use super::target::Target;
use crate::layers::Authorize;
use crate::write::{Consistency, WriteError, WriteRequest, WriteService};

/// Stores the points of a request of InfluxDB 1.x.
///
/// # Errors
/// In the order in which InfluxDB checks: database, then parameters, then the body.
pub async fn handle(
    service: Authorize<WriteService>,
    request: &mut Received,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let target = Target::of_database(&request.parameters)?;
    target.check_database(engine).map_err(WriteError::Storage)?;
    let precision = Precision::parse(request.parameters.get("precision").unwrap_or_default())
        .map_err(WriteError::Precision)?;
    store(service, request, target, precision).await
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
    let precision = Precision::parse_v2(request.parameters.get("precision").unwrap_or_default())
        .map_err(WriteError::Precision)?;
    let target = Target::of_bucket(&request.parameters)?;
    target.check_database(engine).map_err(WriteError::Storage)?;
    store(service, request, target, precision).await
}

async fn store(
    mut service: Authorize<WriteService>,
    request: &mut Received,
    target: Target,
    precision: Precision,
) -> Result<Answer, HttpError> {
    Consistency::check(request.parameters.get("consistency").unwrap_or_default())?;
    let body = request.plain_body()?;
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
