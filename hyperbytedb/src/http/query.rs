//! `GET` and `POST /query`.

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response};
use influxql::{ParamValue, Params, parse_query_with_params};
use tower::{Service, ServiceExt};

use super::Answer;
use super::body::{AnswerBody, inflate, read};
use super::error::HttpError;
use super::request::Parameters;
use crate::query::encode::{self, Encode, Epoch, Options};
use crate::query::service::{Piece, QueryRequest, QueryService};

/// Rows of a document with `chunked=true`, when the client does not say.
const CHUNK_ROWS: usize = 10_000;

/// Reads a query off the wire, passes it on, and begins the answer.
///
/// # Errors
/// When parameters are missing or wrong, or the text cannot be parsed; errors of single
/// statements are part of the answer.
pub async fn handle<B>(
    mut service: QueryService,
    request: Request<B>,
    body_bytes_max: usize,
) -> Result<Answer, HttpError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let mut parameters = Parameters::of_url(request.uri().query());
    let pretty = parameters.get("pretty") == Some("true");
    let read_only = request.method() != Method::POST;
    let (head, body) = request.into_parts();
    if !read_only {
        let mut body = read(body, body_bytes_max).await?;
        let encoding = head.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip")) {
            body = inflate(&body, body_bytes_max)?;
        }
        parameters.add_form(&head.headers, &body)?;
    }
    let text = parameters.get("q").ok_or(HttpError::MissingQuery)?;
    let params = match parameters.get("params") {
        Some(text) => bound_parameters(text)?,
        None => Params::new(),
    };
    let query = parse_query_with_params(text, &params)
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
    let encoder = encoder_for(&head.headers, options);
    let content_type = encoder.content_type();
    let request = QueryRequest {
        query,
        database: parameters.get("db").unwrap_or_default().to_string(),
        policy: parameters.get("rp").map(str::to_string),
        encoder,
        chunked,
        read_only,
    };
    let mut pieces = service.ready().await?.call(request).await?;
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

fn encoder_for(headers: &HeaderMap, options: Options) -> Box<dyn Encode> {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // InfluxDB looks at the whole header: a list of types means JSON.
    match accept {
        "application/csv" | "text/csv" => Box::new(encode::csv::CsvEncoder::new(options)),
        "application/x-msgpack" => Box::new(encode::msgpack::MsgpackEncoder::new(options)),
        _ => Box::new(encode::json::JsonEncoder::new(options)),
    }
}

/// `params`: a JSON object of values, or of `{"type": value}` objects.
fn bound_parameters(text: &str) -> Result<Params, HttpError> {
    let invalid =
        |error: String| HttpError::Parameter(format!("error parsing query parameters: {error}"));
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let object = match value {
        serde_json::Value::Null => return Ok(Params::new()),
        serde_json::Value::Object(object) => object,
        _ => return Err(invalid("it must be a JSON object".to_string())),
    };
    Ok(object
        .into_iter()
        .map(|(name, value)| (name, parameter_of(&value)))
        .collect())
}

fn parameter_of(value: &serde_json::Value) -> ParamValue {
    use serde_json::Value;
    match value {
        Value::Bool(flag) => ParamValue::Boolean(*flag),
        Value::String(text) => ParamValue::String(text.clone()),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => ParamValue::Integer(integer),
            (None, Some(unsigned), _) => ParamValue::Unsigned(unsigned),
            (None, None, float) => ParamValue::Float(float.unwrap_or(f64::NAN)),
        },
        Value::Object(object) => match object.iter().next() {
            Some((kind, value)) if object.len() == 1 => {
                ParamValue::of_kind(kind, parameter_of(value))
            }
            _ => ParamValue::Invalid(
                "bound object parameter value must have exactly one entry".into(),
            ),
        },
        Value::Null | Value::Array(_) => {
            ParamValue::Invalid("unable to bind parameter of this type".into())
        }
    }
}
