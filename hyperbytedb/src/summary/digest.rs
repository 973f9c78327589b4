//! A short name for statements of one shape.

use std::fmt;

use influxql::ast::Statement;

/// Names a normalised text: FNV-1a with 64 bits, which is the same in every version, on
/// every machine. Printed as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        Self(text.bytes().fold(BASIS, step))
    }

    /// The digest of a statement and the text that it is of.
    #[must_use]
    pub fn of_statement(statement: &Statement) -> (Self, String) {
        let text = influxql::normalise(statement);
        (Self::of(&text), text)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dashboards and tickets quote digests: these must never change.
    #[test]
    fn digests_are_those_of_every_version() {
        assert_eq!(Digest::of("").to_string(), "cbf29ce484222325");
        assert_eq!(Digest::of("a").to_string(), "af63dc4c8601ec8c");
        let digest = |text| Digest::of_statement(&influxql::parse_statement(text).unwrap());
        let (first, text) = digest("SELECT mean(v) FROM cpu WHERE host = 'a' GROUP BY time(1m)");
        let (second, _) = digest("select mean(v) from cpu where host='b' group by time(5m)");
        assert_eq!(first, second);
        assert_eq!(
            text,
            "SELECT mean(v) FROM cpu WHERE host = ? GROUP BY time(?)"
        );
        assert_eq!(first.to_string(), "33d1bf21a270e86b");
        assert_ne!(first, digest("SELECT max(v) FROM cpu").0);
    }
}
