//! Names of data files.
//!
//! They percent-encode everything but letters, digits, `-`, `_` and inner dots, so that
//! any name of a database or measurement is legal and no two collide.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::catalog::record::TableName;

const DAY_NS: i64 = 86_400_000_000_000;
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// Longest part of a path that every file system takes, with room for a suffix.
const PART_BYTES_MAX: usize = 200;

/// One part of a path for the name of a database, policy or measurement.
#[must_use]
pub fn encode_name(name: &str) -> String {
    let mut part = utf8_percent_encode(name, KEPT).to_string();
    // "." and ".." are no names for directories, hidden ones are easily overlooked.
    if part.starts_with('.') {
        part.replace_range(0..1, "%2E");
    }
    if part.is_empty() {
        part.push_str("%00empty");
    }
    if part.len() > PART_BYTES_MAX {
        let digest = fnv1a(name.as_bytes());
        let mut end = PART_BYTES_MAX - 20;
        while part[..end].ends_with('%') || part[..end - 1].ends_with('%') {
            end -= 1;
        }
        part.truncate(end);
        part.push_str(&format!("%7E{digest:016x}"));
    }
    part
}

/// FNV-1a, 64 bits: tells long names apart that share their beginning. A collision
/// does no harm: files also carry a unique number, the catalog holds full names.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `{db}/{rp}/{measurement}/{YYYY-MM-DD}/{HH-}{id}.parquet`
#[must_use]
pub fn path_of(table: &TableName, from_ns: i64, partition_ns: i64, id: u64) -> String {
    let (year, month, day) = civil(from_ns.div_euclid(DAY_NS));
    let hour = if partition_ns < DAY_NS {
        format!("{:02}-", from_ns.rem_euclid(DAY_NS) / 3_600_000_000_000)
    } else {
        String::new()
    };
    format!(
        "{}/{}/{}/{year:04}-{month:02}-{day:02}/{hour}{id:012}.parquet",
        encode_name(&table.database),
        encode_name(&table.policy),
        encode_name(&table.measurement),
    )
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, counted
/// from March in eras of 400 years so that leap days come last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(-106_752), (1677, 9, 21));
        assert_eq!(civil(106_751), (2262, 4, 11));
    }

    #[test]
    fn no_two_names_share_a_path() {
        let long = "x".repeat(5000);
        let longer = format!("{long}y");
        let names = [
            "cpu", "cpu.load", "cpu-load", "cpu_load", "CPU", "温度", "湿度", "a/b", "a%2Fb", ".",
            "..", "", "a:b", "°C", "%", " ", "\u{0}", &long, &longer,
        ];
        let paths: HashSet<String> = names.iter().map(|name| encode_name(name)).collect();
        assert_eq!(paths.len(), names.len());
        for path in paths {
            assert!(path.len() < 255 && !path.contains('/') && !path.starts_with('.'));
        }
    }
}
