//! The configuration: built-in defaults, then a TOML file, then the environment
//! (`HYPERBYTEDB__SECTION__KEY`), the later one wins. All mistakes are reported at once.

mod check;
mod keys;
mod later;
mod limits;
mod observe;

use std::path::Path;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use points::line_protocol::Precision;
use storage::{EngineConfig, FileLayout, Sync};

use crate::auth::AuthSettings;
use crate::http::Exposed;
use crate::layers::Peers;
use crate::summary::Statements;
use crate::udp;

pub use keys::{
    Auth, Cardinality, Chdb, Config, Flush, Query, RateLimit, S3, Server, Storage, Udp, Wal, Write,
};
pub use later::{Cluster, Compaction, HintedHandoff};
pub use observe::{Logging, Metrics, StatementSummary};

/// What is wrong with a configuration: one line a mistake, each with its key.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} mistake(s):\n  {}", .0.len(), .0.join("\n  "))]
pub struct ConfigError(pub Vec<String>);

const ENV_PREFIX: &str = "HYPERBYTEDB__";

/// Loads the configuration.
///
/// # Errors
/// With every mistake: a file that cannot be read, unknown keys, wrong types, values
/// that make no sense.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigError> {
    load_with_notes(file).map(|(config, _)| config)
}

/// As [`load`], with a note for each given key that has no effect in this version.
///
/// # Errors
/// As [`load`].
pub fn load_with_notes(file: Option<&Path>) -> Result<(Config, Vec<String>), ConfigError> {
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    let mut given = Figment::new();
    if let Some(file) = file {
        if !file.is_file() {
            let message = format!(
                "--config: {} is not a file that can be read",
                file.display()
            );
            return Err(ConfigError(vec![message]));
        }
        given = given.merge(Toml::file(file));
    }
    given = given.merge(Env::prefixed(ENV_PREFIX).split("__"));
    let mut mistakes = Vec::new();
    let given = check::known_keys(&defaults, &given, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(ConfigError(mistakes));
    }
    let notes = check::without_effect(&given);
    let config: Config = defaults
        .merge(Serialized::defaults(given))
        .extract()
        .map_err(|errors| {
            ConfigError(errors.into_iter().map(|error| error.to_string()).collect())
        })?;
    check::values(&config, &mut mistakes);
    if mistakes.is_empty() {
        Ok((config, notes))
    } else {
        Err(ConfigError(mistakes))
    }
}

impl Config {
    /// The storage engine's part.
    #[must_use]
    pub fn engine(&self) -> EngineConfig {
        let mut engine = EngineConfig::in_directory(Path::new("."));
        engine.data_dir = self.storage.data_dir.clone().into();
        engine.wal_dir = self.storage.wal_dir.clone().into();
        engine.meta_dir = self.storage.meta_dir.clone().into();
        engine.node_id = self.cluster.node_id;
        engine.sync = match self.wal.sync.as_str() {
            "interval" => Sync::Interval(Duration::from_millis(self.wal.sync_interval_ms)),
            "off" => Sync::Off,
            _ => Sync::Always,
        };
        engine.cache_bytes_max = self.storage.cache_max_memory_mb << 20;
        engine.flush_bytes = self.flush.wal_size_threshold_mb << 20;
        engine.flush_age = Duration::from_secs(self.flush.interval_secs);
        engine.write_wait = Duration::from_millis(self.flush.wal_enqueue_timeout_ms);
        engine.measurements_max = self.cardinality.max_measurements_per_database;
        engine.tag_values_max = self.cardinality.max_tag_values_per_measurement;
        engine.series_max = self.cardinality.max_series_per_database;
        engine.disk_free_bytes_min = self.storage.disk_min_free_mb << 20;
        engine.footer_bytes_max = self.query.footer_cache_mb << 20;
        engine.layout = FileLayout {
            partition_ns: match self.flush.time_bucket_duration.as_str() {
                "1h" => 3_600_000_000_000,
                _ => 86_400_000_000_000,
            },
            keep_versions: false,
        };
        engine
    }

    /// The part of authentication.
    #[must_use]
    pub fn auth(&self) -> AuthSettings {
        AuthSettings {
            enabled: self.auth.enabled,
            jwt_secret: self.auth.jwt_secret.clone(),
        }
    }

    /// Routes that need no credentials though others do.
    #[must_use]
    pub fn exposed(&self) -> Exposed {
        Exposed {
            metrics: !self.metrics.require_auth,
            statements: !self.statement_summary.require_auth,
        }
    }

    /// By what a peer is known.
    #[must_use]
    pub fn peers(&self) -> Peers {
        Peers {
            secret: self.cluster.secret.clone(),
            certificates: !self.server.tls_client_ca_path.is_empty(),
            auth: self.auth.enabled,
        }
    }

    /// The UDP listener's part; `None` when there is none.
    #[must_use]
    pub fn udp(&self) -> Option<udp::Settings> {
        let keys = &self.udp;
        let policy = &keys.retention_policy;
        keys.enabled.then(|| udp::Settings {
            address: keys.bind_address.clone(),
            database: keys.database.clone(),
            policy: (!policy.is_empty()).then(|| policy.clone()),
            precision: Precision::parse(&keys.precision).unwrap_or_default(),
            batch_points: keys.batch_size,
            batches_pending: keys.batch_pending,
            batch_timeout: check::duration(&keys.batch_timeout).unwrap_or(Duration::from_secs(1)),
            read_buffer_bytes: keys.read_buffer,
            unsigned: self.write.unsigned_integers,
        })
    }

    /// How the process logs and traces.
    #[must_use]
    pub fn tracing(&self) -> observability::tracing::Settings<'_> {
        observability::tracing::Settings {
            level: &self.logging.level,
            format: &self.logging.format,
            otlp_endpoint: &self.logging.otlp_endpoint,
            otlp_sample_ratio: self.logging.otlp_sample_ratio,
            service: "hyperbytedb",
            crates: &["hyperbytedb", "storage"],
        }
    }

    /// What is noted of statements.
    #[must_use]
    pub fn statements(&self) -> Statements {
        let summary = &self.statement_summary;
        let slow = self.logging.slow_query_ms;
        Statements::new(
            summary.enabled.then_some(summary.max_entries),
            (slow > 0).then(|| Duration::from_millis(slow)),
        )
    }

    /// The configuration as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# {error}\n"))
    }
}

#[cfg(test)]
mod tests;
