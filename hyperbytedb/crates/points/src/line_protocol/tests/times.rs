//! Timestamps and precisions.

use super::*;

const UNITS: [(&str, Precision, i64); 8] = [
    ("", Precision::Nanosecond, 1),
    ("n", Precision::Nanosecond, 1),
    ("ns", Precision::Nanosecond, 1),
    ("u", Precision::Microsecond, 1_000),
    ("ms", Precision::Millisecond, 1_000_000),
    ("s", Precision::Second, 1_000_000_000),
    ("m", Precision::Minute, 60_000_000_000),
    ("h", Precision::Hour, 3_600_000_000_000),
];

fn time_with(precision: Precision, line: &str, default_time_ns: i64) -> Result<i64, String> {
    let options = DecodeOptions {
        precision,
        default_time_ns,
        ..DecodeOptions::default()
    };
    let decoded = decode(line.as_bytes(), &options);
    match decoded.errors.first() {
        Some(error) => Err(error.reason.to_string()),
        None => Ok(decoded.batch.tables[0].times[0]),
    }
}

#[test]
fn precisions() {
    for (text, precision, nanoseconds) in UNITS {
        assert_eq!(Precision::parse(text), Ok(precision));
        assert_eq!(precision.nanoseconds(), nanoseconds);
        assert_eq!(time_with(precision, "m v=1 -7", 0), Ok(-7 * nanoseconds));
        let greatest = MAX_TIME / nanoseconds;
        let line = format!("m v=1 {greatest}");
        assert_eq!(time_with(precision, &line, 0), Ok(greatest * nanoseconds));
        for beyond in [greatest + 1, -greatest - 1, i64::MAX, i64::MIN] {
            let line = format!("m v=1 {beyond}");
            assert_eq!(
                time_with(precision, &line, 0),
                Err("time outside range -9223372036854775806 - 9223372036854775806".to_owned())
            );
        }
    }
}

#[test]
fn unknown_precisions() {
    let text = |error: InvalidPrecision| error.to_string();
    assert_eq!(
        Precision::parse("us").map_err(text),
        Err("invalid precision \"us\" (use n, u, ms, s, m or h)".to_owned())
    );
    assert_eq!(Precision::parse_v2("us"), Ok(Precision::Microsecond));
    assert_eq!(
        Precision::parse_v2("m").map_err(text),
        Err("invalid precision \"m\" (use ns, us, ms or s)".to_owned())
    );
}

#[test]
fn points_without_time_get_the_default_in_whole_units() {
    for (_, precision, unit) in UNITS {
        for now in [1_700_000_123_456_789_012, -1, 0, -1_700_000_123_456_789_012] {
            for line in ["m v=1", "m v=1 ", "m v=1  \t"] {
                let time = time_with(precision, line, now).expect("a time");
                assert_eq!(time % unit, 0);
                assert!((0..unit).contains(&(now - time)), "{now} became {time}");
            }
        }
    }
    assert_eq!(Precision::Hour.truncate(i64::MIN), i64::MIN);
}

#[test]
fn written_times() {
    for (written, time) in [
        ("0", 0),
        ("-0", 0),
        ("01", 1),
        ("-1", -1),
        ("9223372036854775806", MAX_TIME),
        ("-9223372036854775806", MIN_TIME),
        ("1   ", 1),
        ("\t1", 1),
    ] {
        assert_eq!(point(&format!("m v=1 {written}")).time, time, "{written}");
    }
}
