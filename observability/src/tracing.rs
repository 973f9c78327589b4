//! Logs: text or JSON on standard error, a level or a filter.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Sets up logging for the process; `RUST_LOG` overrides `level`.
///
/// # Errors
/// When the level cannot be understood or logging is set up already.
pub fn init(level: &str, format: &str) -> Result<(), String> {
    let filter = match EnvFilter::try_from_default_env() {
        Ok(filter) => filter,
        Err(_) => EnvFilter::try_new(level)
            .map_err(|error| format!("logging.level: {level:?} is not understood: {error}"))?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let result = if format == "json" {
        builder.json().try_init()
    } else {
        builder.with_target(false).try_init()
    };
    result.map_err(|error| error.to_string())
}
