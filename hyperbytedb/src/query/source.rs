//! The rows of a statement's sources.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use influxql::Interval;
use influxql::ast::{DataType, Expr};

use super::budget::Budget;
use super::column::Column;
use super::context::QueryContext;
use super::error::QueryError;
use super::filter::{Filter, for_table};
use super::plan::types::column_type;
use super::plan::{Select, Source, Table};
use super::rows::{Block, Blocks, GroupKey, Merge, reverse_groups};
use super::scan::{Batches, FieldRef, FieldType, Output, Reader, Scan, TimeBounds};
use super::select::subquery_rows;

/// What every step of a statement works with.
#[derive(Clone)]
pub struct Engine<'a> {
    pub reader: &'a dyn Reader,
    pub context: &'a QueryContext,
    pub budget: Budget,
}

/// A column that is wanted of every source.
#[derive(Debug, Clone, PartialEq)]
pub struct Want {
    pub name: String,
    /// `None` when nobody has it.
    pub data_type: Option<DataType>,
}

/// Which rows are wanted, and how.
#[derive(Debug, Clone)]
pub struct Request {
    pub wants: Vec<Want>,
    /// Sorted keys to group by.
    pub dimensions: Vec<String>,
    pub time: TimeBounds,
    pub ascending: bool,
    /// At most that many rows of each group.
    pub limit: Option<u64>,
    /// Buckets that a subquery without its own takes over.
    pub interval: Option<Interval>,
    /// Whether rows must be in order of time within their group, whatever a
    /// subquery makes of it.
    pub by_time: bool,
    /// Places of wants whose values end, for all groups, at the first one of a subquery
    /// that lies outside of `time`.
    pub within: Vec<usize>,
}

/// The rows of all sources of a statement, its condition applied.
pub fn rows<'a>(
    select: &Select,
    request: &Request,
    engine: &Engine<'a>,
) -> Result<Blocks<'a>, QueryError> {
    let mut inputs = Vec::new();
    let tables = tables_by_name(select, request.ascending);
    if !tables.is_empty() {
        inputs.push(table_rows(
            tables,
            select.condition.clone(),
            request,
            engine,
        ));
    }
    for source in &select.sources {
        if let Source::Subquery(inner) = source {
            inputs.push(subquery_rows(
                inner,
                select.condition.as_ref(),
                request,
                engine,
            )?);
        }
    }
    Ok(match inputs.len() {
        1 => inputs.remove(0),
        _ => Box::new(Merge::new(inputs, request.ascending, &engine.budget)),
    })
}

/// Tables in the order of their measurements' names, those of one name together.
pub fn tables_by_name(select: &Select, ascending: bool) -> Vec<Vec<Table>> {
    let mut tables: Vec<Table> = select
        .sources
        .iter()
        .filter_map(|source| match source {
            Source::Table(table) => Some(table.clone()),
            Source::Subquery(_) => None,
        })
        .collect();
    tables.sort_by(|a, b| a.name.measurement.cmp(&b.name.measurement));
    if !ascending {
        tables.reverse();
    }
    let mut groups: Vec<Vec<Table>> = Vec::new();
    for table in tables {
        match groups.last_mut() {
            Some(group) if group[0].name.measurement == table.name.measurement => group.push(table),
            _ => groups.push(vec![table]),
        }
    }
    groups
}

/// One measurement after the other; a scan starts when the ones before are read.
fn table_rows<'a>(
    tables: Vec<Vec<Table>>,
    condition: Option<Expr>,
    request: &Request,
    engine: &Engine<'a>,
) -> Blocks<'a> {
    let engine = engine.clone();
    let request = request.clone();
    let open = move |group: Vec<Table>| -> Blocks<'a> {
        let mut inputs: Vec<Blocks<'a>> = Vec::new();
        for table in &group {
            match one_table(table, condition.as_ref(), &request, &engine) {
                Ok(Some(blocks)) => inputs.push(blocks),
                Ok(None) => {}
                Err(error) => inputs.push(Box::new(std::iter::once(Err(error)))),
            }
        }
        if inputs.len() == 1 {
            inputs.remove(0)
        } else {
            Box::new(Merge::new(inputs, request.ascending, &engine.budget))
        }
    };
    Box::new(tables.into_iter().flat_map(open))
}

/// The field as it can be read from a table for a wanted type. What comes may have to be
/// cast: floats are read as such.
pub fn readable(table: &Table, name: &str, wanted: DataType) -> Option<FieldRef> {
    let (_, own) = table.info.fields.iter().find(|(field, _)| field == name)?;
    let numeric = |t| matches!(t, DataType::Float | DataType::Integer | DataType::Unsigned);
    let own_type = column_type(*own);
    let field_type = match wanted {
        DataType::AnyField => *own,
        _ if own_type == wanted => *own,
        DataType::Integer | DataType::Unsigned if own_type == DataType::Float => *own,
        DataType::Float if numeric(own_type) => FieldType::Float,
        DataType::Integer if numeric(own_type) => FieldType::Integer,
        DataType::Unsigned if numeric(own_type) => FieldType::Unsigned,
        _ => return None,
    };
    Some(FieldRef {
        name: name.to_owned(),
        field_type,
    })
}

/// Where a wanted column comes from.
enum Origin {
    Scanned(usize),
    Dimension(usize),
    Missing,
}

fn one_table<'a>(
    table: &Table,
    condition: Option<&Expr>,
    request: &Request,
    engine: &Engine<'a>,
) -> Result<Option<Blocks<'a>>, QueryError> {
    let filter = match for_table(condition, &table.info)? {
        Filter::Nothing => return Ok(None),
        Filter::All => None,
        Filter::Where(expr) => Some(expr),
    };
    let (mut fields, mut tags) = (Vec::<FieldRef>::new(), Vec::<String>::new());
    for want in &request.wants {
        match want.data_type {
            Some(DataType::Tag) if !tags.contains(&want.name) => tags.push(want.name.clone()),
            Some(DataType::Tag) | None => {}
            Some(wanted) => fields.extend(
                readable(table, &want.name, wanted).filter(|field| !fields.contains(field)),
            ),
        }
    }
    if fields.is_empty() {
        return Ok(None);
    }
    let origins = origins_of(table, request, &fields, &tags);
    let types: Vec<Option<DataType>> = request.wants.iter().map(|want| want.data_type).collect();
    let scan = Scan {
        table: table.name.clone(),
        time: request.time,
        filter,
        dimensions: request.dimensions.clone(),
        descending: !request.ascending,
        output: Output::Rows {
            fields,
            tags,
            limit: request.limit,
        },
    };
    let blocks = scanned(&scan, engine)?;
    Ok(Some(Box::new(blocks.map(move |block| {
        let block = block?;
        let columns = columns_of(&block, &origins, &types)?;
        Ok(Block { columns, ..block })
    }))))
}

/// Where each wanted column comes from.
fn origins_of(
    table: &Table,
    request: &Request,
    fields: &[FieldRef],
    tags: &[String],
) -> Vec<Origin> {
    let origin_of = |want: &Want| match want.data_type {
        Some(DataType::Tag) => {
            if let Some(place) = request.dimensions.iter().position(|d| *d == want.name) {
                return Origin::Dimension(place);
            }
            let place = tags.iter().position(|tag| *tag == want.name);
            place.map_or(Origin::Missing, |place| {
                Origin::Scanned(fields.len() + place)
            })
        }
        None => Origin::Missing,
        Some(wanted) => readable(table, &want.name, wanted)
            .and_then(|field| fields.iter().position(|other| *other == field))
            .map_or(Origin::Missing, Origin::Scanned),
    };
    request.wants.iter().map(origin_of).collect()
}

/// The wanted columns of a block in their types.
fn columns_of(
    block: &Block,
    origins: &[Origin],
    types: &[Option<DataType>],
) -> Result<Vec<Column>, QueryError> {
    let column_of = |(origin, data_type): (&Origin, &Option<DataType>)| match origin {
        Origin::Scanned(place) if *data_type == Some(DataType::Tag) => {
            block.columns.get(*place).map(without_empty)
        }
        Origin::Scanned(place) => {
            let column = block.columns.get(*place);
            column.map(|column| match (column, data_type) {
                (Column::Float(_), Some(wanted)) => column.cast(*wanted),
                _ => column.clone(),
            })
        }
        Origin::Dimension(place) => block.key.values.get(*place).map(|value| {
            if value.is_empty() {
                return Column::nulls(*data_type, block.len());
            }
            let value = super::value::Value::String(value.clone());
            Column::repeated(&value, block.len())
        }),
        Origin::Missing => Some(Column::nulls(*data_type, block.len())),
    };
    let columns = origins.iter().zip(types).map(column_of);
    let columns = columns.collect::<Option<Vec<Column>>>();
    columns.ok_or_else(|| QueryError::Engine("a reader delivered too few columns".to_owned()))
}

/// A tag that a row lacks is shown as null, although it compares as an empty string.
fn without_empty(column: &Column) -> Column {
    match column {
        Column::String(array) if array.iter().any(|text| text == Some("")) => {
            let texts = array
                .iter()
                .map(|text| text.filter(|text| !text.is_empty()));
            Column::String(texts.collect())
        }
        other => other.clone(),
    }
}

/// Runs a scan; the blocks have the columns after `time`. The groups of a
/// descending scan are put in falling order.
pub fn scanned<'a>(scan: &Scan, engine: &Engine<'a>) -> Result<Blocks<'a>, QueryError> {
    if scan.time.min > scan.time.max {
        return Ok(Box::new(std::iter::empty()));
    }
    let batches: Batches = engine.reader.scan(scan, engine.context)?;
    let measurement = scan.table.measurement.clone();
    let dimensions = scan.dimensions.len();
    let context = engine.context;
    let blocks: Blocks<'a> = Box::new(batches.flat_map(move |batch| {
        let blocks = context
            .check()
            .and(batch)
            .and_then(|batch| split(&batch, &measurement, dimensions));
        match blocks {
            Ok(blocks) => blocks.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        }
    }));
    if scan.descending && dimensions > 0 {
        return Ok(reverse_groups(blocks, &engine.budget));
    }
    Ok(blocks)
}

/// Cuts a batch where its group changes.
fn split(
    batch: &RecordBatch,
    measurement: &str,
    dimensions: usize,
) -> Result<Vec<Block>, QueryError> {
    let malformed = |what: &str| QueryError::Engine(format!("a reader delivered {what}"));
    if batch.num_columns() <= dimensions {
        return Err(malformed("too few columns"));
    }
    let keys: Vec<&StringArray> = batch.columns()[..dimensions]
        .iter()
        .map(|column| column.as_string_opt::<i32>())
        .collect::<Option<_>>()
        .ok_or_else(|| malformed("a dimension that is no string"))?;
    let times = batch
        .column(dimensions)
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| malformed("a time that is no integer"))?
        .values()
        .clone();
    let columns: Vec<Column> = batch.columns()[dimensions + 1..]
        .iter()
        .map(Column::from_array)
        .collect::<Result<_, _>>()?;
    let rows = batch.num_rows();
    let same = |a: usize, b: usize| keys.iter().all(|key| key.value(a) == key.value(b));
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < rows {
        let end = end_of_run(start, rows, &same);
        let key = GroupKey {
            name: measurement.to_owned(),
            values: keys.iter().map(|key| key.value(start).to_owned()).collect(),
        };
        blocks.push(Block {
            key: Arc::new(key),
            times: times.slice(start, end - start),
            columns: columns
                .iter()
                .map(|c| c.slice(start, end - start))
                .collect(),
        });
        start = end;
    }
    Ok(blocks)
}

/// Rows of a group follow each other, so the end is searched in growing steps.
fn end_of_run(start: usize, rows: usize, same: &impl Fn(usize, usize) -> bool) -> usize {
    let (mut known, mut step) = (start, 1);
    while known + step < rows && same(start, known + step) {
        known += step;
        step *= 2;
    }
    let mut beyond = (known + step).min(rows);
    while known + 1 < beyond {
        let middle = known + (beyond - known) / 2;
        if same(start, middle) {
            known = middle;
        } else {
            beyond = middle;
        }
    }
    known + 1
}
