//! The timestamp at the end of a line.

use super::line::skip_blanks;
use super::{MAX_TIME, MIN_TIME, Precision, Reason};

/// Reads what follows the fields: the time in nanoseconds, or `None` when the
/// line has no timestamp.
pub(super) fn scan_time(
    line: &[u8],
    at: usize,
    precision: Precision,
) -> Result<Option<i64>, Reason> {
    let start = skip_blanks(line, at);
    let mut end = start;
    if line.get(end) == Some(&b'-') {
        end += 1;
    }
    while let Some(&byte) = line.get(end) {
        match byte {
            b'0'..=b'9' => end += 1,
            b' ' | b'\n' => break,
            _ => return Err(Reason::BadTimestamp),
        }
    }
    if start == end {
        return Ok(None);
    }
    let count = parse_count(&line[start..end])?;
    let time = to_nanoseconds(count, precision).ok_or(Reason::TimeOutsideRange)?;
    if line[end..].iter().any(|&byte| byte != b' ') {
        return Err(Reason::InvalidPoint);
    }
    Ok(Some(time))
}

fn parse_count(text: &[u8]) -> Result<i64, Reason> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(Reason::TimestampWithoutDigits);
    }
    super::number::integer(negative, digits)
        .ok_or_else(|| Reason::TimestampTooLarge(String::from_utf8_lossy(text).into_owned()))
}

fn to_nanoseconds(count: i64, precision: Precision) -> Option<i64> {
    count
        .checked_mul(precision.nanoseconds())
        .filter(|time| (MIN_TIME..=MAX_TIME).contains(time))
}
