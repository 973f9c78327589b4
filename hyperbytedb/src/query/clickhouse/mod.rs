//! The reader for wide scans: a [`Scan`](super::scan::Scan) becomes SQL for the
//! embedded ClickHouse.

pub(crate) mod filter;
pub(crate) mod layout;
mod reader;
pub(crate) mod series;
pub(crate) mod sources;
mod sql;

pub use reader::{ClickHouseReader, plan_of};
