//! Logs as text or JSON on standard error, with a level that can be changed while the
//! process runs, and spans to an OpenTelemetry collector.

use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::{EnvFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::fields::PlainFields;
use crate::otlp::OtlpLayer;
use crate::otlp_export::{Exporter, Target};

/// How a process logs and traces.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as
    /// `info,storage=debug`; the environment's `RUST_LOG` overrides it.
    pub level: &'a str,
    /// `text` or `json`.
    pub format: &'a str,
    /// Base URL of an OpenTelemetry collector, such as `http://127.0.0.1:4318`; empty =
    /// no spans are sent.
    pub otlp_endpoint: &'a str,
    /// The part of the traces that is sent, 0 to 1.
    pub otlp_sample_ratio: f64,
    /// `service.name` of the spans.
    pub service: &'static str,
    /// Crates whose spans are sent.
    pub crates: &'static [&'static str],
}

/// The level in force and the way to change it. Logging belongs to the process, and so
/// does its level.
struct Level {
    text: Mutex<String>,
    filter: reload::Handle<EnvFilter, Registry>,
}

static LEVEL: OnceLock<Level> = OnceLock::new();

/// Sets up logging for the process.
///
/// # Errors
/// When level or endpoint cannot be understood, or logging is set up already.
pub fn init(settings: &Settings<'_>) -> Result<(), String> {
    let from_outside = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let text = match &from_outside {
        Some(text) if EnvFilter::try_new(text).is_ok() => text.as_str(),
        _ => settings.level,
    };
    let filter = filter_of(text).map_err(|error| format!("logging.level: {error}"))?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let lines = match settings.format {
        "json" => lines.json().with_filter(filter).boxed(),
        _ => lines
            .with_target(false)
            .fmt_fields(PlainFields)
            .with_filter(filter)
            .boxed(),
    };
    let spans = otlp(settings)?;
    tracing_subscriber::registry()
        .with(lines)
        .with(spans)
        .try_init()
        .map_err(|error| error.to_string())?;
    let level = Level {
        text: Mutex::new(text.to_string()),
        filter: handle,
    };
    LEVEL
        .set(level)
        .map_err(|_| "logging is set up already".to_string())
}

/// The layer that sends spans, when there is somebody to send them to. It has a filter
/// of its own: what is traced does not depend on what is logged.
fn otlp<S>(settings: &Settings<'_>) -> Result<Option<impl Layer<S> + use<S>>, String>
where
    S: ::tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    if settings.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let target = Target::parse(settings.otlp_endpoint)
        .map_err(|error| format!("logging.otlp_endpoint: {error}"))?;
    let spans = Exporter::start(target, settings.service)
        .map_err(|error| format!("logging.otlp_endpoint: no thread to send spans: {error}"))?;
    let crates = settings.crates.iter();
    let wanted = Targets::new().with_targets(crates.map(|name| (*name, ::tracing::Level::DEBUG)));
    let layer = OtlpLayer::new(spans, settings.otlp_sample_ratio);
    Ok(Some(layer.with_filter(wanted)))
}

/// Checks a collector's URL.
///
/// # Errors
/// What is wrong with it.
pub fn check_endpoint(endpoint: &str) -> Result<(), String> {
    Target::parse(endpoint).map(|_| ())
}

/// Checks a level or filter.
///
/// # Errors
/// What is wrong with it.
pub fn check_level(level: &str) -> Result<(), String> {
    filter_of(level).map(|_| ())
}

fn filter_of(level: &str) -> Result<EnvFilter, String> {
    if level.trim().is_empty() {
        return Err("is empty".to_string());
    }
    // A word that is no level is taken for the name of a crate, which nobody means.
    let is_word = level.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word
        && level
            .parse::<tracing_subscriber::filter::LevelFilter>()
            .is_err()
    {
        return Err(format!("{level:?} is no level"));
    }
    EnvFilter::try_new(level).map_err(|error| format!("{level:?} is not understood: {error}"))
}

/// The level in force; `None` before [`init`].
#[must_use]
pub fn level() -> Option<String> {
    let level = LEVEL.get()?;
    let text = level.text.lock().unwrap_or_else(PoisonError::into_inner);
    Some(text.clone())
}

/// Changes the level until the process ends.
///
/// # Errors
/// When it cannot be understood, or before [`init`].
pub fn set_level(text: &str) -> Result<(), String> {
    let filter = filter_of(text)?;
    let level = LEVEL.get().ok_or("logging is not set up")?;
    let mut held = level.text.lock().unwrap_or_else(PoisonError::into_inner);
    level
        .filter
        .reload(filter)
        .map_err(|error| error.to_string())?;
    *held = text.to_string();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters_are_understood_and_others_refused() {
        for good in ["info", "WARN", "off", "info,storage=debug", "storage=trace"] {
            assert_eq!(check_level(good), Ok(()), "{good}");
        }
        for bad in ["", "  ", "verbose", "storage=loud", "5x"] {
            assert!(check_level(bad).is_err(), "{bad}");
        }
    }
}
