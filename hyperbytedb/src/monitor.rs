//! What the server knows of itself: counters, metrics for Prometheus, and how it was
//! built and started.

mod diagnostics;
pub mod metrics;
mod statistics;
mod vars;

pub use diagnostics::Diagnostics;
pub use statistics::{Counter, Statistics, collect};
pub use vars::vars;
