//! `GET` and `POST /query`.

use std::sync::Arc;

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response};
use influxql::{Params, parse_query_with_params};
use tower::{Service, ServiceExt};

use super::Answer;
use super::body::AnswerBody;
use super::error::HttpError;
use super::format::Format;
use super::params::bound_params;
use super::ping::no_content;
use super::request::Received;
use crate::layers::Authorize;
use crate::query::encode::{Epoch, Options};
use crate::query::out::Piece;
use crate::query::service::{QueryRequest, QueryService};
use crate::summary::Statements;

/// Rows of a document with `chunked=true`, when the client does not say.
const CHUNK_ROWS: usize = 10_000;

/// Reads a query off the wire, passes it on, and begins the answer.
///
/// # Errors
/// When parameters are missing or wrong, or the text cannot be parsed; errors of single
/// statements are part of the answer.
pub async fn handle(
    mut service: Authorize<QueryService>,
    request: &mut Received,
    statements: &Statements,
) -> Result<Answer, HttpError> {
    let pretty = request.asks("pretty");
    let read_only = request.method != Method::POST;
    if !read_only {
        let body = request.plain_body().await?;
        request.parameters.add_form(&request.headers, &body)?;
    }
    let parameters = &request.parameters;
    let text = parameters.get("q").unwrap_or_default().trim();
    if text.is_empty() {
        return Err(HttpError::MissingQuery);
    }
    let params = match parameters.get("params") {
        Some(text) => bound_params(text)?,
        None => Params::new(),
    };
    let query = parse_query_with_params(text, &params)
        .inspect_err(|error| statements.not_parsed(error))
        .map_err(|error| HttpError::Parse(error.to_string()))?;
    let chunked = parameters.get("chunked") == Some("true");
    let chunk_rows = chunked.then(|| {
        let asked = parameters
            .get("chunk_size")
            .and_then(|text| text.parse::<usize>().ok());
        asked.filter(|rows| *rows > 0).unwrap_or(CHUNK_ROWS)
    });
    let options = Options {
        epoch: Epoch::parse(parameters.get("epoch").unwrap_or_default()),
        pretty,
        chunk_rows,
    };
    let format = Format::of(&request.headers, pretty);
    let content_type = format.encoder(options).content_type();
    let request = QueryRequest {
        identity: request.identity.clone(),
        id: request.id.clone(),
        query: Arc::new(query),
        database: parameters.get("db").unwrap_or_default().to_string(),
        policy: parameters.get("rp").map(str::to_string),
        encoder: Box::new(move || format.encoder(options)),
        chunked,
        read_only,
    };
    let mut pieces = service.ready().await?.call(request).await?;
    if parameters.get("async") == Some("true") {
        // It runs to its end, and nobody hears of it.
        tokio::spawn(async move { while pieces.recv().await.is_some() {} });
        return Ok(no_content());
    }
    let body = match pieces.recv().await {
        Some(Piece::Last(bytes)) => AnswerBody::from(bytes),
        Some(Piece::Part(bytes)) => AnswerBody::Pieces {
            ready: Some(bytes),
            pieces,
        },
        None => return Err(HttpError::Broken),
    };
    let mut answer = Response::new(body);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(answer)
}
