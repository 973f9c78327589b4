//! What is printed decodes to the same point.

use proptest::prelude::*;

use super::*;
use crate::batch::TagSet;

/// Any field value that can be printed.
pub(super) fn field_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(Value::Float),
        (-1e6..1e6).prop_map(Value::Float),
        any::<i64>().prop_map(Value::Integer),
        (-1000..1000i64).prop_map(Value::Integer),
        any::<u64>().prop_map(Value::Unsigned),
        any::<bool>().prop_map(Value::Boolean),
        any::<String>().prop_map(Value::String),
        "[a-z ,=\"\\\\\n]{0,12}".prop_map(Value::String),
    ]
}

/// Names with every kind of special character, some of which cannot be written.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ab ,=\"\\\\é]{0,8}", "[a-z]{1,4}", any::<String>()]
}

fn generated() -> impl Strategy<Value = Point> {
    let tags = proptest::collection::btree_map(name(), name(), 0..4);
    let fields = proptest::collection::btree_map(name(), field_value(), 0..5);
    (name(), tags, fields, MIN_TIME..=MAX_TIME).prop_map(|(measurement, tags, fields, time)| {
        Point {
            measurement,
            tags: tags.into_iter().collect(),
            fields: fields.into_iter().collect(),
            time,
        }
    })
}

pub(super) fn print(point: &Point) -> Result<String, PrintError> {
    let mut out = Vec::new();
    let fields = point.fields.iter().map(|(key, value)| {
        let value = match value {
            Value::Float(value) => FieldValue::Float(*value),
            Value::Integer(value) => FieldValue::Integer(*value),
            Value::Unsigned(value) => FieldValue::Unsigned(*value),
            Value::Boolean(value) => FieldValue::Boolean(*value),
            Value::String(value) => FieldValue::String(value),
        };
        (key.as_str(), value)
    });
    let tags = TagSet(point.tags.clone());
    write_line(
        &mut out,
        &point.measurement,
        &tags,
        fields,
        Some(point.time),
    )?;
    Ok(String::from_utf8(out).expect("the printer writes text"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn printed_points_decode_to_themselves(point in generated()) {
        if point.tags.iter().any(|(key, _)| key == "time") {
            return Ok(());
        }
        if let Ok(line) = print(&point) {
            prop_assert_eq!(accepted(&line), [point], "{}", line);
        }
    }
}

#[test]
fn rows_print_as_they_were_written() {
    let body = "m\\ x,a\\ b=c\\,d f\\=1=1.5,g=2i,h=3u,s=\"a \\\"b\\\" \\\\\",t=true 12\nn v=-0 -1";
    let decoded = decode_text(body);
    let mut out = Vec::new();
    for table in &decoded.batch.tables {
        for row in 0..table.rows() {
            table.write_row(row, &mut out).expect("printable");
            out.push(b'\n');
        }
    }
    assert_eq!(str::from_utf8(&out).map(str::trim_end), Ok(body));
}

#[test]
fn what_has_no_written_form_is_refused() {
    let one = [("v", FieldValue::Integer(1))];
    let tags = |key: &str, value: &str| TagSet(vec![(key.to_owned(), value.to_owned())]);
    let refused =
        |measurement: &str, tags: &TagSet, fields: &[(&'static str, FieldValue<'static>)]| {
            let mut out = b"before".to_vec();
            let result = write_line(&mut out, measurement, tags, fields.iter().copied(), None);
            assert_eq!(out, b"before");
            result.expect_err("no written form")
        };
    for name in ["", "a\\", "a\nb"] {
        refused(name, &TagSet::default(), &one);
        refused("m", &tags(name, "v"), &one);
        refused("m", &tags("k", name), &one);
    }
    for name in ["#m", "\tm"] {
        refused(name, &TagSet::default(), &one);
    }
    for key in ["", "a\\", "a\\,b", "\tv", "time"] {
        refused("m", &TagSet::default(), &[(key, FieldValue::Integer(1))]);
    }
    assert_eq!(
        refused(
            "=",
            &tags("\\ ", "\""),
            &[("\"\"", FieldValue::String("\n"))]
        ),
        PrintError::LineEnd
    );
    assert_eq!(refused("m", &TagSet::default(), &[]), PrintError::NoFields);
    assert_eq!(
        refused(
            "m",
            &TagSet::default(),
            &[("v", FieldValue::Float(f64::NAN))]
        ),
        PrintError::NotFinite("v".to_owned())
    );
}
