//! Differences of whole numbers, bit-packed (Parquet's `DELTA_BINARY_PACKED`).
//!
//! The widths of the packed differences are the writer's choice. As few bits as possible
//! are the smallest form by themselves; widths that divide or fill a byte, with one
//! offset for the whole page, leave every difference the same bit pattern at the same
//! place of a byte, so that compression afterwards can use how often each one occurs.

/// How wide differences are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widths {
    /// As narrow as the differences allow.
    Exact,
    /// 0, 4, 8, 16, 24, 32, 48 or 64 bits, the same offset where it fits.
    Aligned,
}

/// Differences of one offset.
const BLOCK: usize = 512;
/// Differences of one width.
const MINIBLOCK: usize = 128;
const MINIBLOCKS: usize = BLOCK / MINIBLOCK;
/// The least that Parquet allows: for pages of few values, which would be mostly padding
/// otherwise, and of several series, since a jump spoils the whole block.
const SMALL: usize = 128;

/// Values from one jump to the next from which on large blocks are worth it.
const JUMPS_APART: usize = 4_096;

/// The frame that most differences of a page fit into.
#[derive(Clone, Copy)]
struct Frame {
    base: i64,
    width: u32,
}

impl Frame {
    fn holds(self, low: i64, high: i64) -> bool {
        low >= self.base && bits(high.wrapping_sub(self.base)) <= self.width
    }
}

/// Bits that an unsigned difference takes.
fn bits(value: i64) -> u32 {
    64 - value.leading_zeros()
}

fn aligned(width: u32) -> u32 {
    match width {
        0 => 0,
        1..=4 => 4,
        5..=8 => 8,
        9..=16 => 16,
        17..=24 => 24,
        25..=32 => 32,
        33..=48 => 48,
        _ => 64,
    }
}

pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Appends the numbers of a page.
pub fn encode(values: &[i64], widths: Widths, out: &mut Vec<u8>) {
    let deltas: Vec<i64> = values
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    let frame = match widths {
        Widths::Exact => None,
        Widths::Aligned => frame_of(&deltas),
    };
    let jumps = frame.map_or(0, |frame| {
        deltas
            .iter()
            .filter(|delta| !frame.holds(**delta, **delta))
            .count()
    });
    let small = values.len() <= BLOCK || jumps * JUMPS_APART > values.len();
    let (block, mini) = if small {
        (SMALL, SMALL / MINIBLOCKS)
    } else {
        (BLOCK, MINIBLOCK)
    };
    push_varint(out, block as u64);
    push_varint(out, MINIBLOCKS as u64);
    push_varint(out, values.len() as u64);
    push_varint(out, zigzag(values.first().copied().unwrap_or(0)));
    for block in deltas.chunks(block) {
        encode_block(block, mini, frame, widths, out);
    }
}

/// Where nearly all of the differences lie, rounded up to an aligned width.
fn frame_of(deltas: &[i64]) -> Option<Frame> {
    let mut sorted = deltas.to_vec();
    let few = deltas.len() / 64;
    let last = deltas.len().checked_sub(1)?;
    let low = *sorted.select_nth_unstable(few).1;
    let high = *sorted.select_nth_unstable(last - few).1;
    let span = high.wrapping_sub(low);
    let width = aligned(bits(span));
    if width > 32 {
        return None;
    }
    let room = (1_i64 << width) - 1 - span;
    Some(Frame {
        base: low.saturating_sub(room / 2),
        width,
    })
}

fn bounds(deltas: &[i64]) -> (i64, i64) {
    deltas.iter().fold((i64::MAX, i64::MIN), |(low, high), at| {
        (low.min(*at), high.max(*at))
    })
}

fn encode_block(
    block: &[i64],
    mini: usize,
    frame: Option<Frame>,
    widths: Widths,
    out: &mut Vec<u8>,
) {
    let (low, high) = bounds(block);
    let whole = frame.filter(|frame| frame.holds(low, high));
    let base = match frame {
        Some(frame) if frame.base <= low => frame.base,
        _ => low,
    };
    // The same bit pattern for a difference as elsewhere in the page, if possible.
    let usual = frame.map_or(0, |frame| if frame.base == base { frame.width } else { 0 });
    push_varint(out, zigzag(base));
    let at = out.len();
    out.resize(at + MINIBLOCKS, 0);
    for (number, part) in block.chunks(mini).enumerate() {
        let exact = bits(bounds(part).1.wrapping_sub(base));
        let width = match (whole, widths) {
            (Some(frame), _) => frame.width,
            (None, Widths::Exact) => exact,
            (None, Widths::Aligned) => aligned(exact.max(usual)),
        };
        out[at + number] = width as u8;
        pack(part, base, width, mini, out);
    }
}

/// Appends `mini` numbers of that width, zeros where there are no more differences.
fn pack(part: &[i64], base: i64, width: u32, mini: usize, out: &mut Vec<u8>) {
    let end = out.len() + mini * width as usize / 8;
    let (mut word, mut filled) = (0_u128, 0_u32);
    for delta in part {
        word |= u128::from(delta.wrapping_sub(base) as u64) << filled;
        filled += width;
        while filled >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            filled -= 64;
        }
    }
    let rest = (word as u64).to_le_bytes();
    out.extend_from_slice(&rest[..filled.div_ceil(8) as usize]);
    out.resize(end, 0);
}

/// Appends the first `wanted` numbers of a page; `None` when the bytes are no such page
/// or hold fewer.
#[must_use]
pub fn decode(mut bytes: &[u8], wanted: usize, out: &mut Vec<i64>) -> Option<()> {
    let block = usize::try_from(take_varint(&mut bytes)?).ok()?;
    let minis = usize::try_from(take_varint(&mut bytes)?).ok()?;
    let count = usize::try_from(take_varint(&mut bytes)?).ok()?;
    let mut value = unzigzag(take_varint(&mut bytes)?);
    let mini = block.checked_div(minis)?;
    if wanted > count || mini == 0 || mini % 8 != 0 || mini > 1 << 16 {
        return None;
    }
    if wanted == 0 {
        return Some(());
    }
    out.reserve(wanted);
    out.push(value);
    let mut left = wanted - 1;
    while left > 0 {
        let base = unzigzag(take_varint(&mut bytes)?);
        let (widths, rest) = bytes.split_at_checked(minis)?;
        bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            let width = usize::from(*width);
            // The last one may be cut short.
            let (packed, rest) = bytes.split_at((mini * width / 8).min(bytes.len()));
            bytes = rest;
            let take = left.min(mini);
            if width > 64 || packed.len() * 8 < take * width {
                return None;
            }
            value = unpack(packed, width, base, value, take, out);
            left -= take;
        }
    }
    Some(())
}

/// Appends `take` sums and returns the last. There are bits for all of them.
fn unpack(
    packed: &[u8],
    width: usize,
    base: i64,
    mut value: i64,
    take: usize,
    out: &mut Vec<i64>,
) -> i64 {
    let from = out.len();
    out.resize(from + take, 0);
    let sums = &mut out[from..];
    let mut add = |delta: u64| {
        value = value.wrapping_add(base).wrapping_add(delta as i64);
        value
    };
    match width {
        0 => sums.iter_mut().for_each(|sum| *sum = add(0)),
        4 => {
            let (pairs, last) = sums.as_chunks_mut::<2>();
            for (pair, byte) in pairs.iter_mut().zip(packed) {
                *pair = [add(u64::from(byte & 15)), add(u64::from(byte >> 4))];
            }
            for (sum, byte) in last.iter_mut().zip(&packed[take / 2..]) {
                *sum = add(u64::from(byte & 15));
            }
        }
        8 => {
            for (sum, byte) in sums.iter_mut().zip(packed) {
                *sum = add(u64::from(*byte));
            }
        }
        _ => {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum = add(bits_at(packed, at * width, width));
            }
        }
    }
    value
}

/// `width` bits (64 at most) from a bit on; what lies behind the end is zero.
pub(super) fn bits_at(bytes: &[u8], bit: usize, width: usize) -> u64 {
    let (byte, shift) = (bit / 8, bit % 8);
    if width + shift <= 64
        && let Some(word) = bytes.get(byte..byte + 8)
    {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        let mask = u64::MAX >> (64 - width);
        return (u64::from_le_bytes(eight) >> shift) & mask;
    }
    let mut sixteen = [0; 16];
    let there = bytes.get(byte..).unwrap_or_default();
    let length = there.len().min(16);
    sixteen[..length].copy_from_slice(&there[..length]);
    let mask = u128::MAX >> (128 - width);
    ((u128::from_le_bytes(sixteen) >> shift) & mask) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Walks with steps of very different sizes.
    fn numbers() -> impl Strategy<Value = Vec<i64>> {
        let step = prop_oneof![
            8 => -3..4_i64,
            1 => -1000..1000_i64,
            1 => any::<i64>(),
        ];
        prop_oneof![
            prop::collection::vec(any::<i64>(), 0..300),
            prop::collection::vec(step, 0..2_000).prop_map(|steps| {
                let mut value = 50_i64;
                steps
                    .into_iter()
                    .map(|step| {
                        value = value.wrapping_add(step);
                        value
                    })
                    .collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn numbers_round_trip(values in numbers(), wanted in 0..2_000_usize) {
            for widths in [Widths::Exact, Widths::Aligned] {
                let mut bytes = Vec::new();
                encode(&values, widths, &mut bytes);
                let wanted = wanted.min(values.len());
                let mut out = Vec::new();
                decode(&bytes, wanted, &mut out).unwrap();
                prop_assert_eq!(&out, &values[..wanted]);
                prop_assert_eq!(decode(&bytes, values.len() + 1, &mut Vec::new()), None);
            }
        }

        #[test]
        fn any_bytes_give_none_or_something_but_no_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..100), wanted in 0..500_usize,
        ) {
            let _ = decode(&bytes, wanted, &mut Vec::new());
        }
    }
}
