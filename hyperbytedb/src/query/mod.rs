//! InfluxQL execution: from a statement to a stream of result rows.
//!
//! A statement is resolved against the [`catalog`] (`plan`), its scans are answered
//! by a [`scan::Reader`], everything that is InfluxQL's own (windows, fill,
//! selectors, transformations, expressions, limits) runs here over Arrow columns,
//! one group at a time, and [`encode`] turns the result into bytes.

pub mod catalog;
pub mod clickhouse;
pub mod column;
pub mod context;
pub mod direct;
pub mod encode;
pub mod error;
pub mod execute;
pub mod expression;
pub mod filter;
mod into;
pub mod kind;
pub mod out;
pub mod output;
pub mod plan;
mod run;
pub mod running;
pub mod scan;
pub mod service;
pub mod shard;
pub mod show;
pub mod value;
pub mod work;

mod aggregate;
mod budget;
mod call;
mod explain;
mod fill;
mod functions;
mod math;
mod rows;
mod select;
mod source;
mod transform;
mod turns;
mod window;
mod zone;

#[cfg(test)]
mod tests;
