//! `FROM` lists and dotted names.

use super::{ParseError, Parser, Result, SUBQUERIES_MAX, non_empty, select};
use crate::ast::{Measurement, MeasurementName, Source};
use crate::lexer::Position;
use crate::quote::quote_segments;
use crate::token::{Keyword, Token};

/// Segments a dotted name may have: database, retention policy, measurement.
const SEGMENTS_MAX: usize = 3;

impl Parser<'_> {
    /// `FROM` and its list, if it comes next.
    pub(super) fn parse_optional_from(&mut self) -> Result<Vec<Source>> {
        if self.accept(Keyword::From) {
            self.parse_sources(false)
        } else {
            Ok(Vec::new())
        }
    }

    pub(super) fn parse_sources(&mut self, subqueries: bool) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        loop {
            sources.push(self.parse_source(subqueries)?);
            if !self.accept_token(Token::Comma) {
                return Ok(sources);
            }
        }
    }

    fn parse_source(&mut self, subqueries: bool) -> Result<Source> {
        if let Some(regex) = self.parse_regex()? {
            return Ok(Source::Measurement(regex_measurement(regex, &[])));
        }
        if subqueries && self.accept_token(Token::LeftParen) {
            self.require(Keyword::Select)?;
            let select = self.nested(SUBQUERIES_MAX, |parser| {
                parser.parse_select(select::Target::Optional)
            })?;
            self.require_token(Token::RightParen)?;
            return Ok(Source::Subquery(Box::new(select)));
        }
        self.parse_named_measurement().map(Source::Measurement)
    }

    /// A measurement: a dotted name, or a regular expression after the dots.
    pub(super) fn parse_measurement(&mut self) -> Result<Measurement> {
        match self.parse_regex()? {
            Some(regex) => Ok(regex_measurement(regex, &[])),
            None => self.parse_named_measurement(),
        }
    }

    fn parse_named_measurement(&mut self) -> Result<Measurement> {
        let segments = self.parse_segments()?;
        if segments.len() < SEGMENTS_MAX
            && let Some(regex) = self.parse_regex()?
        {
            return Ok(regex_measurement(regex, &segments));
        }
        Ok(named_measurement(&segments))
    }

    /// `name`, `rp.name`, `db.rp.name`, `db..name`. A regular expression or `:`
    /// after a dot ends the name and is left to the caller.
    pub(super) fn parse_segments(&mut self) -> Result<Vec<String>> {
        let mut segments = vec![self.parse_ident()?];
        loop {
            if self.next().token != Token::Dot {
                self.put_back();
                break;
            }
            match self.lexer.peek() {
                Some('/' | ':') => break,
                Some('.') => segments.push(String::new()),
                _ => segments.push(self.parse_ident()?),
            }
        }
        if segments.len() > SEGMENTS_MAX {
            let message = format!("too many segments in {}", quote_segments(&segments));
            return Err(ParseError::at(Position::default(), message));
        }
        Ok(segments)
    }
}

pub(super) fn is_whitespace(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

pub(super) fn named_measurement(segments: &[String]) -> Measurement {
    match segments.split_last() {
        Some((name, qualifiers)) => qualified(qualifiers, MeasurementName::Name(name.clone())),
        None => Measurement::default(),
    }
}

fn regex_measurement(regex: String, qualifiers: &[String]) -> Measurement {
    qualified(qualifiers, MeasurementName::Regex(regex))
}

/// The last qualifier is the retention policy, the one before the database.
pub(super) fn qualified(qualifiers: &[String], name: MeasurementName) -> Measurement {
    let mut from_last = qualifiers.iter().rev().cloned();
    Measurement {
        retention_policy: from_last.next().and_then(non_empty),
        database: from_last.next().and_then(non_empty),
        name,
    }
}
