//! The types of expressions, and the errors of incompatible ones.

use influxql::ast::{BinaryOp, DataType, Expr};
use influxql::deeper;

use super::binary::is_comparison;
use crate::query::error::QueryError;
use crate::query::math::MathFunction;

/// The type of an expression; `None` when nothing is known, such as for a
/// reference to a field that does not exist.
pub type Typed = Result<Option<DataType>, QueryError>;

/// The type of an expression whose references have types, `of_ref` telling the type
/// of each.
pub fn expression_type(
    expr: &Expr,
    of_ref: &dyn Fn(&str, Option<DataType>) -> Option<DataType>,
) -> Typed {
    match expr {
        Expr::VarRef { name, cast } => Ok(of_ref(name, *cast)),
        Expr::Call { name, args } => {
            let args = args
                .iter()
                .map(|arg| deeper(|| expression_type(arg, of_ref)))
                .collect::<Result<Vec<_>, _>>()?;
            call_type(name, &args)
        }
        Expr::Distinct(name) => Ok(of_ref(name, None)),
        Expr::Binary { op, lhs, rhs } => {
            let left = deeper(|| expression_type(lhs, of_ref))?;
            let right = deeper(|| expression_type(rhs, of_ref))?;
            binary_type(expr, *op, (lhs, left), (rhs, right))
        }
        Expr::Paren(inner) => deeper(|| expression_type(inner, of_ref)),
        Expr::Number(_) => Ok(Some(DataType::Float)),
        Expr::Integer(_) => Ok(Some(DataType::Integer)),
        Expr::Unsigned(_) => Ok(Some(DataType::Unsigned)),
        Expr::String(_) => Ok(Some(DataType::String)),
        Expr::Boolean(_) => Ok(Some(DataType::Boolean)),
        Expr::Duration(_) | Expr::Regex(_) | Expr::Wildcard(_) | Expr::BoundParameter(_) => {
            Ok(None)
        }
    }
}

/// The name InfluxDB prints for a type.
pub fn type_name(data_type: Option<DataType>) -> &'static str {
    match data_type {
        Some(DataType::Float) => "float",
        Some(DataType::Integer) => "integer",
        Some(DataType::Unsigned) => "unsigned",
        Some(DataType::String) => "string",
        Some(DataType::Boolean) => "boolean",
        Some(DataType::Tag) => "tag",
        Some(DataType::AnyField) => "field",
        None => "unknown",
    }
}

/// The type of a function's result.
pub fn call_type(name: &str, args: &[Option<DataType>]) -> Typed {
    if let Some(function) = MathFunction::named(name) {
        return math_type(function, name, args);
    }
    let first = args.first().copied().flatten();
    Ok(match name {
        "mean"
        | "median"
        | "integral"
        | "stddev"
        | "derivative"
        | "non_negative_derivative"
        | "moving_average"
        | "exponential_moving_average"
        | "double_exponential_moving_average"
        | "triple_exponential_moving_average"
        | "relative_strength_index"
        | "triple_exponential_derivative"
        | "kaufmans_efficiency_ratio"
        | "kaufmans_adaptive_moving_average"
        | "chande_momentum_oscillator"
        | "holt_winters"
        | "holt_winters_with_fit" => Some(DataType::Float),
        "count" | "elapsed" => Some(DataType::Integer),
        _ => first,
    })
}

fn math_type(function: MathFunction, name: &str, args: &[Option<DataType>]) -> Typed {
    let number = |data_type: Option<DataType>| {
        matches!(
            data_type,
            Some(DataType::Float | DataType::Integer | DataType::Unsigned) | None
        )
    };
    let argument = |place: &str, data_type: Option<DataType>| {
        Err(QueryError::Invalid(format!(
            "invalid argument type for the {place} argument in {name}(): {}",
            type_name(data_type)
        )))
    };
    let first = args.first().copied().flatten();
    if !number(first) {
        return argument("first", first);
    }
    if matches!(function, MathFunction::Atan2 | MathFunction::Pow) {
        let second = args.get(1).copied().flatten();
        if !number(second) {
            return argument("second", second);
        }
    }
    if function.keeps_type() {
        return Ok(first);
    }
    Ok(Some(DataType::Float))
}

fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Number(_)
            | Expr::Integer(_)
            | Expr::Unsigned(_)
            | Expr::String(_)
            | Expr::Boolean(_)
            | Expr::Duration(_)
            | Expr::Regex(_)
    )
}

/// The type of a binary expression. The quotient of two integers counts as an
/// integer here although its values are floats: what an outer query gets is
/// truncated, as in InfluxDB.
pub fn binary_type(
    expr: &Expr,
    op: BinaryOp,
    (lhs, left): (&Expr, Option<DataType>),
    (rhs, right): (&Expr, Option<DataType>),
) -> Typed {
    use DataType::{Integer, Unsigned};
    let mismatch =
        |reason: String| Err(QueryError::Invalid(format!("type error: {expr}: {reason}")));
    let op_text = op.symbol();
    let mixed = match (left, right) {
        (Some(Unsigned), Some(Integer)) => Some((lhs, rhs)),
        (Some(Integer), Some(Unsigned)) => Some((rhs, lhs)),
        _ => None,
    };
    if let Some((unsigned, integer)) = mixed {
        if is_literal(unsigned) {
            return mismatch(format!(
                "cannot use {op_text} with an integer and unsigned literal"
            ));
        }
        if !is_literal(integer) {
            return mismatch(format!(
                "cannot use {op_text} between an integer and unsigned, an explicit cast is required"
            ));
        }
    }
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(left.or(right));
    };
    match combined(op, left, right) {
        Some(result) => Ok(Some(result)),
        None => mismatch(format!(
            "incompatible types: {} and {}",
            type_name(Some(left)),
            type_name(Some(right))
        )),
    }
}

fn combined(op: BinaryOp, left: DataType, right: DataType) -> Option<DataType> {
    use DataType::{Boolean, Float, Integer, String, Unsigned};
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    let arithmetic = matches!(
        op,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod
    );
    if is_comparison(op) {
        return Some(Boolean);
    }
    match (left, right) {
        (Boolean, Boolean) if bits || matches!(op, BinaryOp::And | BinaryOp::Or) => Some(Boolean),
        (Float, Float | Integer | Unsigned) | (Integer | Unsigned, Float) if arithmetic => {
            Some(Float)
        }
        (Integer, Integer) if arithmetic || bits => Some(Integer),
        (Unsigned, Integer | Unsigned) | (Integer, Unsigned) if arithmetic || bits => {
            Some(Unsigned)
        }
        (String, String) if matches!(op, BinaryOp::EqRegex | BinaryOp::NotEqRegex) => Some(Boolean),
        _ => None,
    }
}
