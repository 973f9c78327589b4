//! A `SELECT` resolved against the schema: sources are tables, wildcards are
//! columns, every reference has a type.

mod fields;
pub(super) mod sources;
pub(super) mod types;

use chrono_tz::Tz;
use influxql::ast::{DataType, Expr, Fill, SelectStatement};
use influxql::{Interval, TimeRange, column_names, deeper, reduce_field, split_condition};

use super::catalog::{Catalog, TableInfo};
use super::context::QueryContext;
use super::error::QueryError;
use super::expression::expression_type;
use super::math::MathFunction;
use super::scan::{TableName, TimeBounds};

/// A resolved `SELECT`.
#[derive(Debug, Clone)]
pub struct Select {
    pub fields: Vec<Item>,
    /// Names of the columns, without `time`.
    pub columns: Vec<String>,
    /// Name of the first column.
    pub time_column: String,
    pub sources: Vec<Source>,
    /// Without time; every reference has the type of what it names, or none.
    pub condition: Option<Expr>,
    pub time: TimeRange,
    pub interval: Option<Interval>,
    /// Tag keys of `GROUP BY`, sorted.
    pub dimensions: Vec<String>,
    pub fill: Fill,
    pub limit: u64,
    pub offset: u64,
    pub slimit: u64,
    pub soffset: u64,
    pub timezone: Option<Tz>,
    pub ascending: bool,
    /// Whether the result is written (`INTO`).
    pub writes: bool,
}

/// One item of the select list.
#[derive(Debug, Clone)]
pub struct Item {
    pub expr: Expr,
    /// The alias or the name that InfluxDB makes up, not yet made unique.
    pub name: String,
    /// Of the values; `None` if unknown.
    pub data_type: Option<DataType>,
}

/// Where rows come from.
#[derive(Debug, Clone)]
pub enum Source {
    Table(Table),
    Subquery(Box<Select>),
}

/// A measurement of one retention policy, with what it has in the time range.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: TableName,
    pub info: TableInfo,
    /// Nanoseconds that a shard group of the policy spans.
    pub shard_duration_ns: i64,
}

/// Resolves a `SELECT`.
///
/// # Errors
/// [`QueryError`] in InfluxDB's words: what cannot be executed as written, unknown
/// databases and policies, types that do not go together.
pub fn plan(
    select: &SelectStatement,
    catalog: &dyn Catalog,
    context: &QueryContext,
) -> Result<Select, QueryError> {
    influxql::validate_select_at(select, context.now_ns)
        .map_err(|error| QueryError::Invalid(error.to_string()))?;
    let planner = Planner {
        catalog,
        context,
        time: TimeBounds {
            min: influxql::TIME_MIN,
            max: influxql::TIME_MAX,
        },
    };
    let range = planner.range(select)?.1;
    let planner = Planner {
        time: TimeBounds {
            min: range.min,
            max: range.max,
        },
        ..planner
    };
    let planned = planner.select(select, true)?;
    check_buckets(&planned, context)?;
    Ok(planned)
}

/// What is known while resolving.
struct Planner<'a> {
    catalog: &'a dyn Catalog,
    context: &'a QueryContext,
    /// Range of the outermost statement: wildcards list what exists there.
    time: TimeBounds,
}

impl Planner<'_> {
    /// The rest of the condition, and the range; without an upper bound buckets
    /// of time end now.
    fn range(&self, select: &SelectStatement) -> Result<(Option<Expr>, TimeRange), QueryError> {
        let now = self.context.now_ns;
        let (condition, mut range) = split_condition(select.condition.as_ref(), now, select.zone())
            .map_err(|error| QueryError::Invalid(error.to_string()))?;
        if select.interval_at(now).is_some() && !range.has_max {
            range.max = now;
        }
        Ok((condition, range))
    }

    fn select(&self, select: &SelectStatement, outermost: bool) -> Result<Select, QueryError> {
        let (condition, time) = self.range(select)?;
        let mut statement = select.clone();
        for field in &mut statement.fields {
            field.expr = reduce_field(&field.expr);
            call_distinct(&mut field.expr);
        }
        let sources = self.sources(&statement.sources)?;
        let schema = types::Schema::of(&sources);
        for field in &mut statement.fields {
            schema.resolve(&mut field.expr);
        }
        let condition = condition.map(|mut condition| {
            schema.resolve(&mut condition);
            condition
        });
        fields::expand(&mut statement, &schema)?;
        let mut dimensions = dimension_keys(&statement);
        dimensions.sort();
        dimensions.dedup();
        let mut names = column_names(&statement);
        let time_column = names.remove(0);
        statement
            .fields
            .retain(|field| !matches!(&field.expr, Expr::VarRef { name, .. } if name == "time"));
        let fields = items(&statement)?;
        Ok(Select {
            fields,
            columns: names,
            time_column,
            sources,
            condition,
            time,
            interval: statement.interval_at(self.context.now_ns),
            dimensions,
            fill: match statement.fill {
                // Null values would not be written.
                Fill::Null if outermost && statement.target.is_some() => Fill::None,
                fill => fill,
            },
            limit: statement.limit,
            offset: statement.offset,
            slimit: statement.slimit,
            soffset: statement.soffset,
            timezone: statement.zone(),
            ascending: statement.sort.first().is_none_or(|sort| sort.ascending),
            writes: statement.target.is_some(),
        })
    }
}

fn items(statement: &SelectStatement) -> Result<Vec<Item>, QueryError> {
    statement
        .fields
        .iter()
        .map(|field| {
            Ok(Item {
                expr: field.expr.clone(),
                name: field.name(),
                data_type: expression_type(&field.expr, &|_, cast| cast)?,
            })
        })
        .collect()
}

fn dimension_keys(statement: &SelectStatement) -> Vec<String> {
    statement
        .dimensions
        .iter()
        .filter_map(|dimension| match dimension {
            Expr::VarRef { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// `DISTINCT x` is the same as `distinct(x)`.
fn call_distinct(expr: &mut Expr) {
    match expr {
        Expr::Distinct(name) => {
            let name = std::mem::take(name);
            *expr = Expr::Call {
                name: "distinct".to_owned(),
                args: vec![Expr::VarRef { name, cast: None }],
            };
        }
        Expr::Call { args, .. } => deeper(|| args.iter_mut().for_each(call_distinct)),
        Expr::Binary { lhs, rhs, .. } => deeper(|| {
            call_distinct(lhs);
            call_distinct(rhs);
        }),
        Expr::Paren(inner) => deeper(|| call_distinct(inner)),
        _ => {}
    }
}

/// Whether a call is an aggregate, a selector or a transformation, rather than a
/// function of one row.
#[must_use]
pub fn is_series_call(expr: &Expr) -> bool {
    matches!(expr, Expr::Call { name, .. } if MathFunction::named(name).is_none())
}

/// The arguments of `top(field, …, n)` and `bottom(field, …, n)` between the first and the
/// last one: fields and tags that are shown with each value.
#[must_use]
pub fn companions(expr: &Expr) -> &[Expr] {
    match expr {
        Expr::Call { name, args } if name == "top" || name == "bottom" => {
            args.get(1..args.len().saturating_sub(1)).unwrap_or(&[])
        }
        _ => &[],
    }
}

fn tag_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::VarRef {
            name,
            cast: Some(DataType::Tag),
        } => Some(name.clone()),
        _ => None,
    }
}

impl Select {
    /// Whether rows are selected as they are, without any aggregate.
    #[must_use]
    pub fn is_raw(&self) -> bool {
        !self.fields.iter().any(|item| item.expr.any(is_series_call))
    }

    /// The tags that `top()` and `bottom()` name and the statement does not group by: what
    /// is written (`INTO`) has them as tags. None when nothing is written.
    #[must_use]
    pub fn written_tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        for item in self.fields.iter().filter(|_| self.writes) {
            item.expr.walk(&mut |expr| {
                let named = companions(expr).iter().filter_map(tag_name);
                tags.extend(named.filter(|name| !self.dimensions.contains(name)));
            });
        }
        tags.sort();
        tags.dedup();
        tags
    }
}

/// The limit of buckets of a bounded range; an unbounded one is cut when it is filled.
fn check_buckets(select: &Select, context: &QueryContext) -> Result<(), QueryError> {
    let limit = context.buckets_max;
    let Some(interval) = select.interval else {
        return Ok(());
    };
    if limit == 0 || select.is_raw() || !select.time.has_min {
        return Ok(());
    }
    let buckets = super::window::Buckets {
        every: interval.every,
        offset: interval.offset,
        timezone: select.timezone,
        time: TimeBounds {
            min: select.time.min,
            max: select.time.max,
        },
        ascending: true,
    };
    let first = buckets.window(select.time.min).0;
    let last = buckets.window(select.time.max.saturating_sub(1)).0;
    let count = last.saturating_sub(first).saturating_add(interval.every) / interval.every;
    let count = usize::try_from(count).unwrap_or(0);
    if count > limit {
        return Err(QueryError::Buckets {
            buckets: count,
            limit,
        });
    }
    Ok(())
}
