//! Conditions of `WHERE`, made ready for a table.

use influxql::ast::{BinaryOp, DataType, Expr};

use super::catalog::TableInfo;
use super::column::Column;
use super::error::QueryError;
use super::expression::{Expression, compile_regex};
use super::plan::types::column_type;

/// What is left of a condition for one table.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    All,
    Nothing,
    /// Every reference names a field of the table (with its type as cast) or one of
    /// its tags (cast to tag).
    Where(Expr),
}

/// Decides what of a condition the schema of a table decides: tags that it lacks are
/// empty strings, comparisons with fields that it lacks are false, and so are those
/// of types that do not compare.
///
/// # Errors
/// [`QueryError::Invalid`] for broken regular expressions.
pub fn for_table(condition: Option<&Expr>, info: &TableInfo) -> Result<Filter, QueryError> {
    let Some(condition) = condition else {
        return Ok(Filter::All);
    };
    Ok(match simplify(condition, info)? {
        Expr::Boolean(true) => Filter::All,
        Expr::Boolean(false) => Filter::Nothing,
        expr if kind(&expr) == Kind::Boolean || expr.any(|e| matches!(e, Expr::Binary { .. })) => {
            Filter::Where(expr)
        }
        _ => Filter::Nothing,
    })
}

/// What an operand is, as far as comparing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Boolean,
    Pattern,
    /// A field that does not exist, or a mixture.
    Nothing,
}

fn kind(expr: &Expr) -> Kind {
    match expr {
        Expr::VarRef { cast, .. } => match cast {
            Some(DataType::Float | DataType::Integer | DataType::Unsigned) => Kind::Number,
            Some(DataType::String | DataType::Tag) => Kind::Text,
            Some(DataType::Boolean) => Kind::Boolean,
            Some(DataType::AnyField) | None => Kind::Nothing,
        },
        Expr::Number(_) | Expr::Integer(_) | Expr::Unsigned(_) | Expr::Duration(_) => Kind::Number,
        Expr::String(_) => Kind::Text,
        Expr::Boolean(_) => Kind::Boolean,
        Expr::Regex(_) => Kind::Pattern,
        Expr::Paren(inner) => kind(inner),
        Expr::Call { args, .. } => {
            if args.iter().all(|arg| kind(arg) == Kind::Number) {
                Kind::Number
            } else {
                Kind::Nothing
            }
        }
        Expr::Binary { op, lhs, rhs } => match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => {
                match (kind(lhs), kind(rhs)) {
                    (Kind::Number, Kind::Number) => Kind::Number,
                    _ => Kind::Nothing,
                }
            }
            BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor => match (kind(lhs), kind(rhs)) {
                (Kind::Number, Kind::Number) => Kind::Number,
                (Kind::Boolean, Kind::Boolean) => Kind::Boolean,
                _ => Kind::Nothing,
            },
            _ => Kind::Boolean,
        },
        Expr::Distinct(_) | Expr::Wildcard(_) | Expr::BoundParameter(_) => Kind::Nothing,
    }
}

/// A reference as the table has it.
fn resolve(name: &str, cast: Option<DataType>, info: &TableInfo) -> Expr {
    let reference = |cast| Expr::VarRef {
        name: name.to_owned(),
        cast,
    };
    let field = info.fields.iter().find(|(field, _)| field == name);
    match cast {
        Some(DataType::Tag) | None => {
            if info.tag_keys.iter().any(|key| key == name) {
                reference(Some(DataType::Tag))
            } else {
                Expr::String(String::new())
            }
        }
        Some(wanted) => {
            let own = field.map(|(_, field_type)| column_type(*field_type));
            let numeric = |t| matches!(t, DataType::Float | DataType::Integer | DataType::Unsigned);
            match own {
                Some(own) if own == wanted || (numeric(own) && numeric(wanted)) => {
                    reference(Some(own))
                }
                _ => reference(None),
            }
        }
    }
}

fn simplify(expr: &Expr, info: &TableInfo) -> Result<Expr, QueryError> {
    Ok(match expr {
        Expr::VarRef { name, cast } => resolve(name, *cast, info),
        Expr::Paren(inner) => match simplify(inner, info)? {
            inner @ Expr::Binary { .. } => Expr::Paren(Box::new(inner)),
            inner => inner,
        },
        Expr::Call { name, args } => Expr::Call {
            name: name.clone(),
            args: args
                .iter()
                .map(|arg| simplify(arg, info))
                .collect::<Result<_, _>>()?,
        },
        Expr::Binary {
            op: op @ (BinaryOp::Eq | BinaryOp::NotEq),
            lhs,
            rhs,
        } if is_tag(lhs) && is_tag(rhs) => {
            let (lhs, rhs) = (simplify(lhs, info)?, simplify(rhs, info)?);
            equal_tags(*op, lhs, rhs)
        }
        Expr::Binary { op, lhs, rhs } => {
            let (lhs, rhs) = (simplify(lhs, info)?, simplify(rhs, info)?);
            match op {
                BinaryOp::And | BinaryOp::Or => connect(*op, lhs, rhs),
                _ => compare(*op, lhs, rhs)?,
            }
        }
        other => other.clone(),
    })
}

/// Whether an expression names a tag, or what nobody has.
fn is_tag(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::VarRef {
            cast: Some(DataType::Tag) | None,
            ..
        }
    )
}

/// Two tags are equal only where both are there.
fn equal_tags(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    let binary = |op, lhs: &Expr, rhs: Expr| Expr::Binary {
        op,
        lhs: Box::new(lhs.clone()),
        rhs: Box::new(rhs),
    };
    let negative = op == BinaryOp::NotEq;
    if matches!(lhs, Expr::String(_)) || matches!(rhs, Expr::String(_)) {
        return Expr::Boolean(negative);
    }
    let (presence, join) = if negative {
        (BinaryOp::Eq, BinaryOp::Or)
    } else {
        (BinaryOp::NotEq, BinaryOp::And)
    };
    let there = binary(presence, &lhs, Expr::String(String::new()));
    let both = binary(join, &binary(op, &lhs, rhs), there);
    Expr::Paren(Box::new(both))
}

fn connect(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    let decides = op == BinaryOp::Or;
    match (&lhs, &rhs) {
        (Expr::Boolean(v), _) if *v == decides => Expr::Boolean(decides),
        (_, Expr::Boolean(v)) if *v == decides => Expr::Boolean(decides),
        (Expr::Boolean(_), _) => rhs,
        (_, Expr::Boolean(_)) => lhs,
        _ => Expr::Binary {
            op,
            lhs: Box::new(lhs),
            rhs: Box::new(rhs),
        },
    }
}

fn compare(op: BinaryOp, lhs: Expr, rhs: Expr) -> Result<Expr, QueryError> {
    let kinds = (kind(&lhs), kind(&rhs));
    let possible = match op {
        BinaryOp::EqRegex | BinaryOp::NotEqRegex => kinds == (Kind::Text, Kind::Pattern),
        BinaryOp::Eq | BinaryOp::NotEq => {
            kinds.0 == kinds.1 && kinds.0 != Kind::Nothing && kinds.0 != Kind::Pattern
        }
        BinaryOp::Lt | BinaryOp::LtEq | BinaryOp::Gt | BinaryOp::GtEq => {
            kinds == (Kind::Number, Kind::Number)
        }
        _ => true,
    };
    if !possible {
        return Ok(Expr::Boolean(false));
    }
    if let Expr::Regex(pattern) = &rhs {
        // Fails here rather than in every reader.
        compile_regex(pattern)?;
    }
    let joined = Expr::Binary {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    };
    if kind(&joined) == Kind::Boolean && !joined.any(|e| matches!(e, Expr::VarRef { .. })) {
        let constant = Expression::condition(&joined, &mut |_, _| None)?;
        return Ok(Expr::Boolean(constant.evaluate_mask(&[], 1).value(0)));
    }
    Ok(joined)
}

/// What of a table's condition speaks of tags alone: every row that passes the
/// condition has tags that fulfil it. `None` when tags decide nothing.
#[must_use]
pub fn of_tags(condition: &Expr) -> Option<Expr> {
    let is_field =
        |expr: &Expr| matches!(expr, Expr::VarRef { cast, .. } if *cast != Some(DataType::Tag));
    match condition {
        Expr::Paren(inner) => of_tags(inner),
        Expr::Binary {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            lhs,
            rhs,
        } => match (of_tags(lhs), of_tags(rhs)) {
            (Some(lhs), Some(rhs)) => Some(Expr::Paren(Box::new(Expr::Binary {
                op: *op,
                lhs: Box::new(lhs),
                rhs: Box::new(rhs),
            }))),
            (Some(one), None) | (None, Some(one)) if *op == BinaryOp::And => Some(one),
            _ => None,
        },
        other if other.any(is_field) => None,
        other => Some(other.clone()),
    }
}

/// A condition over columns that are at hand, for readers without an engine and for
/// tests: `lookup` tells the place of each field and tag.
///
/// # Errors
/// [`QueryError::Invalid`] for broken conditions.
pub fn over_columns(
    condition: &Expr,
    lookup: &mut super::expression::Lookup<'_>,
) -> Result<Expression, QueryError> {
    Expression::condition(condition, lookup)
}

/// Whether a row of columns passes, for all rows.
#[must_use]
pub fn mask(condition: &Expression, columns: &[Column], rows: usize) -> arrow::array::BooleanArray {
    condition.evaluate_mask(columns, rows)
}
