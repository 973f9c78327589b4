//! Deletes: versioned tombstones.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::merge::Hide;
use crate::series::{SeriesId, SeriesIndex};
use crate::series_filter::{SeriesFilter, ValuePattern};
use crate::tag_index::SeriesSet;

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

impl SeriesPredicate {
    /// The predicate ready to be tried.
    ///
    /// # Errors
    /// When a regular expression is invalid.
    pub fn filter(&self) -> Result<SeriesFilter> {
        let equal = |key: &str, value: &str| SeriesFilter::Equal {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let matching = |key: &str, pattern: &str| match Regex::new(pattern) {
            Ok(regex) => Ok(SeriesFilter::Match {
                key: key.to_owned(),
                pattern: ValuePattern::new(regex),
            }),
            Err(error) => Err(StorageError::Regex {
                pattern: pattern.to_owned(),
                message: error.to_string(),
            }),
        };
        let all =
            |list: &[SeriesPredicate]| list.iter().map(Self::filter).collect::<Result<Vec<_>>>();
        Ok(match self {
            SeriesPredicate::All => SeriesFilter::Const(true),
            SeriesPredicate::Equal(key, value) => equal(key, value),
            SeriesPredicate::NotEqual(key, value) => equal(key, value).negated(),
            SeriesPredicate::Match(key, pattern) => matching(key, pattern)?,
            SeriesPredicate::NotMatch(key, pattern) => matching(key, pattern)?.negated(),
            SeriesPredicate::And(list) => SeriesFilter::And(all(list)?),
            SeriesPredicate::Or(list) => SeriesFilter::Or(all(list)?),
        })
    }
}

/// A tombstone together with the series it meets.
pub struct ResolvedTombstone {
    pub tombstone: Tombstone,
    filter: SeriesFilter,
    met: SeriesSet,
    /// Numbers of series that were looked at.
    seen: usize,
}

/// New series up to which each is tried alone.
const NEW_FEW: usize = 1024;

impl ResolvedTombstone {
    /// # Errors
    /// When a regular expression is invalid.
    pub fn new(tombstone: Tombstone, index: &SeriesIndex) -> Result<Self> {
        let mut resolved = Self {
            filter: tombstone.series.filter()?,
            tombstone,
            met: SeriesSet::new(),
            seen: 0,
        };
        resolved.extend(index);
        Ok(resolved)
    }

    /// Looks at the series that came since.
    pub fn extend(&mut self, index: &SeriesIndex) {
        let fresh = self.seen as SeriesId..index.numbered() as SeriesId;
        let many = fresh.len() > NEW_FEW;
        if many {
            let mut met = index.select(&self.filter);
            met.remove_range(..fresh.start);
            self.met |= met;
        }
        // The index no longer tells of series that were dropped in the meantime, of
        // which points may be on their way still.
        for id in fresh {
            if !(many && index.is_live(id)) && self.filter.matches_key(index.key(id)) {
                self.met.insert(id);
            }
        }
        self.seen = index.numbered();
    }

    fn hides(&self, series: SeriesId, time: i64, version: Version) -> bool {
        version < self.tombstone.version
            && time >= self.tombstone.min_time
            && time <= self.tombstone.max_time
            && self.met.contains(series)
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
        self.seen < index.numbered()
    }

    /// The series that are met, whatever the time.
    #[must_use]
    pub fn met(&self) -> &SeriesSet {
        &self.met
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
    use crate::series::encode_key;
    use points::TagSet;

    #[test]
    fn an_absent_tag_is_the_empty_value() {
        let key = encode_key(&TagSet(vec![("host".into(), "a".into())]));
        let matches = |predicate: SeriesPredicate| predicate.filter().unwrap().matches_key(&key);
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
