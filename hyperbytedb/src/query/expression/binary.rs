//! Binary operators over columns.

use arrow::array::{
    Array, ArrowPrimitiveType, BooleanArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
    UInt64Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{Float64Type, Int64Type, UInt64Type};
use influxql::ast::{BinaryOp, DataType};

use super::Operand;
use crate::query::column::Column;
use crate::query::value::Value;

/// Numbers of one side, one for each row or one for all.
enum Numbers<T: ArrowPrimitiveType> {
    Array(PrimitiveArray<T>),
    One(T::Native),
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    #[inline]
    fn at(&self, row: usize) -> T::Native {
        match self {
            Numbers::Array(array) => array.value(row),
            Numbers::One(value) => *value,
        }
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Numbers::Array(array) => array.nulls(),
            Numbers::One(_) => None,
        }
    }
}

/// Applies `op` row by row.
pub(super) fn binary(
    op: BinaryOp,
    lhs: &Operand,
    rhs: &Operand,
    len: usize,
    float_division: bool,
) -> Operand {
    use DataType::{Boolean, Float, Integer, String, Unsigned};
    let types = (data_type(lhs), data_type(rhs));
    let column = match types {
        (Some(Boolean), Some(Boolean) | None) | (None, Some(Boolean)) => {
            booleans(op, lhs, rhs, len)
        }
        (Some(Float), Some(Float | Integer | Unsigned))
        | (Some(Integer | Unsigned), Some(Float)) => float_op(op, &floats(lhs), &floats(rhs), len),
        (Some(Integer), Some(Integer)) if op == BinaryOp::Div && float_division => {
            float_op(op, &floats(lhs), &floats(rhs), len)
        }
        (Some(Integer), Some(Integer)) => integer_op(op, &integers(lhs), &integers(rhs), len),
        (Some(Integer | Unsigned), Some(Integer | Unsigned)) => unsigned_op(op, lhs, rhs, len),
        (Some(String), Some(String)) => string_op(op, lhs, rhs, len),
        _ => None,
    };
    match column {
        Some(column) => Operand::Column(column),
        None if is_comparison(op) => Operand::Scalar(Value::Boolean(false)),
        None => Operand::Scalar(Value::Null),
    }
}

/// `=~` and `!~`.
pub(super) fn matches(op: BinaryOp, lhs: &Operand, pattern: &regex::Regex, len: usize) -> Operand {
    let wanted = match op {
        BinaryOp::EqRegex => true,
        BinaryOp::NotEqRegex => false,
        _ => return Operand::Scalar(Value::Null),
    };
    match lhs {
        Operand::Column(Column::String(array)) => {
            let mut last: Option<(&str, bool)> = None;
            let mask = BooleanBuffer::collect_bool(len, |row| {
                if array.is_null(row) {
                    return false;
                }
                let text = array.value(row);
                // Tag columns are sorted: neighbours are mostly equal.
                let matched = match last {
                    Some((before, result)) if before == text => result,
                    _ => pattern.is_match(text),
                };
                last = Some((text, matched));
                matched == wanted
            });
            Operand::Column(Column::Boolean(BooleanArray::new(mask, None)))
        }
        Operand::Scalar(Value::String(text)) => {
            Operand::Scalar(Value::Boolean(pattern.is_match(text) == wanted))
        }
        _ => Operand::Scalar(Value::Null),
    }
}

fn data_type(operand: &Operand) -> Option<DataType> {
    match operand {
        Operand::Column(column) => column.data_type(),
        Operand::Scalar(Value::Null | Value::Texts(_)) => None,
        Operand::Scalar(Value::Float(_)) => Some(DataType::Float),
        Operand::Scalar(Value::Integer(_)) => Some(DataType::Integer),
        Operand::Scalar(Value::Unsigned(_)) => Some(DataType::Unsigned),
        Operand::Scalar(Value::String(_)) => Some(DataType::String),
        Operand::Scalar(Value::Boolean(_)) => Some(DataType::Boolean),
    }
}

pub(in crate::query) fn is_comparison(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Lt
            | BinaryOp::LtEq
            | BinaryOp::Gt
            | BinaryOp::GtEq
    )
}

macro_rules! numbers {
    ($name:ident, $cast:expr, $variant:ident, $value:ident, $arrow:ty, $array:ty) => {
        fn $name(operand: &Operand) -> Numbers<$arrow> {
            match operand {
                Operand::Column(column) => match column.cast($cast) {
                    Column::$variant(array) => Numbers::Array(array),
                    other => Numbers::Array(<$array>::new_null(other.len())),
                },
                Operand::Scalar(value) => match value.cast($cast) {
                    Value::$value(v) => Numbers::One(v),
                    _ => Numbers::One(Default::default()),
                },
            }
        }
    };
}
numbers!(
    floats,
    DataType::Float,
    Float,
    Float,
    Float64Type,
    Float64Array
);
numbers!(
    integers,
    DataType::Integer,
    Integer,
    Integer,
    Int64Type,
    Int64Array
);
numbers!(
    unsigneds,
    DataType::Unsigned,
    Unsigned,
    Unsigned,
    UInt64Type,
    UInt64Array
);

fn union<T: ArrowPrimitiveType, U: ArrowPrimitiveType>(
    l: &Numbers<T>,
    r: &Numbers<U>,
) -> Option<NullBuffer> {
    NullBuffer::union(l.nulls(), r.nulls())
}

fn arithmetic<T: ArrowPrimitiveType>(
    l: &Numbers<T>,
    r: &Numbers<T>,
    len: usize,
    f: impl Fn(T::Native, T::Native) -> T::Native,
) -> PrimitiveArray<T> {
    let values = (0..len).map(|row| f(l.at(row), r.at(row))).collect();
    PrimitiveArray::new(values, union(l, r))
}

/// Null rows compare as false.
fn compare<T: ArrowPrimitiveType>(
    l: &Numbers<T>,
    r: &Numbers<T>,
    len: usize,
    f: impl Fn(T::Native, T::Native) -> bool,
) -> Column {
    let values = BooleanBuffer::collect_bool(len, |row| f(l.at(row), r.at(row)));
    let values = match union(l, r) {
        Some(nulls) => &values & nulls.inner(),
        None => values,
    };
    Column::Boolean(BooleanArray::new(values, None))
}

fn float_op(
    op: BinaryOp,
    l: &Numbers<Float64Type>,
    r: &Numbers<Float64Type>,
    len: usize,
) -> Option<Column> {
    let column = match op {
        BinaryOp::Add => Column::Float(arithmetic(l, r, len, |a, b| a + b)),
        BinaryOp::Sub => Column::Float(arithmetic(l, r, len, |a, b| a - b)),
        BinaryOp::Mul => Column::Float(arithmetic(l, r, len, |a, b| a * b)),
        BinaryOp::Div => Column::Float(arithmetic(
            l,
            r,
            len,
            |a, b| {
                if b == 0.0 { 0.0 } else { a / b }
            },
        )),
        BinaryOp::Mod => Column::Float(arithmetic(l, r, len, |a, b| a % b)),
        BinaryOp::Eq => compare(l, r, len, |a, b| a == b),
        BinaryOp::NotEq => compare(l, r, len, |a, b| a != b),
        BinaryOp::Lt => compare(l, r, len, |a, b| a < b),
        BinaryOp::LtEq => compare(l, r, len, |a, b| a <= b),
        BinaryOp::Gt => compare(l, r, len, |a, b| a > b),
        BinaryOp::GtEq => compare(l, r, len, |a, b| a >= b),
        _ => return None,
    };
    Some(column)
}

fn integer_op(
    op: BinaryOp,
    l: &Numbers<Int64Type>,
    r: &Numbers<Int64Type>,
    len: usize,
) -> Option<Column> {
    let column = match op {
        BinaryOp::Add => Column::Integer(arithmetic(l, r, len, i64::wrapping_add)),
        BinaryOp::Sub => Column::Integer(arithmetic(l, r, len, i64::wrapping_sub)),
        BinaryOp::Mul => Column::Integer(arithmetic(l, r, len, i64::wrapping_mul)),
        BinaryOp::Div => Column::Integer(arithmetic(l, r, len, |a, b| {
            if b == 0 { 0 } else { a.wrapping_div(b) }
        })),
        BinaryOp::Mod => Column::Integer(arithmetic(l, r, len, |a, b| {
            if b == 0 { 0 } else { a.wrapping_rem(b) }
        })),
        BinaryOp::BitAnd => Column::Integer(arithmetic(l, r, len, |a, b| a & b)),
        BinaryOp::BitOr => Column::Integer(arithmetic(l, r, len, |a, b| a | b)),
        BinaryOp::BitXor => Column::Integer(arithmetic(l, r, len, |a, b| a ^ b)),
        BinaryOp::Eq => compare(l, r, len, |a, b| a == b),
        BinaryOp::NotEq => compare(l, r, len, |a, b| a != b),
        BinaryOp::Lt => compare(l, r, len, |a, b| a < b),
        BinaryOp::LtEq => compare(l, r, len, |a, b| a <= b),
        BinaryOp::Gt => compare(l, r, len, |a, b| a > b),
        BinaryOp::GtEq => compare(l, r, len, |a, b| a >= b),
        _ => return None,
    };
    Some(column)
}

/// At least one side is unsigned. Arithmetic wraps in 64 bits; ordering compares
/// the numbers themselves, so a negative one is below every unsigned one.
fn unsigned_op(op: BinaryOp, lhs: &Operand, rhs: &Operand, len: usize) -> Option<Column> {
    let (l, r) = (unsigneds(lhs), unsigneds(rhs));
    let negative = |operand: &Operand, row: usize| match operand {
        Operand::Column(Column::Integer(a)) => a.value(row) < 0,
        Operand::Scalar(Value::Integer(v)) => *v < 0,
        _ => false,
    };
    let ordered = |f: fn(i128, i128) -> bool| {
        let wide = |operand: &Operand, bits: u64, row: usize| {
            if negative(operand, row) {
                i128::from(bits.cast_signed())
            } else {
                i128::from(bits)
            }
        };
        let values = BooleanBuffer::collect_bool(len, |row| {
            f(wide(lhs, l.at(row), row), wide(rhs, r.at(row), row))
        });
        let values = match union(&l, &r) {
            Some(nulls) => &values & nulls.inner(),
            None => values,
        };
        Column::Boolean(BooleanArray::new(values, None))
    };
    let column = match op {
        BinaryOp::Add => Column::Unsigned(arithmetic(&l, &r, len, u64::wrapping_add)),
        BinaryOp::Sub => Column::Unsigned(arithmetic(&l, &r, len, u64::wrapping_sub)),
        BinaryOp::Mul => Column::Unsigned(arithmetic(&l, &r, len, u64::wrapping_mul)),
        BinaryOp::Div => Column::Unsigned(arithmetic(&l, &r, len, |a, b| {
            a.checked_div(b).unwrap_or(0)
        })),
        BinaryOp::Mod => Column::Unsigned(arithmetic(&l, &r, len, |a, b| {
            a.checked_rem(b).unwrap_or(0)
        })),
        BinaryOp::BitAnd => Column::Unsigned(arithmetic(&l, &r, len, |a, b| a & b)),
        BinaryOp::BitOr => Column::Unsigned(arithmetic(&l, &r, len, |a, b| a | b)),
        BinaryOp::BitXor => Column::Unsigned(arithmetic(&l, &r, len, |a, b| a ^ b)),
        BinaryOp::Eq => ordered(|a, b| a == b),
        BinaryOp::NotEq => ordered(|a, b| a != b),
        BinaryOp::Lt => ordered(|a, b| a < b),
        BinaryOp::LtEq => ordered(|a, b| a <= b),
        BinaryOp::Gt => ordered(|a, b| a > b),
        BinaryOp::GtEq => ordered(|a, b| a >= b),
        _ => return None,
    };
    Some(column)
}

/// Booleans: a null counts as false where the other side has a value.
fn booleans(op: BinaryOp, lhs: &Operand, rhs: &Operand, len: usize) -> Option<Column> {
    let f: fn(bool, bool) -> bool = match op {
        BinaryOp::And | BinaryOp::BitAnd => |a, b| a && b,
        BinaryOp::Or | BinaryOp::BitOr => |a, b| a || b,
        BinaryOp::BitXor | BinaryOp::NotEq => |a, b| a != b,
        BinaryOp::Eq => |a, b| a == b,
        _ => return None,
    };
    let at = |operand: &Operand, row: usize| match operand {
        Operand::Column(Column::Boolean(a)) if a.is_valid(row) => Some(a.value(row)),
        Operand::Scalar(Value::Boolean(v)) => Some(*v),
        _ => None,
    };
    let connective = matches!(op, BinaryOp::And | BinaryOp::Or);
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    let result: BooleanArray = (0..len)
        .map(|row| match (at(lhs, row), at(rhs, row)) {
            (Some(a), Some(b)) => Some(f(a, b)),
            (None, None) => (!bits).then_some(false),
            // A missing field matches no comparison, not even !=.
            (a, b) if connective || bits => Some(f(a.unwrap_or(false), b.unwrap_or(false))),
            _ => Some(false),
        })
        .collect();
    Some(Column::Boolean(result))
}

/// Strings are equal or not; InfluxDB does not order them.
fn string_op(op: BinaryOp, lhs: &Operand, rhs: &Operand, len: usize) -> Option<Column> {
    let equal = match op {
        BinaryOp::Eq => true,
        BinaryOp::NotEq => false,
        _ => return None,
    };
    let side = |operand: &Operand| -> Option<StringArray> {
        match operand {
            Operand::Column(Column::String(array)) => Some(array.clone()),
            _ => None,
        }
    };
    let mask = match (side(lhs), side(rhs), lhs, rhs) {
        (Some(l), Some(r), _, _) => BooleanBuffer::collect_bool(len, |row| {
            l.is_valid(row) && r.is_valid(row) && (l.value(row) == r.value(row)) == equal
        }),
        (Some(array), None, _, Operand::Scalar(Value::String(text)))
        | (None, Some(array), Operand::Scalar(Value::String(text)), _) => {
            BooleanBuffer::collect_bool(len, |row| {
                array.is_valid(row) && (array.value(row) == text) == equal
            })
        }
        (None, None, Operand::Scalar(Value::String(a)), Operand::Scalar(Value::String(b))) => {
            BooleanBuffer::collect_bool(len, |_| (a == b) == equal)
        }
        _ => return None,
    };
    Some(Column::Boolean(BooleanArray::new(mask, None)))
}
