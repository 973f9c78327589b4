//! The write service: from a decoded request to stored points.

mod error;
mod service;

pub use error::WriteError;
pub use service::{Consistency, WriteRequest, WriteService};
