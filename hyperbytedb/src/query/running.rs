//! The requests that are being executed: `SHOW QUERIES` lists them, `KILL QUERY` stops
//! one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use influxql::ast::Query;
use parking_lot::Mutex;

use super::output::SeriesChunk;
use super::value::Value;
use crate::auth::Identity;
use crate::schema::{Rows, count, text};

/// All running requests of a process.
#[derive(Debug, Default)]
pub struct RunningQueries(Mutex<Registry>);

#[derive(Debug, Default)]
struct Registry {
    last: u64,
    running: BTreeMap<u64, Running>,
}

#[derive(Debug)]
struct Running {
    query: Arc<Query>,
    database: String,
    since: Instant,
    cancelled: Arc<AtomicBool>,
    killed: bool,
}

/// Takes its request off the list when it goes.
pub struct Registered {
    queries: Arc<RunningQueries>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.queries.0.lock().running.remove(&self.id);
    }
}

impl RunningQueries {
    /// Lists a request until what is returned is dropped. Whoever executes it looks at
    /// `cancelled` now and then.
    pub fn register(
        self: &Arc<Self>,
        query: Arc<Query>,
        database: &str,
        cancelled: Arc<AtomicBool>,
    ) -> Registered {
        let mut registry = self.0.lock();
        registry.last += 1;
        let id = registry.last;
        let running = Running {
            query,
            database: database.to_string(),
            since: Instant::now(),
            cancelled,
            killed: false,
        };
        registry.running.insert(id, running);
        Registered {
            queries: self.clone(),
            id,
        }
    }

    /// Tells a request to stop; false when there is none of that number.
    pub fn kill(&self, id: u64) -> bool {
        let mut registry = self.0.lock();
        let Some(running) = registry.running.get_mut(&id) else {
            return false;
        };
        running.killed = true;
        running.cancelled.store(true, Ordering::Relaxed);
        true
    }

    /// `SHOW QUERIES`: those on databases that `identity` may read.
    pub fn show(&self, identity: &Identity) -> Vec<SeriesChunk> {
        const COLUMNS: [&str; 5] = ["qid", "query", "database", "duration", "status"];
        let mut rows = Rows::new("", &COLUMNS);
        for (id, running) in &self.0.lock().running {
            if !identity.reads(&running.database) {
                continue;
            }
            let statements = running.query.statements.iter();
            let statements: Vec<String> = statements.map(ToString::to_string).collect();
            rows.push(vec![
                count(*id),
                text(statements.join(";\n")),
                Value::String(running.database.clone()),
                text(rounded(running.since.elapsed())),
                text(if running.killed { "killed" } else { "running" }),
            ]);
        }
        vec![rows.finish()]
    }
}

/// A duration cut to its largest unit below minutes, as Go prints it: `1h2m3s`, `14µs`.
fn rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.as_millis() > 0 => format!("{}ms", duration.as_millis()),
        0 if duration.as_micros() > 0 => format!("{}µs", duration.as_micros()),
        0 => format!("{}ns", duration.as_nanos()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        _ => format!(
            "{}h{}m{}s",
            seconds / 3600,
            seconds % 3600 / 60,
            seconds % 60
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(queries: &Arc<RunningQueries>, flag: &Arc<AtomicBool>) -> Registered {
        let query = influxql::parse_query("SHOW QUERIES; SELECT v FROM m").unwrap();
        queries.register(Arc::new(query), "db", flag.clone())
    }

    #[test]
    fn a_request_is_listed_while_it_runs_and_killed_once_only() {
        let queries = Arc::new(RunningQueries::default());
        let flag = Arc::new(AtomicBool::new(false));
        let first = register(&queries, &flag);
        let second = register(&queries, &Arc::default());
        assert_eq!(queries.show(&Identity::Server)[0].rows(), 2);
        let listed = queries.show(&Identity::Server)[0].values[1]
            .text(0)
            .map(str::to_string);
        assert_eq!(listed.as_deref(), Some("SHOW QUERIES;\nSELECT v FROM m"));
        assert!(queries.kill(first.id));
        assert!(flag.load(Ordering::Relaxed));
        assert_eq!(
            queries.show(&Identity::Server)[0].values[4].text(0),
            Some("killed")
        );
        assert_eq!(
            queries.show(&Identity::Server)[0].values[4].text(1),
            Some("running")
        );
        let id = first.id;
        drop(first);
        assert!(!queries.kill(id));
        drop(second);
        assert_eq!(queries.show(&Identity::Server)[0].rows(), 0);
    }

    #[test]
    fn durations_are_cut_to_their_unit() {
        assert_eq!(rounded(Duration::from_nanos(14_900)), "14µs");
        assert_eq!(rounded(Duration::from_millis(1_999)), "1s");
        assert_eq!(rounded(Duration::from_secs(3_723)), "1h2m3s");
    }
}
