//! The embedded ClickHouse engine (chDB) behind a safe door: a pool of connections, SQL
//! in, Arrow in and out.
//!
//! One engine runs in a process. Each connection lives on a thread of its own, which is
//! how the engine wants them, and answers one query at a time; the batches of a result
//! come through a bounded channel, so that a slow reader holds the query back.

mod error;
mod pool;
mod sql;
mod worker;

pub use error::ChdbError;
pub use pool::{Batches, Pool, PoolStatus, Query, TableReader};
pub use sql::{identifier, literal};

/// The version of the linked engine library.
#[must_use]
pub fn version() -> &'static str {
    chdb_rust::version::engine_version().unwrap_or("unknown")
}
