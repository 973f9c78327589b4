//! `DELETE` and `DROP SERIES`.

use super::{ParseError, Parser, Result};
use crate::ast::{DeleteSeries, Source, Statement};
use crate::lexer::Position;
use crate::token::{Keyword, Token};

impl Parser<'_> {
    pub(super) fn parse_delete(&mut self) -> Result<Statement> {
        self.parse_delete_series().map(Statement::Delete)
    }

    pub(super) fn parse_drop_series(&mut self) -> Result<Statement> {
        self.parse_delete_series().map(Statement::DropSeries)
    }

    /// `[FROM …] [WHERE …]`, one of them at least.
    fn parse_delete_series(&mut self) -> Result<DeleteSeries> {
        let lexeme = self.next_significant();
        let sources = if lexeme.token == Token::Word(Keyword::From) {
            self.parse_sources(false)?
        } else {
            self.put_back();
            Vec::new()
        };
        check_unqualified(&sources)?;
        let condition = self.parse_optional_condition()?;
        if sources.is_empty() && condition.is_none() {
            return Err(ParseError::unexpected(&lexeme, &["FROM", "WHERE"]));
        }
        Ok(DeleteSeries { sources, condition })
    }
}

/// Both statements work on the request's database and all its policies.
fn check_unqualified(sources: &[Source]) -> Result<()> {
    let mut message = None;
    for source in sources {
        let Source::Measurement(measurement) = source else {
            continue;
        };
        if measurement.database.is_some() {
            message = Some("database not supported");
        }
        if measurement.retention_policy.is_some() {
            message = Some("retention policy not supported");
        }
    }
    match message {
        Some(message) => Err(ParseError::at(Position::default(), message)),
        None => Ok(()),
    }
}
