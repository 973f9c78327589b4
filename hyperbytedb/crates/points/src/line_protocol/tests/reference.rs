//! Compares the decoder with the crate `influxdb-line-protocol`, which parses
//! for InfluxDB 3.
//!
//! The two differ on purpose where InfluxDB 3 does from 1.x, so the generated
//! lines do not go there: the crate reads `\\` in a name as one backslash (1.x
//! keeps both), keeps the backslash of `\=` in a measurement and of `\"` in a
//! field key, ends names at tabs, refuses `1.` and `.5`, lets empty tag values
//! and duplicate tags pass, and does not scale or check timestamps.

use std::collections::BTreeMap;

use influxdb_line_protocol::{FieldValue as Reference, parse_lines};
use proptest::prelude::*;

use super::round_trip::{field_value, print};
use super::*;

/// Text with everything that is escaped, and backslashes before other
/// characters only.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z0-9._/é☃'-]",
        2 => "[ ,]",
        1 => Just("=".to_owned()),
        1 => Just("\"".to_owned()),
        1 => Just("\\x".to_owned()),
    ];
    proptest::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

fn generated() -> impl Strategy<Value = Point> {
    let tags = proptest::collection::btree_map(name(), name(), 0..5);
    let fields = proptest::collection::btree_map(name(), field_value(), 1..6);
    let time = MIN_TIME..=MAX_TIME;
    (name(), tags, fields, time).prop_map(|(measurement, tags, fields, time)| Point {
        measurement,
        tags: tags.into_iter().collect(),
        fields: fields.into_iter().collect(),
        time,
    })
}

fn reference(body: &str) -> Vec<Point> {
    let parsed = parse_lines(body).map(|line| {
        let line = line.expect("the reference parses");
        let tags: BTreeMap<String, String> = line
            .series
            .tag_set
            .iter()
            .flatten()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let value = |value: &Reference<'_>| match value {
            Reference::F64(value) => Value::Float(*value),
            Reference::I64(value) => Value::Integer(*value),
            Reference::U64(value) => Value::Unsigned(*value),
            Reference::Boolean(value) => Value::Boolean(*value),
            Reference::String(value) => Value::String(value.to_string()),
        };
        let fields = line.field_set.iter();
        Point {
            measurement: line.series.measurement.to_string(),
            tags: tags.into_iter().collect(),
            fields: fields
                .map(|(key, field)| (key.to_string(), value(field)))
                .collect(),
            time: line.timestamp.unwrap_or_default(),
        }
    });
    parsed.collect()
}

proptest! {
    #[test]
    fn both_read_the_same(points in proptest::collection::vec(generated(), 1..5)) {
        let lines: Vec<String> = points.iter().filter_map(|point| print(point).ok()).collect();
        let body = lines.join("\n");
        let expected = reference(&body);
        prop_assert_eq!(expected.len(), lines.len());
        for (line, expected) in lines.iter().zip(expected) {
            let mut got = accepted(line).remove(0);
            got.fields.sort_by(|a, b| a.0.cmp(&b.0));
            let mut expected = expected;
            expected.fields.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(got, expected, "{}", line);
        }
        prop_assert_eq!(decode_text(&body).points, lines.len());
    }
}
