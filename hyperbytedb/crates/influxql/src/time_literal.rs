//! Points in time written as text, and their zones.

use chrono::{DateTime, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// The smallest and largest time of a point, as InfluxDB bounds them: the two
/// lowest and the highest 64-bit numbers are kept for its own use.
pub const TIME_MIN: i64 = i64::MIN + 2;
/// See [`TIME_MIN`].
pub const TIME_MAX: i64 = i64::MAX - 1;

/// The zone of that name; `''` is UTC, and so is `Local`, as servers have it.
pub fn find_zone(name: &str) -> Option<Tz> {
    match name {
        "" | "Local" => Some(Tz::UTC),
        _ => name.parse().ok(),
    }
}

/// Whether a string compared with `time` is meant as a date: it starts like one.
pub(crate) fn looks_like_time(text: &str) -> bool {
    text.is_char_boundary(10) && is_date(&text[..10]) && !text[10..].starts_with('\n')
}

fn is_date(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    })
}

/// Nanoseconds since 1970 of `YYYY-MM-DD`, `YYYY-MM-DD HH:MM:SS[.fraction]` (both
/// in `zone`) or RFC 3339; the year is not limited to what 64 bits can hold.
pub(crate) fn parse_time(text: &str, zone: Option<Tz>) -> Option<i128> {
    if !looks_like_time(text) {
        return None;
    }
    let (date, rest) = text.split_at(10);
    let midnight = NaiveDate::parse_from_str(date, "%Y-%m-%d")
        .ok()?
        .and_hms_opt(0, 0, 0)?
        .and_utc()
        .timestamp();
    let in_zone = |seconds: i64| seconds - zone.map_or(0, |zone| local_offset(zone, seconds));
    if rest.is_empty() {
        return Some(i128::from(in_zone(midnight)) * NANOS_PER_SECOND);
    }
    let (seconds, nanos) = if let Some(clock) = rest.strip_prefix('T') {
        let (clock, nanos, rest) = parse_clock(clock)?;
        (midnight + clock - parse_offset(rest)?, nanos)
    } else {
        let clock = rest.strip_prefix(' ')?.trim_start_matches(' ');
        let (clock, nanos, rest) = parse_clock(clock)?;
        if !rest.is_empty() {
            return None;
        }
        (in_zone(midnight + clock), nanos)
    };
    Some(i128::from(seconds) * NANOS_PER_SECOND + i128::from(nanos))
}

/// Seconds and nanoseconds of `HH:MM:SS[.fraction]`, and what follows.
fn parse_clock(text: &str) -> Option<(i64, i64, &str)> {
    // The hour may have one digit, as in InfluxDB.
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let hour: i64 = text.get(..digits)?.parse().ok()?;
    let (minute, rest) = two_digits(text.get(digits..)?.strip_prefix(':')?)?;
    let (second, rest) = two_digits(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, rest) = parse_fraction(rest);
    Some((hour * 3600 + minute * 60 + second, nanos, rest))
}

fn two_digits(text: &str) -> Option<(i64, &str)> {
    let digits = text.get(..2)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, &text[2..]))
}

/// Up to nine digits after a point; further ones are left over and make the
/// text invalid.
fn parse_fraction(text: &str) -> (i64, &str) {
    let Some(tail) = text.strip_prefix('.') else {
        return (0, text);
    };
    let digits = tail.bytes().take(9).take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return (0, text);
    }
    let value: i64 = format!("{:0<9}", &tail[..digits]).parse().unwrap_or(0);
    (value, &tail[digits..])
}

/// Seconds east of UTC of `Z` or `±HH:MM`.
fn parse_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = two_digits(&text[1..])?;
    let (minutes, rest) = two_digits(rest.strip_prefix(':')?)?;
    (rest.is_empty() && hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// The offset of a local time, `seconds` being that time read as UTC. Where a
/// change of offset makes it ambiguous or skips it, the choice is the one of
/// Go's `time.Date`.
fn local_offset(zone: Tz, seconds: i64) -> i64 {
    match utc_offset(zone, seconds) {
        0 => 0,
        offset => utc_offset(zone, seconds - offset),
    }
}

/// Seconds east of UTC of a zone at a moment; 0 beyond the calendar.
pub fn utc_offset(zone: Tz, unix_seconds: i64) -> i64 {
    DateTime::from_timestamp(unix_seconds, 0).map_or(0, |moment| {
        let offset = zone.offset_from_utc_datetime(&moment.naive_utc());
        i64::from(offset.fix().local_minus_utc())
    })
}

/// RFC 3339 text in whole seconds, in `zone` or UTC.
pub(crate) fn format_seconds(nanoseconds: i128, zone: Option<Tz>) -> String {
    let seconds = i64::try_from(nanoseconds.div_euclid(NANOS_PER_SECOND)).unwrap_or(0);
    let offset = zone.map_or(0, |zone| utc_offset(zone, seconds));
    let Some(local) = DateTime::from_timestamp(seconds + offset, 0) else {
        return String::new();
    };
    let text = local.format("%Y-%m-%dT%H:%M:%S");
    if offset == 0 {
        return format!("{text}Z");
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let minutes = offset.abs() / 60;
    format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// RFC 3339 text in UTC, the fraction without trailing zeros.
pub(crate) fn format_nanos(nanoseconds: i128) -> String {
    let text = format_seconds(nanoseconds, None);
    let nanos = nanoseconds.rem_euclid(NANOS_PER_SECOND);
    if nanos == 0 {
        return text;
    }
    let fraction = format!("{nanos:09}");
    let text = text.trim_end_matches('Z');
    format!("{text}.{}Z", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> Option<i128> {
        parse_time(text, None)
    }

    #[test]
    fn dates_and_times() {
        assert_eq!(utc("1970-01-02"), Some(86_400_000_000_000));
        assert_eq!(utc("1970-01-01 00:00:01.5"), Some(1_500_000_000));
        assert_eq!(utc("1970-01-01T00:00:00.000000001Z"), Some(1));
        assert_eq!(utc("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(utc("1969-12-31 23:59:59.999999999"), Some(-1));
        assert_eq!(
            utc("9999-01-01").map(|t| t > i128::from(i64::MAX)),
            Some(true)
        );
        for text in [
            "2000-13-01",
            "2000-02-30",
            "2000-01-01 24:00:00",
            "2000-01-01 00:00",
            "2000-01-01x",
            "2000-01-01T00:00:00",
            "2000-01-01T00:00:00Zx",
            "",
            "é000-01-011",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
    }

    #[test]
    fn local_times_follow_go_at_changes() {
        let zone = find_zone("America/New_York");
        let hour = 3600 * NANOS_PER_SECOND;
        assert_eq!(parse_time("1970-01-01", zone), Some(5 * hour));
        // Skipped by the change to summer time, and met twice by the change back.
        assert_eq!(
            parse_time("2019-03-10 02:30:00", zone),
            utc("2019-03-10 06:30:00")
        );
        assert_eq!(
            parse_time("2019-11-03 01:30:00", zone),
            utc("2019-11-03 05:30:00")
        );
        assert_eq!(find_zone("Mars/Olympus"), None);
    }

    #[test]
    fn printed_as_rfc_3339() {
        assert_eq!(format_nanos(1_500_000_000), "1970-01-01T00:00:01.5Z");
        assert_eq!(format_nanos(0), "1970-01-01T00:00:00Z");
        assert_eq!(
            format_seconds(0, find_zone("America/New_York")),
            "1969-12-31T19:00:00-05:00"
        );
    }
}
