//! Field values.

use super::*;

fn field(text: &str) -> Value {
    let first = point(&format!("m v={text} 1")).fields[0].1.clone();
    // The same value behind fields that are read with escapes and quotes.
    let slow = point(&format!("m a\\ b=1,v={text} 1")).fields[1].1.clone();
    assert_eq!(first, slow, "{text}");
    first
}

#[test]
fn floats() {
    for (text, value) in [
        ("1", 1.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1e3),
        ("1.e3", 1e3),
        ("1E-3", 1e-3),
        ("6.632243e+06", 6_632_243.0),
        ("9223372036854775807", 9_223_372_036_854_775_807.0),
        ("0009223372036854775807", 9_223_372_036_854_775_807.0),
        ("1e-400", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", 5e-324),
        ("0.30000000000000004", 0.300_000_000_000_000_04),
    ] {
        assert_eq!(field(text), Value::Float(value), "{text}");
    }
    let Value::Float(zero) = field("-0") else {
        panic!("not a float");
    };
    assert!(zero.is_sign_negative());
}

#[test]
fn integers() {
    for (text, value) in [
        ("0i", 0),
        ("-0i", 0),
        ("007i", 7),
        ("-1i", -1),
        ("999999999999999999i", 999_999_999_999_999_999),
        ("9223372036854775807i", i64::MAX),
        ("-9223372036854775808i", i64::MIN),
        ("-0009223372036854775808i", i64::MIN),
    ] {
        assert_eq!(field(text), Value::Integer(value), "{text}");
    }
    for (text, value) in [("0u", 0), ("00018446744073709551615u", u64::MAX)] {
        assert_eq!(field(text), Value::Unsigned(value), "{text}");
    }
}

#[test]
fn booleans() {
    for text in ["t", "T", "true", "True", "TRUE"] {
        assert_eq!(field(text), Value::Boolean(true), "{text}");
    }
    for text in ["f", "F", "false", "False", "FALSE"] {
        assert_eq!(field(text), Value::Boolean(false), "{text}");
    }
}

#[test]
fn strings() {
    for (written, text) in [
        (r#""""#, ""),
        (r#""a b""#, "a b"),
        (r#""a,b=c d""#, "a,b=c d"),
        (r#""a\"b""#, "a\"b"),
        (r#""a\\b""#, r"a\b"),
        (r#""a\\""#, r"a\"),
        (r#""a\b""#, r"a\b"),
        (r#""a\nb""#, r"a\nb"),
        (r#""a\,b""#, r"a\,b"),
        (r#""test\\\"""#, "test\\\""),
        ("\"日本語 ☃\"", "日本語 ☃"),
        // InfluxDB takes the last byte off as if it were the quote.
        (r#""a"b"#, "a\""),
    ] {
        assert_eq!(field(written), Value::String(text.to_owned()), "{written}");
    }
}

#[test]
fn the_last_of_equal_fields_wins() {
    for (fields, value) in [
        ("v=1,v=2", Value::Float(2.0)),
        ("v=\"abc\",v=\"d\"", Value::String("d".to_owned())),
        ("v=t,v=f", Value::Boolean(false)),
        ("v=1i,v=2i", Value::Integer(2)),
        ("v=1u,v=2u", Value::Unsigned(2)),
    ] {
        let body = format!("m w=1 1\nm {fields} 2\nm {fields} 3\n");
        let points = accepted(&body);
        assert_eq!(points[1].fields, [("v".to_owned(), value.clone())]);
        assert_eq!(points[2].fields, [("v".to_owned(), value)]);
    }
}
