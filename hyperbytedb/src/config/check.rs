//! What can be wrong with a configuration.

use std::net::SocketAddr;
use std::time::Duration;

use figment::Figment;
use figment::value::{Dict, Value};
use points::line_protocol::Precision;

use observability::tracing::{check_endpoint, check_level};

use super::keys::{Config, Udp};
use super::later::{WITH_EFFECT, WITHOUT_EFFECT};
use super::limits;

/// Entries of the statement summary, each of some KiB at most.
const SUMMARY_ENTRIES_MAX: usize = 100_000;

/// Keeps what was given under known keys with fitting types and reports the rest.
pub fn known_keys(defaults: &Figment, given: &Figment, mistakes: &mut Vec<String>) -> Dict {
    let read = |figment: &Figment, mistakes: &mut Vec<String>| match figment.extract::<Dict>() {
        Ok(dict) => dict,
        Err(errors) => {
            mistakes.extend(errors.into_iter().map(|error| error.to_string()));
            Dict::new()
        }
    };
    let known = read(defaults, mistakes);
    let given = read(given, mistakes);
    fitting(&known, given, "", mistakes)
}

fn fitting(known: &Dict, given: Dict, prefix: &str, mistakes: &mut Vec<String>) -> Dict {
    let mut kept = Dict::new();
    for (key, value) in given {
        let path = format!("{prefix}{key}");
        let Some(default) = known.get(&key) else {
            let hint = nearest(known, &key)
                .map(|name| format!("; did you mean {prefix}{name}?"))
                .unwrap_or_default();
            mistakes.push(format!("{path}: unknown key{hint}"));
            continue;
        };
        match (default, value) {
            (Value::Dict(_, known), Value::Dict(tag, given)) => {
                let inner = fitting(known, given, &format!("{path}."), mistakes);
                kept.insert(key, Value::Dict(tag, inner));
            }
            // The environment knows no quotes: a number there may be meant as text.
            (Value::String(tag, _), Value::Num(_, number)) => {
                let text = number
                    .to_i128()
                    .map_or_else(|| format!("{number:?}"), |n| n.to_string());
                kept.insert(key, Value::String(*tag, text));
            }
            (Value::String(tag, _), Value::Bool(_, flag)) => {
                kept.insert(key, Value::String(*tag, flag.to_string()));
            }
            (default, value) if kind(default) == kind(&value) => {
                kept.insert(key, value);
            }
            (default, value) => mistakes.push(format!(
                "{path}: expected {}, found {}",
                kind(default),
                kind(&value)
            )),
        }
    }
    kept
}

/// A note for each given key that this version takes and does nothing with.
pub fn without_effect(given: &Dict) -> Vec<String> {
    fn paths(given: &Dict, prefix: &str, found: &mut Vec<String>) {
        for (key, value) in given {
            let path = format!("{prefix}{key}");
            match value {
                Value::Dict(_, inner) => paths(inner, &format!("{path}."), found),
                _ => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    paths(given, "", &mut found);
    let is_idle = |path: &String| {
        let listed = WITHOUT_EFFECT
            .iter()
            .any(|idle| match idle.strip_suffix('.') {
                Some(_) => path.starts_with(idle),
                None => path == idle,
            });
        listed && !WITH_EFFECT.contains(&path.as_str())
    };
    let note = |path: String| format!("{path}: has no effect in this version");
    found.into_iter().filter(is_idle).map(note).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Dict(..) => "a section",
        Value::Array(..) => "a list",
        Value::Empty(..) => "nothing",
    }
}

/// The known key that shares most of its beginning or end with a mistyped one.
fn nearest<'a>(known: &'a Dict, key: &str) -> Option<&'a str> {
    let common = |name: &str| {
        let head = name
            .bytes()
            .zip(key.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let tail = name
            .bytes()
            .rev()
            .zip(key.bytes().rev())
            .take_while(|(a, b)| a == b)
            .count();
        head + tail
    };
    known
        .keys()
        .map(|name| (common(name), name.as_str()))
        .max()
        .filter(|(common, _)| *common >= 3)
        .map(|(_, name)| name)
}

/// A length of time above zero, in InfluxQL's notation.
pub fn duration(text: &str) -> Option<Duration> {
    let nanoseconds = influxql::parse_duration(text).ok()?;
    let nanoseconds = u64::try_from(nanoseconds).ok().filter(|n| *n > 0)?;
    Some(Duration::from_nanos(nanoseconds))
}

fn udp(udp: &Udp, check: &mut impl FnMut(bool, String)) {
    check(
        udp.bind_address.parse::<SocketAddr>().is_ok(),
        format!(
            "udp.bind_address: {:?} is no IP address with a port",
            udp.bind_address
        ),
    );
    check(
        !udp.database.is_empty(),
        "udp.database: must name a database".into(),
    );
    let precision = Precision::parse(&udp.precision);
    if let Err(error) = precision {
        check(false, format!("udp.precision: {error}"));
    }
    check(
        duration(&udp.batch_timeout).is_some(),
        format!(
            "udp.batch_timeout: {:?} is no duration such as 1s",
            udp.batch_timeout
        ),
    );
    for (key, value) in [
        ("batch_size", udp.batch_size),
        ("batch_pending", udp.batch_pending),
    ] {
        check(value > 0, format!("udp.{key}: must be above 0"));
    }
}

/// What an operator sees.
fn observe(config: &Config, check: &mut impl FnMut(bool, String)) {
    let summary = &config.statement_summary;
    check(
        !summary.enabled || (1..=SUMMARY_ENTRIES_MAX).contains(&summary.max_entries),
        format!("statement_summary.max_entries: must be 1 to {SUMMARY_ENTRIES_MAX}"),
    );
    let logging = &config.logging;
    if let Err(error) = check_level(&logging.level) {
        check(false, format!("logging.level: {error}"));
    }
    if !logging.otlp_endpoint.is_empty()
        && let Err(error) = check_endpoint(&logging.otlp_endpoint)
    {
        check(false, format!("logging.otlp_endpoint: {error}"));
    }
    check(
        (0.0..=1.0).contains(&logging.otlp_sample_ratio),
        "logging.otlp_sample_ratio: must be 0 to 1".into(),
    );
}

/// Where things lie, and what the log promises.
fn storage(config: &Config, check: &mut impl FnMut(bool, String)) {
    let storage = &config.storage;
    check(
        storage.backend == "local",
        format!(
            "storage.backend: {:?}: this version knows only \"local\"",
            storage.backend
        ),
    );
    for (key, value) in [
        ("data_dir", &storage.data_dir),
        ("wal_dir", &storage.wal_dir),
        ("meta_dir", &storage.meta_dir),
    ] {
        check(
            !value.is_empty(),
            format!("storage.{key}: must name a directory"),
        );
    }
    check(
        !storage.data_dir.contains(['{', '}', '*', '?']),
        "storage.data_dir: must not hold { } * or ?, which the query engine takes as patterns"
            .into(),
    );
    check(
        storage.wal_dir != storage.meta_dir,
        "storage.wal_dir: must differ from storage.meta_dir".into(),
    );
    check(
        config.flush.wal_size_threshold_mb <= storage.cache_max_memory_mb,
        "flush.wal_size_threshold_mb: must not be above storage.cache_max_memory_mb".into(),
    );
    check(
        ["always", "interval", "off"].contains(&config.wal.sync.as_str()),
        format!(
            "wal.sync: {:?} is none of always, interval, off",
            config.wal.sync
        ),
    );
    check(
        config.wal.sync_interval_ms > 0,
        "wal.sync_interval_ms: must be above 0".into(),
    );
    check(
        ["1h", "1d"].contains(&config.flush.time_bucket_duration.as_str()),
        format!(
            "flush.time_bucket_duration: {:?} is neither 1h nor 1d",
            config.flush.time_bucket_duration
        ),
    );
}

/// What queries may take.
fn query(config: &Config, check: &mut impl FnMut(bool, String)) {
    check(
        config.query.memory_max_mb > 0,
        "query.memory_max_mb: must be above 0".into(),
    );
    check(
        ["auto", "direct", "clickhouse"].contains(&config.query.executor.as_str()),
        format!(
            "query.executor: {:?} is none of auto, direct, clickhouse",
            config.query.executor
        ),
    );
    check(
        (1..=128).contains(&config.chdb.pool_size),
        "chdb.pool_size: must be 1 to 128".into(),
    );
}

/// Reports values that make no sense, or that this version cannot do.
pub fn values(config: &Config, mistakes: &mut Vec<String>) {
    let mut check = |good: bool, message: String| {
        if !good {
            mistakes.push(message);
        }
    };
    let server = &config.server;
    check(
        server.bind_address.parse::<std::net::IpAddr>().is_ok(),
        format!(
            "server.bind_address: {:?} is no IP address",
            server.bind_address
        ),
    );
    check(
        server.max_body_size_bytes > 0,
        "server.max_body_size_bytes: must be above 0".into(),
    );
    limits::check(config, &mut check);
    check(
        !server.unix_socket_enabled || !server.unix_socket_path.is_empty(),
        "server.unix_socket_path: must name a file".into(),
    );
    udp(&config.udp, &mut check);
    storage(config, &mut check);
    query(config, &mut check);
    check(
        !config.cluster.enabled,
        "cluster.enabled: this version has no cluster yet".into(),
    );
    check(
        (1..1024).contains(&config.cluster.node_id),
        "cluster.node_id: must be 1 to 1023".into(),
    );
    observe(config, &mut check);
    check(
        ["text", "json"].contains(&config.logging.format.as_str()),
        format!(
            "logging.format: {:?} is neither text nor json",
            config.logging.format
        ),
    );
}
