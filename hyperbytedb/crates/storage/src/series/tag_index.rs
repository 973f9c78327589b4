//! The inverted index of a measurement's tags: for each tag key its values in order,
//! for each value the series that have it.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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
    values: BTreeMap<Text, Postings>,
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

/// A tag value. Short ones lie in the tree itself: comparing them follows no pointer,
/// and they take no allocation of their own.
#[derive(Debug, Clone)]
enum Text {
    Short(u8, [u8; SHORT_MAX]),
    Long(Box<str>),
}

/// Bytes of a short value: as many as fit beside a pointer's place and length.
const SHORT_MAX: usize = 22;

impl Text {
    fn new(text: &str) -> Self {
        let mut bytes = [0; SHORT_MAX];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Text::Short(text.len() as u8, bytes)
            }
            None => Text::Long(text.into()),
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Text::Short(length, bytes) => &bytes[..usize::from(*length)],
            Text::Long(text) => text.as_bytes(),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // They were put there as text.
            Text::Short(..) => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Text::Long(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
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
        if value.len() > SHORT_MAX
            && let Some(postings) = self.values.get_mut(value.as_bytes())
        {
            postings.insert(id);
            return;
        }
        match self.values.entry(Text::new(value)) {
            Entry::Occupied(mut postings) => postings.get_mut().insert(id),
            Entry::Vacant(place) => {
                place.insert(Postings::One(id));
            }
        }
    }

    fn remove(&mut self, value: &str, id: SeriesId) {
        self.series.remove(id);
        if let Some(postings) = self.values.get_mut(value.as_bytes())
            && postings.remove(id)
        {
            self.values.remove(value.as_bytes());
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
        self.values.get(value.as_bytes())
    }

    /// All values, sorted, with their series.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Postings)> {
        self.values
            .iter()
            .map(|(value, series)| (value.as_str(), series))
    }

    /// The values that begin with `prefix`, sorted, with their series.
    pub fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Postings)> {
        self.values
            .range::<[u8], _>((Bound::Included(prefix.as_bytes()), Bound::Unbounded))
            .map(|(value, series)| (value.as_str(), series))
            .take_while(move |(value, _)| value.starts_with(prefix))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_value_is_small() {
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(size_of::<Postings>(), 16);
    }

    #[test]
    fn short_and_long_values_are_ordered_as_text() {
        let long = "é".repeat(12);
        let mut values = TagValues::default();
        for (id, value) in ["b", &long, "", "a", &"a".repeat(22), &"a".repeat(23)]
            .into_iter()
            .enumerate()
        {
            values.insert(value, id as SeriesId);
            values.insert(value, id as SeriesId + 10);
        }
        let found: Vec<&str> = values.iter().map(|(value, _)| value).collect();
        assert!(found.is_sorted() && found.len() == 6, "{found:?}");
        assert_eq!(values.get(&long).map(Postings::len), Some(2));
        assert_eq!(values.with_prefix("aa").count(), 2);
    }
}
