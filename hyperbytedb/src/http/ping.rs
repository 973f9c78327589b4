//! `/ping`, `/health`, `/ready`, `/status`.

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use storage::Engine;

use super::Answer;
use super::body::AnswerBody;
use super::request::Parameters;
use crate::layers::VERSION;
use crate::monitor::Diagnostics;

/// `/ping`: 204, or the version when `verbose` is asked for.
pub fn ping(parameters: &Parameters) -> Answer {
    match parameters.get("verbose") {
        Some(verbose) if verbose != "0" && verbose != "false" => {
            json(StatusCode::OK, &serde_json::json!({ "version": VERSION }))
        }
        _ => no_content(),
    }
}

/// `/health`: whether this node can store and answer.
pub fn health(engine: &Engine) -> Answer {
    let trouble = trouble(engine);
    let (status, pass) = match trouble {
        None => (StatusCode::OK, "pass"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "fail"),
    };
    let message = trouble.unwrap_or_else(|| "ready for queries and writes".to_string());
    let body = serde_json::json!({
        "checks": [], "message": message, "name": "influxdb", "status": pass, "version": VERSION,
    });
    json(status, &body)
}

/// Why this node cannot store, if it cannot.
fn trouble(engine: &Engine) -> Option<String> {
    if let Some(full) = engine.disk_full() {
        return Some(format!("read-only: {full}"));
    }
    if let [dead, ..] = engine.dead_workers().as_slice() {
        return Some(format!(
            "the storage engine's thread {dead} has ended: restart this node, its log says why"
        ));
    }
    let error = engine.flush_error()?;
    Some(format!("flush failed: {error}"))
}

/// `/ready` of InfluxDB 2.x: since when this node answers, or why it cannot store.
pub fn ready(engine: &Engine, diagnostics: &Diagnostics) -> Answer {
    if trouble(engine).is_some() {
        return health(engine);
    }
    let body = serde_json::json!({
        "status": "ready",
        "started": diagnostics.started(),
        "up": format!("{}s", diagnostics.uptime_seconds()),
    });
    json(StatusCode::OK, &body)
}

/// An answer without a body.
pub fn no_content() -> Answer {
    let mut answer = Response::new(AnswerBody::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    // InfluxDB labels empty answers, too, and some clients look at it.
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A JSON answer.
pub fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut answer = Response::new(AnswerBody::from(format!("{value}\n")));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The answer to OPTIONS.
pub fn options() -> Answer {
    Response::new(AnswerBody::empty())
}
