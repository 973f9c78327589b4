//! What the server knows of itself: counters, and how it was built and started.

mod diagnostics;
mod statistics;
mod vars;

pub use diagnostics::Diagnostics;
pub use statistics::{Counter, Statistics, collect};
pub use vars::vars;
