//! The mathematical functions, applied to literals.

use super::Value;

/// The functions computed value by value; all others are aggregates, selectors,
/// transformations, or unknown.
pub const MATH_FUNCTIONS: &[&str] = &[
    "abs", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "exp", "log", "ln", "log2",
    "log10", "sqrt", "pow", "floor", "ceil", "round",
];

/// `None` if there is no such function of that many arguments; nil if it has no
/// value for them.
pub(super) fn evaluate(name: &str, args: &[Value]) -> Option<Value> {
    if !MATH_FUNCTIONS.contains(&name) {
        return None;
    }
    match (name, args) {
        ("atan2", [a, b]) => Some(of_two(a, b, f64::atan2)),
        ("pow", [a, b]) => Some(of_two(a, b, f64::powf)),
        ("log", [a, b]) => Some(of_two(a, b, |a, b| a.ln() / b.ln())),
        ("atan2" | "pow" | "log", _) => None,
        ("abs" | "floor" | "ceil" | "round", [Value::Integer(a)]) => {
            Some(Value::Integer(if name == "abs" {
                a.wrapping_abs()
            } else {
                *a
            }))
        }
        ("abs" | "floor" | "ceil" | "round", [Value::Unsigned(a)]) => Some(Value::Unsigned(*a)),
        (_, [a]) => Some(match (function(name), number(a)) {
            (Some(function), Some(a)) => Value::Number(function(a)),
            _ => Value::Nil,
        }),
        _ => None,
    }
}

fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        "round" => f64::round,
        _ => return None,
    })
}

fn of_two(a: &Value, b: &Value, function: impl Fn(f64, f64) -> f64) -> Value {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => Value::Number(function(a, b)),
        _ => Value::Nil,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(value) => Some(*value),
        Value::Integer(value) => Some(*value as f64),
        Value::Unsigned(value) => Some(*value as f64),
        _ => None,
    }
}
