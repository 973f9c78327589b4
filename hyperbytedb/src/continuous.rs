//! Continuous queries: [`schedule`] says when one runs over which times, [`run`] does.

pub mod run;
pub mod schedule;
