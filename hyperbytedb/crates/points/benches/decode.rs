//! Line protocol into a batch, a batch into the bytes of the log, and back, for a write of
//! 5,000 lines with ten tags: `cargo bench -p points`.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use points::{Batch, DecodeOptions, decode};

const LINES: usize = 5_000;
const HOSTS: usize = 100;
const FIELDS: usize = 10;

/// What the fields hold.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Integers,
    Floats,
    Strings,
}

const KINDS: [Kind; 3] = [Kind::Integers, Kind::Floats, Kind::Strings];

fn main() {
    divan::main();
}

#[divan::bench(args = KINDS)]
fn line_protocol(bencher: Bencher, kind: Kind) {
    let body = body(kind);
    let options = DecodeOptions::default();
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(body.len()))
        .bench(|| decode(&body, &options));
}

#[divan::bench(args = KINDS)]
fn log_encode(bencher: Bencher, kind: Kind) {
    let batch = decode(&body(kind), &DecodeOptions::default()).batch;
    bencher
        .counter(ItemsCount::new(LINES))
        .bench(|| batch.encode());
}

#[divan::bench(args = KINDS)]
fn log_decode(bencher: Bencher, kind: Kind) {
    let bytes = decode(&body(kind), &DecodeOptions::default())
        .batch
        .encode();
    bencher
        .counter(ItemsCount::new(LINES))
        .bench(|| Batch::decode(&bytes));
}

/// Lines as TSBS' devops case has them, from a generator that always gives the same.
fn body(kind: Kind) -> Vec<u8> {
    let mut body = String::new();
    let mut random = 1_u64;
    for line in 0..LINES {
        let host = line % HOSTS;
        let time = 1_704_067_200_000_000_000 + (line / HOSTS) * 10_000_000_000;
        let mut fields = Vec::new();
        for field in 0..FIELDS {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let value = random >> 33;
            fields.push(match kind {
                Kind::Integers => format!("usage_{field}={}i", value % 101),
                Kind::Floats => format!("usage_{field}={}", value as f64 / 1e6),
                Kind::Strings => format!("usage_{field}=\"state {}, \\\"ok\\\"\"", value % 101),
            });
        }
        body += &format!(
            "cpu,arch=x64,datacenter=us-west-2b,hostname=host_{host},os=Debian13,rack={},\
             region=us-west-2,service={},service_environment=production,service_version=0,\
             team=NYC {} {time}\n",
            host % 60,
            host % 13,
            fields.join(",")
        );
    }
    body.into_bytes()
}
