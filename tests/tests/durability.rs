//! What the operating system is asked for: a write is acknowledged after its log entry was
//! synced, and a file is the catalog's after its content and its name were.
//!
//! A kill -9 does not notice a missing sync, a power loss would.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use process_tests::tools::{Running, cannot_run, program, start};
use process_tests::{Node, Sandbox, wait};

const LIMIT: Duration = Duration::from_secs(30);

/// Follows the system calls of a node; `None` where that is not allowed.
fn trace(test: &str, sandbox: &Sandbox, node: &Node) -> Option<Running> {
    let strace = match program("strace", "strace") {
        Ok(strace) => strace,
        Err(reason) => {
            cannot_run(test, &reason);
            return None;
        }
    };
    let calls =
        "trace=fsync,fdatasync,read,recvfrom,write,writev,sendto,sendmsg,rename,renameat,renameat2";
    let mut command = Command::new(strace);
    command
        .args(["-f", "-y", "-s", "64", "-e", calls, "-o"])
        .arg(trace_path(sandbox))
        .args(["-p", &node.pid().to_string()])
        .stdin(Stdio::null());
    let log = sandbox.path().join("strace.log");
    let running = start(&mut command, &log);
    let attached = wait::within(LIMIT, || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.contains("attached").then_some(())
    });
    if attached.is_none() {
        let text = fs::read_to_string(&log).unwrap_or_default();
        cannot_run(test, &format!("strace cannot attach: {text}"));
        return None;
    }
    Some(running)
}

fn trace_path(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.path().join("trace")
}

/// The lines of the trace so far.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let text = fs::read(trace_path(sandbox)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(str::to_string).collect()
}

/// The first line from `from` on that `is_meant` is true for.
fn find(lines: &[String], from: usize, is_meant: impl Fn(&str) -> bool) -> Option<usize> {
    let place = lines[from..].iter().position(|line| is_meant(line))?;
    Some(from + place)
}

/// A sync of a path below a directory, begun in this line.
fn is_sync(line: &str, below: &Path, ends: &str) -> bool {
    let synced = line.contains(" fsync(") || line.contains(" fdatasync(");
    let path = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    synced
        && path.is_some_and(|(path, _)| {
            path.starts_with(&*below.to_string_lossy()) && path.ends_with(ends)
        })
}

#[test]
fn the_log_is_synced_between_a_write_and_its_204() {
    let sandbox = Sandbox::new().with("flush", "interval_secs", "3600");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    let wal = sandbox.wal_dir().canonicalize().expect("the log");
    let Some(_strace) = trace(
        "the_log_is_synced_between_a_write_and_its_204",
        &sandbox,
        &node,
    ) else {
        return;
    };
    for round in 0..3 {
        let before = lines(&sandbox).len();
        node.client().write("d", &format!("m v={round}i {round}"));
        let answered = wait::until("the answer in the trace", LIMIT, || {
            let lines = lines(&sandbox);
            find(&lines, before, |line| line.contains("HTTP/1.1 204")).map(|at| (lines, at))
        });
        let (lines, answer) = answered;
        let request = find(&lines, before, |line| line.contains("POST /write"));
        let request = request.expect("the request in the trace");
        let sync = find(&lines, request, |line| is_sync(line, &wal, ".log"));
        let sync = sync.unwrap_or_else(|| panic!("no sync of the log:\n{}", lines.join("\n")));
        assert!(
            request < sync && sync < answer,
            "answered before the sync:\n{}",
            lines[before..].join("\n")
        );
    }
}

#[test]
fn files_and_their_names_are_synced_before_the_catalog_has_them() {
    let sandbox = Sandbox::new().with("flush", "interval_secs", "1");
    let node = sandbox.start();
    node.client().run("CREATE DATABASE d");
    let canonical = |name: &str| sandbox.path().join(name).canonicalize().expect(name);
    let (data, meta) = (canonical("data"), canonical("meta"));
    let test = "files_and_their_names_are_synced_before_the_catalog_has_them";
    let Some(_strace) = trace(test, &sandbox, &node) else {
        return;
    };
    node.client().write("d", "m v=1i 1\nn v=1i 86400000000000");
    let lines = wait::until("two files and the catalog", LIMIT, || {
        let lines = lines(&sandbox);
        let renamed = lines.iter().filter(|line| is_rename(line)).count();
        let last = lines.iter().rposition(|line| is_rename(line))?;
        let committed = find(&lines, last, |line| is_sync(line, &meta, ".log"));
        (renamed == 2 && committed.is_some()).then_some(lines)
    });
    let places: Vec<usize> = (0..lines.len())
        .filter(|at| is_rename(&lines[*at]))
        .collect();
    let last = places[places.len() - 1];
    let committed = find(&lines, last, |line| is_sync(line, &meta, ".log")).expect("a commit");
    for rename in places {
        let file = renamed_from(&lines[rename]);
        let before = lines[..rename].iter();
        let synced = before
            .filter(|line| is_sync(line, Path::new(&file), ""))
            .count();
        assert!(
            synced > 0,
            "{file} has its name before its content is synced"
        );
        let mut directory = Path::new(&file).parent().expect("a directory");
        loop {
            let is_it = |line: &str| {
                let path = line
                    .split_once('<')
                    .and_then(|(_, rest)| rest.split_once('>'));
                let is_directory = path.is_some_and(|(path, _)| Path::new(path) == directory);
                is_sync(line, directory, "") && is_directory
            };
            let synced = find(&lines, rename, is_it);
            assert!(
                synced.is_some_and(|at| at < committed),
                "{} is not synced before the catalog is",
                directory.display()
            );
            if directory == data {
                break;
            }
            directory = directory.parent().expect("the data directory above");
        }
    }
}

fn is_rename(line: &str) -> bool {
    line.contains("rename") && line.contains(".parquet.tmp\"")
}

/// The first path of a rename.
fn renamed_from(line: &str) -> String {
    let (_, rest) = line.split_once('"').expect("a path");
    let (path, _) = rest.split_once('"').expect("its end");
    path.to_string()
}
