//! Clauses that several statements share.

use super::{ParseError, Parser, Result, non_empty};
use crate::ast::{BinaryOp, Expr, SortField, TagKeyFilter};
use crate::token::{Keyword, Token};

impl Parser<'_> {
    /// `ON database`.
    pub(super) fn parse_optional_database(&mut self) -> Result<Option<String>> {
        if self.accept(Keyword::On) {
            self.parse_ident().map(non_empty)
        } else {
            Ok(None)
        }
    }

    /// `WHERE condition`.
    pub(super) fn parse_optional_condition(&mut self) -> Result<Option<Expr>> {
        if self.accept(Keyword::Where) {
            self.parse_expr().map(Some)
        } else {
            Ok(None)
        }
    }

    /// `GROUP BY dimension, …`.
    pub(super) fn parse_dimensions(&mut self) -> Result<Vec<Expr>> {
        let mut dimensions = Vec::new();
        if !self.accept(Keyword::Group) {
            return Ok(dimensions);
        }
        self.require(Keyword::By)?;
        loop {
            if let Some(regex) = self.parse_regex()? {
                dimensions.push(Expr::Regex(regex));
            } else {
                dimensions.push(self.parse_expr()?);
                self.skip_whitespace();
            }
            if self.next().token != Token::Comma {
                self.put_back();
                return Ok(dimensions);
            }
        }
    }

    /// `ORDER BY time [ASC|DESC]` or `ORDER BY ASC|DESC`.
    pub(super) fn parse_order_by(&mut self) -> Result<Vec<SortField>> {
        const UNSUPPORTED: &str = "only ORDER BY time supported at this time";
        if !self.accept(Keyword::Order) {
            return Ok(Vec::new());
        }
        self.require(Keyword::By)?;
        let lexeme = self.next_significant();
        let field = match lexeme.token {
            Token::Word(word @ (Keyword::Asc | Keyword::Desc)) => SortField {
                name: String::new(),
                ascending: word == Keyword::Asc,
            },
            Token::Ident => {
                self.put_back();
                let field = self.parse_sort_field()?;
                if field.name != "time" {
                    return Err(ParseError::unplaced(UNSUPPORTED));
                }
                field
            }
            _ => {
                let expected = ["identifier", "ASC", "DESC"];
                return Err(ParseError::unexpected(&lexeme, &expected));
            }
        };
        let mut further = false;
        while self.accept_token(Token::Comma) {
            self.parse_sort_field()?;
            further = true;
        }
        if further {
            return Err(ParseError::unplaced(UNSUPPORTED));
        }
        Ok(vec![field])
    }

    fn parse_sort_field(&mut self) -> Result<SortField> {
        let name = self.parse_ident()?;
        let ascending = self.accept(Keyword::Asc) || !self.accept(Keyword::Desc);
        Ok(SortField { name, ascending })
    }

    /// `LIMIT n` and its like; 0 if the word does not come next.
    pub(super) fn parse_optional_count(&mut self, word: Keyword) -> Result<u64> {
        if !self.accept(word) {
            return Ok(0);
        }
        let lexeme = self.next_significant();
        if lexeme.token != Token::Integer {
            return Err(ParseError::unexpected(&lexeme, &["integer"]));
        }
        if lexeme.text.starts_with('-') {
            let message = format!("{} must be >= 0", word.text());
            return Err(ParseError::at(lexeme.position, message));
        }
        // A number beyond 64 bits is as good as the largest, as in InfluxDB.
        let count = lexeme.text.parse::<u64>().unwrap_or(u64::MAX);
        Ok(count.min(i64::MAX.unsigned_abs()))
    }

    /// `LIMIT n OFFSET n`.
    pub(super) fn parse_limit_offset(&mut self) -> Result<(u64, u64)> {
        let limit = self.parse_optional_count(Keyword::Limit)?;
        Ok((limit, self.parse_optional_count(Keyword::Offset)?))
    }

    /// `WITH KEY …`.
    pub(super) fn parse_tag_key_filter(&mut self) -> Result<TagKeyFilter> {
        self.require(Keyword::With)?;
        self.require(Keyword::Key)?;
        let lexeme = self.next_significant();
        match lexeme.token {
            Token::Word(Keyword::In) => {
                self.require_token(Token::LeftParen)?;
                let keys = self.parse_idents()?;
                self.require_token(Token::RightParen)?;
                Ok(TagKeyFilter::In(keys))
            }
            Token::Operator(BinaryOp::Eq) => self.parse_ident().map(TagKeyFilter::Eq),
            Token::Operator(BinaryOp::NotEq) => self.parse_ident().map(TagKeyFilter::NotEq),
            Token::Operator(op) if op.takes_regex() => {
                let regex = self.require_regex()?;
                Ok(match op {
                    BinaryOp::EqRegex => TagKeyFilter::EqRegex(regex),
                    _ => TagKeyFilter::NotEqRegex(regex),
                })
            }
            _ => Err(ParseError::unexpected(&lexeme, &["IN", "=", "=~"])),
        }
    }

    fn parse_idents(&mut self) -> Result<Vec<String>> {
        let mut idents = vec![self.parse_ident()?];
        while self.accept_token(Token::Comma) {
            idents.push(self.parse_ident()?);
        }
        Ok(idents)
    }
}
