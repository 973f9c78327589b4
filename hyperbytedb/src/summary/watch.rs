//! Follows a statement from its beginning to its end: into the summary, the metrics and
//! the log of slow statements.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use influxql::ParseError;
use influxql::ast::Statement;
use tracing::Span;

use super::digest::Digest;
use super::entries::{Entries, Outcome};
use crate::layers::RequestId;
use crate::monitor::metrics;
use crate::query::kind::kind_of;

/// Longest text in a line of the log.
const LOGGED_BYTES_MAX: usize = 1024;

/// Watches the statements of a process.
#[derive(Debug, Default)]
pub struct Statements {
    entries: Option<Entries>,
    /// Statements that take longer get a line in the log.
    slow_after: Option<Duration>,
}

/// A statement that runs.
#[derive(Debug)]
pub struct Watched<'a> {
    by: &'a Statements,
    statement: &'a Statement,
    database: &'a str,
    request: Option<&'a RequestId>,
    digest: Digest,
    text: String,
    started: Instant,
}

impl Statements {
    /// `entries_max`: room of the summary, `None` = there is none.
    #[must_use]
    pub fn new(entries_max: Option<usize>, slow_after: Option<Duration>) -> Self {
        Self {
            entries: entries_max.map(Entries::new),
            slow_after,
        }
    }

    /// The summary, if there is one.
    #[must_use]
    pub fn entries(&self) -> Option<&Entries> {
        self.entries.as_ref()
    }

    /// A statement begins.
    #[must_use]
    pub fn begin<'a>(&'a self, statement: &'a Statement, database: &'a str) -> Watched<'a> {
        let (digest, text) = Digest::of_statement(statement);
        Watched {
            by: self,
            statement,
            database,
            request: None,
            digest,
            text,
            started: Instant::now(),
        }
    }

    /// A text was no statement. It is counted by what was wrong with it; nothing of it is
    /// kept, since anything in it may be a password.
    pub fn not_parsed(&self, error: &ParseError) {
        metrics::statement_failed("invalid");
        let Some(entries) = &self.entries else {
            return;
        };
        let (kind, reason) = match error {
            ParseError::Unexpected {
                expected, position, ..
            } => {
                let expected = expected.join(", ");
                (
                    "unexpected token",
                    format!("expected {expected} at {position}"),
                )
            }
            ParseError::At { position, .. } => ("refused at a place", format!("at {position}")),
            ParseError::Unplaced(_) => ("refused", String::new()),
            ParseError::ConditionInSelect { position, .. } => {
                ("condition in SELECT", format!("at {position}"))
            }
        };
        let text = format!("(not a statement: {kind})");
        let outcome = Outcome {
            error: Some(&reason),
            ..Outcome::default()
        };
        let describe = || (text.clone(), String::new(), "invalid");
        entries.record(Digest::of(&text), "", now(), outcome, describe);
    }
}

impl<'a> Watched<'a> {
    /// Which request it came in.
    #[must_use]
    pub fn of(self, request: Option<&'a RequestId>) -> Self {
        Self { request, ..self }
    }

    /// The span of its execution. Its text is in no span: it may hold anything.
    #[must_use]
    pub fn span(&self) -> Span {
        tracing::debug_span!("statement", kind = self.kind(), digest = %self.digest)
    }

    /// See [`Kind::name`](crate::query::kind::Kind).
    #[must_use]
    pub fn kind(&self) -> &'static str {
        kind_of(self.statement).name
    }

    /// It has ended.
    pub fn end(self, rows: u64, bytes: u64, error: Option<&str>) {
        let took = self.started.elapsed();
        let outcome = Outcome {
            took,
            rows,
            bytes,
            error,
        };
        metrics::statement(self.kind(), &outcome);
        if self.by.slow_after.is_some_and(|limit| took >= limit) {
            self.log(&outcome);
        }
        if let Some(entries) = &self.by.entries {
            let (statement, text) = (self.statement, self.text);
            let describe = || {
                let sample = sample(statement, &text);
                (text, sample, kind_of(statement).name)
            };
            entries.record(self.digest, self.database, now(), outcome, describe);
        }
    }

    fn log(&self, outcome: &Outcome<'_>) {
        let end = self.text.floor_char_boundary(LOGGED_BYTES_MAX);
        tracing::warn!(
            id = self.request.map(|id| &*id.0),
            digest = %self.digest,
            database = self.database,
            milliseconds = outcome.took.as_secs_f64() * 1e3,
            rows = outcome.rows,
            failed = outcome.error.is_some(),
            statement = &self.text[..end],
            "slow statement"
        );
    }
}

/// The statement with its literals, unless they may be credentials: passwords are never
/// printed, but the address of a subscription may hold some, too.
fn sample(statement: &Statement, normalised: &str) -> String {
    match statement {
        Statement::CreateSubscription(_) => normalised.to_string(),
        other => other.to_string(),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(statements: &Statements, text: &str) {
        match influxql::parse_query(text) {
            Ok(query) => {
                for statement in &query.statements {
                    statements.begin(statement, "db").end(1, 2, None);
                }
            }
            Err(error) => statements.not_parsed(&error),
        }
    }

    #[test]
    fn no_password_gets_in_whatever_is_wrong_with_the_statement() {
        let statements = Statements::new(Some(100), None);
        for text in [
            "CREATE USER u WITH PASSWORD 'hunter2'",
            "CREATE USER u WITH PASSWORD 'hunter2' WITH ALL PRIVILEGES",
            "CREATE USER u WITH PASSWORD hunter2",
            "CREATE USER u WITH PASSWORD \"hunter2\"",
            "CREATE USER u WITH PASSWORD 'hunter2",
            "CREATE USER u PASSWORD 'hunter2'",
            "CREATE USER 'hunter2' WITH PASSWORD",
            "SET PASSWORD FOR u = 'hunter2'",
            "SET PASSWORD FOR u = hunter2",
            "SET PASSWORD u = 'hunter2'",
            "CREATE SUBSCRIPTION s ON d.rp DESTINATIONS ALL 'http://u:hunter2@h:1'",
        ] {
            watch(&statements, text);
        }
        let entries = statements.entries().unwrap().collect(|_| true);
        assert!(!format!("{entries:?}").contains("hunter2"), "{entries:?}");
        assert!(entries.iter().any(|entry| entry.stmt_type == "create_user"));
        let failed = entries.iter().filter(|entry| entry.error_count > 0);
        assert!(failed.count() > 0);
    }

    #[test]
    fn a_sample_keeps_its_literals_and_the_text_does_not() {
        let statements = Statements::new(Some(100), None);
        watch(&statements, "SELECT v FROM m WHERE a = 'b'");
        let entry = statements.entries().unwrap().collect(|_| true).remove(0);
        assert_eq!(entry.normalized_query, "SELECT v FROM m WHERE a = ?");
        assert_eq!(entry.sample_query, "SELECT v FROM m WHERE a = 'b'");
        assert_eq!((entry.rows_returned, entry.bytes_read), (1, 2));
    }
}
