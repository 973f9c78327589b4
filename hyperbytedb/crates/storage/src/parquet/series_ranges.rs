//! Where each series' rows are in a file.
//!
//! Encoded for the footer as base64 of zstd of, for each series in the order of rows:
//! bytes shared with the key before (varint), length of the rest (varint), the rest,
//! rows (varint), first time less the one before (zigzag varint), last time less the
//! first (varint).

use std::cmp::Ordering;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::delta::{push_varint, take_varint, unzigzag, zigzag};

/// The rows of one series in a file that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRange {
    pub key: Vec<u8>,
    pub first_row: u64,
    pub rows: u64,
    pub min_time: i64,
    pub max_time: i64,
}

/// Where one series' rows are in a file, and their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first_row: u64,
    pub rows: u64,
    /// Nanoseconds, both ends included.
    pub min_time: i64,
    pub max_time: i64,
}

/// The series of one file in the order of rows, as its footer lists them. Keys lie end to
/// end: a series costs its key and 32 bytes.
#[derive(Debug, Default)]
pub struct SeriesList {
    keys: Vec<u8>,
    entries: Vec<Entry>,
    /// Of all series.
    rows: u64,
}

#[derive(Debug)]
struct Entry {
    key_end: usize,
    first_row: u64,
    min_time: i64,
    max_time: i64,
}

impl SeriesList {
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The key of the series at a place.
    #[must_use]
    pub fn key(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |at| self.entries[at].key_end);
        &self.keys[start..self.entries[at].key_end]
    }

    /// The rows of the series at a place.
    #[must_use]
    pub fn span(&self, at: usize) -> Span {
        let entry = &self.entries[at];
        let end = self
            .entries
            .get(at + 1)
            .map_or(self.rows, |next| next.first_row);
        Span {
            first_row: entry.first_row,
            rows: end - entry.first_row,
            min_time: entry.min_time,
            max_time: entry.max_time,
        }
    }

    /// The place of a key in a list whose keys rise.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<usize> {
        let (mut from, mut to) = (0, self.count());
        while from < to {
            let middle = from.midpoint(to);
            match self.key(middle).cmp(key) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => from = middle + 1,
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Whether keys rise.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        (1..self.count()).all(|at| self.key(at - 1) < self.key(at))
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.len() + self.entries.len() * size_of::<Entry>()
    }
}

/// Largest decoded size: a guard against damaged footers.
const DECODED_BYTES_MAX: usize = 1 << 30;
/// Most bytes of keys, of which each may repeat the one before: another.
const KEY_BYTES_MAX: usize = 1 << 34;

/// The text for the footer.
///
/// # Errors
/// When zstd fails.
pub fn encode(ranges: &[SeriesRange]) -> std::io::Result<String> {
    let mut out = Vec::new();
    let mut last: &[u8] = &[];
    let mut last_time = 0_i64;
    for range in ranges {
        let shared = last
            .iter()
            .zip(&range.key)
            .take_while(|(a, b)| a == b)
            .count();
        push_varint(&mut out, shared as u64);
        push_varint(&mut out, (range.key.len() - shared) as u64);
        out.extend_from_slice(&range.key[shared..]);
        push_varint(&mut out, range.rows);
        push_varint(&mut out, zigzag(range.min_time.wrapping_sub(last_time)));
        push_varint(&mut out, range.max_time.wrapping_sub(range.min_time) as u64);
        last = &range.key;
        last_time = range.min_time;
    }
    Ok(STANDARD.encode(zstd::bulk::compress(&out, 3)?))
}

/// Reads the text of a footer; `None` when it is damaged.
#[must_use]
pub fn decode(text: &str) -> Option<SeriesList> {
    let bytes = unpacked(text)?;
    let (series, key_bytes) = size_of_list(&bytes)?;
    let mut rest = bytes.as_slice();
    let mut list = SeriesList::default();
    list.keys.try_reserve_exact(key_bytes).ok()?;
    list.entries.try_reserve_exact(series).ok()?;
    let (mut key_start, mut last_time) = (0, 0_i64);
    while !rest.is_empty() {
        let shared = usize::try_from(take_varint(&mut rest)?).ok()?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (own, tail) = rest.split_at_checked(length)?;
        rest = tail;
        // Not more than that key has: `size_of_list` has seen it.
        let before = key_start;
        key_start = list.keys.len();
        list.keys.extend_from_within(before..before + shared);
        list.keys.extend_from_slice(own);
        let rows = take_varint(&mut rest)?;
        let min_time = last_time.wrapping_add(unzigzag(take_varint(&mut rest)?));
        let max_time = min_time.wrapping_add(take_varint(&mut rest)? as i64);
        list.entries.push(Entry {
            key_end: list.keys.len(),
            first_row: list.rows,
            min_time,
            max_time,
        });
        list.rows = list.rows.checked_add(rows)?;
        last_time = min_time;
    }
    Some(list)
}

/// The bytes in a text of a footer; `None` when it is damaged.
pub(super) fn unpacked(text: &str) -> Option<Vec<u8>> {
    let packed = STANDARD.decode(text).ok()?;
    // Older files do not say how much there is.
    let size = zstd::zstd_safe::get_frame_content_size(&packed).ok()?;
    let size = size
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(0);
    if size > DECODED_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    let decoder = zstd::stream::Decoder::new(packed.as_slice()).ok()?;
    let mut bounded = decoder.take(DECODED_BYTES_MAX as u64 + 1);
    bounded.read_to_end(&mut bytes).ok()?;
    (bytes.len() <= DECODED_BYTES_MAX).then_some(bytes)
}

/// How many series a list has, and how many bytes of keys: growing to many millions of
/// bytes step by step takes longer than reading twice.
fn size_of_list(mut rest: &[u8]) -> Option<(usize, usize)> {
    let (mut series, mut key_bytes) = (0, 0_usize);
    let mut last = 0;
    while !rest.is_empty() {
        let shared = usize::try_from(take_varint(&mut rest)?).ok()?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        rest = rest.get(length..)?;
        if shared > last {
            return None;
        }
        for _number in 0..3 {
            take_varint(&mut rest)?;
        }
        last = shared + length;
        key_bytes = key_bytes.checked_add(last)?;
        if key_bytes > KEY_BYTES_MAX {
            return None;
        }
        series += 1;
    }
    Some((series, key_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_round_trip(list in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..20), 1..1000_u64, any::<i64>(), any::<i64>()), 0..50,
        )) {
            let mut first_row = 0;
            let ranges: Vec<SeriesRange> = list.into_iter().map(|(key, rows, a, b)| {
                let range = SeriesRange { key, first_row, rows, min_time: a.min(b), max_time: a.max(b) };
                first_row += rows;
                range
            }).collect();
            let list = decode(&encode(&ranges).unwrap()).unwrap();
            prop_assert_eq!(list.count(), ranges.len());
            for (at, range) in ranges.iter().enumerate() {
                let span = list.span(at);
                prop_assert_eq!(list.key(at), range.key.as_slice());
                prop_assert_eq!((span.first_row, span.rows), (range.first_row, range.rows));
                prop_assert_eq!((span.min_time, span.max_time), (range.min_time, range.max_time));
            }
            prop_assert_eq!(list.is_sorted(), ranges.is_sorted_by(|a, b| a.key < b.key));
            // As older files have it: a frame that does not say its size.
            let packed = STANDARD.decode(encode(&ranges).unwrap()).unwrap();
            let bytes = zstd::decode_all(packed.as_slice()).unwrap();
            let older = STANDARD.encode(zstd::encode_all(bytes.as_slice(), 3).unwrap());
            let older = decode(&older).unwrap();
            prop_assert!((0..older.count()).all(|at| older.key(at) == list.key(at)));
            prop_assert_eq!(older.count(), list.count());
        }

        #[test]
        fn a_key_is_found_at_its_place(keys in prop::collection::btree_set("[ab]{0,3}", 0..12)) {
            let range = |(at, key): (usize, &String)| SeriesRange {
                key: key.clone().into_bytes(), first_row: at as u64, rows: 1, min_time: 0, max_time: 0,
            };
            let ranges: Vec<SeriesRange> = keys.iter().enumerate().map(range).collect();
            let list = decode(&encode(&ranges).unwrap()).unwrap();
            for key in ["", "a", "b", "aa", "ab", "ba", "bb", "aba", "bab", "c"] {
                let place = keys.iter().position(|own| own == key);
                prop_assert_eq!(list.find(key.as_bytes()), place);
            }
        }

        #[test]
        fn damaged_text_gives_none_or_something_but_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
            let _ = decode(&STANDARD.encode(packed));
        }
    }
}
