//! Questions asked of whole expressions.

use crate::ast::{Expr, SelectStatement};
use crate::depth::deeper;

impl Expr {
    /// Calls `visit` with the expression and all it contains, outer before inner
    /// and left before right.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Call { args, .. } => deeper(|| args.iter().for_each(|arg| arg.walk(visit))),
            Expr::Binary { lhs, rhs, .. } => deeper(|| {
                lhs.walk(visit);
                rhs.walk(visit);
            }),
            Expr::Paren(inner) => deeper(|| inner.walk(visit)),
            _ => {}
        }
    }

    /// Whether the expression or a part of it satisfies `test`.
    pub fn any(&self, test: impl Fn(&Expr) -> bool) -> bool {
        let mut found = false;
        self.walk(&mut |expr| found = found || test(expr));
        found
    }

    /// `time(…)`, as in `GROUP BY time(1h)`.
    pub fn is_time_call(&self) -> bool {
        matches!(self, Expr::Call { name, .. } if name == "time")
    }

    /// A reference to the column `time`, in any case.
    pub fn is_time(&self) -> bool {
        matches!(self, Expr::VarRef { name, .. } if name.eq_ignore_ascii_case("time"))
    }

    /// Whether there is a function call; `DISTINCT x` is none.
    pub fn has_call(&self) -> bool {
        self.any(|expr| matches!(expr, Expr::Call { .. }))
    }

    /// A value written down, rather than computed or read.
    pub fn is_literal(&self) -> bool {
        matches!(
            self,
            Expr::Number(_)
                | Expr::Integer(_)
                | Expr::Unsigned(_)
                | Expr::String(_)
                | Expr::Boolean(_)
                | Expr::Duration(_)
                | Expr::Regex(_)
                | Expr::BoundParameter(_)
        )
    }

    /// What InfluxDB's messages call the kind of an expression.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Expr::VarRef { .. } => "*influxql.VarRef",
            Expr::Call { .. } => "*influxql.Call",
            Expr::Distinct(_) => "*influxql.Distinct",
            Expr::Wildcard(_) => "*influxql.Wildcard",
            Expr::Number(_) => "*influxql.NumberLiteral",
            Expr::Integer(_) => "*influxql.IntegerLiteral",
            Expr::Unsigned(_) => "*influxql.UnsignedLiteral",
            Expr::String(_) => "*influxql.StringLiteral",
            Expr::Boolean(_) => "*influxql.BooleanLiteral",
            Expr::Duration(_) => "*influxql.DurationLiteral",
            Expr::Regex(_) => "*influxql.RegexLiteral",
            Expr::BoundParameter(_) => "*influxql.BoundParameter",
            Expr::Binary { .. } => "*influxql.BinaryExpr",
            Expr::Paren(_) => "*influxql.ParenExpr",
        }
    }
}

impl SelectStatement {
    /// Whether a field is computed by a function; otherwise the statement reads
    /// raw points.
    pub fn has_call(&self) -> bool {
        self.fields.iter().any(|field| field.expr.has_call())
    }
}
