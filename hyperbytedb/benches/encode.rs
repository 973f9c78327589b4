//! Results into bytes: `cargo bench -p hyperbytedb`.

use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, StringArray};
use arrow::buffer::ScalarBuffer;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use hyperbytedb::query::column::Column;
use hyperbytedb::query::encode::csv::CsvEncoder;
use hyperbytedb::query::encode::json::JsonEncoder;
use hyperbytedb::query::encode::msgpack::MsgpackEncoder;
use hyperbytedb::query::encode::{Encode, Epoch, Options};
use hyperbytedb::query::output::{SeriesChunk, SeriesKey};

const ROWS: usize = 10_000;
const START_NS: i64 = 1_704_067_200_000_000_000;

/// How times are printed.
const EPOCHS: [Epoch; 2] = [Epoch::Rfc3339, Epoch::Nanoseconds];

fn main() {
    divan::main();
}

#[divan::bench(args = EPOCHS)]
fn json(bencher: Bencher, epoch: Epoch) {
    measure(bencher, || Box::new(JsonEncoder::new(options(epoch))));
}

#[divan::bench(args = EPOCHS)]
fn csv(bencher: Bencher, epoch: Epoch) {
    measure(bencher, || Box::new(CsvEncoder::new(options(epoch))));
}

#[divan::bench(args = EPOCHS)]
fn msgpack(bencher: Bencher, epoch: Epoch) {
    measure(bencher, || Box::new(MsgpackEncoder::new(options(epoch))));
}

fn options(epoch: Epoch) -> Options {
    Options {
        epoch,
        ..Options::default()
    }
}

fn measure(bencher: Bencher, encoder: impl Fn() -> Box<dyn Encode> + Sync) {
    let chunk = chunk();
    let bytes = encoded(encoder(), &chunk).len();
    bencher
        .counter(ItemsCount::new(ROWS))
        .counter(BytesCount::new(bytes))
        .bench(|| encoded(encoder(), &chunk));
}

/// One statement with one series.
fn encoded(mut encoder: Box<dyn Encode>, chunk: &SeriesChunk) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin_statement(0, None, &[], &mut out);
    encoder.chunk(chunk, &mut out);
    encoder.end_statement(None, &mut out);
    encoder.finish(&mut out);
    out
}

/// Rows with an integer, two floats, one of them with nulls, and text.
fn chunk() -> SeriesChunk {
    let rows = 0..ROWS;
    let of_row = |row: usize| row as f64 * 0.37;
    SeriesChunk {
        key: Arc::new(SeriesKey {
            name: "cpu".into(),
            tags: vec![("hostname".into(), "host_7".into())],
        }),
        columns: Arc::new(
            ["time", "count", "mean", "max", "state"]
                .map(String::from)
                .to_vec(),
        ),
        times: Some(ScalarBuffer::from_iter(
            rows.clone()
                .map(|row| START_NS + row as i64 * 10_000_000_000),
        )),
        values: vec![
            Column::Integer(Int64Array::from_iter_values(
                rows.clone().map(|row| row as i64),
            )),
            Column::Float(Float64Array::from_iter_values(rows.clone().map(of_row))),
            Column::Float(
                rows.clone()
                    .map(|row| (row % 3 > 0).then(|| of_row(row).sqrt()))
                    .collect(),
            ),
            Column::String(StringArray::from_iter_values(rows.map(|row| {
                if row % 5 == 0 {
                    "a \"quoted\" state"
                } else {
                    "ok"
                }
            }))),
        ],
    }
}
