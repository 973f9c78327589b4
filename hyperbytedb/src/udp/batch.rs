//! Many small batches put together, so that a datagram does not cost a write of its own.

use std::collections::HashMap;

use points::{Batch, FieldColumn, FieldType, Strings, Table, TagSet, Values};

/// Collects points. Tables of the same measurement with the same fields become one;
/// others stay apart, so that absent fields take up no memory.
#[derive(Debug, Default)]
pub struct Collected {
    tables: Vec<Collecting>,
    /// The tables by what they hold.
    index: HashMap<Shape, usize>,
    points: usize,
}

/// Measurement and fields of a table.
type Shape = (String, Vec<(String, FieldType)>);

#[derive(Debug)]
struct Collecting {
    table: Table,
    series: HashMap<TagSet, u32>,
}

impl Collected {
    /// Points so far.
    pub fn points(&self) -> usize {
        self.points
    }

    /// Adds all points of a batch behind those that are there.
    pub fn add(&mut self, batch: Batch) {
        for mut table in batch.tables {
            self.points += table.rows();
            table.fields.sort_by(|a, b| key(a).cmp(&key(b)));
            let fields = table
                .fields
                .iter()
                .map(|field| (field.name.clone(), field.field_type()));
            let shape = (table.measurement.clone(), fields.collect());
            if let Some(place) = self.index.get(&shape) {
                self.tables[*place].append(table);
            } else {
                self.index.insert(shape, self.tables.len());
                self.tables.push(Collecting::new(table));
            }
        }
    }

    /// Everything as one batch; nothing is left.
    pub fn take(&mut self) -> Batch {
        let all = std::mem::take(self);
        let tables = all.tables.into_iter().map(|collecting| collecting.table);
        Batch {
            tables: tables.collect(),
        }
    }
}

fn key(field: &FieldColumn) -> (&str, FieldType) {
    (&field.name, field.field_type())
}

impl Collecting {
    fn new(table: Table) -> Self {
        let series = table.series.iter().cloned().zip(0..).collect();
        Self { table, series }
    }

    /// Appends a table of the same shape.
    fn append(&mut self, other: Table) {
        let own = &mut self.table;
        let mut places = Vec::with_capacity(other.series.len());
        for tags in other.series {
            let next = u32::try_from(own.series.len()).unwrap_or(u32::MAX);
            let place = *self.series.entry(tags).or_insert_with_key(|tags| {
                own.series.push(tags.clone());
                next
            });
            places.push(place);
        }
        let rows = own.times.len();
        let more = other.times.len();
        own.series_of_row.extend(
            other
                .series_of_row
                .iter()
                .map(|place| places[*place as usize]),
        );
        own.times.extend(other.times);
        for (field, further) in own.fields.iter_mut().zip(other.fields) {
            if field.present.is_some() || further.present.is_some() {
                let present = field.present.get_or_insert_with(|| vec![true; rows]);
                match further.present {
                    Some(further) => present.extend(further),
                    None => present.resize(rows + more, true),
                }
            }
            append_values(&mut field.values, further.values);
        }
    }
}

/// Appends values of the same type.
fn append_values(own: &mut Values, other: Values) {
    match (own, other) {
        (Values::Float(own), Values::Float(other)) => own.extend(other),
        (Values::Integer(own), Values::Integer(other)) => own.extend(other),
        (Values::Unsigned(own), Values::Unsigned(other)) => own.extend(other),
        (Values::Boolean(own), Values::Boolean(other)) => own.extend(other),
        (Values::String(own), Values::String(other)) => append_strings(own, &other),
        // Tables of one shape have the same types.
        (own, other) => own.pad(own.len() + other.len()),
    }
}

fn append_strings(own: &mut Strings, other: &Strings) {
    for row in 0..other.len() {
        own.push(other.get(row));
    }
}

#[cfg(test)]
mod tests {
    use points::line_protocol::{FieldValue, write_line};
    use points::{DecodeOptions, decode};
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> Batch {
        let decoded = decode(text.as_bytes(), &DecodeOptions::default());
        assert_eq!(decoded.failed_lines, 0, "{text}");
        decoded.batch
    }

    /// The lines of a batch, in no order.
    fn lines(batch: &Batch) -> Vec<String> {
        let mut lines = Vec::new();
        for table in &batch.tables {
            for row in 0..table.rows() {
                let tags = &table.series[table.series_of_row[row] as usize];
                let present = table.fields.iter().filter(|field| field.is_present(row));
                let fields = present.map(|field| {
                    let value = FieldValue::of(&field.values, row).unwrap();
                    (field.name.as_str(), value)
                });
                let mut fields: Vec<_> = fields.collect();
                fields.sort_by_key(|(name, _)| *name);
                let mut line = Vec::new();
                let time = Some(table.times[row]);
                write_line(&mut line, &table.measurement, tags, fields, time).unwrap();
                lines.push(String::from_utf8(line).unwrap());
            }
        }
        lines.sort();
        lines
    }

    #[test]
    fn tables_of_one_shape_become_one() {
        let mut collected = Collected::default();
        collected.add(decoded("m,h=a v=1,w=\"x\" 1\nn v=1i 1"));
        collected.add(decoded("m,h=b w=\"y\",v=2 2\nm,h=a v=3,w=\"z\" 3"));
        assert_eq!(collected.points(), 4);
        let batch = collected.take();
        assert_eq!(batch.tables.len(), 2);
        assert_eq!(batch.tables[0].series.len(), 2);
        assert_eq!(batch.tables[0].series_of_row, [0, 1, 0]);
        assert_eq!(collected.points(), 0);
    }

    fn line() -> impl Strategy<Value = String> {
        let field = ("[a-c]", 0..4).prop_map(|(name, kind): (String, i32)| match kind {
            0 => format!("{name}=1.5"),
            1 => format!("{name}=2i"),
            2 => format!("{name}=\"s\""),
            _ => format!("{name}=true"),
        });
        let fields = proptest::collection::vec(field, 1..4);
        ("[mn]", "[xyz]", fields, 0..5).prop_map(|(measurement, tag, mut fields, time)| {
            fields.sort();
            fields.dedup_by(|a, b| a[..1] == b[..1]);
            format!("{measurement},t={tag} {} {time}", fields.join(","))
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(packets in proptest::collection::vec(
            proptest::collection::vec(line(), 1..6), 1..8))
        {
            let mut collected = Collected::default();
            let mut expected = Vec::new();
            for packet in &packets {
                let batch = decoded(&packet.join("\n"));
                expected.extend(lines(&batch));
                collected.add(batch);
            }
            expected.sort();
            prop_assert_eq!(collected.points(), expected.len());
            prop_assert_eq!(lines(&collected.take()), expected);
        }
    }
}
