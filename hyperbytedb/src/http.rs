//! HTTP: routes, parameters, bodies, and the one table that turns errors into answers.

mod body;
mod cors;
mod error;
mod format;
mod params;
mod ping;
mod prometheus;
mod query;
mod request;
mod routes;
mod service;
mod write;

pub use body::AnswerBody;
pub use error::HttpError;
pub use routes::Routes;
pub use service::HttpService;

/// An answer on its way to the client.
pub type Answer = hyper::Response<AnswerBody>;
