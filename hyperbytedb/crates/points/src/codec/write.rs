//! Writes tables.

use super::integers::{put_integers, put_varint};
use super::{REPEAT_LIMIT, UNITS};
use crate::batch::{FieldColumn, FieldType, Strings, Table, TagSet, Values};

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_bits(out: &mut Vec<u8>, bits: &[bool]) {
    out.extend(bits.chunks(8).map(|chunk| {
        chunk
            .iter()
            .enumerate()
            .fold(0u8, |byte, (at, &bit)| byte | (u8::from(bit) << at))
    }));
}

pub(super) fn put_table(out: &mut Vec<u8>, table: &Table) {
    debug_assert_eq!(table.rows(), table.series_of_row.len());
    put_text(out, &table.measurement);
    put_varint(out, table.rows() as u64);
    put_times(out, &table.times);
    put_series(out, &table.series);
    put_places(out, &table.series_of_row, table.series.len());
    put_varint(out, table.fields.len() as u64);
    for column in &table.fields {
        debug_assert_eq!(table.rows(), column.values.len());
        put_column(out, column);
    }
}

fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    let whole = |unit: i64| times.iter().all(|time| time % unit == 0);
    let unit = (1..UNITS.len())
        .rev()
        .find(|&at| whole(UNITS[at]))
        .unwrap_or(0);
    out.push(unit as u8);
    if unit == 0 {
        put_integers(out, times);
    } else {
        let counts: Vec<i64> = times.iter().map(|time| time / UNITS[unit]).collect();
        put_integers(out, &counts);
    }
}

fn put_series(out: &mut Vec<u8>, series: &[TagSet]) {
    put_varint(out, series.len() as u64);
    let mut before: &[(String, String)] = &[];
    let mut repeated = 0usize;
    for tags in series {
        put_varint(out, tags.0.len() as u64);
        for (at, (key, value)) in tags.0.iter().enumerate() {
            let allowed = out.len().saturating_mul(REPEAT_LIMIT);
            let (mark, cost) = match before.get(at) {
                Some(tag) if tag.0 == *key && tag.1 == *value => (0, key.len() + value.len()),
                Some(tag) if tag.0 == *key => (1, key.len()),
                _ => (2, 0),
            };
            let mark = if repeated + cost > allowed { 2 } else { mark };
            out.push(mark);
            if mark < 2 {
                repeated += cost;
            } else {
                put_text(out, key);
            }
            if mark > 0 {
                put_text(out, value);
            }
        }
        before = &tags.0;
    }
}

fn put_places(out: &mut Vec<u8>, places: &[u32], series: usize) {
    let in_turn = |(row, &place): (usize, &u32)| place as usize == row % series.max(1);
    if places.iter().enumerate().all(in_turn) {
        out.push(0);
    } else if series <= 1 << 8 {
        out.push(1);
        out.extend(places.iter().map(|&place| place as u8));
    } else if series <= 1 << 16 {
        out.push(2);
        out.extend(
            places
                .iter()
                .flat_map(|&place| (place as u16).to_le_bytes()),
        );
    } else {
        out.push(4);
        out.extend(places.iter().flat_map(|place| place.to_le_bytes()));
    }
}

fn type_byte(field_type: FieldType) -> u8 {
    match field_type {
        FieldType::Float => 0,
        FieldType::Integer => 1,
        FieldType::Unsigned => 2,
        FieldType::String => 3,
        FieldType::Boolean => 4,
    }
}

fn put_column(out: &mut Vec<u8>, column: &FieldColumn) {
    put_text(out, &column.name);
    out.push(type_byte(column.field_type()));
    match &column.present {
        None => {
            out.push(0);
            put_values(out, &column.values);
        }
        Some(present) => {
            out.push(1);
            put_bits(out, present);
            put_values(out, &present_values(&column.values, present));
        }
    }
}

/// The values of the rows that are present.
pub(super) fn present_values(values: &Values, present: &[bool]) -> Values {
    fn pick<T: Copy>(values: &[T], present: &[bool]) -> Vec<T> {
        let pairs = values.iter().zip(present);
        pairs
            .filter(|(_, present)| **present)
            .map(|(value, _)| *value)
            .collect()
    }
    match values {
        Values::Float(values) => Values::Float(pick(values, present)),
        Values::Integer(values) => Values::Integer(pick(values, present)),
        Values::Unsigned(values) => Values::Unsigned(pick(values, present)),
        Values::Boolean(values) => Values::Boolean(pick(values, present)),
        Values::String(values) => {
            let mut picked = Strings::default();
            for row in (0..values.len()).filter(|&row| present[row]) {
                picked.push(values.get(row));
            }
            Values::String(picked)
        }
    }
}

fn put_values(out: &mut Vec<u8>, values: &Values) {
    match values {
        Values::Float(values) => put_floats(out, values),
        Values::Integer(values) => put_integers(out, values),
        Values::Unsigned(values) => {
            let values: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
            put_integers(out, &values);
        }
        Values::String(values) => {
            let lengths: Vec<i64> = values
                .offsets
                .windows(2)
                .map(|pair| i64::from(pair[1] - pair[0]))
                .collect();
            put_integers(out, &lengths);
            let start = values.offsets.first().map_or(0, |&start| start as usize);
            let end = values.offsets.last().map_or(0, |&end| end as usize);
            out.extend_from_slice(&values.data[start..end]);
        }
        Values::Boolean(values) => put_bits(out, values),
    }
}

fn put_floats(out: &mut Vec<u8>, values: &[f64]) {
    // Comparing bits keeps -0 and every NaN what they are.
    let whole = |value: &f64| ((*value as i64) as f64).to_bits() == value.to_bits();
    if values.iter().all(whole) {
        out.push(1);
        let values: Vec<i64> = values.iter().map(|value| *value as i64).collect();
        put_integers(out, &values);
    } else {
        out.push(0);
        out.reserve(values.len() * 8);
        for value in values {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}
