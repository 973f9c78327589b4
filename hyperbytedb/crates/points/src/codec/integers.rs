//! Columns of 64-bit integers, in the smallest of a few forms.

use super::CodecError;
use super::reader::Reader;

const PLAIN: u8 = 8;
const DELTAS: u8 = 9;

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The length of `value` as a varint.
fn varint_length(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends `values` in the form that takes the least room.
pub(super) fn put_integers(out: &mut Vec<u8>, values: &[i64]) {
    let mut least = i64::MAX;
    let mut greatest = i64::MIN;
    let mut deltas = 0usize;
    let mut before = 0i64;
    for &value in values {
        least = least.min(value);
        greatest = greatest.max(value);
        deltas += varint_length(zigzag(value.wrapping_sub(before)));
        before = value;
    }
    if values.is_empty() {
        least = 0;
        greatest = 0;
    }
    let width = match greatest.wrapping_sub(least).cast_unsigned() {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => PLAIN,
    };
    let base = varint_length(zigzag(least));
    if deltas < usize::from(width) * values.len() + base {
        out.push(DELTAS);
        out.reserve(deltas);
        let mut before = 0i64;
        for &value in values {
            put_varint(out, zigzag(value.wrapping_sub(before)));
            before = value;
        }
        return;
    }
    out.push(width);
    let offset = |value: &i64| value.wrapping_sub(least);
    match width {
        1 => {
            put_varint(out, zigzag(least));
            out.extend(values.iter().map(|value| offset(value) as u8));
        }
        2 => {
            put_varint(out, zigzag(least));
            put_fixed(out, values, |value| (offset(value) as u16).to_le_bytes());
        }
        4 => {
            put_varint(out, zigzag(least));
            put_fixed(out, values, |value| (offset(value) as u32).to_le_bytes());
        }
        _ => put_fixed(out, values, |value| value.to_le_bytes()),
    }
}

fn put_fixed<const N: usize>(out: &mut Vec<u8>, values: &[i64], bytes: impl Fn(&i64) -> [u8; N]) {
    let start = out.len();
    out.resize(start + N * values.len(), 0);
    for (place, value) in out[start..].chunks_exact_mut(N).zip(values) {
        place.copy_from_slice(&bytes(value));
    }
}

/// Reads `count` integers.
pub(super) fn read_integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, CodecError> {
    match reader.byte()? {
        1 => {
            let least = unzigzag(reader.varint()?);
            let offsets = reader.take(count)?.iter();
            Ok(offsets
                .map(|&offset| least.wrapping_add(i64::from(offset)))
                .collect())
        }
        2 => {
            let least = unzigzag(reader.varint()?);
            let offsets = reader.array::<2>(count)?.map(u16::from_le_bytes);
            Ok(offsets
                .map(|offset| least.wrapping_add(i64::from(offset)))
                .collect())
        }
        4 => {
            let least = unzigzag(reader.varint()?);
            let offsets = reader.array::<4>(count)?.map(u32::from_le_bytes);
            Ok(offsets
                .map(|offset| least.wrapping_add(i64::from(offset)))
                .collect())
        }
        PLAIN => Ok(reader.array::<8>(count)?.map(i64::from_le_bytes).collect()),
        DELTAS => {
            reader.require(count)?;
            let mut values = Vec::with_capacity(count);
            let mut before = 0i64;
            for _ in 0..count {
                before = before.wrapping_add(unzigzag(reader.varint()?));
                values.push(before);
            }
            Ok(values)
        }
        found => Err(CodecError::Unknown {
            what: "form of integers",
            found,
        }),
    }
}
