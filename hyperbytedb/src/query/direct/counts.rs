//! `count` without reading: the footer of a file says how many rows each series has, and
//! whether all of them have a value.

use storage::{FilePart, Presence, SeriesId};

use super::parts::Parts;
use crate::query::clickhouse::layout::FieldColumn;
use crate::query::error::QueryError;
use crate::query::scan::{Aggregate, AggregateFunction, Output};

/// What is known of a portion.
pub struct Counted {
    /// Rows of each series.
    pub series: Vec<(SeriesId, u64)>,
    /// Which of the calls find a value in each of these rows; the others find none.
    pub holds: Vec<bool>,
    /// What must be read.
    pub rest: Option<FilePart>,
}

/// Whether nothing but the number of values is asked for.
#[must_use]
pub fn are_all(output: &Output) -> bool {
    let is_count = |call: &Aggregate| call.function == AggregateFunction::Count;
    match output {
        Output::Aggregates { window, calls } => window.is_none() && calls.iter().all(is_count),
        Output::Rows { .. } => false,
    }
}

/// How many values the series of a portion have, as far as it is known; `None` when some
/// rows lack a value of a field. `fields`: the place of each call's field in the layout.
///
/// # Errors
/// When the file is missing or damaged.
pub fn of_file(
    parts: &Parts,
    part: &FilePart,
    fields: &[Option<usize>],
) -> Result<Option<Counted>, QueryError> {
    let mut holds = Vec::with_capacity(fields.len());
    for field in fields {
        let presence = match field {
            Some(at) => presence(parts, part, &parts.layout.fields[*at])?,
            None => Presence::None,
        };
        if presence == Presence::Some {
            return Ok(None);
        }
        holds.push(presence == Presence::All);
    }
    let (series, rest) = part.counted(&parts.view.windows);
    Ok(Some(Counted {
        series,
        holds,
        rest,
    }))
}

/// Which rows have a value of a field in any of its columns.
fn presence(parts: &Parts, part: &FilePart, field: &FieldColumn) -> Result<Presence, QueryError> {
    let mut any = Presence::None;
    for (column, _, _) in &field.columns {
        match parts.view.presence(part, *column)? {
            Presence::All => return Ok(Presence::All),
            Presence::Some => any = Presence::Some,
            Presence::None => {}
        }
    }
    Ok(any)
}
