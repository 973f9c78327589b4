//! Where a scan's rows come from: files that ClickHouse reads itself, and rows in
//! memory that it gets as Arrow streams.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchIterator, new_null_array,
};
use arrow::compute::{cast, filter_record_batch, is_not_null, kernels::zip::zip};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use chdb::{TableReader, identifier, literal};
use points::FieldType;
use storage::{FileEntry, FileHandle, ReadView, Rows, Run, StorageError, tag_array};

use super::layout::{FieldColumn, Layout, arrow_type};

/// SELECTs whose union is the input of the query, with the Arrow tables they name.
pub struct Sources {
    pub selects: Vec<String>,
    pub tables: Vec<(String, TableReader)>,
    /// How many rows they have together, about.
    pub rows: u64,
}

/// Every use of a stream needs a name of its own.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// Rows of a file up to which reading the selected ones beats a scan by the engine.
const SELECTIVE_ROWS: u64 = 200_000;

/// All sources of the view.
///
/// # Errors
/// When a file is missing or damaged.
pub fn sources_of(view: &Arc<ReadView>, layout: &Arc<Layout>) -> Result<Sources, StorageError> {
    let mut sources = Sources {
        selects: Vec::new(),
        tables: Vec::new(),
        rows: 0,
    };
    let mut scanned: Vec<&FileEntry> = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for file in &view.files {
        if view.is_merged(file.min_time, file.max_time) {
            continue;
        }
        // The engine passes over a missing file of a set without a word.
        view.check_file(file)?;
        let rows = view.selected_rows(file)?;
        sources.rows += rows;
        match rows {
            0 => {}
            rows if view.selection().is_some() && rows <= SELECTIVE_ROWS => {
                parts.push(Part::File(file.clone()));
            }
            _ => scanned.push(file),
        }
    }
    for (tags, files) in by_tag_columns(layout, scanned) {
        let select = select_files(view, layout, &tags, &files);
        sources.selects.push(select);
    }
    for run in &view.runs {
        if !view.is_merged(run.min_time, run.max_time) {
            sources.rows += run.rows.len() as u64;
            parts.push(Part::Run(run.clone()));
        }
    }
    let slices = view.merge_slices();
    sources.rows += if slices.is_empty() { 0 } else { SELECTIVE_ROWS };
    parts.extend(slices.into_iter().map(Part::Slice));
    if !parts.is_empty() {
        let name = format!("s{}", NAMES.fetch_add(1, Ordering::Relaxed));
        sources
            .selects
            .push(format!("SELECT * FROM ArrowStream({})", literal(&name)));
        sources.tables.push((name, reader_of(view, layout, parts)));
    }
    Ok(sources)
}

/// Rows that are handed to the engine in memory, made as they are read.
enum Part {
    /// The selected rows of a file.
    File(Arc<FileHandle>),
    Run(Run),
    /// A slice of a window, merged.
    Slice((i64, i64)),
}

/// The times outside the windows that are merged beforehand. Said of the file's own
/// column, so that the engine can skip row groups and pages by it.
fn outside_windows(view: &ReadView) -> String {
    let at = |time: i64| format!("fromUnixTimestamp64Nano(toInt64({time}), 'UTC')");
    let mut parts = Vec::new();
    if view.files.iter().any(|file| file.min_time < view.time.0) {
        parts.push(format!("s.time >= {}", at(view.time.0)));
    }
    if view.files.iter().any(|file| file.max_time > view.time.1) {
        parts.push(format!("s.time <= {}", at(view.time.1)));
    }
    for (from, to) in &view.windows {
        parts.push(format!(
            "NOT (s.time >= {} AND s.time <= {})",
            at(*from),
            at(*to)
        ));
    }
    if parts.is_empty() {
        parts.push("1".to_string());
    }
    parts.join(" AND ")
}

/// The columns of the layout's tags in a file; `None` where a field has the column that
/// the tag would have.
type TagColumns = Vec<Option<String>>;

/// The files by how they name the columns of tags: a field that was there before a tag of
/// its name keeps its column.
fn by_tag_columns<'f>(
    layout: &Layout,
    files: Vec<&'f FileEntry>,
) -> BTreeMap<TagColumns, Vec<&'f FileEntry>> {
    let column = |file: &FileEntry, key: &String| {
        let column = file.tag_column(key);
        let is_field = file.columns.iter().any(|field| field.physical == column);
        (!is_field).then_some(column)
    };
    let mut groups: BTreeMap<TagColumns, Vec<&FileEntry>> = BTreeMap::new();
    for file in files {
        let columns = layout.tags.iter().map(|key| column(file, key)).collect();
        groups.entry(columns).or_default().push(file);
    }
    groups
}

fn select_files(
    view: &ReadView,
    layout: &Layout,
    tags: &TagColumns,
    files: &[&FileEntry],
) -> String {
    // With the table's name before it a column is never taken for one of the short names.
    let mut columns = vec!["toUnixTimestamp64Nano(s.time) AS t".to_string()];
    let mut structure = vec!["`time` DateTime64(9, \'UTC\')".to_string()];
    for (at, (key, column)) in layout.tags.iter().zip(tags).enumerate() {
        let known =
            view.tag_keys.contains(key) || files.iter().any(|file| file.tag_keys.contains(key));
        if let Some(column) = column.as_ref().filter(|_| known) {
            let name = identifier(column);
            structure.push(format!("{name} LowCardinality(String)"));
            columns.push(format!("s.{name} AS g{at}"));
        } else {
            columns.push(format!("toLowCardinality('') AS g{at}"));
        }
    }
    for (at, field) in layout.fields.iter().enumerate() {
        for (_, physical, column_type) in &field.columns {
            let column = format!("{} {}", identifier(physical), sql_type(*column_type));
            // A column that is read as two types is still one.
            if !structure.contains(&column) {
                structure.push(column);
            }
        }
        columns.push(format!("{} AS f{at}", field_sql(field)));
    }
    // A set of names must stand below a directory: a path that begins with a brace
    // would be taken as a relative one, and match nothing.
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let below = match paths.as_slice() {
        [path] => (*path).to_string(),
        paths => format!("{{{}}}", paths.join(",")),
    };
    let path = format!(
        "{}/{below}",
        view.root().to_string_lossy().trim_end_matches('/')
    );
    format!(
        "SELECT {} FROM file({}, Parquet, {}) AS s WHERE {}",
        columns.join(", "),
        literal(&path),
        literal(&structure.join(", ")),
        outside_windows(view)
    )
}

fn field_sql(field: &FieldColumn) -> String {
    let columns: Vec<String> = field
        .columns
        .iter()
        .map(|(_, physical, column_type)| {
            let name = format!("s.{}", identifier(physical));
            if *column_type == field.field_type {
                name
            } else {
                format!("CAST({name} AS {})", sql_type(field.field_type))
            }
        })
        .collect();
    match columns.as_slice() {
        [] => format!("CAST(NULL AS {})", sql_type(field.field_type)),
        [column] => column.clone(),
        columns => format!("coalesce({})", columns.join(", ")),
    }
}

fn sql_type(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Float => "Nullable(Float64)",
        FieldType::Integer => "Nullable(Int64)",
        FieldType::Unsigned => "Nullable(UInt64)",
        FieldType::String => "Nullable(String)",
        FieldType::Boolean => "Nullable(Bool)",
    }
}

fn schema_of(layout: &Layout) -> SchemaRef {
    let mut fields = vec![Field::new("t", DataType::Int64, false)];
    for at in 0..layout.tags.len() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        fields.push(Field::new(format!("g{at}"), dictionary, false));
    }
    for (at, field) in layout.fields.iter().enumerate() {
        fields.push(Field::new(
            format!("f{at}"),
            arrow_type(field.field_type),
            true,
        ));
    }
    Arc::new(Schema::new(fields))
}

fn reader_of(view: &Arc<ReadView>, layout: &Arc<Layout>, parts: Vec<Part>) -> TableReader {
    let schema = schema_of(layout);
    let (of_batches, layout, view) = (schema.clone(), layout.clone(), view.clone());
    let columns = layout.column_ids();
    let batches = parts.into_iter().map(move |part| {
        let fail = |error: StorageError| ArrowError::ExternalError(Box::new(error));
        let (owned, run);
        let rows: &Rows = match part {
            Part::Slice(slice) => {
                owned = view.merge_slice(slice, &columns).map_err(fail)?;
                return batch_of(&view, &layout, &of_batches, &owned);
            }
            Part::File(file) => {
                owned = view.read_file(&file, view.time, &columns).map_err(fail)?;
                &owned
            }
            Part::Run(of_view) => {
                run = of_view;
                match view.part_of_run(&run, view.time, &columns) {
                    Some(part) => {
                        owned = part;
                        &owned
                    }
                    None => &run.rows,
                }
            }
        };
        let batch = batch_of(&view, &layout, &of_batches, rows)?;
        outside(&view, rows, batch)
    });
    Box::new(RecordBatchIterator::new(batches, schema))
}

/// Leaves out rows outside the view's time or inside its windows.
fn outside(view: &ReadView, rows: &Rows, batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let wanted = |time: i64| {
        time >= view.time.0
            && time <= view.time.1
            && !view
                .windows
                .iter()
                .any(|(from, to)| *from <= time && time <= *to)
    };
    if rows.times.iter().all(|time| wanted(*time)) {
        return Ok(batch);
    }
    let keep = rows.times.iter().map(|time| Some(wanted(*time))).collect();
    filter_record_batch(&batch, &keep)
}

/// Rows under the short names of the layout.
fn batch_of(
    view: &ReadView,
    layout: &Layout,
    schema: &SchemaRef,
    rows: &Rows,
) -> Result<RecordBatch, ArrowError> {
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(rows.times.clone()))];
    arrays.extend(tag_arrays(view, layout, rows));
    for field in &layout.fields {
        arrays.push(field_array(field, rows)?);
    }
    RecordBatch::try_new(schema.clone(), arrays)
}

fn tag_arrays(view: &ReadView, layout: &Layout, rows: &Rows) -> Vec<ArrayRef> {
    if layout.tags.is_empty() {
        return Vec::new();
    }
    // Stretches of rows of one series, and the tags of each series once.
    let mut stretches: Vec<(u32, usize)> = Vec::new();
    for series in &rows.series {
        match stretches.last_mut() {
            Some((last, count)) if last == series => *count += 1,
            _ => stretches.push((*series, 1)),
        }
    }
    let inner = view.table.read();
    let mut tags: HashMap<u32, Vec<String>> = HashMap::new();
    for (series, _) in &stretches {
        tags.entry(*series).or_insert_with(|| {
            let set = inner.series.tags(*series);
            let value = |key: &String| {
                let found = set.0.iter().find(|(other, _)| other == key);
                found.map_or(String::new(), |(_, value)| value.clone())
            };
            layout.tags.iter().map(value).collect()
        });
    }
    drop(inner);
    (0..layout.tags.len())
        .map(|at| {
            let value = |(series, count): &(u32, usize)| (tags[series][at].as_str(), *count);
            tag_array(stretches.iter().map(value))
        })
        .collect()
}

pub fn field_array(field: &FieldColumn, rows: &Rows) -> Result<ArrayRef, ArrowError> {
    let wanted = arrow_type(field.field_type);
    let mut result: Option<ArrayRef> = None;
    for (id, _, column_type) in &field.columns {
        let Some(column) = rows.column(*id) else {
            continue;
        };
        let values = if *column_type == field.field_type {
            column.values.clone()
        } else {
            cast(&column.values, &wanted)?
        };
        result = Some(match result {
            None => values,
            Some(first) => {
                let there = is_not_null(&first)?;
                zip(&there, &first, &values)?
            }
        });
    }
    Ok(result.unwrap_or_else(|| match wanted {
        DataType::Float64 => Arc::new(Float64Array::new_null(rows.len())) as ArrayRef,
        other => new_null_array(&other, rows.len()),
    }))
}
