//! `CREATE SUBSCRIPTION` and `DROP SUBSCRIPTION`.

use super::{ParseError, Parser, Result};
use crate::ast::{CreateSubscription, Statement};
use crate::token::{Keyword, Token};

impl Parser<'_> {
    /// `name ON database.policy DESTINATIONS ALL|ANY 'url', …`.
    pub(super) fn parse_create_subscription(&mut self) -> Result<Statement> {
        let (name, database, retention_policy) = self.parse_subscription_name()?;
        self.require(Keyword::Destinations)?;
        let lexeme = self.next_significant();
        let mode = match lexeme.token {
            Token::Word(word @ (Keyword::All | Keyword::Any)) => word.text().to_string(),
            _ => return Err(ParseError::unexpected(&lexeme, &["ALL", "ANY"])),
        };
        let mut destinations = vec![self.parse_string()?];
        while self.accept_token(Token::Comma) {
            destinations.push(self.parse_string()?);
        }
        Ok(Statement::CreateSubscription(CreateSubscription {
            name,
            database,
            retention_policy,
            mode,
            destinations,
        }))
    }

    pub(super) fn parse_drop_subscription(&mut self) -> Result<Statement> {
        let (name, database, retention_policy) = self.parse_subscription_name()?;
        Ok(Statement::DropSubscription {
            name,
            database,
            retention_policy,
        })
    }

    fn parse_subscription_name(&mut self) -> Result<(String, String, String)> {
        let (name, database) = self.parse_name_on_database()?;
        let lexeme = self.next();
        if lexeme.token != Token::Dot {
            return Err(ParseError::unexpected(&lexeme, &["."]));
        }
        Ok((name, database, self.parse_ident()?))
    }
}
