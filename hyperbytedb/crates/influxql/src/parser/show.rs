//! The `SHOW` statements.

use super::{ParseError, Parser, Result, non_empty};
use crate::ast::{
    BinaryOp, Show, ShowCardinality, ShowMeasurements, ShowTagKeys, ShowTagValues,
    ShowTagValuesCardinality, Statement, TagKeyFilter,
};
use crate::token::{Keyword, Token};

const SHOWS: &[&str] = &[
    "CONTINUOUS",
    "DATABASES",
    "DIAGNOSTICS",
    "FIELD",
    "GRANTS",
    "MEASUREMENT",
    "MEASUREMENTS",
    "QUERIES",
    "RETENTION",
    "SERIES",
    "SHARD",
    "SHARDS",
    "STATS",
    "SUBSCRIPTIONS",
    "TAG",
    "USERS",
];

impl Parser<'_> {
    pub(super) fn parse_show(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        let Token::Word(word) = lexeme.token else {
            return Err(ParseError::unexpected(&lexeme, SHOWS));
        };
        Ok(match word {
            Keyword::Continuous => {
                self.require(Keyword::Queries)?;
                Statement::ShowContinuousQueries
            }
            Keyword::Databases => Statement::ShowDatabases,
            Keyword::Diagnostics => Statement::ShowDiagnostics {
                module: self.parse_module()?,
            },
            Keyword::Field => self.parse_show_field()?,
            Keyword::Grants => {
                self.require(Keyword::For)?;
                Statement::ShowGrants {
                    user: self.parse_ident()?,
                }
            }
            Keyword::Measurement => self.parse_show_measurement()?,
            Keyword::Measurements => Statement::ShowMeasurements(self.parse_show_measurements()?),
            Keyword::Queries => Statement::ShowQueries,
            Keyword::Retention => {
                self.require(Keyword::Policies)?;
                Statement::ShowRetentionPolicies {
                    database: self.parse_optional_database()?,
                }
            }
            Keyword::Series => self.parse_show_series()?,
            Keyword::Shard => {
                self.require(Keyword::Groups)?;
                Statement::ShowShardGroups
            }
            Keyword::Shards => Statement::ShowShards,
            Keyword::Stats => Statement::ShowStats {
                module: self.parse_module()?,
            },
            Keyword::Subscriptions => Statement::ShowSubscriptions,
            Keyword::Tag => self.parse_show_tag()?,
            Keyword::Users => Statement::ShowUsers,
            _ => return Err(ParseError::unexpected(&lexeme, SHOWS)),
        })
    }

    /// `FOR 'module'`.
    fn parse_module(&mut self) -> Result<Option<String>> {
        if self.accept(Keyword::For) {
            self.parse_string().map(non_empty)
        } else {
            Ok(None)
        }
    }

    fn parse_show_field(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::Key) => {
                let exact = self.parse_exact_cardinality()?;
                let show = self.parse_cardinality(exact)?;
                Ok(Statement::ShowFieldKeyCardinality(show))
            }
            Token::Word(Keyword::Keys) => Ok(Statement::ShowFieldKeys(Show {
                database: self.parse_optional_database()?,
                sources: self.parse_optional_from()?,
                condition: None,
                sort: self.parse_order_by()?,
                limit: self.parse_optional_count(Keyword::Limit)?,
                offset: self.parse_optional_count(Keyword::Offset)?,
            })),
            _ => Err(ParseError::unexpected(&lexeme, &["KEY", "KEYS"])),
        }
    }

    fn parse_show_tag(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::Key) => {
                let exact = self.parse_exact_cardinality()?;
                let show = self.parse_cardinality(exact)?;
                Ok(Statement::ShowTagKeyCardinality(show))
            }
            Token::Word(Keyword::Keys) => self.parse_show_tag_keys().map(Statement::ShowTagKeys),
            Token::Word(Keyword::Values) => self.parse_show_tag_values(),
            _ => Err(ParseError::unexpected(&lexeme, &["KEY", "KEYS", "VALUES"])),
        }
    }

    /// `[EXACT] CARDINALITY`; whether it said `EXACT`.
    fn parse_exact_cardinality(&mut self) -> Result<bool> {
        let exact = self.accept(Keyword::Exact);
        if exact {
            self.require(Keyword::Cardinality)?;
        } else if !self.accept(Keyword::Cardinality) {
            let lexeme = self.next_significant();
            return Err(ParseError::unexpected(&lexeme, &["EXACT", "CARDINALITY"]));
        }
        Ok(exact)
    }

    fn parse_show_measurement(&mut self) -> Result<Statement> {
        let lexeme = self.next_significant();
        let exact = match lexeme.token {
            Token::Word(Keyword::Exact) => {
                self.require(Keyword::Cardinality)?;
                true
            }
            Token::Word(Keyword::Cardinality) => false,
            _ => return Err(ParseError::unexpected(&lexeme, &["EXACT", "CARDINALITY"])),
        };
        let show = self.parse_cardinality(exact)?;
        Ok(Statement::ShowMeasurementCardinality(show))
    }

    fn parse_show_series(&mut self) -> Result<Statement> {
        let exact = self.accept(Keyword::Exact);
        if self.accept(Keyword::Cardinality) {
            let show = self.parse_cardinality(exact)?;
            return Ok(Statement::ShowSeriesCardinality(show));
        }
        let database = self.parse_optional_database()?;
        let sources = self.parse_optional_from()?;
        let show = self.parse_show_rest(database, sources)?;
        Ok(Statement::ShowSeries(show))
    }

    fn parse_cardinality(&mut self, exact: bool) -> Result<ShowCardinality> {
        let database = self.parse_optional_database()?;
        let sources = self.parse_optional_from()?;
        self.parse_cardinality_rest(ShowCardinality {
            exact,
            database,
            sources,
            ..ShowCardinality::default()
        })
    }

    /// The clauses from `WHERE` on.
    fn parse_cardinality_rest(&mut self, start: ShowCardinality) -> Result<ShowCardinality> {
        let condition = self.parse_optional_condition()?;
        let dimensions = self.parse_dimensions()?;
        let (limit, offset) = self.parse_limit_offset()?;
        Ok(ShowCardinality {
            condition,
            dimensions,
            limit,
            offset,
            ..start
        })
    }

    /// The clauses from `WHERE` on.
    fn parse_show_rest(
        &mut self,
        database: Option<String>,
        sources: Vec<crate::ast::Source>,
    ) -> Result<Show> {
        let condition = self.parse_optional_condition()?;
        let sort = self.parse_order_by()?;
        let (limit, offset) = self.parse_limit_offset()?;
        Ok(Show {
            database,
            sources,
            condition,
            sort,
            limit,
            offset,
        })
    }

    fn parse_show_tag_keys(&mut self) -> Result<ShowTagKeys> {
        let database = self.parse_optional_database()?;
        let sources = self.parse_optional_from()?;
        let key = self.parse_optional_tag_key_filter()?;
        Ok(ShowTagKeys {
            show: self.parse_show_rest(database, sources)?,
            key,
            slimit: self.parse_optional_count(Keyword::Slimit)?,
            soffset: self.parse_optional_count(Keyword::Soffset)?,
        })
    }

    fn parse_optional_tag_key_filter(&mut self) -> Result<Option<TagKeyFilter>> {
        if self.accept(Keyword::With) {
            self.put_back();
            self.parse_tag_key_filter().map(Some)
        } else {
            Ok(None)
        }
    }

    fn parse_show_tag_values(&mut self) -> Result<Statement> {
        let exact = self.accept(Keyword::Exact);
        if exact {
            self.require(Keyword::Cardinality)?;
        }
        let cardinality = exact || self.accept(Keyword::Cardinality);
        let database = self.parse_optional_database()?;
        let sources = self.parse_optional_from()?;
        let key = self.parse_tag_key_filter()?;
        if !cardinality {
            let show = self.parse_show_rest(database, sources)?;
            return Ok(Statement::ShowTagValues(ShowTagValues { show, key }));
        }
        let show = self.parse_cardinality_rest(ShowCardinality {
            exact,
            database,
            sources,
            ..ShowCardinality::default()
        })?;
        let show = ShowTagValuesCardinality { show, key };
        Ok(Statement::ShowTagValuesCardinality(show))
    }

    fn parse_show_measurements(&mut self) -> Result<ShowMeasurements> {
        let mut show = ShowMeasurements::default();
        if self.accept(Keyword::On) {
            (show.database, show.wildcard_database) = self.parse_ident_or_wildcard()?;
            if self.accept_token(Token::Dot) {
                (show.retention_policy, show.wildcard_policy) = self.parse_ident_or_wildcard()?;
            }
        }
        if self.accept(Keyword::With) {
            self.require(Keyword::Measurement)?;
            let lexeme = self.next_significant();
            match lexeme.token {
                Token::Operator(BinaryOp::Eq | BinaryOp::EqRegex) => {
                    show.source = Some(self.parse_measurement()?);
                }
                _ => return Err(ParseError::unexpected(&lexeme, &["=", "=~"])),
            }
        }
        show.condition = self.parse_optional_condition()?;
        show.sort = self.parse_order_by()?;
        (show.limit, show.offset) = self.parse_limit_offset()?;
        Ok(show)
    }

    fn parse_ident_or_wildcard(&mut self) -> Result<(Option<String>, bool)> {
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Ident => Ok((non_empty(lexeme.text), false)),
            Token::Operator(BinaryOp::Mul) => Ok((None, true)),
            _ => Err(ParseError::unexpected(&lexeme, &["identifier or *"])),
        }
    }
}
