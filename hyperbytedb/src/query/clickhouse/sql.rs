//! The query around the sources: filter, groups, aggregates, order.

use influxql::ast::Expr;
use points::FieldType;

use super::filter::to_sql;
use super::layout::Layout;
use crate::query::error::QueryError;
use crate::query::scan::{Aggregate, AggregateFunction, Output, Scan, Window};

/// The whole query over the union of `selects`, without settings.
///
/// # Errors
/// When the filter cannot be said in SQL.
pub fn query_of(scan: &Scan, layout: &Layout, selects: &[String]) -> Result<String, QueryError> {
    let from = format!("({})", selects.join(" UNION ALL "));
    match &scan.output {
        Output::Rows {
            fields,
            tags,
            limit,
        } => {
            let at = |name: &str, field_type| {
                layout
                    .field(name, field_type)
                    .map_or("NULL".to_string(), |at| format!("f{at}"))
            };
            let fields: Vec<String> = fields
                .iter()
                .map(|field| at(&field.name, field.field_type))
                .collect();
            let tags = tag_names(tags, layout);
            rows_query(scan, layout, &from, &fields, &tags, *limit)
        }
        Output::Aggregates { window, calls } => {
            aggregate_query(scan, layout, &from, *window, calls)
        }
    }
}

fn tag_names(keys: &[String], layout: &Layout) -> Vec<String> {
    keys.iter()
        .map(|key| {
            layout
                .tag(key)
                .map_or("''".to_string(), |at| format!("g{at}"))
        })
        .collect()
}

fn where_of(filter: Option<&Expr>, layout: &Layout, also: &str) -> Result<String, QueryError> {
    let mut parts = Vec::new();
    if let Some(filter) = filter {
        parts.push(to_sql(filter, layout)?);
    }
    if !also.is_empty() {
        parts.push(format!("({also})"));
    }
    Ok(match parts.as_slice() {
        [] => String::new(),
        parts => format!(" WHERE {}", parts.join(" AND ")),
    })
}

fn rows_query(
    scan: &Scan,
    layout: &Layout,
    from: &str,
    fields: &[String],
    tags: &[String],
    limit: Option<u64>,
) -> Result<String, QueryError> {
    let dimensions = tag_names(&scan.dimensions, layout);
    let any: Vec<String> = fields
        .iter()
        .map(|field| format!("isNotNull({field})"))
        .collect();
    let condition = where_of(scan.filter.as_ref(), layout, &any.join(" OR "))?;
    let mut columns: Vec<String> = Vec::new();
    for (at, column) in dimensions.iter().enumerate() {
        columns.push(format!("toString({column}) AS d{at}"));
    }
    columns.push("t AS time".to_string());
    for (at, column) in fields.iter().enumerate() {
        columns.push(format!("{column} AS v{at}"));
    }
    for (at, column) in tags.iter().enumerate() {
        columns.push(format!("toString({column}) AS w{at}"));
    }
    let direction = if scan.descending { " DESC" } else { "" };
    let mut order = dimensions.clone();
    order.push(format!("t{direction}"));
    // Ties between series have an order, so that an answer does not change by itself.
    let nulls = if scan.descending { "LAST" } else { "FIRST" };
    for at in scan.output.texts_in_front() {
        let column = fields.iter().chain(tags).nth(at);
        order.extend(column.map(|column| format!("{column}{direction} NULLS {nulls}")));
    }
    for tag in (0..layout.tags.len()).map(|at| format!("g{at}")) {
        if !order.contains(&tag) {
            order.push(format!("{tag}{direction}"));
        }
    }
    let limit = match (limit, dimensions.as_slice()) {
        (None, _) => String::new(),
        (Some(rows), []) => format!(" LIMIT {rows}"),
        (Some(rows), dimensions) => format!(" LIMIT {rows} BY {}", dimensions.join(", ")),
    };
    Ok(format!(
        "SELECT {} FROM {from}{condition} ORDER BY {}{limit}",
        columns.join(", "),
        order.join(", ")
    ))
}

fn aggregate_query(
    scan: &Scan,
    layout: &Layout,
    from: &str,
    window: Option<Window>,
    calls: &[Aggregate],
) -> Result<String, QueryError> {
    let dimensions = tag_names(&scan.dimensions, layout);
    let fields: Vec<usize> = calls
        .iter()
        .filter_map(|call| layout.field(&call.field.name, call.field.field_type))
        .collect();
    let mut any: Vec<String> = fields
        .iter()
        .map(|at| format!("isNotNull(f{at})"))
        .collect();
    any.dedup();
    let condition = where_of(scan.filter.as_ref(), layout, &any.join(" OR "))?;
    let mut columns: Vec<String> = Vec::new();
    let mut groups: Vec<String> = Vec::new();
    for (at, column) in dimensions.iter().enumerate() {
        columns.push(format!("toString({column}) AS d{at}"));
        groups.push(column.clone());
    }
    if window.is_some() {
        columns.push("b AS time".to_string());
        groups.push("b".to_string());
    } else {
        columns.push(format!("toInt64({}) AS time", scan.time.min));
    }
    for (at, call) in calls.iter().enumerate() {
        let field = layout
            .field(&call.field.name, call.field.field_type)
            .map_or("NULL".to_string(), |at| format!("f{at}"));
        columns.push(format!("{} AS v{at}", call_sql(call, &field)));
        if call.with_time {
            columns.push(format!("{} AS w{at}", time_sql(call, &field)));
        }
    }
    let with = window.map_or(String::new(), |window| {
        format!("WITH {} AS b ", bucket_sql(window, scan.time.min))
    });
    let direction = if scan.descending { " DESC" } else { "" };
    let mut order = dimensions;
    if window.is_some() {
        order.push(format!("b{direction}"));
    }
    let group = if groups.is_empty() {
        // Without groups ClickHouse answers one row even when there is nothing.
        " HAVING count() > 0".to_string()
    } else {
        format!(" GROUP BY {}", groups.join(", "))
    };
    let order = if order.is_empty() {
        String::new()
    } else {
        format!(" ORDER BY {}", order.join(", "))
    };
    Ok(format!(
        "{with}SELECT {} FROM {from}{condition}{group}{order}",
        columns.join(", ")
    ))
}

/// The start of the bucket of `t`.
fn bucket_sql(window: Window, min_time: i64) -> String {
    let Window { every, offset } = window;
    if min_time >= offset {
        format!("t - (t - {offset}) % {every}")
    } else {
        // Not positiveModulo: that of a negative multiple is `every`, not 0.
        format!("t - ((t - {offset}) % toInt64({every}) + {every}) % toInt64({every})")
    }
}

fn call_sql(call: &Aggregate, field: &str) -> String {
    let chosen = |pick: &str, key: &str| {
        format!(
            "if(count({field}) = 0, NULL, {pick}If(assumeNotNull({field}), {key}, isNotNull({field})))"
        )
    };
    let is_float = call.field.field_type == FieldType::Float;
    match call.function {
        AggregateFunction::Count => format!("nullIf(toInt64(count({field})), 0)"),
        AggregateFunction::Sum if is_float => format!("sum({field})"),
        AggregateFunction::Sum => format!("sumWithOverflow({field})"),
        AggregateFunction::Mean => format!("avg({field})"),
        AggregateFunction::Min => format!("min({field})"),
        AggregateFunction::Max => format!("max({field})"),
        AggregateFunction::First => chosen("argMax", &earliest(field)),
        AggregateFunction::Last => chosen("argMax", &format!("(t, assumeNotNull({field}))")),
    }
}

/// A key that is greatest for the earliest time and, of equal times, the larger value.
fn earliest(field: &str) -> String {
    format!("(bitNot(t), assumeNotNull({field}))")
}

fn time_sql(call: &Aggregate, field: &str) -> String {
    let picked = match call.function {
        AggregateFunction::First => format!("minIf(t, isNotNull({field}))"),
        AggregateFunction::Last => format!("maxIf(t, isNotNull({field}))"),
        AggregateFunction::Min => {
            format!("argMinIf(t, (assumeNotNull({field}), t), isNotNull({field}))")
        }
        _ => format!("argMaxIf(t, (assumeNotNull({field}), bitNot(t)), isNotNull({field}))"),
    };
    format!("if(count({field}) = 0, NULL, {picked})")
}
