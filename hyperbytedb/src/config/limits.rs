//! The keys of `[server]` and `[rate_limit]` as the accepting side and the layers take
//! them.

use std::time::Duration;

use super::keys::Server;
use super::{Config, RateLimit};
use crate::layers::{ReceiveLimits, ShedLimits};
use crate::server::{Limits, Settings, TlsFiles};

/// Requests that run at one time on any machine: one that waits in line costs a third more
/// than one that waits in the log's batch, and hundreds of clients with a line each are
/// usual (`docs/benchmarks.md`, small writes).
const RUNNING_MIN: usize = 256;
/// How many requests wait for each that may run.
const WAITING_FACTOR: usize = 8;
/// How many times its size a body may have after decompression. Line protocol of agents is
/// compressed to a tenth, about.
const PLAIN_FACTOR: usize = 10;
/// One in how many files that may be open is left to the storage engine.
const FILES_SHARE: usize = 4;

impl Server {
    /// How connections are taken; `open_files` may be open at one time.
    #[must_use]
    pub fn settings(&self, open_files: usize) -> Settings {
        let path = |text: &str| (!text.is_empty()).then(|| text.into());
        Settings {
            connections_max: self
                .max_connections
                .min(open_files - open_files / FILES_SHARE)
                .max(1),
            head_bytes_max: self.max_header_bytes,
            limits: Limits {
                head: Duration::from_secs(self.header_timeout_secs),
                idle: Duration::from_secs(self.idle_timeout_secs),
                reader: Duration::from_secs(self.body_timeout_secs),
            },
            tls: self.tls_enabled.then(|| TlsFiles {
                certificates: self.tls_cert_path.clone().into(),
                key: self.tls_key_path.clone().into(),
                client_authorities: path(&self.tls_client_ca_path),
            }),
        }
    }

    /// Bytes of a body after decompression.
    #[must_use]
    pub fn plain_body_bytes_max(&self) -> usize {
        match self.max_decompressed_body_size_bytes {
            0 => self.max_body_size_bytes.saturating_mul(PLAIN_FACTOR),
            limit => limit,
        }
    }

    /// What bodies may take.
    #[must_use]
    pub fn bodies(&self) -> ReceiveLimits {
        ReceiveLimits {
            body_bytes_max: self.max_body_size_bytes,
            memory_bytes_max: self.body_memory_max_mb << 20,
            stall: Duration::from_secs(self.body_timeout_secs),
        }
    }

    /// How many requests run and wait.
    #[must_use]
    pub fn concurrency(&self) -> ShedLimits {
        let running_max = match self.max_concurrent_requests {
            0 => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                (16 * cores).max(RUNNING_MIN)
            }
            limit => limit,
        };
        ShedLimits {
            running_max,
            waiting_max: running_max * WAITING_FACTOR,
            wait: Duration::from_millis(self.request_queue_timeout_ms),
        }
    }

    /// How long a write may take; `None` = for ever.
    #[must_use]
    pub fn write_timeout(&self) -> Option<Duration> {
        let seconds = self.request_timeout_secs;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

impl RateLimit {
    /// Requests a second, if they are limited.
    #[must_use]
    pub fn per_second(&self) -> Option<u64> {
        self.enabled.then_some(self.max_requests_per_second)
    }
}

/// Reports values that make no sense.
pub fn check(config: &Config, check: &mut impl FnMut(bool, String)) {
    let server = &config.server;
    for (key, value) in [
        ("max_connections", server.max_connections as u64),
        ("header_timeout_secs", server.header_timeout_secs),
        ("body_timeout_secs", server.body_timeout_secs),
        ("idle_timeout_secs", server.idle_timeout_secs),
    ] {
        check(value > 0, format!("server.{key}: must be above 0"));
    }
    check(
        (8192..=16 << 20).contains(&server.max_header_bytes),
        "server.max_header_bytes: must be 8192 to 16777216".into(),
    );
    check(
        server.body_memory_max_mb << 20
            >= server
                .max_body_size_bytes
                .saturating_add(server.plain_body_bytes_max()),
        "server.body_memory_max_mb: must hold at least one body of server.max_body_size_bytes and what it is after decompression, server.max_decompressed_body_size_bytes"
            .into(),
    );
    check(
        server.max_concurrent_requests <= 1 << 20,
        "server.max_concurrent_requests: must be at most 1048576".into(),
    );
    for (key, path) in [
        ("tls_cert_path", &server.tls_cert_path),
        ("tls_key_path", &server.tls_key_path),
    ] {
        check(
            !server.tls_enabled || !path.is_empty(),
            format!("server.{key}: must name a file when server.tls_enabled is true"),
        );
    }
    check(
        server.tls_enabled || server.tls_client_ca_path.is_empty(),
        "server.tls_client_ca_path: needs server.tls_enabled = true".into(),
    );
    check(
        !config.rate_limit.enabled || config.rate_limit.max_requests_per_second > 0,
        "rate_limit.max_requests_per_second: must be above 0 when rate_limit.enabled is true"
            .into(),
    );
}
