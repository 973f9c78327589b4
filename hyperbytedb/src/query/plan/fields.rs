//! Expansion of `*` and `/…/` in select lists and in `GROUP BY`.

use influxql::ast::{DataType, Expr, Field, SelectStatement, WildcardKind};
use influxql::deeper;

use super::types::Schema;
use crate::query::error::QueryError;
use crate::query::expression::compile_regex;

/// Puts columns in the place of wildcards and patterns.
///
/// # Errors
/// [`QueryError::Invalid`] where InfluxDB allows no wildcard, and for broken patterns.
pub(super) fn expand(select: &mut SelectStatement, schema: &Schema) -> Result<(), QueryError> {
    let is_wild = |expr: &Expr| matches!(expr, Expr::Wildcard(_) | Expr::Regex(_));
    let wild_dimensions = select.dimensions.iter().any(is_wild);
    if select.fields.iter().any(|field| field.expr.any(is_wild)) {
        let columns = columns(select, schema, wild_dimensions);
        let mut fields = Vec::new();
        for field in &select.fields {
            expand_field(field, &columns, &mut fields)?;
        }
        select.fields = fields;
    }
    if wild_dimensions {
        let mut dimensions = Vec::new();
        for dimension in &select.dimensions {
            let pattern = match dimension {
                Expr::Wildcard(_) => None,
                Expr::Regex(pattern) => Some(compile_regex(pattern)?),
                other => {
                    dimensions.push(other.clone());
                    continue;
                }
            };
            let matching = schema
                .tags
                .iter()
                .filter(|tag| pattern.as_ref().is_none_or(|p| p.is_match(tag)));
            dimensions.extend(matching.map(|name| Expr::VarRef {
                name: name.clone(),
                cast: None,
            }));
        }
        select.dimensions = dimensions;
    }
    Ok(())
}

/// What `*` stands for: all fields, and all tags that are not grouped by.
fn columns(
    select: &SelectStatement,
    schema: &Schema,
    wild_dimensions: bool,
) -> Vec<(String, DataType)> {
    if schema.fields.is_empty() {
        // Tags alone select nothing.
        return Vec::new();
    }
    let mut columns: Vec<(String, DataType)> = schema
        .fields
        .iter()
        .map(|(name, data_type)| (name.clone(), *data_type))
        .collect();
    if !wild_dimensions {
        let grouped = |tag: &str| {
            select
                .dimensions
                .iter()
                .any(|d| matches!(d, Expr::VarRef { name, .. } if name == tag))
        };
        let tags = schema.tags.iter().filter(|tag| !grouped(tag));
        columns.extend(tags.map(|tag| (tag.clone(), DataType::Tag)));
    }
    columns.sort();
    columns
}

fn reference(name: &str, data_type: DataType) -> Expr {
    Expr::VarRef {
        name: name.to_owned(),
        cast: Some(data_type),
    }
}

fn expand_field(
    field: &Field,
    columns: &[(String, DataType)],
    out: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let plain = |(name, data_type): &(String, DataType)| Field {
        expr: reference(name, *data_type),
        alias: None,
    };
    match &field.expr {
        Expr::Wildcard(kind) => {
            let wanted = columns.iter().filter(|(_, data_type)| match kind {
                WildcardKind::Any => true,
                WildcardKind::Tag => *data_type == DataType::Tag,
                WildcardKind::Field => *data_type != DataType::Tag,
            });
            out.extend(wanted.map(plain));
        }
        Expr::Regex(pattern) => {
            let pattern = compile_regex(pattern)?;
            let wanted = columns.iter().filter(|(name, _)| pattern.is_match(name));
            out.extend(wanted.map(plain));
        }
        Expr::Call { .. } => expand_call(field, columns, out)?,
        Expr::Binary { .. } => {
            if field.expr.any(|e| matches!(e, Expr::Wildcard(_))) {
                return Err(QueryError::Invalid(format!(
                    "unsupported expression with wildcard: {}",
                    field.expr
                )));
            }
            if field.expr.any(|e| matches!(e, Expr::Regex(_))) {
                return Err(QueryError::Invalid(format!(
                    "unsupported expression with regex field: {}",
                    field.expr
                )));
            }
            out.push(field.clone());
        }
        _ => out.push(field.clone()),
    }
    Ok(())
}

/// `mean(*)` and `derivative(mean(/…/))`: one column for each field of a type that
/// the innermost function takes.
fn expand_call(
    field: &Field,
    columns: &[(String, DataType)],
    out: &mut Vec<Field>,
) -> Result<(), QueryError> {
    let Some((function, argument)) = innermost(&field.expr) else {
        out.push(field.clone());
        return Ok(());
    };
    let pattern = match argument {
        Expr::Wildcard(WildcardKind::Tag) => {
            return Err(QueryError::Invalid(format!(
                "unable to use tag wildcard in {function}()"
            )));
        }
        Expr::Wildcard(_) => None,
        Expr::Regex(pattern) => Some(compile_regex(pattern)?),
        _ => {
            out.push(field.clone());
            return Ok(());
        }
    };
    for (name, data_type) in columns {
        let matches = pattern.as_ref().is_none_or(|p| p.is_match(name));
        if matches && takes(function, *data_type) {
            out.push(Field {
                expr: with_argument(&field.expr, &reference(name, *data_type)),
                alias: Some(format!("{}_{name}", field.name())),
            });
        }
    }
    Ok(())
}

fn takes(function: &str, data_type: DataType) -> bool {
    let any = matches!(
        function,
        "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "sample"
    );
    match data_type {
        DataType::Float | DataType::Integer => true,
        DataType::Unsigned => !matches!(function, "holt_winters" | "holt_winters_with_fit"),
        DataType::String => any,
        DataType::Boolean => any || matches!(function, "min" | "max"),
        DataType::Tag | DataType::AnyField => false,
    }
}

/// The innermost of nested calls and its first argument.
fn innermost(expr: &Expr) -> Option<(&str, &Expr)> {
    match expr {
        Expr::Call { name, args } => match args.first()? {
            inner @ Expr::Call { .. } => deeper(|| innermost(inner)),
            argument => Some((name, argument)),
        },
        _ => None,
    }
}

/// The nested calls with another innermost first argument.
fn with_argument(expr: &Expr, argument: &Expr) -> Expr {
    let Expr::Call { name, args } = expr else {
        return argument.clone();
    };
    let mut args = args.clone();
    if let Some(first) = args.first_mut() {
        *first = deeper(|| with_argument(first, argument));
    }
    Expr::Call {
        name: name.clone(),
        args,
    }
}
