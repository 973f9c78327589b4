//! Where each series' rows are in a file.
//!
//! Encoded for the footer as base64 of zstd of, for each series in the order of rows:
//! bytes shared with the key before (varint), length of the rest (varint), the rest,
//! rows (varint), first time less the one before (zigzag varint), last time less the
//! first (varint).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::delta::{push_varint, take_varint, unzigzag, zigzag};

/// The rows of one series in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRange {
    pub key: Vec<u8>,
    pub first_row: u64,
    pub rows: u64,
    pub min_time: i64,
    pub max_time: i64,
}

/// Largest decoded size: a guard against damaged footers.
const DECODED_BYTES_MAX: usize = 1 << 30;

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
    Ok(STANDARD.encode(zstd::encode_all(out.as_slice(), 3)?))
}

/// Reads the text of a footer; `None` when it is damaged.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<SeriesRange>> {
    let packed = STANDARD.decode(text).ok()?;
    let bytes = zstd::stream::decode_all(packed.as_slice()).ok()?;
    if bytes.len() > DECODED_BYTES_MAX {
        return None;
    }
    let mut rest = bytes.as_slice();
    let mut ranges: Vec<SeriesRange> = Vec::new();
    let (mut first_row, mut last_time) = (0_u64, 0_i64);
    while !rest.is_empty() {
        let shared = usize::try_from(take_varint(&mut rest)?).ok()?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (own, tail) = rest.split_at_checked(length)?;
        rest = tail;
        let mut key = match ranges.last() {
            Some(last) => last.key.get(..shared)?.to_vec(),
            None if shared == 0 => Vec::new(),
            None => return None,
        };
        key.extend_from_slice(own);
        let rows = take_varint(&mut rest)?;
        let min_time = last_time.wrapping_add(unzigzag(take_varint(&mut rest)?));
        let max_time = min_time.wrapping_add(take_varint(&mut rest)? as i64);
        ranges.push(SeriesRange {
            key,
            first_row,
            rows,
            min_time,
            max_time,
        });
        first_row = first_row.checked_add(rows)?;
        last_time = min_time;
    }
    Some(ranges)
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
            prop_assert_eq!(decode(&encode(&ranges).unwrap()).unwrap(), ranges);
        }

        #[test]
        fn damaged_text_gives_none_or_something_but_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let packed = zstd::encode_all(bytes.as_slice(), 1).unwrap();
            let _ = decode(&STANDARD.encode(packed));
        }
    }
}
