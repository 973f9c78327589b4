//! Transformations: from the values of a group, in order, to new ones.

mod average;
mod holt_winters;
mod integral;

use influxql::ast::DataType;

pub(crate) use average::{Average, Warmup};

use super::aggregate::unsupported;
use super::budget::Budget;
use super::call::Series;
use super::column::{Column, ColumnBuilder};
use super::error::QueryError;
use super::value::Value;
use super::window::Buckets;

/// A function over the sequence of a group's values.
#[derive(Debug, Clone, PartialEq)]
pub enum Transform {
    /// Change for each `unit` nanoseconds.
    Derivative {
        unit: i64,
        non_negative: bool,
    },
    Difference {
        non_negative: bool,
    },
    /// Of the last `n` values.
    MovingAverage(usize),
    CumulativeSum,
    /// Time since the value before, in `unit` nanoseconds, truncated.
    Elapsed {
        unit: i64,
    },
    /// Area below the curve, for `unit` nanoseconds.
    Integral {
        unit: i64,
    },
    Average(Average),
    /// `horizon` values ahead, with a season of `season` values; with `fit` also
    /// what it gives for the known times. `every` is the distance of the values.
    HoltWinters {
        horizon: usize,
        season: usize,
        fit: bool,
        every: i64,
    },
}

impl Transform {
    fn name(&self) -> &'static str {
        match self {
            Transform::Derivative { .. } => "derivative",
            Transform::Difference { .. } => "difference",
            Transform::MovingAverage(_) => "moving average",
            Transform::CumulativeSum => "cumulative sum",
            // Holt-Winters says so, too, in InfluxDB.
            Transform::Elapsed { .. } | Transform::HoltWinters { .. } => "elapsed",
            Transform::Integral { .. } => "integral",
            Transform::Average(average) => average.name(),
        }
    }

    /// Whether values of a type can be transformed.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with InfluxDB's text if not.
    pub fn check_type(&self, data_type: Option<DataType>) -> Result<(), QueryError> {
        let number = !matches!(
            data_type,
            Some(DataType::String | DataType::Tag | DataType::Boolean)
        );
        if number || matches!(self, Transform::Elapsed { .. }) {
            Ok(())
        } else {
            Err(unsupported(self.name(), data_type))
        }
    }

    /// Whether a row depends on all that come after it.
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        matches!(self, Transform::HoltWinters { .. })
    }

    /// Transforms one group's values; nulls are skipped.
    ///
    /// # Errors
    /// When the statement must stop.
    pub fn apply(
        &self,
        series: &Series,
        buckets: &Buckets,
        budget: &Budget,
    ) -> Result<Series, QueryError> {
        let series = series.without_nulls()?;
        Ok(match self {
            Transform::Derivative { unit, non_negative } => {
                derivative(&series, *unit, *non_negative, buckets.ascending)
            }
            Transform::Difference { non_negative } => difference(&series, *non_negative),
            Transform::MovingAverage(n) => moving_average(&series, *n),
            Transform::CumulativeSum => cumulative_sum(&series),
            Transform::Elapsed { unit } => elapsed(&series, *unit),
            Transform::Integral { unit } => {
                let points: Vec<(i64, f64)> = floats(&series).collect();
                let is_float = matches!(series.values, Column::Float(_));
                of_floats(integral::integral(&points, is_float, *unit, buckets))
            }
            Transform::Average(average) => of_floats(average.apply(floats(&series))),
            Transform::HoltWinters {
                horizon,
                season,
                fit,
                every,
            } => {
                let points: Vec<(i64, f64)> = floats(&series).collect();
                let check = &|| budget.check();
                let forecast =
                    holt_winters::forecast(&points, *horizon, *season, *fit, *every, check);
                of_floats(forecast?)
            }
        })
    }
}

fn of_floats(points: Vec<(i64, f64)>) -> Series {
    let (times, values): (Vec<i64>, Vec<f64>) = points.into_iter().unzip();
    Series {
        times,
        values: Column::Float(values.into()),
        aux: Vec::new(),
    }
}

/// The values as floats, with their times.
fn floats(series: &Series) -> impl Iterator<Item = (i64, f64)> + '_ {
    let values = match series.values.cast(DataType::Float) {
        Column::Float(array) => array,
        other => arrow::array::Float64Array::new_null(other.len()),
    };
    series
        .times
        .iter()
        .copied()
        .enumerate()
        .map(move |(row, time)| (time, values.value(row)))
}

/// How far the value of one row is above that of another.
fn rise(values: &Column, before: usize, after: usize) -> f64 {
    match values {
        Column::Float(a) => a.value(after) - a.value(before),
        Column::Integer(a) => a.value(after).wrapping_sub(a.value(before)) as f64,
        Column::Unsigned(a) => {
            let (from, to) = (a.value(before), a.value(after));
            if to >= from {
                (to - from) as f64
            } else {
                -((from - to) as f64)
            }
        }
        _ => f64::NAN,
    }
}

/// Neighbouring rows at different times: of several at the same time only the
/// first counts.
fn steps(series: &Series) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut before: Option<usize> = None;
    (0..series.times.len()).filter_map(move |row| {
        let Some(last) = before else {
            before = Some(row);
            return None;
        };
        if series.times[last] == series.times[row] {
            return None;
        }
        before = Some(row);
        Some((last, row))
    })
}

fn derivative(series: &Series, unit: i64, non_negative: bool, ascending: bool) -> Series {
    let points = steps(series).filter_map(|(before, after)| {
        let change = rise(&series.values, before, after);
        if non_negative && change < 0.0 {
            return None;
        }
        let mut time = series.times[after].wrapping_sub(series.times[before]);
        if !ascending {
            time = -time;
        }
        Some((series.times[after], change / (time as f64 / unit as f64)))
    });
    of_floats(points.collect())
}

fn difference(series: &Series, non_negative: bool) -> Series {
    let mut times = Vec::new();
    let mut values = ColumnBuilder::new(series.values.data_type());
    for (before, after) in steps(series) {
        if non_negative && rise(&series.values, before, after) < 0.0 {
            continue;
        }
        let value = match &series.values {
            Column::Float(a) => Value::Float(a.value(after) - a.value(before)),
            Column::Integer(a) => Value::Integer(a.value(after).wrapping_sub(a.value(before))),
            Column::Unsigned(a) => Value::Unsigned(a.value(after).wrapping_sub(a.value(before))),
            _ => Value::Null,
        };
        times.push(series.times[after]);
        values.push(&value);
    }
    Series {
        times,
        values: values.finish(),
        aux: Vec::new(),
    }
}

fn moving_average(series: &Series, n: usize) -> Series {
    let mut points = Vec::new();
    match &series.values {
        Column::Integer(array) => {
            let mut sum = 0_i64;
            for (row, value) in array.values().iter().enumerate() {
                sum = sum.wrapping_add(*value);
                if row >= n {
                    sum = sum.wrapping_sub(array.value(row - n));
                }
                if row + 1 >= n {
                    points.push((series.times[row], sum as f64 / n as f64));
                }
            }
        }
        _ => {
            let values: Vec<(i64, f64)> = floats(series).collect();
            let mut sum = 0.0;
            for (row, (time, value)) in values.iter().enumerate() {
                if row >= n {
                    sum -= values[row - n].1;
                }
                sum += value;
                if row + 1 >= n {
                    points.push((*time, sum / n as f64));
                }
            }
        }
    }
    of_floats(points)
}

fn cumulative_sum(series: &Series) -> Series {
    let values = match &series.values {
        Column::Integer(array) => Column::Integer(
            array
                .values()
                .iter()
                .scan(0_i64, |sum, value| {
                    *sum = sum.wrapping_add(*value);
                    Some(*sum)
                })
                .collect(),
        ),
        Column::Unsigned(array) => Column::Unsigned(
            array
                .values()
                .iter()
                .scan(0_u64, |sum, value| {
                    *sum = sum.wrapping_add(*value);
                    Some(*sum)
                })
                .collect(),
        ),
        _ => Column::Float(
            floats(series)
                .scan(0.0, |sum, (_, value)| {
                    *sum += value;
                    Some(*sum)
                })
                .collect(),
        ),
    };
    Series {
        times: series.times.clone(),
        values,
        aux: Vec::new(),
    }
}

fn elapsed(series: &Series, unit: i64) -> Series {
    let values = series
        .times
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]) / unit)
        .collect();
    Series {
        times: series.times.iter().skip(1).copied().collect(),
        values: Column::Integer(values),
        aux: Vec::new(),
    }
}
