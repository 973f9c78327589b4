//! Writes: what of a batch is taken, how it becomes rows, and how rows are committed.

pub(crate) mod admit;
pub(crate) mod group_commit;
mod limits;
pub(crate) mod prepare;
pub(crate) mod pressure;
pub mod validate;
