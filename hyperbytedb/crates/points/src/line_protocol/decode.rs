//! From the body of a write to a batch.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use hashbrown::{HashMap, HashTable};

use super::builder::{TableBuilder, field_type};
use super::fields::{Field, FieldKey, FieldScan};
use super::key::{Key, key_end, split_key, unescape_name, unescape_tag};
use super::line::{line_end, skip_blanks};
use super::print::push_series;
use super::time::scan_time;
use super::{LineError, MAX_KEY_LENGTH, Precision, Reason};
use crate::batch::{Batch, Table, TagSet};

/// So many refused lines are told one by one; of further ones only the number
/// is kept.
pub const MAX_ERRORS: usize = 1000;

/// How to read a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// The unit of the timestamps.
    pub precision: Precision,
    /// The time of points without a timestamp, in nanoseconds since 1970. It is
    /// cut to whole units of `precision`.
    pub default_time_ns: i64,
    /// Decoding stops at the point that would be one more.
    pub max_points: usize,
    /// Whether `1u` is an unsigned integer. InfluxDB 1.x as distributed refuses
    /// it as `invalid number`.
    pub unsigned: bool,
}

impl Default for DecodeOptions {
    fn default() -> DecodeOptions {
        DecodeOptions {
            precision: Precision::Nanosecond,
            default_time_ns: 0,
            max_points: usize::MAX,
            unsigned: true,
        }
    }
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// One row for each accepted line, in their order. A measurement whose rows
    /// have few fields in common may have several tables.
    pub batch: Batch,
    /// The lines that do not parse, at most [`MAX_ERRORS`] of them.
    pub errors: Vec<LineError>,
    /// The number of all lines that do not parse.
    pub failed_lines: usize,
    /// The points that parse, but that no InfluxDB stores.
    pub dropped: Dropped,
    /// Lines that are neither blank nor comments.
    pub lines: usize,
    /// Lines that parse, dropped ones included.
    pub points: usize,
    /// There are more than `max_points` points; the rest was not looked at.
    pub too_many_points: bool,
}

impl Decoded {
    /// The texts of the errors, one a line, as InfluxDB answers them. `None`
    /// when every line parses.
    pub fn error_text(&self) -> Option<String> {
        let texts: Vec<String> = self.errors.iter().map(LineError::to_string).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

/// Points that are refused for what they say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    pub points: usize,
    /// The reason InfluxDB gives for all of them: the first tag called `time`,
    /// or else the first point that has no field but `time`.
    pub reason: Option<String>,
}

/// Decodes a body of line protocol. A refused line does not affect the others.
///
/// Memory is bounded by a small multiple of the body's length and about half a
/// kilobyte for each distinct measurement.
pub fn decode(body: &[u8], options: &DecodeOptions) -> Decoded {
    let mut decoder = Decoder::new(body, options);
    let mut fields = Vec::new();
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        let start = skip_blanks(&body[..end], at);
        at = end + 1;
        if matches!(body[..end].get(start), None | Some(b'#')) {
            continue;
        }
        // Unbalanced quotes let a line run on to the end of the body.
        let line = &body[start..end];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        if !decoder.line(line, &mut fields) {
            decoder.decoded.too_many_points = true;
            break;
        }
    }
    decoder.finish()
}

/// Where the rows of a key go, as long as the table is of that generation.
#[derive(Clone, Copy)]
struct Place {
    table: u32,
    generation: u32,
    series: u32,
}

struct Decoder<'a> {
    options: DecodeOptions,
    default_time: i64,
    /// Whether the body is UTF-8 from end to end.
    utf8: bool,
    /// Keys as written, and as written canonically where that differs.
    places: HashMap<Cow<'a, [u8]>, Place, RandomState>,
    hasher: RandomState,
    tables: Vec<TableBuilder>,
    /// The tables by measurement.
    table_index: HashTable<u32>,
    finished: Vec<Table>,
    /// The key at hand, if its place is not known.
    key: Key<'a>,
    time_tag: Option<String>,
    time_field: Option<String>,
    decoded: Decoded,
}

/// A line that parses, apart from its fields.
struct Row<'a> {
    key: &'a [u8],
    time: i64,
    /// The length of the line.
    bytes: usize,
}

impl<'a> Decoder<'a> {
    fn new(body: &'a [u8], options: &DecodeOptions) -> Decoder<'a> {
        let hasher = RandomState::default();
        Decoder {
            options: *options,
            default_time: options.precision.truncate(options.default_time_ns),
            utf8: str::from_utf8(body).is_ok(),
            places: HashMap::with_hasher(hasher.clone()),
            hasher,
            tables: Vec::new(),
            table_index: HashTable::new(),
            finished: Vec::new(),
            key: Key::default(),
            time_tag: None,
            time_field: None,
            decoded: Decoded::default(),
        }
    }

    /// Takes one line; `fields` is room to work in. Gives `false` when there
    /// are too many points.
    fn line(&mut self, line: &'a [u8], fields: &mut Vec<Field<'a>>) -> bool {
        self.decoded.lines += 1;
        match self.point(line, fields) {
            Ok(accepted) => accepted,
            Err(reason) => {
                self.decoded.failed_lines += 1;
                if self.decoded.errors.len() < MAX_ERRORS {
                    let line = String::from_utf8_lossy(line).into_owned();
                    self.decoded.errors.push(LineError { line, reason });
                }
                true
            }
        }
    }

    fn point(&mut self, line: &'a [u8], fields: &mut Vec<Field<'a>>) -> Result<bool, Reason> {
        let end = key_end(line);
        let key = &line[..end.unwrap_or(line.len())];
        let mut place = end.and_then(|_| self.place(key));
        if place.is_none() {
            split_key(key, end.is_some(), &mut self.key)?;
            if key.len() > MAX_KEY_LENGTH {
                return Err(Reason::KeyTooLong(key.len()));
            }
        }
        let scan = FieldScan {
            line,
            key_end: key.len(),
            unsigned: self.options.unsigned,
        };
        let (fields_end, fault) = match place {
            Some(place) => scan.scan(self.tables[place.table as usize].labels(), fields)?,
            None => scan.scan(std::iter::empty(), fields)?,
        };
        let time = scan_time(line, fields_end, self.options.precision)?;
        if let Some(fault) = fault {
            return Err(fault);
        }
        if !self.utf8 && str::from_utf8(line).is_err() {
            return Err(Reason::InvalidUtf8);
        }
        if self.decoded.points == self.options.max_points {
            return Ok(false);
        }
        let row = Row {
            key,
            time: time.unwrap_or(self.default_time),
            bytes: line.len() + 1,
        };
        if let Some(known) = place
            && self.make_room(known.table, fields.len(), row.bytes)
        {
            // The columns that the fields were matched with are gone.
            scan.scan(std::iter::empty(), fields)?;
            split_key(key, true, &mut self.key)?;
            place = None;
        }
        self.store(&row, place, fields)?;
        self.decoded.points += 1;
        Ok(true)
    }

    /// The place of a key that was seen before.
    fn place(&self, key: &[u8]) -> Option<Place> {
        let place = *self.places.get(key)?;
        let current = self.tables[place.table as usize].generation == place.generation;
        current.then_some(place)
    }

    /// Begins another table when the next row does not fit. Says whether so.
    fn make_room(&mut self, table: u32, fields: usize, bytes: usize) -> bool {
        let builder = &mut self.tables[table as usize];
        let full = !builder.is_empty() && !builder.has_room(fields, bytes);
        if full {
            self.finished.push(builder.finish());
        }
        full
    }

    fn store(
        &mut self,
        row: &Row<'a>,
        place: Option<Place>,
        fields: &mut Vec<Field<'a>>,
    ) -> Result<(), Reason> {
        let table = match place {
            Some(place) => place.table,
            None => self.table()?,
        };
        if place.is_none() && self.key.tags.iter().any(|(key, _)| *key == b"time") {
            let measurement = &self.tables[table as usize].measurement;
            self.decoded.dropped.points += 1;
            self.time_tag.get_or_insert_with(|| measurement.clone());
            return Ok(());
        }
        let given = fields.len();
        fields.retain(|field| !is_time(field));
        if fields.is_empty() {
            if given > 0 {
                let measurement = &self.tables[table as usize].measurement;
                self.decoded.dropped.points += 1;
                self.time_field.get_or_insert_with(|| measurement.clone());
                // InfluxDB has taken the series into its index by then.
                if place.is_none() {
                    self.series(table, row.key)?;
                }
            }
            return Ok(());
        }
        let series = match place {
            Some(place) => place.series,
            None => {
                self.make_room(table, fields.len(), row.bytes);
                self.series(table, row.key)?
            }
        };
        let builder = &mut self.tables[table as usize];
        for (position, field) in fields.iter().enumerate() {
            let column = column(builder, field, &self.hasher)?;
            builder.set(position, column, &field.value);
        }
        builder.end_row(series, row.time, row.bytes);
        Ok(())
    }

    /// The table of the measurement at hand, begun when there is none.
    fn table(&mut self) -> Result<u32, Reason> {
        let name = unescape_name(self.key.measurement);
        let name = text(&name)?;
        let (tables, hasher) = (&self.tables, &self.hasher);
        let hash = |at: &u32| hasher.hash_one(tables[*at as usize].measurement.as_str());
        let found = self.table_index.find(hasher.hash_one(name), |&at| {
            tables[at as usize].measurement == name
        });
        if let Some(found) = found {
            return Ok(*found);
        }
        let table = tables.len() as u32;
        self.table_index
            .insert_unique(hasher.hash_one(name), table, hash);
        self.tables.push(TableBuilder::new(name.to_owned()));
        Ok(table)
    }

    /// The place in `table` of the series at hand, added when it has none.
    fn series(&mut self, table: u32, key: &'a [u8]) -> Result<u32, Reason> {
        let mut tags = Vec::with_capacity(self.key.tags.len());
        for (key, value) in &self.key.tags {
            let (key, value) = (unescape_tag(key), unescape_tag(value));
            tags.push((text(&key)?.to_owned(), text(&value)?.to_owned()));
        }
        let sorted = tags.is_sorted();
        if !sorted {
            tags.sort_unstable();
        }
        let builder = &mut self.tables[table as usize];
        let mut canonical = None;
        if !sorted || key.contains(&b'\\') {
            let mut written = Vec::with_capacity(key.len());
            push_series(&mut written, &builder.measurement, &tags);
            canonical = Some(written).filter(|written| written != key);
        }
        if let Some(written) = &canonical
            && let Some(place) = self.places.get(written.as_slice()).copied()
            && place.generation == builder.generation
        {
            self.places.insert(Cow::Borrowed(key), place);
            return Ok(place.series);
        }
        let place = Place {
            table,
            generation: builder.generation,
            series: builder.add_series(TagSet(tags)),
        };
        if let Some(written) = canonical {
            self.places.insert(Cow::Owned(written), place);
        }
        self.places.insert(Cow::Borrowed(key), place);
        Ok(place.series)
    }

    fn finish(mut self) -> Decoded {
        let unfinished = self.tables.iter_mut().filter(|table| table.has_series());
        self.finished.extend(unfinished.map(TableBuilder::finish));
        self.decoded.batch = Batch {
            tables: self.finished,
        };
        let tag = self.time_tag.map(|measurement| {
            format!(
                "invalid tag key: input tag \"time\" on measurement \"{measurement}\" is invalid"
            )
        });
        let field = self.time_field.map(|measurement| {
            format!("invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid")
        });
        self.decoded.dropped.reason = tag.or(field);
        self.decoded
    }
}

/// The column of a field, created when there is none.
fn column(
    builder: &mut TableBuilder,
    field: &Field<'_>,
    hasher: &RandomState,
) -> Result<u32, Reason> {
    let field_type = field_type(&field.value);
    match field.key {
        FieldKey::Column(column) if builder.takes(column, field_type) => Ok(column),
        FieldKey::Column(column) => {
            let name = builder.name(column).to_owned();
            Ok(builder.column(&name, field_type, true, hasher))
        }
        FieldKey::Plain(key) => Ok(builder.column(text(key)?, field_type, true, hasher)),
        FieldKey::Escaped(key) => {
            let name = unescape_name(key);
            Ok(builder.column(text(&name)?, field_type, false, hasher))
        }
    }
}

/// InfluxDB drops fields called `time`, which is the name of a point's time.
fn is_time(field: &Field<'_>) -> bool {
    match field.key {
        FieldKey::Column(_) => false,
        FieldKey::Plain(key) | FieldKey::Escaped(key) => key == b"time",
    }
}

fn text(bytes: &[u8]) -> Result<&str, Reason> {
    str::from_utf8(bytes).map_err(|_| Reason::InvalidUtf8)
}
