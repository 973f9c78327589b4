//! The element types that reducers are generic over.

use std::cmp::Ordering;
use std::hash::Hash;

use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use influxql::ast::DataType;

use super::collect::{Collect, Distinct, Statistic};
use super::pick::{Pick, Rule};
use super::reduce::{Count, Mean, Spread, Sum};
use super::top::{Sample, Top};
use super::{Function, Reducer};
use crate::query::budget::Budget;
use crate::query::column::Column;
use crate::query::value::Value;

/// A type of values in a column.
pub(super) trait Element: Send + 'static {
    type Array;
    type Item: Clone + PartialEq + Send;
    type Key: Hash + Eq + Send;

    fn array(column: &Column) -> Option<&Self::Array>;
    fn item(array: &Self::Array, row: usize) -> Self::Item;
    fn compare(array: &Self::Array, row: usize, other: &Self::Item) -> Ordering;
    fn compare_rows(array: &Self::Array, a: usize, b: usize) -> Ordering;
    fn compare_items(a: &Self::Item, b: &Self::Item) -> Ordering;
    fn value(item: &Self::Item) -> Value;
    fn key(array: &Self::Array, row: usize) -> Self::Key;
    /// As a number, for means; booleans and strings have none.
    fn float(item: &Self::Item) -> f64;
}

macro_rules! element {
    ($name:ident, $array:ty, $item:ty, $key:ty, $variant:ident,
     order: $order:expr, key: $to_key:expr, float: $to_float:expr) => {
        pub(super) struct $name;

        impl Element for $name {
            type Array = $array;
            type Item = $item;
            type Key = $key;

            fn array(column: &Column) -> Option<&$array> {
                match column {
                    Column::$variant(array) => Some(array),
                    _ => None,
                }
            }
            fn item(array: &$array, row: usize) -> $item {
                array.value(row).into()
            }
            fn compare(array: &$array, row: usize, other: &$item) -> Ordering {
                let order: fn(_, _) -> Ordering = $order;
                order(array.value(row), other)
            }
            fn compare_rows(array: &$array, a: usize, b: usize) -> Ordering {
                let (a, b) = (array.value(a), array.value(b));
                PartialOrd::partial_cmp(&a, &b).unwrap_or(Ordering::Equal)
            }
            fn compare_items(a: &$item, b: &$item) -> Ordering {
                a.partial_cmp(b).unwrap_or(Ordering::Equal)
            }
            fn value(item: &$item) -> Value {
                Value::$variant(item.clone())
            }
            fn key(array: &$array, row: usize) -> $key {
                let key: fn(_) -> $key = $to_key;
                key(array.value(row))
            }
            fn float(item: &$item) -> f64 {
                let float: fn(&$item) -> f64 = $to_float;
                float(item)
            }
        }
    };
}

element!(Floats, Float64Array, f64, u64, Float,
    order: |a: f64, b: &f64| a.partial_cmp(b).unwrap_or(Ordering::Equal),
    key: |v: f64| if v == 0.0 { 0 } else { v.to_bits() },
    float: |v| *v);
element!(Integers, Int64Array, i64, i64, Integer,
    order: |a: i64, b: &i64| a.cmp(b),
    key: |v: i64| v,
    float: |v| *v as f64);
element!(Unsigneds, UInt64Array, u64, u64, Unsigned,
    order: |a: u64, b: &u64| a.cmp(b),
    key: |v: u64| v,
    float: |v| *v as f64);
element!(Booleans, BooleanArray, bool, bool, Boolean,
    order: |a: bool, b: &bool| a.cmp(b),
    key: |v: bool| v,
    float: |_| f64::NAN);
element!(Strings, StringArray, String, String, String,
    order: |a: &str, b: &String| a.cmp(b.as_str()),
    key: |v: &str| v.to_owned(),
    float: |_| f64::NAN);

/// The reducer of a function over values of a type.
pub(super) fn reducer(
    function: &Function,
    data_type: Option<DataType>,
    budget: &Budget,
) -> Box<dyn Reducer> {
    match data_type {
        Some(DataType::Integer) => typed::<Integers>(function, budget),
        Some(DataType::Unsigned) => typed::<Unsigneds>(function, budget),
        Some(DataType::String | DataType::Tag) => typed::<Strings>(function, budget),
        Some(DataType::Boolean) => typed::<Booleans>(function, budget),
        Some(DataType::Float | DataType::AnyField) | None => typed::<Floats>(function, budget),
    }
}

fn typed<E: Element>(function: &Function, budget: &Budget) -> Box<dyn Reducer> {
    let collect =
        |statistic| -> Box<dyn Reducer> { Box::new(Collect::<E>::new(statistic, budget)) };
    match function {
        Function::Count => Box::new(Count::default()),
        Function::Sum => Box::new(Sum::default()),
        Function::Mean => Box::new(Mean::default()),
        Function::Spread => Box::new(Spread::<E>::default()),
        Function::Min => Box::new(Pick::<E>::new(Rule::Min)),
        Function::Max => Box::new(Pick::<E>::new(Rule::Max)),
        Function::First => Box::new(Pick::<E>::new(Rule::First)),
        Function::Last => Box::new(Pick::<E>::new(Rule::Last)),
        Function::Median => collect(Statistic::Median),
        Function::Mode => collect(Statistic::Mode),
        Function::Stddev => collect(Statistic::Stddev),
        Function::Percentile(p) => collect(Statistic::Percentile(*p)),
        Function::Rows => collect(Statistic::All),
        Function::Distinct => Box::new(Distinct::<E>::new(budget)),
        Function::Top { n, bottom, by } => Box::new(Top::<E>::new(*n, *bottom, by.clone())),
        Function::Sample(n) => Box::new(Sample::new(*n)),
    }
}
