//! kill -9 at random moments under load: every acknowledged point is there afterwards,
//! none twice, and nothing that was never sent.
//!
//! `CRASH_ROUNDS` sets the number of rounds, `CRASH_SEED` repeats a run's choices (not
//! the interleaving of threads).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use process_tests::node::{files_below, kill_and_reap};
use process_tests::random::{Random, seed};
use process_tests::{Client, Node, Sandbox, wait};
use serde_json::json;

const WRITERS: u64 = 4;
const BATCH_MAX: u64 = 60;
/// Points are spread over this many days, so that a flush writes several files.
const DAYS: u64 = 3;
const DAY_NS: u64 = 86_400_000_000_000;
const FIRST_NS: u64 = 1_600_000_000_000_000_000;
/// How long a round may need to come to its moment.
const MOMENT_LIMIT: Duration = Duration::from_secs(20);

fn rounds() -> u64 {
    std::env::var("CRASH_ROUNDS").map_or(10, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("CRASH_ROUNDS={text} is no number"))
    })
}

/// The time of the point with this number; no two points share one.
fn time_of(number: u64) -> u64 {
    FIRST_NS + (number % DAYS) * DAY_NS + number
}

fn number_of(time: u64) -> u64 {
    // Numbers are far below the nanoseconds of a day.
    (time - FIRST_NS) % DAY_NS
}

fn lines(writer: u64, numbers: std::ops::Range<u64>) -> String {
    numbers
        .map(|n| {
            format!(
                "crash,writer=w{writer} v={n}i,half={n}.5,name=\"n{n}\" {}\n",
                time_of(n)
            )
        })
        .collect()
}

/// What the writers know.
#[derive(Default)]
struct Ledger {
    next: AtomicU64,
    acknowledged: std::sync::Mutex<BTreeSet<u64>>,
    /// Acknowledged points since the round began.
    of_round: AtomicU64,
}

/// Writes batches of new points until the server is gone.
fn write_until_it_ends(
    client: &Client,
    ledger: &Ledger,
    writer: u64,
    random: &mut Random,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Relaxed) {
        let size = random.between(1, BATCH_MAX);
        let first = ledger.next.fetch_add(size, Ordering::Relaxed);
        match client.try_write("crash", &lines(writer, first..first + size)) {
            Err(_gone) => return,
            Ok(reply) => {
                assert_eq!(reply.status, 204, "{}", reply.text());
                let mut acknowledged = ledger.acknowledged.lock().expect("the ledger");
                acknowledged.extend(first..first + size);
                ledger.of_round.fetch_add(size, Ordering::Relaxed);
            }
        }
    }
}

/// Waits for the moment of a kill: after a number of points, or when a flush is seen at
/// work, and then a little longer.
fn await_moment(sandbox: &Sandbox, ledger: &Ledger, random: &mut Random) -> &'static str {
    let moment = match random.between(0, 2) {
        0 => {
            let points = random.between(1, 4_000);
            wait::until("points of the round", MOMENT_LIMIT, || {
                (ledger.of_round.load(Ordering::Relaxed) >= points).then_some(())
            });
            "after some points"
        }
        1 => {
            let known = sandbox.data_files(".parquet").len();
            wait::until("a new file", MOMENT_LIMIT, || {
                (sandbox.data_files(".parquet").len() != known).then_some(())
            });
            "after a file appeared"
        }
        _ => {
            // Short-lived, so that not seeing one is no failure.
            let seen = wait::within(Duration::from_secs(2), || {
                (!sandbox.data_files(".tmp").is_empty()).then_some(())
            });
            if seen.is_some() {
                "while a file is written"
            } else {
                "after two seconds"
            }
        }
    };
    std::thread::sleep(Duration::from_micros(random.between(0, 30_000)));
    moment
}

/// All acknowledged points with their values, each once, and only points that were sent.
fn check(node: &Node, ledger: &Ledger) -> usize {
    let client = node.client();
    let sent = ledger.next.load(Ordering::Relaxed);
    let rows = client.rows("crash", "SELECT v, half, \"name\", writer FROM crash");
    let mut stored = BTreeMap::new();
    for row in &rows {
        let time = row[0].as_u64().expect("a time");
        let number = number_of(time);
        assert!(
            number < sent && time == time_of(number),
            "never sent: {row:?}"
        );
        assert_eq!(
            row[1..4],
            [
                json!(number),
                json!(number as f64 + 0.5),
                json!(format!("n{number}"))
            ],
            "changed: {row:?}"
        );
        assert!(stored.insert(number, row).is_none(), "twice: {row:?}");
    }
    let acknowledged = ledger.acknowledged.lock().expect("the ledger");
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|number| !stored.contains_key(number))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged points lost, the first {:?}",
        lost.len(),
        acknowledged.len(),
        &lost[..lost.len().min(10)]
    );
    let counted = client.rows(
        "crash",
        "SELECT count(v), count(half), count(\"name\") FROM crash",
    );
    let expected = json!(stored.len());
    let counts = counted.first().map(|row| row[1..].to_vec());
    if !stored.is_empty() {
        assert_eq!(
            counts,
            Some(vec![expected.clone(), expected.clone(), expected])
        );
    }
    stored.len()
}

#[test]
fn acknowledged_points_survive_kill_9() {
    let sandbox = Sandbox::new()
        .with("flush", "interval_secs", "1")
        .with("flush", "wal_size_threshold_mb", "1")
        .with("storage", "cache_max_memory_mb", "64");
    let mut random = Random::new(seed("CRASH_SEED"));
    let ledger = Ledger::default();
    let mut node = sandbox.start();
    node.client().run("CREATE DATABASE crash");
    for round in 0..rounds() {
        ledger.of_round.store(0, Ordering::Relaxed);
        let stop = AtomicBool::new(false);
        let mut moment = "";
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let client = Client::new(node.url());
                let mut random = Random::new(random.between(0, u64::MAX - 1));
                let (ledger, stop) = (&ledger, &stop);
                scope
                    .spawn(move || write_until_it_ends(&client, ledger, writer, &mut random, stop));
            }
            moment = await_moment(&sandbox, &ledger, &mut random);
            node.kill();
            stop.store(true, Ordering::Relaxed);
        });
        if random.between(0, 3) == 0 {
            // A crash in the middle of the recovery from the crash.
            let mut child = sandbox.spawn();
            std::thread::sleep(Duration::from_millis(random.between(0, 400)));
            kill_and_reap(&mut child);
        }
        node = sandbox.start();
        let stored = check(&node, &ledger);
        let acknowledged = ledger.of_round.load(Ordering::Relaxed);
        eprintln!(
            "round {round}: killed {moment}, {acknowledged} points acknowledged, {stored} in all"
        );
    }
    // A clean stop keeps the same, and leaves no orphans behind.
    node.stop();
    node = sandbox.start();
    check(&node, &ledger);
    assert_eq!(sandbox.data_files(".tmp"), Vec::<PathBuf>::new());
}

/// The newest file of the log's own log, where the last writes are.
fn newest_log(sandbox: &Sandbox) -> PathBuf {
    let logs = files_below(&sandbox.wal_dir(), ".log");
    let number = |path: &PathBuf| -> u64 {
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        name.and_then(|name| name.parse().ok()).unwrap_or(0)
    };
    logs.into_iter()
        .max_by_key(number)
        .expect("a *.log in the directory of the log")
}

/// Damages the end of the file as a power loss may: it is cut off, or holds garbage.
fn tear(path: &PathBuf, random: &mut Random) -> String {
    let length = fs::metadata(path).expect("the log").len();
    assert!(length > 0, "{} is empty", path.display());
    let bytes = random.between(1, length.min(20_000));
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the log, to damage it");
    if random.between(0, 1) == 0 {
        file.set_len(length - bytes).expect("the log cut");
        format!("cut {bytes} of {length} bytes")
    } else {
        file.seek(SeekFrom::Start(length - bytes))
            .expect("the tail");
        let garbage: Vec<u8> = (0..bytes).map(|_| random.between(0, 255) as u8).collect();
        file.write_all(&garbage).expect("garbage written");
        format!("garbage over {bytes} of {length} bytes")
    }
}

/// The numbers stored, which must be `0..n`: a prefix of what one writer wrote in order.
fn stored_prefix(node: &Node) -> u64 {
    let rows = node.client().rows("crash", "SELECT v FROM crash");
    let numbers: BTreeSet<u64> = rows.iter().filter_map(|row| row[1].as_u64()).collect();
    assert_eq!(numbers.len(), rows.len(), "points twice");
    let count = numbers.len() as u64;
    assert!(
        numbers.last().is_none_or(|last| *last == count - 1),
        "{count} points, but the last is {:?}: not a prefix",
        numbers.last()
    );
    count
}

/// Without fsync a power loss may take the newest writes, but then the newest only, and
/// the node starts and goes on.
#[test]
fn a_torn_log_keeps_a_prefix_of_the_writes() {
    let sandbox =
        Sandbox::new()
            .with("wal", "sync", "\"off\"")
            .with("flush", "interval_secs", "3600");
    let mut random = Random::new(seed("CRASH_SEED"));
    let mut node = sandbox.start();
    node.client().run("CREATE DATABASE crash");
    let mut next = 0;
    for round in 0..rounds().div_ceil(2) {
        let mut written = next;
        for _ in 0..random.between(20, 200) {
            let size = random.between(1, BATCH_MAX);
            node.client()
                .write("crash", &lines(0, written..written + size));
            written += size;
        }
        node.kill();
        // A kill alone takes nothing.
        node = sandbox.start();
        assert_eq!(stored_prefix(&node), written);
        let more = random.between(1, BATCH_MAX);
        node.client()
            .write("crash", &lines(0, written..written + more));
        written += more;
        node.kill();
        let damage = tear(&newest_log(&sandbox), &mut random);
        node = sandbox.start();
        next = stored_prefix(&node);
        eprintln!("round {round}: {damage}, {next} of {written} points left");
        assert!(next <= written);
    }
}
