//! Expressions over columns, evaluated a whole column at a time by the rules of
//! InfluxQL: integers and floats mix, division by zero gives 0, overflow wraps,
//! and what cannot be compared is not equal.

mod binary;
mod pattern;
mod types;

use arrow::array::{Array, BooleanArray};
use influxql::ast::{BinaryOp, DataType, Expr};
use influxql::deeper;

use super::column::Column;
use super::error::QueryError;
use super::math::MathFunction;
use super::value::Value;
use binary::binary;
pub(crate) use pattern::compile as compile_regex;
pub(crate) use types::{call_type, expression_type, type_name};

/// An expression whose references are places in a row of columns.
#[derive(Debug)]
pub struct Expression {
    node: Node,
    /// In select lists the quotient of two integers is a float, in conditions an integer.
    float_division: bool,
}

#[derive(Debug)]
enum Node {
    Column(usize),
    Literal(Value),
    Regex(regex::Regex),
    Math(MathFunction, Vec<Node>),
    Binary {
        op: BinaryOp,
        /// Both sides.
        sides: Box<(Node, Node)>,
    },
}

impl Drop for Node {
    /// Without recursion: expressions nest as deep as their text is long.
    fn drop(&mut self) {
        let mut parts = Vec::new();
        self.take_parts(&mut parts);
        while let Some(mut part) = parts.pop() {
            part.take_parts(&mut parts);
        }
    }
}

/// One side of an operation.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Column(Column),
    Scalar(Value),
}

impl Operand {
    pub(super) fn into_column(self, len: usize) -> Column {
        match self {
            Operand::Column(column) => column,
            Operand::Scalar(value) => Column::repeated(&value, len),
        }
    }
}

/// Finds the column of a reference; `None` means it is null in every row.
pub type Lookup<'a> = dyn FnMut(&str, Option<DataType>) -> Option<usize> + 'a;

impl Expression {
    /// Prepares an item of a select list.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] for what no row can be computed from (wildcards,
    /// aggregates that were not replaced, broken regular expressions).
    pub fn select(expr: &Expr, lookup: &mut Lookup<'_>) -> Result<Expression, QueryError> {
        Ok(Expression {
            node: Node::build(expr, lookup)?,
            float_division: true,
        })
    }

    /// Prepares a condition.
    ///
    /// # Errors
    /// As [`Expression::select`].
    pub fn condition(expr: &Expr, lookup: &mut Lookup<'_>) -> Result<Expression, QueryError> {
        Ok(Expression {
            node: Node::build(expr, lookup)?,
            float_division: false,
        })
    }

    /// The place of the column, if the expression is nothing but a reference.
    #[must_use]
    pub fn as_column(&self) -> Option<usize> {
        match self.node {
            Node::Column(index) => Some(index),
            _ => None,
        }
    }

    /// Computes the column for `len` rows.
    #[must_use]
    pub fn evaluate(&self, columns: &[Column], len: usize) -> Column {
        self.node
            .evaluate(columns, len, self.float_division)
            .into_column(len)
    }

    /// Computes a mask without nulls: true where the value is true.
    #[must_use]
    pub fn evaluate_mask(&self, columns: &[Column], len: usize) -> BooleanArray {
        match self.evaluate(columns, len) {
            Column::Boolean(mask) if mask.null_count() == 0 => mask,
            Column::Boolean(mask) => mask.iter().map(|v| Some(v == Some(true))).collect(),
            _ => BooleanArray::from(vec![false; len]),
        }
    }
}

impl Node {
    fn take_parts(&mut self, into: &mut Vec<Node>) {
        let mut take = |part: &mut Node| into.push(std::mem::replace(part, Node::Column(0)));
        match self {
            Node::Math(_, args) => args.iter_mut().for_each(take),
            Node::Binary { sides, .. } => {
                take(&mut sides.0);
                take(&mut sides.1);
            }
            Node::Column(_) | Node::Literal(_) | Node::Regex(_) => {}
        }
    }

    fn build(expr: &Expr, lookup: &mut Lookup<'_>) -> Result<Node, QueryError> {
        Ok(match expr {
            Expr::VarRef { name, cast } => match lookup(name, *cast) {
                Some(index) => Node::Column(index),
                None => Node::Literal(Value::Null),
            },
            Expr::Number(v) => Node::Literal(Value::Float(*v)),
            Expr::Integer(v) | Expr::Duration(v) => Node::Literal(Value::Integer(*v)),
            Expr::Unsigned(v) => Node::Literal(Value::Unsigned(*v)),
            Expr::String(v) => Node::Literal(Value::String(v.clone())),
            Expr::Boolean(v) => Node::Literal(Value::Boolean(*v)),
            Expr::Regex(pattern) => Node::Regex(pattern::compile(pattern)?),
            Expr::Paren(inner) => deeper(|| Node::build(inner, lookup))?,
            Expr::Binary { op, lhs, rhs } => Node::Binary {
                op: *op,
                sides: Box::new((
                    deeper(|| Node::build(lhs, lookup))?,
                    deeper(|| Node::build(rhs, lookup))?,
                )),
            },
            Expr::Call { name, args } => {
                let function = MathFunction::named(name)
                    .ok_or_else(|| QueryError::Invalid(format!("undefined function {name}()")))?;
                let args = args
                    .iter()
                    .map(|arg| deeper(|| Node::build(arg, lookup)))
                    .collect::<Result<_, _>>()?;
                Node::Math(function, args)
            }
            Expr::Distinct(_) | Expr::Wildcard(_) | Expr::BoundParameter(_) => {
                return Err(QueryError::Invalid("invalid expression".to_owned()));
            }
        })
    }

    fn evaluate(&self, columns: &[Column], len: usize, float_division: bool) -> Operand {
        match self {
            Node::Column(index) => match columns.get(*index) {
                Some(column) => Operand::Column(column.clone()),
                None => Operand::Scalar(Value::Null),
            },
            Node::Literal(value) => Operand::Scalar(value.clone()),
            // Only the right side of =~ and !~ can be a pattern; see below.
            Node::Regex(_) => Operand::Scalar(Value::Null),
            Node::Math(function, args) => {
                let args: Vec<Operand> = args
                    .iter()
                    .map(|arg| deeper(|| arg.evaluate(columns, len, float_division)))
                    .collect();
                function.evaluate(&args, len)
            }
            Node::Binary { op, sides } => {
                let (lhs, rhs) = &**sides;
                let left = deeper(|| lhs.evaluate(columns, len, float_division));
                if let Node::Regex(pattern) = rhs {
                    return binary::matches(*op, &left, pattern, len);
                }
                let right = deeper(|| rhs.evaluate(columns, len, float_division));
                binary(*op, &left, &right, len, float_division)
            }
        }
    }
}
