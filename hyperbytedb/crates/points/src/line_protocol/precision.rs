//! The unit of the times in a body of line protocol.

use thiserror::Error;

/// The unit of timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    #[default]
    Nanosecond,
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
}

/// A precision that is none, in the words of the endpoint that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPrecision {
    #[error("invalid precision {0:?} (use n, u, ms, s, m or h)")]
    V1(String),
    #[error("invalid precision {0:?} (use ns, us, ms or s)")]
    V2(String),
}

impl Precision {
    /// Reads the parameter `precision` of `/write` as InfluxDB 1.8 does. The
    /// empty text means nanoseconds.
    pub fn parse(text: &str) -> Result<Precision, InvalidPrecision> {
        match text {
            "" | "n" | "ns" => Ok(Precision::Nanosecond),
            "u" => Ok(Precision::Microsecond),
            "ms" => Ok(Precision::Millisecond),
            "s" => Ok(Precision::Second),
            "m" => Ok(Precision::Minute),
            "h" => Ok(Precision::Hour),
            _ => Err(InvalidPrecision::V1(text.to_owned())),
        }
    }

    /// Reads the parameter `precision` of `/api/v2/write` as InfluxDB 1.8 does.
    pub fn parse_v2(text: &str) -> Result<Precision, InvalidPrecision> {
        match text {
            "" | "ns" => Ok(Precision::Nanosecond),
            "us" => Ok(Precision::Microsecond),
            "ms" => Ok(Precision::Millisecond),
            "s" => Ok(Precision::Second),
            _ => Err(InvalidPrecision::V2(text.to_owned())),
        }
    }

    /// Nanoseconds in one unit.
    pub fn nanoseconds(self) -> i64 {
        match self {
            Precision::Nanosecond => 1,
            Precision::Microsecond => 1_000,
            Precision::Millisecond => 1_000_000,
            Precision::Second => 1_000_000_000,
            Precision::Minute => 60_000_000_000,
            Precision::Hour => 3_600_000_000_000,
        }
    }

    /// The last whole unit at or before `time_ns`.
    pub fn truncate(self, time_ns: i64) -> i64 {
        time_ns.saturating_sub(time_ns.rem_euclid(self.nanoseconds()))
    }
}
