//! What both processes share to be observed and stopped: logs, traces, and signals.

mod fields;
mod otlp;
mod otlp_export;
pub mod shutdown;
pub mod tracing;
