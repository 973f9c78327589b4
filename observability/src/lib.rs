//! What both processes share to be observed and stopped: tracing set-up and signals.

pub mod shutdown;
pub mod tracing;
