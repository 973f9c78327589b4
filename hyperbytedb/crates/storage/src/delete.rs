//! Deletes: versioned tombstones.

use points::TagSet;
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::merge::Hide;
use crate::series::{SeriesId, SeriesIndex};

/// Which series a delete is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeriesPredicate {
    All,
    /// The tag has that value; an absent tag is the empty value.
    Equal(String, String),
    NotEqual(String, String),
    /// The tag's value matches the regular expression somewhere.
    Match(String, String),
    NotMatch(String, String),
    And(Vec<SeriesPredicate>),
    Or(Vec<SeriesPredicate>),
}

/// A delete: hides every value of a matching series in the time range whose version is
/// lower.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    pub version: Version,
    pub series: SeriesPredicate,
    /// Nanoseconds, included.
    pub min_time: i64,
    /// Nanoseconds, included.
    pub max_time: i64,
}

/// A predicate whose regular expressions are compiled.
pub struct SeriesMatcher(Node);

enum Node {
    All,
    Equal(String, String, bool),
    Match(String, Regex, bool),
    And(Vec<Node>),
    Or(Vec<Node>),
}

impl SeriesMatcher {
    /// # Errors
    /// When a regular expression is invalid.
    pub fn new(predicate: &SeriesPredicate) -> Result<Self> {
        compile(predicate).map(SeriesMatcher)
    }

    /// True when a series with these tags is meant.
    #[must_use]
    pub fn matches(&self, tags: &TagSet) -> bool {
        self.0.matches(tags)
    }
}

fn compile(predicate: &SeriesPredicate) -> Result<Node> {
    let regex = |pattern: &String| {
        Regex::new(pattern).map_err(|error| StorageError::Regex {
            pattern: pattern.clone(),
            message: error.to_string(),
        })
    };
    let all = |list: &Vec<SeriesPredicate>| list.iter().map(compile).collect::<Result<Vec<_>>>();
    Ok(match predicate {
        SeriesPredicate::All => Node::All,
        SeriesPredicate::Equal(key, value) => Node::Equal(key.clone(), value.clone(), true),
        SeriesPredicate::NotEqual(key, value) => Node::Equal(key.clone(), value.clone(), false),
        SeriesPredicate::Match(key, pattern) => Node::Match(key.clone(), regex(pattern)?, true),
        SeriesPredicate::NotMatch(key, pattern) => Node::Match(key.clone(), regex(pattern)?, false),
        SeriesPredicate::And(list) => Node::And(all(list)?),
        SeriesPredicate::Or(list) => Node::Or(all(list)?),
    })
}

impl Node {
    fn matches(&self, tags: &TagSet) -> bool {
        let value = |key: &String| {
            tags.0
                .iter()
                .find(|(k, _)| k == key)
                .map_or("", |(_, v)| v.as_str())
        };
        match self {
            Node::All => true,
            Node::Equal(key, wanted, positive) => (value(key) == wanted) == *positive,
            Node::Match(key, regex, positive) => regex.is_match(value(key)) == *positive,
            Node::And(list) => list.iter().all(|node| node.matches(tags)),
            Node::Or(list) => list.iter().any(|node| node.matches(tags)),
        }
    }
}

/// A tombstone together with the series it meets.
pub struct ResolvedTombstone {
    pub tombstone: Tombstone,
    matcher: SeriesMatcher,
    /// By series number, as far as the index went when it was resolved.
    met: Vec<bool>,
}

impl ResolvedTombstone {
    /// # Errors
    /// When a regular expression is invalid.
    pub fn new(tombstone: Tombstone, index: &SeriesIndex) -> Result<Self> {
        let mut resolved = Self {
            matcher: SeriesMatcher::new(&tombstone.series)?,
            tombstone,
            met: Vec::new(),
        };
        resolved.extend(index);
        Ok(resolved)
    }

    /// Looks at the series that came since.
    pub fn extend(&mut self, index: &SeriesIndex) {
        for id in self.met.len()..index.numbered() {
            let id = id as SeriesId;
            self.met.push(self.matcher.matches(&index.tags(id)));
        }
    }

    fn hides(&self, series: SeriesId, time: i64, version: Version) -> bool {
        version < self.tombstone.version
            && time >= self.tombstone.min_time
            && time <= self.tombstone.max_time
            && self.met.get(series as usize).copied().unwrap_or(false)
    }

    /// True when it may hide something of a source with these bounds.
    #[must_use]
    pub fn concerns(&self, min_version: Version, min_time: i64, max_time: i64) -> bool {
        min_version < self.tombstone.version
            && min_time <= self.tombstone.max_time
            && max_time >= self.tombstone.min_time
    }

    /// True when series came that were not looked at yet.
    #[must_use]
    pub fn behind(&self, index: &SeriesIndex) -> bool {
        self.met.len() < index.numbered()
    }

    /// True when the series is met, whatever the time.
    #[must_use]
    pub fn meets(&self, series: SeriesId) -> bool {
        self.met.get(series as usize).copied().unwrap_or(false)
    }
}

/// All tombstones of one measurement.
#[derive(Clone, Default)]
pub struct Tombstones(pub Vec<std::sync::Arc<ResolvedTombstone>>);

impl Hide for Tombstones {
    fn hides(&self, series: SeriesId, time: i64, version: Version) -> bool {
        self.0
            .iter()
            .any(|stone| stone.hides(series, time, version))
    }
    fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_tag_is_the_empty_value() {
        let tags = TagSet(vec![("host".into(), "a".into())]);
        let matches = |predicate| SeriesMatcher::new(&predicate).unwrap().matches(&tags);
        assert!(matches(SeriesPredicate::Equal(
            "rack".into(),
            String::new()
        )));
        assert!(matches(SeriesPredicate::NotEqual(
            "rack".into(),
            "1".into()
        )));
        assert!(matches(SeriesPredicate::Match("rack".into(), ".*".into())));
        assert!(!matches(SeriesPredicate::NotMatch(
            "host".into(),
            "a".into()
        )));
        assert!(matches(SeriesPredicate::And(vec![
            SeriesPredicate::All,
            SeriesPredicate::Or(vec![SeriesPredicate::Equal("host".into(), "a".into())]),
        ])));
    }
}
