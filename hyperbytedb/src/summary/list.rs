//! The summary as `GET /api/v1/statements` shows it.

use std::cmp::Reverse;

use serde_json::{Value, json};

use super::entries::{Entries, Entry};

/// What entries are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    TotalLatency,
    AverageLatency,
    MaxLatency,
    Count,
    Errors,
    Rows,
    Bytes,
}

/// A `sort_by` that there is none of.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown sort_by {0:?}: use latency_total, latency_avg, latency_max, count, errors, rows or bytes"
)]
pub struct UnknownSort(String);

impl Sort {
    /// Reads `sort_by`.
    ///
    /// # Errors
    /// For other words.
    pub fn parse(text: &str) -> Result<Self, UnknownSort> {
        Ok(match text {
            "" | "latency_total" | "total_latency" | "sum_latency" => Sort::TotalLatency,
            "latency_avg" | "avg_latency" => Sort::AverageLatency,
            "latency_max" | "max_latency" => Sort::MaxLatency,
            "count" | "exec_count" => Sort::Count,
            "errors" | "error_count" => Sort::Errors,
            "rows" | "rows_returned" => Sort::Rows,
            "bytes" | "bytes_read" => Sort::Bytes,
            other => return Err(UnknownSort(other.chars().take(64).collect())),
        })
    }

    fn value(self, entry: &Entry) -> u64 {
        match self {
            Sort::TotalLatency => entry.sum_latency_us,
            Sort::AverageLatency => entry.avg_latency_us(),
            Sort::MaxLatency => entry.max_latency_us,
            Sort::Count => entry.exec_count,
            Sort::Errors => entry.error_count,
            Sort::Rows => entry.rows_returned,
            Sort::Bytes => entry.bytes_read,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    pub sort: Sort,
    /// The smallest first.
    pub ascending: bool,
    pub limit: usize,
    /// Only entries of this database.
    pub database: Option<&'a str>,
    /// Only entries of this type.
    pub stmt_type: Option<&'a str>,
}

impl Default for Listing<'_> {
    fn default() -> Self {
        Self {
            sort: Sort::default(),
            ascending: false,
            limit: 100,
            database: None,
            stmt_type: None,
        }
    }
}

impl Listing<'_> {
    /// The document: `{"statements": […]}`, empty without a summary.
    #[must_use]
    pub fn of(&self, entries: Option<&Entries>) -> Value {
        let wanted = |entry: &Entry| {
            self.database.is_none_or(|database| entry.db == database)
                && self.stmt_type.is_none_or(|kind| entry.stmt_type == kind)
        };
        let mut found = entries.map_or_else(Vec::new, |entries| entries.collect(wanted));
        // Ties in an order of their own, so that two lists of one state are the same.
        if self.ascending {
            found.sort_by_cached_key(|entry| (self.sort.value(entry), entry.digest.0));
        } else {
            found.sort_by_cached_key(|entry| (Reverse(self.sort.value(entry)), entry.digest.0));
        }
        found.truncate(self.limit);
        json!({ "statements": found.iter().map(shown).collect::<Vec<_>>() })
    }
}

fn shown(entry: &Entry) -> Value {
    json!({
        "digest": entry.digest.to_string(),
        "normalized_query": entry.normalized_query,
        "sample_query": entry.sample_query,
        "db": entry.db,
        "stmt_type": entry.stmt_type,
        "exec_count": entry.exec_count,
        "error_count": entry.error_count,
        "last_error": entry.last_error,
        "rows_returned": entry.rows_returned,
        "bytes_read": entry.bytes_read,
        "sum_latency_us": entry.sum_latency_us,
        "avg_latency_us": entry.avg_latency_us(),
        "min_latency_us": entry.min_latency_us,
        "max_latency_us": entry.max_latency_us,
        "first_seen": entry.first_seen,
        "last_seen": entry.last_seen,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Digest, Outcome};
    use super::*;

    fn listed(listing: &Listing<'_>) -> Vec<String> {
        let entries = Entries::new(10);
        for (text, database, micros) in [("a", "x", 5), ("b", "x", 9), ("c", "y", 7), ("a", "x", 5)]
        {
            let outcome = Outcome {
                took: Duration::from_micros(micros),
                ..Outcome::default()
            };
            let describe = || (text.to_string(), text.to_string(), "select");
            entries.record(Digest::of(text), database, 0, outcome, describe);
        }
        let document = listing.of(Some(&entries));
        let list = document["statements"].as_array().unwrap();
        let text = |entry: &Value| entry["normalized_query"].as_str().unwrap().to_string();
        list.iter().map(text).collect()
    }

    #[test]
    fn entries_are_sorted_filtered_and_limited() {
        assert_eq!(listed(&Listing::default()), ["a", "b", "c"]);
        let by = |sort| Listing {
            sort: Sort::parse(sort).unwrap(),
            ..Listing::default()
        };
        assert_eq!(listed(&by("avg_latency")), ["b", "c", "a"]);
        assert_eq!(listed(&by("exec_count"))[0], "a");
        let upwards = Listing {
            ascending: true,
            limit: 1,
            ..by("latency_max")
        };
        assert_eq!(listed(&upwards), ["a"]);
        let of_y = Listing {
            database: Some("y"),
            ..Listing::default()
        };
        assert_eq!(listed(&of_y), ["c"]);
        let of_kind = Listing {
            stmt_type: Some("delete"),
            ..Listing::default()
        };
        assert!(listed(&of_kind).is_empty());
        assert!(Sort::parse("name").is_err());
    }

    #[test]
    fn without_a_summary_the_list_is_empty() {
        assert_eq!(Listing::default().of(None), json!({ "statements": [] }));
    }
}
