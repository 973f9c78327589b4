//! The reader for everything that sorted rows make quick: it reads the rows it needs
//! straight from files and memory and reduces them series by series.
//!
//! Rows come sorted by series and time, so the rows of one bucket of one series lie side
//! by side: an aggregate is a loop over a slice, without hashing and without a string
//! in sight.

mod accumulate;
mod aggregates;
mod counts;
mod ends;
mod groups;
mod parts;
mod pieces;
mod reader;
mod rows;
mod slots;

pub use reader::{DirectReader, Executor};
