//! Encoders against the literal output of InfluxDB.

use std::sync::Arc;

use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};

use crate::query::column::Column;
use crate::query::encode::csv::CsvEncoder;
use crate::query::encode::json::JsonEncoder;
use crate::query::encode::msgpack::MsgpackEncoder;
use crate::query::encode::{Encode, Epoch, Message, Options};
use crate::query::output::{SeriesChunk, SeriesKey};

fn chunk(host: &str, times: Vec<i64>, values: Vec<Option<f64>>) -> SeriesChunk {
    let tags = match host {
        "" => Vec::new(),
        host => vec![("host".to_owned(), host.to_owned())],
    };
    SeriesChunk {
        key: Arc::new(SeriesKey {
            name: "cpu".to_owned(),
            tags,
        }),
        columns: Arc::new(vec!["time".to_owned(), "v".to_owned()]),
        times: Some(times.into()),
        values: vec![Column::Float(values.into())],
    }
}

fn encode(encoder: &mut dyn Encode, chunks: &[SeriesChunk], error: Option<&str>) -> String {
    let mut out = Vec::new();
    encoder.begin_statement(0, None, &[], &mut out);
    for chunk in chunks {
        encoder.chunk(chunk, &mut out);
    }
    encoder.end_statement(error, &mut out);
    encoder.finish(&mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn json_joins_chunks_of_a_series() {
    let chunks = [
        chunk("a", vec![0], vec![Some(1.0)]),
        chunk("a", vec![1_500_000_000], vec![None]),
        chunk("b", vec![0], vec![Some(f64::INFINITY)]),
    ];
    assert_eq!(
        encode(&mut JsonEncoder::new(Options::default()), &chunks, None),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","v"],"#,
            r#""values":[["1970-01-01T00:00:00Z",1],["1970-01-01T00:00:01.5Z",null]]},"#,
            r#"{"name":"cpu","tags":{"host":"b"},"columns":["time","v"],"values":[["1970-01-01T00:00:00Z",null]]}]}]}"#,
            "\n"
        )
    );
}

#[test]
fn json_escapes_as_go_does() {
    let mut one = chunk("", vec![], vec![]);
    one.times = None;
    one.columns = Arc::new(vec!["<&>".to_owned(), "b".to_owned(), "i".to_owned()]);
    one.values = vec![
        Column::String(StringArray::from(vec!["a\"\\\n\t\u{1}\u{2028}ü€"])),
        Column::Boolean(BooleanArray::from(vec![true])),
        Column::Integer(Int64Array::from(vec![i64::MIN])),
    ];
    assert_eq!(
        encode(&mut JsonEncoder::new(Options::default()), &[one], None),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["\u003c\u0026\u003e","b","i"],"#,
            r#""values":[["a\"\\\n\t\u0001\u2028ü€",true,-9223372036854775808]]}]}]}"#,
            "\n"
        )
    );
}

#[test]
fn json_is_indented_by_four() {
    let options = Options {
        pretty: true,
        epoch: Epoch::Seconds,
        ..Options::default()
    };
    let chunks = [chunk("a", vec![-1_500_000_000], vec![Some(0.5)])];
    let expected = r#"{
    "results": [
        {
            "statement_id": 0,
            "series": [
                {
                    "name": "cpu",
                    "tags": {
                        "host": "a"
                    },
                    "columns": [
                        "time",
                        "v"
                    ],
                    "values": [
                        [
                            -1,
                            0.5
                        ]
                    ]
                }
            ]
        }
    ]
}
"#;
    assert_eq!(
        encode(&mut JsonEncoder::new(options), &chunks, None),
        expected
    );
}

#[test]
fn json_chunks_say_what_follows() {
    let options = Options {
        chunk_rows: Some(2),
        epoch: Epoch::Nanoseconds,
        ..Options::default()
    };
    let chunks = [
        chunk("a", vec![1, 2, 3], vec![Some(1.0), Some(2.0), Some(3.0)]),
        chunk("b", vec![4], vec![Some(4.0)]),
    ];
    let head = r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"#;
    let expected = format!(
        "{head}\"a\"}},\"columns\":[\"time\",\"v\"],\"values\":[[1,1],[2,2]],\"partial\":true}}],\"partial\":true}}]}}\n\
         {head}\"a\"}},\"columns\":[\"time\",\"v\"],\"values\":[[3,3]]}}],\"partial\":true}}]}}\n\
         {head}\"b\"}},\"columns\":[\"time\",\"v\"],\"values\":[[4,4]]}}]}}]}}\n"
    );
    assert_eq!(
        encode(&mut JsonEncoder::new(options), &chunks, None),
        expected
    );
}

#[test]
fn json_has_messages_and_errors() {
    let mut encoder = JsonEncoder::new(Options::default());
    let mut out = Vec::new();
    let message = Message {
        level: "warning".to_owned(),
        text: "deprecated".to_owned(),
    };
    encoder.begin_statement(0, None, &[message], &mut out);
    encoder.end_statement(None, &mut out);
    encoder.begin_statement(1, None, &[], &mut out);
    encoder.end_statement(Some("no"), &mut out);
    encoder.finish(&mut out);
    assert_eq!(
        String::from_utf8(out).expect("UTF-8"),
        concat!(
            r#"{"results":[{"statement_id":0,"messages":[{"level":"warning","text":"deprecated"}]},{"statement_id":1,"error":"no"}]}"#,
            "\n"
        )
    );
}

#[test]
fn csv_has_a_header_and_escaped_tags() {
    let chunks = [
        chunk("a b", vec![1], vec![Some(1e21)]),
        chunk("c,d", vec![2], vec![None]),
    ];
    assert_eq!(
        encode(&mut CsvEncoder::new(Options::default()), &chunks, None),
        "name,tags,time,v\ncpu,host=a\\ b,1,1000000000000000000000\ncpu,\"host=c\\,d\",2,\n"
    );
}

#[test]
fn csv_repeats_the_header_where_the_columns_change() {
    let mut other = chunk("b", vec![2], vec![Some(2.0)]);
    other.columns = Arc::new(vec!["time".to_owned(), "w".to_owned()]);
    let chunks = [chunk("a", vec![1], vec![Some(1.0)]), other];
    assert_eq!(
        encode(&mut CsvEncoder::new(Options::default()), &chunks, None),
        "name,tags,time,v\ncpu,host=a,1,1\n\nname,tags,time,w\ncpu,host=b,2,2\n"
    );
}

#[test]
fn msgpack_times_are_an_extension() {
    let mut encoder = MsgpackEncoder::new(Options::default());
    let mut out = Vec::new();
    encoder.begin_statement(0, None, &[], &mut out);
    encoder.chunk(&chunk("", vec![1_000_000_002], vec![Some(1.0)]), &mut out);
    encoder.end_statement(None, &mut out);
    encoder.finish(&mut out);
    let time = [0xc7, 12, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    let value = [0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
    let tail = [&time[..], &value[..]].concat();
    assert!(out.starts_with(b"\x81\xa7results\xdd\x00\x00\x00\x01\x82\xacstatement_id\x00\xa6series\xdd\x00\x00\x00\x01\x83"));
    assert!(out.ends_with(&tail), "{out:02x?}");
}

#[test]
fn large_results_encode_fast_enough_to_stream() {
    let rows = 1000_i64;
    let column = Column::Float(
        (0..rows)
            .map(|row| row as f64 * 0.37)
            .collect::<Float64Array>(),
    );
    let mut one = chunk("", (0..rows).collect(), Vec::new());
    one.columns = Arc::new((0..21).map(|place| format!("c{place}")).collect());
    one.values = vec![column; 20];
    let text = encode(&mut JsonEncoder::new(Options::default()), &[one], None);
    assert_eq!(text.matches("],[").count(), 999);
}
