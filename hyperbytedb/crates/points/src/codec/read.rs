//! Reads tables.

use super::reader::Reader;
use super::{CodecError, REPEAT_LIMIT, UNITS};
use crate::batch::{FieldColumn, FieldType, Strings, Table, TagSet, Values};

pub(super) fn read_table(reader: &mut Reader<'_>) -> Result<Table, CodecError> {
    let measurement = reader.text()?.to_owned();
    let rows = reader.length()?;
    let times = read_times(reader, rows)?;
    let series = read_series(reader)?;
    let series_of_row = read_places(reader, rows, series.len())?;
    let mut fields = Vec::new();
    for _ in 0..reader.varint()? {
        fields.push(read_column(reader, rows)?);
    }
    Ok(Table {
        measurement,
        series,
        series_of_row,
        times,
        fields,
    })
}

fn read_times(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<i64>, CodecError> {
    let found = reader.byte()?;
    let unit = *UNITS.get(usize::from(found)).ok_or(CodecError::Unknown {
        what: "unit of time",
        found,
    })?;
    let mut times = reader.integers(rows)?;
    if unit != 1 {
        for time in &mut times {
            *time = time.checked_mul(unit).ok_or(CodecError::Number)?;
        }
    }
    Ok(times)
}

fn read_series(reader: &mut Reader<'_>) -> Result<Vec<TagSet>, CodecError> {
    let mut series: Vec<TagSet> = Vec::new();
    let mut repeated = 0usize;
    for _ in 0..reader.varint()? {
        let mut tags: Vec<(String, String)> = Vec::new();
        let count = reader.length()?;
        for at in 0..count {
            let allowed = reader.position().saturating_mul(REPEAT_LIMIT);
            let mark = reader.byte()?;
            if mark > 2 {
                return Err(CodecError::Unknown {
                    what: "tag mark",
                    found: mark,
                });
            }
            if mark == 2 {
                tags.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
                continue;
            }
            let before = series.last().and_then(|before| before.0.get(at));
            let (key, value) = before.ok_or(CodecError::Number)?;
            repeated += key.len() + if mark == 0 { value.len() } else { 0 };
            if repeated > allowed {
                return Err(CodecError::Repeats);
            }
            let value = if mark == 0 { value } else { reader.text()? };
            tags.push((key.clone(), value.to_owned()));
        }
        series.push(TagSet(tags));
    }
    Ok(series)
}

fn read_places(
    reader: &mut Reader<'_>,
    rows: usize,
    series: usize,
) -> Result<Vec<u32>, CodecError> {
    if series == 0 && rows > 0 {
        return Err(CodecError::Series);
    }
    let places: Vec<u32> = match reader.byte()? {
        0 => (0..rows).map(|row| (row % series) as u32).collect(),
        1 => reader
            .take(rows)?
            .iter()
            .map(|&place| u32::from(place))
            .collect(),
        2 => reader
            .array::<2>(rows)?
            .map(|place| u32::from(u16::from_le_bytes(place)))
            .collect(),
        4 => reader.array::<4>(rows)?.map(u32::from_le_bytes).collect(),
        found => {
            return Err(CodecError::Unknown {
                what: "form of places",
                found,
            });
        }
    };
    if places.iter().any(|&place| place as usize >= series) {
        return Err(CodecError::Series);
    }
    Ok(places)
}

fn read_column(reader: &mut Reader<'_>, rows: usize) -> Result<FieldColumn, CodecError> {
    let name = reader.text()?.to_owned();
    let field_type = match reader.byte()? {
        0 => FieldType::Float,
        1 => FieldType::Integer,
        2 => FieldType::Unsigned,
        3 => FieldType::String,
        4 => FieldType::Boolean,
        found => {
            return Err(CodecError::Unknown {
                what: "field type",
                found,
            });
        }
    };
    let present = match reader.byte()? {
        0 => None,
        1 => Some(reader.bits(rows)?),
        found => {
            return Err(CodecError::Unknown {
                what: "presence",
                found,
            });
        }
    };
    let count = present.as_ref().map_or(rows, |present| {
        present.iter().filter(|present| **present).count()
    });
    let mut values = read_values(reader, field_type, count)?;
    if let Some(present) = &present {
        values = spread(&values, present);
    }
    Ok(FieldColumn {
        name,
        values,
        present,
    })
}

fn read_values(
    reader: &mut Reader<'_>,
    field_type: FieldType,
    rows: usize,
) -> Result<Values, CodecError> {
    Ok(match field_type {
        FieldType::Float => Values::Float(read_floats(reader, rows)?),
        FieldType::Integer => Values::Integer(reader.integers(rows)?),
        FieldType::Unsigned => {
            let values = reader.integers(rows)?;
            Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
        }
        FieldType::String => Values::String(read_strings(reader, rows)?),
        FieldType::Boolean => Values::Boolean(reader.bits(rows)?),
    })
}

fn read_floats(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<f64>, CodecError> {
    match reader.byte()? {
        0 => Ok(reader.array::<8>(rows)?.map(f64::from_le_bytes).collect()),
        1 => Ok(reader
            .integers(rows)?
            .iter()
            .map(|&value| value as f64)
            .collect()),
        found => Err(CodecError::Unknown {
            what: "form of floats",
            found,
        }),
    }
}

fn read_strings(reader: &mut Reader<'_>, rows: usize) -> Result<Strings, CodecError> {
    let lengths = reader.integers(rows)?;
    let mut offsets = Vec::with_capacity(rows + 1);
    let mut end = 0i32;
    offsets.push(end);
    for length in lengths {
        let length = i32::try_from(length).map_err(|_| CodecError::Number)?;
        if length < 0 {
            return Err(CodecError::Number);
        }
        end = end.checked_add(length).ok_or(CodecError::Number)?;
        offsets.push(end);
    }
    let data = reader.take(end as usize)?;
    let text = str::from_utf8(data).map_err(|_| CodecError::Text)?;
    if !offsets.iter().all(|&at| text.is_char_boundary(at as usize)) {
        return Err(CodecError::Text);
    }
    Ok(Strings {
        offsets,
        data: data.to_vec(),
    })
}

/// Puts the values of the present rows to their places.
pub(super) fn spread(values: &Values, present: &[bool]) -> Values {
    fn place<T: Copy + Default>(values: &[T], present: &[bool]) -> Vec<T> {
        let mut values = values.iter();
        let mut next = |present: &bool| present.then(|| values.next().copied());
        let place = |present| next(present).flatten().unwrap_or_default();
        present.iter().map(place).collect()
    }
    match values {
        Values::Float(values) => Values::Float(place(values, present)),
        Values::Integer(values) => Values::Integer(place(values, present)),
        Values::Unsigned(values) => Values::Unsigned(place(values, present)),
        Values::Boolean(values) => Values::Boolean(place(values, present)),
        Values::String(values) => {
            let mut ends = values.offsets.iter().skip(1).copied();
            let mut offsets = Vec::with_capacity(present.len() + 1);
            let mut end = 0;
            offsets.push(end);
            for &present in present {
                if present {
                    end = ends.next().unwrap_or(end);
                }
                offsets.push(end);
            }
            Values::String(Strings {
                offsets,
                data: values.data.clone(),
            })
        }
    }
}
