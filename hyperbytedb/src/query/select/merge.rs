//! Puts the values of several functions of a group side by side.

use std::cmp::Ordering;

use arrow::array::UInt64Array;

use crate::query::call::Series;
use crate::query::column::Column;
use crate::query::error::QueryError;
use crate::query::rows::directed;

/// One row for each time that any function has; a function without a value there is
/// null. The columns are the functions' values, then the companions of the only one.
pub(super) fn merge(
    mut series: Vec<Series>,
    ascending: bool,
) -> Result<(Vec<i64>, Vec<Column>), QueryError> {
    if series.len() == 1 {
        let only = series.remove(0);
        let mut columns = vec![only.values];
        columns.extend(only.aux);
        return Ok((only.times, columns));
    }
    if series.windows(2).all(|pair| pair[0].times == pair[1].times) {
        let times = series.first().map(|s| s.times.clone()).unwrap_or_default();
        let columns = series.into_iter().map(|one| one.values).collect();
        return Ok((times, columns));
    }
    let mut places = vec![0; series.len()];
    let mut rows: Vec<Vec<Option<u64>>> = vec![Vec::new(); series.len()];
    let mut times = Vec::new();
    loop {
        let heads = series
            .iter()
            .zip(&places)
            .filter_map(|(s, p)| s.times.get(*p));
        let next = heads.copied().reduce(|a, b| {
            if directed(b.cmp(&a), ascending) == Ordering::Less {
                b
            } else {
                a
            }
        });
        let Some(time) = next else { break };
        times.push(time);
        for ((one, place), rows) in series.iter().zip(&mut places).zip(&mut rows) {
            if one.times.get(*place) == Some(&time) {
                rows.push(Some(*place as u64));
                *place += 1;
            } else {
                rows.push(None);
            }
        }
    }
    let columns = series
        .iter()
        .zip(rows)
        .map(|(one, rows)| one.values.take(&UInt64Array::from(rows)))
        .collect::<Result<_, _>>()?;
    Ok((times, columns))
}
