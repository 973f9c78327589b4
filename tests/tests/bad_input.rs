//! What is broken around the node: damaged and missing files, a full disk, directories
//! that cannot be used, a wrong configuration. Each gives a clear error that names the
//! thing, and takes nothing else along.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use process_tests::disk::SmallDisk;
use process_tests::node::quoted;
use process_tests::{Client, Node, Sandbox, tools, wait};
use serde_json::json;

fn file_of(sandbox: &Sandbox, measurement: &str) -> Option<PathBuf> {
    let mut files = sandbox.data_files(".parquet");
    files.retain(|file| {
        file.components()
            .any(|part| part.as_os_str().to_string_lossy() == measurement)
    });
    files.pop()
}

/// What is wrong with the answer to a statement, whether it comes as the error of the
/// statement or of the request.
fn error_of(client: &Client, statement: &str) -> String {
    let reply = client
        .try_query("db", statement)
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    let document = reply.json();
    let error = document
        .get("error")
        .or(document["results"][0].get("error"));
    let Some(error) = error.and_then(|error| error.as_str()) else {
        panic!("{statement}: no error in {document}");
    };
    error.to_string()
}

/// Writes zeros over the middle of the file; head, footer and length stay.
fn zero_the_middle(path: &Path) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("the file");
    let length = file.metadata().expect("the file's length").len();
    file.seek(SeekFrom::End(-8)).expect("the end");
    let mut tail = [0; 4];
    file.read_exact(&mut tail).expect("the footer's length");
    let footer = u64::from(u32::from_le_bytes(tail)) + 8;
    file.seek(SeekFrom::Start(4)).expect("the pages");
    let zeros = vec![0; usize::try_from(length - footer - 4).expect("a small file")];
    file.write_all(&zeros).expect("zeros");
}

/// Points of four days, so that the measurement has four files. The value is the
/// number, the time is the number on its day.
fn four_days(measurement: &str) -> String {
    let day = 86_400_000_000_000_u64;
    (0..8000_u64)
        .map(|n| {
            let (host, root, time) = (n % 3, (n as f64).sqrt(), n % 4 * day + n);
            format!("{measurement},host=h{host} v={n},w={root} {time}\n")
        })
        .collect()
}

#[test]
fn a_damaged_file_is_named_and_harms_no_other() {
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1");
    let node = sandbox.start();
    let client = node.client();
    client.run("CREATE DATABASE db");
    let names = ["whole", "cut", "gone", "zeroed", "empty"];
    for name in names {
        client.write("db", &four_days(name));
    }
    wait::until("the flush", Duration::from_secs(30), || {
        (sandbox.data_files(".parquet").len() == 4 * names.len()).then_some(())
    });
    node.stop();
    // The file of the last day of each.
    let file = |name: &str| file_of(&sandbox, name).unwrap();
    let damaged: Vec<(&str, PathBuf)> = names[1..].iter().map(|name| (*name, file(name))).collect();
    let cut = OpenOptions::new().write(true).open(file("cut")).unwrap();
    cut.set_len(cut.metadata().unwrap().len() / 2).unwrap();
    fs::write(file("empty"), "").unwrap();
    zero_the_middle(&file("zeroed"));
    fs::remove_file(file("gone")).unwrap();

    let node = sandbox.start();
    let client = node.client();
    for (name, path) in &damaged {
        let file_name = path.file_name().unwrap().to_string_lossy();
        // Raw points, an aggregate over all, one series, the damaged file alone:
        // whichever way they are read.
        for statement in [
            format!("SELECT v, w FROM {name}"),
            format!("SELECT mean(w) FROM {name}"),
            format!("SELECT max(v) FROM {name} WHERE time < 10d GROUP BY time(1h), host"),
            format!("SELECT v FROM {name} WHERE host = 'h1' LIMIT 10000"),
            format!("SELECT count(v) FROM {name} WHERE time >= 3d AND time < 4d"),
        ] {
            let error = error_of(client, &statement);
            assert!(error.contains(file_name.as_ref()), "{statement}: {error}");
        }
        // The days before have what they had.
        let before = format!("SELECT count(v), max(v) FROM {name} WHERE time < 3d");
        assert_eq!(
            client.rows("db", &before)[0][1..],
            [json!(6000), json!(7998)]
        );
    }
    let rows = client.rows("db", "SELECT count(v), sum(v) FROM whole");
    assert_eq!(rows, [[json!(0), json!(8000), json!(31_996_000)]]);
    // New points of a damaged measurement go to files of their own.
    client.write("db", "cut,host=h1 v=1 1700000000000000000");
    let after = "SELECT v FROM cut WHERE time > '2023-01-01'";
    assert_eq!(client.rows("db", after).len(), 1);
    let rows = client.rows("db", "SHOW MEASUREMENTS");
    let found: Vec<_> = rows.into_iter().flatten().collect();
    assert_eq!(found, ["cut", "empty", "gone", "whole", "zeroed"]);
}

fn batch(number: u32) -> String {
    let noise = |n: u32| u64::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (number * 1000..number * 1000 + 1000)
        .map(|n| {
            format!(
                "m,host=h{} v={n}i,s=\"{:x}{:x}\" {n}\n",
                n % 100,
                noise(n),
                noise(n + 7)
            )
        })
        .collect()
}

fn count(node: &Node) -> u64 {
    let rows = node.client().rows("db", "SELECT count(v) FROM m");
    rows.first().and_then(|row| row[1].as_u64()).unwrap_or(0)
}

/// Writes until a batch is refused; returns the number of batches taken and the refusal.
fn write_until_refused(client: &Client, from: u32) -> (u32, u16, String) {
    for number in from..from + 5_000 {
        let reply = client
            .try_write("db", &batch(number))
            .unwrap_or_else(|error| panic!("write: {error}"));
        if reply.status != 204 {
            let error = reply.json()["error"]
                .as_str()
                .unwrap_or_default()
                .to_string();
            return (number, reply.status, error);
        }
    }
    panic!("the disk is full, and all writes were accepted");
}

#[test]
fn a_full_disk_below_the_log_refuses_writes_and_keeps_the_rest() {
    let mut sandbox = Sandbox::new();
    let disk = match SmallDisk::mount(&sandbox.path().join("small"), 100) {
        Ok(disk) => disk,
        Err(reason) => return tools::skip("a full disk below the log", &reason),
    };
    let wal = sandbox.path().join("small/wal");
    sandbox.set("storage", "wal_dir", &quoted(&wal));
    sandbox.set("storage", "disk_min_free_mb", "0");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    node.client().write("db", &batch(0));
    disk.fill();
    let (accepted, status, error) = write_until_refused(node.client(), 1);
    assert!(status >= 500, "{status} {error}");
    assert!(error.contains("small/wal"), "{error}");
    // What was refused may be found after all, but nothing may be missing or half there.
    let stored = count(&node);
    assert!(
        stored >= u64::from(accepted) * 1000,
        "{stored} of {accepted} batches"
    );
    node.kill();
    disk.relieve();
    let node = sandbox.start();
    let stored = count(&node);
    let expected = u64::from(accepted) * 1000;
    assert!(
        stored == expected || stored == expected + 1000,
        "{stored}, not {expected}"
    );
    node.client().write("db", &batch(accepted + 1));
    assert_eq!(count(&node), stored + 1000);
    drop(node);
}

#[test]
fn a_full_disk_below_the_files_delays_the_flush_and_loses_nothing() {
    let mut sandbox = Sandbox::new()
        .with("flush", "interval_secs", "1")
        .with("flush", "wal_size_threshold_mb", "1")
        .with("flush", "wal_enqueue_timeout_ms", "50")
        .with("storage", "cache_max_memory_mb", "4");
    let disk = match SmallDisk::mount(&sandbox.path().join("small"), 64) {
        Ok(disk) => disk,
        Err(reason) => return tools::skip("a full disk below the files", &reason),
    };
    let data = sandbox.path().join("small/data");
    sandbox.set("storage", "data_dir", &quoted(&data));
    sandbox.set("storage", "disk_min_free_mb", "0");
    let mut node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    disk.fill();
    let (accepted, status, error) = write_until_refused(node.client(), 0);
    assert_eq!(status, 503, "{error}");
    let log = wait::within(Duration::from_secs(10), || {
        let log = sandbox.log();
        (log.contains("No space left") && log.contains("small/data")).then_some(())
    });
    assert!(
        log.is_some(),
        "no word of it in the log:\n{}",
        sandbox.log()
    );
    assert!(node.is_running());
    assert_eq!(count(&node), u64::from(accepted) * 1000);
    disk.relieve();
    wait::until("writes go on", Duration::from_secs(30), || {
        let reply = node.client().try_write("db", &batch(accepted)).ok()?;
        (reply.status == 204).then_some(())
    });
    assert_eq!(node.client().get("/health").status, 200);
    assert_eq!(count(&node), u64::from(accepted + 1) * 1000);
    node.stop();
    let node = sandbox.start();
    assert_eq!(count(&node), u64::from(accepted + 1) * 1000);
    drop(node);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    for key in ["data_dir", "wal_dir", "meta_dir"] {
        let mut sandbox = Sandbox::new();
        let file = sandbox.path().join("a-file");
        fs::write(&file, "not a directory").unwrap();
        let below = file.join("below");
        sandbox.set("storage", key, &quoted(&below));
        let ended = sandbox.run_to_end();
        assert!(!ended.status.success(), "{key}: {}", ended.output);
        assert!(
            ended.output.contains(&*below.to_string_lossy()),
            "{key}: {}",
            ended.output
        );
        assert!(
            !ended.output.contains("panicked"),
            "{key}: {}",
            ended.output
        );
    }
}

#[test]
fn a_second_node_on_the_same_directories_is_refused() {
    let sandbox = Sandbox::new();
    let node = sandbox.start();
    node.client().run("CREATE DATABASE db");
    let ended = sandbox.run_to_end();
    assert!(!ended.status.success(), "{}", ended.output);
    assert!(
        ended.output.contains(&*sandbox.path().to_string_lossy()),
        "{}",
        ended.output
    );
    // The first one has lost nothing by it.
    node.client().write("db", "m v=1 1");
    assert_eq!(node.client().rows("db", "SELECT v FROM m").len(), 1);
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Sandbox::new().with("server", "port", &port).run_to_end();
    assert!(!ended.status.success(), "{}", ended.output);
    assert!(ended.output.contains(&port), "{}", ended.output);
}

#[test]
fn all_mistakes_of_a_configuration_are_told_at_once() {
    let sandbox = Sandbox::new()
        .with("server", "prt", "1")
        .with("flush", "interval_secs", "\"soon\"")
        .with("nonsense", "key", "1")
        .with("wal", "sync", "true");
    let ended = sandbox.run_to_end();
    assert!(!ended.status.success());
    let config = sandbox.write_config();
    let mut check = sandbox.command(&["config", "check", "--config", &config.to_string_lossy()]);
    let checked = check.output().unwrap();
    assert!(!checked.status.success());
    let checked = [checked.stdout, checked.stderr].concat();
    for output in [ended.output, String::from_utf8_lossy(&checked).into_owned()] {
        for key in ["server.prt", "flush.interval_secs", "nonsense"] {
            assert!(output.contains(key), "{key} is not in {output}");
        }
        assert!(output.contains("did you mean server.port"), "{output}");
    }
}

#[test]
fn the_environment_overrides_the_file_and_is_checked() {
    let sandbox = Sandbox::new();
    let config = sandbox.write_config();
    let config = config.to_string_lossy();
    let mut show = sandbox.command(&["config", "show", "--config", &config]);
    let shown = show
        .env("HYPERBYTEDB__FLUSH__INTERVAL_SECS", "17")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.status.success() && text.contains("interval_secs = 17"),
        "{text}"
    );
    let mut check = sandbox.command(&["config", "check", "--config", &config]);
    let checked = check
        .env("HYPERBYTEDB__FLUSH__INTERVAL", "17")
        .output()
        .unwrap();
    assert!(!checked.status.success());
    let text = [checked.stdout, checked.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("flush.interval"), "{text}");
}
