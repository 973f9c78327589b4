//! The result of an inner `SELECT` as the rows of an outer one.

use std::cmp::Ordering;
use std::sync::Arc;

use influxql::ast::{DataType, Expr, Fill};

use super::{Run, intersect, run};
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::expression::Expression;
use crate::query::plan::{Select, companions};
use crate::query::rows::{Block, Blocks, GroupKey, concat, directed};
use crate::query::source::{Engine, Request, Want};
use crate::query::value::Value;

/// Where a column of the outer rows comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Column(usize),
    /// Place among the inner dimensions.
    Tag(usize),
    Missing,
}

/// Runs the inner statement, grouped by what it and the outer one group by, keeps
/// the rows that pass the outer condition, and groups them as the outer one does.
pub(crate) fn subquery_rows<'a>(
    inner: &Select,
    condition: Option<&Expr>,
    request: &Request,
    engine: &Engine<'a>,
) -> Result<Blocks<'a>, QueryError> {
    let mut dimensions = inner.dimensions.clone();
    dimensions.extend(request.dimensions.iter().cloned());
    dimensions.sort();
    dimensions.dedup();
    let raw = inner.is_raw();
    let run_as = Run {
        time: intersect(inner, request.time, engine.context),
        dimensions: dimensions.clone(),
        interval: inner.interval.or(request.interval),
        ascending: request.ascending,
        fill: match inner.fill {
            // Missing values are no rows for the outer statement.
            Fill::Null if !raw => Fill::None,
            fill => fill,
        },
        groups: None,
    };
    let blocks = unmixed(run(inner, &run_as, engine)?);
    let blocks = filtered(blocks, inner, condition, &dimensions)?;
    let mapped = mapped(blocks, inner, request, &dimensions);
    if dimensions == request.dimensions {
        return Ok(within(mapped, request));
    }
    let filled = !raw && run_as.interval.is_some() && !matches!(run_as.fill, Fill::None);
    // Filled series come one after the other, others bucket by bucket.
    let mapped = if filled {
        within(mapped, request)
    } else {
        mapped
    };
    let rows = regrouped(
        mapped,
        &Regrouping {
            inner: dimensions,
            outer: request.dimensions.clone(),
            ascending: request.ascending,
            by_series: filled && !request.by_time,
        },
        engine,
    )?;
    Ok(if filled { rows } else { within(rows, request) })
}

/// The numbers that `fill(n)` shows among text are no values for the outer statement.
fn unmixed(blocks: Blocks<'_>) -> Blocks<'_> {
    Box::new(blocks.map(|block| {
        block.map(|block| Block {
            columns: block.columns.iter().map(Column::unmixed).collect(),
            ..block
        })
    }))
}

fn tag_column(block: &Block, place: usize) -> Column {
    match block.key.values.get(place) {
        Some(value) => Column::repeated(&Value::String(value.clone()), block.len()),
        None => Column::Null(block.len()),
    }
}

/// A condition sees the inner columns under their names in the result, everything
/// else is a tag.
fn filtered<'a>(
    blocks: Blocks<'a>,
    inner: &Select,
    condition: Option<&Expr>,
    dimensions: &[String],
) -> Result<Blocks<'a>, QueryError> {
    let Some(condition) = condition else {
        return Ok(blocks);
    };
    let columns = inner.columns.len();
    let keys = dimensions.len();
    let compiled = Expression::condition(condition, &mut |name, _| {
        let column = inner.columns.iter().position(|column| column == name);
        let tag = || dimensions.iter().position(|key| key == name);
        // What nobody has is an empty tag, whose column comes last.
        let place = column.or_else(|| tag().map(|tag| columns + tag));
        Some(place.unwrap_or(columns + keys))
    })?;
    Ok(Box::new(blocks.filter_map(move |block| {
        let kept = block.and_then(|block| {
            let mut columns = block.columns.clone();
            columns.extend((0..keys).map(|place| tag_column(&block, place)));
            columns.push(Column::repeated(&Value::String(String::new()), block.len()));
            let mask = compiled.evaluate_mask(&columns, block.len());
            if mask.true_count() == 0 {
                return Ok(None);
            }
            block.filter(&mask).map(Some)
        });
        kept.transpose()
    })))
}

/// The place of an inner item among the inner columns, by its own name.
fn origin(inner: &Select, want: &Want, dimensions: &[String]) -> Origin {
    let mut offset = 0;
    for (place, item) in inner.fields.iter().enumerate() {
        if item.name == want.name {
            return Origin::Column(place + offset);
        }
        let companions = companions(&item.expr);
        for (companion, arg) in companions.iter().enumerate() {
            if matches!(arg, Expr::VarRef { name, .. } if *name == want.name) {
                return Origin::Column(place + offset + companion + 1);
            }
        }
        offset += companions.len();
    }
    let own = inner.dimensions.contains(&want.name);
    match dimensions.iter().position(|key| *key == want.name) {
        Some(place) if own => Origin::Tag(place),
        _ => Origin::Missing,
    }
}

fn mapped<'a>(
    blocks: Blocks<'a>,
    inner: &Select,
    request: &Request,
    dimensions: &[String],
) -> Blocks<'a> {
    let origins: Vec<(Origin, Option<DataType>)> = request
        .wants
        .iter()
        .map(|want| (origin(inner, want, dimensions), want.data_type))
        .collect();
    Box::new(blocks.map(move |block| {
        let block = block?;
        let columns = origins
            .iter()
            .map(|(origin, data_type)| {
                let column = match origin {
                    Origin::Column(place) => block
                        .columns
                        .get(*place)
                        .cloned()
                        .unwrap_or(Column::Null(block.len())),
                    Origin::Tag(place) => tag_column(&block, *place),
                    Origin::Missing => Column::Null(block.len()),
                };
                match data_type {
                    Some(data_type) => column.cast(*data_type),
                    None => Column::Null(block.len()),
                }
            })
            .collect();
        Ok(Block { columns, ..block })
    }))
}

/// Ends values where InfluxDB's aggregates without buckets end them: at the first one
/// outside of their range. The first bucket of an inner statement often is that.
fn within<'a>(blocks: Blocks<'a>, request: &Request) -> Blocks<'a> {
    if request.within.is_empty() {
        return blocks;
    }
    let time = request.time;
    let mut ended: Vec<(usize, bool)> = request.within.iter().map(|p| (*p, false)).collect();
    Box::new(blocks.map(move |block| {
        let mut block = block?;
        let outside = |row: &usize| !(time.min..=time.max).contains(&block.times[*row]);
        let first = (0..block.len()).find(outside);
        for (place, ended) in &mut ended {
            let Some(column) = block.columns.get(*place) else {
                continue;
            };
            let len = column.len();
            let end = match first {
                _ if *ended => Some(0),
                Some(from) => (from..len).find(|row| outside(row) && !column.is_null(*row)),
                None => None,
            };
            if let Some(end) = end {
                *ended = true;
                let nulls = Column::nulls(column.data_type(), len - end);
                block.columns[*place] = Column::concat(&[column.slice(0, end), nulls])?;
            }
        }
        Ok(block)
    }))
}

struct Regrouping {
    inner: Vec<String>,
    outer: Vec<String>,
    ascending: bool,
    /// One inner series after the other, instead of in order of time.
    by_series: bool,
}

/// Brings rows of inner groups together in outer ones. Holds them all.
fn regrouped<'a>(
    blocks: Blocks<'a>,
    regrouping: &Regrouping,
    engine: &Engine<'a>,
) -> Result<Blocks<'a>, QueryError> {
    let outer: Vec<usize> = regrouping
        .outer
        .iter()
        .filter_map(|key| regrouping.inner.iter().position(|inner| inner == key))
        .collect();
    let mut parts: Vec<(Arc<GroupKey>, Block)> = Vec::new();
    for block in blocks {
        let block = block?;
        engine.budget.hold(block.bytes())?;
        let key = GroupKey {
            name: block.key.name.clone(),
            values: outer
                .iter()
                .filter_map(|place| block.key.values.get(*place).cloned())
                .collect(),
        };
        parts.push((Arc::new(key), block));
    }
    let ascending = regrouping.ascending;
    // Stable: the inner groups are in order already.
    parts.sort_by(|a, b| directed(a.0.cmp(&b.0), ascending));
    let by_series = regrouping.by_series;
    let mut parts = parts.into_iter().peekable();
    let budget = engine.budget.clone();
    Ok(Box::new(std::iter::from_fn(move || {
        let (key, first) = parts.next()?;
        let mut of_group = vec![first];
        while let Some((_, block)) = parts.next_if(|(other, _)| *other == key) {
            of_group.push(block);
        }
        let joined = concat(&of_group).and_then(|joined| {
            budget.release(of_group.iter().map(Block::bytes).sum());
            let joined = joined.ok_or_else(|| QueryError::Engine("no rows".to_owned()))?;
            let block = if by_series {
                joined
            } else {
                in_order(&joined, ascending)?
            };
            Ok(Block {
                key: Arc::clone(&key),
                ..block
            })
        });
        Some(joined)
    })))
}

fn in_order(block: &Block, ascending: bool) -> Result<Block, QueryError> {
    let ordered = block
        .times
        .windows(2)
        .all(|pair| directed(pair[0].cmp(&pair[1]), ascending) != Ordering::Greater);
    if ordered {
        return Ok(block.clone());
    }
    let mut order: Vec<usize> = (0..block.len()).collect();
    order.sort_by(|a, b| directed(block.times[*a].cmp(&block.times[*b]), ascending));
    let rows: Vec<u64> = order.into_iter().map(|row| row as u64).collect();
    block.take(&rows)
}
