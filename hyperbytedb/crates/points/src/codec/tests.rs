//! Tests of the encoding.

use proptest::prelude::*;

use super::read::spread;
use super::write::present_values;
use super::*;
use crate::batch::{FieldColumn, FieldType, Strings, Table, TagSet, Values};

fn values(field_type: FieldType, rows: usize) -> BoxedStrategy<Values> {
    use proptest::collection::vec;
    match field_type {
        FieldType::Float => prop_oneof![
            vec(
                any::<f64>().prop_filter("equal to itself", |value| !value.is_nan()),
                rows
            ),
            vec((-1000..1000i32).prop_map(f64::from), rows),
        ]
        .prop_map(Values::Float)
        .boxed(),
        FieldType::Integer => prop_oneof![
            vec(any::<i64>(), rows),
            vec(-100..100i64, rows),
            vec(i64::MAX - 70_000..=i64::MAX, rows),
            vec(i64::from(u32::MAX)..i64::from(u32::MAX) * 2, rows),
        ]
        .prop_map(Values::Integer)
        .boxed(),
        FieldType::Unsigned => prop_oneof![vec(any::<u64>(), rows), vec(0..1000u64, rows)]
            .prop_map(Values::Unsigned)
            .boxed(),
        FieldType::Boolean => vec(any::<bool>(), rows).prop_map(Values::Boolean).boxed(),
        FieldType::String => vec(any::<String>(), rows)
            .prop_map(|texts| {
                let mut strings = Strings::default();
                for text in &texts {
                    strings.push(text.as_bytes());
                }
                Values::String(strings)
            })
            .boxed(),
    }
}

fn column(rows: usize) -> impl Strategy<Value = FieldColumn> {
    let field_type = prop_oneof![
        Just(FieldType::Float),
        Just(FieldType::Integer),
        Just(FieldType::Unsigned),
        Just(FieldType::String),
        Just(FieldType::Boolean),
    ];
    let present = proptest::option::of(proptest::collection::vec(any::<bool>(), rows));
    let values = field_type.prop_flat_map(move |field_type| values(field_type, rows));
    (".{0,5}", values, present).prop_map(|(name, values, present)| {
        // Absent rows hold default values, which is what decoding gives them.
        let values = match &present {
            Some(present) => spread(&present_values(&values, present), present),
            None => values,
        };
        FieldColumn {
            name,
            values,
            present,
        }
    })
}

fn tags() -> impl Strategy<Value = TagSet> {
    let text = || prop_oneof!["[ab]{0,2}", any::<String>()];
    proptest::collection::btree_map(text(), text(), 0..5)
        .prop_map(|tags| TagSet(tags.into_iter().collect()))
}

fn table() -> impl Strategy<Value = Table> {
    (0..40usize).prop_flat_map(|rows| {
        let series = proptest::collection::vec(tags(), 1..6);
        let times = prop_oneof![
            proptest::collection::vec(any::<i64>(), rows),
            proptest::collection::vec((0..1_000_000i64).prop_map(|at| at * 1_000_000_000), rows),
            proptest::collection::vec((0..1_000_000i64).prop_map(|at| at * 1_000), rows),
        ];
        let columns = proptest::collection::vec(column(rows), 0..5);
        let places = proptest::collection::vec(any::<u32>(), rows);
        (any::<String>(), series, places, times, columns).prop_map(
            |(measurement, series, places, times, fields)| Table {
                measurement,
                series_of_row: places.iter().map(|at| at % series.len() as u32).collect(),
                series,
                times,
                fields,
            },
        )
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    proptest::collection::vec(table(), 0..4).prop_map(|tables| Batch { tables })
}

proptest! {
    #[test]
    fn every_batch_decodes_to_itself(batch in batch()) {
        prop_assert_eq!(Batch::decode(&batch.encode()), Ok(batch));
    }

    #[test]
    fn a_cut_encoding_is_refused(batch in batch(), cut in any::<prop::sample::Index>()) {
        let bytes = batch.encode();
        let end = cut.index(bytes.len());
        prop_assert!(Batch::decode(&bytes[..end]).is_err());
    }

    #[test]
    fn damage_is_an_error_or_another_batch(
        batch in batch(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = batch.encode();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(read) = Batch::decode(&bytes) {
            // What reads is sound, or this would panic.
            prop_assert!(Batch::decode(&read.encode()).is_ok());
            prop_assert!(size(&read) <= 600 * bytes.len());
        }
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[VERSION][..], &bytes].concat();
        let read = Batch::decode(&versioned).unwrap_or_default();
        prop_assert!(size(&read) <= 600 * versioned.len());
    }
}

/// The memory that the contents of a batch take up, roughly.
fn size(batch: &Batch) -> usize {
    let table = |table: &Table| {
        let tag = |(key, value): &(String, String)| key.len() + value.len() + 48;
        let series: usize = table.series.iter().flat_map(|tags| &tags.0).map(tag).sum();
        let cells = table.rows() * (table.fields.len() * 9 + 12);
        series + 24 * table.series.len() + cells + 120 * table.fields.len()
    };
    batch.tables.iter().map(table).sum()
}

/// One table with one row and series, `fields` as given.
fn small(fields: Vec<FieldColumn>) -> Batch {
    Batch {
        tables: vec![Table {
            measurement: "cpu".to_owned(),
            series: vec![TagSet(vec![("host".to_owned(), "a".to_owned())])],
            series_of_row: vec![0],
            times: vec![7_000_000_000],
            fields,
        }],
    }
}

/// The bytes on disk must not change under the same version.
#[test]
fn the_format_is_the_documented_one() {
    let column = |name: &str, values| FieldColumn {
        name: name.to_owned(),
        values,
        present: None,
    };
    let mut text = Strings::default();
    text.push(b"hi");
    let batch = small(vec![
        column("i", Values::Integer(vec![-3])),
        column("f", Values::Float(vec![0.5])),
        column("s", Values::String(text)),
        column("b", Values::Boolean(vec![true])),
        FieldColumn {
            name: "u".to_owned(),
            values: Values::Unsigned(vec![0]),
            present: Some(vec![false]),
        },
    ]);
    let mut expected = vec![1, 1];
    expected.extend(b"\x03cpu\x01");
    expected.extend([3, DELTAS, 14]);
    expected.extend(b"\x01\x01\x02\x04host\x01a");
    expected.extend([0, 5]);
    expected.extend([1, b'i', 1, 0, DELTAS, 5]);
    expected.extend([1, b'f', 0, 0, 0]);
    expected.extend(0.5f64.to_le_bytes());
    expected.extend([1, b's', 3, 0, DELTAS, 4, b'h', b'i']);
    expected.extend([1, b'b', 4, 0, 1]);
    expected.extend([1, b'u', 2, 1, 0, DELTAS]);
    let bytes = batch.encode();
    assert_eq!(bytes, expected);
    assert_eq!(Batch::decode(&bytes), Ok(batch));
}

const DELTAS: u8 = 9;

#[test]
fn nan_and_negative_zero_keep_their_bits() {
    let values = [f64::NAN, -0.0, 0.0, f64::INFINITY, 1.0];
    for pick in [&values[..1], &values[1..2], &values[..], &values[2..]] {
        let mut batch = small(Vec::new());
        let table = &mut batch.tables[0];
        table.times = vec![0; pick.len()];
        table.series_of_row = vec![0; pick.len()];
        table.fields = vec![FieldColumn {
            name: "v".to_owned(),
            values: Values::Float(pick.to_vec()),
            present: None,
        }];
        let read = Batch::decode(&batch.encode()).expect("an encoding");
        let Values::Float(read) = &read.tables[0].fields[0].values else {
            panic!("not floats");
        };
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(read), bits(pick));
    }
}

#[test]
fn repeated_tags_are_bounded() {
    let long = TagSet(vec![("k".to_owned(), "v".repeat(60_000))]);
    let mut batch = small(Vec::new());
    batch.tables[0].series = vec![long; 500];
    batch.tables[0].series_of_row = vec![499];
    let bytes = batch.encode();
    assert!(bytes.len() < 500 * 60_000 / 32);
    assert_eq!(Batch::decode(&bytes), Ok(batch));

    // By hand: one tag of a thousand bytes, repeated by a byte each.
    let mut hostile = vec![
        VERSION, 1, 0, 0, 0, 8, 0xd0, 0x0f, 1, 2, 1, b'k', 0xe8, 0x07,
    ];
    hostile.extend([b'v'; 1000]);
    hostile.extend([1, 0].repeat(1999));
    hostile.extend([0, 0]);
    assert_eq!(Batch::decode(&hostile), Err(CodecError::Repeats));
}

#[test]
fn other_bytes_are_told_apart() {
    let bytes = small(Vec::new()).encode();
    assert_eq!(Batch::decode(&[]), Err(CodecError::Truncated));
    assert_eq!(Batch::decode(&[2]), Err(CodecError::Version(2)));
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Batch::decode(&longer), Err(CodecError::Trailing(1)));
    // Nine bytes that claim more rows than any memory holds.
    let huge = [VERSION, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
    assert_eq!(Batch::decode(&huge), Err(CodecError::Truncated));
}
