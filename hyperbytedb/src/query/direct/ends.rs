//! `first` and `last` of whole series: only the ends of the series are read, and only of
//! the sources that can have them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use storage::{ColumnId, FileHandle, FilePart, ReadView, Rows, Run, RunPart, SeriesId, SeriesSet};

use super::parts::{PART_ROWS, Part, Parts, for_each};
use super::reader::AGGREGATED_VALUES;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::scan::{Aggregate, AggregateFunction, Output};

/// What reading one row costs, in rows that are read with many others: its page is
/// decoded for it.
const ROWS_OF_ONE: u64 = 256;

/// An end of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

impl End {
    /// How near a time is to the end; nearer is more.
    fn nearness(self, time: i64) -> i64 {
        match self {
            End::First => !time,
            End::Last => time,
        }
    }
}

/// The end at which everything lies that is asked for; `None` when there is more.
#[must_use]
pub fn end_of(output: &Output) -> Option<End> {
    let Output::Aggregates {
        window: None,
        calls,
    } = output
    else {
        return None;
    };
    let all = |function| {
        calls
            .iter()
            .all(|call: &Aggregate| call.function == function)
    };
    match () {
        () if all(AggregateFunction::Last) => Some(End::Last),
        () if all(AggregateFunction::First) => Some(End::First),
        () => None,
    }
}

/// What reading the ends of so many series costs, in rows.
#[must_use]
pub fn cost(series: u64) -> u64 {
    series * ROWS_OF_ONE
}

/// What may hold ends.
enum Source {
    File(Arc<FileHandle>),
    Run(Run),
    /// A slice of time in which sources overlap.
    Slice((i64, i64)),
}

/// Rows with the ends of all series, and maybe more.
///
/// Sources are read from the one that reaches nearest to the end. Of a series that has a
/// value of each column there, nothing is looked for in those that do not reach as far: of
/// servers that all report, the last file is read of many.
///
/// # Errors
/// When a file is missing or damaged, or too much is to be read for a short request.
pub fn read(parts: &Parts, end: End, context: &QueryContext) -> Result<Vec<Arc<Rows>>, QueryError> {
    let columns = parts.layout.column_ids().len();
    let sources = sources(&parts.view, end);
    let mut view = parts.view.clone();
    let mut settled = Settled::new(end, columns);
    let mut found = Vec::new();
    let mut costs = 0;
    for (nearness, source) in sources {
        let done = settled.before(nearness);
        if !done.is_empty() {
            let left = view.series() - done;
            if left.is_empty() {
                break;
            }
            view = view.of(left);
        }
        let list = portions(&view, source)?;
        costs += list.iter().map(|part| part_cost(&view, part)).sum::<u64>();
        context.work.check(costs / AGGREGATED_VALUES)?;
        let portions = for_each(&list, parts.threads, context, |part| match part {
            Part::Slice(slice) => Ok(vec![parts.slice(&view, *slice, &context.work)?]),
            part => parts.read(part, &context.work),
        })?;
        for rows in portions.into_iter().flatten() {
            settled.note(&rows);
            found.push(rows);
        }
    }
    Ok(found)
}

/// Everything that may hold ends, with how near to the end it reaches; the nearest first.
fn sources(view: &ReadView, end: End) -> Vec<(i64, Source)> {
    let outside = view.outside();
    let reach = |min: i64, max: i64| {
        let met = outside
            .iter()
            .filter(|(from, to)| *from <= max && min <= *to)
            .map(|(from, to)| match end {
                End::First => end.nearness(min.max(*from)),
                End::Last => end.nearness(max.min(*to)),
            });
        met.max()
    };
    let mut sources = Vec::new();
    for file in &view.files {
        if let Some(reach) = reach(file.min_time, file.max_time) {
            sources.push((reach, Source::File(file.clone())));
        }
    }
    for run in &view.runs {
        if let Some(reach) = reach(run.min_time, run.max_time) {
            sources.push((reach, Source::Run(run.clone())));
        }
    }
    for slice in view.merge_slices() {
        let nearest = match end {
            End::First => slice.0,
            End::Last => slice.1,
        };
        sources.push((end.nearness(nearest), Source::Slice(slice)));
    }
    sources.sort_by_key(|(reach, _)| std::cmp::Reverse(*reach));
    sources
}

/// A source in portions, of the series of the view.
fn portions(view: &ReadView, source: Source) -> Result<Vec<Part>, QueryError> {
    Ok(match source {
        Source::Slice(slice) => vec![Part::Slice(slice)],
        Source::Run(run) => {
            let parts = view.run_parts(&run, PART_ROWS);
            parts.into_iter().map(Part::Run).collect()
        }
        Source::File(file) => {
            let parts = view.file_parts(&file, PART_ROWS)?;
            parts.into_iter().map(Part::File).collect()
        }
    })
}

/// What reading a portion costs, in rows.
fn part_cost(view: &ReadView, part: &Part) -> u64 {
    match part {
        Part::File(part) => cost(part.series() as u64),
        Part::Merge(part) => part.rows,
        // Nothing is decoded.
        Part::Run(part) => part.ranges.len() as u64,
        Part::Slice(slice) => view.rows_of_slice(*slice),
    }
}

/// Of which series the end was found.
struct Settled {
    end: End,
    columns: usize,
    /// How near to the end a value of each column was found.
    nearest: HashMap<SeriesId, i64>,
}

impl Settled {
    fn new(end: End, columns: usize) -> Self {
        Self {
            end,
            columns,
            nearest: HashMap::new(),
        }
    }

    /// Takes in what was read.
    fn note(&mut self, rows: &Rows) {
        if rows.columns.len() < self.columns {
            return;
        }
        for (series, range) in rows.stretches() {
            let at = rows.columns.iter().map(|column| {
                let mut places = range.clone();
                let row = match self.end {
                    End::First => places.find(|row| column.values.is_valid(*row)),
                    End::Last => places.rfind(|row| column.values.is_valid(*row)),
                };
                row.map(|row| self.end.nearness(rows.times[row]))
            });
            // `None` is less than any: one column without a value is enough.
            if let Some(Some(nearest)) = at.min() {
                let held = self.nearest.entry(series).or_insert(nearest);
                *held = nearest.max(*held);
            }
        }
    }

    /// Takes out those series of which nothing is needed that is only so near to the end.
    fn before(&mut self, nearness: i64) -> SeriesSet {
        let mut done = SeriesSet::new();
        self.nearest.retain(|series, nearest| {
            let is_done = *nearest > nearness;
            if is_done {
                done.insert(*series);
            }
            !is_done
        });
        done
    }
}

/// The rows at the ends of a portion's series; `None` when they do not tell, because a
/// field has no value there, or their times are not those of the query, or are merged
/// with others.
///
/// # Errors
/// When the file is missing or damaged.
pub fn of_file(
    view: &ReadView,
    part: &FilePart,
    end: End,
    columns: &[ColumnId],
) -> Result<Option<Rows>, QueryError> {
    let ends = match end {
        End::First => part.first_rows(),
        End::Last => part.last_rows(),
    };
    let rows = view.read_part(&ends, columns)?;
    Ok(tell(&rows, part.series(), &view.windows).then_some(rows))
}

/// As [`of_file`], of a run in memory, none of whose rows are merged with others.
#[must_use]
pub fn of_run(part: &RunPart, end: End, columns: &[ColumnId]) -> Option<Rows> {
    let rows = part.ends(end == End::Last, columns);
    // Columns without a value among the rows are left out of them.
    let is_missing =
        |id: &ColumnId| part.run.rows.column(*id).is_some() && rows.column(*id).is_none();
    if columns.iter().any(is_missing) {
        return None;
    }
    tell(&rows, rows.len(), &[]).then_some(rows)
}

/// Whether each of the series has a row outside of the windows, and this a value of each
/// column.
fn tell(rows: &Rows, series: usize, windows: &[(i64, i64)]) -> bool {
    let is_merged = |time: &i64| windows.iter().any(|(from, to)| from <= time && time <= to);
    if rows.times.iter().any(is_merged) {
        return false;
    }
    let has_value = |range: &Range<usize>| {
        rows.columns
            .iter()
            .all(|column| match column.values.nulls() {
                None => true,
                Some(nulls) => nulls.slice(range.start, range.len()).null_count() < range.len(),
            })
    };
    let mut found = 0;
    for (_, range) in rows.stretches() {
        if !has_value(&range) {
            return false;
        }
        found += 1;
    }
    found == series
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Int64Array;
    use std::sync::Arc;
    use storage::{Column, Versions};

    fn rows(series: Vec<u32>, values: Vec<Option<i64>>) -> Rows {
        Rows {
            times: vec![0; series.len()],
            series,
            versions: Versions::One(storage::Version(1)),
            columns: vec![Column {
                id: 0,
                values: Arc::new(Int64Array::from(values)),
                older: None,
            }],
        }
    }

    #[test]
    fn ends_tell_when_every_series_has_a_value_there() {
        let one = rows(vec![1, 2], vec![Some(1), Some(2)]);
        assert!(tell(&one, 2, &[]));
        assert!(tell(&one, 2, &[(1, 9)]));
        assert!(!tell(&one, 2, &[(-1, 0)]));
        assert!(!tell(&one, 3, &[]));
        assert!(!tell(&rows(vec![1, 2], vec![Some(1), None]), 2, &[]));
        assert!(tell(&rows(vec![], vec![]), 0, &[]));
    }

    /// A series is settled as far as its farthest column, and only by sources that do not
    /// reach as near to the end.
    #[test]
    fn series_are_settled_by_a_value_of_each_column() {
        let mut one = rows(vec![1, 1, 2, 3], vec![Some(1), None, None, Some(4)]);
        one.times = vec![10, 20, 30, 40];
        let mut last = Settled::new(End::Last, 1);
        last.note(&one);
        assert_eq!(last.before(10), [3].into());
        assert_eq!(last.before(9), [1].into());
        assert!(last.before(0).is_empty());
        let mut both = Settled::new(End::Last, 2);
        both.note(&one);
        assert!(both.before(0).is_empty());
        let mut first = Settled::new(End::First, 1);
        first.note(&one);
        assert!(first.before(End::First.nearness(10)).is_empty());
        assert_eq!(first.before(End::First.nearness(11)), [1].into());
    }
}
