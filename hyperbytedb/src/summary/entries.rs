//! The entries of the summary: bounded in number and size, the one used longest ago goes
//! when there is no room.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;

use super::digest::Digest;

/// Longest text that is kept of a statement.
const TEXT_BYTES_MAX: usize = 2048;
/// Longest text that is kept of an error, and longest name of a database.
const SHORT_BYTES_MAX: usize = 512;
/// Parts with a lock each, so that statements do not wait for each other.
const PARTS_MAX: usize = 16;
/// Entries from which on one part is not enough.
const PART_ENTRIES_MIN: usize = 64;

/// What is known of statements of one shape in one database.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub digest: Digest,
    pub normalized_query: String,
    /// The first such statement, without passwords.
    pub sample_query: String,
    pub db: String,
    pub stmt_type: &'static str,
    pub exec_count: u64,
    pub error_count: u64,
    pub last_error: String,
    pub rows_returned: u64,
    /// As [`crate::query::work::Work`] counts them.
    pub bytes_read: u64,
    /// Microseconds.
    pub sum_latency_us: u64,
    pub min_latency_us: u64,
    pub max_latency_us: u64,
    /// Seconds since 1970.
    pub first_seen: i64,
    pub last_seen: i64,
}

/// How one execution went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome<'a> {
    pub took: Duration,
    pub rows: u64,
    pub bytes: u64,
    pub error: Option<&'a str>,
}

/// Names a statement: its digest, and that of its database.
type Key = (Digest, Digest);

/// The entries of a process.
#[derive(Debug)]
pub struct Entries {
    parts: Vec<Mutex<LruCache<Key, Entry>>>,
}

impl Entries {
    /// Room for `entries_max` entries.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let parts = (entries_max / PART_ENTRIES_MIN).clamp(1, PARTS_MAX);
        let room = NonZeroUsize::new(entries_max / parts).unwrap_or(NonZeroUsize::MIN);
        Self {
            parts: (0..parts)
                .map(|_| Mutex::new(LruCache::new(room)))
                .collect(),
        }
    }

    /// Adds one execution. `describe` gives texts and type of an entry that is new:
    /// normalised text, sample, type.
    pub fn record(
        &self,
        digest: Digest,
        database: &str,
        now: i64,
        outcome: Outcome<'_>,
        describe: impl FnOnce() -> (String, String, &'static str),
    ) {
        let key = (digest, Digest::of(database));
        let mut part = self.part(digest).lock();
        let entry = part.get_or_insert_mut(key, || {
            let (text, sample, stmt_type) = describe();
            Entry {
                digest,
                normalized_query: cut(text, TEXT_BYTES_MAX),
                sample_query: cut(sample, TEXT_BYTES_MAX),
                db: cut(database.to_string(), SHORT_BYTES_MAX),
                stmt_type,
                exec_count: 0,
                error_count: 0,
                last_error: String::new(),
                rows_returned: 0,
                bytes_read: 0,
                sum_latency_us: 0,
                min_latency_us: u64::MAX,
                max_latency_us: 0,
                first_seen: now,
                last_seen: now,
            }
        });
        entry.add(now, outcome);
    }

    fn part(&self, digest: Digest) -> &Mutex<LruCache<Key, Entry>> {
        &self.parts[(digest.0 >> 32) as usize % self.parts.len()]
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }

    /// How many entries there can be.
    #[must_use]
    pub fn len_max(&self) -> usize {
        self.parts.iter().map(|part| part.lock().cap().get()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies of all entries that `wanted` takes, in no order.
    pub fn collect(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut found = Vec::new();
        for part in &self.parts {
            let part = part.lock();
            let entries = part.iter().map(|(_, entry)| entry);
            found.extend(entries.filter(|entry| wanted(entry)).cloned());
        }
        found
    }

    /// Forgets everything.
    pub fn reset(&self) {
        for part in &self.parts {
            part.lock().clear();
        }
    }
}

impl Entry {
    fn add(&mut self, now: i64, outcome: Outcome<'_>) {
        let took = u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX);
        self.exec_count += 1;
        self.rows_returned = self.rows_returned.saturating_add(outcome.rows);
        self.bytes_read = self.bytes_read.saturating_add(outcome.bytes);
        self.sum_latency_us = self.sum_latency_us.saturating_add(took);
        self.min_latency_us = self.min_latency_us.min(took);
        self.max_latency_us = self.max_latency_us.max(took);
        self.last_seen = now;
        if let Some(error) = outcome.error {
            self.error_count += 1;
            self.last_error = cut(influxql::redact_passwords(error), SHORT_BYTES_MAX);
        }
    }

    /// Microseconds of an execution on the average.
    #[must_use]
    pub fn avg_latency_us(&self) -> u64 {
        self.sum_latency_us / self.exec_count.max(1)
    }
}

/// A text of that many bytes at most, cut between characters, without spare memory.
fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max - '…'.len_utf8()));
        text.push('…');
    }
    text.shrink_to_fit();
    text
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::time::Instant;

    use super::*;

    fn record(entries: &Entries, text: &str, database: &str, outcome: Outcome<'_>) {
        let describe = || (text.to_string(), text.to_string(), "select");
        entries.record(Digest::of(text), database, 7, outcome, describe);
    }

    #[test]
    fn executions_of_one_shape_in_one_database_are_one_entry() {
        let entries = Entries::new(100);
        let took = |micros, error| Outcome {
            took: Duration::from_micros(micros),
            rows: 2,
            bytes: 10,
            error,
        };
        record(&entries, "a", "x", took(10, None));
        record(&entries, "a", "x", took(30, Some("WITH PASSWORD 'p'")));
        record(&entries, "a", "y", took(1, None));
        assert_eq!(entries.len(), 2);
        let entry = &entries.collect(|entry| entry.db == "x")[0];
        assert_eq!((entry.exec_count, entry.error_count), (2, 1));
        assert_eq!((entry.min_latency_us, entry.max_latency_us), (10, 30));
        assert_eq!((entry.avg_latency_us(), entry.sum_latency_us), (20, 40));
        assert_eq!((entry.rows_returned, entry.bytes_read), (4, 20));
        assert_eq!(entry.last_error, "WITH PASSWORD [REDACTED]");
        entries.reset();
        assert!(entries.is_empty());
    }

    #[test]
    fn there_is_never_more_than_there_is_room_for() {
        for room in [1, 10, 1000] {
            let entries = Entries::new(room);
            for number in 0..20_000 {
                record(&entries, &number.to_string(), "", Outcome::default());
                assert!(number % 1000 != 0 || entries.len() <= room);
            }
            assert!(entries.len() <= room);
            assert!(entries.len() >= room / 2, "{} of {room}", entries.len());
        }
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let entries = Entries::new(2);
        for text in ["a", "b", "a", "c"] {
            record(&entries, text, "", Outcome::default());
        }
        let mut left: Vec<String> = entries
            .collect(|_| true)
            .into_iter()
            .map(|entry| entry.normalized_query)
            .collect();
        left.sort();
        assert_eq!(left, ["a", "c"]);
    }

    #[test]
    fn texts_are_cut() {
        let entries = Entries::new(1);
        let long = "é".repeat(5000);
        let outcome = Outcome {
            error: Some(&long),
            ..Outcome::default()
        };
        record(&entries, &long, &long, outcome);
        let entry = &entries.collect(|_| true)[0];
        assert!(entry.normalized_query.len() <= TEXT_BYTES_MAX);
        assert!(entry.normalized_query.ends_with("é…"));
        assert!(entry.db.len() <= SHORT_BYTES_MAX && entry.last_error.len() <= SHORT_BYTES_MAX);
    }

    /// Parsed once, a statement passes the summary in well under 2 µs; the bound here
    /// leaves room for a busy machine.
    #[test]
    fn a_statement_costs_little() {
        let text = "SELECT mean(usage_idle), max(usage_user) FROM cpu WHERE host = 'a' AND time > now() - 1h GROUP BY time(1m), host fill(none)";
        let statement = influxql::parse_statement(text).unwrap();
        let entries = Entries::new(1000);
        let rounds = 20_000;
        let started = Instant::now();
        for _ in 0..rounds {
            let (digest, text) = Digest::of_statement(black_box(&statement));
            let describe = || (text, statement.to_string(), "select");
            entries.record(digest, "telegraf", 7, Outcome::default(), describe);
        }
        let each = started.elapsed() / rounds;
        eprintln!("statement summary: {each:?} a statement");
        assert!(each < Duration::from_micros(20), "{each:?}");
        assert_eq!(entries.len(), 1);
    }
}
