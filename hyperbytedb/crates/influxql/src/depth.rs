//! Expressions may nest as deep as their text is long: what walks them takes more stack
//! when it runs out of it, and dropping them takes none.

use crate::ast::Expr;

/// Bytes of stack that must be left; what runs between two looks takes less.
const LEFT_MIN: usize = 128 << 10;
/// Bytes of a further piece of stack.
const PIECE: usize = 2 << 20;

/// Runs a step of a recursion over an expression, on a further piece of stack when little is
/// left of this one. Every function that calls itself for the parts of an expression does
/// so through this.
pub fn deeper<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(LEFT_MIN, PIECE, step)
}

impl Expr {
    /// The expression, with something that is nothing left in its place.
    #[must_use]
    pub fn take(&mut self) -> Expr {
        std::mem::replace(self, Expr::Boolean(false))
    }

    /// Moves the parts out that have parts of their own.
    fn take_nested(&mut self, into: &mut Vec<Expr>) {
        let mut take = |part: &mut Expr| {
            if part.has_parts() {
                into.push(part.take());
            }
        };
        match self {
            Expr::Binary { lhs, rhs, .. } => {
                take(lhs);
                take(rhs);
            }
            Expr::Paren(inner) => take(inner),
            Expr::Call { args, .. } => args.iter_mut().for_each(take),
            _ => {}
        }
    }

    fn has_parts(&self) -> bool {
        matches!(
            self,
            Expr::Binary { .. } | Expr::Paren(_) | Expr::Call { .. }
        )
    }
}

impl Drop for Expr {
    fn drop(&mut self) {
        let mut nested = Vec::new();
        self.take_nested(&mut nested);
        while let Some(mut expr) = nested.pop() {
            expr.take_nested(&mut nested);
        }
    }
}

impl Clone for Expr {
    fn clone(&self) -> Expr {
        let part = |part: &Expr| Box::new(deeper(|| part.clone()));
        match self {
            Expr::VarRef { name, cast } => Expr::VarRef {
                name: name.clone(),
                cast: *cast,
            },
            Expr::Call { name, args } => Expr::Call {
                name: name.clone(),
                args: deeper(|| args.clone()),
            },
            Expr::Distinct(name) => Expr::Distinct(name.clone()),
            Expr::Wildcard(kind) => Expr::Wildcard(*kind),
            Expr::Number(value) => Expr::Number(*value),
            Expr::Integer(value) => Expr::Integer(*value),
            Expr::Unsigned(value) => Expr::Unsigned(*value),
            Expr::String(value) => Expr::String(value.clone()),
            Expr::Boolean(value) => Expr::Boolean(*value),
            Expr::Duration(value) => Expr::Duration(*value),
            Expr::Regex(regex) => Expr::Regex(regex.clone()),
            Expr::BoundParameter(name) => Expr::BoundParameter(name.clone()),
            Expr::Binary { op, lhs, rhs } => Expr::Binary {
                op: *op,
                lhs: part(lhs),
                rhs: part(rhs),
            },
            Expr::Paren(inner) => Expr::Paren(part(inner)),
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        match (self, other) {
            (Expr::VarRef { name, cast }, Expr::VarRef { name: n, cast: c }) => {
                name == n && cast == c
            }
            (Expr::Call { name, args }, Expr::Call { name: n, args: a }) => {
                name == n && deeper(|| args == a)
            }
            (Expr::Wildcard(a), Expr::Wildcard(b)) => a == b,
            (Expr::Number(a), Expr::Number(b)) => a == b,
            (Expr::Integer(a), Expr::Integer(b)) | (Expr::Duration(a), Expr::Duration(b)) => a == b,
            (Expr::Unsigned(a), Expr::Unsigned(b)) => a == b,
            (Expr::Boolean(a), Expr::Boolean(b)) => a == b,
            (Expr::Distinct(a), Expr::Distinct(b))
            | (Expr::String(a), Expr::String(b))
            | (Expr::Regex(a), Expr::Regex(b))
            | (Expr::BoundParameter(a), Expr::BoundParameter(b)) => a == b,
            (
                Expr::Binary { op, lhs, rhs },
                Expr::Binary {
                    op: o,
                    lhs: l,
                    rhs: r,
                },
            ) => op == o && deeper(|| lhs == l && rhs == r),
            (Expr::Paren(a), Expr::Paren(b)) => deeper(|| a == b),
            _ => false,
        }
    }
}
