//! Reads: a consistent look at one measurement, and how its sources are read and merged.

pub mod file_part;
pub mod merge_part;
mod overlap;
pub mod run_part;
pub mod series_with_points;
pub mod view;
