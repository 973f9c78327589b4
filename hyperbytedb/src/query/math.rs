//! InfluxQL's mathematical functions of one row.

use arrow::array::Float64Array;
use influxql::ast::DataType;

use super::column::Column;
use super::expression::Operand;

/// A function that computes a number of each row from numbers of that row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MathFunction {
    Abs,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Atan2,
    Exp,
    Log,
    Ln,
    Log2,
    Log10,
    Sqrt,
    Pow,
    Floor,
    Ceil,
    Round,
}

impl MathFunction {
    /// The function of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<MathFunction> {
        Some(match name {
            "abs" => MathFunction::Abs,
            "sin" => MathFunction::Sin,
            "cos" => MathFunction::Cos,
            "tan" => MathFunction::Tan,
            "asin" => MathFunction::Asin,
            "acos" => MathFunction::Acos,
            "atan" => MathFunction::Atan,
            "atan2" => MathFunction::Atan2,
            "exp" => MathFunction::Exp,
            "log" => MathFunction::Log,
            "ln" => MathFunction::Ln,
            "log2" => MathFunction::Log2,
            "log10" => MathFunction::Log10,
            "sqrt" => MathFunction::Sqrt,
            "pow" => MathFunction::Pow,
            "floor" => MathFunction::Floor,
            "ceil" => MathFunction::Ceil,
            "round" => MathFunction::Round,
            _ => return None,
        })
    }

    /// Whether integers stay integers.
    #[must_use]
    pub fn keeps_type(self) -> bool {
        matches!(
            self,
            MathFunction::Abs | MathFunction::Floor | MathFunction::Ceil | MathFunction::Round
        )
    }

    /// Applies the function; what is no number gives null.
    pub(super) fn evaluate(self, args: &[Operand], len: usize) -> Operand {
        let first = match args.first() {
            Some(operand) => operand.clone().into_column(len),
            None => Column::Null(len),
        };
        if self.keeps_type() {
            return Operand::Column(self.keep_type(&first, len));
        }
        let column = match args.get(1) {
            None => unary_float(&first, |x| self.of_one(x)),
            Some(second) => {
                let second = second.clone().into_column(len);
                binary_float(&first, &second, |x, y| self.of_two(x, y))
            }
        };
        Operand::Column(column)
    }

    fn keep_type(self, column: &Column, len: usize) -> Column {
        match column {
            Column::Float(_) => unary_float(column, |x| match self {
                MathFunction::Abs => x.abs(),
                MathFunction::Floor => x.floor(),
                MathFunction::Ceil => x.ceil(),
                _ => x.round(),
            }),
            Column::Integer(array) if self == MathFunction::Abs => {
                Column::Integer(array.unary(i64::wrapping_abs))
            }
            Column::Integer(_) | Column::Unsigned(_) => column.clone(),
            _ => Column::Null(len),
        }
    }

    fn of_one(self, x: f64) -> f64 {
        match self {
            MathFunction::Sin => x.sin(),
            MathFunction::Cos => x.cos(),
            MathFunction::Tan => x.tan(),
            MathFunction::Asin => x.asin(),
            MathFunction::Acos => x.acos(),
            MathFunction::Atan => x.atan(),
            MathFunction::Exp => x.exp(),
            MathFunction::Ln => x.ln(),
            MathFunction::Log2 => x.log2(),
            MathFunction::Log10 => x.log10(),
            MathFunction::Sqrt => x.sqrt(),
            _ => f64::NAN,
        }
    }

    fn of_two(self, x: f64, y: f64) -> f64 {
        match self {
            MathFunction::Atan2 => x.atan2(y),
            MathFunction::Log => x.ln() / y.ln(),
            MathFunction::Pow => x.powf(y),
            _ => f64::NAN,
        }
    }
}

fn as_floats(column: &Column) -> Float64Array {
    match column.cast(DataType::Float) {
        Column::Float(array) => array,
        other => Float64Array::new_null(other.len()),
    }
}

fn unary_float(column: &Column, f: impl Fn(f64) -> f64) -> Column {
    Column::Float(as_floats(column).unary(f))
}

fn binary_float(left: &Column, right: &Column, f: impl Fn(f64, f64) -> f64) -> Column {
    let (left, right) = (as_floats(left), as_floats(right));
    Column::Float(
        left.iter()
            .zip(right.iter())
            .map(|(x, y)| Some(f(x?, y?)))
            .collect(),
    )
}
