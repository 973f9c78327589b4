//! `SHOW DIAGNOSTICS`: how the server was built, where and since when it runs.

use std::time::Instant;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::query::output::SeriesChunk;
use crate::query::value::Value;
use crate::schema::{Rows, count, text};

/// What is known from the start on.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    started: DateTime<Utc>,
    since: Instant,
}

impl Default for Diagnostics {
    fn default() -> Self {
        Self {
            started: Utc::now(),
            since: Instant::now(),
        }
    }
}

impl Diagnostics {
    /// All modules, or the one that is asked for.
    #[must_use]
    pub fn show(&self, module: Option<&str>) -> Vec<SeriesChunk> {
        let tables = [
            table(
                "build",
                &["Branch", "Build Time", "Commit", "Version"],
                vec![
                    text(""),
                    text(""),
                    text(""),
                    text(env!("CARGO_PKG_VERSION")),
                ],
            ),
            table("network", &["hostname"], vec![text(hostname())]),
            table(
                "runtime",
                &["GOARCH", "GOMAXPROCS", "GOOS", "version"],
                vec![
                    text(std::env::consts::ARCH),
                    count(std::thread::available_parallelism().map_or(1, |n| n.get() as u64)),
                    text(std::env::consts::OS),
                    text("rust"),
                ],
            ),
            table(
                "system",
                &["PID", "currentTime", "started", "uptime"],
                vec![
                    count(u64::from(std::process::id())),
                    text(rfc3339(Utc::now())),
                    text(rfc3339(self.started)),
                    text(format!("{}s", self.uptime_seconds())),
                ],
            ),
        ];
        let wanted = |chunk: &SeriesChunk| module.is_none_or(|module| chunk.key.name == module);
        tables.into_iter().filter(wanted).collect()
    }

    /// Whole seconds since the start.
    #[must_use]
    pub fn uptime_seconds(&self) -> u64 {
        self.since.elapsed().as_secs()
    }

    /// The start in RFC 3339.
    #[must_use]
    pub fn started(&self) -> String {
        rfc3339(self.started)
    }
}

fn table(name: &str, columns: &[&str], row: Vec<Value>) -> SeriesChunk {
    let mut rows = Rows::new(name, columns);
    rows.push(row);
    rows.finish()
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_string()
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use super::Diagnostics;

    #[test]
    fn one_module_can_be_asked_for() {
        let diagnostics = Diagnostics::default();
        assert!(diagnostics.show(None).len() > 1);
        let build = diagnostics.show(Some("build"));
        assert_eq!(build.len(), 1);
        assert_eq!(build[0].key.name, "build");
        assert!(diagnostics.show(Some("nosuch")).is_empty());
    }
}
