//! `CREATE CONTINUOUS QUERY`.

use super::{ParseError, Parser, Result, select};
use crate::ast::{CreateContinuousQuery, Statement};
use crate::duration::{format_duration, parse_duration};
use crate::token::{Keyword, Token};

impl Parser<'_> {
    /// `name ON database [RESAMPLE …] BEGIN SELECT … INTO … END`.
    pub(super) fn parse_create_continuous_query(&mut self) -> Result<Statement> {
        let (name, database) = self.parse_name_on_database()?;
        let (resample_every, resample_for) = if self.accept(Keyword::Resample) {
            self.parse_resample()?
        } else {
            (None, None)
        };
        self.require(Keyword::Begin)?;
        self.require(Keyword::Select)?;
        let select = self.parse_select(select::Target::Required)?;
        let interval = select.group_by_duration();
        if select.has_call() && !matches!(interval, Ok(1..)) {
            // The complaint is about the last token of the SELECT.
            self.put_back();
            self.put_back();
            let lexeme = self.next_significant();
            let reason = interval.err().map(|error| error.to_string());
            let mut expected = vec!["GROUP BY time(...)"];
            expected.extend(reason.as_deref());
            return Err(ParseError::unexpected(&lexeme, &expected));
        }
        self.require(Keyword::End)?;
        let create = CreateContinuousQuery {
            name,
            database,
            resample_every,
            resample_for,
            select: Box::new(select),
        };
        check_resample(&create)?;
        Ok(Statement::CreateContinuousQuery(create))
    }

    /// `[EVERY duration] [FOR duration]`, one of them at least.
    fn parse_resample(&mut self) -> Result<(Option<i64>, Option<i64>)> {
        let every = self.parse_resample_term(Keyword::Every)?;
        let span = self.parse_resample_term(Keyword::For)?;
        if every.is_none() && span.is_none() {
            let lexeme = self.next_significant();
            return Err(ParseError::unexpected(&lexeme, &["EVERY", "FOR"]));
        }
        Ok((every, span))
    }

    fn parse_resample_term(&mut self, word: Keyword) -> Result<Option<i64>> {
        if !self.accept(word) {
            return Ok(None);
        }
        let lexeme = self.next_significant();
        if lexeme.token != Token::Duration {
            return Err(ParseError::unexpected(&lexeme, &["duration"]));
        }
        let nanoseconds = parse_duration(&lexeme.text)
            .map_err(|error| ParseError::at(lexeme.position, error.to_string()))?;
        // InfluxDB takes 0 for absent.
        Ok(Some(nanoseconds).filter(|value| *value != 0))
    }
}

/// The span resampled must cover an interval, and what runs between two runs.
fn check_resample(create: &CreateContinuousQuery) -> Result<()> {
    let interval = create
        .select
        .group_by_duration()
        .map_err(|error| ParseError::unplaced(error.to_string()))?;
    let minimum = create
        .resample_every
        .map_or(interval, |every| every.max(interval));
    match create.resample_for {
        Some(span) if minimum > span => Err(ParseError::unplaced(format!(
            "FOR duration must be >= GROUP BY time duration: must be a minimum of {}, got {}",
            format_duration(minimum),
            format_duration(span)
        ))),
        _ => Ok(()),
    }
}
