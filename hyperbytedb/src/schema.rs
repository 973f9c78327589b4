//! The schema as the query side sees it, and the statements that change or show what
//! the catalog holds.

mod catalog;
mod continuous;
mod names;
mod rows;
pub mod shards;
mod statements;
mod subscriptions;
mod users;

pub use catalog::EngineCatalog;
pub use names::complete_names;
pub use rows::{Rows, count, text};
pub use statements::{Applied, apply, show};
