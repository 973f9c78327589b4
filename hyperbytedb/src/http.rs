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
mod rescue;
mod routes;
mod service;
mod target;
mod write;

pub use body::AnswerBody;
pub use error::HttpError;
pub use format::Format;
pub use gate::{Exposed, HttpGate};
pub use rescue::{Rescue, RescueLayer};
pub use routes::{Backends, Routes, class_of, route_of};
pub use service::HttpService;

/// An answer on its way to the client.
pub type Answer = hyper::Response<AnswerBody>;
