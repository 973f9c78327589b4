//! What operators ask: `/metrics`, `/api/v1/statements`, `/debug/log-level`.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use serde_json::json;

use super::Answer;
use super::body::AnswerBody;
use super::error::HttpError;
use super::ping;
use super::request::Parameters;
use crate::monitor::metrics::Scrape;
use crate::summary::{Listing, Sort, Statements};

/// `GET /metrics`; 404 when `metrics.enabled` is off.
///
/// # Errors
/// When there are none.
pub fn metrics(scrape: Option<&Scrape>) -> Result<Answer, HttpError> {
    let scrape = scrape.ok_or(HttpError::NotFound)?;
    Ok(text("text/plain; version=0.0.4", scrape.text()))
}

/// `GET` and `DELETE /api/v1/statements`. Without a summary the list is empty.
///
/// # Errors
/// For parameters that cannot be understood.
pub fn statements(
    method: &Method,
    parameters: &Parameters,
    statements: &Statements,
) -> Result<Answer, HttpError> {
    if *method == Method::DELETE {
        if let Some(entries) = statements.entries() {
            entries.reset();
        }
        return Ok(text("text/plain; charset=utf-8", "reset".to_string()));
    }
    let listing = listing(parameters)?;
    Ok(ping::json(
        StatusCode::OK,
        &listing.of(statements.entries()),
    ))
}

fn listing(parameters: &Parameters) -> Result<Listing<'_>, HttpError> {
    let given = |name| parameters.get(name).filter(|value| !value.is_empty());
    let wrong = |text: String| HttpError::Parameter(text);
    let sort = Sort::parse(given("sort_by").unwrap_or_default());
    let ascending = match given("order") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(wrong("order must be asc or desc".to_string())),
    };
    let limit = match given("limit") {
        None => Listing::default().limit,
        Some(text) => text
            .parse()
            .map_err(|_| wrong("limit must be a number".to_string()))?,
    };
    Ok(Listing {
        sort: sort.map_err(|error| wrong(error.to_string()))?,
        ascending,
        limit,
        database: parameters.get("db"),
        stmt_type: given("stmt_type"),
    })
}

/// `GET` and `PUT /debug/log-level`: the level in force, changed first by `PUT` with
/// `?level=` until the process ends.
///
/// # Errors
/// When the level cannot be understood.
pub fn log_level(method: &Method, parameters: &Parameters) -> Result<Answer, HttpError> {
    if *method == Method::PUT {
        let level = parameters.get("level").unwrap_or_default();
        observability::tracing::set_level(level)
            .map_err(|error| HttpError::Parameter(format!("level: {error}")))?;
        tracing::warn!(level, "the level of the log was changed");
    }
    let level = observability::tracing::level();
    Ok(ping::json(StatusCode::OK, &json!({ "level": level })))
}

fn text(content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(AnswerBody::from(body));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_a_list_are_checked() {
        let status = |query| {
            let parameters = Parameters::of_url(query);
            let answer = statements(&Method::GET, &parameters, &Statements::default());
            answer.map_or_else(|error| error.status(), |answer| answer.status())
        };
        assert_eq!(status(""), StatusCode::OK);
        assert_eq!(
            status("sort_by=count&order=asc&limit=5&db=x&stmt_type=select"),
            StatusCode::OK
        );
        for wrong in ["sort_by=colour", "order=up", "limit=many", "limit=-1"] {
            assert_eq!(status(wrong), StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
