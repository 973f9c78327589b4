//! The points of a scan themselves, in the order that is asked for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicUsize};

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{interleave, take};
use storage::{ReadView, Rows, SeriesId};

use super::aggregates::batch_of;
use super::groups::{Groups, NO_GROUP};
use super::parts::{Parts, for_each, has_any};
use crate::query::clickhouse::sources::field_array;
use crate::query::column::arrow_error;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{Batches, FieldRef, Output, Scan};

/// Rows of a batch that is handed on: few enough that the encoder finds them in the cache.
const BATCH_ROWS: usize = 4_096;

/// What a row takes beside its fields: series, time and place.
const ROW_BYTES: usize = 40;

/// Rows of one portion with the columns that are wanted of them.
struct Portion {
    series: Vec<u32>,
    times: Vec<i64>,
    fields: Vec<ArrayRef>,
}

/// The series of some portions in the order of the values of some tags, then of keys.
struct Ranks {
    of: HashMap<SeriesId, u32>,
    /// For each tag that is wanted its values by rank; '' where a series lacks it.
    tags: Vec<ArrayRef>,
    /// Columns of text that order rows of one time before their ranks do.
    texts: Vec<usize>,
}

/// A row and what orders it.
#[derive(Clone, Copy)]
struct Place {
    group: u32,
    time: i64,
    /// Of its series.
    rank: u32,
    portion: u32,
    row: u32,
}

/// Collects the rows and hands them out in order.
///
/// # Errors
/// When a file is damaged, or a limit of the query is reached.
pub fn rows(
    scan: &Scan,
    fields: &[FieldRef],
    tags: &[String],
    limit: Option<u64>,
    parts: &Parts,
    context: &QueryContext,
) -> Result<Batches, QueryError> {
    let groups = Groups::new(&parts.view, &scan.dimensions);
    let held = AtomicUsize::new(0);
    let portions = for_each(&parts.list, parts.threads, context, |part| {
        let mut portions = Vec::with_capacity(1);
        for rows in parts.read(part, &context.work)? {
            let portion = portion_of(&rows, fields, parts)?;
            let bytes = portion.bytes();
            let held = held.fetch_add(bytes, atomic::Ordering::Relaxed) + bytes;
            check_memory(held, context)?;
            portions.push(portion);
        }
        Ok(portions)
    })?;
    let portions: Vec<Portion> = portions.into_iter().flatten().collect();
    let ranks = Ranks::of(&portions, &parts.view, scan, tags);
    let tags = ranks.tags.iter().map(|tag| tag.get_array_memory_size());
    check_memory(held.into_inner() + tags.sum::<usize>(), context)?;
    let order = order_of(&portions, &groups, &ranks, scan, limit);
    context.check()?;
    if order.is_empty() {
        return Ok(Box::new(std::iter::empty()));
    }
    let dimensions = scan.dimensions.len();
    let context = context.clone();
    let starts = (0..order.len()).step_by(BATCH_ROWS);
    Ok(Box::new(starts.map(move |start| {
        context.check()?;
        let end = (start + BATCH_ROWS).min(order.len());
        batch(&order[start..end], &portions, &ranks, &groups, dimensions)
    })))
}

fn portion_of(rows: &Rows, fields: &[FieldRef], parts: &Parts) -> Result<Portion, QueryError> {
    let field = |field: &FieldRef| match parts.layout.field(&field.name, field.field_type) {
        Some(at) => field_array(&parts.layout.fields[at], rows).map_err(|e| arrow_error(&e)),
        None => Err(QueryError::Engine(format!(
            "{} is not in the layout",
            field.name
        ))),
    };
    Ok(Portion {
        series: rows.series.clone(),
        times: rows.times.clone(),
        fields: fields.iter().map(field).collect::<Result<_, _>>()?,
    }
    .with_any())
}

impl Portion {
    /// Bytes that it holds, its places in the order included.
    fn bytes(&self) -> usize {
        let fields = self.fields.iter();
        let fields = fields.map(|column| column.get_array_memory_size());
        self.times.len() * ROW_BYTES + fields.sum::<usize>()
    }

    /// Leaves out rows that have none of the fields.
    fn with_any(self) -> Self {
        let fields = &self.fields;
        if fields.iter().any(|column| column.null_count() == 0) {
            return self;
        }
        let kept: Vec<u32> = (0..self.times.len())
            .filter(|row| has_any(fields, *row))
            .map(|row| row as u32)
            .collect();
        let indices = UInt32Array::from(kept.clone());
        let kept_of = |column: &ArrayRef| {
            // Places of rows of this very column, the only thing take can refuse.
            take(column, &indices, None).unwrap_or_else(|_| column.clone())
        };
        Self {
            series: kept.iter().map(|row| self.series[*row as usize]).collect(),
            times: kept.iter().map(|row| self.times[*row as usize]).collect(),
            fields: fields.iter().map(kept_of).collect(),
        }
    }
}

fn check_memory(bytes: usize, context: &QueryContext) -> Result<(), QueryError> {
    if bytes > context.memory_bytes_max {
        return Err(QueryError::Memory {
            limit_bytes: context.memory_bytes_max,
        });
    }
    Ok(())
}

impl Ranks {
    fn of(portions: &[Portion], view: &ReadView, scan: &Scan, tags: &[String]) -> Self {
        let texts = scan.output.texts_in_front();
        let (first, texts) = match tags_in_front(&scan.output, &texts) {
            Some(tags) => (tags, Vec::new()),
            None => (Vec::new(), texts),
        };
        let stretches = portions
            .iter()
            .flat_map(|portion| portion.series.chunk_by(|a, b| a == b));
        let mut series: Vec<SeriesId> = stretches.map(|stretch| stretch[0]).collect();
        series.sort_unstable();
        series.dedup();
        let inner = view.table.read();
        let values = |id: SeriesId| first.iter().map(|tag| inner.series.tag(id, tag)).collect();
        let mut order: Vec<(Vec<Cow<'_, str>>, SeriesId)> =
            series.into_iter().map(|id| (values(id), id)).collect();
        order.sort_unstable_by(|(a_tags, a), (b_tags, b)| {
            let keys = || inner.series.key(*a).cmp(inner.series.key(*b));
            a_tags.cmp(b_tags).then_with(keys)
        });
        let values_of = |tag: &String| {
            let values = order.iter().map(|(_, id)| inner.series.tag(*id, tag));
            Arc::new(StringArray::from_iter_values(values)) as ArrayRef
        };
        Self {
            tags: tags.iter().map(values_of).collect(),
            of: order.iter().map(|(_, id)| *id).zip(0..).collect(),
            texts,
        }
    }
}

/// The columns of text in front as tags, when none of them is a field: then they order
/// the series themselves.
fn tags_in_front<'a>(output: &'a Output, texts: &[usize]) -> Option<Vec<&'a String>> {
    let Output::Rows { fields, tags, .. } = output else {
        return None;
    };
    let tag = |at: &usize| tags.get(at.checked_sub(fields.len())?);
    texts.iter().map(tag).collect()
}

/// Compares rows of one time by columns of text; no text is the smallest.
fn compare_texts(a: &Place, b: &Place, portions: &[Portion], ranks: &Ranks) -> Ordering {
    let text = |place: &Place, at: usize| {
        let fields = &portions[place.portion as usize].fields;
        let (column, row) = match at.checked_sub(fields.len()) {
            None => (fields[at].as_string_opt::<i32>()?, place.row as usize),
            Some(tag) => (ranks.tags[tag].as_string_opt::<i32>()?, place.rank as usize),
        };
        column.is_valid(row).then(|| column.value(row))
    };
    ranks
        .texts
        .iter()
        .map(|at| text(a, *at).cmp(&text(b, *at)))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn order_of(
    portions: &[Portion],
    groups: &Groups,
    ranks: &Ranks,
    scan: &Scan,
    limit: Option<u64>,
) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for (number, portion) in portions.iter().enumerate() {
        let mut row = 0;
        for stretch in portion.series.chunk_by(|a, b| a == b) {
            let group = groups.of(stretch[0]);
            let rank = ranks.of.get(&stretch[0]).copied().unwrap_or_default();
            for _ in stretch {
                if group != NO_GROUP {
                    places.push(Place {
                        group,
                        time: portion.times[row],
                        rank,
                        portion: number as u32,
                        row: row as u32,
                    });
                }
                row += 1;
            }
        }
    }
    // A stable sort makes use of the order that the rows of each series have.
    places.sort_by_key(|place| (place.group, place.time, place.rank));
    if !ranks.texts.is_empty() {
        let same = |a: &Place, b: &Place| (a.group, a.time) == (b.group, b.time);
        for ties in places.chunk_by_mut(same).filter(|ties| ties.len() > 1) {
            ties.sort_by(|a, b| compare_texts(a, b, portions, ranks));
        }
    }
    if scan.descending {
        for group in places.chunk_by_mut(|a, b| a.group == b.group) {
            group.reverse();
        }
    }
    if let Some(limit) = limit {
        let mut count = 0;
        let mut last = NO_GROUP;
        places.retain(|place| {
            count = if place.group == last { count + 1 } else { 1 };
            last = place.group;
            count <= limit
        });
    }
    places
}

fn batch(
    places: &[Place],
    portions: &[Portion],
    ranks: &Ranks,
    groups: &Groups,
    dimensions: usize,
) -> Result<RecordBatch, QueryError> {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for at in 0..dimensions {
        let values = places
            .iter()
            .map(|place| groups.values[place.group as usize][at].as_str());
        arrays.push(Arc::new(StringArray::from_iter_values(values)));
    }
    let times = places.iter().map(|place| place.time);
    arrays.push(Arc::new(Int64Array::from_iter_values(times)));
    let indices: Vec<(usize, usize)> = places
        .iter()
        .map(|place| (place.portion as usize, place.row as usize))
        .collect();
    let fields = portions.first().map_or(0, |portion| portion.fields.len());
    for at in 0..fields {
        let sources: Vec<&dyn Array> = portions
            .iter()
            .map(|portion| portion.fields[at].as_ref())
            .collect();
        arrays.push(interleave(&sources, &indices).map_err(|error| arrow_error(&error))?);
    }
    let by_rank = UInt32Array::from_iter_values(places.iter().map(|place| place.rank));
    for tag in &ranks.tags {
        arrays.push(take(tag, &by_rank, None).map_err(|error| arrow_error(&error))?);
    }
    batch_of(arrays)
}
