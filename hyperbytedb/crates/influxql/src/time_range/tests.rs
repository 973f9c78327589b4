use super::{TimeRange, split_condition};
use crate::{TIME_MAX, TIME_MIN, find_zone, parse_expr};

const SECOND: i64 = 1_000_000_000;
const NOW: i64 = 1_000 * SECOND;

/// The rest, printed, and the range; or the message.
fn split(text: &str) -> Result<(String, TimeRange), String> {
    let condition = parse_expr(text).expect(text);
    let (rest, range) = split_condition(Some(&condition), NOW, None).map_err(|e| e.to_string())?;
    Ok((rest.map(|rest| rest.to_string()).unwrap_or_default(), range))
}

fn between(min: Option<i64>, max: Option<i64>) -> TimeRange {
    TimeRange {
        min: min.unwrap_or(TIME_MIN),
        max: max.unwrap_or(TIME_MAX),
        has_min: min.is_some(),
        has_max: max.is_some(),
    }
}

#[test]
fn bounds_are_pulled_out() {
    for (text, rest, min, max) in [
        ("time > 5", "", Some(6), None),
        ("time >= 5ms", "", Some(5_000_000), None),
        ("5 > time", "", None, Some(4)),
        ("time <= now()", "", None, Some(NOW)),
        ("TIME < now() - 1s", "", None, Some(NOW - SECOND - 1)),
        ("time = 7", "", Some(7), Some(7)),
        (
            "time > 5 AND time > 9 AND time < 20 AND time < 15",
            "",
            Some(10),
            Some(14),
        ),
        (
            "host = 'a' AND time >= '1970-01-01T00:00:01Z'",
            "host = 'a'",
            Some(SECOND),
            None,
        ),
        (
            "(host = 'a' OR host = 'b') AND (time > 1)",
            "host = 'a' OR host = 'b'",
            Some(2),
            None,
        ),
        ("time > 5 OR host = 'a'", "host = 'a'", Some(6), None),
        ("v > 1 + 1 AND true", "v > 2", None, None),
        ("true", "", None, None),
        ("false AND host = 'a'", "false", None, None),
        ("time >= 1.9", "", Some(1), None),
        ("time > '1970-01-01' + 1s", "", Some(SECOND + 1), None),
        ("time >= -9223372036854775808", "", Some(TIME_MIN), None),
        ("time <= 9223372036854775807", "", None, Some(TIME_MAX)),
        ("time > 9223372036854775807", "", Some(i64::MAX), None),
    ] {
        assert_eq!(
            split(text),
            Ok((rest.to_string(), between(min, max))),
            "{text}"
        );
    }
}

#[test]
fn wrong_conditions_are_named() {
    for (text, message) in [
        (
            "time > 'yesterday'",
            "invalid operation: time and *influxql.StringLiteral are not compatible",
        ),
        (
            "time > value",
            "invalid operation: time and *influxql.VarRef are not compatible",
        ),
        (
            "time > true",
            "invalid operation: time and *influxql.BooleanLiteral are not compatible",
        ),
        (
            "time > (v + 1)",
            "invalid operation: time and *influxql.BinaryExpr are not compatible",
        ),
        ("time > '2000-01-99'", "invalid timestamp string"),
        ("time != 5", "invalid time comparison operator: !="),
        (
            "time =~ /x/",
            "invalid operation: time and *influxql.RegexLiteral are not compatible",
        ),
        (
            "time > '2300-01-01'",
            "time 2300-01-01T00:00:00Z overflows time literal",
        ),
        (
            "time > '1500-01-01'",
            "time 1500-01-01T00:00:00Z underflows time literal",
        ),
        ("value", "invalid condition expression: value"),
        ("v = 1 AND max(v)", "invalid condition expression: max(v)"),
    ] {
        assert_eq!(split(text), Err(message.to_string()), "{text}");
    }
}

#[test]
fn dates_are_in_the_zone() {
    let condition =
        parse_expr("time >= '1970-01-01' AND time < '1970-01-01T12:00:00Z'").expect("text");
    let zone = find_zone("Europe/Berlin");
    let (_, range) = split_condition(Some(&condition), NOW, zone).expect("condition");
    assert_eq!(
        (range.min, range.max),
        (-3600 * SECOND, 12 * 3600 * SECOND - 1)
    );
    assert!(!range.is_empty());
    assert_eq!(
        split_condition(None, NOW, None),
        Ok((None, TimeRange::default()))
    );
}
