//! `first` and `last` of whole series: only the ends of the series are read.

use std::ops::Range;

use storage::{ColumnId, FilePart, ReadView, Rows, RunPart};

use super::parts::Parts;
use crate::query::error::QueryError;
use crate::query::scan::{Aggregate, AggregateFunction, Window};

/// What reading one row costs, in rows that are read with many others: its page is
/// decoded for it.
const ROWS_OF_ONE: u64 = 256;

/// An end of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

/// The end at which everything lies that the calls ask for; `None` when there is more.
#[must_use]
pub fn end_of(window: Option<Window>, calls: &[Aggregate], parts: &Parts) -> Option<End> {
    if window.is_some() || parts.has_filter() {
        return None;
    }
    let all = |function| calls.iter().all(|call| call.function == function);
    match () {
        () if all(AggregateFunction::Last) => Some(End::Last),
        () if all(AggregateFunction::First) => Some(End::First),
        () => None,
    }
}

/// What reading the ends of so many series costs, in rows.
#[must_use]
pub fn cost(series: usize) -> u64 {
    series as u64 * ROWS_OF_ONE
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
    let is_missing = |id: &ColumnId| part.all.column(*id).is_some() && rows.column(*id).is_none();
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
}
