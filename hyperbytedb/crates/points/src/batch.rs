//! The columnar form that every accepted write has from its first decode on.

use std::fmt;

/// One write: rows of one or more measurements.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    pub tables: Vec<Table>,
}

/// The rows of one measurement, column by column. Every column has
/// `times.len()` entries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub measurement: String,
    /// The distinct tag sets of the rows.
    pub series: Vec<TagSet>,
    /// For each row, its place in `series`.
    pub series_of_row: Vec<u32>,
    /// Nanoseconds since 1970, each row's point in time.
    pub times: Vec<i64>,
    /// One column for each (name, type) that occurs.
    pub fields: Vec<FieldColumn>,
}

/// Tag keys and values, sorted by key, keys unique, no empty value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TagSet(pub Vec<(String, String)>);

/// The values of one field of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldColumn {
    pub name: String,
    pub values: Values,
    /// Which rows have the field; `None` when all have. Absent rows hold an
    /// arbitrary (default) value in `values`.
    pub present: Option<Vec<bool>>,
}

/// A typed column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Unsigned(Vec<u64>),
    Boolean(Vec<bool>),
    String(Strings),
}

/// Strings end to end: row `i` is `data[offsets[i]..offsets[i + 1]]`, UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub struct Strings {
    pub offsets: Vec<i32>,
    pub data: Vec<u8>,
}

/// The type of a field, in the order in which InfluxDB resolves a field that has
/// several types: float, integer, unsigned, string, boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    Float,
    Integer,
    Unsigned,
    String,
    Boolean,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldType::Float => "float",
            FieldType::Integer => "integer",
            FieldType::Unsigned => "unsigned",
            FieldType::String => "string",
            FieldType::Boolean => "boolean",
        })
    }
}

impl Batch {
    /// The number of rows of all tables.
    pub fn rows(&self) -> usize {
        self.tables.iter().map(Table::rows).sum()
    }
}

impl Table {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.times.len()
    }
}

impl TagSet {
    /// The value of the tag `key`, if the set has it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .binary_search_by(|(own, _)| own.as_str().cmp(key))
            .ok()
            .map(|at| self.0[at].1.as_str())
    }
}

impl FieldColumn {
    /// Whether `row` has the field.
    pub fn is_present(&self, row: usize) -> bool {
        self.present.as_ref().is_none_or(|present| present[row])
    }

    /// The type of the values.
    pub fn field_type(&self) -> FieldType {
        self.values.field_type()
    }
}

impl Values {
    /// An empty column of `field_type`.
    pub fn new(field_type: FieldType) -> Values {
        match field_type {
            FieldType::Float => Values::Float(Vec::new()),
            FieldType::Integer => Values::Integer(Vec::new()),
            FieldType::Unsigned => Values::Unsigned(Vec::new()),
            FieldType::String => Values::String(Strings::default()),
            FieldType::Boolean => Values::Boolean(Vec::new()),
        }
    }

    /// The type of the values.
    pub fn field_type(&self) -> FieldType {
        match self {
            Values::Float(_) => FieldType::Float,
            Values::Integer(_) => FieldType::Integer,
            Values::Unsigned(_) => FieldType::Unsigned,
            Values::String(_) => FieldType::String,
            Values::Boolean(_) => FieldType::Boolean,
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Values::Float(values) => values.len(),
            Values::Integer(values) => values.len(),
            Values::Unsigned(values) => values.len(),
            Values::Boolean(values) => values.len(),
            Values::String(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends rows without a value until there are `rows` of them.
    pub fn pad(&mut self, rows: usize) {
        match self {
            Values::Float(values) => values.resize(rows, 0.0),
            Values::Integer(values) => values.resize(rows, 0),
            Values::Unsigned(values) => values.resize(rows, 0),
            Values::Boolean(values) => values.resize(rows, false),
            Values::String(values) => values.pad(rows),
        }
    }
}

impl Default for Strings {
    fn default() -> Strings {
        Strings {
            offsets: vec![0],
            data: Vec::new(),
        }
    }
}

impl Strings {
    /// The number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is no string.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of the string of `row`.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Appends a string. All strings together must stay below 2 GiB, the reach
    /// of an offset.
    pub fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end_row();
    }

    /// Ends the row whose bytes were appended to `data`.
    pub(crate) fn end_row(&mut self) {
        debug_assert!(self.data.len() <= i32::MAX as usize);
        self.offsets.push(self.data.len() as i32);
    }

    /// Removes all but the first `rows` strings.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        let end = self.offsets.last().copied().unwrap_or_default();
        self.data.truncate(end as usize);
    }

    fn pad(&mut self, rows: usize) {
        let end = self.data.len() as i32;
        self.offsets.resize(rows + 1, end);
    }
}
