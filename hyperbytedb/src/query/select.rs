//! Runs a resolved `SELECT`: rows or functions in, result rows out.

mod merge;
mod raw;
mod slimit;
mod subquery;

use std::collections::BTreeSet;
use std::sync::Arc;

use influxql::ast::{DataType, Expr, Fill};
use influxql::deeper;

use super::aggregate::Ending;
use super::budget::Budget;
use super::call::{Grouping, Node, Series, evaluate_leaves};
use super::column::Column;
use super::context::QueryContext;
use super::error::QueryError;
use super::expression::Expression;
use super::fill::default_nulls;
use super::functions::{Builder, is_selector, result_type};
use super::output::{Chunks, SeriesChunk, SeriesKey};
use super::plan::{Select, companions, is_series_call};
use super::rows::{Block, Blocks, GroupKey};
use super::scan::{Reader, TimeBounds};
use super::source::{Engine, Want};
use super::window::MAX_TIME;
pub(crate) use subquery::subquery_rows;

/// How a `SELECT` is run: as the outermost one or inside another.
#[derive(Debug, Clone)]
pub struct Run {
    pub time: TimeBounds,
    /// Sorted keys.
    pub dimensions: Vec<String>,
    pub interval: Option<influxql::Interval>,
    pub ascending: bool,
    pub fill: Fill,
    /// The only groups that are wanted, when they are known beforehand.
    pub groups: Option<Arc<BTreeSet<GroupKey>>>,
}

/// Runs the outermost `SELECT`; `columns` are its column names, time first.
pub fn outermost<'a>(
    select: &Select,
    columns: &Arc<Vec<String>>,
    reader: &'a dyn Reader,
    context: &'a QueryContext,
) -> Result<Chunks<'a>, QueryError> {
    let engine = Engine {
        reader,
        context,
        budget: Budget::new(context),
    };
    let mut run_as = Run {
        time: bounded_start(select, context),
        dimensions: select.dimensions.clone(),
        interval: select.interval,
        ascending: select.ascending,
        fill: select.fill,
        groups: None,
    };
    run_as.groups = slimit::limited_groups(select, &run_as, &engine)?.map(Arc::new);
    let blocks = run(select, &run_as, &engine)?;
    let blocks = slimit::limit_groups(select, run_as.groups, blocks);
    let dimensions = select.dimensions.clone();
    let columns = Arc::clone(columns);
    let mut last: Option<Arc<SeriesKey>> = None;
    Ok(Box::new(blocks.map(move |block| {
        let block = block?;
        let same = last.as_ref().filter(|key| {
            key.name == block.key.name
                && key
                    .tags
                    .iter()
                    .map(|(_, value)| value)
                    .eq(&block.key.values)
        });
        let key = match same {
            Some(key) => Arc::clone(key),
            None => Arc::new(SeriesKey {
                name: block.key.name.clone(),
                tags: dimensions
                    .iter()
                    .cloned()
                    .zip(block.key.values.iter().cloned())
                    .collect(),
            }),
        };
        last = Some(Arc::clone(&key));
        Ok(SeriesChunk {
            key,
            columns: Arc::clone(&columns),
            times: Some(block.times),
            values: block.columns,
        })
    })))
}

/// With a limit of buckets and an open start, the start moves so that no more than
/// that many buckets are left.
fn bounded_start(select: &Select, context: &QueryContext) -> TimeBounds {
    let mut time = TimeBounds {
        min: select.time.min,
        max: select.time.max,
    };
    if let Some(interval) = select.interval
        && context.buckets_max > 0
        && !select.time.has_min
        && !select.is_raw()
    {
        let buckets = i64::try_from(context.buckets_max).unwrap_or(i64::MAX);
        let reach = interval.every.saturating_mul(buckets.saturating_sub(1));
        let into = time.max.saturating_sub(1).saturating_sub(interval.offset);
        let last = time
            .max
            .saturating_sub(1)
            .saturating_sub(into.rem_euclid(interval.every));
        time.min = last.saturating_sub(reach).max(time.min);
    }
    time
}

/// Runs a `SELECT`; the blocks have a column for each of its columns.
pub fn run<'a>(select: &Select, run: &Run, engine: &Engine<'a>) -> Result<Blocks<'a>, QueryError> {
    if select.is_raw() {
        raw::rows(select, run, engine)
    } else {
        functions(select, run, engine)
    }
}

/// The select list with the columns that functions with companions add; what is written
/// has them behind all others, as tags.
fn output_expressions(select: &Select) -> Vec<Expr> {
    let mut out = Vec::new();
    for item in &select.fields {
        out.push(item.expr.clone());
        if select.writes {
            continue;
        }
        out.extend(companions(&item.expr).iter().cloned());
    }
    out.extend(select.written_tags().into_iter().map(|name| Expr::VarRef {
        name,
        cast: Some(DataType::Tag),
    }));
    out
}

/// The references of expressions, each once; not those inside of functions over
/// rows if `outside_calls`.
fn references(exprs: &[Expr], outside_calls: bool) -> Vec<Want> {
    let mut wants: Vec<Want> = Vec::new();
    for expr in exprs {
        collect_references(expr, outside_calls, &mut wants);
    }
    wants
}

fn collect_references(expr: &Expr, outside_calls: bool, wants: &mut Vec<Want>) {
    match expr {
        Expr::VarRef { name, cast } => {
            let want = Want {
                name: name.clone(),
                data_type: *cast,
            };
            if !wants.contains(&want) {
                wants.push(want);
            }
        }
        Expr::Call { .. } if outside_calls && is_series_call(expr) => {}
        Expr::Call { args, .. } => {
            for arg in args {
                deeper(|| collect_references(arg, outside_calls, wants));
            }
        }
        Expr::Binary { lhs, rhs, .. } => {
            deeper(|| collect_references(lhs, outside_calls, wants));
            deeper(|| collect_references(rhs, outside_calls, wants));
        }
        Expr::Paren(inner) => deeper(|| collect_references(inner, outside_calls, wants)),
        _ => {}
    }
}

/// Stands for a call in an expression over the values of the calls; no field has
/// such a name.
fn placeholder(call: usize) -> String {
    format!("\0{call}")
}

/// Puts placeholders in the place of calls, each different call being listed once.
fn extract_calls(expr: &Expr, calls: &mut Vec<Expr>) -> Expr {
    match expr {
        Expr::Call { .. } if is_series_call(expr) => {
            let place = calls.iter().position(|call| call == expr);
            let place = place.unwrap_or_else(|| {
                calls.push(expr.clone());
                calls.len() - 1
            });
            Expr::VarRef {
                name: placeholder(place),
                cast: None,
            }
        }
        Expr::Call { name, args } => Expr::Call {
            name: name.clone(),
            args: args
                .iter()
                .map(|arg| deeper(|| extract_calls(arg, calls)))
                .collect(),
        },
        Expr::Binary { op, lhs, rhs } => Expr::Binary {
            op: *op,
            lhs: Box::new(deeper(|| extract_calls(lhs, calls))),
            rhs: Box::new(deeper(|| extract_calls(rhs, calls))),
        },
        Expr::Paren(inner) => Expr::Paren(Box::new(deeper(|| extract_calls(inner, calls)))),
        other => other.clone(),
    }
}

/// Everything that turns the values of the functions of a group into result rows.
struct Finish {
    nodes: Vec<Node>,
    types: Vec<Option<DataType>>,
    outputs: Vec<Expression>,
    /// How many of the outputs, the last ones, are written as tags.
    written_tags: usize,
    limit: u64,
    offset: u64,
    fill: Fill,
    ascending: bool,
    budget: Budget,
}

fn functions<'a>(
    select: &Select,
    run: &Run,
    engine: &Engine<'a>,
) -> Result<Blocks<'a>, QueryError> {
    let expressions = output_expressions(select);
    let mut calls = Vec::new();
    let rewritten: Vec<Expr> = expressions
        .iter()
        .map(|expr| extract_calls(expr, &mut calls))
        .collect();
    let mut aux = references(&expressions, true);
    add_top_tags(&calls, &mut aux);
    let mut builder = Builder {
        leaves: Vec::new(),
        aux: aux.clone(),
        selector: calls.len() == 1 && is_selector(&calls[0]),
        fill: run.fill,
        timezone: select.timezone,
        interval: run.interval,
        ascending: run.ascending,
    };
    let nodes: Vec<Node> = calls
        .iter()
        .map(|call| builder.call(call, run.time))
        .collect::<Result<_, _>>()?;
    let types: Vec<Option<DataType>> = calls
        .iter()
        .map(result_type)
        .chain(aux.iter().map(|want| Ok(want.data_type)))
        .collect::<Result<_, _>>()?;
    let outputs = rewritten
        .iter()
        .map(|expr| {
            Expression::select(expr, &mut |name, cast| {
                let call = (0..calls.len()).find(|call| placeholder(*call) == name);
                call.or_else(|| {
                    let same = |w: &Want| w.name == name && w.data_type == cast;
                    aux.iter().position(same).map(|place| calls.len() + place)
                })
            })
        })
        .collect::<Result<_, _>>()?;
    let grouping = Grouping {
        dimensions: run.dimensions.clone(),
        ascending: run.ascending,
        interval: run.interval,
        ending: ending(&calls, run),
        groups: run.groups.clone(),
    };
    let groups = evaluate_leaves(select, &builder.leaves, &aux, &grouping, engine)?;
    let finish = Finish {
        nodes,
        types,
        outputs,
        written_tags: select.written_tags().len(),
        limit: select.limit,
        offset: select.offset,
        fill: run.fill,
        ascending: run.ascending,
        budget: engine.budget.clone(),
    };
    Ok(Box::new(groups.filter_map(move |group| {
        let block = group.and_then(|group| {
            let rows = finish.rows(&group.leaves)?;
            Ok(rows.map(|(times, columns)| Block {
                key: group.key,
                times: times.into(),
                columns,
            }))
        });
        block.transpose()
    })))
}

/// Only `percentile()` gives no value for a bucket with rows.
fn ending(calls: &[Expr], run: &Run) -> Ending {
    match calls {
        [Expr::Call { name, .. }] if name == "percentile" => {
            if run.interval.is_none() || run.fill == Fill::None {
                Ending::AfterRows { pending: false }
            } else {
                Ending::Filled {
                    begun: false,
                    in_group: false,
                    empty: 0,
                }
            }
        }
        _ => Ending::Never,
    }
}

/// `top(field, tag, n)` needs its tags even where they are not put out.
fn add_top_tags(calls: &[Expr], aux: &mut Vec<Want>) {
    for want in calls
        .iter()
        .flat_map(|call| references(companions(call), false))
    {
        if !aux.contains(&want) {
            aux.push(want);
        }
    }
}

impl Finish {
    /// The result rows of a group; `None` if there are none.
    #[allow(clippy::type_complexity)]
    fn rows(&self, leaves: &[Series]) -> Result<Option<(Vec<i64>, Vec<Column>)>, QueryError> {
        let (offset, limit) = self.page();
        let mut series = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let one = node.evaluate(leaves, offset.saturating_add(limit), &self.budget)?;
            series.push(one.slice(offset, limit));
        }
        let (times, columns) = merge::merge(series, self.ascending)?;
        if times.is_empty() {
            return Ok(None);
        }
        let filled = columns
            .iter()
            .zip(self.types.iter().copied().chain(std::iter::repeat(None)))
            .map(|(column, data_type)| {
                let column = match (column, data_type) {
                    (Column::Null(len), Some(_)) => Column::nulls(data_type, *len),
                    _ => column.clone(),
                };
                default_nulls(column, self.fill)
            })
            .collect::<Result<Vec<_>, _>>()?;
        // A tag that a point lacks is filled by nothing.
        let (shown, tags) = self
            .outputs
            .split_at(self.outputs.len() - self.written_tags);
        let shown = shown
            .iter()
            .map(|output| output.evaluate(&filled, times.len()));
        let tags = tags
            .iter()
            .map(|output| output.evaluate(&columns, times.len()));
        let outputs = shown.chain(tags).collect();
        Ok(Some((times, outputs)))
    }

    /// How many rows of each function are skipped, and how many are shown at most.
    fn page(&self) -> (usize, usize) {
        let rows = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        match self.limit {
            0 => (rows(self.offset), usize::MAX),
            limit => (rows(self.offset), rows(limit)),
        }
    }
}

/// The range that both allow; buckets without an upper bound end now.
fn intersect(select: &Select, outer: TimeBounds, context: &QueryContext) -> TimeBounds {
    let mut time = TimeBounds {
        min: select.time.min.max(outer.min),
        max: select.time.max.min(outer.max),
    };
    if select.interval.is_some() && time.max >= MAX_TIME {
        time.max = context.now_ns;
    }
    time
}
