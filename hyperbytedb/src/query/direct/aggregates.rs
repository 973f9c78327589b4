//! Aggregates of a scan, group by group and bucket by bucket.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use storage::{Rows, SeriesId};

use super::accumulate::{Accumulate, accumulator, counts_of};
use super::counts::{self, Counted};
use super::ends;
use super::groups::{Groups, NO_GROUP};
use super::parts::{Part, Parts, for_each};
use super::slots::Slots;
use crate::query::clickhouse::sources::field_array;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{Aggregate, Scan, Window};

/// Bytes of state that one slot of one call takes, about.
const SLOT_BYTES: usize = 40;

/// Bytes of a row in memory that is counted as read: its series and its time.
const ROW_BYTES: u64 = 12;
const VALUE_BYTES: u64 = 8;

/// What was collected of some rows.
struct Partial {
    slots: Slots,
    calls: Vec<Box<dyn Accumulate>>,
}

/// Everything that stays the same from portion to portion.
struct Plan<'a> {
    scan: &'a Scan,
    window: Option<Window>,
    calls: &'a [Aggregate],
    /// The place of each call's field in the layout.
    fields: Vec<Option<usize>>,
    groups: Groups,
    bounds: (i64, i64),
    /// Rows need not be read where it is known how many there are.
    only_counts: bool,
}

/// Computes the aggregates; `None` when there is nothing.
///
/// # Errors
/// When a file is damaged, or a limit of the query is reached.
pub fn aggregate(
    scan: &Scan,
    window: Option<Window>,
    calls: &[Aggregate],
    parts: &Parts,
    context: &QueryContext,
) -> Result<Option<RecordBatch>, QueryError> {
    let place = |call: &Aggregate| parts.layout.field(&call.field.name, call.field.field_type);
    let plan = Plan {
        scan,
        window,
        calls,
        fields: calls.iter().map(place).collect(),
        groups: Groups::new(&parts.view, &scan.dimensions),
        bounds: bounds_of(parts),
        only_counts: counts::are_all(&scan.output) && !parts.has_filter(),
    };
    let mut total = plan.empty();
    if let Some(end) = parts.end() {
        for rows in ends::read(parts, end, context)? {
            plan.collect(&mut total, &rows, rows.stretches(), parts, context)?;
        }
        return plan.finish(&total);
    }
    if parts.threads == 1 {
        for part in &parts.list {
            context.check()?;
            plan.portion(&mut total, part, parts, context)?;
        }
        return plan.finish(&total);
    }
    let partials = for_each(&parts.list, parts.threads, context, |part| {
        let mut partial = plan.empty();
        plan.portion(&mut partial, part, parts, context)?;
        Ok(partial)
    })?;
    for partial in partials {
        context.check()?;
        plan.merge(&mut total, &partial);
    }
    plan.finish(&total)
}

/// The times that rows can have.
fn bounds_of(parts: &Parts) -> (i64, i64) {
    let view = &parts.view;
    let files = view.files.iter().map(|file| (file.min_time, file.max_time));
    let runs = view.runs.iter().map(|run| (run.min_time, run.max_time));
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for (min, max) in files.chain(runs) {
        low = low.min(min.max(view.time.0));
        high = high.max(max.min(view.time.1));
    }
    if low > high {
        (view.time.0, view.time.0)
    } else {
        (low, high)
    }
}

impl Plan<'_> {
    fn empty(&self) -> Partial {
        Partial {
            slots: Slots::new(
                self.groups.values.len(),
                self.window,
                self.bounds,
                self.scan.time.min,
            ),
            calls: self.calls.iter().map(accumulator).collect(),
        }
    }

    /// Collects a portion, which is looked at where it lies if it can be.
    fn portion(
        &self,
        partial: &mut Partial,
        part: &Part,
        parts: &Parts,
        context: &QueryContext,
    ) -> Result<(), QueryError> {
        if let Some(part) = parts.in_place(part) {
            let bytes = ROW_BYTES + VALUE_BYTES * parts.layout.column_ids().len() as u64;
            context.work.add(part.rows, part.rows * bytes);
            return self.collect(partial, &part.run.rows, part.stretches(), parts, context);
        }
        if self.only_counts
            && let Part::File(file) = part
            && let Some(counted) = counts::of_file(parts, file, &self.fields)?
        {
            self.count(partial, &counted);
            return match counted.rest {
                Some(rest) => self.read(partial, &Part::File(rest), parts, context),
                None => Ok(()),
            };
        }
        self.read(partial, part, parts, context)
    }

    fn read(
        &self,
        partial: &mut Partial,
        part: &Part,
        parts: &Parts,
        context: &QueryContext,
    ) -> Result<(), QueryError> {
        for rows in parts.read(part, &context.work)? {
            self.collect(partial, &rows, rows.stretches(), parts, context)?;
        }
        Ok(())
    }

    /// Takes in rows that are known by their number alone.
    fn count(&self, partial: &mut Partial, counted: &Counted) {
        let start = self.scan.time.min;
        let (mut slots, mut rows) = (Vec::new(), Vec::new());
        for (series, count) in &counted.series {
            let group = self.groups.of(*series);
            if group != NO_GROUP {
                slots.push(partial.slots.slot(group, start));
                rows.push(*count as i64);
            }
        }
        for (call, holds) in partial.calls.iter_mut().zip(&counted.holds) {
            if *holds {
                call.merge(counts_of(rows.clone()).as_ref(), &slots);
            }
        }
    }

    fn collect(
        &self,
        partial: &mut Partial,
        rows: &Rows,
        stretches: impl Iterator<Item = (SeriesId, Range<usize>)>,
        parts: &Parts,
        context: &QueryContext,
    ) -> Result<(), QueryError> {
        let arrays = self.arrays(rows, parts)?;
        for (series, stretch) in stretches {
            let group = self.groups.of(series);
            if group != NO_GROUP {
                self.stretch(partial, group, rows, stretch, &arrays);
            }
        }
        let bytes = partial.slots.keys().len() * self.calls.len() * SLOT_BYTES;
        if bytes > context.memory_bytes_max {
            return Err(QueryError::Memory {
                limit_bytes: context.memory_bytes_max,
            });
        }
        Ok(())
    }

    fn arrays(&self, rows: &Rows, parts: &Parts) -> Result<Vec<ArrayRef>, QueryError> {
        let array = |place: &Option<usize>| match place {
            Some(at) => field_array(&parts.layout.fields[*at], rows),
            None => Ok(arrow::array::new_null_array(
                &arrow::datatypes::DataType::Null,
                rows.len(),
            )),
        };
        self.fields
            .iter()
            .map(array)
            .collect::<Result<_, _>>()
            .map_err(|error| crate::query::column::arrow_error(&error))
    }

    /// Rows of one series: cut where a bucket ends.
    fn stretch(
        &self,
        partial: &mut Partial,
        group: u32,
        rows: &Rows,
        range: Range<usize>,
        arrays: &[ArrayRef],
    ) {
        let mut from = range.start;
        while from < range.end {
            let (start, last) = partial.slots.bucket(rows.times[from]);
            let rest = &rows.times[from..range.end];
            let to = from + end_of_bucket(rest, last);
            let slot = partial.slots.slot(group, start);
            for (call, array) in partial.calls.iter_mut().zip(arrays) {
                call.update(slot, array, &rows.times, from..to);
            }
            from = to;
        }
    }

    fn merge(&self, total: &mut Partial, partial: &Partial) {
        let keys = partial.slots.keys();
        let slots: Vec<usize> = keys
            .iter()
            .map(|(group, start)| total.slots.slot(*group, *start))
            .collect();
        for (into, from) in total.calls.iter_mut().zip(&partial.calls) {
            into.merge(from.as_ref(), &slots);
        }
    }

    fn finish(&self, total: &Partial) -> Result<Option<RecordBatch>, QueryError> {
        let keys = total.slots.keys();
        if keys.is_empty() {
            return Ok(None);
        }
        let mut order: Vec<usize> = (0..keys.len()).collect();
        let descending = self.scan.descending;
        order.sort_unstable_by(|a, b| {
            let (a, b) = (keys[*a], keys[*b]);
            let by_time = if descending {
                b.1.cmp(&a.1)
            } else {
                a.1.cmp(&b.1)
            };
            a.0.cmp(&b.0).then(by_time)
        });
        let mut results: Vec<ArrayRef> = Vec::new();
        for (call, collected) in self.calls.iter().zip(&total.calls) {
            results.extend(collected.finish(&order, call.with_time));
        }
        // A bucket in which every call found only nulls is no bucket.
        let kept: Vec<usize> = (0..order.len())
            .filter(|row| super::parts::has_any(&results, *row))
            .collect();
        if kept.len() < order.len() {
            order = kept.iter().map(|row| order[*row]).collect();
            results.clear();
            for (call, collected) in self.calls.iter().zip(&total.calls) {
                results.extend(collected.finish(&order, call.with_time));
            }
        }
        if order.is_empty() {
            return Ok(None);
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for at in 0..self.scan.dimensions.len() {
            let value = |slot: &usize| self.groups.values[keys[*slot].0 as usize][at].as_str();
            arrays.push(Arc::new(StringArray::from_iter_values(
                order.iter().map(value),
            )));
        }
        let times = order.iter().map(|slot| keys[*slot].1);
        arrays.push(Arc::new(Int64Array::from_iter_values(times)));
        arrays.extend(results);
        batch_of(arrays).map(Some)
    }
}

/// How many of the rising times are not after `last`.
fn end_of_bucket(times: &[i64], last: i64) -> usize {
    // Buckets are mostly short or take all that is left.
    if times.last().is_some_and(|time| *time <= last) {
        return times.len();
    }
    let mut reach = 1;
    while reach < times.len() && times[reach] <= last {
        reach *= 2;
    }
    let from = reach / 2;
    from + times[from..reach.min(times.len())].partition_point(|time| *time <= last)
}

/// A batch of columns whose names nobody reads.
pub fn batch_of(arrays: Vec<ArrayRef>) -> Result<RecordBatch, QueryError> {
    let fields: Vec<Field> = arrays
        .iter()
        .enumerate()
        .map(|(at, array)| Field::new(format!("c{at}"), array.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| crate::query::column::arrow_error(&error))
}

#[cfg(test)]
mod tests {
    use super::end_of_bucket;

    #[test]
    fn the_end_of_a_bucket_is_found_wherever_it_lies() {
        let times: Vec<i64> = (0..100).collect();
        for last in 0..120 {
            assert_eq!(end_of_bucket(&times, last), (last as usize + 1).min(100));
        }
    }
}
