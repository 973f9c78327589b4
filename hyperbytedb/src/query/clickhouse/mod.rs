//! The reader for wide scans: a [`Scan`](super::scan::Scan) becomes SQL for the
//! embedded ClickHouse.

mod filter;
mod layout;
mod reader;
mod sources;
mod sql;

pub use reader::ClickHouseReader;
