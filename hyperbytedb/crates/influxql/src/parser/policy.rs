//! `CREATE DATABASE`, and `CREATE` and `ALTER RETENTION POLICY`.

use super::{ParseError, Parser, Result, non_empty};
use crate::ast::{
    AlterRetentionPolicy, CreateDatabase, CreateRetentionPolicy, PolicyOptions, Statement,
};
use crate::duration::parse_duration;
use crate::lexer::Lexeme;
use crate::token::{Keyword, Token};

const FUTURE: &str = "FUTURE";
const PAST: &str = "PAST";
const REPLICATION_MAX: u64 = i32::MAX as u64;

/// An option of `ALTER RETENTION POLICY`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PolicyOption {
    Duration,
    Replication,
    Shard,
    Default,
    Future,
    Past,
}

impl PolicyOption {
    fn of(lexeme: &Lexeme) -> Option<Self> {
        Some(match lexeme.token {
            Token::Word(Keyword::Duration) => PolicyOption::Duration,
            Token::Word(Keyword::Replication) => PolicyOption::Replication,
            Token::Word(Keyword::Shard) => PolicyOption::Shard,
            Token::Word(Keyword::Default) => PolicyOption::Default,
            Token::Ident if lexeme.text.eq_ignore_ascii_case(FUTURE) => PolicyOption::Future,
            Token::Ident if lexeme.text.eq_ignore_ascii_case(PAST) => PolicyOption::Past,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            PolicyOption::Duration => "DURATION",
            PolicyOption::Replication => "REPLICATION",
            PolicyOption::Shard => "SHARD",
            PolicyOption::Default => "DEFAULT",
            PolicyOption::Future => FUTURE,
            PolicyOption::Past => PAST,
        }
    }
}

impl Parser<'_> {
    pub(super) fn parse_create_database(&mut self) -> Result<Statement> {
        let name = self.parse_ident()?;
        let policy = if self.accept(Keyword::With) {
            Some(self.parse_first_policy()?)
        } else {
            None
        };
        Ok(Statement::CreateDatabase(CreateDatabase { name, policy }))
    }

    /// The options of `CREATE DATABASE … WITH`, in their fixed order.
    fn parse_first_policy(&mut self) -> Result<PolicyOptions> {
        let lexeme = self.next_significant();
        let starts = match PolicyOption::of(&lexeme) {
            Some(option) => option != PolicyOption::Default,
            None => lexeme.token == Token::Word(Keyword::Name),
        };
        if !starts {
            let expected = ["DURATION", "NAME", "REPLICATION", "SHARD", FUTURE, PAST];
            return Err(ParseError::unexpected(&lexeme, &expected));
        }
        self.put_back();
        let mut options = PolicyOptions::default();
        if self.accept(Keyword::Duration) {
            options.duration = Some(self.parse_duration()?);
        }
        if self.accept(Keyword::Replication) {
            options.replication = Some(self.parse_replication()?);
        }
        if self.accept(Keyword::Shard) {
            self.require(Keyword::Duration)?;
            options.shard_duration = Some(self.parse_duration()?);
        }
        self.parse_write_limits(&mut options)?;
        if self.accept(Keyword::Name) {
            options.name = non_empty(self.parse_ident()?);
        }
        Ok(options)
    }

    pub(super) fn parse_create_retention_policy(&mut self) -> Result<Statement> {
        let (name, database) = self.parse_name_on_database()?;
        let mut options = PolicyOptions::default();
        self.require(Keyword::Duration)?;
        options.duration = Some(self.parse_duration()?);
        self.require(Keyword::Replication)?;
        options.replication = Some(self.parse_replication()?);
        if self.accept(Keyword::Shard) {
            options.shard_duration = Some(self.parse_shard_duration()?);
        }
        let default = self.accept(Keyword::Default);
        self.parse_write_limits(&mut options)?;
        Ok(Statement::CreateRetentionPolicy(CreateRetentionPolicy {
            name,
            database,
            options,
            default,
        }))
    }

    pub(super) fn parse_alter_retention_policy(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        let name = match lexeme.token {
            Token::Word(Keyword::Default) => "default".to_string(),
            Token::Ident => lexeme.text,
            _ => return Err(ParseError::unexpected(&lexeme, &["identifier"])),
        };
        self.require(Keyword::On)?;
        let mut alter = AlterRetentionPolicy {
            name,
            database: self.parse_ident()?,
            ..AlterRetentionPolicy::default()
        };
        let mut seen = Vec::new();
        loop {
            let lexeme = self.next_significant();
            let Some(option) = PolicyOption::of(&lexeme) else {
                if seen.is_empty() {
                    let expected = ["DURATION", "REPLICATION", "SHARD", "DEFAULT", FUTURE, PAST];
                    return Err(ParseError::unexpected(&lexeme, &expected));
                }
                self.put_back();
                return Ok(Statement::AlterRetentionPolicy(alter));
            };
            if seen.contains(&option) {
                let message = format!("found duplicate {} option", option.name());
                return Err(ParseError::at(lexeme.position, message));
            }
            seen.push(option);
            self.parse_alter_option(option, &mut alter)?;
        }
    }

    fn parse_alter_option(
        &mut self,
        option: PolicyOption,
        alter: &mut AlterRetentionPolicy,
    ) -> Result<()> {
        let options = &mut alter.options;
        match option {
            PolicyOption::Duration => options.duration = Some(self.parse_duration()?),
            PolicyOption::Replication => options.replication = Some(self.parse_replication()?),
            PolicyOption::Shard => options.shard_duration = Some(self.parse_shard_duration()?),
            PolicyOption::Default => alter.default = true,
            PolicyOption::Future => options.future_limit = Some(self.parse_write_limit()?),
            PolicyOption::Past => options.past_limit = Some(self.parse_write_limit()?),
        }
        Ok(())
    }

    /// `[FUTURE LIMIT duration] [PAST LIMIT duration]`.
    fn parse_write_limits(&mut self, options: &mut PolicyOptions) -> Result<()> {
        if self.accept_unreserved(FUTURE) {
            options.future_limit = Some(self.parse_write_limit()?);
        }
        if self.accept_unreserved(PAST) {
            options.past_limit = Some(self.parse_write_limit()?);
        }
        Ok(())
    }

    fn parse_write_limit(&mut self) -> Result<i64> {
        self.require(Keyword::Limit)?;
        self.parse_duration()
    }

    /// `DURATION duration` where `INF` makes no sense.
    fn parse_shard_duration(&mut self) -> Result<i64> {
        self.require(Keyword::Duration)?;
        let lexeme = self.next_significant();
        if lexeme.token == Token::Word(Keyword::Inf) {
            let message = "invalid duration INF for shard duration";
            return Err(ParseError::at(lexeme.position, message));
        }
        self.put_back();
        self.parse_duration()
    }

    /// Nanoseconds; 0 for `INF`.
    fn parse_duration(&mut self) -> Result<i64> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::Inf) => Ok(0),
            Token::Duration => parse_duration(&lexeme.text)
                .map_err(|error| ParseError::at(lexeme.position, error.to_string())),
            _ => Err(ParseError::unexpected(&lexeme, &["duration"])),
        }
    }

    fn parse_replication(&mut self) -> Result<u64> {
        let lexeme = self.next_significant();
        if lexeme.token != Token::Integer {
            return Err(ParseError::unexpected(&lexeme, &["integer"]));
        }
        let message = match lexeme.text.parse::<i64>() {
            Err(_) => format!(
                "strconv.Atoi: parsing {:?}: value out of range",
                lexeme.text
            ),
            Ok(value) => match u64::try_from(value) {
                Ok(value @ 1..=REPLICATION_MAX) => return Ok(value),
                _ => format!("invalid value {value}: must be 1 <= n <= {REPLICATION_MAX}"),
            },
        };
        Err(ParseError::at(lexeme.position, message))
    }
}
