//! Measures decoding and encoding on one core:
//! `cargo run --release -p points --example throughput`.

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use points::{Batch, DecodeOptions, decode};

const LINES: usize = 5000;
const HOSTS: usize = 100;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, body) in [
        ("10 tags, 10 integers", body(integers)),
        ("10 tags, 10 floats", body(floats)),
        ("10 tags, 5 strings", body(strings)),
    ] {
        let options = DecodeOptions::default();
        let decoded = decode(&body, &options);
        let batch = decoded.batch;
        let bytes = batch.encode();
        let decoding = best(|| drop(black_box(decode(&body, &options))));
        let encoding = best(|| drop(black_box(batch.encode())));
        let reading = best(|| drop(black_box(Batch::decode(&bytes))));
        writeln!(
            out,
            "{name}: {} bytes a line, {} errors\n  line protocol {:.2} M lines/s, {:.0} MB/s\n  \
             encode {:.0} us, {:.1} bytes a row\n  decode {:.0} us",
            body.len() / LINES,
            decoded.failed_lines,
            LINES as f64 / decoding.as_secs_f64() / 1e6,
            body.len() as f64 / decoding.as_secs_f64() / 1e6,
            encoding.as_secs_f64() * 1e6,
            bytes.len() as f64 / LINES as f64,
            reading.as_secs_f64() * 1e6,
        )?;
    }
    Ok(())
}

/// The shortest of many runs, which disturbances do not reach.
fn best(mut run: impl FnMut()) -> Duration {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    (0..200).map(time).min().unwrap_or_default()
}

fn body(fields: fn(&mut Vec<String>, u64)) -> Vec<u8> {
    let mut body = String::new();
    let mut random = 1u64;
    for line in 0..LINES {
        let host = line % HOSTS;
        let time = 1_451_606_400_000_000_000 + (line / HOSTS) * 10_000_000_000;
        let mut values = Vec::new();
        for _ in 0..10 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            fields(&mut values, random >> 33);
        }
        body += &format!(
            "cpu,arch=x64,datacenter=us-west-2b,hostname=host_{host},os=Ubuntu16.10,rack={},\
             region=us-west-2,service={},service_environment=production,service_version=0,team=NYC {} {time}\n",
            host % 60,
            host % 13,
            values.join(",")
        );
    }
    body.into_bytes()
}

const NAMES: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

fn integers(values: &mut Vec<String>, random: u64) {
    values.push(format!("{}={}i", NAMES[values.len()], random % 101));
}

fn floats(values: &mut Vec<String>, random: u64) {
    values.push(format!("{}={}", NAMES[values.len()], random as f64 / 1e6));
}

fn strings(values: &mut Vec<String>, random: u64) {
    if values.len() < 5 {
        values.push(format!(
            "{}=\"state {}, \\\"ok\\\"\"",
            NAMES[values.len()],
            random % 101
        ));
    }
}
