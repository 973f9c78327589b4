//! How rows become columns.

use super::*;
use crate::batch::FieldType;

#[test]
fn rows_keep_their_order_even_when_they_repeat() {
    let decoded = decode_text("m v=1 5\nm v=2 5\nm v=3 4\nm v=4 5\n");
    let table = &decoded.batch.tables[0];
    assert_eq!(table.times, [5, 5, 4, 5]);
    assert_eq!(
        table.fields[0].values,
        Values::Float(vec![1.0, 2.0, 3.0, 4.0])
    );
    assert_eq!(table.fields[0].present, None);
}

#[test]
fn absent_fields_are_marked() {
    let decoded = decode_text("m a=1i 1\nm b=\"x\" 2\nm a=2i,b=\"yz\" 3\nm a=3i 4\n");
    let table = &decoded.batch.tables[0];
    assert_eq!(table.fields.len(), 2);
    assert_eq!(table.fields[0].present, Some(vec![true, false, true, true]));
    assert_eq!(table.fields[0].values, Values::Integer(vec![1, 0, 2, 3]));
    assert_eq!(
        table.fields[1].present,
        Some(vec![false, true, true, false])
    );
    let Values::String(strings) = &table.fields[1].values else {
        panic!("not strings");
    };
    assert_eq!(strings.offsets, [0, 0, 1, 3, 3]);
    assert_eq!(strings.data, b"xyz");
}

#[test]
fn each_type_of_a_field_has_a_column() {
    let body = "m v=1 1\nm v=1i 2\nm v=1u 3\nm v=t 4\nm v=\"s\" 5\nm v=2 6\nm v=3,v=4i 7\n";
    let decoded = decode_text(body);
    let table = &decoded.batch.tables[0];
    let types: Vec<FieldType> = table.fields.iter().map(FieldColumn::field_type).collect();
    assert_eq!(
        types,
        [
            FieldType::Float,
            FieldType::Integer,
            FieldType::Unsigned,
            FieldType::Boolean,
            FieldType::String
        ]
    );
    assert!(table.fields.iter().all(|column| column.name == "v"));
    assert_eq!(points(&decoded.batch)[6].fields.len(), 2);
}

#[test]
fn columns_are_found_in_any_order_and_number() {
    let mut body = String::new();
    let names: Vec<String> = (0..40).map(|at| format!("f{at}")).collect();
    for row in 0..60usize {
        let fields: Vec<String> = (0..40)
            .map(|at| (at * 7 + row) % 40)
            .filter(|at| at % 5 != row % 5)
            .map(|at| format!("{}={}i", names[at], at * 100 + row))
            .collect();
        body += &format!("m,t={} {} {row}\n", row % 3, fields.join(","));
    }
    let decoded = decode_text(&body);
    assert_eq!(decoded.batch.tables.len(), 1);
    assert_eq!(decoded.batch.tables[0].fields.len(), 40);
    for (row, point) in points(&decoded.batch).iter().enumerate() {
        assert_eq!(point.fields.len(), 32);
        for (name, value) in &point.fields {
            let at: usize = name[1..].parse().expect("a number");
            assert_eq!(*value, Value::Integer((at * 100 + row) as i64));
        }
    }
}

#[test]
fn too_many_points_stop_the_decoder() {
    let options = DecodeOptions {
        max_points: 2,
        ..DecodeOptions::default()
    };
    let decoded = decode(b"m v=1 1\nbad\nm v=2 2\n", &options);
    assert!(!decoded.too_many_points);
    assert_eq!(decoded.points, 2);
    let decoded = decode(b"m v=1 1\nm v=2 2\nm v=3 3\nbad\n", &options);
    assert!(decoded.too_many_points);
    assert_eq!((decoded.points, decoded.failed_lines), (2, 0));
}
