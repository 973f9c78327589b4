//! Functions computed here, from the rows of a scan.

use std::sync::Arc;

use influxql::ast::DataType;

use super::{Group, Grouping, Groups, Leaf, Series};
use crate::query::aggregate::{Ending, Function, GroupReducer};
use crate::query::budget::Budget;
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::plan::Select;
use crate::query::rows::{Block, Peeked};
use crate::query::source::{Engine, Request, Want, rows};

/// Computes leaves that have the same range of time from one scan.
pub(super) fn groups<'a>(
    select: &Select,
    leaves: &[&Leaf],
    aux: &[Want],
    grouping: &Grouping,
    engine: &Engine<'a>,
) -> Result<Groups<'a>, QueryError> {
    let mut wants: Vec<Want> = Vec::new();
    let mut place_of = |want: &Want| {
        wants
            .iter()
            .position(|other| other == want)
            .unwrap_or_else(|| {
                wants.push(want.clone());
                wants.len() - 1
            })
    };
    let inputs: Vec<(Leaf, usize)> = leaves
        .iter()
        .map(|leaf| ((*leaf).clone(), place_of(&leaf.input)))
        .collect();
    let drivers = inputs
        .iter()
        .filter(|(leaf, _)| leaf.function != Function::Rows)
        .map(|(_, place)| *place)
        .collect();
    let aux: Vec<usize> = aux.iter().map(place_of).collect();
    let Some(first) = leaves.first() else {
        return Ok(Box::new(std::iter::empty()));
    };
    let request = Request {
        wants,
        dimensions: grouping.dimensions.clone(),
        time: first.buckets.time,
        ascending: grouping.ascending,
        limit: None,
        interval: grouping.interval,
        by_time: true,
        within: match first.buckets.every {
            0 => drivers,
            _ => Vec::new(),
        },
    };
    let wanted = grouping.groups.clone();
    let is_wanted = move |block: &Result<Block, QueryError>| match (&wanted, block) {
        (Some(wanted), Ok(block)) => wanted.contains(&*block.key),
        _ => true,
    };
    let blocks = rows(select, &request, engine)?.filter(is_wanted);
    let mut input = Peeked::new(Box::new(blocks));
    let budget = engine.budget.clone();
    let ascending = grouping.ascending;
    let mut endings = vec![grouping.ending.clone(); inputs.len()];
    Ok(Box::new(std::iter::from_fn(move || {
        next_group(&mut input, &inputs, &aux, &mut endings, ascending, &budget).transpose()
    })))
}

/// Reads one group to its end; groups without a value of any leaf are passed over.
fn next_group(
    input: &mut Peeked<'_>,
    inputs: &[(Leaf, usize)],
    aux: &[usize],
    endings: &mut [Ending],
    ascending: bool,
    budget: &Budget,
) -> Result<Option<Group>, QueryError> {
    while let Some(key) = input.key()? {
        let mut states: Vec<State> = inputs
            .iter()
            .zip(&*endings)
            .map(|((leaf, place), ending)| State::new(leaf, *place, aux, ending, budget))
            .collect();
        while let Some(block) = input.take_of(&key)? {
            budget.check()?;
            for state in &mut states {
                state.push(&block)?;
            }
        }
        let leaves = states
            .into_iter()
            .zip(&mut *endings)
            .map(|(state, ending)| state.finish(ending)?.sorted(ascending))
            .collect::<Result<Vec<_>, _>>()?;
        if leaves.iter().any(|series| !series.times.is_empty()) {
            return Ok(Some(Group {
                key: Arc::clone(&key),
                leaves,
            }));
        }
    }
    Ok(None)
}

/// A leaf at work on one group.
enum State {
    Reduce(Box<GroupReducer>),
    /// Keeps the rows as they are.
    Keep(Keep),
}

struct Keep {
    place: usize,
    data_type: Option<DataType>,
    times: Vec<i64>,
    values: Vec<Column>,
    held: usize,
    budget: Budget,
}

impl State {
    fn new(leaf: &Leaf, place: usize, aux: &[usize], ending: &Ending, budget: &Budget) -> State {
        let data_type = leaf.input.data_type;
        if leaf.function == Function::Rows {
            return State::Keep(Keep {
                place,
                data_type,
                times: Vec::new(),
                values: Vec::new(),
                held: 0,
                budget: budget.clone(),
            });
        }
        State::Reduce(Box::new(GroupReducer::new(
            &leaf.function,
            data_type,
            leaf.buckets,
            place,
            aux.to_vec(),
            ending.clone(),
            budget,
        )))
    }

    fn push(&mut self, block: &Block) -> Result<(), QueryError> {
        match self {
            State::Reduce(reducer) => reducer.push(block),
            State::Keep(keep) => {
                let Some(column) = block.columns.get(keep.place) else {
                    return Ok(());
                };
                let bytes = block.len() * 8 + column.bytes();
                keep.budget.hold(bytes)?;
                keep.held += bytes;
                keep.times.extend(block.times.iter());
                keep.values.push(column.clone());
                Ok(())
            }
        }
    }

    fn finish(self, ending: &mut Ending) -> Result<Series, QueryError> {
        match self {
            State::Reduce(reducer) => {
                let (series, after) = reducer.finish()?;
                *ending = after;
                Ok(series)
            }
            State::Keep(keep) => {
                let mut values = Column::concat(&keep.values)?;
                if values.data_type().is_none() {
                    values = Column::nulls(keep.data_type, values.len());
                }
                keep.budget.release(keep.held);
                Series {
                    times: keep.times,
                    values,
                    aux: Vec::new(),
                }
                .without_nulls()
            }
        }
    }
}
