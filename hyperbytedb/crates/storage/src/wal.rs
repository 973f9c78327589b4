//! The write-ahead log: what an entry is, and how entries are appended, replayed and
//! removed.

mod entry;
mod log;

pub use entry::{Entry, Origin, decode_entry, encode_entry, names_of, stamp};
pub use log::Wal;
