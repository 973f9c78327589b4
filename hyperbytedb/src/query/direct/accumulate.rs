//! The state of one aggregate over all slots, fed with slices of rows that belong to one
//! slot each.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, Int64Array, PrimitiveArray,
    StringArray,
};
use arrow::datatypes::{Float64Type, Int64Type, UInt64Type};
use points::FieldType;

use crate::query::scan::{Aggregate, AggregateFunction};

/// Collects one aggregate.
pub trait Accumulate: Send {
    /// Takes in rows `range` of `values` at `times` (rising) for a slot.
    fn update(&mut self, slot: usize, values: &ArrayRef, times: &[i64], range: Range<usize>);
    /// Takes in what another one collected; `slots[i]` is where its slot `i` goes.
    fn merge(&mut self, other: &dyn Accumulate, slots: &[usize]);
    /// The results of the slots in the given order; after the value, with `with_time`,
    /// its time.
    fn finish(&self, order: &[usize], with_time: bool) -> Vec<ArrayRef>;
    fn as_any(&self) -> &dyn std::any::Any;
}

/// The accumulator of a call.
#[must_use]
pub fn accumulator(call: &Aggregate) -> Box<dyn Accumulate> {
    use AggregateFunction::{Count, First, Last, Max, Mean, Min, Sum};
    match (call.function, call.field.field_type) {
        (Count, _) => Box::new(Counts(Vec::new())),
        (Sum, FieldType::Float) => Box::new(Sums::<Float64Type>::default()),
        (Sum, FieldType::Unsigned) => Box::new(Sums::<UInt64Type>::default()),
        (Sum, _) => Box::new(Sums::<Int64Type>::default()),
        (Mean, FieldType::Float) => Box::new(Means(Sums::<Float64Type>::default())),
        (Mean, FieldType::Unsigned) => Box::new(Means(Sums::<UInt64Type>::default())),
        (Mean, _) => Box::new(Means(Sums::<Int64Type>::default())),
        (function @ (Min | Max | First | Last), field_type) => {
            let choose = match function {
                Min => Choose::Min,
                Max => Choose::Max,
                First => Choose::First,
                _ => Choose::Last,
            };
            match field_type {
                FieldType::Float => Box::new(Picks::<PrimitivePick<Float64Type>>::new(choose)),
                FieldType::Integer => Box::new(Picks::<PrimitivePick<Int64Type>>::new(choose)),
                FieldType::Unsigned => Box::new(Picks::<PrimitivePick<UInt64Type>>::new(choose)),
                FieldType::Boolean => Box::new(Picks::<BooleanPick>::new(choose)),
                FieldType::String => Box::new(Picks::<StringPick>::new(choose)),
            }
        }
    }
}

fn at<T: Default + Clone>(slots: &mut Vec<T>, slot: usize) -> &mut T {
    if slots.len() <= slot {
        slots.resize(slot + 1, T::default());
    }
    &mut slots[slot]
}

fn present(values: &ArrayRef, range: &Range<usize>) -> usize {
    match values.nulls() {
        None => range.len(),
        Some(nulls) => range.len() - nulls.slice(range.start, range.len()).null_count(),
    }
}

/// As `count` has collected them, slot by slot.
#[must_use]
pub fn counts_of(slots: Vec<i64>) -> Box<dyn Accumulate> {
    Box::new(Counts(slots))
}

/// `count`
struct Counts(Vec<i64>);

impl Accumulate for Counts {
    fn update(&mut self, slot: usize, values: &ArrayRef, _times: &[i64], range: Range<usize>) {
        *at(&mut self.0, slot) += present(values, &range) as i64;
    }

    fn merge(&mut self, other: &dyn Accumulate, slots: &[usize]) {
        if let Some(other) = other.as_any().downcast_ref::<Counts>() {
            for (count, slot) in other.0.iter().zip(slots) {
                *at(&mut self.0, *slot) += count;
            }
        }
    }

    fn finish(&self, order: &[usize], _with_time: bool) -> Vec<ArrayRef> {
        let counts = order.iter().map(|slot| self.0.get(*slot).copied());
        let counts = counts.map(|count| count.filter(|count| *count > 0));
        vec![Arc::new(counts.collect::<Int64Array>())]
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Numbers that can be added as InfluxDB adds them.
trait Addable: ArrowPrimitiveType {
    fn add(a: Self::Native, b: Self::Native) -> Self::Native;
    fn float(value: Self::Native) -> f64;
}

impl Addable for Float64Type {
    fn add(a: f64, b: f64) -> f64 {
        a + b
    }
    fn float(value: f64) -> f64 {
        value
    }
}

impl Addable for Int64Type {
    fn add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }
    fn float(value: i64) -> f64 {
        value as f64
    }
}

impl Addable for UInt64Type {
    fn add(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    }
    fn float(value: u64) -> f64 {
        value as f64
    }
}

/// `sum`: sum and count of each slot.
struct Sums<T: Addable>(Vec<(T::Native, i64)>);

impl<T: Addable> Default for Sums<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Addable> Sums<T> {
    fn add(&mut self, slot: usize, sum: T::Native, count: i64) {
        if self.0.len() <= slot {
            self.0.resize(slot + 1, (T::Native::default(), 0));
        }
        let held = &mut self.0[slot];
        *held = (T::add(held.0, sum), held.1 + count);
    }

    fn take(&mut self, slot: usize, values: &ArrayRef, range: Range<usize>) {
        let Some(array) = values.as_any().downcast_ref::<PrimitiveArray<T>>() else {
            return;
        };
        let (mut sum, mut count) = (T::Native::default(), 0);
        if array.null_count() == 0 {
            for value in &array.values()[range.clone()] {
                sum = T::add(sum, *value);
            }
            count = range.len() as i64;
        } else {
            for row in range {
                if array.is_valid(row) {
                    sum = T::add(sum, array.value(row));
                    count += 1;
                }
            }
        }
        if count > 0 {
            self.add(slot, sum, count);
        }
    }

    fn take_all(&mut self, other: &Sums<T>, slots: &[usize]) {
        for ((sum, count), slot) in other.0.iter().zip(slots) {
            if *count > 0 {
                self.add(*slot, *sum, *count);
            }
        }
    }

    fn of(&self, slot: usize) -> Option<(T::Native, i64)> {
        self.0.get(slot).copied().filter(|(_, count)| *count > 0)
    }
}

impl<T: Addable> Accumulate for Sums<T> {
    fn update(&mut self, slot: usize, values: &ArrayRef, _times: &[i64], range: Range<usize>) {
        self.take(slot, values, range);
    }

    fn merge(&mut self, other: &dyn Accumulate, slots: &[usize]) {
        if let Some(other) = other.as_any().downcast_ref::<Sums<T>>() {
            self.take_all(other, slots);
        }
    }

    fn finish(&self, order: &[usize], _with_time: bool) -> Vec<ArrayRef> {
        let sums = order.iter().map(|slot| self.of(*slot).map(|(sum, _)| sum));
        vec![Arc::new(PrimitiveArray::<T>::from_iter(sums))]
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// `mean`: integers are added as integers, then divided as floats.
struct Means<T: Addable>(Sums<T>);

impl<T: Addable> Accumulate for Means<T> {
    fn update(&mut self, slot: usize, values: &ArrayRef, _times: &[i64], range: Range<usize>) {
        self.0.take(slot, values, range);
    }

    fn merge(&mut self, other: &dyn Accumulate, slots: &[usize]) {
        if let Some(other) = other.as_any().downcast_ref::<Means<T>>() {
            self.0.take_all(&other.0, slots);
        }
    }

    fn finish(&self, order: &[usize], _with_time: bool) -> Vec<ArrayRef> {
        let mean = |slot: &usize| {
            let (sum, count) = self.0.of(*slot)?;
            Some(T::float(sum) / count as f64)
        };
        vec![Arc::new(order.iter().map(mean).collect::<Float64Array>())]
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// Which of two points a selector prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choose {
    Min,
    Max,
    First,
    Last,
}

/// Values of one type that selectors pick from.
trait Pick: Send + 'static {
    type Array: Array + 'static;
    type Value: PartialOrd + Clone + Send + 'static;
    fn value(array: &Self::Array, row: usize) -> Self::Value;
    fn array(values: Vec<Option<Self::Value>>) -> ArrayRef;
}

struct PrimitivePick<T>(std::marker::PhantomData<fn() -> T>);

impl<T: ArrowPrimitiveType> Pick for PrimitivePick<T>
where
    T::Native: PartialOrd,
{
    type Array = PrimitiveArray<T>;
    type Value = T::Native;
    fn value(array: &PrimitiveArray<T>, row: usize) -> T::Native {
        array.value(row)
    }
    fn array(values: Vec<Option<T::Native>>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter(values))
    }
}

struct BooleanPick;

impl Pick for BooleanPick {
    type Array = BooleanArray;
    type Value = bool;
    fn value(array: &BooleanArray, row: usize) -> bool {
        array.value(row)
    }
    fn array(values: Vec<Option<bool>>) -> ArrayRef {
        Arc::new(BooleanArray::from(values))
    }
}

struct StringPick;

impl Pick for StringPick {
    type Array = StringArray;
    type Value = String;
    fn value(array: &StringArray, row: usize) -> String {
        array.value(row).to_string()
    }
    fn array(values: Vec<Option<String>>) -> ArrayRef {
        Arc::new(StringArray::from(values))
    }
}

/// `min`, `max`, `first`, `last`: the chosen point of each slot.
struct Picks<P: Pick> {
    choose: Choose,
    points: Vec<Option<(i64, P::Value)>>,
}

impl<P: Pick> Picks<P> {
    fn new(choose: Choose) -> Self {
        Self {
            choose,
            points: Vec::new(),
        }
    }

    /// True when `new` is preferred to `held`: the earliest of equal extremes, the larger
    /// value of one time.
    fn prefers(&self, new: (i64, &P::Value), held: (i64, &P::Value)) -> bool {
        let ((time, value), (held_time, held_value)) = (new, held);
        match self.choose {
            Choose::Min => value < held_value || (value == held_value && time < held_time),
            Choose::Max => value > held_value || (value == held_value && time < held_time),
            Choose::First => time < held_time || (time == held_time && value > held_value),
            Choose::Last => time > held_time || (time == held_time && value > held_value),
        }
    }

    fn offer(&mut self, slot: usize, time: i64, value: P::Value) {
        let better = match self.points.get(slot) {
            Some(Some((held_time, held))) => self.prefers((time, &value), (*held_time, held)),
            _ => true,
        };
        if better {
            if self.points.len() <= slot {
                self.points.resize(slot + 1, None);
            }
            self.points[slot] = Some((time, value));
        }
    }

    /// The preferred row of a slice, whose times rise.
    fn pick(&self, array: &P::Array, range: Range<usize>) -> Option<usize> {
        let mut valid = range.filter(|row| array.is_valid(*row));
        match self.choose {
            Choose::First => valid.next(),
            Choose::Last => valid.next_back(),
            Choose::Min | Choose::Max => {
                let mut best = valid.next()?;
                let mut value = P::value(array, best);
                for row in valid {
                    let other = P::value(array, row);
                    let better = match self.choose {
                        Choose::Min => other < value,
                        _ => other > value,
                    };
                    if better {
                        (best, value) = (row, other);
                    }
                }
                Some(best)
            }
        }
    }
}

impl<P: Pick> Accumulate for Picks<P> {
    fn update(&mut self, slot: usize, values: &ArrayRef, times: &[i64], range: Range<usize>) {
        let Some(array) = values.as_any().downcast_ref::<P::Array>() else {
            return;
        };
        if let Some(row) = self.pick(array, range) {
            self.offer(slot, times[row], P::value(array, row));
        }
    }

    fn merge(&mut self, other: &dyn Accumulate, slots: &[usize]) {
        if let Some(other) = other.as_any().downcast_ref::<Picks<P>>() {
            for (point, slot) in other.points.iter().zip(slots) {
                if let Some((time, value)) = point {
                    self.offer(*slot, *time, value.clone());
                }
            }
        }
    }

    fn finish(&self, order: &[usize], with_time: bool) -> Vec<ArrayRef> {
        let point = |slot: &usize| self.points.get(*slot).cloned().flatten();
        let values = P::array(
            order
                .iter()
                .map(|slot| point(slot).map(|(_, v)| v))
                .collect(),
        );
        let mut arrays = vec![values];
        if with_time {
            let times = order.iter().map(|slot| point(slot).map(|(time, _)| time));
            arrays.push(Arc::new(times.collect::<Int64Array>()));
        }
        arrays
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
