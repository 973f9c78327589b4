//! Aggregates that need only a running state.

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::Range;

use super::element::Element;
use super::{Reducer, Rows, SeriesBuilder};
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::value::Value;

#[derive(Default)]
pub(super) struct Count {
    rows: usize,
}

impl Reducer for Count {
    fn push(&mut self, _rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        self.rows += range.len();
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        let rows = i64::try_from(std::mem::take(&mut self.rows)).unwrap_or(i64::MAX);
        out.push(start, &Value::Integer(rows), &[]);
        Ok(())
    }
}

/// A sum in the type of the values; integers wrap.
fn add_up(rows: &Rows<'_>, range: Range<usize>, sum: Option<Value>) -> Option<Value> {
    Some(match rows.values {
        Column::Float(array) => {
            let before = match sum {
                Some(Value::Float(v)) => v,
                _ => 0.0,
            };
            Value::Float(array.values()[range].iter().fold(before, |a, b| a + b))
        }
        Column::Integer(array) => {
            let before = match sum {
                Some(Value::Integer(v)) => v,
                _ => 0,
            };
            let values = &array.values()[range];
            Value::Integer(values.iter().fold(before, |a, b| a.wrapping_add(*b)))
        }
        Column::Unsigned(array) => {
            let before = match sum {
                Some(Value::Unsigned(v)) => v,
                _ => 0,
            };
            let values = &array.values()[range];
            Value::Unsigned(values.iter().fold(before, |a, b| a.wrapping_add(*b)))
        }
        _ => return None,
    })
}

#[derive(Default)]
pub(super) struct Sum {
    sum: Option<Value>,
}

impl Reducer for Sum {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        self.sum = add_up(rows, range, self.sum.take());
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        if let Some(sum) = self.sum.take() {
            out.push(start, &sum, &[]);
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Mean {
    sum: Option<Value>,
    rows: usize,
}

impl Reducer for Mean {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        self.rows += range.len();
        self.sum = add_up(rows, range, self.sum.take());
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        let rows = std::mem::take(&mut self.rows);
        let sum = match self.sum.take() {
            Some(Value::Float(v)) => v,
            Some(Value::Integer(v)) => v as f64,
            Some(Value::Unsigned(v)) => v as f64,
            _ => return Ok(()),
        };
        out.push(start, &Value::Float(sum / rows as f64), &[]);
        Ok(())
    }
}

/// The distance of the largest from the smallest value.
pub(super) struct Spread<E: Element> {
    ends: Option<(E::Item, E::Item)>,
    element: PhantomData<E>,
}

impl<E: Element> Default for Spread<E> {
    fn default() -> Spread<E> {
        Spread {
            ends: None,
            element: PhantomData,
        }
    }
}

impl<E: Element> Reducer for Spread<E> {
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError> {
        let Some(array) = E::array(rows.values) else {
            return Ok(());
        };
        for row in range {
            match &mut self.ends {
                None => self.ends = Some((E::item(array, row), E::item(array, row))),
                Some((min, max)) => {
                    if E::compare(array, row, min) == Ordering::Less {
                        *min = E::item(array, row);
                    } else if E::compare(array, row, max) == Ordering::Greater {
                        *max = E::item(array, row);
                    }
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError> {
        if let Some((min, max)) = self.ends.take() {
            let spread = difference(&E::value(&max), &E::value(&min));
            out.push(start, &spread, &[]);
        }
        Ok(())
    }
}

/// `a - b` in the type of both; integers wrap.
pub(crate) fn difference(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => Value::Float(a - b),
        (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_sub(*b)),
        (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_sub(*b)),
        _ => Value::Null,
    }
}
