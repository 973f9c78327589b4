//! HTTP: routes, parameters, bodies, and the one table that turns errors into answers.

mod body;
mod buckets;
mod cors;
mod delete;
mod error;
mod format;
mod gate;
mod operate;
mod params;
mod ping;
mod prometheus;
mod query;
mod request;
mod routes;
mod service;
mod target;
mod unix;
mod write;

pub use body::AnswerBody;
pub use error::HttpError;
pub use format::Format;
pub use gate::{Exposed, HttpGate};
pub use routes::{Routes, route_of};
pub use service::HttpService;
pub use unix::UnixSocket;

/// An answer on its way to the client.
pub type Answer = hyper::Response<AnswerBody>;
