//! The step below all InfluxQL operators: read, filter, group, aggregate.
//!
//! A [`Scan`] says what is wanted of one measurement; a [`Reader`] answers it with
//! Arrow batches. There may be several readers (embedded ClickHouse for wide
//! scans, a direct one for selective scans): all must give the same answer, so
//! everything above this interface is shared.

use arrow::array::RecordBatch;
use influxql::ast::Expr;

use super::context::QueryContext;
use super::error::QueryError;

/// The type of a field.
pub use points::FieldType;

/// One measurement in one retention policy of one database.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    pub database: String,
    pub policy: String,
    pub measurement: String,
}

/// Points in time, both ends included, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBounds {
    pub min: i64,
    pub max: i64,
}

/// A field and the type in which it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    pub name: String,
    pub field_type: FieldType,
}

/// What to read of one measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    pub table: TableName,
    pub time: TimeBounds,
    /// A boolean expression without `time`. Every reference in it is resolved:
    /// its cast says `Tag` or the field's type. A tag that a row lacks is the
    /// empty string; a comparison with a missing field is never true.
    pub filter: Option<Expr>,
    /// Tag keys to group by; a key that the measurement lacks yields ''.
    pub dimensions: Vec<String>,
    pub descending: bool,
    pub output: Output,
}

/// The columns of the answer, after one string column for each dimension and the
/// Int64 column `time`.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// The points themselves: a column for each field (null where the point lacks
    /// it), then a string column for each tag. Points that have none of `fields`
    /// are left out.
    Rows {
        fields: Vec<FieldRef>,
        tags: Vec<String>,
        /// At most that many rows of each group, the first ones in the order.
        limit: Option<u64>,
    },
    /// One row for each group and, with a window, each bucket that holds a value
    /// of any call; `time` is the bucket's start, or `TimeBounds::min` without a
    /// window. A call without a value in the bucket is null.
    Aggregates {
        window: Option<Window>,
        calls: Vec<Aggregate>,
    },
}

impl Output {
    /// The columns of text (counted over fields, then tags) that order points of one
    /// time, before the keys of their series do: in the order of all columns' names those
    /// that come before the first one of another type, as in InfluxDB.
    #[must_use]
    pub fn texts_in_front(&self) -> Vec<usize> {
        let Output::Rows { fields, tags, .. } = self else {
            return Vec::new();
        };
        let fields = fields
            .iter()
            .map(|field| (&field.name, field.field_type == FieldType::String));
        let tags = tags.iter().map(|tag| (tag, true));
        let mut columns: Vec<_> = fields.chain(tags).enumerate().collect();
        columns.sort_by_key(|(_, (name, _))| *name);
        let texts = columns.iter().take_while(|(_, (_, is_text))| *is_text);
        texts.map(|(at, _)| *at).collect()
    }
}

/// `GROUP BY time(every, offset)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Nanoseconds, positive.
    pub every: i64,
    /// Nanoseconds, in `0..every`.
    pub offset: i64,
}

/// One aggregate or selector over one field.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Aggregate {
    pub function: AggregateFunction,
    pub field: FieldRef,
    /// Add a nullable Int64 column after this one: the time of the selected point
    /// (`First`, `Last`, `Min`, `Max`).
    pub with_time: bool,
}

/// What a reader can compute by itself, with InfluxDB's results: `Count` is an
/// Int64, `Mean` a Float64, the others have the field's type; integer sums wrap.
/// `First` and `Last` take the larger of several values at the same time, `Min` and
/// `Max` the earliest of equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
}

/// Batches in order: by the dimensions' values (bytewise), then by time (falling
/// if `Scan::descending`), points of one time by [`Output::texts_in_front`] (also
/// falling, null the smallest), then by their series' keys. Field columns are Float64, Int64, UInt64, Utf8, Boolean.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, QueryError>> + Send>;

/// How a reader would answer a scan.
#[derive(Debug, Clone, Default)]
pub struct ScanPlan {
    /// `direct` or `clickhouse`.
    pub executor: &'static str,
    /// Why that one.
    pub reason: &'static str,
    /// Series that the filter leaves.
    pub series: u64,
    /// Series of the measurement.
    pub series_all: u64,
    pub files: u64,
    pub file_bytes: u64,
    /// Sorted runs in memory.
    pub runs: u64,
    /// Stretches of time in which sources overlap, so that their rows are merged.
    pub windows: u64,
    /// Rows to look at, about.
    pub rows: u64,
    /// What ClickHouse gets to execute.
    pub sql: Option<String>,
}

/// Answers scans. Blocking: called on threads that may block.
pub trait Reader: Send + Sync {
    /// Starts a scan.
    ///
    /// # Errors
    /// When the engine, a file or a limit of `context` stops it; errors may also
    /// come out of the iterator.
    fn scan(&self, scan: &Scan, context: &QueryContext) -> Result<Batches, QueryError>;

    /// Says how a scan would be answered, without reading rows; `None` when there is
    /// no such measurement.
    ///
    /// # Errors
    /// As [`Reader::scan`].
    fn explain(&self, scan: &Scan, context: &QueryContext) -> Result<Option<ScanPlan>, QueryError>;
}
