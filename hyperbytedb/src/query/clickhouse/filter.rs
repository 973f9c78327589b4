//! Conditions as SQL.

use chdb::literal;
use influxql::ast::{BinaryOp, DataType, Expr};

use super::layout::{Layout, field_type};
use crate::query::error::QueryError;

/// Operators, parentheses and calls inside of one another that SQL may have: the engine's
/// parser takes no more than a thousand levels, of which each of these makes a few.
const LEVELS_MAX: usize = 100;
/// References and literals that SQL may have, each counted as often as it is written.
const LEAVES_MAX: usize = 20_000;

/// True for a condition that [`to_sql`] can say with little effort.
#[must_use]
pub fn is_sayable(expr: &Expr) -> bool {
    !expr.any(|part| matches!(part, Expr::Call { .. })) && is_short(expr)
}

/// True for a condition whose SQL the engine takes.
#[must_use]
pub fn is_short(expr: &Expr) -> bool {
    leaves(expr, LEVELS_MAX).is_some_and(|leaves| leaves <= LEAVES_MAX)
}

/// How many leaves the SQL of an expression has; `None` when it has too many levels.
fn leaves(expr: &Expr, levels: usize) -> Option<usize> {
    let part = |part: &Expr| leaves(part, levels.checked_sub(1)?);
    Some(match expr {
        Expr::Paren(inner) => part(inner)?,
        Expr::Binary { op, lhs, rhs } => {
            // A divisor is looked at before it divides.
            let times = match op {
                BinaryOp::Div | BinaryOp::Mod => 2,
                _ => 1,
            };
            part(lhs)?.saturating_add(part(rhs)?.saturating_mul(times))
        }
        Expr::Call { args, .. } => {
            // Functions name their argument three times at most.
            let args = args.iter().map(part).sum::<Option<usize>>()?;
            args.saturating_mul(3)
        }
        _ => 1,
    })
}

/// The SQL of a resolved condition over the short names of `layout`.
///
/// # Errors
/// When the condition holds something that InfluxQL has no meaning for there.
pub fn to_sql(expr: &Expr, layout: &Layout) -> Result<String, QueryError> {
    let mut out = String::new();
    push(expr, layout, &mut out)?;
    Ok(out)
}

fn push(expr: &Expr, layout: &Layout, out: &mut String) -> Result<(), QueryError> {
    match expr {
        Expr::VarRef { name, cast } => push_reference(name, *cast, layout, out)?,
        Expr::Number(value) if value.is_finite() => out.push_str(&format!("toFloat64({value:?})")),
        Expr::Integer(value) => out.push_str(&format!("toInt64({value})")),
        Expr::Unsigned(value) => out.push_str(&format!("toUInt64({value})")),
        Expr::String(text) => out.push_str(&literal(text)),
        Expr::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Expr::Paren(inner) => push(inner, layout, out)?,
        Expr::Binary { op, lhs, rhs } => push_binary(*op, lhs, rhs, layout, out)?,
        Expr::Call { name, args } => {
            let args: Vec<String> = args
                .iter()
                .map(|arg| to_sql(arg, layout))
                .collect::<Result<_, _>>()?;
            let call = call_sql(name, &args)
                .ok_or_else(|| QueryError::Invalid(format!("invalid condition: {expr}")))?;
            out.push_str(&call);
        }
        other => {
            return Err(QueryError::Invalid(format!("invalid condition: {other}")));
        }
    }
    Ok(())
}

/// A function of one row.
fn call_sql(name: &str, args: &[String]) -> Option<String> {
    Some(match (name, args) {
        (
            "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "exp" | "log2" | "log10" | "sqrt"
            | "floor" | "ceil",
            [x],
        ) => format!("{name}({x})"),
        ("abs", [x]) => format!("if(({x}) < 0, -({x}), {x})"),
        ("ln", [x]) => format!("log({x})"),
        // Half away from zero, as Go rounds.
        ("round", [x]) => format!("if(({x}) < 0, ceil(({x}) - 0.5), floor(({x}) + 0.5))"),
        ("atan2" | "pow", [x, y]) => format!("{name}({x}, {y})"),
        ("log", [x, base]) => format!("(log({x}) / log({base}))"),
        _ => return None,
    })
}

fn push_reference(
    name: &str,
    cast: Option<DataType>,
    layout: &Layout,
    out: &mut String,
) -> Result<(), QueryError> {
    let place = match cast {
        Some(DataType::Tag) => layout.tag(name).map(|at| format!("g{at}")),
        Some(cast) => layout
            .field(name, field_type(cast, name)?)
            .map(|at| format!("f{at}")),
        None => None,
    };
    let place = place.ok_or_else(|| QueryError::Engine(format!("{name} is not resolved")))?;
    out.push_str(&place);
    Ok(())
}

fn push_binary(
    op: BinaryOp,
    lhs: &Expr,
    rhs: &Expr,
    layout: &Layout,
    out: &mut String,
) -> Result<(), QueryError> {
    if matches!(op, BinaryOp::EqRegex | BinaryOp::NotEqRegex) {
        return push_match(op == BinaryOp::EqRegex, lhs, rhs, layout, out);
    }
    let left = to_sql(lhs, layout)?;
    let right = to_sql(rhs, layout)?;
    let text = match op {
        // As InfluxDB: a division by zero gives zero.
        BinaryOp::Div => format!("if(({right}) = 0, 0, ({left}) / ({right}))"),
        BinaryOp::Mod => format!("if(({right}) = 0, 0, ({left}) % ({right}))"),
        BinaryOp::BitAnd => format!("bitAnd({left}, {right})"),
        BinaryOp::BitOr => format!("bitOr({left}, {right})"),
        BinaryOp::BitXor => format!("bitXor({left}, {right})"),
        _ => format!("({left}) {} ({right})", symbol(op)),
    };
    out.push('(');
    out.push_str(&text);
    out.push(')');
    Ok(())
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::And => "AND",
        BinaryOp::Or => "OR",
        BinaryOp::NotEq => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::LtEq => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::GtEq => ">=",
        _ => "=",
    }
}

fn push_match(
    positive: bool,
    lhs: &Expr,
    rhs: &Expr,
    layout: &Layout,
    out: &mut String,
) -> Result<(), QueryError> {
    let Expr::Regex(pattern) = rhs else {
        return Err(QueryError::Invalid(format!(
            "{rhs} is not a regular expression"
        )));
    };
    let left = to_sql(lhs, layout)?;
    // ClickHouse lets a dot match a newline, Go and so InfluxDB do not.
    let pattern = literal(&format!("(?-s){pattern}"));
    let negation = if positive { "" } else { "NOT " };
    out.push_str(&format!("({negation}match({left}, {pattern}))"));
    Ok(())
}
