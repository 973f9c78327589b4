//! The schema as the query side sees it, and the statements that change it.

mod catalog;
mod statements;

pub use catalog::EngineCatalog;
pub use statements::{Applied, apply};
