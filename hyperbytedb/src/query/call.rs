//! The functions of a select list at work: which rows they need, and how their
//! values are computed, group by group.

mod pushed;
mod scanned;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::BooleanArray;
use influxql::ast::{DataType, Fill};

use super::aggregate::{Ending, Function};
use super::budget::Budget;
use super::column::Column;
use super::error::QueryError;
use super::fill::fill;
use super::plan::Select;
use super::rows::{GroupKey, directed};
use super::scan::TimeBounds;
use super::source::{Engine, Want};
use super::transform::Transform;
use super::window::Buckets;

/// The values of one function for one group, in the order of the statement.
#[derive(Debug, Clone)]
pub struct Series {
    pub times: Vec<i64>,
    pub values: Column,
    /// Companions of selected rows.
    pub aux: Vec<Column>,
}

impl Series {
    #[must_use]
    pub fn empty(data_type: Option<DataType>, aux: usize) -> Series {
        Series {
            times: Vec::new(),
            values: Column::nulls(data_type, 0),
            aux: vec![Column::Null(0); aux],
        }
    }

    pub fn without_nulls(&self) -> Result<Series, QueryError> {
        if self.values.null_count() == 0 {
            return Ok(self.clone());
        }
        let mask: BooleanArray = (0..self.values.len())
            .map(|row| Some(!self.values.is_null(row)))
            .collect();
        let times = self.times.iter().zip(mask.values().iter());
        Ok(Series {
            times: times
                .filter_map(|(time, keep)| keep.then_some(*time))
                .collect(),
            values: self.values.filter(&mask)?,
            aux: self
                .aux
                .iter()
                .map(|column| column.filter(&mask))
                .collect::<Result<_, _>>()?,
        })
    }

    #[must_use]
    pub fn slice(&self, offset: usize, len: usize) -> Series {
        let offset = offset.min(self.times.len());
        let len = len.min(self.times.len() - offset);
        Series {
            times: self.times[offset..offset + len].to_vec(),
            values: self.values.slice(offset, len),
            aux: self.aux.iter().map(|c| c.slice(offset, len)).collect(),
        }
    }

    /// In order of time; what has the same time stays as it is.
    fn sorted(self, ascending: bool) -> Result<Series, QueryError> {
        let in_order = self
            .times
            .windows(2)
            .all(|pair| directed(pair[0].cmp(&pair[1]), ascending) != Ordering::Greater);
        if in_order {
            return Ok(self);
        }
        let mut order: Vec<usize> = (0..self.times.len()).collect();
        order.sort_by(|a, b| directed(self.times[*a].cmp(&self.times[*b]), ascending));
        let indices = order.iter().map(|row| Some(*row as u64)).collect();
        Ok(Series {
            times: order.iter().map(|row| self.times[*row]).collect(),
            values: self.values.take(&indices)?,
            aux: self
                .aux
                .iter()
                .map(|column| column.take(&indices))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A function over the rows themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    pub function: Function,
    pub input: Want,
    pub buckets: Buckets,
}

/// A function of the select list, as a tree down to its leaves.
#[derive(Debug, Clone)]
pub enum Node {
    Leaf(usize),
    /// Times become starts of buckets, and missing buckets are filled.
    Bucket {
        input: Box<Node>,
        fill: Option<Fill>,
        buckets: Buckets,
    },
    /// Number of the values of each bucket.
    Count {
        input: Box<Node>,
        buckets: Buckets,
    },
    Transform {
        input: Box<Node>,
        transform: Transform,
        buckets: Buckets,
    },
}

impl Node {
    /// Computes the function from the values of its leaves: at least its first `most` rows,
    /// where there are so many. Buckets that come after them are not filled in.
    pub fn evaluate(
        &self,
        leaves: &[Series],
        most: usize,
        budget: &Budget,
    ) -> Result<Series, QueryError> {
        match self {
            Node::Leaf(place) => Ok(leaves
                .get(*place)
                .cloned()
                .unwrap_or_else(|| Series::empty(None, 0))),
            Node::Bucket {
                input,
                fill: kind,
                buckets,
            } => {
                let mut series = input.evaluate(leaves, usize::MAX, budget)?;
                for time in &mut series.times {
                    *time = buckets.label(*time);
                }
                match kind {
                    Some(kind) => fill(series, *kind, buckets, most, budget),
                    None => Ok(series),
                }
            }
            Node::Count { input, buckets } => {
                let series = input.evaluate(leaves, usize::MAX, budget)?;
                let series = series.without_nulls()?;
                Ok(count(&series, buckets))
            }
            Node::Transform {
                input,
                transform,
                buckets,
            } => {
                let mut wanted = match transform.looks_ahead() {
                    true => usize::MAX,
                    false => most.saturating_add(1),
                };
                loop {
                    let series = input.input_of_transform(leaves, wanted, budget)?;
                    let is_all = series.times.len() < wanted;
                    let transformed = transform.apply(&series, buckets, budget)?;
                    // The last row may yet change with those that come after it.
                    if is_all || transformed.times.len() > most {
                        return Ok(transformed);
                    }
                    wanted = wanted.saturating_mul(2);
                }
            }
        }
    }

    /// As [`Node::evaluate`], without the rows that have no value: transformations skip
    /// them, so that there is no use in filling buckets with nulls.
    fn input_of_transform(
        &self,
        leaves: &[Series],
        most: usize,
        budget: &Budget,
    ) -> Result<Series, QueryError> {
        match self {
            Node::Bucket {
                input,
                fill: Some(Fill::Null),
                buckets,
            } => Node::Bucket {
                input: input.clone(),
                fill: None,
                buckets: *buckets,
            }
            .evaluate(leaves, most, budget),
            other => other.evaluate(leaves, most, budget),
        }
    }
}

fn count(series: &Series, buckets: &Buckets) -> Series {
    let mut times: Vec<i64> = Vec::new();
    let mut counts: Vec<i64> = Vec::new();
    for time in &series.times {
        let start = buckets.window(*time).0;
        match (times.last(), counts.last_mut()) {
            (Some(last), Some(count)) if *last == start => *count += 1,
            _ => {
                times.push(start);
                counts.push(1);
            }
        }
    }
    Series {
        times,
        values: Column::Integer(counts.into()),
        aux: Vec::new(),
    }
}

/// The values of a group, one series for each leaf.
pub struct Group {
    pub key: Arc<GroupKey>,
    pub leaves: Vec<Series>,
}

/// Groups in order.
pub type Groups<'a> = Box<dyn Iterator<Item = Result<Group, QueryError>> + Send + 'a>;

/// Values of some of the leaves: their places, and a stream that has a series for
/// each of these places.
struct Part<'a> {
    places: Vec<usize>,
    groups: Groups<'a>,
}

/// What is grouped, and in which direction.
#[derive(Debug, Clone)]
pub struct Grouping {
    pub dimensions: Vec<String>,
    pub ascending: bool,
    pub interval: Option<influxql::Interval>,
    pub ending: Ending,
    /// The only groups that are wanted, when they are known beforehand.
    pub groups: Option<Arc<BTreeSet<GroupKey>>>,
}

/// Reads the sources and computes all leaves, group by group.
///
/// Leaves that a reader can compute are given to it; the others share one scan for
/// each range of time. `aux` are the companions of the (then only) selector.
pub fn evaluate_leaves<'a>(
    select: &Select,
    leaves: &[Leaf],
    aux: &[Want],
    grouping: &Grouping,
    engine: &Engine<'a>,
) -> Result<Groups<'a>, QueryError> {
    let mut parts = Vec::new();
    let (mut pushed, mut scanned) = (Vec::<Vec<usize>>::new(), Vec::<Vec<usize>>::new());
    for (place, leaf) in leaves.iter().enumerate() {
        let pushable = aux.is_empty() && pushed::is_pushable(select, leaf);
        let sets = if pushable { &mut pushed } else { &mut scanned };
        let time: TimeBounds = leaf.buckets.time;
        match sets
            .iter_mut()
            .find(|set| leaves[set[0]].buckets.time == time)
        {
            Some(set) => set.push(place),
            None => sets.push(vec![place]),
        }
    }
    for places in pushed {
        let set: Vec<&Leaf> = places.iter().map(|place| &leaves[*place]).collect();
        let groups = pushed::groups(select, &set, grouping, engine)?;
        parts.push(Part { places, groups });
    }
    for places in scanned {
        let set: Vec<&Leaf> = places.iter().map(|place| &leaves[*place]).collect();
        let groups = scanned::groups(select, &set, aux, grouping, engine)?;
        parts.push(Part { places, groups });
    }
    let empty: Vec<Series> = leaves
        .iter()
        .map(|leaf| Series::empty(leaf.result_type(), aux.len()))
        .collect();
    Ok(align(parts, empty, grouping.ascending))
}

impl Leaf {
    fn result_type(&self) -> Option<DataType> {
        match self.function {
            Function::Count => Some(DataType::Integer),
            Function::Mean | Function::Median | Function::Stddev => Some(DataType::Float),
            _ => self.input.data_type,
        }
    }
}

/// Brings the groups of several streams together.
fn align(parts: Vec<Part<'_>>, empty: Vec<Series>, ascending: bool) -> Groups<'_> {
    let mut parts: Vec<_> = parts
        .into_iter()
        .map(|part| (part.places, part.groups.peekable()))
        .collect();
    Box::new(std::iter::from_fn(move || {
        let mut first: Option<Arc<GroupKey>> = None;
        for (_, groups) in &mut parts {
            match groups.peek() {
                Some(Ok(group)) => {
                    let earlier = first.as_ref().is_none_or(|key| {
                        directed(group.key.cmp(key), ascending) == Ordering::Less
                    });
                    if earlier {
                        first = Some(Arc::clone(&group.key));
                    }
                }
                Some(Err(_)) => return groups.next(),
                None => {}
            }
        }
        let key = first?;
        let mut leaves = empty.clone();
        for (places, groups) in &mut parts {
            let same = |group: &Result<Group, _>| group.as_ref().is_ok_and(|g| g.key == key);
            if let Some(Ok(group)) = groups.next_if(same) {
                for (place, series) in places.iter().zip(group.leaves) {
                    leaves[*place] = series;
                }
            }
        }
        Some(Ok(Group { key, leaves }))
    }))
}
