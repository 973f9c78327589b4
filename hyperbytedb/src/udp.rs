//! Line protocol in UDP datagrams, as InfluxDB's UDP service takes it.

mod batch;
mod listener;

pub use listener::{Listener, Settings};
