//! Whether two answers are the same.

use serde_json::{Number, Value};

/// Whether two documents are the same, their numbers as `numbers` sees it.
pub fn same(one: &Value, other: &Value, numbers: fn(&Number, &Number) -> bool) -> bool {
    match (one, other) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, numbers))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has = |(key, a): (&String, &Value)| {
                let b = b.get(key);
                b.is_some_and(|b| same(a, b, numbers))
            };
            a.len() == b.len() && a.iter().all(has)
        }
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (a, b) => a == b,
    }
}

/// 3 and 3.0 are equal.
#[must_use]
pub fn equal(a: &Number, b: &Number) -> bool {
    a == b || a.as_f64() == b.as_f64()
}

/// Equal but for the last digits of floats, which depend on the order of additions.
#[must_use]
pub fn nearly_equal(a: &Number, b: &Number) -> bool {
    if !a.is_f64() && !b.is_f64() {
        return a == b;
    }
    let (a, b) = (a.as_f64(), b.as_f64());
    let (a, b) = (a.unwrap_or(f64::NAN), b.unwrap_or(f64::NAN));
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}
