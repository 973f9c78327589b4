//! The InfluxQL front end: everything that can be said about a statement
//! without knowing a schema or holding data.
//!
//! | file | holds |
//! |---|---|
//! | `ast.rs` | the syntax tree, one type a statement |
//! | `token.rs`, `lexer.rs` | reserved words, text to tokens |
//! | `parser/` | tokens to tree, one file a statement family; the errors |
//! | `params.rs` | values of bound parameters |
//! | `depth.rs`, `chain.rs` | expressions of any depth, balanced `AND`/`OR` chains |
//! | `printer/` | tree to text, as InfluxDB prints statements |
//! | `quote.rs`, `duration.rs`, `regex.rs`, `time_literal.rs` | the literals |
//! | `normalise.rs` | fingerprints of statements, blanking of passwords |
//! | `walk.rs`, `columns.rs`, `interval.rs` | questions asked of a tree |
//! | `reduce/` | folding of constants |
//! | `time_range.rs` | a condition split into a time range and the rest |
//! | `validate/` | checks of a `SELECT` before it is planned |

pub mod ast;
mod chain;
mod columns;
mod depth;
mod duration;
mod interval;
mod lexer;
mod normalise;
mod params;
mod parser;
mod printer;
mod quote;
mod reduce;
mod regex;
mod time_literal;
mod time_range;
mod token;
mod validate;
mod walk;

#[cfg(test)]
mod fuzz_tests;

pub use chain::DEPTH_MAX;
pub use columns::column_names;
pub use depth::deeper;
pub use duration::{DurationError, format_duration, parse_duration};
pub use interval::{Interval, IntervalError};
pub use lexer::Position;
pub use normalise::{normalise, redact_passwords};
pub use params::{ParamValue, Params};
pub use parser::{
    ParseError, SUBQUERIES_MAX, parse_expr, parse_query, parse_query_with_params, parse_statement,
};
pub use quote::{ident_needs_quotes, quote_ident, quote_string};
pub use reduce::math::MATH_FUNCTIONS;
pub use reduce::{reduce, reduce_field};
pub use regex::{RegexError, check_regex};
pub use time_literal::{TIME_MAX, TIME_MIN, find_zone, utc_offset};
pub use time_range::{ConditionError, TimeRange, split_condition};
pub use validate::{ValidateError, validate_select, validate_select_at};
