//! Functions that a reader computes itself.

use std::sync::Arc;

use influxql::ast::{DataType, Expr};

use super::{Group, Grouping, Groups, Leaf, Series};
use crate::query::aggregate::Function;
use crate::query::column::{Column, ColumnBuilder};
use crate::query::error::QueryError;
use crate::query::filter::{Filter, for_table};
use crate::query::plan::{Select, Source, Table};
use crate::query::rows::{Block, Peeked};
use crate::query::scan::{Aggregate, AggregateFunction, FieldType, Output, Scan};
use crate::query::source::{Engine, readable, scanned, tables_by_name};
use crate::query::value::Value;
use crate::query::window::MIN_TIME;

/// Whether a reader can compute a leaf over the sources of a statement: no
/// subqueries, no measurement that several tables make up, no values that are cast
/// after they are read, and buckets that no clock change moves.
pub(super) fn is_pushable(select: &Select, leaf: &Leaf) -> bool {
    let tables_only = select
        .sources
        .iter()
        .all(|source| matches!(source, Source::Table(_)));
    let field = !matches!(leaf.input.data_type, None | Some(DataType::Tag));
    let known = !functions(&leaf.function).is_empty();
    let truncated = |source: &Source| match (source, leaf.input.data_type) {
        (Source::Table(table), Some(wanted @ (DataType::Integer | DataType::Unsigned))) => {
            readable(table, &leaf.input.name, wanted)
                .is_some_and(|field| field.field_type == FieldType::Float)
        }
        _ => false,
    };
    tables_only
        && field
        && !select.sources.iter().any(truncated)
        && known
        && leaf.buckets.as_scan_window().is_some()
        && tables_by_name(select, true)
            .iter()
            .all(|group| group.len() == 1)
}

/// The functions of the reader that a function is made of.
fn functions(function: &Function) -> &'static [AggregateFunction] {
    match function {
        Function::Count => &[AggregateFunction::Count],
        Function::Sum => &[AggregateFunction::Sum],
        Function::Mean => &[AggregateFunction::Mean],
        Function::Min => &[AggregateFunction::Min],
        Function::Max => &[AggregateFunction::Max],
        Function::First => &[AggregateFunction::First],
        Function::Last => &[AggregateFunction::Last],
        Function::Spread => &[AggregateFunction::Max, AggregateFunction::Min],
        _ => &[],
    }
}

/// Selectors know the time of their point where no bucket gives one.
fn wants_time(leaf: &Leaf) -> bool {
    leaf.buckets.every == 0
        && matches!(
            leaf.function,
            Function::Min | Function::Max | Function::First | Function::Last
        )
}

/// Where a leaf finds its values among the columns of the answer.
enum Place {
    /// No column: the table lacks the field.
    Missing(Option<DataType>),
    Value(usize),
    /// A value and the time of its point.
    Timed(usize),
    /// The first minus the second.
    Difference(usize, usize),
}

/// Lets the reader compute leaves that have the same range of time and buckets.
pub(super) fn groups<'a>(
    select: &Select,
    leaves: &[&Leaf],
    grouping: &Grouping,
    engine: &Engine<'a>,
) -> Result<Groups<'a>, QueryError> {
    let tables = tables_by_name(select, grouping.ascending);
    let leaves: Vec<Leaf> = leaves.iter().map(|leaf| (*leaf).clone()).collect();
    let condition = select.condition.clone();
    let engine = engine.clone();
    let grouping = grouping.clone();
    let open = move |table: Table| -> Groups<'a> {
        match of_table(&table, condition.as_ref(), &leaves, &grouping, &engine) {
            Ok(groups) => groups,
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    };
    Ok(Box::new(tables.into_iter().flatten().flat_map(open)))
}

fn of_table<'a>(
    table: &Table,
    condition: Option<&Expr>,
    leaves: &[Leaf],
    grouping: &Grouping,
    engine: &Engine<'a>,
) -> Result<Groups<'a>, QueryError> {
    let filter = match for_table(condition, &table.info)? {
        Filter::Nothing => return Ok(Box::new(std::iter::empty())),
        Filter::All => None,
        Filter::Where(expr) => Some(expr),
    };
    let (calls, places) = calls(table, leaves);
    let (Some(first), false) = (leaves.first(), calls.is_empty()) else {
        return Ok(Box::new(std::iter::empty()));
    };
    let scan = Scan {
        table: table.name.clone(),
        time: first.buckets.time,
        filter,
        dimensions: grouping.dimensions.clone(),
        descending: !grouping.ascending,
        output: Output::Aggregates {
            window: first.buckets.as_scan_window().flatten(),
            calls,
        },
    };
    let mut blocks = Peeked::new(scanned(&scan, engine)?);
    let unbounded = first.buckets.every == 0 && first.buckets.time.min <= MIN_TIME;
    let budget = engine.budget.clone();
    Ok(Box::new(std::iter::from_fn(move || {
        let group = || -> Result<Option<Group>, QueryError> {
            let Some(key) = blocks.key()? else {
                return Ok(None);
            };
            let mut of_group = Vec::new();
            let mut held = 0;
            while let Some(block) = blocks.take_of(&key)? {
                budget.hold(block.bytes())?;
                held += block.bytes();
                of_group.push(block);
            }
            let block = crate::query::rows::concat(&of_group)?;
            budget.release(held);
            let Some(block) = block else { return Ok(None) };
            let leaves = places
                .iter()
                .map(|place| series(&block, place, unbounded))
                .collect::<Result<_, _>>()?;
            Ok(Some(Group {
                key: Arc::clone(&key),
                leaves,
            }))
        };
        let mut group = group;
        group().transpose()
    })))
}

/// The calls to give to the reader, and where each leaf finds its own.
fn calls(table: &Table, leaves: &[Leaf]) -> (Vec<Aggregate>, Vec<Place>) {
    let mut calls: Vec<Aggregate> = Vec::new();
    let mut places = Vec::new();
    for leaf in leaves {
        let field = leaf
            .input
            .data_type
            .and_then(|wanted| readable(table, &leaf.input.name, wanted));
        let Some(field) = field else {
            places.push(Place::Missing(leaf.result_type()));
            continue;
        };
        let with_time = wants_time(leaf);
        let mut columns = functions(&leaf.function).iter().map(|function| {
            let call = Aggregate {
                function: *function,
                field: field.clone(),
                with_time,
            };
            let place = calls.iter().position(|other| *other == call);
            let place = place.unwrap_or_else(|| {
                calls.push(call);
                calls.len() - 1
            });
            calls[..place]
                .iter()
                .map(|c| 1 + usize::from(c.with_time))
                .sum::<usize>()
        });
        places.push(match (columns.next(), columns.next()) {
            (Some(value), None) if with_time => Place::Timed(value),
            (Some(value), None) => Place::Value(value),
            (Some(max), Some(min)) => Place::Difference(max, min),
            (None, _) => Place::Missing(leaf.result_type()),
        });
    }
    (calls, places)
}

fn series(block: &Block, place: &Place, unbounded: bool) -> Result<Series, QueryError> {
    let column = |place: usize| {
        block
            .columns
            .get(place)
            .cloned()
            .ok_or_else(|| QueryError::Engine("a reader delivered too few columns".to_owned()))
    };
    let mut times: Vec<i64> = block.times.to_vec();
    let values = match place {
        Place::Missing(data_type) => return Ok(Series::empty(*data_type, 0)),
        Place::Value(place) => column(*place)?,
        Place::Timed(place) => {
            if let Column::Integer(points) = column(place + 1)? {
                times = points.values().to_vec();
            }
            column(*place)?
        }
        Place::Difference(max, min) => difference(&column(*max)?, &column(*min)?),
    };
    if unbounded && !matches!(place, Place::Timed(_)) {
        times.fill(MIN_TIME);
    }
    Series {
        times,
        values,
        aux: Vec::new(),
    }
    .without_nulls()
}

fn difference(max: &Column, min: &Column) -> Column {
    let mut out = ColumnBuilder::new(max.data_type());
    for row in 0..max.len() {
        let value = match (max.value(row), min.value(row)) {
            (Value::Float(a), Value::Float(b)) => Value::Float(a - b),
            (Value::Integer(a), Value::Integer(b)) => Value::Integer(a.wrapping_sub(b)),
            (Value::Unsigned(a), Value::Unsigned(b)) => Value::Unsigned(a.wrapping_sub(b)),
            _ => Value::Null,
        };
        out.push(&value);
    }
    out.finish()
}
