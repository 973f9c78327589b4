//! What can be wrong with a statement's text.

use crate::lexer::{Lexeme, Position};

/// A text that is no InfluxQL. `Display` is what InfluxDB prints after
/// `error parsing query: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("found {found}, expected {} at {position}", expected.join(", "))]
    Unexpected {
        found: String,
        expected: Vec<String>,
        position: Position,
    },
    #[error("{message} at {position}")]
    At { message: String, position: Position },
    #[error("{0}")]
    Unplaced(String),
    #[error(
        "invalid operator {operator} in SELECT clause at {position}; operator is intended for WHERE clause"
    )]
    ConditionInSelect {
        operator: &'static str,
        position: Position,
    },
}

impl ParseError {
    pub(super) fn unexpected(lexeme: &Lexeme, expected: &[&str]) -> Self {
        ParseError::Unexpected {
            found: lexeme.found().to_string(),
            expected: expected.iter().map(ToString::to_string).collect(),
            position: lexeme.position,
        }
    }

    pub(super) fn at(position: Position, message: impl Into<String>) -> Self {
        ParseError::At {
            message: message.into(),
            position,
        }
    }

    pub(super) fn unplaced(message: impl Into<String>) -> Self {
        ParseError::Unplaced(message.into())
    }
}
