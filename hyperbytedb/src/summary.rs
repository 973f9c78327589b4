//! The statement summary: which statements ran, how often, how long, and how they failed,
//! as `GET /api/v1/statements` lists them, and the log of slow ones.
//!
//! Statements count as one when they differ in their literals only: the key is a digest
//! of the normalised text, and the database. Passwords never get here; a text that is no
//! statement is not kept at all.

mod digest;
mod entries;
mod list;
mod watch;

pub use digest::Digest;
pub use entries::{Entries, Entry, Outcome};
pub use list::{Listing, Sort, UnknownSort};
pub use watch::{Statements, Watched};
