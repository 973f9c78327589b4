//! One value of any type, for the few places that handle values one by one.

use influxql::ast::DataType;

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    String(String),
    Boolean(bool),
    /// A list of texts.
    Texts(Vec<String>),
}

impl Value {
    /// The value as another type: numbers convert into each other (floats truncate
    /// towards zero, as in InfluxDB), everything else must already be of the type.
    #[must_use]
    pub fn cast(&self, to: DataType) -> Value {
        match (to, self) {
            (DataType::Float, Value::Float(_))
            | (DataType::Integer, Value::Integer(_))
            | (DataType::Unsigned, Value::Unsigned(_))
            | (DataType::String | DataType::Tag, Value::String(_))
            | (DataType::Boolean, Value::Boolean(_)) => self.clone(),
            (DataType::Float, Value::Integer(v)) => Value::Float(*v as f64),
            (DataType::Float, Value::Unsigned(v)) => Value::Float(*v as f64),
            (DataType::Integer, Value::Float(v)) => Value::Integer(*v as i64),
            (DataType::Integer, Value::Unsigned(v)) => Value::Integer(*v as i64),
            (DataType::Unsigned, Value::Float(v)) => Value::Unsigned(*v as u64),
            (DataType::Unsigned, Value::Integer(v)) => Value::Unsigned(*v as u64),
            _ => Value::Null,
        }
    }

    /// Bytes it occupies.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Value::String(text) => size_of::<Value>() + text.len(),
            Value::Texts(texts) => {
                size_of::<Value>() + texts.iter().map(|text| text.len() + 24).sum::<usize>()
            }
            _ => size_of::<Value>(),
        }
    }
}
