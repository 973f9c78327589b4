//! The inverted index of a measurement's tags: for each tag key its values in order,
//! for each value the series that have it.

use std::collections::BTreeMap;
use std::ops::Bound;

use roaring::RoaringBitmap;

use crate::series::{SeriesId, pairs};

/// Some series of one measurement, by number.
pub type SeriesSet = RoaringBitmap;

/// Series of one value that are kept as a plain list; more make a compressed set.
const LIST_MAX: usize = 64;

/// Tag keys, values and the series that have them. What no series has is not in it.
#[derive(Debug, Clone, Default)]
pub struct TagIndex {
    keys: BTreeMap<Box<str>, TagValues>,
}

/// The values of one tag key.
#[derive(Debug, Clone, Default)]
pub struct TagValues {
    values: BTreeMap<Box<str>, Postings>,
    /// All series with any of the values.
    series: SeriesSet,
}

/// The series of one value. Most values of a tag that tells series apart have one
/// series: that costs no allocation.
#[derive(Debug, Clone)]
pub enum Postings {
    One(SeriesId),
    Many(Box<Ids>),
}

/// Several series.
#[derive(Debug, Clone)]
pub enum Ids {
    /// Sorted.
    List(Vec<SeriesId>),
    Set(SeriesSet),
}

impl TagIndex {
    /// Adds a series by its key.
    pub fn insert(&mut self, id: SeriesId, key: &[u8]) {
        for (tag, value) in pairs(key) {
            match self.keys.get_mut(&*tag) {
                Some(values) => values.insert(&value, id),
                None => {
                    let mut values = TagValues::default();
                    values.insert(&value, id);
                    self.keys.insert(tag.into(), values);
                }
            }
        }
    }

    /// Takes a series out.
    pub fn remove(&mut self, id: SeriesId, key: &[u8]) {
        for (tag, value) in pairs(key) {
            let Some(values) = self.keys.get_mut(&*tag) else {
                continue;
            };
            values.remove(&value, id);
            if values.values.is_empty() {
                self.keys.remove(&*tag);
            }
        }
    }

    /// Tag keys, sorted, with their values.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &TagValues)> {
        self.keys.iter().map(|(key, values)| (&**key, values))
    }

    /// Tag keys behind a key, sorted, with their values.
    pub fn keys_after<'a>(
        &'a self,
        key: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a str, &'a TagValues)> + Clone {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.keys
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(key, values)| (&**key, values))
    }

    /// The values of a tag key.
    #[must_use]
    pub fn values(&self, key: &str) -> Option<&TagValues> {
        self.keys.get(key)
    }
}

impl TagValues {
    fn insert(&mut self, value: &str, id: SeriesId) {
        self.series.insert(id);
        match self.values.get_mut(value) {
            Some(postings) => postings.insert(id),
            None => {
                self.values.insert(value.into(), Postings::One(id));
            }
        }
    }

    fn remove(&mut self, value: &str, id: SeriesId) {
        self.series.remove(id);
        if let Some(postings) = self.values.get_mut(value)
            && postings.remove(id)
        {
            self.values.remove(value);
        }
    }

    /// All series that have the tag.
    #[must_use]
    pub fn series(&self) -> &SeriesSet {
        &self.series
    }

    /// How many different values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The series of one value.
    #[must_use]
    pub fn get(&self, value: &str) -> Option<&Postings> {
        self.values.get(value)
    }

    /// All values, sorted, with their series.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Postings)> {
        self.values.iter().map(|(value, series)| (&**value, series))
    }

    /// The values that begin with `prefix`, sorted, with their series.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Postings)> {
        self.values
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(value, _)| value.starts_with(prefix))
            .map(|(value, series)| (&**value, series))
    }
}

impl Postings {
    fn insert(&mut self, id: SeriesId) {
        match self {
            Postings::One(own) if *own == id => {}
            Postings::One(own) => {
                let list = vec![id.min(*own), id.max(*own)];
                *self = Postings::Many(Box::new(Ids::List(list)));
            }
            Postings::Many(ids) => match &mut **ids {
                Ids::List(list) => {
                    if let Err(at) = list.binary_search(&id) {
                        list.insert(at, id);
                    }
                    if list.len() > LIST_MAX {
                        **ids = Ids::Set(list.iter().copied().collect());
                    }
                }
                Ids::Set(set) => {
                    set.insert(id);
                }
            },
        }
    }

    /// True when no series is left.
    fn remove(&mut self, id: SeriesId) -> bool {
        match self {
            Postings::One(own) => *own == id,
            Postings::Many(ids) => match &mut **ids {
                Ids::List(list) => {
                    if let Ok(at) = list.binary_search(&id) {
                        list.remove(at);
                    }
                    list.is_empty()
                }
                Ids::Set(set) => {
                    set.remove(id);
                    set.is_empty()
                }
            },
        }
    }

    /// How many series have the value.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Postings::One(_) => 1,
            Postings::Many(ids) => match &**ids {
                Ids::List(list) => list.len() as u64,
                Ids::Set(set) => set.len(),
            },
        }
    }

    /// Adds the series to a set.
    pub fn add_to(&self, series: &mut SeriesSet) {
        match self {
            Postings::One(id) => {
                series.insert(*id);
            }
            Postings::Many(ids) => match &**ids {
                Ids::List(list) => series.extend(list),
                Ids::Set(set) => *series |= set,
            },
        }
    }

    /// Those of the series that are in a set.
    #[must_use]
    pub fn common(&self, series: &SeriesSet) -> SeriesSet {
        let within = |id: &&SeriesId| series.contains(**id);
        match self {
            Postings::One(id) => [id].into_iter().filter(within).collect(),
            Postings::Many(ids) => match &**ids {
                Ids::List(list) => list.iter().filter(within).collect(),
                Ids::Set(set) => set & series,
            },
        }
    }

    /// True when one of the series is in a set.
    #[must_use]
    pub fn meets(&self, series: &SeriesSet) -> bool {
        match self {
            Postings::One(id) => series.contains(*id),
            Postings::Many(ids) => match &**ids {
                Ids::List(list) => list.iter().any(|id| series.contains(*id)),
                Ids::Set(set) => !set.is_disjoint(series),
            },
        }
    }
}
