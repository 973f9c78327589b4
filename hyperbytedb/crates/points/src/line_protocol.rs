//! InfluxDB line protocol: `measurement[,tag=value…] field=value[,…] [time]`.
//!
//! What is accepted, and the text of each refusal, is that of InfluxDB 1.6 to
//! 1.12 (`models.ParsePointsWithPrecision`), with these exceptions:
//!
//! - a line that holds invalid UTF-8 in a name, a tag or a string is refused
//!   (InfluxDB stores the bytes), because the columns are text;
//! - a field whose key is empty (`m <tab>=1`) is refused as `missing field key`;
//! - a value that InfluxDB lets pass here and fails on with status 500 later
//!   (a line whose quotes pair up differently on second reading) is refused.

mod builder;
mod decode;
mod error;
mod fields;
mod key;
mod line;
mod number;
mod precision;
mod print;
mod time;

#[cfg(test)]
mod tests;

pub use decode::{DecodeOptions, Decoded, Dropped, MAX_ERRORS, decode};
pub use error::{LineError, Reason};
pub use precision::{InvalidPrecision, Precision};
pub use print::{FieldValue, PrintError, write_line};

/// The longest series key (measurement and tags as written), and the longest
/// series key and field key together with the four bytes between them.
pub const MAX_KEY_LENGTH: usize = 65_535;

/// The earliest time of a point, in nanoseconds since 1970.
pub const MIN_TIME: i64 = i64::MIN + 2;

/// The latest time of a point, in nanoseconds since 1970.
pub const MAX_TIME: i64 = i64::MAX - 1;
