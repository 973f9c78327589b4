//! Why a line is refused, in InfluxDB's words.

use std::fmt;

use thiserror::Error;

use super::{MAX_KEY_LENGTH, MAX_TIME, MIN_TIME};

/// A line that was refused. Prints as `unable to parse '<line>': <reason>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The line without the blanks before it. Invalid UTF-8 is replaced by
    /// U+FFFD.
    pub line: String,
    pub reason: Reason,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to parse '{}': {}", self.line, self.reason)
    }
}

impl std::error::Error for LineError {}

/// The reason of a [`LineError`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    #[error("missing measurement")]
    MissingMeasurement,
    #[error("missing tag key")]
    MissingTagKey,
    #[error("missing tag value")]
    MissingTagValue,
    #[error("invalid tag format")]
    InvalidTagFormat,
    #[error("duplicate tags")]
    DuplicateTags,
    #[error("max key length exceeded: {0} > {MAX_KEY_LENGTH}")]
    KeyTooLong(usize),
    #[error("missing fields")]
    MissingFields,
    #[error("missing field key")]
    MissingFieldKey,
    #[error("missing field value")]
    MissingFieldValue,
    #[error("invalid field format")]
    InvalidFieldFormat,
    #[error("invalid value: field-key={0}")]
    FieldWithoutValue(String),
    #[error("unbalanced quotes")]
    UnbalancedQuotes,
    #[error("invalid number")]
    InvalidNumber,
    #[error("invalid float")]
    InvalidFloat,
    #[error("invalid boolean")]
    InvalidBoolean,
    #[error("unable to parse integer {0}: strconv.ParseInt: parsing \"{0}\": value out of range")]
    IntegerOutOfRange(String),
    #[error("unable to parse unsigned {0}: strconv.ParseUint: parsing \"{0}\": value out of range")]
    UnsignedOutOfRange(String),
    #[error("bad timestamp")]
    BadTimestamp,
    #[error("strconv.ParseInt: parsing \"-\": invalid syntax")]
    TimestampWithoutDigits,
    #[error("strconv.ParseInt: parsing \"{0}\": value out of range")]
    TimestampTooLarge(String),
    #[error("time outside range {MIN_TIME} - {MAX_TIME}")]
    TimeOutsideRange,
    #[error("point is invalid")]
    InvalidPoint,
    #[error("invalid UTF-8")]
    InvalidUtf8,
}
