//! How deep an expression tree may be, and how chains of `AND` and `OR` are kept flat.
//!
//! A chain such as `host = 'a' OR host = 'b' OR …` may have any number of
//! terms: it becomes a balanced tree, whose depth grows with the logarithm of
//! its length, so that walking, cloning, printing and dropping it takes little
//! stack. (Both operators are associative; the printed text is the same.) All
//! other operators fold to the left and count against [`DEPTH_MAX`].

use crate::ast::{BinaryOp, Expr};

/// Depth of an expression tree the parser accepts: operators, parentheses and calls inside of
/// one another. A level takes two bytes of text at least, and some hundred bytes of stack for
/// as long as it is walked.
pub const DEPTH_MAX: usize = 50_000;

/// An expression and the depth of its tree.
pub(crate) struct Sized {
    pub(crate) expr: Expr,
    pub(crate) depth: usize,
}

impl Sized {
    pub(crate) fn leaf(expr: Expr) -> Self {
        Sized { expr, depth: 1 }
    }

    pub(crate) fn joined(self, op: BinaryOp, right: Sized) -> Self {
        Sized {
            depth: self.depth.max(right.depth) + 1,
            expr: Expr::Binary {
                op,
                lhs: Box::new(self.expr),
                rhs: Box::new(right.expr),
            },
        }
    }

    pub(crate) fn within(self, wrap: impl FnOnce(Expr) -> Expr) -> Self {
        Sized {
            depth: self.depth + 1,
            expr: wrap(self.expr),
        }
    }
}

/// The terms joined pairwise until one is left. `terms` must not be empty; an
/// empty list gives `true`.
pub(crate) fn balance(op: BinaryOp, terms: Vec<Sized>) -> Sized {
    let mut level = terms;
    while level.len() > 1 {
        let mut joined = Vec::with_capacity(level.len().div_ceil(2));
        let mut rest = level.into_iter();
        while let Some(left) = rest.next() {
            joined.push(match rest.next() {
                Some(right) => left.joined(op, right),
                None => left,
            });
        }
        level = joined;
    }
    level
        .pop()
        .unwrap_or_else(|| Sized::leaf(Expr::Boolean(true)))
}

impl Expr {
    /// The terms joined by `AND` or `OR`, as the parser builds such a chain:
    /// balanced. `None` if there are no terms.
    pub fn chain(op: BinaryOp, terms: Vec<Expr>) -> Option<Expr> {
        if terms.is_empty() {
            return None;
        }
        let terms = terms.into_iter().map(Sized::leaf).collect();
        Some(balance(op, terms).expr)
    }
}
