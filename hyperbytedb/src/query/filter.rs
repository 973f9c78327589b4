//! Conditions of `WHERE`, made ready for a table.

use influxql::ast::{BinaryOp, DataType, Expr};
use influxql::deeper;

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
    let Known { expr, kind } = simplify(condition, info)?;
    Ok(match expr {
        Expr::Boolean(true) => Filter::All,
        Expr::Boolean(false) => Filter::Nothing,
        expr if kind == Kind::Boolean || expr.any(|e| matches!(e, Expr::Binary { .. })) => {
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

/// An expression, and what it is.
struct Known {
    expr: Expr,
    kind: Kind,
}

impl Known {
    fn boolean(expr: Expr) -> Known {
        Known {
            expr,
            kind: Kind::Boolean,
        }
    }

    fn leaf(expr: Expr) -> Known {
        let kind = match &expr {
            Expr::VarRef { cast, .. } => match cast {
                Some(DataType::Float | DataType::Integer | DataType::Unsigned) => Kind::Number,
                Some(DataType::String | DataType::Tag) => Kind::Text,
                Some(DataType::Boolean) => Kind::Boolean,
                Some(DataType::AnyField) | None => Kind::Nothing,
            },
            Expr::Number(_) | Expr::Integer(_) | Expr::Unsigned(_) | Expr::Duration(_) => {
                Kind::Number
            }
            Expr::String(_) => Kind::Text,
            Expr::Boolean(_) => Kind::Boolean,
            Expr::Regex(_) => Kind::Pattern,
            _ => Kind::Nothing,
        };
        Known { expr, kind }
    }
}

/// What an operator that does not compare makes of its sides.
fn joined_kind(op: BinaryOp, sides: (Kind, Kind)) -> Kind {
    let of_bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    match sides {
        (Kind::Number, Kind::Number) => Kind::Number,
        (Kind::Boolean, Kind::Boolean) if of_bits => Kind::Boolean,
        _ => Kind::Nothing,
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

fn simplify(expr: &Expr, info: &TableInfo) -> Result<Known, QueryError> {
    Ok(match expr {
        Expr::VarRef { name, cast } => Known::leaf(resolve(name, *cast, info)),
        Expr::Paren(inner) => match deeper(|| simplify(inner, info))? {
            Known {
                expr: expr @ Expr::Binary { .. },
                kind,
            } => Known {
                expr: Expr::Paren(Box::new(expr)),
                kind,
            },
            inner => inner,
        },
        Expr::Call { name, args } => {
            let args = args
                .iter()
                .map(|arg| deeper(|| simplify(arg, info)))
                .collect::<Result<Vec<Known>, _>>()?;
            let numbers = args.iter().all(|arg| arg.kind == Kind::Number);
            Known {
                kind: if numbers { Kind::Number } else { Kind::Nothing },
                expr: Expr::Call {
                    name: name.clone(),
                    args: args.into_iter().map(|arg| arg.expr).collect(),
                },
            }
        }
        Expr::Binary { op, lhs, rhs } => {
            let tags = is_tag(lhs) && is_tag(rhs);
            let lhs = deeper(|| simplify(lhs, info))?;
            let rhs = deeper(|| simplify(rhs, info))?;
            match op {
                BinaryOp::Eq | BinaryOp::NotEq if tags => {
                    Known::boolean(equal_tags(*op, lhs.expr, rhs.expr))
                }
                BinaryOp::And | BinaryOp::Or => connect(*op, lhs, rhs),
                _ => compare(*op, lhs, rhs)?,
            }
        }
        other => Known::leaf(other.clone()),
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

fn connect(op: BinaryOp, lhs: Known, rhs: Known) -> Known {
    let decides = op == BinaryOp::Or;
    match (&lhs.expr, &rhs.expr) {
        (Expr::Boolean(v), _) if *v == decides => lhs,
        (_, Expr::Boolean(v)) if *v == decides => rhs,
        (Expr::Boolean(_), _) => rhs,
        (_, Expr::Boolean(_)) => lhs,
        _ => Known::boolean(Expr::Binary {
            op,
            lhs: Box::new(lhs.expr),
            rhs: Box::new(rhs.expr),
        }),
    }
}

fn compare(op: BinaryOp, lhs: Known, rhs: Known) -> Result<Known, QueryError> {
    let kinds = (lhs.kind, rhs.kind);
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
        return Ok(Known::boolean(Expr::Boolean(false)));
    }
    if let Expr::Regex(pattern) = &rhs.expr {
        // Fails here rather than in every reader.
        compile_regex(pattern)?;
    }
    let joined = Known {
        kind: match op.is_condition() {
            true => Kind::Boolean,
            false => joined_kind(op, kinds),
        },
        expr: Expr::Binary {
            op,
            lhs: Box::new(lhs.expr),
            rhs: Box::new(rhs.expr),
        },
    };
    let is_constant = |expr: &Expr| !expr.any(|part| matches!(part, Expr::VarRef { .. }));
    if joined.kind == Kind::Boolean && is_constant(&joined.expr) {
        let constant = Expression::condition(&joined.expr, &mut |_, _| None)?;
        let value = constant.evaluate_mask(&[], 1).value(0);
        return Ok(Known::boolean(Expr::Boolean(value)));
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
        Expr::Paren(inner) => deeper(|| of_tags(inner)),
        Expr::Binary {
            op: op @ (BinaryOp::And | BinaryOp::Or),
            lhs,
            rhs,
        } => match deeper(|| (of_tags(lhs), of_tags(rhs))) {
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
