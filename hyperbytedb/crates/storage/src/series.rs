//! The series of one measurement: tag sets by number and numbers by tag set.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use points::TagSet;
use std::borrow::Cow;
use std::hash::BuildHasher;

use crate::series::tag_index::{SeriesSet, TagIndex};

pub mod filter;
pub mod order;
pub mod tag_index;
#[cfg(test)]
mod tests;

/// Numbers a series within its measurement, for as long as the process runs.
pub type SeriesId = u32;

/// All series of one measurement.
///
/// Keys lie end to end in one buffer: a series costs its key, 8 bytes of offset and a
/// 4-byte slot of the hash table, and what the index of its tags takes.
#[derive(Debug, Clone)]
pub struct SeriesIndex {
    keys: Vec<u8>,
    /// `ends[i]` is where the key of series `i` ends.
    ends: Vec<u64>,
    slots: HashTable<SeriesId>,
    hasher: FixedState,
    /// Series that were not dropped; the numbers of those that were are not used again.
    live: SeriesSet,
    tags: TagIndex,
    /// How many series were dropped.
    drops: u64,
    /// First series that the catalog does not hold yet.
    pub(crate) persisted: usize,
}

impl Default for SeriesIndex {
    fn default() -> Self {
        // Keyed per process, so that no client can choose keys that collide.
        let seed = std::collections::hash_map::RandomState::new().hash_one(0_u8);
        Self {
            keys: Vec::new(),
            ends: Vec::new(),
            slots: HashTable::new(),
            hasher: FixedState::with_seed(seed),
            live: SeriesSet::new(),
            tags: TagIndex::default(),
            drops: 0,
            persisted: 0,
        }
    }
}

/// Appends `text` so that the bytes of whole keys compare as their lists of tags do:
/// ended by 00 01, a zero byte inside written 00 FF.
fn push_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 1]);
}

/// The key of a tag set: bytewise order is the order of its (key, value) list.
#[must_use]
pub fn encode_key(tags: &TagSet) -> Vec<u8> {
    let mut out = Vec::with_capacity(tags.0.iter().map(|(k, v)| k.len() + v.len() + 4).sum());
    for (key, value) in &tags.0 {
        push_text(&mut out, key);
        push_text(&mut out, value);
    }
    out
}

/// Takes the next text off a key; `None` at its end.
fn take_text<'k>(rest: &mut &'k [u8]) -> Option<Cow<'k, str>> {
    let mut zero = rest.iter().position(|byte| *byte == 0)?;
    if rest.get(zero + 1) != Some(&0xFF) {
        let text = String::from_utf8_lossy(&rest[..zero]);
        *rest = rest.get(zero + 2..).unwrap_or_default();
        return Some(text);
    }
    let mut text = Vec::new();
    while rest.get(zero + 1) == Some(&0xFF) {
        text.extend_from_slice(&rest[..=zero]);
        *rest = &rest[zero + 2..];
        zero = rest.iter().position(|byte| *byte == 0)?;
    }
    text.extend_from_slice(&rest[..zero]);
    *rest = rest.get(zero + 2..).unwrap_or_default();
    Some(Cow::Owned(String::from_utf8_lossy(&text).into_owned()))
}

/// The tags of a key, in order. Of bytes that are no key: what can be read of them.
pub fn pairs(key: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let mut rest = key;
    std::iter::from_fn(move || Some((take_text(&mut rest)?, take_text(&mut rest)?)))
}

/// The tag set of a key. Bytes that are no key give what can be read of them.
#[must_use]
pub fn decode_key(bytes: &[u8]) -> TagSet {
    let owned = pairs(bytes).map(|(key, value)| (key.into_owned(), value.into_owned()));
    TagSet(owned.collect())
}

impl SeriesIndex {
    /// The number of a key, if it is a live series.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<SeriesId> {
        let hash = self.hasher.hash_one(key);
        self.slots.find(hash, |id| self.key(*id) == key).copied()
    }

    /// The number of a key, a new one if need be; true when it is new.
    pub fn insert(&mut self, key: &[u8]) -> (SeriesId, bool) {
        if let Some(id) = self.find(key) {
            return (id, false);
        }
        let id = SeriesId::try_from(self.ends.len()).unwrap_or(SeriesId::MAX);
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len() as u64);
        self.live.insert(id);
        self.tags.insert(id, key);
        let (keys, ends, hasher) = (&self.keys, &self.ends, &self.hasher);
        self.slots.insert_unique(hasher.hash_one(key), id, |id| {
            hasher.hash_one(key_at(keys, ends, *id))
        });
        (id, true)
    }

    /// The key of a series.
    #[must_use]
    pub fn key(&self, id: SeriesId) -> &[u8] {
        #[cfg(test)]
        KEYS_READ.set(KEYS_READ.get() + 1);
        key_at(&self.keys, &self.ends, id)
    }

    /// The tags of a series.
    #[must_use]
    pub fn tags(&self, id: SeriesId) -> TagSet {
        decode_key(self.key(id))
    }

    /// The value of one tag of a series, empty if it has none.
    #[must_use]
    pub fn tag(&self, id: SeriesId, key: &str) -> Cow<'_, str> {
        let mut tags = pairs(self.key(id));
        tags.find(|(own, _)| own == key)
            .map_or(Cow::Borrowed(""), |(_, value)| value)
    }

    /// Takes a series out of the index.
    pub fn drop_series(&mut self, id: SeriesId) {
        if !self.live.remove(id) {
            return;
        }
        self.drops += 1;
        let key = key_at(&self.keys, &self.ends, id);
        self.tags.remove(id, key);
        let hash = self.hasher.hash_one(key);
        if let Ok(entry) = self.slots.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }

    /// Live series in the order in which they came.
    pub fn ids(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.live.iter()
    }

    /// All live series.
    #[must_use]
    pub fn live(&self) -> &SeriesSet {
        &self.live
    }

    /// The values of tags, and the series that have them.
    #[must_use]
    pub fn index(&self) -> &TagIndex {
        &self.tags
    }

    /// True for a series that was not dropped.
    #[must_use]
    pub fn is_live(&self, id: SeriesId) -> bool {
        self.live.contains(id)
    }

    /// How many series were dropped so far.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.drops
    }

    /// Numbers given out so far, dropped ones included.
    #[must_use]
    pub fn numbered(&self) -> usize {
        self.ends.len()
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len() as usize
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// For the numbers of some series their places in the order of keys; of no meaning
    /// for others.
    #[must_use]
    pub fn ranks(&self, series: &SeriesSet) -> Vec<u32> {
        let mut order: Vec<SeriesId> = series.iter().collect();
        order.sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        let mut ranks = vec![0; self.ends.len()];
        for (rank, id) in order.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }
}

fn key_at<'a>(keys: &'a [u8], ends: &[u64], id: SeriesId) -> &'a [u8] {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    &keys[start..ends[id] as usize]
}

#[cfg(test)]
thread_local! {
    /// How many keys were looked at, for tests of how much work is done.
    pub static KEYS_READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod key_tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(list: &[(&str, &str)]) -> TagSet {
        TagSet(
            list.iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect(),
        )
    }

    #[test]
    fn a_series_keeps_its_number_until_it_is_dropped() {
        let mut index = SeriesIndex::default();
        let a = encode_key(&tags(&[("host", "a")]));
        let b = encode_key(&tags(&[("host", "b")]));
        assert_eq!(index.insert(&a), (0, true));
        assert_eq!(index.insert(&b), (1, true));
        assert_eq!(index.insert(&a), (0, false));
        index.drop_series(0);
        assert_eq!(index.find(&a), None);
        assert_eq!(index.insert(&a), (2, true));
        assert_eq!(index.ids().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(index.len(), 2);
        assert_eq!(index.ranks(&(0..3).collect()), [0, 2, 1]);
    }

    proptest! {
        #[test]
        fn keys_round_trip_and_order_as_their_tags(
            a in prop::collection::btree_map("[a-c\u{0}\u{1}é]{0,3}", "[a-c\u{0}\u{ff}]{0,3}", 0..4),
            b in prop::collection::btree_map("[a-c\u{0}\u{1}é]{0,3}", "[a-c\u{0}\u{ff}]{0,3}", 0..4),
        ) {
            let a = TagSet(a.into_iter().collect());
            let b = TagSet(b.into_iter().collect());
            prop_assert_eq!(&decode_key(&encode_key(&a)), &a);
            prop_assert_eq!(encode_key(&a).cmp(&encode_key(&b)), a.cmp(&b));
        }
    }
}
