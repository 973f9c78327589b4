//! Durations such as `1h30m`: text to nanoseconds and back.

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Why a text is no duration; printed as InfluxDB prints it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("invalid duration")]
    Invalid,
    /// The last term of the text, which made the sum too large.
    #[error("overflowed duration {0}: choose a smaller duration or INF")]
    Overflow(String),
}

/// Nanoseconds of terms such as `90s`, `1h30m`, `-2w`.
///
/// Units are `ns`, `u`, `µ`, `ms`, `s`, `m`, `h`, `d` and `w`; each number needs
/// one.
///
/// # Errors
///
/// A text that is no duration, or one beyond 63 bits of nanoseconds.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return Err(DurationError::Invalid);
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let count: i64 = number.parse().map_err(|_| DurationError::Invalid)?;
        let (unit, nanoseconds) = leading_unit(tail).ok_or(DurationError::Invalid)?;
        total = count
            .checked_mul(nanoseconds)
            .and_then(|term| total.checked_add(term))
            .ok_or_else(|| DurationError::Overflow(format!("{count}{unit}")))?;
        rest = &tail[unit.len()..];
    }
    Ok(if negative { -total } else { total })
}

fn leading_unit(text: &str) -> Option<(&'static str, i64)> {
    // "ms" before "m": the longer unit wins.
    [
        ("ns", 1),
        ("u", MICROSECOND),
        ("µ", MICROSECOND),
        ("ms", MILLISECOND),
        ("m", MINUTE),
        ("s", SECOND),
        ("h", HOUR),
        ("d", DAY),
        ("w", WEEK),
    ]
    .into_iter()
    .find(|(unit, _)| text.starts_with(unit))
}

/// The shortest single-unit text, as InfluxDB prints durations: `90m`, `2h`,
/// `1w`, `0s`.
pub fn format_duration(nanoseconds: i64) -> String {
    if nanoseconds == 0 {
        return "0s".to_string();
    }
    let units = [
        (WEEK, "w"),
        (DAY, "d"),
        (HOUR, "h"),
        (MINUTE, "m"),
        (SECOND, "s"),
        (MILLISECOND, "ms"),
        (MICROSECOND, "u"),
    ];
    for (size, unit) in units {
        if nanoseconds % size == 0 {
            return format!("{}{unit}", nanoseconds / size);
        }
    }
    format!("{nanoseconds}ns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_add_up() {
        assert_eq!(parse_duration("1h30m"), Ok(90 * MINUTE));
        assert_eq!(
            parse_duration("1w2d3h4m5s6ms7u8ns"),
            Ok(WEEK
                + 2 * DAY
                + 3 * HOUR
                + 4 * MINUTE
                + 5 * SECOND
                + 6 * MILLISECOND
                + 7 * MICROSECOND
                + 8)
        );
        assert_eq!(parse_duration("3µ"), Ok(3_000));
        assert_eq!(parse_duration("-10s"), Ok(-10 * SECOND));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "-",
            "3",
            "s",
            "1x",
            "1n",
            "1h2",
            "1H",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError::Invalid), "{text}");
        }
        assert_eq!(
            parse_duration("15251w").map_err(|e| e.to_string()),
            Err("overflowed duration 15251w: choose a smaller duration or INF".to_string())
        );
    }

    #[test]
    fn printed_in_the_largest_exact_unit() {
        for (value, text) in [
            (0, "0s"),
            (90 * MINUTE, "90m"),
            (7 * DAY, "1w"),
            (-1500, "-1500ns"),
            (2000, "2u"),
            (-HOUR, "-1h"),
        ] {
            assert_eq!(format_duration(value), text);
        }
    }
}
