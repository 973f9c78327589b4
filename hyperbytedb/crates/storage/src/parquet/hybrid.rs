//! Small numbers in runs and bit-packed groups of eight (Parquet's `RLE`): definition
//! levels and the codes of a dictionary.

use super::delta::{bits_at, push_varint, take_varint};

/// Appends numbers that all fit into `width` bits (32 at most).
pub fn encode(values: &[u32], width: usize, out: &mut Vec<u8>) {
    let mut at = 0;
    // Where the group began that is not written yet.
    let mut packed_from = 0;
    while at < values.len() {
        let value = values[at];
        let run = values[at..]
            .iter()
            .take_while(|next| **next == value)
            .count();
        let aligned = (at - packed_from) % 8;
        // A run begins where a group ends.
        let lent = (8 - aligned) % 8;
        if run >= lent + 16 {
            pack(&values[packed_from..at + lent], width, out);
            push_varint(out, ((run - lent) as u64) << 1);
            out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8)]);
            at += run;
            packed_from = at;
        } else {
            at += run;
        }
    }
    pack(&values[packed_from..], width, out);
}

fn pack(values: &[u32], width: usize, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    push_varint(out, (groups as u64) << 1 | 1);
    let end = out.len() + groups * width;
    let (mut word, mut filled) = (0_u64, 0);
    for value in values {
        word |= u64::from(*value) << filled;
        filled += width;
        while filled >= 8 {
            out.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(word as u8);
    }
    out.resize(end, 0);
}

/// Appends the first `wanted` numbers; `None` when the bytes are no such numbers or hold
/// fewer.
#[must_use]
pub fn decode(mut bytes: &[u8], width: usize, wanted: usize, out: &mut Vec<u32>) -> Option<()> {
    if width > 32 {
        return None;
    }
    if width == 0 {
        out.resize(out.len() + wanted, 0);
        return Some(());
    }
    let mut left = wanted;
    out.reserve(wanted);
    while left > 0 {
        let head = usize::try_from(take_varint(&mut bytes)?).ok()?;
        let take;
        if head & 1 == 1 {
            let length = (head >> 1).checked_mul(width)?;
            // The last one may be cut short.
            let (packed, rest) = bytes.split_at(length.min(bytes.len()));
            take = left.min((head >> 1).saturating_mul(8));
            if packed.len() * 8 < take * width {
                return None;
            }
            out.extend((0..take).map(|at| bits_at(packed, at * width, width) as u32));
            bytes = rest;
        } else {
            let (value, rest) = bytes.split_at_checked(width.div_ceil(8))?;
            let mut four = [0; 4];
            four[..value.len()].copy_from_slice(value);
            take = left.min(head >> 1);
            out.resize(out.len() + take, u32::from_le_bytes(four));
            bytes = rest;
        }
        if take == 0 {
            return None;
        }
        left -= take;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(
            width in 1..=32_usize,
            runs in prop::collection::vec((any::<u32>(), prop_oneof![Just(1), 1..80_usize]), 0..60),
            cut in 0..100_usize,
        ) {
            let mask = u32::MAX >> (32 - width);
            let values: Vec<u32> = runs
                .iter()
                .flat_map(|(value, times)| std::iter::repeat_n(value & mask, *times))
                .collect();
            let mut bytes = Vec::new();
            encode(&values, width, &mut bytes);
            let wanted = values.len() - cut.min(values.len());
            let mut out = Vec::new();
            decode(&bytes, width, wanted, &mut out).unwrap();
            prop_assert_eq!(&out, &values[..wanted]);
        }

        #[test]
        fn any_bytes_give_none_or_something_but_no_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..60), width in 0..40_usize, wanted in 0..500_usize,
        ) {
            let _ = decode(&bytes, width, wanted, &mut Vec::new());
        }
    }
}
