//! The database process: HTTP in, layers, a write and a query service over one storage
//! engine. [`app`] is where everything is put together.

pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod continuous;
pub mod http;
pub mod layers;
pub mod memory;
pub mod monitor;
pub mod prometheus;
pub mod query;
pub mod schema;
pub mod server;
pub mod summary;
pub mod udp;
pub mod write;
