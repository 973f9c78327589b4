//! `fill(…)`: rows for the buckets of a range that have no value.

use arrow::array::UInt64Array;
use influxql::ast::{DataType, Fill, FillNumber};

use super::budget::Budget;
use super::call::Series;
use super::column::{Column, ColumnBuilder};
use super::error::QueryError;
use super::value::Value;
use super::window::{Buckets, MIN_TIME};

/// Buckets between two looks at the deadline and the memory limit.
const CHECK_EVERY: usize = 1 << 14;
/// Bytes that a filled row needs at least.
const ROW_BYTES: usize = 32;

/// A number of `fill(n)` as a value.
#[must_use]
pub fn number(n: FillNumber) -> Value {
    match n {
        FillNumber::Float(v) => Value::Float(v),
        FillNumber::Integer(v) => Value::Integer(v),
    }
}

/// The number as InfluxDB puts it into a column: 7.9 is 7 among integers, among
/// strings it is the empty one, among booleans false.
fn number_for(value: &Value, data_type: Option<DataType>) -> Value {
    match data_type {
        Some(DataType::String | DataType::Tag) => Value::String(String::new()),
        Some(DataType::Boolean) => Value::Boolean(false),
        Some(other) => value.cast(other),
        None => value.clone(),
    }
}

/// Adds rows for missing buckets to one group's values, whose times are starts of
/// buckets, and gives the first `most` rows: those behind them are not made. Nothing is
/// added to a group without any value.
///
/// # Errors
/// [`QueryError::Memory`] when there are too many buckets.
pub fn fill(
    series: Series,
    fill: Fill,
    buckets: &Buckets,
    most: usize,
    budget: &Budget,
) -> Result<Series, QueryError> {
    let Some(first) = series.times.first().copied() else {
        return Ok(series);
    };
    let (from, to) = if buckets.ascending {
        (buckets.time.min, buckets.time.max)
    } else {
        (buckets.time.max, buckets.time.min)
    };
    // An open start begins with the first value, whatever the buckets' offset is.
    let mut at = if from <= MIN_TIME {
        buckets.window(first).0
    } else {
        buckets.window(from).0
    };
    let open_end = to <= MIN_TIME;
    let end = buckets.window(to).0;
    let mut plan = Plan::default();
    let mut next = 0;
    // Behind the last bucket of all time there is none.
    let mut stuck = false;
    while plan.times.len() < most {
        let upcoming = series.times.get(next).copied();
        let is_gap = match upcoming {
            _ if stuck => false,
            Some(time) if buckets.ascending => time > at,
            Some(time) => time < at,
            None if buckets.ascending => at <= end,
            None => at >= end && !open_end,
        };
        match upcoming {
            _ if is_gap => plan.gap(at, next),
            Some(time) => {
                plan.row(time, next);
                next += 1;
            }
            None => break,
        }
        let following = buckets.next(at);
        stuck = following == at;
        at = following;
        if plan.times.len().is_multiple_of(CHECK_EVERY) {
            budget.check()?;
            budget.hold(CHECK_EVERY * ROW_BYTES)?;
        }
    }
    let held = plan.times.len() / CHECK_EVERY * CHECK_EVERY * ROW_BYTES;
    let filled = plan.build(series, fill, buckets.every);
    budget.release(held);
    filled
}

/// Which rows the filled series has.
#[derive(Default)]
struct Plan {
    times: Vec<i64>,
    /// The row of the input, or for a gap the row that would come next.
    rows: Vec<usize>,
    gaps: Vec<bool>,
}

impl Plan {
    fn gap(&mut self, time: i64, next: usize) {
        self.times.push(time);
        self.rows.push(next);
        self.gaps.push(true);
    }

    fn row(&mut self, time: i64, row: usize) {
        self.times.push(time);
        self.rows.push(row);
        self.gaps.push(false);
    }

    fn build(self, series: Series, fill: Fill, every: i64) -> Result<Series, QueryError> {
        let only_rows: UInt64Array = self
            .rows
            .iter()
            .zip(&self.gaps)
            .map(|(row, gap)| (!gap).then_some(*row as u64))
            .collect();
        let values = match fill {
            Fill::Null | Fill::None => series.values.take(&only_rows)?,
            Fill::Number(n) => {
                let column = series.values.take(&only_rows)?;
                replace_nulls(&column, &number_for(&number(n), column.data_type()))
            }
            Fill::Previous => {
                let previous: UInt64Array = self
                    .rows
                    .iter()
                    .zip(&self.gaps)
                    .map(|(row, gap)| if *gap { row.checked_sub(1) } else { Some(*row) })
                    .map(|row| row.map(|row| row as u64))
                    .collect();
                series.values.take(&previous)?
            }
            Fill::Linear => self.linear(&series, every),
        };
        let aux = series
            .aux
            .iter()
            .map(|column| column.take(&only_rows))
            .collect::<Result<_, _>>()?;
        Ok(Series {
            times: self.times,
            values,
            aux,
        })
    }

    fn linear(&self, series: &Series, every: i64) -> Column {
        let mut out = ColumnBuilder::new(series.values.data_type());
        for ((time, row), gap) in self.times.iter().zip(&self.rows).zip(&self.gaps) {
            if !gap {
                out.push(&series.values.value(*row));
                continue;
            }
            let neighbours = row
                .checked_sub(1)
                .and_then(|before| Some((before, *series.times.get(*row)?)));
            let Some((before, next_time)) = neighbours else {
                out.push(&Value::Null);
                continue;
            };
            let position = Position {
                at: time / every,
                before: series.times[before] / every,
                after: next_time / every,
            };
            out.push(&position.between(&series.values.value(before), &series.values.value(*row)));
        }
        out.finish()
    }
}

/// Counted in whole buckets since 1970.
struct Position {
    at: i64,
    before: i64,
    after: i64,
}

impl Position {
    fn between(&self, before: &Value, after: &Value) -> Value {
        let span = (self.after - self.before) as f64;
        let into = (self.at - self.before) as f64;
        match (before, after) {
            (Value::Float(a), Value::Float(b)) => Value::Float((b - a) / span * into + a),
            (Value::Integer(a), Value::Integer(b)) => {
                Value::Integer((b.wrapping_sub(*a) as f64 / span * into + *a as f64) as i64)
            }
            (Value::Unsigned(a), Value::Unsigned(b)) => {
                Value::Unsigned((b.wrapping_sub(*a) as f64 / span * into + *a as f64) as u64)
            }
            _ => Value::Null,
        }
    }
}

/// Puts a value in place of every null.
#[must_use]
pub fn replace_nulls(column: &Column, value: &Value) -> Column {
    if column.null_count() == 0 {
        return column.clone();
    }
    let mut out = ColumnBuilder::new(column.data_type());
    for row in 0..column.len() {
        if column.is_null(row) {
            out.push(value);
        } else {
            out.push(&column.value(row));
        }
    }
    out.finish()
}

/// What the rows of a result show where a column has nothing: the number of
/// `fill(n)`, the value of the row before with `fill(previous)`, else null.
pub fn default_nulls(column: Column, fill: Fill) -> Result<Column, QueryError> {
    if column.null_count() == 0 {
        return Ok(column);
    }
    match fill {
        Fill::Null | Fill::None | Fill::Linear => Ok(column),
        Fill::Number(n) => {
            Ok(match column.data_type() {
                // A number is shown even among text.
                Some(DataType::String | DataType::Tag | DataType::Boolean) => {
                    column.mixed_with(&number(n))
                }
                Some(data_type) => replace_nulls(&column, &number(n).cast(data_type)),
                None => replace_nulls(&column, &number(n)),
            })
        }
        Fill::Previous => {
            let mut last = None;
            let rows: UInt64Array = (0..column.len())
                .map(|row| {
                    if !column.is_null(row) {
                        last = Some(row as u64);
                    }
                    last
                })
                .collect();
            column.take(&rows)
        }
    }
}
