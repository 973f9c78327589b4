//! The convergence law, in one place.
//!
//! For each (series, time, field) the value with the highest version wins; a
//! tombstone hides every value in its range with a lower version. Merging keeps what
//! later merges need: a row's version is the highest of its values', and a value that
//! is older than its row keeps its own. So merging is commutative, associative and
//! idempotent, whatever is merged first. Of values with the same version the larger one
//! wins, in the order of their bits, so that no order of sources decides: two nodes that
//! gave out one version still agree. Rows without a version (those of one batch that
//! writes a point twice) are ordered by their place: the later wins.

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};

use crate::clock::Version;
use crate::rows::{Column, ColumnId, Rows, Versions};
use crate::series::SeriesId;

/// What hides older values: resolved against the series of one measurement.
pub trait Hide {
    /// True when a value of that version at that place was deleted.
    fn hides(&self, series: SeriesId, time: i64, version: Version) -> bool;
    /// False when nothing can be hidden, which spares the look at every row.
    fn any(&self) -> bool;
}

/// Hides nothing.
pub struct HideNothing;

impl Hide for HideNothing {
    fn hides(&self, _series: SeriesId, _time: i64, _version: Version) -> bool {
        false
    }
    fn any(&self) -> bool {
        false
    }
}

/// How a merge goes about.
pub struct MergeOptions<'a> {
    /// For each series number its place in the order of the result; in the order of the
    /// numbers themselves when absent.
    pub ranks: Option<&'a [u32]>,
    /// Only these columns (sorted); all when absent.
    pub columns: Option<&'a [ColumnId]>,
    /// Only rows in these bounds, both included.
    pub time: (i64, i64),
    pub hide: &'a dyn Hide,
}

impl Default for MergeOptions<'_> {
    fn default() -> Self {
        Self {
            ranks: None,
            columns: None,
            time: (i64::MIN, i64::MAX),
            hide: &HideNothing,
        }
    }
}

/// One row of one source.
#[derive(Clone, Copy)]
struct Place {
    rank: u32,
    time: i64,
    version: Version,
    source: u32,
    row: u32,
}

/// Merges sources under the law. Sources may hold rows unsorted and several times; the
/// result is sorted by (rank, time) and holds each once. Rows without a value left are
/// dropped. Columns that have no value in the result are left out.
#[must_use]
pub fn merge(sources: &[&Rows], options: &MergeOptions<'_>) -> Rows {
    let places = sorted_places(sources, options);
    // starts[i]..starts[i + 1] are the places of row i of the result.
    let mut starts = Vec::with_capacity(places.len() + 1);
    for (at, place) in places.iter().enumerate() {
        let same = at > 0 && {
            let last = &places[at - 1];
            last.rank == place.rank && last.time == place.time
        };
        if !same {
            starts.push(at);
        }
    }
    starts.push(places.len());
    let ids = column_ids(sources, options.columns);
    let single = starts.len() == places.len() + 1;
    if single && !options.hide.any() {
        return gather(sources, &places, &ids);
    }
    resolve(sources, &places, &starts, &ids, options.hide)
}

fn sorted_places(sources: &[&Rows], options: &MergeOptions<'_>) -> Vec<Place> {
    let mut places = Vec::with_capacity(sources.iter().map(|rows| rows.len()).sum());
    for (source, rows) in sources.iter().enumerate() {
        for row in 0..rows.len() {
            let (series, time) = (rows.series[row], rows.times[row]);
            if time < options.time.0 || time > options.time.1 {
                continue;
            }
            let version = rows.version(row);
            if options.hide.any() && options.hide.hides(series, time, version) {
                continue;
            }
            places.push(Place {
                rank: options.ranks.map_or(series, |ranks| ranks[series as usize]),
                time,
                version,
                source: source as u32,
                row: row as u32,
            });
        }
    }
    let key = |place: &Place| {
        (
            place.rank,
            place.time,
            place.version,
            place.source,
            place.row,
        )
    };
    if !places.is_sorted_by_key(key) {
        // The stable sort finds the runs that are sorted already.
        places.sort_by_key(key);
    }
    places
}

fn column_ids(sources: &[&Rows], wanted: Option<&[ColumnId]>) -> Vec<ColumnId> {
    let mut ids: Vec<ColumnId> = sources
        .iter()
        .flat_map(|rows| rows.columns.iter().map(|column| column.id))
        .filter(|id| wanted.is_none_or(|wanted| wanted.contains(id)))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Sources of one column: its arrays, one a source, nulls where a source lacks it.
fn arrays(sources: &[&Rows], id: ColumnId) -> Option<Vec<ArrayRef>> {
    let data_type: DataType = sources
        .iter()
        .find_map(|rows| rows.column(id))?
        .values
        .data_type()
        .clone();
    let array = |rows: &&Rows| match rows.column(id) {
        Some(column) => column.values.clone(),
        None => new_null_array(&data_type, rows.len()),
    };
    Some(sources.iter().map(array).collect())
}

fn pick(arrays: &[ArrayRef], indices: &[(usize, usize)]) -> ArrayRef {
    let arrays: Vec<&dyn arrow::array::Array> = arrays.iter().map(AsRef::as_ref).collect();
    // Arrays of one column have one type, the only thing interleave can refuse.
    interleave(&arrays, indices)
        .unwrap_or_else(|_| new_null_array(arrays[0].data_type(), indices.len()))
}

/// The result when every key occurs once and nothing is hidden.
fn gather(sources: &[&Rows], places: &[Place], ids: &[ColumnId]) -> Rows {
    let indices: Vec<(usize, usize)> = places
        .iter()
        .map(|place| (place.source as usize, place.row as usize))
        .collect();
    let mut columns = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(arrays) = arrays(sources, *id) else {
            continue;
        };
        let values = pick(&arrays, &indices);
        if values.null_count() == values.len() {
            continue;
        }
        let any_older = sources.iter().any(|rows| {
            rows.column(*id)
                .is_some_and(|column| column.older.is_some())
        });
        let older = any_older.then(|| {
            indices
                .iter()
                .map(|(source, row)| {
                    sources[*source]
                        .column(*id)
                        .and_then(|column| column.older.as_ref())
                        .map_or(Version::ZERO, |older| older[*row])
                })
                .collect()
        });
        columns.push(Column {
            id: *id,
            values,
            older,
        });
    }
    Rows {
        series: places
            .iter()
            .map(|place| sources[place.source as usize].series[place.row as usize])
            .collect(),
        times: places.iter().map(|place| place.time).collect(),
        versions: versions_of(places.iter().map(|place| place.version).collect()),
        columns,
    }
}

fn versions_of(versions: Vec<Version>) -> Versions {
    match versions.first() {
        Some(first) if versions.iter().all(|version| version == first) => Versions::One(*first),
        None => Versions::One(Version::ZERO),
        Some(_) => Versions::Each(versions),
    }
}

/// The result in general: for each key and column the winner.
fn resolve(
    sources: &[&Rows],
    places: &[Place],
    starts: &[usize],
    ids: &[ColumnId],
    hide: &dyn Hide,
) -> Rows {
    let rows = starts.len() - 1;
    let mut row_versions = vec![Version::ZERO; rows];
    // For each column the winners: where they are and their version.
    let mut winners: Vec<Vec<Option<(usize, usize, Version)>>> = vec![Vec::new(); ids.len()];
    for (at, id) in ids.iter().enumerate() {
        let of_source: Vec<Option<&Column>> = sources.iter().map(|rows| rows.column(*id)).collect();
        winners[at] = (0..rows)
            .map(|row| {
                let group = &places[starts[row]..starts[row + 1]];
                let winner = winner(sources, &of_source, group, hide);
                if let Some((_, _, version)) = winner {
                    row_versions[row] = row_versions[row].max(version);
                }
                winner
            })
            .collect();
    }
    let kept: Vec<usize> = (0..rows)
        .filter(|row| winners.iter().any(|winners| winners[*row].is_some()))
        .collect();
    let columns = ids
        .iter()
        .zip(&winners)
        .filter_map(|(id, winners)| column_of(sources, *id, winners, &kept, &row_versions))
        .collect();
    let first = |row: &usize| &places[starts[*row]];
    Rows {
        series: kept
            .iter()
            .map(|row| sources[first(row).source as usize].series[first(row).row as usize])
            .collect(),
        times: kept.iter().map(|row| first(row).time).collect(),
        versions: versions_of(kept.iter().map(|row| row_versions[*row]).collect()),
        columns,
    }
}

/// The latest value of one column among rows of one key, in the order of places.
fn winner(
    sources: &[&Rows],
    columns: &[Option<&Column>],
    group: &[Place],
    hide: &dyn Hide,
) -> Option<(usize, usize, Version)> {
    let mut best: Option<(usize, usize, Version)> = None;
    for place in group {
        let (source, row) = (place.source as usize, place.row as usize);
        let Some(column) = columns[source] else {
            continue;
        };
        if column.values.is_null(row) {
            continue;
        }
        let version = sources[source].value_version(column, row);
        if hide.any() && hide.hides(sources[source].series[row], place.time, version) {
            continue;
        }
        let wins = match best {
            None => true,
            Some((_, _, held)) if version != held || version == Version::ZERO => version >= held,
            Some((of, at, _)) => {
                columns[of].is_none_or(|other| is_larger(&column.values, row, &other.values, at))
            }
        };
        if wins {
            best = Some((source, row, version));
        }
    }
    best
}

/// Whether a value has larger bits than another of its type.
fn is_larger(values: &ArrayRef, row: usize, others: &ArrayRef, other: usize) -> bool {
    fn of<T: ArrowPrimitiveType>(values: &ArrayRef, row: usize) -> Option<T::Native> {
        Some(values.as_primitive_opt::<T>()?.value(row))
    }
    match values.data_type() {
        DataType::Float64 => {
            let bits = |values, row| of::<Float64Type>(values, row).map(f64::to_bits);
            bits(values, row) > bits(others, other)
        }
        DataType::Int64 => of::<Int64Type>(values, row) > of::<Int64Type>(others, other),
        DataType::UInt64 => of::<UInt64Type>(values, row) > of::<UInt64Type>(others, other),
        DataType::Boolean => {
            let value = |values: &ArrayRef, row| Some(values.as_boolean_opt()?.value(row));
            value(values, row) > value(others, other)
        }
        _ => {
            let text = |values: &ArrayRef, row| {
                let text = values.as_string_opt::<i32>()?.value(row);
                Some(text.to_owned())
            };
            text(values, row) > text(others, other)
        }
    }
}

fn column_of(
    sources: &[&Rows],
    id: ColumnId,
    winners: &[Option<(usize, usize, Version)>],
    kept: &[usize],
    row_versions: &[Version],
) -> Option<Column> {
    if kept.iter().all(|row| winners[*row].is_none()) {
        return None;
    }
    let mut arrays = arrays(sources, id)?;
    // One more array, of a single null, for rows without a value.
    let none = arrays.len();
    arrays.push(new_null_array(arrays[0].data_type(), 1));
    let indices: Vec<(usize, usize)> = kept
        .iter()
        .map(|row| winners[*row].map_or((none, 0), |(source, row, _)| (source, row)))
        .collect();
    let older: Vec<Version> = kept
        .iter()
        .map(|row| match winners[*row] {
            Some((_, _, version)) if version != row_versions[*row] => version,
            _ => Version::ZERO,
        })
        .collect();
    let any_older = older.iter().any(|version| *version != Version::ZERO);
    Some(Column {
        id,
        values: pick(&arrays, &indices),
        older: any_older.then_some(older),
    })
}
