//! The rows of a scan in portions, filtered: from files, from memory, and merged where
//! sources overlap.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, StringArray, StringBuilder};
use influxql::ast::{DataType, Expr};
use parking_lot::Mutex;
use storage::{
    ColumnId, Engine, FilePart, MergePart, Overlaps, ReadView, Rows, RunPart, SeriesId, SeriesSet,
    StorageError,
};

use super::counts;
use super::ends::{self, End, end_of};
use crate::query::clickhouse::layout::{Layout, field_type};
use crate::query::clickhouse::series::open;
use crate::query::clickhouse::sources::field_array;
use crate::query::column::Column;
use crate::query::context::QueryContext;
use crate::query::error::QueryError;
use crate::query::expression::Expression;
use crate::query::filter::{mask, over_columns};
use crate::query::scan::Scan;
use crate::query::work::Work;

/// Rows of a file that one portion has, about.
pub const PART_ROWS: u64 = 65_536;
/// Values for which a second thread is worth its start.
const VALUES_FOR_THREADS: u64 = 150_000;

/// A portion.
pub enum Part {
    File(FilePart),
    /// Series of files that overlap with other sources.
    Merge(MergePart),
    Run(RunPart),
    /// A slice of time in which sources overlap.
    Slice((i64, i64)),
}

/// Everything that is needed to read portions.
pub struct Parts {
    pub view: ReadView,
    pub layout: Layout,
    /// None when only the ends of series are read, whose portions are listed as far as
    /// they are needed.
    pub list: Vec<Part>,
    /// Rows of all portions, about.
    pub rows: u64,
    /// How many read them.
    pub threads: usize,
    /// Where everything lies that is asked for, of each series.
    end: Option<End>,
    /// What of the filter the selection of series has not settled.
    filter: Option<(Expression, Vec<Reference>)>,
}

/// A column that the filter looks at.
enum Reference {
    Tag(String),
    Field(usize),
}

impl Parts {
    /// Lists the portions of a scan for at most `threads_max` threads, of some series only
    /// if they are given (sorted or not); `None` when there is no such measurement.
    ///
    /// # Errors
    /// When the database or the policy does not exist, a file is missing or damaged, or
    /// finding the portions takes too long for a short request.
    pub fn open(
        engine: &Engine,
        scan: &Scan,
        series: Option<Vec<SeriesId>>,
        threads_max: usize,
        work: &Work,
    ) -> Result<Option<Self>, QueryError> {
        let Some((mut view, settled)) = open(engine, scan, work)? else {
            return Ok(None);
        };
        if let Some(series) = series {
            let mut series: SeriesSet = series.into_iter().collect();
            if let Some(selected) = view.selection() {
                series &= selected;
            }
            view.select(series);
        }
        let layout = Layout::new(scan, &view)?;
        let filter = match scan.filter.as_ref().filter(|_| !settled) {
            Some(filter) => Some(prepare(filter, &layout)?),
            None => None,
        };
        let end = end_of(&scan.output).filter(|_| filter.is_none());
        let values = |rows: u64| rows * layout.fields.len().max(1) as u64;
        let threads = |rows: u64| match values(rows) {
            0..VALUES_FOR_THREADS => 1,
            _ => threads_max,
        };
        let (list, rows) = match end {
            Some(_) => (Vec::new(), ends::cost(view.series().len())),
            // What is not read need not be read together.
            None if filter.is_none() && counts::are_all(&scan.output) => {
                Self::list(&view, view.apart(), PART_ROWS)?
            }
            None => {
                let (list, rows) = Self::list(&view, view.overlaps(PART_ROWS)?, PART_ROWS)?;
                if list.len() < threads(rows) {
                    let each = rows.div_ceil(threads(rows) as u64);
                    Self::list(&view, view.overlaps(each)?, each)?
                } else {
                    (list, rows)
                }
            }
        };
        let threads = threads(rows);
        Ok(Some(Self {
            view,
            layout,
            list,
            rows,
            threads,
            end,
            filter,
        }))
    }

    /// All portions of the view, of about `rows_max` rows each, and the rows of all, about.
    fn list(
        view: &ReadView,
        overlaps: Overlaps,
        rows_max: u64,
    ) -> Result<(Vec<Part>, u64), QueryError> {
        let mut list = Vec::new();
        let mut rows = overlaps.run_rows;
        for file in &overlaps.files {
            for part in view.file_parts(file, rows_max)? {
                rows += part.rows;
                list.push(Part::File(part));
            }
        }
        for part in overlaps.parts {
            rows += part.rows;
            list.push(Part::Merge(part));
        }
        for run in &view.runs {
            for part in view.run_parts(run, rows_max) {
                rows += part.rows;
                list.push(Part::Run(part));
            }
        }
        for slice in view.slices_of(&overlaps.windows) {
            rows += view.rows_of_slice(slice);
            list.push(Part::Slice(slice));
        }
        Ok((list, rows))
    }

    /// The end of each series at which everything lies that is asked for.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether rows are looked at to filter them.
    #[must_use]
    pub fn has_filter(&self) -> bool {
        self.filter.is_some()
    }

    /// Reads one portion: rows inside the view's time that pass the filter, each list of
    /// them sorted by series and time.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn read(&self, part: &Part, work: &Work) -> Result<Vec<Arc<Rows>>, QueryError> {
        let columns = self.layout.column_ids();
        let read = match part {
            Part::Slice(slice) => vec![self.view.merge_slice(*slice, &columns)?.into()],
            Part::File(part) => vec![self.file_part(part, &columns)?],
            Part::Merge(part) => {
                let read = self.view.read_merge_part(part, &columns)?;
                read.into_iter().map(Arc::new).collect()
            }
            Part::Run(part) => vec![Arc::new(self.run_part(part, &columns))],
        };
        let counted = read.into_iter().map(|rows| self.counted(rows, work));
        counted.collect()
    }

    fn counted(&self, rows: Arc<Rows>, work: &Work) -> Result<Arc<Rows>, QueryError> {
        work.add(rows.len() as u64, rows.data_bytes() as u64);
        Ok(self.filtered(rows)?)
    }

    /// Reads a slice of the view, or of some of its series.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn slice(
        &self,
        view: &ReadView,
        slice: (i64, i64),
        work: &Work,
    ) -> Result<Arc<Rows>, QueryError> {
        let rows = view.merge_slice(slice, &self.layout.column_ids())?;
        self.counted(Arc::new(rows), work)
    }

    fn file_part(&self, part: &FilePart, columns: &[ColumnId]) -> Result<Arc<Rows>, QueryError> {
        if let Some(end) = self.end
            && let Some(rows) = ends::of_file(&self.view, part, end, columns)?
        {
            return Ok(Arc::new(rows));
        }
        let rows = self.view.read_part(part, columns)?;
        Ok(Arc::new(match self.view.windows.is_empty() {
            true => rows,
            false => self.view.outside_windows(rows),
        }))
    }

    fn run_part(&self, part: &RunPart, columns: &[ColumnId]) -> Rows {
        let ends = self.end.and_then(|end| ends::of_run(part, end, columns));
        ends.unwrap_or_else(|| part.read(columns))
    }

    /// A portion of memory that is looked at where it lies, when nothing of it has to be
    /// left out row by row.
    #[must_use]
    pub fn in_place<'a>(&self, part: &'a Part) -> Option<&'a RunPart> {
        match part {
            Part::Run(part) if self.end.is_none() && self.filter.is_none() => Some(part),
            _ => None,
        }
    }

    fn filtered(&self, rows: Arc<Rows>) -> Result<Arc<Rows>, StorageError> {
        let Some((filter, references)) = &self.filter else {
            return Ok(rows);
        };
        let columns: Vec<Column> = references
            .iter()
            .map(|reference| self.column_of(reference, &rows))
            .collect();
        let mask = mask(filter, &columns, rows.len());
        if mask.true_count() == rows.len() {
            return Ok(rows);
        }
        let places: Vec<u32> = mask.values().set_indices().map(|row| row as u32).collect();
        Ok(Arc::new(rows.take(&places, None)))
    }

    fn column_of(&self, reference: &Reference, rows: &Rows) -> Column {
        match reference {
            Reference::Field(at) => field_array(&self.layout.fields[*at], rows)
                .ok()
                .and_then(|array| Column::from_array(&array).ok())
                .unwrap_or(Column::Null(rows.len())),
            Reference::Tag(key) => Column::String(tag_column(&self.view, key, rows)),
        }
    }
}

/// The values of a tag, row by row; '' where a series lacks it.
fn tag_column(view: &ReadView, key: &str, rows: &Rows) -> StringArray {
    let inner = view.table.read();
    let mut column = StringBuilder::with_capacity(rows.len(), rows.len() * 8);
    for (series, stretch) in rows.stretches() {
        let value = inner.series.tag(series, key);
        for _ in stretch {
            column.append_value(&value);
        }
    }
    column.finish()
}

fn prepare(filter: &Expr, layout: &Layout) -> Result<(Expression, Vec<Reference>), QueryError> {
    let mut references = Vec::new();
    let mut lookup = |name: &str, cast: Option<DataType>| {
        let reference = match cast? {
            DataType::Tag => Reference::Tag(name.to_string()),
            cast => Reference::Field(layout.field(name, field_type(cast, name).ok()?)?),
        };
        references.push(reference);
        Some(references.len() - 1)
    };
    let expression = over_columns(filter, &mut lookup)?;
    Ok((expression, references))
}

/// Applies `work` to every portion, on several threads when there is much to do, and
/// returns the results in the order of the portions, whoever was quicker.
///
/// # Errors
/// The first error of any portion, or that of a stopped query.
pub fn for_each<T: Send>(
    list: &[Part],
    threads: usize,
    context: &QueryContext,
    work: impl Fn(&Part) -> Result<T, QueryError> + Sync,
) -> Result<Vec<T>, QueryError> {
    let one = |part: &Part| {
        context.check()?;
        work(part)
    };
    let threads = threads.min(list.len());
    if threads <= 1 {
        return list.iter().map(one).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Result<T, QueryError>)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(part) = list.get(at) else {
                        return;
                    };
                    let result = one(part);
                    let failed = result.is_err();
                    done.lock().push((at, result));
                    if failed {
                        next.store(list.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut done = done.into_inner();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// True for rows that have a value in one of the columns.
pub fn has_any(columns: &[arrow::array::ArrayRef], row: usize) -> bool {
    columns.iter().any(|column| !column.is_null(row))
}
