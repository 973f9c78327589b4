//! The log gives its disk back: cycles of flushes with values that do not compress, kills
//! in between, and nothing lost.
//!
//! `LOG_CYCLES` sets the number of flushes, `LOG_SEED` repeats the values.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use process_tests::node::files_below;
use process_tests::random::{Random, seed};
use process_tests::{Node, Sandbox, wait};
use serde_json::json;

/// Points of one request, and bytes of the text of each.
const POINTS: u64 = 2_000;
const TEXT_BYTES: usize = 1_000;
/// What the log may take beside what is not truncated.
const SLACK: u64 = 128 << 20;
const LIMIT: Duration = Duration::from_secs(60);

fn cycles() -> u64 {
    let text = std::env::var("LOG_CYCLES").ok();
    text.map_or(3, |text| text.parse().expect("LOG_CYCLES is a number"))
}

/// Bytes that the disk has for files.
fn bytes_of(directory: &Path) -> u64 {
    let files = files_below(directory, "");
    // One may go while they are counted.
    let sizes = files.iter().filter_map(|file| file.metadata().ok());
    sizes.map(|metadata| metadata.blocks() * 512).sum()
}

/// Points that follow each other, with texts of which nothing repeats.
fn lines(first: u64, random: &mut Random) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut lines = String::new();
    for number in first..first + POINTS {
        let text: String = (0..TEXT_BYTES)
            .map(|_| char::from(LETTERS[random.below(LETTERS.len())]))
            .collect();
        lines.push_str(&format!("m s=\"{text}\",n={number}i {number}\n"));
    }
    lines
}

fn unflushed_bytes(node: &Node) -> u64 {
    let text = node.client().get("/metrics").text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("hyperbytedb_memtable_bytes "));
    line.and_then(|value| value.parse::<f64>().ok())
        .expect("hyperbytedb_memtable_bytes") as u64
}

#[test]
fn the_log_gives_its_disk_back_cycle_after_cycle() {
    let sandbox = Sandbox::new();
    let mut random = Random::new(seed("LOG_SEED"));
    let mut node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    let mut written = 0;
    for cycle in 0..cycles() {
        let files = sandbox.data_files(".parquet").len();
        let mut largest = 0;
        while sandbox.data_files(".parquet").len() == files {
            node.client().write("d", &lines(written, &mut random));
            written += POINTS;
            largest = largest.max(bytes_of(&sandbox.wal_dir()));
        }
        let within = |node: &Node| {
            wait::until("a log that gave its disk back", LIMIT, || {
                let bytes = bytes_of(&sandbox.wal_dir());
                (bytes <= unflushed_bytes(node) + SLACK).then_some(bytes)
            })
        };
        let bytes = within(&node);
        node.kill();
        node = sandbox.start();
        let after_start = within(&node);
        eprintln!(
            "cycle {cycle}: {largest} bytes of log at most, {bytes} after the flush, {after_start} after kill -9, {written} points"
        );
        let rows = node.client().rows("d", "SELECT count(n), sum(n) FROM m");
        let sum = written * (written - 1) / 2;
        assert_eq!(
            rows[0][1..],
            [json!(written), json!(sum)],
            "points are lost"
        );
    }
    // Stopped and started again, nothing is left but what RocksDB needs for itself.
    node.stop();
    let _node = sandbox.start();
    let bytes = bytes_of(&sandbox.wal_dir());
    assert!(bytes < 32 << 20, "{bytes} bytes of log at rest");
}
