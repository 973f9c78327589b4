//! The load client of `make bench`: sends a file of lines as writes over a fixed number of
//! connections, each waiting for its answers, and prints what that took as JSON.
//!
//!     bench-client URL FILE CONNECTIONS LINES [gzip]   POST, LINES lines of FILE a request
//!     bench-client URL - CONNECTIONS REQUESTS          GET: what the client itself can do
//!
//! Bodies are made before the clock starts. The CPU time of the client is part of what is
//! printed, so that a reader sees whether the client or the server was the limit.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// An answer takes no longer, or the run fails.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// What the kernel counts CPU time in, on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What is sent, to where.
struct Load {
    authority: String,
    path: String,
    bodies: Vec<Vec<u8>>,
    method: &'static str,
    gzip: bool,
    next: AtomicUsize,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let printed = run(&arguments).map(|report| writeln!(std::io::stdout(), "{report}"));
    match printed {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(_closed)) => ExitCode::FAILURE,
        Err(error) => {
            let _unheard = writeln!(std::io::stderr(), "bench-client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome<String> {
    let [url, file, connections, count, rest @ ..] = arguments else {
        return Err("usage: bench-client URL FILE|- CONNECTIONS LINES|REQUESTS [gzip]".into());
    };
    let (connections, count): (usize, usize) = (connections.parse()?, count.parse()?);
    let gzip = rest.first().is_some_and(|word| word == "gzip");
    let text = if file == "-" {
        Vec::new()
    } else {
        fs::read(file)?
    };
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let (method, bodies) = if file == "-" {
        ("GET", vec![Vec::new(); count])
    } else {
        ("POST", bodies_of(&text, count, gzip)?)
    };
    drop(text);
    let address = url
        .strip_prefix("http://")
        .ok_or("the URL is not http://")?;
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    let load = Load {
        authority: authority.to_string(),
        path: format!("/{path}"),
        bodies,
        method,
        gzip,
        next: AtomicUsize::new(0),
    };
    let bytes: usize = load.bodies.iter().map(Vec::len).sum();
    let (seconds, cpu, mut waits) = send_all(&load, connections)?;
    waits.sort_unstable();
    let wait_ms = |part: f64| {
        let place = (waits.len().saturating_sub(1)) as f64 * part;
        waits
            .get(place as usize)
            .map(|wait| wait.as_secs_f64() * 1e3)
    };
    let report = json!({
        "seconds": seconds,
        "requests": load.bodies.len(),
        "lines": lines,
        "bytes": bytes,
        "p50_ms": wait_ms(0.5),
        "p99_ms": wait_ms(0.99),
        "client_cpu_seconds": cpu,
    });
    Ok(report.to_string())
}

/// The text cut after every so many lines.
fn bodies_of(text: &[u8], lines: usize, gzip: bool) -> Outcome<Vec<Vec<u8>>> {
    let mut bodies = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let end = ends
            .nth(lines.max(1) - 1)
            .map_or(rest.len(), |(at, _)| at + 1);
        let (body, tail) = rest.split_at(end);
        rest = tail;
        bodies.push(if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
            encoder.write_all(body)?;
            encoder.finish()?
        } else {
            body.to_vec()
        });
    }
    Ok(bodies)
}

/// Sends all bodies; returns the seconds and the client's CPU seconds that this took, and
/// how long each answer was waited for.
fn send_all(load: &Load, connections: usize) -> Outcome<(f64, f64, Vec<Duration>)> {
    let waits = Mutex::new(Vec::with_capacity(load.bodies.len()));
    let failed: Mutex<Option<Box<dyn Error + Send + Sync>>> = Mutex::new(None);
    let ready = Barrier::new(connections + 1);
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(&load.authority)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
        stream.set_write_timeout(Some(ANSWER_DEADLINE))?;
        streams.push(stream);
    }
    let before = cpu_seconds()?;
    let began = std::thread::scope(|scope| {
        for stream in streams {
            scope.spawn(|| {
                ready.wait();
                let mut own = Vec::new();
                if let Err(error) = send_some(load, stream, &mut own) {
                    *failed.lock().unwrap_or_else(|lock| lock.into_inner()) = Some(error);
                }
                let mut all = waits.lock().unwrap_or_else(|lock| lock.into_inner());
                all.extend(own);
            });
        }
        ready.wait();
        Instant::now()
    });
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - before;
    match failed.into_inner().unwrap_or_else(|lock| lock.into_inner()) {
        Some(error) => Err(error),
        None => Ok((
            seconds,
            cpu,
            waits.into_inner().unwrap_or_else(|lock| lock.into_inner()),
        )),
    }
}

/// One connection: the next body, its answer, until there are none.
fn send_some(load: &Load, stream: TcpStream, waits: &mut Vec<Duration>) -> Outcome<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(body) = load.bodies.get(load.next.fetch_add(1, Ordering::Relaxed)) {
        let encoding = if load.gzip {
            "Content-Encoding: gzip\r\n"
        } else {
            ""
        };
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n{encoding}\r\n",
            load.method,
            load.path,
            load.authority,
            body.len()
        );
        let began = Instant::now();
        // Small requests leave in one segment, as clients send them.
        let sent = writer.write_vectored(&[IoSlice::new(head.as_bytes()), IoSlice::new(body)])?;
        if sent < head.len() {
            writer.write_all(&head.as_bytes()[sent..])?;
            writer.write_all(body)?;
        } else {
            writer.write_all(&body[sent - head.len()..])?;
        }
        read_answer(&mut reader)?;
        waits.push(began.elapsed());
    }
    Ok(())
}

/// Reads an answer to its end; fails on a status other than 2xx.
fn read_answer(reader: &mut BufReader<TcpStream>) -> Outcome<()> {
    let mut line = String::new();
    let mut status = String::new();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        let trimmed = line.trim_end();
        if status.is_empty() {
            status = trimmed.to_string();
        } else if trimmed.is_empty() {
            break;
        } else if let Some((name, value)) = trimmed.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if status
        .split(' ')
        .nth(1)
        .is_some_and(|code| code.starts_with('2'))
    {
        return Ok(());
    }
    Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into())
}

/// CPU time of this process, user and system.
fn cpu_seconds() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name of the program comes first and may hold anything but a last parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_hold_whole_lines_and_all_of_them() {
        let text = b"a 1\nb 2\nc 3\nd 4\ne 5";
        let bodies = bodies_of(text, 2, false).unwrap();
        assert_eq!(bodies.concat(), text);
        let lengths: Vec<usize> = bodies.iter().map(Vec::len).collect();
        assert_eq!(lengths, [8, 8, 3]);
    }
}
