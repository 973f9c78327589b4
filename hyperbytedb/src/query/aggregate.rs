//! Aggregates and selectors: from the rows of a bucket to its values.

mod collect;
mod element;
mod pick;
mod reduce;
mod top;

use std::ops::Range;

use influxql::ast::DataType;

use super::budget::Budget;
use super::call::Series;
use super::column::{Column, ColumnBuilder};
use super::error::QueryError;
use super::rows::Block;
use super::value::Value;
use super::window::Buckets;

/// A function that reduces the rows of a bucket.
#[derive(Debug, Clone, PartialEq)]
pub enum Function {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Spread,
    Median,
    Mode,
    Stddev,
    Percentile(f64),
    Distinct,
    /// The largest (or with `bottom` the smallest) `n`; with `by`, at most one for
    /// each combination of the companion columns at these places.
    Top {
        n: usize,
        bottom: bool,
        by: Option<Vec<usize>>,
    },
    Sample(usize),
    /// No reduction: every row.
    Rows,
}

impl Function {
    /// How InfluxDB calls it in errors.
    fn name(&self) -> &'static str {
        match self {
            Function::Count => "count",
            Function::Sum => "sum",
            Function::Mean => "mean",
            Function::Min => "min",
            Function::Max => "max",
            Function::First => "first",
            Function::Last => "last",
            Function::Spread => "spread",
            Function::Median => "median",
            Function::Mode => "mode",
            Function::Stddev => "stddev",
            Function::Percentile(_) => "percentile",
            Function::Distinct => "distinct",
            Function::Top { bottom: false, .. } => "top",
            Function::Top { bottom: true, .. } => "bottom",
            Function::Sample(_) => "sample",
            Function::Rows => "rows",
        }
    }

    /// Whether values of a type can be reduced.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with InfluxDB's text if not.
    pub fn check_type(&self, data_type: Option<DataType>) -> Result<(), QueryError> {
        let refused = match data_type {
            Some(DataType::String) => !matches!(
                self,
                Function::Count
                    | Function::First
                    | Function::Last
                    | Function::Mode
                    | Function::Distinct
                    | Function::Sample(_)
                    | Function::Rows
            ),
            Some(DataType::Boolean) => !matches!(
                self,
                Function::Count
                    | Function::First
                    | Function::Last
                    | Function::Min
                    | Function::Max
                    | Function::Mode
                    | Function::Distinct
                    | Function::Sample(_)
                    | Function::Rows
            ),
            _ => false,
        };
        if refused {
            return Err(unsupported(self.name(), data_type));
        }
        Ok(())
    }
}

/// The error of a function that cannot take a type.
pub fn unsupported(function: &str, data_type: Option<DataType>) -> QueryError {
    let kind = match data_type {
        Some(DataType::Boolean) => "boolean",
        Some(DataType::Integer) => "integer",
        Some(DataType::Unsigned) => "unsigned",
        Some(DataType::Float) => "float",
        _ => "string",
    };
    QueryError::Invalid(format!(
        "unsupported {function} iterator type: *query.{kind}InterruptIterator"
    ))
}

/// Rows of which every one has a value.
pub(crate) struct Rows<'a> {
    pub times: &'a [i64],
    pub values: &'a Column,
    pub aux: &'a [Column],
}

/// Takes the rows of one bucket after the other.
pub(crate) trait Reducer: Send {
    /// Takes rows that belong to the current bucket.
    fn push(&mut self, rows: &Rows<'_>, range: Range<usize>) -> Result<(), QueryError>;
    /// Puts out the bucket's values and is ready for the next one.
    fn finish(&mut self, start: i64, out: &mut SeriesBuilder) -> Result<(), QueryError>;
}

/// Collects the values of a group.
#[derive(Debug)]
pub(crate) struct SeriesBuilder {
    times: Vec<i64>,
    values: ColumnBuilder,
    aux: Vec<ColumnBuilder>,
}

impl SeriesBuilder {
    fn new(data_type: Option<DataType>, aux: usize) -> SeriesBuilder {
        SeriesBuilder {
            times: Vec::new(),
            values: ColumnBuilder::new(data_type),
            aux: (0..aux).map(|_| ColumnBuilder::new(None)).collect(),
        }
    }

    pub(crate) fn push(&mut self, time: i64, value: &Value, aux: &[Value]) {
        self.times.push(time);
        self.values.push(value);
        for (place, builder) in self.aux.iter_mut().enumerate() {
            builder.push(aux.get(place).unwrap_or(&Value::Null));
        }
    }

    fn finish(self) -> Series {
        Series {
            times: self.times,
            values: self.values.finish(),
            aux: self.aux.into_iter().map(ColumnBuilder::finish).collect(),
        }
    }
}

/// Reduces the rows of one group, bucket by bucket.
pub(crate) struct GroupReducer {
    reducer: Box<dyn Reducer>,
    buckets: Buckets,
    out: SeriesBuilder,
    /// Start and end of the bucket that is being filled.
    current: Option<(i64, i64)>,
    /// Places of the value and of the companions among a block's columns.
    value: usize,
    aux: Vec<usize>,
    ending: Ending,
}

/// When the output of a statement's only function ends before its rows do.
///
/// A bucket with rows may give no value (of `percentile()`). InfluxDB sees the end of
/// the data there, hands out what it has, and looks once more.
#[derive(Debug, Clone, Default)]
pub(crate) enum Ending {
    /// Never: several functions go on as long as one of them does.
    #[default]
    Never,
    /// At an empty bucket that follows no value.
    AfterRows { pending: bool },
    /// Empty buckets are filled, unless the first of all buckets is one, or two of them
    /// come before the first value of a group.
    Filled {
        begun: bool,
        in_group: bool,
        empty: usize,
    },
    /// Nothing comes any more.
    Ended,
}

impl Ending {
    fn group(&mut self) {
        if let Ending::Filled { in_group, .. } = self {
            *in_group = false;
        }
    }

    fn bucket(&mut self, has_value: bool) {
        let goes_on = match self {
            Ending::AfterRows { pending } => std::mem::replace(pending, has_value) || has_value,
            Ending::Filled {
                begun,
                in_group,
                empty,
            } if has_value => {
                (*begun, *in_group, *empty) = (true, true, 0);
                true
            }
            Ending::Filled { in_group: true, .. } => true,
            Ending::Filled { begun, empty, .. } => {
                *empty += 1;
                *begun && *empty < 2
            }
            Ending::Never | Ending::Ended => true,
        };
        if !goes_on {
            *self = Ending::Ended;
        }
    }

    fn ended(&self) -> bool {
        matches!(self, Ending::Ended)
    }
}

impl GroupReducer {
    /// `data_type` is that of the input's values.
    pub fn new(
        function: &Function,
        data_type: Option<DataType>,
        buckets: Buckets,
        value: usize,
        aux: Vec<usize>,
        mut ending: Ending,
        budget: &Budget,
    ) -> GroupReducer {
        ending.group();
        let result = match function {
            Function::Count => Some(DataType::Integer),
            Function::Mean | Function::Median | Function::Stddev => Some(DataType::Float),
            _ => data_type,
        };
        GroupReducer {
            reducer: element::reducer(function, data_type, budget),
            buckets,
            out: SeriesBuilder::new(result, aux.len()),
            current: None,
            value,
            aux,
            ending,
        }
    }

    /// Takes a block of the group; rows without a value do not count.
    pub fn push(&mut self, block: &Block) -> Result<(), QueryError> {
        let Some(column) = block.columns.get(self.value) else {
            return Ok(());
        };
        if column.null_count() == column.len() {
            return Ok(());
        }
        if column.null_count() > 0 {
            let mask = (0..column.len())
                .map(|row| Some(!column.is_null(row)))
                .collect();
            let kept = block.filter(&mask)?;
            return self.push(&kept);
        }
        let aux: Vec<Column> = self
            .aux
            .iter()
            .filter_map(|place| block.columns.get(*place).cloned())
            .collect();
        let rows = Rows {
            times: &block.times,
            values: column,
            aux: &aux,
        };
        let mut from = 0;
        while from < rows.times.len() && !self.ending.ended() {
            // A bucket has the row that opens it, even at the latest time, which is the end
            // of the last bucket.
            let at_least = usize::from(self.current.is_none());
            let (start, end) = match self.current {
                Some(bucket) => bucket,
                None => self.buckets.window(rows.times[from]),
            };
            self.current = Some((start, end));
            let rest = &rows.times[from..];
            let inside = if self.buckets.every == 0 {
                rest.len()
            } else {
                rest.iter()
                    .take_while(|time| **time >= start && **time < end)
                    .count()
                    .max(at_least)
            };
            if inside > 0 {
                self.reducer.push(&rows, from..from + inside)?;
            }
            from += inside;
            if from < rows.times.len() {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), QueryError> {
        if let Some((start, _)) = self.current.take() {
            let before = self.out.times.len();
            self.reducer.finish(start, &mut self.out)?;
            self.ending.bucket(self.out.times.len() > before);
        }
        Ok(())
    }

    /// The values of all buckets, and what counts for the next group.
    pub fn finish(mut self) -> Result<(Series, Ending), QueryError> {
        self.close()?;
        Ok((self.out.finish(), self.ending))
    }
}

/// The values of the companion columns at a row.
pub(crate) fn aux_values(rows: &Rows<'_>, row: usize) -> Vec<Value> {
    rows.aux.iter().map(|column| column.value(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds buckets with (`v`) and without (`-`) a value, groups apart by a blank, and
    /// counts how many are looked at.
    fn seen(mut ending: Ending, buckets: &str) -> usize {
        let mut seen = 0;
        for group in buckets.split(' ') {
            ending.group();
            for bucket in group.chars() {
                if ending.ended() {
                    return seen;
                }
                ending.bucket(bucket == 'v');
                seen += 1;
            }
        }
        seen
    }

    #[test]
    fn every_row_is_counted_around_a_clock_change() {
        const MINUTE: i64 = 60_000_000_000;
        // 2019-03-10, when the clocks of New York go forward at 07:00 UTC.
        let day = 17_965 * 24 * 60 * MINUTE;
        let buckets = Buckets {
            every: 90 * MINUTE,
            offset: -MINUTE,
            timezone: Some(chrono_tz::America::New_York),
            time: crate::query::scan::TimeBounds {
                min: day,
                max: day + 24 * 60 * MINUTE,
            },
            ascending: true,
        };
        let times: Vec<i64> = (0..1440).map(|minute| day + minute * MINUTE).collect();
        let block = Block {
            key: std::sync::Arc::default(),
            columns: vec![Column::Float(vec![1.0; times.len()].into())],
            times: times.into(),
        };
        let budget = Budget::new(&crate::query::tests::context());
        let mut reducer = GroupReducer::new(
            &Function::Count,
            Some(DataType::Float),
            buckets,
            0,
            Vec::new(),
            Ending::Never,
            &budget,
        );
        reducer.push(&block).expect("counted");
        let (series, _) = reducer.finish().expect("counted");
        let Column::Integer(counts) = series.values else {
            panic!("counts are integers");
        };
        assert_eq!(counts.values().iter().sum::<i64>(), 1440);
    }

    #[test]
    fn rows_end_at_an_empty_bucket_that_follows_no_value() {
        let rows = || Ending::AfterRows { pending: false };
        assert_eq!(seen(rows(), "vvv"), 3);
        assert_eq!(seen(rows(), "-v"), 1);
        assert_eq!(seen(rows(), "v-v--v"), 5);
        assert_eq!(seen(rows(), "v- -v"), 3);
        assert_eq!(seen(Ending::Never, "-- -v"), 4);
    }

    #[test]
    fn filled_buckets_end_only_before_a_first_value() {
        let filled = || Ending::Filled {
            begun: false,
            in_group: false,
            empty: 0,
        };
        assert_eq!(seen(filled(), "-vv"), 1);
        assert_eq!(seen(filled(), "v---v"), 5);
        assert_eq!(seen(filled(), "v-- -v v"), 6);
        assert_eq!(seen(filled(), "v --v"), 3);
    }
}
