//! A typed column of values over an Arrow array.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, BooleanBuilder, Float64Array, Float64Builder, Int64Array,
    Int64Builder, StringArray, StringBuilder, UInt64Array, UInt64Builder, new_null_array,
};
use arrow::compute;
use arrow::datatypes::DataType as ArrowType;
use influxql::ast::DataType;

use super::error::QueryError;
use super::value::Value;

/// Values of one type, each possibly null. Cheap to clone and slice.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    Float(Float64Array),
    Integer(Int64Array),
    Unsigned(UInt64Array),
    String(StringArray),
    Boolean(BooleanArray),
    /// Values of several types: text or booleans with the number of `fill(n)` where they
    /// are missing, as InfluxDB puts it out, or lists. Only results have such columns.
    Mixed(Arc<[Value]>),
    /// That many nulls of no known type.
    Null(usize),
}

/// Runs an expression with the Arrow array of a typed column bound to a name.
macro_rules! with_array {
    ($column:expr, $array:ident => $body:expr, mixed($values:ident) => $mixed:expr, null($count:ident) => $null:expr) => {
        match $column {
            Column::Float($array) => $body,
            Column::Integer($array) => $body,
            Column::Unsigned($array) => $body,
            Column::String($array) => $body,
            Column::Boolean($array) => $body,
            Column::Mixed($values) => $mixed,
            Column::Null($count) => $null,
        }
    };
}

/// A failure inside an Arrow kernel.
pub(crate) fn arrow_error(error: &arrow::error::ArrowError) -> QueryError {
    QueryError::Engine(format!("arrow: {error}"))
}

impl Column {
    /// Takes over a column that a reader delivered.
    ///
    /// # Errors
    /// [`QueryError::Engine`] for a type that [`super::scan::Batches`] does not name.
    pub fn from_array(array: &ArrayRef) -> Result<Column, QueryError> {
        let data = array.to_data();
        match array.data_type() {
            ArrowType::Float64 => Ok(Column::Float(data.into())),
            ArrowType::Int64 => Ok(Column::Integer(data.into())),
            ArrowType::UInt64 => Ok(Column::Unsigned(data.into())),
            ArrowType::Utf8 => Ok(Column::String(data.into())),
            ArrowType::Boolean => Ok(Column::Boolean(data.into())),
            ArrowType::Null => Ok(Column::Null(array.len())),
            other => Err(QueryError::Engine(format!(
                "a reader delivered a column of type {other}"
            ))),
        }
    }

    /// The column as an Arrow array.
    #[must_use]
    pub fn to_array(&self) -> ArrayRef {
        match self {
            Column::Float(a) => Arc::new(a.clone()),
            Column::Integer(a) => Arc::new(a.clone()),
            Column::Unsigned(a) => Arc::new(a.clone()),
            Column::String(a) => Arc::new(a.clone()),
            Column::Boolean(a) => Arc::new(a.clone()),
            Column::Mixed(_) => self.unmixed().to_array(),
            Column::Null(len) => new_null_array(&ArrowType::Null, *len),
        }
    }

    /// Text or booleans with `number` in place of every null.
    #[must_use]
    pub fn mixed_with(&self, number: &Value) -> Column {
        let value = |row| match self.value(row) {
            Value::Null => number.clone(),
            value => value,
        };
        Column::Mixed((0..self.len()).map(value).collect())
    }

    /// The column without the numbers that [`Column::mixed_with`] put in.
    #[must_use]
    pub fn unmixed(&self) -> Column {
        let Column::Mixed(values) = self else {
            return self.clone();
        };
        let own = |v: &&Value| matches!(v, Value::String(_) | Value::Boolean(_));
        let mut out = ColumnBuilder::new(None);
        for value in values.iter() {
            out.push(Some(value).filter(own).unwrap_or(&Value::Null));
        }
        out.finish()
    }

    /// `len` nulls of a type (of no type for `None`).
    #[must_use]
    pub fn nulls(data_type: Option<DataType>, len: usize) -> Column {
        match data_type {
            Some(DataType::Float) => Column::Float(Float64Array::new_null(len)),
            Some(DataType::Integer) => Column::Integer(Int64Array::new_null(len)),
            Some(DataType::Unsigned) => Column::Unsigned(UInt64Array::new_null(len)),
            Some(DataType::String | DataType::Tag) => Column::String(StringArray::new_null(len)),
            Some(DataType::Boolean) => Column::Boolean(BooleanArray::new_null(len)),
            Some(DataType::AnyField) | None => Column::Null(len),
        }
    }

    /// The same value `len` times.
    #[must_use]
    pub fn repeated(value: &Value, len: usize) -> Column {
        match value {
            Value::Null => Column::Null(len),
            Value::Float(v) => Column::Float(Float64Array::from_value(*v, len)),
            Value::Integer(v) => Column::Integer(Int64Array::from_value(*v, len)),
            Value::Unsigned(v) => Column::Unsigned(UInt64Array::from_value(*v, len)),
            Value::String(v) => {
                Column::String(StringArray::from_iter_values(std::iter::repeat_n(v, len)))
            }
            Value::Boolean(v) => Column::Boolean(BooleanArray::from(vec![*v; len])),
            Value::Texts(_) => Column::Mixed(vec![value.clone(); len].into()),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        with_array!(self, a => a.len(), mixed(v) => v.len(), null(n) => *n)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        with_array!(self, a => a.is_null(row), mixed(v) => v[row] == Value::Null, null(_n) => true)
    }

    #[must_use]
    pub fn null_count(&self) -> usize {
        let null = |v: &&Value| **v == Value::Null;
        with_array!(self, a => a.null_count(), mixed(v) => v.iter().filter(null).count(), null(n) => *n)
    }

    /// The type of the values, `None` when there are only untyped nulls.
    #[must_use]
    pub fn data_type(&self) -> Option<DataType> {
        match self {
            Column::Float(_) => Some(DataType::Float),
            Column::Integer(_) => Some(DataType::Integer),
            Column::Unsigned(_) => Some(DataType::Unsigned),
            Column::String(_) => Some(DataType::String),
            Column::Boolean(_) => Some(DataType::Boolean),
            Column::Mixed(_) => self.unmixed().data_type(),
            Column::Null(_) => None,
        }
    }

    /// The value of a row.
    #[must_use]
    pub fn value(&self, row: usize) -> Value {
        if self.is_null(row) {
            return Value::Null;
        }
        match self {
            Column::Float(a) => Value::Float(a.value(row)),
            Column::Integer(a) => Value::Integer(a.value(row)),
            Column::Unsigned(a) => Value::Unsigned(a.value(row)),
            Column::String(a) => Value::String(a.value(row).to_owned()),
            Column::Boolean(a) => Value::Boolean(a.value(row)),
            Column::Mixed(values) => values[row].clone(),
            Column::Null(_) => Value::Null,
        }
    }

    /// The text of a row, if it is a string.
    #[must_use]
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Column::String(a) if a.is_valid(row) => Some(a.value(row)),
            _ => None,
        }
    }

    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Column {
        match self {
            Column::Float(a) => Column::Float(a.slice(offset, len)),
            Column::Integer(a) => Column::Integer(a.slice(offset, len)),
            Column::Unsigned(a) => Column::Unsigned(a.slice(offset, len)),
            Column::String(a) => Column::String(a.slice(offset, len)),
            Column::Boolean(a) => Column::Boolean(a.slice(offset, len)),
            Column::Mixed(values) => Column::Mixed(values[offset..offset + len].into()),
            Column::Null(_) => Column::Null(len),
        }
    }

    /// The rows at `indices`; a null index gives a null.
    ///
    /// # Errors
    /// [`QueryError::Engine`] when Arrow refuses.
    pub fn take(&self, indices: &UInt64Array) -> Result<Column, QueryError> {
        if let Column::Null(_) = self {
            return Ok(Column::Null(indices.len()));
        }
        if let Column::Mixed(values) = self {
            let place = |row| usize::try_from(row).unwrap_or(usize::MAX);
            let value = |row: Option<u64>| row.and_then(|row| values.get(place(row)).cloned());
            let taken = indices.iter().map(|row| value(row).unwrap_or(Value::Null));
            return Ok(Column::Mixed(taken.collect()));
        }
        let taken = compute::take(&*self.to_array(), indices, None).map_err(|e| arrow_error(&e))?;
        Column::from_array(&taken)
    }

    /// The rows where `mask` is true.
    ///
    /// # Errors
    /// [`QueryError::Engine`] when Arrow refuses.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Column, QueryError> {
        if let Column::Null(_) = self {
            return Ok(Column::Null(mask.true_count()));
        }
        if let Column::Mixed(values) = self {
            let kept = values
                .iter()
                .zip(mask)
                .filter(|(_, keep)| *keep == Some(true));
            return Ok(Column::Mixed(
                kept.map(|(value, _)| value.clone()).collect(),
            ));
        }
        let kept = compute::filter(&*self.to_array(), mask).map_err(|e| arrow_error(&e))?;
        Column::from_array(&kept)
    }

    /// Columns end to end. Untyped nulls take the type of the others; columns of
    /// another type than the first typed one become nulls.
    ///
    /// # Errors
    /// [`QueryError::Engine`] when Arrow refuses, such as for more than 2 GiB of text.
    pub fn concat(columns: &[Column]) -> Result<Column, QueryError> {
        let data_type = columns.iter().find_map(Column::data_type);
        if let [only] = columns {
            return Ok(only.clone());
        }
        if columns
            .iter()
            .any(|column| matches!(column, Column::Mixed(_)))
        {
            let rows = |column: &Column| (0..column.len()).map(|row| column.value(row)).collect();
            let values: Vec<Vec<Value>> = columns.iter().map(rows).collect();
            return Ok(Column::Mixed(values.concat().into()));
        }
        if data_type.is_none() {
            return Ok(Column::Null(columns.iter().map(Column::len).sum()));
        }
        let arrays: Vec<ArrayRef> = columns
            .iter()
            .map(|column| {
                if column.data_type() == data_type {
                    column.to_array()
                } else {
                    Column::nulls(data_type, column.len()).to_array()
                }
            })
            .collect();
        let parts: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
        let joined = compute::concat(&parts).map_err(|e| arrow_error(&e))?;
        Column::from_array(&joined)
    }

    /// The column as another type, by the rules of [`Value::cast`].
    #[must_use]
    pub fn cast(&self, to: DataType) -> Column {
        let same = match to {
            DataType::Tag => self.data_type() == Some(DataType::String),
            DataType::AnyField => true,
            other => self.data_type() == Some(other),
        };
        if same {
            return self.clone();
        }
        match (to, self) {
            (DataType::Float, Column::Integer(a)) => Column::Float(compute::unary(a, |v| v as f64)),
            (DataType::Float, Column::Unsigned(a)) => {
                Column::Float(compute::unary(a, |v| v as f64))
            }
            (DataType::Integer, Column::Float(a)) => {
                Column::Integer(compute::unary(a, |v| v as i64))
            }
            (DataType::Integer, Column::Unsigned(a)) => {
                Column::Integer(compute::unary(a, |v| v as i64))
            }
            (DataType::Unsigned, Column::Float(a)) => {
                Column::Unsigned(compute::unary(a, |v| v as u64))
            }
            (DataType::Unsigned, Column::Integer(a)) => {
                Column::Unsigned(compute::unary(a, |v| v as u64))
            }
            _ => Column::nulls(Some(to), self.len()),
        }
    }

    /// Bytes of memory the rows need (shared buffers are counted by the slice).
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Column::Float(a) => a.len() * 8,
            Column::Integer(a) => a.len() * 8,
            Column::Unsigned(a) => a.len() * 8,
            Column::Boolean(a) => a.len() / 8 + 1,
            Column::String(a) => {
                let offsets = a.value_offsets();
                let text =
                    offsets.last().copied().unwrap_or(0) - offsets.first().copied().unwrap_or(0);
                a.len() * 4 + usize::try_from(text).unwrap_or(0)
            }
            Column::Mixed(values) => values.iter().map(Value::bytes).sum(),
            Column::Null(_) => 0,
        }
    }
}

/// Builds a column value by value. The first value that is not null decides the
/// type, unless one was given; values of another type become nulls.
#[derive(Debug)]
pub struct ColumnBuilder {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Float(Float64Builder),
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    String(StringBuilder),
    Boolean(BooleanBuilder),
    Unknown(usize),
}

impl ColumnBuilder {
    #[must_use]
    pub fn new(data_type: Option<DataType>) -> ColumnBuilder {
        let inner = match data_type {
            Some(DataType::Float) => Inner::Float(Float64Builder::new()),
            Some(DataType::Integer) => Inner::Integer(Int64Builder::new()),
            Some(DataType::Unsigned) => Inner::Unsigned(UInt64Builder::new()),
            Some(DataType::String | DataType::Tag) => Inner::String(StringBuilder::new()),
            Some(DataType::Boolean) => Inner::Boolean(BooleanBuilder::new()),
            Some(DataType::AnyField) | None => Inner::Unknown(0),
        };
        ColumnBuilder { inner }
    }

    fn settle(&mut self, value: &Value) {
        let Inner::Unknown(nulls) = self.inner else {
            return;
        };
        let data_type = match value {
            Value::Null | Value::Texts(_) => return,
            Value::Float(_) => DataType::Float,
            Value::Integer(_) => DataType::Integer,
            Value::Unsigned(_) => DataType::Unsigned,
            Value::String(_) => DataType::String,
            Value::Boolean(_) => DataType::Boolean,
        };
        *self = ColumnBuilder::new(Some(data_type));
        for _ in 0..nulls {
            self.push(&Value::Null);
        }
    }

    pub fn push(&mut self, value: &Value) {
        self.settle(value);
        match (&mut self.inner, value) {
            (Inner::Float(b), Value::Float(v)) => b.append_value(*v),
            (Inner::Integer(b), Value::Integer(v)) => b.append_value(*v),
            (Inner::Unsigned(b), Value::Unsigned(v)) => b.append_value(*v),
            (Inner::String(b), Value::String(v)) => b.append_value(v),
            (Inner::Boolean(b), Value::Boolean(v)) => b.append_value(*v),
            (Inner::Float(b), _) => b.append_null(),
            (Inner::Integer(b), _) => b.append_null(),
            (Inner::Unsigned(b), _) => b.append_null(),
            (Inner::String(b), _) => b.append_null(),
            (Inner::Boolean(b), _) => b.append_null(),
            (Inner::Unknown(nulls), _) => *nulls += 1,
        }
    }

    #[must_use]
    pub fn finish(self) -> Column {
        match self.inner {
            Inner::Float(mut b) => Column::Float(b.finish()),
            Inner::Integer(mut b) => Column::Integer(b.finish()),
            Inner::Unsigned(mut b) => Column::Unsigned(b.finish()),
            Inner::String(mut b) => Column::String(b.finish()),
            Inner::Boolean(mut b) => Column::Boolean(b.finish()),
            Inner::Unknown(nulls) => Column::Null(nulls),
        }
    }
}
