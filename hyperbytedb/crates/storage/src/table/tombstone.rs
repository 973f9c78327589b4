//! Deletes as reads, flushes and late writes meet them: versioned tombstones of a
//! database, and what each of them hides in one table.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use regex::Regex;

use crate::catalog::record::{MeasurementScope, TableName, Tombstone};
use crate::clock::Version;
use crate::error::{Result, StorageError};
use crate::rows::merge::Hide;
use crate::series::filter::SeriesFilter;
use crate::series::tag_index::SeriesSet;
use crate::series::{SeriesId, SeriesIndex};

/// A tombstone of a database, ready to be tried on tables and series.
#[derive(Debug)]
pub struct DatabaseTombstone {
    pub tombstone: Tombstone,
    /// Of the names of measurements, when its scope is one.
    pattern: Option<Regex>,
    filter: SeriesFilter,
    /// Its series without points have left the index, in the catalog too.
    settled: AtomicBool,
}

impl DatabaseTombstone {
    /// # Errors
    /// When a regular expression is invalid.
    pub fn new(tombstone: Tombstone) -> Result<Self> {
        let pattern = match &tombstone.measurements {
            MeasurementScope::Match(pattern) => {
                let regex = Regex::new(pattern).map_err(|error| StorageError::Regex {
                    pattern: pattern.clone(),
                    message: error.to_string(),
                })?;
                Some(regex)
            }
            MeasurementScope::All | MeasurementScope::One(_) => None,
        };
        Ok(Self {
            filter: tombstone.series.filter()?,
            pattern,
            tombstone,
            settled: AtomicBool::new(false),
        })
    }

    /// True when it may hide something in that table.
    #[must_use]
    pub fn concerns_table(&self, name: &TableName) -> bool {
        let policy = self.tombstone.policy.as_ref();
        policy.is_none_or(|policy| *policy == name.policy)
            && match &self.tombstone.measurements {
                MeasurementScope::All => true,
                MeasurementScope::One(measurement) => *measurement == name.measurement,
                MeasurementScope::Match(_) => {
                    let pattern = self.pattern.as_ref();
                    pattern.is_some_and(|pattern| pattern.is_match(&name.measurement))
                }
            }
    }

    /// The series that it is about.
    #[must_use]
    pub fn filter(&self) -> &SeriesFilter {
        &self.filter
    }

    /// True when a value of that version and time is hidden, if its series is met.
    #[must_use]
    pub fn hides_at(&self, time: i64, version: Version) -> bool {
        version < self.tombstone.version
            && time >= self.tombstone.min_time
            && time <= self.tombstone.max_time
    }

    /// Notes that no series without points is left of it.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }
}

/// A tombstone together with the series of one table that it meets.
#[derive(Debug, Clone)]
pub struct ResolvedTombstone {
    pub stone: Arc<DatabaseTombstone>,
    met: SeriesSet,
    /// Numbers of series that were looked at.
    seen: usize,
}

/// New series up to which each is tried alone.
const NEW_FEW: usize = 1024;

impl ResolvedTombstone {
    #[must_use]
    pub fn new(stone: Arc<DatabaseTombstone>, index: &SeriesIndex) -> Self {
        let mut resolved = Self {
            stone,
            met: SeriesSet::new(),
            seen: 0,
        };
        resolved.extend(index);
        resolved
    }

    /// Looks at the series that came since.
    pub fn extend(&mut self, index: &SeriesIndex) {
        let fresh = self.seen as SeriesId..index.numbered() as SeriesId;
        let many = fresh.len() > NEW_FEW;
        if many {
            let mut met = index.select(&self.stone.filter);
            met.remove_range(..fresh.start);
            self.met |= met;
        }
        // The index no longer tells of series that were dropped in the meantime, of
        // which points may be on their way still.
        for id in fresh {
            if !(many && index.is_live(id)) && self.stone.filter.matches_key(index.key(id)) {
                self.met.insert(id);
            }
        }
        self.seen = index.numbered();
    }

    /// True when it may hide something of a source with these bounds.
    #[must_use]
    pub fn concerns(&self, min_version: Version, min_time: i64, max_time: i64) -> bool {
        let tombstone = &self.stone.tombstone;
        min_version < tombstone.version
            && min_time <= tombstone.max_time
            && max_time >= tombstone.min_time
    }

    /// The series that are met, whatever the time.
    #[must_use]
    pub fn met(&self) -> &SeriesSet {
        &self.met
    }
}

/// All tombstones of one measurement.
#[derive(Debug, Clone, Default)]
pub struct Tombstones(Vec<Arc<ResolvedTombstone>>);

impl Tombstones {
    /// Adds a tombstone; the same one again is added once.
    pub fn push(&mut self, stone: Arc<DatabaseTombstone>, index: &SeriesIndex) {
        if !self.has(&stone) {
            self.0.push(Arc::new(ResolvedTombstone::new(stone, index)));
        }
    }

    fn has(&self, stone: &Arc<DatabaseTombstone>) -> bool {
        self.0.iter().any(|held| Arc::ptr_eq(&held.stone, stone))
    }

    /// Resolves all of them for series that came since.
    pub fn extend(&mut self, index: &SeriesIndex) {
        for stone in &mut self.0 {
            if stone.seen < index.numbered() {
                // A view may hold the same one: it keeps what it saw.
                Arc::make_mut(stone).extend(index);
            }
        }
    }

    /// Forgets tombstones.
    pub fn forget(&mut self, which: impl Fn(&DatabaseTombstone) -> bool) {
        self.0.retain(|held| !which(&held.stone));
    }

    pub fn iter(&self) -> impl Iterator<Item = &ResolvedTombstone> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl Hide for Tombstones {
    fn hides(&self, series: SeriesId, time: i64, version: Version) -> bool {
        let mut stones = self.0.iter();
        stones.any(|held| held.stone.hides_at(time, version) && held.met.contains(series))
    }
    fn any(&self) -> bool {
        !self.0.is_empty()
    }
}
